"""Files of Stable Diffusion are models like any other: listed, found by name, hashed once, sampled and verified."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import threading
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import save_file

from studio.checkpoints import catalog, family_models
from studio.checkpoints.catalog import find_model, list_models, with_hash
from studio.checkpoints.family_models import FamilyInfo
from studio.checkpoints.formats import load_installed
from studio.checkpoints.library.folders import add_folders, added_folders, remove_folder
from studio.checkpoints.library.scan import ModelFile, Scan
from studio.engine.engine import Engine
from studio.engine.events import JobCancelled, JobStarted, ModelLoading, PictureDone, StepDone
from studio.engine.requests.generate import GenerateRequest
from studio.errors import CheckpointError, RequestError
from studio.families.family import Defaults
from studio.families.model import FamilyModel
from studio.families.recognition import traits
from studio.families.recognition.kinds import Component, Fact, Family, Kind, Source
from studio.families.recognition.recognise import Recognised
from studio.folders import Folders
from studio.weights import conversion, tensor_file
from studio.weights.conversion import command
from studio.weights.hashing import HashCache
from tests.families import tiny
from tests.weights.test_shards import shard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

SD1 = Recognised(
    kind=Kind.CHECKPOINT,
    family=Fact(Family.SD1, Source.TENSORS),
    contains=(Component.NETWORK, Component.CLIP_L, Component.VAE_4),
    prediction=Fact("eps", Source.FAMILY),
    storage=traits.Storage("F32"),
    parameters=1000,
)


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    return tiny.random_tensors(tiny.single_file_shapes("sd1"))


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folders:
    """Folders in which every file is a small model of Stable Diffusion 1.x, whose header is not looked at."""

    def scan(places: Iterable[Path], *_: object, **__: object) -> Scan:
        files = sorted(
            path for place in places for path in [place, *place.rglob("*")] if path.suffix == ".safetensors"
        )
        return Scan(
            files=tuple(
                ModelFile(
                    path=path,
                    size=path.stat().st_size,
                    signature=str(path.stat().st_mtime_ns),
                    recognised=SD1,
                )
                for path in files
            )
        )

    small = replace(
        tiny.TINY_SD1,
        sizes=((64, 64), (128, 64)),
        defaults=Defaults(steps=2, guidance=3.0, sampler="ddim", spacing="trailing"),
    )
    monkeypatch.setattr(family_models, "FAMILIES", MappingProxyType({"sd1": small}))
    monkeypatch.setattr(family_models, "MIN_SIDE_PX", 32)
    monkeypatch.setattr(catalog, "scan", scan)
    return Folders.under(tmp_path / "home")


def put(path: Path, weights: dict[str, torch.Tensor]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, path)
    return path


def test_files_in_the_model_folder_and_in_added_ones_are_models(
    folders: Folders, weights: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    inside = put(folders.models / "Stable-diffusion" / "dreams_8.safetensors", weights)
    outside = put(tmp_path / "ComfyUI" / "checkpoints" / "ink.safetensors", weights)
    assert add_folders(folders, [tmp_path / "ComfyUI", tmp_path / "ComfyUI"]) == (tmp_path / "ComfyUI",)
    listed = {model.name: model for model in list_models(folders) if not model.shipped}
    assert {name: model.path for name, model in listed.items()} == {"dreams_8": inside, "ink": outside}
    assert all(isinstance(model.card, FamilyInfo) for model in listed.values())
    remove_folder(folders, tmp_path / "ComfyUI")
    assert added_folders(folders) == ()
    assert [model.name for model in list_models(folders) if not model.shipped] == ["dreams_8"]
    assert outside.is_file()


def test_the_hash_is_that_of_the_file_and_computed_once(
    folders: Folders, weights: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(folders.models / "ink.safetensors", weights)
    (listed,) = (model for model in list_models(folders) if not model.shipped)
    assert listed.card is not None
    assert listed.card.weights_sha256 == ""
    assert find_model("ink", folders) == listed
    found = with_hash(listed, folders)
    assert found.card is not None
    assert found.card.weights_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.card == listed.card
    monkeypatch.setattr("studio.weights.hashing._hash", pytest.fail)
    assert find_model("ink", folders) == found
    (listed,) = (model for model in list_models(folders) if not model.shipped)
    assert listed.card is not None
    assert listed.card.weights_sha256 == found.card.weights_sha256


def test_the_hash_of_a_sharded_model_covers_every_shard_and_the_parts_of_a_folder_are_found(
    tmp_path: Path,
) -> None:
    home = tmp_path / "ink"
    shard(home / "unet")
    for part in ("vae", "text_encoder"):
        shard(home / part, count=1)
    file = ModelFile(path=home, size=1, signature="1", recognised=SD1, is_folder=True)
    info = family_models.describe(file)
    assert [part for part, _ in info.files] == ["unet", "unet", "vae", "text_encoder"]
    before = family_models.hashed(info, HashCache(tmp_path / "one")).weights_sha256
    for _, path in info.files:
        old = path.read_bytes()
        path.write_bytes(old[:-1] + bytes([old[-1] ^ 1]))
        assert family_models.hashed(info, HashCache(tmp_path / "two")).weights_sha256 != before, path
        path.write_bytes(old)
    assert family_models.hashed(info, HashCache(tmp_path / "three")).weights_sha256 == before


def test_the_hash_of_a_model_is_computed_while_it_is_loaded(
    folders: Folders, weights: dict[str, torch.Tensor]
) -> None:
    path = put(folders.models / "ink.safetensors", weights)
    installed = find_model("ink", folders)
    assert installed.card is not None
    assert installed.card.weights_sha256 == ""
    loaded = load_installed(installed, folders=folders)
    assert loaded.card.weights_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    found = find_model("ink", folders).card
    assert found is not None
    assert found.weights_sha256 == loaded.card.weights_sha256


def test_a_model_that_is_replaced_while_it_is_loaded_is_not_the_one_that_was_hashed(
    folders: Folders, weights: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(folders.models / "ink.safetensors", weights)
    load = family_models.load

    def replacing(info: FamilyInfo, **given: Any) -> Any:  # noqa: ANN401
        loaded = load(info, **given)
        put(path.with_name("other"), weights).replace(path)
        return loaded

    monkeypatch.setattr(family_models, "load", replacing)
    with pytest.raises(CheckpointError, match="was replaced or changed while it was in use"):
        load_installed(find_model("ink", folders), folders=folders)


def test_two_files_of_one_name_are_both_listed_and_one_can_be_used(
    folders: Folders, weights: dict[str, torch.Tensor]
) -> None:
    for folder in ("a", "b"):
        put(folders.models / folder / "ink.safetensors", weights)
    listed = [model for model in list_models(folders) if not model.shipped]
    assert [model.error is None for model in listed] == [True, False]


def test_a_pytorch_file_is_converted_and_loaded(
    folders: Folders, weights: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    put(folders.models / "ink.safetensors", weights)
    info = find_model("ink", folders).card
    assert isinstance(info, FamilyInfo)
    path = tmp_path / "ink.ckpt"
    torch.save({"state_dict": weights, "global_step": 3}, path)
    converted = family_models.load(
        replace(info, files=tuple((part, path) for part, _ in info.files)), folders=folders
    )
    loaded = family_models.load(info, folders=folders)
    assert isinstance(converted, FamilyModel)
    assert isinstance(loaded, FamilyModel)
    found, expected = converted.networks.unet.state_dict(), loaded.networks.unet.state_dict()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert len(list((tmp_path / "home" / "cache" / "converted").iterdir())) == 1


def test_pictures_are_made_step_by_step_and_again_bit_by_bit(
    folders: Folders, weights: dict[str, torch.Tensor]
) -> None:
    put(folders.models / "ink.safetensors", weights)
    request = GenerateRequest(model="ink", prompt="a (red:1.2) fox", negative="blurred", seed=5)

    def run(engine: Engine, asked: GenerateRequest) -> tuple[list[StepDone], PictureDone, JobStarted]:
        events = list(engine.run(asked))
        (done,) = (event for event in events if isinstance(event, PictureDone))
        (started,) = (event for event in events if isinstance(event, JobStarted))
        return [event for event in events if isinstance(event, StepDone)], done, started

    engine = Engine(folders, "cpu")
    steps, done, started = run(engine, request)
    assert len(steps) == 2
    assert done.pixels.shape == (64, 64, 3)
    assert started.weights_sha256 == find_model("ink", folders).card.weights_sha256
    again = run(Engine(folders, "cpu"), request)[1]
    assert (again.pixels == done.pixels).all()
    other = run(engine, replace(request, prompt="a fox"))[1]
    assert (other.pixels != done.pixels).any(), "the weight in the prompt has an effect"
    wide = run(engine, replace(request, width=96, height=64))[1]
    assert wide.pixels.shape == (64, 96, 3), "any size of the rule"
    with pytest.raises(RequestError):
        run(engine, replace(request, width=100, height=64))


def test_a_model_that_lacks_a_part_says_which_or_takes_it_from_another_file(
    folders: Folders, tmp_path: Path
) -> None:
    network = replace(SD1, kind=Kind.NETWORK, contains=(Component.NETWORK,))
    file = ModelFile(path=tmp_path / "unet.safetensors", size=1, signature="1", recognised=network)
    with pytest.raises(CheckpointError) as refused:
        family_models.describe(file)
    assert "CLIP-L" in str(refused.value)
    whole = ModelFile(path=tmp_path / "whole.safetensors", size=1, signature="1", recognised=SD1)
    info = family_models.describe(file, [whole])
    assert dict(info.files) == {"unet": file.path, "vae": whole.path, "text_encoder": whole.path}


@pytest.mark.parametrize(
    ("distillation", "steps", "guidance"),
    [
        (None, 25, 7.0),
        (traits.Distillation(traits.LIGHTNING), 8, 1.0),
        (traits.Distillation(traits.LIGHTNING, 4), 4, 1.0),
    ],
)
def test_distilled_models_bring_their_own_settings(
    distillation: traits.Distillation | None, steps: int, guidance: float, tmp_path: Path
) -> None:
    found = replace(
        SD1,
        family=Fact(Family.SDXL, Source.TENSORS),
        contains=(Component.NETWORK, Component.CLIP_L, Component.CLIP_BIGG, Component.VAE_4),
        distillation=None if distillation is None else Fact(distillation, Source.FILE_NAME),
    )
    info = family_models.describe(
        ModelFile(path=tmp_path / "x.safetensors", size=1, signature="1", recognised=found)
    )
    assert (info.defaults.steps, info.defaults.guidance) == (steps, guidance)


def test_a_job_says_how_much_of_a_pytorch_file_is_converted_and_can_be_cancelled_meanwhile(
    folders: Folders, weights: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folders.models / "ink.safetensors"  # the content decides
    path.parent.mkdir(parents=True)
    torch.save({"state_dict": weights}, path)
    slow = "import time; from studio.weights import torch_file as t; w = t._pieces\n"
    slow += "def pieces(*a):\n    time.sleep(0.002)\n    yield from w(*a)\nt._pieces = pieces\n"
    monkeypatch.setattr(
        conversion,
        "command",
        lambda **given: [*command(**given)[:-1], command(**given)[-1].replace("\n", "\n" + slow, 1)],
    )
    cancelled, engine = threading.Event(), Engine(folders, "cpu")
    seen: list[float | None] = []
    for event in engine.run(GenerateRequest(model="ink"), cancelled=cancelled):
        if isinstance(event, ModelLoading):
            seen.append(event.converted)
            cancelled.set()
    assert len(seen) == 1
    assert isinstance(event, JobCancelled)
    assert not list((folders.cache / "converted").iterdir())
    seen = [
        event.converted
        for event in engine.run(GenerateRequest(model="ink"))
        if isinstance(event, ModelLoading)
    ]
    assert seen[-1] is None, "then it is loaded"
    fractions = [one for one in seen[:-1] if one is not None]
    assert len(fractions) > 1
    assert fractions == sorted(fractions)
    assert next(type(event) for event in engine.run(GenerateRequest(model="ink"))) is not ModelLoading


# ----------------------------------------------------------------------------------------------- files that go wrong
class Unplugged(io.FileIO):
    """A file on a drive that is unplugged once its header was read."""

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401
        if len(memoryview(buffer)) == 8 or self.tell() < 8:
            return super().readinto(buffer)
        raise OSError(errno.EIO, "Input/output error")


def unplug(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tensor_file.open_regular

    def opened(file: Path, **given: Any) -> Any:  # noqa: ANN401
        whole(file, **given).close()
        return io.BufferedReader(Unplugged(file), 1 << 22)

    monkeypatch.setattr(tensor_file, "open_regular", opened)


FAULTS: dict[str, tuple[Callable[[Path], object] | None, str]] = {
    "unplugged": (None, "input/output error"),
    "vanished": (lambda path: path.unlink(), "is missing"),
    "its folder vanished": (lambda path: path.parent.rename(path.parent.with_name("x")), "is missing"),
    "truncated": (lambda path: os.truncate(path, path.stat().st_size - 100), "it is truncated"),
    "replaced by a web page": (lambda path: path.write_bytes(b"<html>" + bytes(99)), "is a web page"),
    "replaced by a folder": (lambda path: (path.unlink(), path.mkdir()), "is a folder"),
    "replaced by a link to a device": (lambda path: (path.unlink(), path.symlink_to("/dev/zero")), "regular"),
}


def test_a_file_that_goes_wrong_ends_the_job_with_a_sentence_and_the_next_one_works(
    folders: Folders, weights: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folders.models / "good" / "good.safetensors", weights)
    engine, whole = Engine(folders, "cpu"), family_models.load
    for number, (fault, (damage, reason)) in enumerate(FAULTS.items()):
        path = put(folders.models / f"drive {number}" / f"bad {number}.safetensors", weights)
        with monkeypatch.context() as patched:
            if damage is None:
                unplug(patched)
            else:
                patched.setattr(family_models, "load", partial(damaged, whole, damage, path))
            with pytest.raises(CheckpointError) as refused:
                list(engine.run(GenerateRequest(model=path.stem, steps=1)))
        assert reason in str(refused.value).lower(), fault
        assert str(refused.value).endswith("."), fault
        events = engine.run(GenerateRequest(model="good", steps=1))
        assert len([event for event in events if isinstance(event, PictureDone)]) == 1


def damaged(load: Any, damage: Callable[[Path], object], path: Path, info: FamilyInfo, **given: Any) -> Any:  # noqa: ANN401
    """Load a model whose file something happens to just before."""
    damage(path)
    return load(info, **given)
