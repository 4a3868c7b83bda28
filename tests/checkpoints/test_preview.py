"""A preview decoder beside a model: read as strictly as the model, and never in its way."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
import torch

from studio.backbones.preview_decoder import PreviewConfig, PreviewDecoder
from studio.checkpoints import native
from studio.checkpoints.catalog import find_model
from studio.checkpoints.preview import PREVIEW_CARD, PREVIEW_WEIGHTS, fingerprint, load_preview, save_preview
from studio.errors import CheckpointError
from studio.folders import Folders
from tests.checkpoints.models import make_modules, saved, write_model

if TYPE_CHECKING:
    from pathlib import Path

CPU = torch.device("cpu")
CONFIG = PreviewConfig(channels=4, downscale=4, width=8, layers=1)


def make_decoder(config: PreviewConfig = CONFIG) -> PreviewDecoder:
    torch.manual_seed(5)
    return PreviewDecoder(config).eval()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole model with a preview decoder."""
    folder = write_model(tmp_path / "m")
    codec: Any = make_modules()["codec"]
    save_preview(folder, make_decoder(), codec)
    return folder


def load(folder: Path) -> Any:  # noqa: ANN401
    return load_preview(folder, native.load(folder).codec, CPU)  # type: ignore[arg-type]


@torch.no_grad()
def test_a_preview_decoder_comes_back_rounded_to_half(folder: Path) -> None:
    found, expected = load(folder), make_decoder().half().float()
    latents = torch.randn(2, 4, 4, 8)
    assert torch.equal(found(latents), expected(latents))
    assert found(latents).shape == (2, 3, 16, 32)
    assert not any(parameter.requires_grad for parameter in found.parameters())
    assert not found.training
    assert (folder / PREVIEW_WEIGHTS).stat().st_size < 2 * 5000 + 2000


def test_it_is_no_part_of_the_model(folder: Path, tmp_path: Path) -> None:
    bare = write_model(tmp_path / "bare")
    for name in saved():
        assert (folder / name).read_bytes() == (bare / name).read_bytes()
    assert sorted(os.listdir(folder)) == sorted([*saved(), PREVIEW_CARD, PREVIEW_WEIGHTS])
    assert native.load(folder).card == native.load(bare).card
    assert find_model(str(folder), Folders.under(folder)).error is None


def test_a_model_without_one_has_none(tmp_path: Path) -> None:
    assert load(write_model(tmp_path / "m")) is None


def test_the_same_decoder_is_the_same_file(folder: Path, tmp_path: Path) -> None:
    codec: Any = make_modules()["codec"]
    save_preview(tmp_path / "again", make_decoder(), codec)
    for name in (PREVIEW_CARD, PREVIEW_WEIGHTS):
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_the_fingerprint_tells_decoders_apart_but_not_what_they_are_stored_in() -> None:
    modules: list[Any] = [make_modules(seed)["codec"].decoder for seed in (0, 1)]
    assert fingerprint(modules[0]) != fingerprint(modules[1])
    assert fingerprint(modules[0]) == fingerprint(make_modules()["codec"].decoder.half().float())  # type: ignore[union-attr,operator]
    small = make_modules()["codec"].decoder
    next(small.parameters()).data[0, 0] += 0.01  # type: ignore[union-attr]
    assert fingerprint(modules[0]) != fingerprint(small)  # type: ignore[arg-type]


def test_the_decoder_of_another_model_is_refused(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    other: Any = make_modules(seed=9)["codec"]
    save_preview(folder, make_decoder(), other)
    with pytest.raises(CheckpointError, match="belongs to another model"):
        load(folder)


def test_a_decoder_of_other_latents_is_refused(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    codec: Any = make_modules()["codec"]
    save_preview(folder, make_decoder(PreviewConfig(channels=4, downscale=8, width=8, layers=1)), codec)
    with pytest.raises(CheckpointError, match="describes a decoder for latents of another shape"):
        load(folder)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format_version": 2}, "has version 2, written by a newer Stepwise Studio"),
        ({"format_version": True}, "format_version must be 1"),
        ({"extra": 1}, "has the field 'extra'"),
        ({"stands_for": "x"}, "stands_for must be 64"),
        ({"weights_sha256": "0" * 64}, "is damaged or not the file"),
        ({"parameters": 3}, "its card says 3"),
        ({"decoder": {"kind": "gan", "config": {}}}, "kind 'gan'"),
        ({"decoder": {"kind": "conv", "config": {"width": 10**9}}}, "width must be a whole number"),
        (
            {
                "decoder": {
                    "kind": "conv",
                    "config": {"channels": 4, "downscale": 4, "layers": 1, "width": 4096},
                }
            },
            "lacks|shape",
        ),
        (
            {"decoder": {"kind": "conv", "config": {"channels": 4, "downscale": 4, "layers": 1, "width": 0}}},
            "impossible|shape",
        ),
        ({"decoder": 3}, "decoder must be a JSON object"),
    ],
)
def test_a_wrong_card_is_named(folder: Path, changes: dict[str, Any], said: str) -> None:
    path = folder / PREVIEW_CARD
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(CheckpointError, match=said):
        load(folder)


@pytest.mark.parametrize("data", [b"", b"{", b"\x80\x04", b"<html>", b"[1]", b"[" * 90_000, b" " * 200_000])
def test_a_card_that_is_none_is_named(folder: Path, data: bytes) -> None:
    (folder / PREVIEW_CARD).write_bytes(data)
    with pytest.raises(CheckpointError, match=r"preview\.json"):
        load(folder)


def test_damaged_or_missing_weights_are_named(folder: Path) -> None:
    path = folder / PREVIEW_WEIGHTS
    data = path.read_bytes()
    for broken in (data[:-1], data[:-1] + bytes([data[-1] ^ 1]), data + b"\0", b"", data[:20]):
        path.write_bytes(broken)
        with pytest.raises(CheckpointError, match=r"preview\.safetensors"):
            load(folder)
    path.unlink()
    with pytest.raises(CheckpointError, match=r"preview\.safetensors is missing"):
        load(folder)


def test_weights_that_are_not_finite_are_not_written(tmp_path: Path) -> None:
    decoder = make_decoder()
    decoder.last.bias.data[0] = float("inf")  # type: ignore[index]
    codec: Any = make_modules()["codec"]
    with pytest.raises(CheckpointError, match="not finite"):
        save_preview(tmp_path / "m", decoder, codec)
    assert os.listdir(tmp_path / "m") == []
