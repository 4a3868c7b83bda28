"""The time and memory that trainings need on this machine. Importable without torch."""

from __future__ import annotations

import contextlib
import json
import statistics
from collections import deque
from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from studio.engine.training.request import TrainEstimate
from studio.errors import StorageError
from studio.storage import write_file
from studio.strict_json import InvalidJsonError, convert, read_file

if TYPE_CHECKING:
    from pathlib import Path

    from studio.engine.training.request import TrainRequest

TIMINGS_NAME = "training.json"
MAX_TIMINGS = 1_000_000
CODEC_BATCH, TEXT_BATCH = 64, 256
"""Batch sizes of a folder's training: pictures of the codec, captions of the text encoder."""

TORCH_BYTES = 400_000_000
"""Memory of a process with torch before any training."""
BYTES_PER_PARAMETER = 20
"""float32 parameters, gradients, two moments and the moving average."""

_PARAMETERS = {"unet": (11.6e6, 19.3e6, 35.3e6), "dit": (11.7e6, 21.1e6, 44.5e6)}
_PER_PICTURE = {"unet": (8e6, 12e6, 20e6), "dit": (16e6, 34e6, 60e6)}
"""Estimates for each scale in latents of 64x64 pictures, until a rehearsal has measured them."""


_NotNegative = Annotated[float, Meta(ge=0)]
_Positive = Annotated[int, Meta(ge=1)]


@dataclass(frozen=True, kw_only=True)
class Timing:
    """The measurements of a rehearsal. The field names are those of the file.

    Attributes:
        machine: device and version of torch; on another machine it is measured again.
        dtype: the precision in which the backbone was fastest.
        seconds: of one step of each stage.
        batch: batch size of the backbone.
        bytes_per_picture: activations that a backbone step stores for each example.
        parameters: number of parameters of the whole model.
    """

    machine: str
    dtype: str
    seconds: Mapping[str, _NotNegative]
    batch: _Positive
    bytes_per_picture: _NotNegative
    parameters: _Positive

    @classmethod
    def unmeasured(cls, machine: str, batch: int, parameters: int) -> Timing:
        """Return the timing of a training in float32 whose speed is not known."""
        return cls(
            machine=machine,
            dtype="float32",
            seconds={},
            batch=batch,
            bytes_per_picture=0.0,
            parameters=parameters,
        )


def timing_key(request: TrainRequest) -> str:
    """Return a text that trainings of the same speed have in common."""
    model = request.base or f"{request.backbone} {request.scale} {'latents' if request.latents else 'pixels'}"
    source = request.source if request.from_recipe else ""
    return f"{model} {request.size} {'drafts' if request.text_steps else ''} {source}".strip()


def read_timing(request: TrainRequest, cache: Path) -> Timing | None:
    """Return the stored timing of such a training; None if there is none."""
    return _timing_of(request, _read(cache / TIMINGS_NAME))


def _timing_of(request: TrainRequest, stored: Mapping[str, Any]) -> Timing | None:
    with contextlib.suppress(InvalidJsonError):
        return convert(stored.get(timing_key(request)), Timing)
    return None


def write_timing(request: TrainRequest, timing: Timing, cache: Path) -> None:
    """Store a timing; if it cannot be written, the next start measures again."""
    with contextlib.suppress(StorageError):
        known = {**_read(cache / TIMINGS_NAME), timing_key(request): asdict(timing)}
        write_file(cache / TIMINGS_NAME, json.dumps(known, indent=1).encode())


def update_timing(request: TrainRequest, timing: Timing, stage: str, seconds: float, cache: Path) -> Timing:
    """Replace a stage's seconds per step by those of a real training; store and return the new timing."""
    share = timing.batch / request.batch if stage == "backbone" else 1.0
    corrected = replace(timing, seconds={**timing.seconds, stage: seconds * share})
    write_timing(request, corrected, cache)
    return corrected


def estimate(request: TrainRequest, cache: Path) -> TrainEstimate:
    """Return what a training would take, from the stored timings.

    Args:
        request: what to train.
        cache: the user's cache folder.
    """
    return _estimate(request, read_timing(request, cache))


