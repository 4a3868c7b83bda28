"""What trainings took on this machine, and what one would take. Importable without torch."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from studio.checkpoints.files import read_small
from studio.engine.training.request import TrainEstimate
from studio.errors import CheckpointError, StorageError
from studio.storage import ensure_folder, write_files

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from studio.engine.training.request import TrainRequest

TIMINGS_NAME = "training.json"
MAX_TIMINGS = 1_000_000
CODEC_BATCH, TEXT_BATCH = 64, 256
"""Pictures of a codec's step, captions of a text encoder's."""

TORCH_BYTES = 400_000_000
"""What a process with torch takes before it learns anything."""
BYTES_PER_PARAMETER = 20
"""float32 weights, slopes, two moments and the average."""

_PARAMETERS = {"unet": (11.6e6, 19.3e6, 35.3e6), "dit": (11.7e6, 21.1e6, 44.5e6)}
_PER_PICTURE = {"unet": (8e6, 12e6, 20e6), "dit": (16e6, 34e6, 60e6)}
"""About, of each scale in latents of 64x64 pictures; what a rehearsal measures takes their place."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What a rehearsal measured.

    Attributes:
        machine: on what, so that another device or version of torch is measured anew.
        dtype: the numbers in which the backbone was fastest.
        seconds: of a step of each stage.
        batch: pictures of a step of the backbone.
        bytes_per_picture: that a step of the backbone keeps for each picture, for its slopes.
        parameters: numbers of the whole model.
    """

    machine: str
    dtype: str
    seconds: Mapping[str, float]
    batch: int
    bytes_per_picture: float
    parameters: int


def key_of(request: TrainRequest) -> str:
    """Return what trainings that take equally long have in common."""
    model = request.base or f"{request.backbone} {request.scale} {'latents' if request.latents else 'pixels'}"
    source = request.source if request.from_recipe else ""
    return f"{model} {request.size} {'drafts' if request.text_steps else ''} {source}".strip()


def read_timing(request: TrainRequest, cache: Path) -> Timing | None:
    """Return what is remembered of such a training; None where nothing is."""
    values: Any = _read(cache / TIMINGS_NAME).get(key_of(request))
    try:
        timing = Timing(**values)
        right = all(type(value) is float and value >= 0 for value in timing.seconds.values())
        right = right and timing.batch > 0 and timing.parameters > 0 and timing.bytes_per_picture >= 0
        return timing if right and isinstance(timing.dtype, str) else None
    except (TypeError, AttributeError):
        return None


def write_timing(request: TrainRequest, timing: Timing, cache: Path) -> None:
    """Remember what such a training takes; if it cannot be written, the next start measures again."""
    with contextlib.suppress(StorageError):
        known = {**_read(cache / TIMINGS_NAME), key_of(request): asdict(timing)}
        write_files({ensure_folder(cache) / TIMINGS_NAME: json.dumps(known, indent=1).encode()})


def correct_timing(request: TrainRequest, timing: Timing, stage: str, seconds: float, cache: Path) -> Timing:
    """Remember what a stage's steps really took, in place of what a rehearsal measured, and return the new timing."""
    share = timing.batch / request.batch if stage == "backbone" else 1.0
    corrected = replace(timing, seconds={**timing.seconds, stage: seconds * share})
    write_timing(request, corrected, cache)
    return corrected


def estimate(request: TrainRequest, cache: Path) -> TrainEstimate:
    """Return what a training would take, from what is remembered.

    Args:
        request: what to train.
        cache: the folder of what may be forgotten.
    """
    timing = read_timing(request, cache)
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
    """Return how long each stage of a request that is no recipe takes, by what a rehearsal measured."""
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
    try:
        known = json.loads(read_small(path, MAX_TIMINGS))
    except (CheckpointError, ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}
