"""A model loaded from files on disk, as the engine uses it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import save_file

from studio.backbones.precision import EXACT, REDUCED
from studio.diffusion.spacings import visit
from studio.families.family import ScheduleFacts
from studio.families.interface import TextOptions
from studio.families.model import FamilyModel, load_model, schedule_of
from studio.families.networks import on_meta
from studio.prompts.clip_tokenizer import clip_tokenizer
from studio.weights.files import LoadCancelled
from studio.weights.shards import weights_in
from tests.families.tiny import TINY, folder_tensors, networks, reader
from tests.weights.test_shards import shard

if TYPE_CHECKING:
    from pathlib import Path

CARD = SimpleNamespace(prediction="eps", clip=False)
X = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
SIZE = (64, 64)


def saved(name: str, folder: Path, dtype: torch.dtype = torch.float32) -> dict[str, Path]:
    """Write the single file of a small model; return where each part is."""
    path = folder / f"{name}.safetensors"
    tensors = reader(name).tensors
    save_file({key: one.to(dtype) if one.is_floating_point() else one for key, one in tensors.items()}, path)
    return {part.name: path for part in TINY[name].parts}


def loaded(name: str, files: dict[str, Path], **options: object) -> FamilyModel:
    return load_model(CARD, TINY[name], {part: (path,) for part, path in files.items()}, **options)


@torch.no_grad()
def output(model: FamilyModel, precision: object = EXACT) -> torch.Tensor:
    conditioning = model.encode_prompts(["a red apple"], SIZE)
    return model.denoiser(precision).evaluate(X, 500, conditioning).output


@dataclass
class InMemory:
    """The small model that the other tests share."""

    name: str

    @torch.no_grad()
    def output(self) -> torch.Tensor:
        model = networks(self.name)
        ids = [49406, *clip_tokenizer().encode("a red apple"), 49407]
        encoded = [
            encoder(torch.tensor([ids + [encoder.padding] * (77 - len(ids))]))
            for encoder in model.text_encoders
        ]
        return model.backbone()(X, torch.tensor([500]), model.conditioning(encoded, *SIZE))


@pytest.mark.parametrize("name", TINY)
def test_a_file_gives_the_model_it_was_written_from(name: str, tmp_path: Path) -> None:
    torch.testing.assert_close(output(loaded(name, saved(name, tmp_path))), InMemory(name).output())


@pytest.mark.parametrize("count", [1, 3])
def test_a_folder_gives_the_model_it_was_written_from_sharded_or_not(count: int, tmp_path: Path) -> None:
    files = {}
    for part, tensors in folder_tensors(networks("sdxl")).items():
        shard(tmp_path / part, tensors, count)
        found = weights_in(tmp_path / part)
        assert found is not None
        assert len(found.paths) == count
        files[part] = found.paths
    model = load_model(CARD, TINY["sdxl"], files)
    torch.testing.assert_close(output(model), InMemory("sdxl").output())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float8_e4m3fn])
def test_weights_stay_as_stored_and_compute_in_float32(dtype: torch.dtype, tmp_path: Path) -> None:
    model = loaded("sd1", saved("sd1", tmp_path, dtype))
    exact = InMemory("sd1").output()
    found = output(model)
    assert found.dtype == torch.float32
    tolerance = 0.5 if dtype == torch.float8_e4m3fn else 0.05
    assert (found - exact).abs().mean() < tolerance * exact.abs().mean()
    convolution = model.networks.unet.conv_in
    assert convolution.weight.dtype == dtype
    picture = model.decode(X.clone())
    assert picture.dtype == torch.float32
    assert tuple(picture.shape) == (1, 3, *SIZE)
    assert tuple(model.encode(picture).shape) == (1, 4, 8, 8)


def in_scaled_fp8(
    tensors: dict[str, torch.Tensor], last: str
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Return tensors with their matrices in fp8 beside their scales, and the same as float32 that they stand for."""
    stored, meant = dict(tensors), dict(tensors)
    for key, weight in tensors.items():
        if not key.endswith(".weight") or weight.dim() < 2:
            continue
        axes = tuple(range(1, weight.dim())) if last == "weight_scale" else tuple(range(weight.dim()))
        scale = weight.abs().amax(axes, keepdim=True) / 448
        stored[key] = (weight / scale).to(torch.float8_e4m3fn)
        meant[key] = stored[key].float() * scale
        stored[key.removesuffix("weight") + last] = scale if last == "weight_scale" else scale.reshape(())
    if last == "scale_weight":
        stored["model.diffusion_model.scaled_fp8"] = torch.zeros(0, dtype=torch.float8_e4m3fn)
    return stored, meant


