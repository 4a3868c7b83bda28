"""The files of a recorded run: their names, where each array lies in them, and the JSON in them.

A run is a folder: ``run.json`` (the request and everything else that was known before the first step; never changed),
``states.safetensors`` (its arrays), ``journal.jsonl`` (a line for each step), ``picture.json`` (its result) and, if
its states must never be deleted, ``pinned``. The header of an array file follows from ``run.json`` alone, so a reader
knows every byte of it and accepts no other. Nothing that is read is trusted.

Importable without torch and NumPy.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Self

from msgspec import Meta

from studio.engine.requests.adapters import AdapterRecords  # noqa: TC001 - msgspec reads the annotations
from studio.engine.requests.checks import Name, Precisions, Seed, Sha256, Time, Versions, in_utc
from studio.engine.requests.generate import MAX_COUNT, MAX_STEPS, GenerateRequest
from studio.errors import RequestError, StorageError
from studio.messages import message
from studio.strict_json import InvalidJsonError, convert, fields_of, must, parse, without_version

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from studio.engine.events import PictureDone

RUN_FILE = "run.json"
STATES_FILE = "states.safetensors"
JOURNAL_FILE = "journal.jsonl"
PICTURE_FILE = "picture.json"
PIN_FILE = "pinned"
LOCK_FILE = "recording"

MAX_KEPT = 128
"""The most steps of a run whose states are kept."""
MAX_NUMBERS = 2**25
"""The most numbers in one state."""
MAX_HISTORY = 16
_NUMBER_BYTES = 4
_LINE_BYTES, _FILES_BYTES = 300, 4 * 4096
_ALIGNMENT = 8


def history_file(place: int) -> str:
    """Return the name of the file for array number ``place`` of a multistep sampler's history."""
    return f"history-{place}.safetensors"


def kept_steps(first: int, last: int) -> tuple[int, ...]:
    """Return the steps whose states are kept: the first and the last and, evenly chosen, up to `MAX_KEPT` in all."""
    steps = last - first
    parts = min(steps, MAX_KEPT)
    return tuple(first + round(part * steps / parts) for part in range(parts + 1))


def shape_fits(shape: Sequence[int]) -> bool:
    """Whether states of a shape can be recorded: it is (C, h, w), not empty and not too large."""
    return len(shape) == 3 and min(shape) >= 1 and math.prod(shape) <= MAX_NUMBERS


def bytes_needed(first: int, last: int, shape: tuple[int, ...]) -> int:
    """Return approximately how many bytes of the disk a run takes: arrays, journal and small files."""
    arrays = Table.of_states(kept_steps(first, last), shape).total_bytes()
    return arrays + _LINE_BYTES * (last - first) + _FILES_BYTES


@dataclass(frozen=True)
class Table:
    """A safetensors file of float32 arrays that all have one shape, in a given order.

    Attributes:
        names: of the arrays.
        shape: of each.
    """

    names: tuple[str, ...]
    shape: tuple[int, ...]

    @classmethod
    def of_states(cls, kept: Sequence[int], shape: tuple[int, ...]) -> Table:
        """Return the table of ``states.safetensors``: x of the first step, then x0_hat and x of each later one.

        The arrays of one step lie together, so that they are written at once and a truncated file lacks whole steps.
        """
        later = [name for step in kept[1:] for name in (f"x0_hat.{step}", f"x.{step}")]
        return cls((f"x.{kept[0]}", *later), shape)

    @classmethod
    def of_history(cls, kept: Sequence[int], shape: tuple[int, ...]) -> Table:
        """Return the table of a history file: one array for each kept step."""
        return cls(tuple(f"history.{step}" for step in kept), shape)

    @property
    def array_bytes(self) -> int:
        """The size of one array."""
        return math.prod(self.shape) * _NUMBER_BYTES

    def header(self) -> bytes:
        """Return the bytes before the first array."""
        size = self.array_bytes
        listed = {
            name: {
                "dtype": "F32",
                "shape": list(self.shape),
                "data_offsets": [place * size, (place + 1) * size],
            }
            for place, name in enumerate(self.names)
        }
        text = json.dumps(listed, separators=(",", ":")).encode("ascii")
        text += b" " * (-len(text) % _ALIGNMENT)
        return len(text).to_bytes(8, "little") + text

    def total_bytes(self) -> int:
        """Return the size of the file."""
        return len(self.header()) + len(self.names) * self.array_bytes


