"""What a run's journal and its end say, each as a value and as the line of JSON it is kept as.

Importable without torch and NumPy.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from studio.checkpoints.strict import Fields, parse
from studio.engine.requests import MAX_STEPS
from studio.errors import CheckpointError
from studio.runs.layout import MAX_HISTORY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from studio.engine.events import PictureDone

MAX_LINE_BYTES = 2_000
MAX_JOURNAL_BYTES = MAX_LINE_BYTES * (MAX_STEPS + 2)
MAX_PICTURE_BYTES = 64_000
_LARGEST = 1e30
_MAX_CRC = 2**32 - 1


@dataclass(frozen=True, kw_only=True)
class StepFacts:
    """What the journal says of one step; of where the run starts, only ``step``, ``sigma`` and checksums.

    Attributes:
        step: its index: steps taken.
        t: the time it started from.
        s: the time it arrived at; -1 is clean data.
        sigma: the noise level at ``s``.
        snr: the signal-to-noise ratio at ``s``; infinite at the end.
        change: how far x0_hat moved since the step before (root of the mean square); None at the first.
        guidance: how far apart the two sides of guidance were, likewise; None without guidance.
        ms: milliseconds that it took.
        model_calls: backbone evaluations spent so far.
        checksum: of what it put into ``states.safetensors``; None where its state is not kept.
        history: of what it put into each history file.
    """

    step: int
    t: int = -1
    s: int = -1
    sigma: float = 0.0
    snr: float = math.inf
    change: float | None = None
    guidance: float | None = None
    ms: float = 0.0
    model_calls: int = 0
    checksum: int | None = None
    history: tuple[int, ...] = ()

    def to_line(self) -> bytes:
        """Return it as one line."""
        values = {**vars(self), "snr": None if math.isinf(self.snr) else self.snr}
        return json.dumps(values, allow_nan=False, separators=(",", ":")).encode("ascii") + b"\n"

    @classmethod
    def from_line(cls, line: bytes, path: Path) -> Self:
        """Return what `to_line` wrote. Raises CheckpointError where it is anything else."""
        fields = Fields(parse(line, path, part="has a line that "), path)
        facts = cls(
            step=fields.whole("step", 0, MAX_STEPS),
            t=fields.whole("t", -1, 10**6),
            s=fields.whole("s", -1, 10**6),
            sigma=fields.number("sigma", 0, _LARGEST),
            snr=_optional(fields, "snr", math.inf),
            change=_optional(fields, "change"),
            guidance=_optional(fields, "guidance"),
            ms=fields.number("ms", 0, _LARGEST),
            model_calls=fields.whole("model_calls", 0, 10**9),
            checksum=_checksum(fields),
            history=_checksums(fields),
        )
        fields.finish()
        return facts


@dataclass(frozen=True, kw_only=True)
class PictureFacts:
    """How a run ended.

    Attributes:
        final_sha256: hash of the last state, by which its picture is known.
        model_calls: backbone evaluations spent on it.
        seconds: time spent on it.
        complete: every step that should be is recorded.
    """

    final_sha256: str
    model_calls: int
    seconds: float
    complete: bool

    @classmethod
    def of(cls, done: PictureDone, *, complete: bool) -> Self:
        """Return how the run of a finished picture ended."""
        return cls(
            final_sha256=done.final_sha256,
            model_calls=done.model_calls,
            seconds=done.seconds,
            complete=complete,
        )

    def to_json(self) -> bytes:
        """Return it as strict JSON."""
        return json.dumps(vars(self), allow_nan=False).encode("ascii") + b"\n"

    @classmethod
    def from_json(cls, data: bytes, path: Path) -> Self:
        """Return what `to_json` wrote. Raises CheckpointError where it is anything else."""
        fields = Fields(parse(data, path), path)
        facts = cls(
            final_sha256=fields.sha256("final_sha256"),
            model_calls=fields.whole("model_calls", 0, 10**9),
            seconds=fields.number("seconds", 0, 1e9),
            complete=fields.flag("complete"),
        )
        fields.finish()
        return facts


def read_journal(data: bytes, path: Path, first: int, times: Sequence[int]) -> tuple[StepFacts, ...]:
    """Return what a journal says, its start first. What lies after its last whole line was cut off, and is left out.

    Args:
        data: of the file.
        path: the file.
        first: the index of where the run starts.
        times: of the run, from there on.

    Raises:
        CheckpointError: a whole line is not one this program writes, or not of the step it should be.
    """
    lines = data.split(b"\n")[:-1]
    if len(lines) > len(times):
        raise CheckpointError(path, f"has {len(lines):,} lines; its run has {len(times):,} states")
    facts = tuple(StepFacts.from_line(line, path) for line in lines)
    for place, fact in enumerate(facts):
        between = (times[place - 1], times[place]) if place else (-1, -1)
        if (fact.step, fact.t, fact.s) != (first + place, *between):
            raise CheckpointError(
                path, f"has a line {place + 1} that is not of step {first + place} of its run"
            )
    return facts


def _optional(fields: Fields, name: str, missing: Any = None) -> Any:  # noqa: ANN401
    value = fields.take(name)
    if value is None:
        return missing
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LARGEST:
        raise fields.refuse(name, "must be a number of 0 or more, or null")
    return float(value)


def _checksum(fields: Fields) -> int | None:
    value = fields.take("checksum")
    if value is not None and not _is_checksum(value):
        raise fields.refuse("checksum", "must be a checksum, or null")
    return value  # type: ignore[no-any-return]


def _checksums(fields: Fields) -> tuple[int, ...]:
    values = fields.take("history")
    if not isinstance(values, list) or len(values) > MAX_HISTORY or not all(map(_is_checksum, values)):
        raise fields.refuse("history", f"must be at most {MAX_HISTORY} checksums")
    return tuple(values)


def _is_checksum(value: object) -> bool:
    return type(value) is int and 0 <= value <= _MAX_CRC
