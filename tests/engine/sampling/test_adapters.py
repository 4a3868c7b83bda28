"""LoRAs and textual inversions through the engine: as if merged into the weights, without a trace, and recorded."""

from __future__ import annotations

import functools
import os
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import save_file

from studio.backbones.precision import EXACT
from studio.checkpoints import catalog, family_models
from studio.checkpoints.library import scan as scan_module
from studio.engine import engine as engine_module
from studio.engine.engine import Engine
from studio.engine.events import JobStarted, PictureDone, StepDone
from studio.engine.requests.compare import CompareRequest
from studio.engine.requests.fork import fork_request
from studio.engine.requests.generate import GenerateRequest
from studio.engine.requests.previews import Previews
from studio.errors import CheckpointError, RequestError
from studio.families.adapters import loaded
from studio.families.family import Defaults
from studio.families.recognition import traits
from studio.families.recognition.kinds import Component, Fact, Family, Kind, Source
from studio.families.recognition.recognise import Recognised
from studio.folders import Folders
from studio.gallery.metadata import PictureMetadata
from studio.runs.replay import model_of, state_at, verify
from studio.runs.store import RunStore
from studio.runs.writer import RunRecorded, record
from tests.families import tiny

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from studio.checkpoints.library.scan import ModelFile, Scan

    First = Callable[[GenerateRequest], tuple[str, torch.Tensor]]

RANK, ALPHA = 4, 2.0
LAYERS = (
    "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k",
    "mid_block.attentions.0.transformer_blocks.0.ff.net.2",
    "up_blocks.1.attentions.0.proj_in",
)
TEXT_LAYER = "text_model.encoder.layers.1.self_attn.q_proj"
ARRAYS = Previews(every=0, arrays=True)
SD1 = Recognised(
    kind=Kind.CHECKPOINT,
    family=Fact(Family.SD1, Source.TENSORS),
    contains=(Component.NETWORK, Component.CLIP_L, Component.VAE_4),
    prediction=Fact("eps", Source.FAMILY),
    storage=traits.Storage("F32"),
    parameters=1000,
)
EMBEDDING = replace(SD1, kind=Kind.TEXTUAL_INVERSION, contains=(), prediction=None, tokens=2)


def recognised(file: ModelFile) -> ModelFile:
    """Return a file as it would be recognised if its layers had the widths of the published models."""
    kinds = {"models": SD1, "embeddings": EMBEDDING}
    return replace(file, recognised=kinds.get(file.path.parent.name, file.recognised), fault=None)