FORMAT_VERSION = 3
"""Version 1 had whole numbers for times, and neither model times nor times of history; version 2 lacks the fields of
`_ADDED_FIELDS`. A run without these is written as version 2, which older programs read too."""
_ADDED_FIELDS = ("adapters", "precisions")
MAX_HEADER_BYTES = 256_000
MAX_TIME = 10**6
RUN_ID = r"[0-9]{6,9}-[0-9a-f]{8}"

_StepIndex = Annotated[int, Meta(ge=0, le=MAX_STEPS)]
_Time = Annotated[int, Meta(ge=-1, le=MAX_TIME)] | Annotated[float, Meta(ge=-1, le=MAX_TIME)]
_ModelTime = Annotated[float, Meta(ge=-MAX_TIME, le=MAX_TIME)]
_Times = Annotated[
    tuple[_Time, ...],
    Meta(
        min_length=2,
        max_length=MAX_STEPS + 1,
        extra=must(message("must be {low} to {high:,} numbers", low=2, high=MAX_STEPS + 1)),
    ),
]
_Size = Annotated[int, Meta(ge=1, le=MAX_NUMBERS)]
_RunId = Annotated[str, Meta(pattern=rf"\A{RUN_ID}\Z", extra=must(message("must be the id of a run")))]


def is_run_id(text: str) -> bool:
    """Whether ``text`` is the id of a run, and so the name of its folder."""
    return re.fullmatch(RUN_ID, text) is not None


