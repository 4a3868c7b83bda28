"""Tiny trainings: folders of four pictures, and models of two scales that are tiny too."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PIL import Image

from studio.engine.training.estimate import Timing, write_timing
from studio.engine.training.rehearsal import machine_of
from studio.engine.training.request import TrainRequest
from studio.engine.training.scales import SCALES, Scale

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pytest

    from studio.engine.engine import Engine
    from studio.engine.training.events import TrainEvent
    from studio.folders import Folders

TEXT = {"features": 16, "buckets": 64, "layers": 1, "heads": 2}
CODEC = {"channels": 4, "widths": (16, 16)}
TINY = {
    "unet": Scale(title="Tiny", backbone={"widths": (16, 32), "embedding": 32}, text=TEXT, codec=CODEC),
    "dit": Scale(title="Tiny", backbone={"features": 16, "layers": 1, "heads": 2}, text=TEXT, codec=CODEC),
}
COLOURS = ("red", "green", "blue", "yellow")


def add_tiny_scales(patch: pytest.MonkeyPatch | None = None) -> None:
    """Offer the scale "tiny" of each backbone; for good where there is no ``patch`` that takes it back."""
    for kind, scale in TINY.items():
        if patch is None:
            SCALES[kind]["tiny"] = scale
        else:
            patch.setitem(SCALES[kind], "tiny", scale)


def draw_folder(folder: Path, colours: Iterable[str] = COLOURS) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, colour in enumerate(colours):
        Image.new("RGB", (24 + number, 20), colour).save(folder / f"{colour} square.png")
    return folder


def tiny_request(folder: Path, **changes: Any) -> TrainRequest:  # noqa: ANN401 - fields of a request
    request = TrainRequest(
        source=str(folder),
        name="squares",
        size=16,
        scale="tiny",
        steps=8,
        batch=4,
        codec_steps=3,
        text_steps=3,
        sample_seconds=1e5,
        save_seconds=1e5,
        keep_every=1000,
    )
    return replace(request, **changes)


def know_speed(engine: Engine, request: TrainRequest, dtype: str = "float32") -> None:
    """Write down how fast trainings are, so that none is rehearsed and chance does not choose their numbers."""
    timing = Timing(
        machine=machine_of(engine.device),
        dtype=dtype,
        seconds={"codec": 0.1, "text": 0.1, "backbone": 0.1},
        batch=4,
        bytes_per_picture=1e5,
        parameters=12_345,
    )
    write_timing(request, timing, engine.folders.cache)


def of_kind(events: Iterable[TrainEvent], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def model_bytes(folders: Folders, name: str = "squares") -> bytes:
    return (folders.models / name / "model.safetensors").read_bytes()