def lora_tensors(seed: int) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Return a LoRA in kohya's names, and up @ down by the key of each weight in the model's file."""
    model, generator = tiny.networks("sd1"), torch.Generator().manual_seed(seed)
    places = [("unet", layer, f"lora_unet_{layer}") for layer in LAYERS]
    places.append(("text_encoder", TEXT_LAYER.removeprefix("text_model."), f"lora_te_{TEXT_LAYER}"))
    tensors: dict[str, torch.Tensor] = {}
    added: dict[str, torch.Tensor] = {}
    for part, layer, name in places:
        sources = model.report.matches[part].sources
        key = next(sources[full].key for full in sources if full.endswith(f"{layer}.weight"))
        outputs, inputs, *ones = tiny.reader("sd1").tensors[key].shape
        down = 0.3 * torch.randn((RANK, inputs, *ones), generator=generator)
        up = 0.3 * torch.randn((outputs, RANK, *ones), generator=generator)
        kohya = name.replace(".", "_")
        tensors[f"{kohya}.lora_down.weight"], tensors[f"{kohya}.lora_up.weight"] = down, up
        tensors[f"{kohya}.alpha"] = torch.tensor(ALPHA)
        added[key] = (up.flatten(1) @ down.flatten(1)).reshape(outputs, inputs, *ones)
    return tensors, added


def save_merged(path: Path, added: dict[str, torch.Tensor], factor: float) -> None:
    tensors = dict(tiny.reader("sd1").tensors)
    for key, change in added.items():
        tensors[key] = tensors[key] + factor * change
    save_file(tensors, path)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folders]:
    """Folders with a small model, two LoRAs, a textual inversion, and the model with the first LoRA merged."""
    home = Folders.under(tmp_path_factory.mktemp("home"))
    for folder in (home.models, home.models / "Lora", home.models / "embeddings"):
        folder.mkdir(parents=True, exist_ok=True)
    tensors, added = lora_tensors(1)
    save_file(tiny.reader("sd1").tensors, home.models / "base.safetensors")
    save_file(tensors, home.models / "Lora" / "ink.safetensors")
    save_file(lora_tensors(2)[0], home.models / "Lora" / "oil.safetensors")
    save_merged(home.models / "merged.safetensors", added, 0.7 * ALPHA / RANK)
    save_merged(home.models / "without-alpha.safetensors", added, 0.7)
    vectors = torch.randn(2, 32, generator=torch.Generator().manual_seed(3))
    save_file({"emb_params": vectors}, home.models / "embeddings" / "bad.safetensors")
    small = replace(
        tiny.TINY_SD1,
        sizes=((32, 32),),
        defaults=Defaults(steps=2, guidance=3.0, sampler="ddim", spacing="trailing"),
    )

    def scan(*arguments: object, **named: object) -> Scan:
        found = scan_module.scan(*arguments, **named)  # type: ignore[arg-type]
        return replace(found, files=tuple(map(recognised, found.files)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(family_models, "FAMILIES", MappingProxyType({"sd1": small}))
        patch.setattr(family_models, "MIN_SIDE_PX", 32)
        patch.setattr(catalog, "scan", scan)
        patch.setattr(engine_module, "choose_precision", lambda *_, **__: EXACT)
        yield home


@pytest.fixture(scope="module")
def engine(folders: Folders) -> Engine:
    return Engine(folders, "cpu")


def asking(prompt: str, model: str = "base", **changes: object) -> GenerateRequest:
    return GenerateRequest(prompt=prompt, model=model, seed=5, **changes)


def final(engine: Engine, request: GenerateRequest) -> tuple[str, torch.Tensor]:
    """Return the hash of the last state, and that state."""
    events = list(engine.run(request, previews=ARRAYS))
    (done,) = (event for event in events if isinstance(event, PictureDone))
    last = [event for event in events if isinstance(event, StepDone)][-1]
    return done.final_sha256, torch.from_numpy(last.state.copy())


@pytest.fixture(scope="module")
def first(engine: Engine) -> First:
    """`final` of a request, run by no test before; the answers are kept for all tests."""
    return functools.cache(functools.partial(final, engine))


def test_a_lora_gives_the_picture_of_the_merged_weights_and_its_alpha_counts(first: First) -> None:
    plain, found = (first(asking(prompt))[1] for prompt in ("a fox", "a fox <lora:ink:0.7>"))
    merged, wrong = (first(asking("a fox", model))[1] for model in ("merged", "without-alpha"))
    torch.testing.assert_close(found, merged, rtol=1e-3, atol=1e-3)
    assert (found - plain).abs().max() > 0.1
    assert (found - wrong).abs().max() > 0.1


def test_no_trace_is_left_and_another_weight_reads_nothing(
    engine: Engine, first: First, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = ["a fox", "a fox <lora:ink:0.7>", "a fox <lora:oil:0.4> <lora:ink:0.1>"]
    hashes = {prompt: first(asking(prompt))[0] for prompt in prompts}
    assert len(set(hashes.values())) == len(prompts)
    monkeypatch.setattr(loaded, "read_lora", pytest.fail)
    for prompt in (prompts[1], prompts[0], prompts[2], prompts[1]):
        assert final(engine, asking(prompt))[0] == hashes[prompt]
    assert first(asking("a fox <lora:ink:0.71>"))[0] not in hashes.values()
    assert first(asking("a fox <lora:ink:0>"))[0] == hashes["a fox"]


@pytest.mark.parametrize("batched", [False, True])
def test_panes_with_other_weights_are_each_as_alone(engine: Engine, first: First, batched: bool) -> None:
    prompts = ["a fox", "a fox <lora:ink:0.71>", "a fox <lora:ink:0.7>", "a fox <lora:ink:0.7>"]
    alone = [first(asking(prompt)) for prompt in prompts]
    request = CompareRequest(requests=tuple(map(asking, prompts)), batched=batched)
    events = list(engine.run(request, previews=ARRAYS))
    done = {event.image: event.final_sha256 for event in events if isinstance(event, PictureDone)}
    states = {event.image: event.state for event in events if isinstance(event, StepDone)}
    if not batched:
        assert [done[pane] for pane in range(4)] == [sha256 for sha256, _ in alone]
    for pane, (_, state) in enumerate(alone):
        torch.testing.assert_close(torch.from_numpy(states[pane].copy()), state, rtol=1e-3, atol=0.02)


def test_text_and_network_have_weights_of_their_own(first: First) -> None:
    hashes = {
        first(asking(f"a fox <lora:ink:{weights}>"))[0]
        for weights in ("unet=0.7:te=0", "unet=0:te=0.7", "0.7", "0")
    }
    assert len(hashes) == 4


def test_a_textual_inversion_acts_in_the_negative_prompt_by_either_name(first: First) -> None:
    full, bare = (first(asking("a fox", negative=negative))[0] for negative in ("embedding:bad", "bad"))
    assert full == bare != first(asking("a fox"))[0]


def test_kinds_of_emphasis_differ_and_clip_skip_does_too(first: First) -> None:
    changes = [{"emphasis": "a1111"}, {"emphasis": "comfyui"}, {"emphasis": "none"}, {"clip_skip": 2}]
    hashes = [first(asking("a (fox:1.4)", **one))[0] for one in changes]
    assert len(set(hashes)) == 4
    assert first(asking("a (fox:1.4)"))[0] == hashes[0]


def test_what_is_missing_is_refused_before_the_run(engine: Engine) -> None:
    with pytest.raises(RequestError, match=r"prompt of pane 2 asks for the LoRA 'imk'.*did you mean 'ink'"):
        next(engine.run(CompareRequest(requests=(asking("a"), asking("<lora:imk:1>")))))


def test_a_recorded_run_is_verified_forked_with_another_weight_and_a_changed_file_is_said(
    engine: Engine, folders: Folders, tmp_path: Path
) -> None:
    store, path = RunStore(tmp_path / "runs"), folders.models / "Lora" / "new.safetensors"
    save_file(lora_tensors(4)[0], path)
    request = asking("a fox <lora:new:0.5>", negative="bad", clip_skip=2, emphasis="comfyui")

    def made(asked: object) -> tuple[PictureDone, str]:
        events = list(record(engine.run(asked, previews=ARRAYS), store))
        (done,) = (event for event in events if isinstance(event, PictureDone))
        (run,) = (event.run_id for event in events if isinstance(event, RunRecorded))
        return done, run or ""

    done, run_id = made(request)
    metadata = PictureMetadata.from_json(PictureMetadata.of(done).to_json())
    run = store.open(run_id)
    assert [(one.kind, one.name) for one in metadata.adapters] == [("lora", "new"), ("embedding", "bad")]
    assert run.header.adapters == metadata.adapters == done.adapters
    parts = {"unet": "float32", "vae": "float32", "text_encoder": "float32"}
    assert dict(run.header.precisions) == dict(metadata.precisions) == parts
    assert (metadata.request["emphasis"], metadata.request["clip_skip"]) == ("comfyui", 2)
    verdict = verify(done.pixels, metadata, engine, store, folders)
    assert verdict is not None
    assert (verdict.identical, verdict.differs) == (True, {})

    start = state_at(run, 1, engine)
    assert start is not None
    card = model_of(run, folders)
    whole = run.header.generate_request
    other = replace(whole, prompt="a fox <lora:new:1.5>", steps=None)
    same, changed = (
        made(fork_request(one, start, card, sampler=whole.sampler, parent=run_id))[0]
        for one in (replace(whole, steps=None), other)
    )
    assert same.final_sha256 == done.final_sha256 != changed.final_sha256

    shown = run.header.generate_request, run.header.model_sha256, start.x, start.times[0]
    assert engine.explain(*shown, adapters=run.header.adapters).model_calls == 2
    with pytest.raises(CheckpointError, match="another embedding bad"):
        engine.explain(*shown, adapters=run.header.adapters[:1])

    save_file(lora_tensors(5)[0], path)
    os.utime(path, ns=(1, 1))
    verdict = verify(done.pixels, metadata, engine, store, folders)
    assert verdict is not None
    assert list(verdict.differs) == ["LoRA new"]
    assert "LoRA new" in verdict.sentence
    path.unlink()
    with pytest.raises(RequestError, match="LoRA 'new', which is not in the model folders"):
        verify(done.pixels, metadata, engine, store, folders)


def test_a_lora_of_other_widths_is_refused_when_it_is_loaded(engine: Engine, folders: Folders) -> None:
    layer = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"
    tensors = {f"{layer}.lora_down.weight": torch.zeros(4, 48), f"{layer}.lora_up.weight": torch.zeros(48, 4)}
    path = folders.models / "Lora" / "wide.safetensors"
    save_file(tensors, path)
    events = engine.run(asking("<lora:wide:1>"))
    with pytest.raises(CheckpointError, match=r"wide\.safetensors is a LoRA for another model"):
        assert not any(isinstance(event, JobStarted) for event in events)
    path.unlink()
