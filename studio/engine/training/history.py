"""The history of a training on disk: its losses, samples and checkpoints, to be shown again when it is resumed.

It is stored beside the training's record: ``history.json``, written at every checkpoint, and a folder of samples as
PNG. It is only displayed; no computation depends on it, so a file that cannot be written or read is ignored.
Importable without torch.
"""

from __future__ import annotations

import contextlib
import io
import math
import shutil
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from PIL import Image

from studio.engine.training.events import (
    CheckpointSaved,
    SampleKind,
    StageName,
    TrainingHistory,
    TrainingSampled,
    TrainingStepped,
)
from studio.errors import StorageError
from studio.storage import read_small, write_file

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

HISTORY_NAME = "history.json"
SAMPLES_FOLDER = "samples"
MAX_HISTORY = 20_000_000
"""Bytes of a history that is read."""
MAX_POINTS = 512
"""A stage keeps up to twice as many points; of more, neighbours are merged."""
MAX_SAMPLES = 40
"""Of more, every second of the older half is deleted."""
MAX_PIXELS = 20_000_000


class _Point(msgspec.Struct):
    """The means over some consecutive steps; ``step`` is the last of them, ``bands`` may hold None."""

    step: int
    count: int
    loss: float
    rate: float
    bands: tuple[float | None, ...] = ()


class _StageLosses(msgspec.Struct):
    steps: int
    width: int = 1
    points: list[_Point] = msgspec.field(default_factory=list)


class _Sample(msgspec.Struct, frozen=True):
    stage: StageName
    step: int
    what: SampleKind
    prompts: tuple[str, ...]
    seeds: tuple[int, ...]
    originals: bool = False

    @property
    def file(self) -> str:
        return f"{self.stage}-{self.step:08}.png"


class _Checkpoint(msgspec.Struct, frozen=True):
    step: int
    model: str


class _Record(msgspec.Struct):
    stages: dict[StageName, _StageLosses] = msgspec.field(default_factory=dict)
    samples: list[_Sample] = msgspec.field(default_factory=list)
    checkpoints: list[_Checkpoint] = msgspec.field(default_factory=list)


