"""The time of a model call on this machine, as measured in earlier runs. Imports no Qt.

The measurements are in the cache folder: if the file is missing or broken, the next run measures again.
"""

from __future__ import annotations

import contextlib
import json
import math
import statistics
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from msgspec import Meta

from studio.errors import StorageError
from studio.storage import ensure_folder, write_files
from studio.strict_json import InvalidJsonError, convert, read_file

if TYPE_CHECKING:
    from pathlib import Path

    from studio.ui.core.job_state import JobState

TIMINGS_NAME = "timings.json"
MAX_BYTES = 1_000_000
MAX_KEYS = 200
RUNS = 3
"""The estimate is the median of this many runs, so that one run on a busy machine does not distort it."""


class _Key(NamedTuple):
    model: str
    device: str
    width: int
    height: int


class _Row(NamedTuple):
    model: str
    device: str
    width: int
    height: int
    runs: Annotated[list[Annotated[float, Meta(gt=0)]], Meta(min_length=1)]


class Timings:
    """Seconds per model call, by model, device and picture size."""

    def __init__(self, path: Path) -> None:
        """Read the file; one that cannot be read is ignored."""
        self._path = path
        self._measured: dict[_Key, list[float]] = _read(path)

    def note(
        self, *, model_sha256: str, device: str, size: tuple[int, int], model_calls: int, seconds: float
    ) -> None:
        """Record that a picture of ``size`` took ``model_calls`` calls and ``seconds``, including its previews."""
        if model_calls < 1 or not math.isfinite(seconds) or seconds <= 0:
            return
        key = _Key(model_sha256, device, *size)
        runs = self._measured.pop(key, [])  # the latest key is last
        self._measured[key] = [*runs, seconds / model_calls][-RUNS:]
        while len(self._measured) > MAX_KEYS:
            del self._measured[next(iter(self._measured))]

    def seconds_per_call(
        self, *, model_sha256: str, size: tuple[int, int], device: str | None = None
    ) -> float | None:
        """Return the seconds per model call; None if it was never measured.

        Args:
            model_sha256: the hash of the model's weights.
            size: width and height in pixels.
            device: the name of the device; None for the device used last.
        """
        for key in reversed(self._measured):
            if (key.model, key.width, key.height) == (model_sha256, *size) and device in (None, key.device):
                return statistics.median(self._measured[key])
        return None

    def measured_sizes(self, *, model_sha256: str, device: str | None = None) -> dict[tuple[int, int], float]:
        """Return the seconds per model call of a model by size, on one device; the size measured last is last."""
        found: dict[tuple[int, int], float] = {}
        for key, runs in reversed(self._measured.items()):
            if key.model == model_sha256 and device in (None, key.device):
                device = key.device
                found[key.width, key.height] = statistics.median(runs)
        return dict(reversed(found.items()))

    def save(self) -> StorageError | None:
        """Write the file; return the error if it cannot be written."""
        values = [[*key, runs] for key, runs in self._measured.items()]
        try:
            ensure_folder(self._path.parent)
            write_files({self._path: json.dumps({"timings": values}).encode()})
        except StorageError as error:
            return error
        return None


def _read(path: Path) -> dict[_Key, list[float]]:
    """Return what `Timings.save` wrote; rows that it did not write are left out."""
    measured: dict[_Key, list[float]] = {}
    with contextlib.suppress(StorageError):
        for row in read_file(path, dict[str, list[Any]], MAX_BYTES).get("timings", ()):
            with contextlib.suppress(InvalidJsonError):
                found = convert(row, _Row)
                measured[_Key(*found[:4])] = found.runs[-RUNS:]
    return dict(list(measured.items())[-MAX_KEYS:])


def note_pace(job_state: JobState, timings: Timings) -> None:
    """Record the seconds per model call of a finished job, over all its pictures, since they may form together.

    Comparisons are not recorded: their runs share model calls.
    """
    made = [event.done for event in job_state.pictures.values()]
    if job_state.finished is None or not made or len(job_state.requests) > 1:
        return
    timings.note(
        model_sha256=made[0].model_sha256,
        device=made[0].device,
        size=(made[0].request.width or 0, made[0].request.height or 0),
        model_calls=sum(done.model_calls for done in made),
        seconds=job_state.seconds - job_state.finished.preview_seconds,
    )
