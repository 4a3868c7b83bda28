"""What the user decides about a model reaches its pictures: prediction, VAE, tiny VAE and the last level."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.autoencoder_tiny import AutoencoderTiny
from diffusers.schedulers.scheduling_ddim import DDIMScheduler

from studio.backbones.precision import EXACT
from studio.checkpoints import catalog, family_models
from studio.checkpoints.catalog import InstalledModel, find_model, list_library, list_models, with_hash
from studio.checkpoints.choices import NO_TINY_VAE, ModelChoices, path_key, write_choices
from studio.checkpoints.library.scan import ModelFile, Scan
from studio.engine import engine as engine_module
from studio.engine.engine import Engine
from studio.engine.events import JobStarted, PictureDone, PictureStarted, StepDone
from studio.engine.requests.compare import CompareRequest
from studio.engine.requests.generate import GenerateRequest
from studio.engine.requests.previews import EVERY_STEP
from studio.errors import CheckpointError, RequestError, UnknownNameError
from studio.families.family import Defaults
from studio.families.recognition import traits
from studio.families.recognition.kinds import Component, Fact, Family, Kind, Source
from studio.families.recognition.recognise import Recognised
from studio.folders import Folders
from tests.checkpoints.test_family_models import SD1, put
from tests.families import original, tiny
from tests.families.pipelines import pipeline_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from studio.checkpoints.family_models import FamilyInfo

PART = Recognised(kind=Kind.VAE, contains=(Component.VAE_4,), storage=traits.Storage("F32"))
KINDS = {
    "ink": replace(SD1, prediction=Fact("eps", Source.GUESS)),
    "vae": PART,
    "wide": replace(PART, contains=(Component.VAE_16,)),
    "taesd": replace(
        PART, kind=Kind.TINY_VAE, variant="decoder only", family=Fact(Family.SD1, Source.FILE_NAME)
    ),
    "taesdxl": replace(PART, kind=Kind.TINY_VAE, family=Fact(Family.SDXL, Source.FILE_NAME)),
    "odd": replace(PART, kind=Kind.UNKNOWN, contains=()),
}
VAE_SHAPES = original.autoencoder(32, (1, 1, 2, 2))
REQUEST = GenerateRequest(model="ink", prompt="a fox", seed=5)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folders:
    """Folders with the file ink.safetensors, in which the name of a file says what it is."""

    def scan(places: Iterable[Path], *_: object, **__: object) -> Scan:
        paths = {path for place in places for path in [place, *place.rglob("*")]}
        files = []
        for path in sorted(path for path in paths if path.suffix == ".safetensors"):
            status = os.stat(path)
            signature = f"{status.st_size}-{status.st_mtime_ns}-{status.st_ino}"
            found = KINDS[path.stem.split("-")[0]]
            files.append(ModelFile(path=path, size=1, signature=signature, recognised=found))
        return Scan(files=tuple(files))

    small = replace(
        tiny.TINY_SD1,
        sizes=((64, 64),),
        defaults=Defaults(steps=2, guidance=3.0, sampler="ddim", spacing="trailing"),
    )
    monkeypatch.setattr(family_models, "FAMILIES", MappingProxyType({"sd1": small}))
    monkeypatch.setattr(catalog, "scan", scan)
    monkeypatch.setenv("STEPWISE_HOME", str(tmp_path / "home"))
    folders = Folders.under(tmp_path / "home")
    put(folders.models / "ink.safetensors", tiny.reader("sd1").tensors)
    return folders


def listed(folders: Folders, name: str = "ink") -> InstalledModel:
    (found,) = (model for model in list_library(folders).models if model.name == name)
    return found


def choose(folders: Folders, name: str = "ink", **changes: object) -> None:
    write_choices(folders, {listed(folders, name).choice_key: ModelChoices(**changes)})


def card(folders: Folders, name: str = "ink") -> FamilyInfo:
    found: Any = with_hash(find_model(name, folders), folders).card
    return found


def test_a_prediction_that_was_chosen_is_the_model_and_its_identity(folders: Folders) -> None:
    before = card(folders)
    assert (before.prediction, before.assumed) == ("eps", ("prediction",))
    choose(folders, prediction="v", zero_terminal_snr=True)
    chosen = card(folders)
    assert (chosen.prediction, chosen.zero_terminal_snr, chosen.assumed) == ("v", True, ())
    assert chosen != before
    assert chosen.weights_sha256 != before.weights_sha256
    assert chosen.schedule.config["zero_terminal_snr"] is True
    choose(folders, prediction="eps")
    assert card(folders).weights_sha256 == before.weights_sha256, "as recognised, though decided"


def test_a_name_with_a_prediction_is_the_same_model_as_the_choice(folders: Folders) -> None:
    plain, v, eps = (card(folders, name) for name in ("ink", "ink@v", "ink@eps"))
    assert (v.name, v.prediction, v.assumed) == ("ink@v", "v", ())
    assert eps.weights_sha256 == plain.weights_sha256 != v.weights_sha256
    choose(folders, prediction="v")
    assert card(folders) == v
    assert card(folders).weights_sha256 == v.weights_sha256
    assert card(folders, "ink@eps").weights_sha256 == plain.weights_sha256
    assert card(folders, "ink@v-zsnr").zero_terminal_snr
    assert card(folders, f"{folders.models / 'ink.safetensors'}@v").prediction == "v"
    assert [model.name for model in list_models(folders) if not model.shipped] == ["ink"], (
        "no entry of its own"
    )
    with pytest.raises(UnknownNameError):
        find_model("moss@v", folders)
    with pytest.raises(RequestError, match="'starter', whose prediction is known"):
        find_model("starter@v", folders)


def test_both_predictions_are_compared_with_one_copy_of_the_networks(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[str] = []
    load = family_models.load
    monkeypatch.setattr(
        family_models, "load", lambda info, **options: (loads.append(info.name), load(info, **options))[1]
    )
    engine, names = Engine(folders, "cpu"), ("ink@eps", "ink@v")
    both = CompareRequest(requests=tuple(replace(REQUEST, model=name) for name in names), batched=False)
    events = list(engine.run(both))
    assert loads == ["ink@eps"]
    (started,) = (event for event in events if isinstance(event, JobStarted))
    assert [request.model for request in started.requests] == list(names)
    assert len(set(started.weights)) == 2
    pixels = {event.image: event.pixels for event in events if isinstance(event, PictureDone)}
    assert (pixels[0] != pixels[1]).any()
    (alone,) = (
        event
        for event in Engine(folders, "cpu").run(replace(REQUEST, model="ink@v"))
        if isinstance(event, PictureDone)
    )
    assert (alone.pixels == pixels[1]).all(), "sharing changes no bit"
    choose(folders, prediction="v")
    loads.clear()
    list(engine.run(REQUEST))
    assert loads == [], "the choice is the model that is in memory"


def test_a_chosen_vae_decodes_in_place_of_the_models_own_in_either_layout(folders: Folders) -> None:
    config: Any = dict(tiny.TINY_SD1.part("vae").config)
    ldm = tiny.random_tensors(VAE_SHAPES, seed=9)
    path = folders.models / "vae-mse.safetensors"
    put(path, ldm)
    own = family_models.load(card(folders), folders=folders)
    before = card(folders)
    choose(folders, vae=path_key(path))
    chosen = card(folders)
    assert dict(chosen.files)["vae"] == path
    assert chosen.weights_sha256 != before.weights_sha256
    model = family_models.load(chosen, folders=folders)
    theirs = AutoencoderKL(**config).eval()
    theirs.load_state_dict(model.networks.vae.state_dict())
    latents = torch.randn(1, 4, 4, 4, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = theirs.decode(latents / tiny.TINY_SD1.latents.scale).sample
        sent = theirs.encode(expected.clamp(-1, 1)).latent_dist.mode() * tiny.TINY_SD1.latents.scale
    put(path, {name: tensor.contiguous() for name, tensor in theirs.state_dict().items()})
    for found in (model, family_models.load(card(folders), folders=folders)):
        torch.testing.assert_close(found.decode(latents.clone()), expected)
        torch.testing.assert_close(found.encode(expected.clamp(-1, 1)), sent)
    assert (own.decode(latents.clone()) - expected).abs().max() > 0.01, "its own VAE gives another picture"
    assert torch.equal(theirs.state_dict()["decoder.conv_in.weight"], ldm["decoder.conv_in.weight"])


@pytest.mark.parametrize(
    ("vae", "said"), [("wide", "4 channels"), ("taesd", "4 channels"), ("vae", "cannot be found")]
)
def test_a_vae_that_does_not_fit_or_is_gone_is_refused_in_a_sentence(
    vae: str, said: str, folders: Folders
) -> None:
    path = folders.models / f"{vae}-x.safetensors"
    if vae != "vae":
        put(path, {"x": torch.zeros(1)})
    choose(folders, vae=path_key(path))
    broken = listed(folders)
    assert broken.card is None
    assert said in (broken.error or "")
    assert broken.choices.vae, "so that it can be changed"
    choose(folders)
    assert listed(folders).card is not None


def test_a_tiny_vae_of_the_family_is_found_or_chosen_and_changes_no_picture(folders: Folders) -> None:
    torch.manual_seed(0)
    tensors = AutoencoderTiny().state_dict()
    small, other = (folders.models / f"{name}.safetensors" for name in ("taesd", "taesdxl"))
    plain = card(folders)
    assert plain.tiny_vae is None
    put(small, tensors)
    put(other, tensors)
    assert card(folders).tiny_vae == small, "of two the one for this family"
    assert card(folders).weights_sha256 == plain.weights_sha256
    previews = family_models.load(card(folders), folders=folders).preview_decoders(threading.Event())
    assert list(previews.decoders) == ["small", "linear"]
    choose(folders, tiny_vae=path_key(other))
    assert card(folders).tiny_vae == other
    choose(folders, tiny_vae=NO_TINY_VAE)
    assert card(folders).tiny_vae is None


def test_the_last_step_may_lead_to_the_first_level_as_in_diffusers(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "choose_precision", lambda *_, **__: EXACT)
    choose(folders, final_level="first")
    request = replace(REQUEST, steps=4, spacing="leading", sampler="ddim")
    events = list(Engine(folders, "cpu").run(request, previews=replace(EVERY_STEP, arrays=True)))
    (started,) = (event for event in events if isinstance(event, PictureStarted))
    last = [event for event in events if isinstance(event, StepDone)][-1]
    model: Any = family_models.load(card(folders), folders=folders)

    def theirs(set_alpha_to_one: bool) -> torch.Tensor:
        facts = tiny.TINY_SD1.schedule
        scheduler = DDIMScheduler.from_config(
            {
                "beta_schedule": facts.name,
                "beta_start": facts.beta_start,
                "beta_end": facts.beta_end,
                "num_train_timesteps": facts.T,
                "steps_offset": facts.steps_offset,
            },
            clip_sample=False,
            set_alpha_to_one=set_alpha_to_one,
        )
        prompt, empty = (model.encode_prompts([text], (64, 64)).tokens for text in (REQUEST.prompt, ""))
        found: torch.Tensor = pipeline_of(model.networks, scheduler)(
            prompt_embeds=prompt,
            negative_prompt_embeds=empty,
            height=64,
            width=64,
            num_inference_steps=4,
            guidance_scale=3.0,
            latents=torch.tensor(started.start.x)[None],
            output_type="latent",
        ).images
        return found

    ours, first, clean = torch.tensor(last.state)[None], theirs(False), theirs(True)
    assert (ours - first).abs().max() < 1e-4 * first.abs().max()
    assert (ours - clean).abs().max() > 1e-3 * clean.abs().max(), "the last level matters"
    choose(folders)
    assert card(folders).weights_sha256 != started_hash(events)


def started_hash(events: list[Any]) -> str:
    (started,) = (event for event in events if isinstance(event, JobStarted))
    return started.weights_sha256


def test_choices_follow_a_renamed_file_and_show_in_lists(folders: Folders) -> None:
    choose(folders, title="Tusche", favourite=True, prediction="v")
    (folders.models / "ink.safetensors").rename(folders.models / "ink-2.safetensors")
    moved = listed(folders, "ink-2")
    assert (moved.title, moved.choices.favourite, moved.card.prediction) == ("Tusche", True, "v")
    assert moved.card.title == "Tusche"
    assert card(folders, "ink-2@v").title == "Tusche@v", "so that panes of a comparison differ"
    assert find_model("ink-2", folders).card.name == "ink-2"


def test_a_removed_model_leaves_the_lists_and_still_loads(folders: Folders) -> None:
    choose(folders, hidden=True)
    assert [model.name for model in list_models(folders) if not model.shipped] == []
    assert listed(folders).choices.hidden
    assert card(folders).name == "ink"
    put(folders.models / "a" / "ink.safetensors", tiny.reader("sd1").tensors)
    (shown,) = (model for model in list_models(folders) if not model.shipped)
    assert shown.error is None, "a name that was removed from the lists is free"


def test_a_file_of_which_nothing_is_known_is_a_model_of_the_chosen_family(folders: Folders) -> None:
    path = put(folders.models / "odd-one.safetensors", tiny.reader("sd1").tensors)
    (file,) = (one for one in list_library(folders).found.files if one.path == path)
    assert not family_models.is_model(file)
    write_choices(
        folders, {InstalledModel(name="", folder=path, shipped=False).choice_key: ModelChoices(family="sd1")}
    )
    assert card(folders, "odd-one").family_name == "sd1"
    with pytest.raises(CheckpointError, match="cannot run yet"):
        family_models.describe(
            replace(file, recognised=replace(SD1, family=Fact(Family.FLUX1, Source.TENSORS)))
        )