@dataclass(frozen=True, kw_only=True)
class RunHeader:
    """The facts of a run that are known before its first step.

    Attributes:
        id: the name of its folder: a number that increases from run to run, and eight random digits.
        created: when it began, in UTC.
        request: the resolved request that it is part of, as JSON values. Do not change it.
        image: which picture of the request it is, from 0.
        seed: the seed of its noise.
        model: the model's name.
        model_sha256: hash of its weights.
        device: where the model ran.
        dtype: the precision of the backbone.
        versions: of this program, Python and torch, by name.
        times: all visited times from the first to -1.
        model_times: what the model was called with at each of them but the last; empty: as its schedule says.
        first_index: steps taken before it begins: 0, or those of its parent if it is a fork.
        shape: of its states, (C, h, w).
        x_T_sha256: hash of its first state.
        parent: of a fork, the run that it was forked from; None if it is no fork, or that run was not recorded.
        parent_step: the step of that run.
        adapters: the LoRAs and textual inversions that it was made with.
        precisions: the precision in which each part of the model computed, by the part's name; empty: all in ``dtype``.
    """

    id: Name
    created: Time
    request: Mapping[str, Any]
    image: Annotated[int, Meta(ge=0, le=MAX_COUNT)]
    seed: Seed
    model: Name
    model_sha256: Sha256
    device: Name
    dtype: Name
    versions: Versions
    times: _Times
    model_times: Annotated[tuple[_ModelTime, ...], Meta(max_length=MAX_STEPS)]
    first_index: _StepIndex
    shape: tuple[_Size, _Size, _Size]
    x_T_sha256: Sha256  # the symbol of the field
    parent: _RunId | None = None
    parent_step: _StepIndex | None = None
    adapters: AdapterRecords = ()
    precisions: Precisions = field(default_factory=dict)

    @property
    def last_index(self) -> int:
        """The index of its last step."""
        return self.first_index + len(self.times) - 1

    @property
    def kept(self) -> tuple[int, ...]:
        """The steps whose states are recorded."""
        return kept_steps(self.first_index, self.last_index)

    @property
    def generate_request(self) -> GenerateRequest:
        """The request for this one picture."""
        return GenerateRequest.of_picture(self.request, self.seed)

    def to_json(self) -> bytes:
        """Return it as strict JSON in ASCII."""
        values = {**fields_of(self), "created": self.created.isoformat()}
        values["adapters"] = [vars(one) for one in self.adapters]
        added = self.adapters or self.precisions
        if not added:
            for name in _ADDED_FIELDS:
                del values[name]
        values = {"version": FORMAT_VERSION if added else FORMAT_VERSION - 1, **values}
        return json.dumps(values, allow_nan=False, indent=1).encode("ascii")

    @classmethod
    def from_json(cls, data: bytes, path: Path) -> Self:
        """Return the header that `to_json` wrote.

        Args:
            data: of the file.
            path: the file, in the folder of the run.

        Raises:
            StorageError: a field is missing, unknown or wrong, or it is the header of another run.
        """
        try:
            values = parse(data)
            if isinstance(values, dict) and values.get("version") == 1:
                values = {"model_times": [], **values}
            if isinstance(values, dict) and values.get("version") in (1, 2):
                values = {"adapters": [], "precisions": {}, **values}
            header = convert(without_version(values, FORMAT_VERSION, "version"), cls, complete=True)
            request = GenerateRequest.from_dict(header.request).to_dict()
            header = replace(header, request=request, created=in_utc("created", header.created))
            header._check_fields_together()
        except InvalidJsonError as error:
            raise StorageError(path, error.of_file()) from error
        except RequestError as error:
            reason = message(
                "contains a request that cannot be used: {field} {reason}",
                field=error.field,
                reason=error.reason,
            )
            raise StorageError(path, reason) from error
        if header.id != path.parent.name:
            raise StorageError(path, message("belongs to another run than the one its folder is named after"))
        return header

    def _check_fields_together(self) -> None:
        if self.times[-1] != -1 or not all(later < earlier for earlier, later in pairwise(self.times)):
            raise InvalidJsonError("times", message("must decrease, and end at -1"))
        if len(self.model_times) not in (0, len(self.times) - 1):
            raise InvalidJsonError("model_times", message("must be as many as there are steps, or none"))
        if not shape_fits(self.shape):
            raise InvalidJsonError("shape", message("is larger than this program records"))
        if self.model != self.request["model"] or set(self.model) & set("/\\:"):
            reason = message("must be the name of the request's model, and no path")
            raise InvalidJsonError("model", reason)


MAX_LINE_BYTES = 2_000
MAX_JOURNAL_BYTES = MAX_LINE_BYTES * (MAX_STEPS + 2)
MAX_PICTURE_BYTES = 64_000
LARGEST = 1e30

_ModelCalls = Annotated[int, Meta(ge=0, le=10**9)]
_Figure = Annotated[float, Meta(ge=0, le=LARGEST, extra=must(message("must be a number of 0 or more")))]
_Checksum = Annotated[int, Meta(ge=0, le=2**32 - 1, extra=must(message("must be a checksum")))]
_Checksums = Annotated[
    tuple[_Checksum, ...],
    Meta(max_length=MAX_HISTORY, extra=must(message("must be at most {most} checksums", most=MAX_HISTORY))),
]