@pytest.mark.parametrize(("name", "last"), [("sd1", "scale_weight"), ("sdxl", "weight_scale")])
def test_scaled_fp8_gives_the_model_that_it_stands_for(name: str, last: str, tmp_path: Path) -> None:
    stored, meant = in_scaled_fp8(reader(name).tensors, last)
    found = []
    for tensors in (stored, meant, {key: one for key, one in stored.items() if not key.endswith(last)}):
        path = tmp_path / f"{len(found)}.safetensors"
        save_file(tensors, path)
        found.append(output(loaded(name, {part.name: path for part in TINY[name].parts})))
    torch.testing.assert_close(found[0], found[1])
    assert not torch.allclose(found[2], found[1], atol=0.1)  # the wrong twin, without scales


def test_reduced_precision_is_bfloat16_with_channels_last(tmp_path: Path) -> None:
    model = loaded("sdxl", saved("sdxl", tmp_path, torch.float16))
    precision = model.supported_precision(REDUCED)
    assert precision == REDUCED
    assert model.supported_precision(EXACT) == EXACT
    found, exact = output(model, precision), InMemory("sdxl").output()
    assert (found.float() - exact).abs().mean() < 0.1 * exact.abs().mean()
    assert model.networks.unet.conv_in.weight.is_contiguous(memory_format=torch.channels_last)


def test_a_long_prompt_has_more_chunks_and_one_pooled_vector() -> None:
    model = in_memory("sdxl")
    long = model.encode_prompts(["apple " * 100], SIZE)
    short = model.encode_prompts(["apple"], SIZE)
    assert long.tokens is not None
    assert short.tokens is not None
    assert long.tokens.shape[1:] == (154, 80)
    assert short.tokens.shape[1:] == (77, 80)
    assert long.pooled is not None
    assert long.pooled.shape == (1, 40)
    assert long.extras["size"].tolist() == [[64, 64, 0, 0, 64, 64]]
    assert model.chunks_of("apple " * 100) == (100, 150)


def in_memory(name: str) -> FamilyModel:
    model = networks(name)
    return FamilyModel(
        card=CARD,
        networks=model,
        schedule=schedule_of(model.family.schedule),
        device=torch.device("cpu"),
    )


def test_emphasis_changes_the_conditioning_unless_it_is_off() -> None:
    model = in_memory("sd1")
    for emphasis, changes in (("a1111", True), ("comfyui", True), ("none", False)):
        options = TextOptions(emphasis=emphasis)
        plain, stressed = (
            model.encode_prompts([text], SIZE, options).tokens for text in ("a fox", "a (fox:1.3)")
        )
        assert plain is not None
        assert stressed is not None
        assert torch.equal(plain, stressed) != changes


def test_a_prompt_that_the_encoder_did_not_learn_is_said() -> None:
    model = in_memory("sd1")
    (note,) = model.prompt_notes("빨간 사과", "")
    assert "Hangul" in note
    assert model.prompt_notes("a red apple", "") == ()


@pytest.mark.parametrize(("name", "default"), [("sd1", 1), ("sdxl", 2)])
def test_clip_skip_is_that_of_the_options(name: str, default: int) -> None:
    model = in_memory(name)
    one, two, unset = (
        model.encode_prompts(["a fox"], SIZE, TextOptions(clip_skip=skip)).tokens for skip in (1, 2, None)
    )
    assert one is not None
    assert two is not None
    assert unset is not None
    assert not torch.equal(one, two)
    assert torch.equal(unset, one if default == 1 else two)


def test_loading_can_be_cancelled(tmp_path: Path) -> None:
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(LoadCancelled):
        loaded("sd1", saved("sd1", tmp_path), cancelled=cancelled)


def test_the_linear_preview_is_fitted_to_the_models_own_autoencoder() -> None:
    decoders = in_memory("sd1").preview_decoders(threading.Event()).decoders
    assert tuple(decoders["linear"](X).shape) == (1, 3, *SIZE)


def test_the_published_networks_are_built_without_memory() -> None:
    for part in TINY["sdxl"].parts:
        assert all(one.is_meta for one in on_meta(part).parameters())


def test_the_schedule_of_a_family_has_its_offset_and_ends_without_signal_where_the_model_says_so() -> None:
    facts = ScheduleFacts()
    plain, terminal = schedule_of(facts), schedule_of(facts, zero_terminal_snr=True)
    assert plain.alpha(plain.noisiest) > 0
    assert terminal.alpha(terminal.noisiest) == 0
    for schedule in (plain, terminal):
        assert schedule.steps_offset == facts.steps_offset == 1
        assert visit(schedule, 10, "leading").times[0] == 901