class StoredTimings:
    """The stored timings, read once and again by `read`, so that an estimate never waits for the disk."""

    def __init__(self, cache: Path) -> None:
        self._path = cache / TIMINGS_NAME
        self._stored: dict[str, Any] = {}

    def read(self) -> None:
        """Read them; in any thread."""
        self._stored = _read(self._path)

    def estimate(self, request: TrainRequest) -> TrainEstimate:
        """Return what a training would take, as `estimate`, from what was read last."""
        return _estimate(request, _timing_of(request, self._stored))


def _estimate(request: TrainRequest, timing: Timing | None) -> TrainEstimate:
    if timing is None:
        place = {"small": 0, "medium": 1, "large": 2}.get(request.scale, 0)
        cells = (request.size / 64) ** 2 * (1 if request.latents else 16)
        parameters = int(_PARAMETERS[request.backbone][place])
        return TrainEstimate(
            seconds=None,
            memory_bytes=_memory(parameters, request.batch * _PER_PICTURE[request.backbone][place] * cells),
            parameters=parameters,
        )
    return TrainEstimate(
        seconds=sum(stage_seconds(request, timing).values()),
        memory_bytes=_memory(timing.parameters, request.batch * timing.bytes_per_picture),
        parameters=timing.parameters,
    )


def stage_seconds(request: TrainRequest, timing: Timing) -> dict[str, float]:
    """Return how long each stage of a request that is not a recipe takes."""
    steps = {"codec": request.codec_steps, "text": request.text_steps, "backbone": request.steps}
    share = request.batch / timing.batch
    return {
        stage: steps[stage] * seconds * (share if stage == "backbone" else 1.0)
        for stage, seconds in timing.seconds.items()
        if stage in steps
    }


def _memory(parameters: int, activations: float) -> int:
    return int(TORCH_BYTES + BYTES_PER_PARAMETER * parameters + activations)


def _read(path: Path) -> dict[str, Any]:
    with contextlib.suppress(StorageError):
        return read_file(path, dict[str, Any], MAX_TIMINGS)
    return {}


RECENT_STEPS = 25
"""Steps over which the present speed is averaged."""
ENOUGH_STEPS = 20
"""Steps after which a stage's own speed replaces that of a rehearsal."""


class EtaEstimator:
    """Estimates the remaining time of a training from the speed of its last steps and of the stages to come."""

    def __init__(self, steps: Mapping[str, int], seconds: Mapping[str, float]) -> None:
        """Start without measurements.

        Args:
            steps: number of steps of each stage.
            seconds: of one step, for the stages for which that is known.
        """
        self._steps, self._seconds = steps, dict(seconds)
        self._recent: deque[float] = deque(maxlen=RECENT_STEPS)
        self._stage = ""
        self._paused, self._stepped = 0.0, 0.0
        self._durations: dict[str, list[float]] = {}

    def add_step(self, stage: str, seconds: float) -> None:
        """Add the duration of a step, without what happened between it and the next."""
        if stage != self._stage:
            self._stage = stage
            self._recent.clear()
        self._recent.append(seconds)
        self._stepped += seconds
        self._durations.setdefault(stage, []).append(seconds)
        self._seconds[stage] = statistics.fmean(self._recent)

    def add_pause(self, seconds: float) -> None:
        """Add the duration of a sample or a checkpoint."""
        self._paused += seconds

    def measured(self, stage: str) -> float | None:
        """Return the median duration of a stage's steps; None after too few."""
        durations = self._durations.get(stage, [])
        return statistics.median(durations) if len(durations) >= ENOUGH_STEPS else None

    def pictures_per_second(self, batch: int) -> float:
        """Return the speed of the last steps, for a batch size."""
        return batch / max(self._seconds.get(self._stage, 0.0), 1e-9)

    def seconds_left(self, done: int) -> float | None:
        """Return the time left after ``done`` steps of this stage; None if the speed of a later stage is unknown."""
        stages = list(self._steps)
        later = stages[stages.index(self._stage) + 1 :]
        if any(stage not in self._seconds for stage in later):
            return None
        left = (self._steps[self._stage] - done) * self._seconds[self._stage]
        left += sum(self._steps[stage] * self._seconds[stage] for stage in later)
        return left * (1 + self._paused / max(self._stepped, 1e-9)) if self._stepped > 1 else left