class HistoryLog:
    """Collects the events of a training, and reads them back."""

    def __init__(self, folder: Path) -> None:
        """Read the history in a training's folder; one that is missing or damaged is empty."""
        self._folder = folder
        self._record = _Record()
        with contextlib.suppress(StorageError, msgspec.DecodeError, RecursionError):
            data = read_small(folder / HISTORY_NAME, MAX_HISTORY)
            self._record = msgspec.json.decode(data, type=_Record)

    def clear(self) -> None:
        """Forget everything, for a training that starts from its first step."""
        self._record = _Record()
        shutil.rmtree(self._folder / SAMPLES_FOLDER, ignore_errors=True)
        with contextlib.suppress(OSError):
            (self._folder / HISTORY_NAME).unlink(missing_ok=True)

    # ---------------------------------------------------------------------------------------------------- collecting
    def add_step(self, event: TrainingStepped) -> None:
        stage = self._record.stages.setdefault(event.stage, _StageLosses(steps=event.steps))
        point = _Point(event.step, 1, event.loss, event.rate, event.bands)
        if stage.points and stage.points[-1].count < stage.width:
            stage.points[-1] = _merged(stage.points[-1], point)
        else:
            stage.points.append(point)
        if len(stage.points) >= 2 * MAX_POINTS:
            stage.width *= 2
            pairs = zip(stage.points[::2], stage.points[1::2], strict=True)
            stage.points = [_merged(first, second) for first, second in pairs]

    def add_sample(self, event: TrainingSampled) -> None:
        """Write the pictures of a sample, and delete older ones if there are too many."""
        sample = _Sample(
            event.stage, event.step, event.what, event.prompts, event.seeds, event.originals is not None
        )
        picture = _tiled(event.pictures)
        if event.originals is not None:
            picture = np.concatenate([picture, _tiled(event.originals)], axis=1)
        data = io.BytesIO()
        Image.fromarray(picture).save(data, "PNG")
        folder = self._folder / SAMPLES_FOLDER
        with contextlib.suppress(StorageError):
            write_file(folder / sample.file, data.getvalue())
            same = (sample.stage, sample.step)
            samples = [one for one in self._record.samples if (one.stage, one.step) != same]
            self._record.samples = [*samples, sample]
        if len(self._record.samples) > MAX_SAMPLES:
            half = len(self._record.samples) // 2
            for old in self._record.samples[1:half:2]:
                with contextlib.suppress(OSError):
                    (folder / old.file).unlink(missing_ok=True)
            self._record.samples = self._record.samples[:half:2] + self._record.samples[half:]

    def add_checkpoint(self, event: CheckpointSaved) -> None:
        """Add a checkpoint's model, and remove those that were deleted in its favour."""
        deleted = {event.model, *event.removed}
        kept = [one for one in self._record.checkpoints if one.model not in deleted]
        self._record.checkpoints = [*kept, _Checkpoint(event.step, event.model)]

    def rewind(self, stage: StageName, step: int) -> None:
        """Remove what came after a step of a stage: those steps will be done again."""
        losses = self._record.stages.get(stage)
        if losses is not None:
            losses.points = [point for point in losses.points if point.step <= step]
        self._record.samples = [one for one in self._record.samples if one.stage != stage or one.step <= step]

    def save(self) -> None:
        """Write the history; if that fails, the one on disk is kept."""
        with contextlib.suppress(StorageError, ValueError):
            write_file(self._folder / HISTORY_NAME, msgspec.json.encode(self._record) + b"\n")

    # -------------------------------------------------------------------------------------------------- reading back
    def event(self, job_id: str, models: Path) -> TrainingHistory | None:
        """Return the history as an event; None if it is empty.

        Args:
            job_id: of the event.
            models: the folder of the checkpoints' models; those that were deleted are left out.
        """
        losses = [
            TrainingStepped(
                job_id=job_id,
                stage=stage,
                step=point.step,
                steps=found.steps,
                loss=point.loss,
                bands=point.bands,
                rate=point.rate,
                pictures_per_second=0.0,
                seconds_left=None,
            )
            for stage, found in self._record.stages.items()
            for point in found.points
        ]
        samples = [self._read_sample(sample, job_id) for sample in self._record.samples]
        checkpoints = [
            CheckpointSaved(job_id=job_id, step=one.step, model=one.model, folder=models / one.model)
            for one in self._record.checkpoints
            if "/" not in one.model and "\\" not in one.model and (models / one.model).is_dir()
        ]
        if not losses and not samples and not checkpoints:
            return None
        return TrainingHistory(
            job_id=job_id,
            losses=tuple(losses),
            samples=tuple(sample for sample in samples if sample is not None),
            checkpoints=tuple(checkpoints),
        )

    def _read_sample(self, sample: _Sample, job_id: str) -> TrainingSampled | None:
        count = len(sample.prompts)
        try:
            with Image.open(self._folder / SAMPLES_FOLDER / sample.file, formats=["PNG"]) as image:
                if not count or image.width * image.height > MAX_PIXELS:
                    return None
                pixels = np.asarray(image.convert("RGB"))
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            return None
        columns = np.split(pixels, 2, axis=1) if sample.originals and pixels.shape[1] % 2 == 0 else [pixels]
        if pixels.shape[0] % count or len(columns) != 1 + sample.originals:
            return None
        pictures = [_untiled(column, count) for column in columns]
        return TrainingSampled(
            job_id=job_id,
            stage=sample.stage,
            step=sample.step,
            what=sample.what,
            prompts=sample.prompts,
            seeds=sample.seeds,
            pictures=pictures[0],
            originals=pictures[1] if sample.originals else None,
        )


def _merged(first: _Point, second: _Point) -> _Point:
    count = first.count + second.count

    def mean(a: float, b: float) -> float:
        return (a * first.count + b * second.count) / count

    bands = tuple(
        mean(a, b) if a is not None and b is not None else a if b is None else b
        for a, b in zip(first.bands, second.bands, strict=False)
    )
    loss = mean(first.loss, second.loss)
    return _Point(second.step, count, loss if math.isfinite(loss) else second.loss, second.rate, bands)


def _tiled(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return pictures (N, H, W, 3) below each other, (N H, W, 3)."""
    return np.concatenate(list(pictures), axis=0)


def _untiled(column: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    height, width, _ = column.shape
    pictures = column.reshape(count, height // count, width, 3).copy()
    pictures.setflags(write=False)
    return pictures
