from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import os
import random
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load as library_load
from safetensors.torch import load_file
from safetensors.torch import save as library_save
from torch import Tensor

from studio.checkpoints import native
from studio.checkpoints.assembly import assemble
from studio.checkpoints.model import LoadCancelled, Model
from studio.checkpoints.weights import READ_CHUNK, read_weights
from studio.errors import CheckpointError, StorageError
from tests.checkpoints.corpus import HOSTILE
from tests.checkpoints.models import CARD, make_modules, saved, write_model
from tests.checkpoints.test_card import mutated

if TYPE_CHECKING:
    from collections.abc import Callable

Tensors = dict[str, Tensor]


def state(model: Model) -> Tensors:
    parts = {"backbone": model.backbone, "text": model.text_encoder, "codec": model.codec}
    return {
        f"{part}.{name}": tensor
        for part, module in parts.items()
        if module is not None
        for name, tensor in module.state_dict().items()
    }


def weights_of(files: dict[str, bytes]) -> Tensors:
    return library_load(files["model.safetensors"])


def with_weights(folder: Path, change: Callable[[Tensors], object], **fields: Any) -> Path:  # noqa: ANN401
    """Write the tiny model with changed weights and a card whose hash is right for them."""
    tensors = weights_of(saved())
    change(tensors)
    data = library_save(tensors)
    fields = {"weights_sha256": hashlib.sha256(data).hexdigest()} | fields
    return write_model(folder, weights=data, **fields)


def refused(folder: Path) -> str:
    begun = time.perf_counter()
    with pytest.raises(CheckpointError) as error:
        native.load(folder)
    assert time.perf_counter() - begun < 2
    sentence = str(error.value)
    assert str(folder) in sentence
    assert sentence.isprintable()
    return sentence


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
    other: Any = object()
    assert model.denoiser(other).backbone is other


def test_a_loaded_model_is_ready_to_use_and_not_to_train(tmp_path: Path) -> None:
    model = native.load(write_model(tmp_path / "m"))
    assert model.text_encoder is not None
    for module in (model.backbone, model.text_encoder, model.codec):
        assert not any(part.training for part in module.modules())
        assert not any(parameter.requires_grad for parameter in module.parameters())
    assert not any(tensor.requires_grad for tensor in model.encode_prompts(["x"]))
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
    assert model.encode_prompts(["anything"]) == ()


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_weights_are_refused_before_anything_is_built_of_them(tmp_path: Path, case: str) -> None:
    data, reason = HOSTILE[case]
    assert reason in refused(write_model(tmp_path / "m", weights=data))


def _drop(tensors: Tensors) -> None:
    del tensors["codec.encoder.1.weight"]


def _add(tensors: Tensors) -> None:
    tensors["backbone.extra"] = torch.zeros(1)


def _reshape(tensors: Tensors) -> None:
    tensors["backbone.out.bias"] = torch.zeros(5)


def _retype(tensors: Tensors) -> None:
    tensors["backbone.out.bias"] = torch.zeros(4, dtype=torch.int64)


def _poison(value: float) -> Callable[[Tensors], None]:
    def poison(tensors: Tensors) -> None:
        tensors["text.norm.bias"].view(-1)[3] = value

    return poison


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_drop, "lacks what its card asks for: 'codec.encoder.1.weight'"),
        (_add, "holds what its card knows nothing of: 'backbone.extra'"),
        (_reshape, "holds 'backbone.out.bias' with the shape 5; its card asks for 4"),
        (_retype, "holds 'backbone.out.bias' as I64, the wrong kind of number"),
        (_poison(float("nan")), "holds values that are not finite numbers in 'text.norm.bias'"),
        (_poison(float("inf")), "holds values that are not finite numbers in 'text.norm.bias'"),
        (_poison(3e38), "describes a model that gives values which are not finite numbers"),
    ],
    ids=["missing", "unexpected", "another shape", "another kind", "NaN", "infinite", "huge"],
)
def test_weights_that_are_not_the_cards_are_named(
    tmp_path: Path, change: Callable[[Tensors], object], reason: str
) -> None:
    assert reason in refused(with_weights(tmp_path / "m", change))


