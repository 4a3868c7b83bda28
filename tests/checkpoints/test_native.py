from __future__ import annotations

import dataclasses
import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from studio.backbones.precision import REDUCED
from studio.checkpoints import native
from studio.checkpoints.assembly import assemble
from studio.errors import CheckpointError, StorageError
from studio.storage import storage_error
from tests.checkpoints.models import CARD, make_modules, saved, write_model

if TYPE_CHECKING:
    from studio.checkpoints.model import NativeModel

    pass

Tensors = dict[str, Tensor]


def state(model: NativeModel) -> Tensors:
    parts = {"backbone": model.backbone, "text": model.text_encoder, "codec": model.codec}
    return {
        f"{part}.{name}": tensor
        for part, module in parts.items()
        if module is not None
        for name, tensor in module.state_dict().items()
    }


def test_every_bit_of_the_weights_survives(tmp_path: Path) -> None:
    modules = make_modules()
    card = native.save(tmp_path / "m", CARD, modules)
    model = native.load(tmp_path / "m")
    loaded = state(model)
    expected = {
        f"{part}.{name}": tensor
        for part, module in modules.items()
        for name, tensor in module.state_dict().items()
    }
    assert loaded.keys() == expected.keys()
    assert all(torch.equal(loaded[name], expected[name]) for name in expected)
    assert all(loaded[name].dtype == expected[name].dtype for name in expected)
    assert model.card == card
    assert card == dataclasses.replace(CARD, parameters=card.parameters, weights_sha256=card.weights_sha256)
    assert card.parameters == sum(tensor.numel() for tensor in expected.values())


def test_a_model_saved_twice_is_the_same_file(tmp_path: Path) -> None:
    native.save(tmp_path / "a", CARD, make_modules())
    native.save(tmp_path / "b", CARD, {name: part.state_dict() for name, part in make_modules().items()})
    assert (tmp_path / "a" / "model.safetensors").read_bytes() == (
        tmp_path / "b" / "model.safetensors"
    ).read_bytes()
    assert sorted(os.listdir(tmp_path / "a")) == ["card.json", "model.safetensors"]


def test_our_reader_and_the_library_read_the_same(tmp_path: Path) -> None:
    loaded = state(native.load(write_model(tmp_path / "m")))
    other = load_file(tmp_path / "m" / "model.safetensors")
    assert loaded.keys() == other.keys()
    assert all(torch.equal(loaded[name], other[name]) for name in other)


@pytest.mark.parametrize("stored", ["float16", "bfloat16"])
def test_weights_kept_in_half_the_space_come_back_rounded_to_it(
    tmp_path: Path, stored: native.Stored
) -> None:
    modules = make_modules()
    native.save(tmp_path / "m", CARD, modules, stored=stored)
    dtype = getattr(torch, stored)
    for name, tensor in state(native.load(tmp_path / "m")).items():
        part, rest = name.split(".", 1)
        original = modules[part].state_dict()[rest]
        assert tensor.dtype == original.dtype
        expected = original.to(dtype).float() if original.is_floating_point() else original
        assert torch.equal(tensor, expected)
    assert (tmp_path / "m" / "model.safetensors").stat().st_size < 0.6 * len(saved()["model.safetensors"])


def test_a_loaded_model_does_what_the_saved_one_did(tmp_path: Path) -> None:
    modules: dict[str, Any] = make_modules()
    model = native.load(write_model(tmp_path / "m"))
    x, t = torch.randn(2, 4, 4, 4), torch.tensor([10, 900])
    prompts = ["a red apple", ""]
    with torch.no_grad():
        condition = modules["text"].encode(prompts)
        expected = modules["backbone"](x, t, condition)
        found = model.backbone(x, t, model.encode_prompts(prompts))
        assert torch.equal(found, expected)
        assert torch.equal(model.codec.decode(x), modules["codec"].decode(x))
    denoiser = model.denoiser()
    assert (denoiser.schedule.name, denoiser.prediction, denoiser.clip) == ("cosine", "v", False)
    assert denoiser.backbone is model.backbone
    reduced: Any = model.denoiser(REDUCED).backbone
    assert (reduced.module, reduced.dtype) == (model.backbone, torch.bfloat16)