@dataclass(frozen=True, kw_only=True)
class StepLog:
    """The line of one step in the journal; the line of the start has only ``step``, ``sigma`` and checksums.

    Attributes:
        step: its index: steps taken.
        t: the time it started from.
        s: the time it arrived at; -1 is clean data.
        sigma: the scale of the noise at ``s``.
        level: the noise level at ``s``, 0 to 1; in lines of version 1 it follows from sigma.
        snr: the signal-to-noise ratio at ``s``; infinite at the end (null in the file).
        change: root mean square of the change of x0_hat since the step before; None at the first.
        guidance: root mean square of the difference between the conditional and the unconditional prediction; None
            without guidance.
        ms: milliseconds that it took.
        model_calls: backbone evaluations so far.
        checksum: CRC-32 of its arrays in ``states.safetensors``; None if its state is not kept.
        history: the same of its array in each history file.
        history_times: the times of these arrays; absent if there are none.
    """

    step: _StepIndex
    t: _Time = -1
    s: _Time = -1
    sigma: _Figure = 0.0
    level: _Figure = 0.0
    snr: _Figure = math.inf
    change: _Figure | None = None
    guidance: _Figure | None = None
    ms: _Figure = 0.0
    model_calls: _ModelCalls = 0
    checksum: _Checksum | None = None
    history: _Checksums = ()
    history_times: Annotated[tuple[_Time, ...], Meta(max_length=MAX_HISTORY)] = ()

    def to_line(self) -> bytes:
        """Return it as one line of JSON."""
        values = {**fields_of(self), "snr": None if math.isinf(self.snr) else self.snr}
        if not self.history_times:
            del values["history_times"]
        return json.dumps(values, allow_nan=False, separators=(",", ":")).encode("ascii") + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        """Return the step that `to_line` wrote. Raises InvalidJsonError."""
        values = parse(line)
        at_end = isinstance(values, dict) and values.get("snr", 0) is None
        if isinstance(values, dict):
            old = {"history_times": [], "level": _level_of(values.get("sigma"))}
            values = {**old, **values, **({"snr": 0} if at_end else {})}
        log = convert(values, cls, complete=True)
        return replace(log, snr=math.inf) if at_end else log


def _level_of(sigma: object) -> float:
    """Return the noise level of a variance-preserving state with noise of this scale, as all were in version 1."""
    if not isinstance(sigma, int | float) or not 0 <= sigma <= 1:
        return 0.0
    return sigma / (math.sqrt(1 - sigma**2) + sigma)


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """The result of a run that was not cancelled.

    Attributes:
        final_sha256: hash of the last state, by which its picture is known.
        model_calls: backbone evaluations spent on it.
        seconds: time spent on it.
        complete: every step that should be is recorded.
    """

    final_sha256: Sha256
    model_calls: _ModelCalls
    seconds: Annotated[float, Meta(ge=0, le=1e9)]
    complete: bool

    @classmethod
    def of(cls, done: PictureDone, *, complete: bool) -> Self:
        """Return the result of the run of a finished picture."""
        return cls(
            final_sha256=done.final_sha256,
            model_calls=done.model_calls,
            seconds=done.seconds,
            complete=complete,
        )

    def to_json(self) -> bytes:
        """Return it as strict JSON."""
        return json.dumps(fields_of(self), allow_nan=False).encode("ascii") + b"\n"


def read_journal(data: bytes, path: Path, first: int, times: Sequence[float]) -> tuple[StepLog, ...]:
    """Return the lines of a journal, the start first. Bytes after the last whole line, from a crash, are ignored.

    Args:
        data: of the file.
        path: the file.
        first: the index that the run starts from.
        times: of the run, from there on.

    Raises:
        StorageError: a whole line is not one this program writes, or is of another step than expected.
    """
    lines = data.split(b"\n")[:-1]
    if len(lines) > len(times):
        reason = message(
            "has {lines:,} lines, but its run has {states:,} states", lines=len(lines), states=len(times)
        )
        raise StorageError(path, reason)
    logs = []
    for place, line in enumerate(lines):
        try:
            log = StepLog.from_line(line)
        except InvalidJsonError as error:
            reason = message("has a line {number} that {fault}", number=place + 1, fault=error.of_file())
            raise StorageError(path, reason) from error
        between = (times[place - 1], times[place]) if place else (-1, -1)
        if (log.step, log.t, log.s) != (first + place, *between):
            reason = message(
                "has a line {number} that does not belong to step {step} of its run",
                number=place + 1,
                step=first + place,
            )
            raise StorageError(path, reason)
        logs.append(log)
    return tuple(logs)