def test_many_missing_tensors_are_counted_and_not_all_listed(tmp_path: Path) -> None:
    sentence = refused(
        with_weights(tmp_path / "m", lambda tensors: [tensors.pop(key) for key in list(tensors)[9:]])
    )
    assert " more." in sentence
    assert len(sentence) < 400


def test_a_changed_bit_is_seen_by_the_hash(tmp_path: Path) -> None:
    data = bytearray(saved()["model.safetensors"])
    data[-1] ^= 1
    assert "is damaged or not the file its card was made for" in refused(
        write_model(tmp_path, weights=bytes(data))
    )


def test_a_damaged_file_is_called_damaged_even_where_the_damage_is_no_number(tmp_path: Path) -> None:
    data = bytearray(saved()["model.safetensors"])
    data[-4:] = b"\x00\x00\xc0\x7f"
    assert "is damaged" in refused(write_model(tmp_path, weights=bytes(data)))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"weights_sha256": "0" * 64}, "is damaged or not the file its card was made for"),
        ({"weights_sha256": ""}, "lacks the hash of its weights"),
        ({"parameters": 5}, "its card says 5"),
        ({"text": None}, "holds what its card knows nothing of: 'text."),
        ({"defaults": CARD.to_dict()["defaults"] | {"steps": 60}, "schedule": {"kind": "cosine", "config": {"T": 50}}},
         "has more default steps than its schedule has times (50)"),
        ({"schedule": {"kind": "karras", "config": {}}}, "asks for a schedule of kind 'karras' (there are: linear,"),
        ({"schedule": {"kind": "linear", "config": {"beta_end": -5.0}}}, "describes an impossible schedule"),
        ({"schedule": {"kind": "cosine", "config": {"s": -1}}}, "describes an impossible schedule"),
        ({"schedule": {"kind": "cosine", "config": {"T": 10**9}}}, "schedule.config.T must be a whole number from 0"),
        ({"codec": {"kind": "vqgan", "config": {}}}, "asks for a codec of kind 'vqgan' (there are: identity, conv)"),
        ({"codec": {"kind": "conv", "config": {"widths": []}}}, "describes an impossible codec"),
    ],
)  # fmt: skip
def test_a_card_that_is_not_the_weights_is_named(tmp_path: Path, fields: dict[str, Any], reason: str) -> None:
    assert reason in refused(write_model(tmp_path / "m", **fields))


@pytest.mark.parametrize(
    ("part", "change", "reason"),
    [
        ("backbone", {"widths": [16, 64]}, "with the shape 32x16x3x3; its card asks for 64x16x3x3"),
        ("backbone", {"blocks": 2}, "lacks what its card asks for"),
        (
            "backbone",
            {"widths": [4096] * 8, "attention": [True] * 8, "blocks": 16, "text": 4096},
            "lacks what",
        ),
        ("backbone", {"widths": [16, 17]}, "describes an impossible backbone"),
        ("backbone", {"widths": [16]}, "describes an impossible backbone"),
        ("backbone", {"head_width": 0}, "describes an impossible backbone"),
        ("backbone", {"head_width": 10}, "describes parts that do not fit each other"),
        ("backbone", {"channels": 8}, "with the shape"),
        ("text", {"features": 4096, "buckets": 65_536, "layers": 64}, "lacks what its card asks for"),
        ("text", {"buckets": 65_536}, "with the shape"),
        ("text", {"buckets": 2 * 10**8}, "text.config.buckets must be a whole number from 0 to 65,536"),
        ("text", {"layers": 20_000}, "text.config.layers must be a whole number from 0 to 64"),
        ("text", {"heads": 0}, "describes parts that do not fit each other"),
        ("text", {"ngrams": 10**6}, "text.config.ngrams must be a whole number from 0 to 128"),
    ],
)
def test_a_hostile_configuration_is_refused_without_building_it(
    tmp_path: Path, part: str, change: dict[str, Any], reason: str
) -> None:
    component = CARD.to_dict()[part]
    sentence = refused(write_model(tmp_path, **{part: component | {"config": component["config"] | change}}))
    assert reason in sentence


def test_sizes_that_would_fill_the_memory_are_refused(tmp_path: Path) -> None:
    config = CARD.to_dict()["codec"]["config"] | {"widths": [16, 4096]}
    folder = write_model(tmp_path, sizes=[[16, 16], [2048, 2048]], codec={"kind": "conv", "config": config})
    assert "numbers for one picture" in refused(folder)