def test_a_loaded_model_is_ready_to_use_and_not_to_train(tmp_path: Path) -> None:
    model = native.load(write_model(tmp_path / "m"))
    assert model.text_encoder is not None
    for module in (model.backbone, model.text_encoder, model.codec):
        assert not any(part.training for part in module.modules())
        assert not any(parameter.requires_grad for parameter in module.parameters())
    assert not any(tensor.requires_grad for tensor in model.encode_prompts(["x"]).tensors.values())
    assert model.device == torch.device("cpu")


def test_a_model_without_text_is_saved_and_loaded(tmp_path: Path) -> None:
    config = dict(CARD.backbone.config) | {"text": 0}
    card = dataclasses.replace(CARD, text=None, backbone=dataclasses.replace(CARD.backbone, config=config))
    modules = make_modules()
    unconditional = assemble(card, tmp_path).modules["backbone"].to_empty(device="cpu")
    for parameter in unconditional.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    native.save(tmp_path / "m", card, {"backbone": unconditional, "codec": modules["codec"]})
    model = native.load(tmp_path / "m")
    assert model.text_encoder is None
    assert model.encode_prompts(["anything"]).tensors == {}


def test_weights_that_are_not_the_cards_are_not_written(tmp_path: Path) -> None:
    modules = make_modules()
    with pytest.raises(CheckpointError, match=r"was not written: card and weights differ in 'text\."):
        native.save(tmp_path / "m", CARD, {name: modules[name] for name in ("backbone", "codec")})
    other = dataclasses.replace(CARD, downscale=8, latent_shape=(4, 2, 2), sizes=((16, 16),))
    with pytest.raises(
        CheckpointError, match="do not fit each other: the codec has 4 channels and a downscale of 4"
    ):
        native.save(tmp_path / "m", other, modules)
    assert os.listdir(tmp_path / "m") == []


@pytest.mark.parametrize(("value", "stored"), [(float("nan"), "float32"), (1e6, "float16")])
def test_a_weight_that_would_not_be_finite_is_not_written(
    tmp_path: Path, value: float, stored: native.Stored
) -> None:
    modules: dict[str, Any] = make_modules()
    modules["text"].norm.bias.data[0] = value
    with pytest.raises(CheckpointError, match=r"was not written: 'text\.norm\.bias' is not finite"):
        native.save(tmp_path / "m", CARD, modules, stored=stored)
    assert os.listdir(tmp_path / "m") == []


def outcomes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Fail a save's first call of the system, then its second, and so on; return what was there after each."""
    old = {path.name: path.read_bytes() for path in write_model(folder).iterdir()}
    sync, move, left = os.fsync, Path.replace, 0

    def full() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", lambda descriptor: (full(), sync(descriptor))[1])
    monkeypatch.setattr(Path, "replace", lambda self, target: (full(), move(self, target))[1])
    found = []
    for left in range(20):  # noqa: B007 - counted down by the calls
        try:
            native.save(folder, CARD, make_modules(seed=1))
        except StorageError as error:
            assert "the disk is full" in str(error)  # noqa: PT017 - the last one raises nothing
            if {path.name: path.read_bytes() for path in folder.iterdir()} == old:
                found.append("the old one")
            else:
                found.append(whatever_loads(folder))
            for name, data in old.items():
                (folder / name).write_bytes(data)
        else:
            return [*found, whatever_loads(folder)]
    raise AssertionError("it never succeeds")


def whatever_loads(folder: Path) -> str:
    if sorted(path.name for path in folder.iterdir()) != ["card.json", "model.safetensors"]:
        return "a mess"
    try:
        native.load(folder)
    except CheckpointError as error:
        return "known to be damaged" if "is damaged" in str(error) else str(error)
    return "the new one"


def test_whichever_write_fails_a_model_is_the_old_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = outcomes(tmp_path / "m", monkeypatch)
    # Two syncs and the first move; the second move, a moment later; the sync of the folder, where systems have one.
    assert found[:4] == ["the old one"] * 3 + ["known to be damaged"]
    assert set(found[4:]) == {"the new one"}


def test_a_writer_that_does_not_wait_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hasty(files: dict[Path, bytes]) -> None:
        for path, data in files.items():
            try:
                path.write_bytes(data)
                with path.open("rb") as file:
                    os.fsync(file.fileno())
            except OSError as error:
                raise storage_error(path, error) from error

    monkeypatch.setattr(native, "write_files", hasty)
    assert outcomes(tmp_path / "m", monkeypatch)[0] != "the old one"
