from __future__ import annotations

import hashlib
import json
import random
import time
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import save as library_save
from torch import Tensor

from studio.checkpoints import native
from studio.checkpoints.folder import describe
from studio.errors import CheckpointError
from tests.checkpoints.models import CARD, saved, weights, write_model
from tests.checkpoints.test_card import mutated
from tests.weights.corpus import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Tensors = dict[str, Tensor]


def with_weights(folder: Path, change: Callable[[Tensors], object], **fields: Any) -> Path:  # noqa: ANN401
    """Write the tiny model with changed weights and a card whose hash is right for them."""
    tensors = weights()
    change(tensors)
    data = library_save(tensors)
    fields = {"weights_sha256": hashlib.sha256(data).hexdigest()} | fields
    return write_model(folder, weights=data, **fields)


def refused(folder: Path) -> str:
    begun = time.process_time()
    with pytest.raises(CheckpointError) as error:
        native.load(folder)
    assert time.process_time() - begun < 2
    sentence = str(error.value)
    assert str(folder) in sentence
    assert sentence.isprintable()
    return sentence


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
        (_drop, "lacks tensors of its card: 'codec.encoder.1.weight'"),
        (_add, "holds tensors that its card does not have: 'backbone.extra'"),
        (_reshape, "holds 'backbone.out.bias' with the shape 5; its card asks for 4"),
        (_retype, "holds 'backbone.out.bias' as I64, the wrong kind of number"),
        (_poison(float("nan")), "holds values that are not finite numbers in 'text.norm.bias'"),
        (_poison(float("inf")), "holds values that are not finite numbers in 'text.norm.bias'"),
        (_poison(3e38), "describes a model whose values are not finite numbers"),
    ],
    ids=["missing", "unexpected", "another shape", "another kind", "NaN", "infinite", "huge"],
)
def test_weights_that_are_not_the_cards_are_named(
    tmp_path: Path, change: Callable[[Tensors], object], reason: str
) -> None:
    assert reason in refused(with_weights(tmp_path / "m", change))


def test_a_dtype_that_this_program_never_writes_is_refused(tmp_path: Path) -> None:
    def store_small(tensors: Tensors) -> None:
        tensors["backbone.out.bias"] = tensors["backbone.out.bias"].to(torch.float8_e5m2)

    folder = with_weights(tmp_path / "m", store_small)
    assert "must be one of F32, F16, BF16, I64, not 'F8_E5M2'" in refused(folder)
    with pytest.raises(CheckpointError, match="F8_E5M2"):
        describe(folder)


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
        ({"text": None}, "holds tensors that its card does not have: 'text."),
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
        ("backbone", {"blocks": 2}, "lacks tensors of its card"),
        (
            "backbone",
            {"widths": [4096] * 8, "attention": [True] * 8, "blocks": 8, "text": 4096},
            "lacks tensors of its card",
        ),
        ("backbone", {"widths": [16, 17]}, "describes an impossible backbone"),
        ("backbone", {"widths": [16]}, "describes an impossible backbone"),
        ("backbone", {"head_width": 0}, "describes an impossible backbone"),
        ("backbone", {"head_width": 10}, "describes an impossible backbone"),
        ("backbone", {"channels": 8}, "with the shape"),
        ("text", {"features": 4096, "buckets": 65_536, "layers": 64}, "lacks tensors of its card"),
        ("text", {"buckets": 65_536}, "with the shape"),
        ("text", {"buckets": 2 * 10**8}, "text.config.buckets must be a whole number from 0 to 65,536"),
        ("text", {"layers": 20_000}, "text.config.layers must be a whole number from 0 to 64"),
        ("text", {"heads": 0}, "describes an impossible text"),
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
    assert "values for one picture" in refused(folder)


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
