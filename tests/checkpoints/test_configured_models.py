"""Folders of DDPM and DiT are models like any other: listed, found by name, hashed, sampled, compared and recorded."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file, save_file

from studio.checkpoints import configured_models
from studio.checkpoints.catalog import find_model, list_models, with_hash
from studio.checkpoints.library.scan import scan
from studio.checkpoints.words import has_words, read_words
from studio.engine.engine import Engine
from studio.engine.events import JobStarted, PictureDone, StepDone
from studio.engine.requests.compare import CompareRequest
from studio.engine.requests.generate import GenerateRequest
from studio.errors import CheckpointError, RequestError
from studio.families.configured.info import ConfiguredInfo
from studio.folders import Folders
from tests.families.configured import folders as made

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Folders with a DDPM, one without folders for its parts, and a DiT in shards."""
    home = Folders.under(tmp_path_factory.mktemp("home"))
    made.ddpm_folder(home.models / "butterflies")
    made.flat(made.ddpm_folder(home.models / "cifar"))
    made.dit_folder(home.models / "classes", shard="100KB")
    return home


def done(engine: Engine, request: GenerateRequest | CompareRequest) -> list[PictureDone]:
    return [event for event in engine.run(request) if isinstance(event, PictureDone)]


def test_each_folder_is_one_model(home: Folders) -> None:
    listed = {model.name: model for model in list_models(home) if not model.shipped}
    assert {name: model.error for name, model in listed.items()} == dict.fromkeys(
        ("butterflies", "cifar", "classes")
    )
    cards = {name: model.card for name, model in listed.items()}
    assert all(isinstance(card, ConfiguredInfo) for card in cards.values())
    assert [cards[name].text is None for name in cards] == [True, True, False]
    for card in cards.values():
        json.dumps(card.to_dict(), allow_nan=False)


def test_the_hash_is_that_of_the_weights_and_of_what_they_are_used_for(home: Folders) -> None:
    one, two = (with_hash(find_model(name, home), home).card for name in ("butterflies", "cifar"))
    assert one is not None
    assert two is not None
    assert len(one.weights_sha256) == 64
    assert one.weights_sha256 == two.weights_sha256
    scheduler = home.models / "cifar" / "scheduler_config.json"
    before = scheduler.read_text()
    scheduler.write_text(before.replace('"epsilon"', '"sample"'))
    changed = with_hash(find_model("cifar", home), home).card
    scheduler.write_text(before)
    assert changed is not None
    assert changed.prediction == "x0"
    assert changed.weights_sha256 != one.weights_sha256


def test_pictures_are_made_step_by_step_and_again_bit_by_bit_and_compared(home: Folders) -> None:
    engine = Engine(home, "cpu")
    request = GenerateRequest(model="butterflies", steps=4, seed=5)
    events = list(engine.run(request))
    assert sum(isinstance(event, StepDone) for event in events) == 4
    (picture,) = (event for event in events if isinstance(event, PictureDone))
    (again,) = done(Engine(home, "cpu"), replace(request, model="cifar"))
    assert picture.pixels.shape == (made.SIDE, made.SIDE, 3)
    assert (again.pixels == picture.pixels).all()
    panes = done(engine, CompareRequest(requests=(request, replace(request, sampler="ddpm"))))
    assert len(panes) == 2
    assert any((pane.pixels == picture.pixels).all() for pane in panes)


def test_a_prompt_is_a_label_and_a_wrong_one_is_refused_with_those_that_are_near(home: Folders) -> None:
    engine = Engine(home, "cpu")
    request = GenerateRequest(model="classes", prompt="White Shark", steps=2, seed=5)
    (picture,), (by_number,) = done(engine, request), done(engine, replace(request, prompt="#1"))
    (other,) = done(engine, replace(request, prompt="tench"))
    assert (picture.pixels == by_number.pixels).all()
    assert (picture.pixels != other.pixels).any()
    (started,) = (event for event in engine.run(replace(request, prompt="")) if isinstance(event, JobStarted))
    assert started.notes
    with pytest.raises(RequestError, match="white shark"):
        list(engine.run(replace(request, prompt="whiet shark")))
    with pytest.raises(RequestError):
        list(engine.run(replace(request, width=64, height=64)))


def test_the_words_of_a_class_conditional_model_are_its_labels(home: Folders) -> None:
    assert "white shark" in read_words(home.models / "classes").names
    assert [has_words(home.models / name) for name in ("classes", "cifar")] == [True, False]


def loaded(folder: Path) -> dict[str, torch.Tensor]:
    (file,) = scan([folder]).files
    return configured_models.load(configured_models.describe(file), folders=Folders.find()).unet.state_dict()


def test_old_names_of_attention_and_pytorch_files_give_the_same_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPWISE_HOME", str(tmp_path / "home"))
    folder = made.ddpm_folder(tmp_path / "model")
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    old = {}
    for name, tensor in load_file(weights).items():
        for new, before in (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")):
            name = name.replace(f".{new}.", f".{before}.")
        old[name] = tensor
    expected = made.unet().state_dict()
    assert old.keys() != expected.keys()
    save_file(old, weights)
    assert all(torch.equal(one, expected[name]) for name, one in loaded(folder).items())
    weights.unlink()
    torch.save(old, weights.with_suffix(".bin"))
    assert all(torch.equal(one, expected[name]) for name, one in loaded(folder).items())


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        (
            "unet/config.json",
            {"down_block_types": ["SkipDownBlock2D", "AttnDownBlock2D"]},
            "must be a list of",
        ),
        ("unet/config.json", {"layers_per_block": 2}, "it should give"),
        ("unet/config.json", {"mid_block_type": None}, "does not have: 'mid_block"),
        ("scheduler/scheduler_config.json", {"trained_betas": [0.5]}, "must be null"),
        ("model_index.json", {"_class_name": "LDMPipeline"}, "in another way"),
    ],
)
def test_a_folder_that_cannot_be_used_says_why(
    tmp_path: Path, name: str, change: dict[str, object], said: str
) -> None:
    folder = made.ddpm_folder(tmp_path / "model")
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(CheckpointError) as refused:
        loaded(folder)
    assert said in str(refused.value)


def test_a_network_without_its_folder_says_what_is_missing(tmp_path: Path) -> None:
    folder = made.ddpm_folder(tmp_path / "model")
    (file,) = scan([folder / "unet" / "diffusion_pytorch_model.safetensors"]).files
    with pytest.raises(CheckpointError, match=r"model_index\.json"):
        configured_models.describe(file)