def test_a_card_with_any_one_change_is_loaded_or_refused_and_never_anything_else(tmp_path: Path) -> None:
    draw = random.Random(0)
    card = json.loads(saved()["card.json"])
    folder = write_model(tmp_path)
    refusals = 0
    for _ in range(200):
        (folder / "card.json").write_text(json.dumps(mutated(draw, card)), encoding="utf-8")
        try:
            native.load(folder)
        except CheckpointError:
            refusals += 1
    assert 120 < refusals < 200


@pytest.mark.parametrize("name", ["card.json", "model.safetensors"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = write_model(tmp_path / "m")
    (folder / name).unlink()
    assert refused(folder).endswith(f"{name} is missing.")


class Countdown(threading.Event):
    """An event that is set once it has been looked at a number of times."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    def is_set(self) -> bool:
        self.looks -= 1
        return self.looks < 0


def test_a_load_is_dropped_at_the_next_tensor_wherever_it_is_cancelled(tmp_path: Path) -> None:
    folder = write_model(tmp_path)
    never = Countdown(10**6)
    native.load(folder, cancelled=never)
    looks = 10**6 - never.looks
    assert looks > len(weights_of(saved()))
    for when in range(0, looks, 7):
        event = Countdown(when)
        with pytest.raises(LoadCancelled):
            native.load(folder, cancelled=event)
        assert event.looks == -1  # it was not looked at again: nothing went on


def test_within_a_large_tensor_too_a_load_is_dropped(tmp_path: Path) -> None:
    tensors = {"a": torch.zeros(3 * READ_CHUNK // 4 + 1)}
    data = library_save(tensors)
    (tmp_path / "m").write_bytes(data)
    facts: Any = {"sha256": hashlib.sha256(data).hexdigest(), "parameters": tensors["a"].numel()}
    for when in range(4):
        with pytest.raises(LoadCancelled):
            read_weights(
                tmp_path / "m", tensors, device=torch.device("cpu"), cancelled=Countdown(when), **facts
            )
    assert torch.equal(
        read_weights(tmp_path / "m", tensors, device=torch.device("cpu"), **facts)["a"], tensors["a"]
    )


def test_a_file_that_shrinks_while_it_is_read_is_named(tmp_path: Path) -> None:
    folder = write_model(tmp_path)

    class Shrinking(Countdown):
        def is_set(self) -> bool:
            if super().is_set() and self.looks == -1:
                os.truncate(folder / "model.safetensors", 10_000)
            return False

    with pytest.raises(CheckpointError, match="became shorter while it was read"):
        native.load(folder, cancelled=Shrinking(60))


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


def test_whichever_write_fails_a_model_is_whole_or_known_to_be_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Fail the first call of the system, then the second, and so on until the save succeeds.
    folder = write_model(tmp_path / "m")
    old = {path.name: path.read_bytes() for path in folder.iterdir()}
    sync, move = os.fsync, Path.replace
    countdown = 0

    def fails() -> None:
        nonlocal countdown
        countdown -= 1
        if countdown < 0:
            raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", lambda descriptor: (fails(), sync(descriptor))[1])
    monkeypatch.setattr(Path, "replace", lambda self, target: (fails(), move(self, target))[1])
    kept = broken = renewed = 0
    for call in range(20):
        countdown = call
        try:
            native.save(folder, CARD, make_modules(seed=1))
            break
        except StorageError as error:
            assert "the disk is full" in str(error)  # noqa: PT017 - the last call raises nothing
        assert not [path for path in folder.iterdir() if path.name.endswith(".part")]
        found = {path.name: path.read_bytes() for path in folder.iterdir()}
        kept += found == old
        broken += (
            found["model.safetensors"] != old["model.safetensors"] and found["card.json"] == old["card.json"]
        )
        renewed += found["card.json"] != old["card.json"]
        if found["card.json"] != old["card.json"]:
            native.load(folder)
        elif found != old:
            assert "is damaged" in refused(folder)
        for name, data in old.items():
            (folder / name).write_bytes(data)
    # Two syncs and the first move; the second move; the sync of the folder (not every system has one).
    assert (kept, broken, renewed) == (3, 1, 1 if os.name == "posix" else 0)
    assert native.load(folder).card.title == CARD.title
