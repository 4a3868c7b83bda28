"""Which files make up a recorded run, and where in them each number lies. Standard library only.

A run is a folder: ``run.json`` (what it is of), ``states.safetensors`` (its arrays), ``journal.jsonl`` (one line a
step), ``picture.json`` (how it ended) and, where it shall never be given up, ``pinned``. The table of contents of a
file of arrays follows from ``run.json`` alone, so a reader knows it to the byte, and takes no other.

What a recorded run is of: written before its first step, never changed, and read without trust.

Importable without torch and NumPy.

What a run's journal and its end say, each as a value and as the line of JSON it is kept as.

Importable without torch and NumPy.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self

from studio.checkpoints.strict import Fields, parse, thawed
from studio.engine.requests.generate import MAX_COUNT, MAX_SEED, MAX_STEPS, GenerateRequest
from studio.errors import CheckpointError, RequestError

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
"""Of a run of more steps than this, so many states are kept."""
MAX_NUMBERS = 2**25
"""Numbers in one state, at most."""
MAX_HISTORY = 16
_NUMBER_BYTES = 4
_LINE_BYTES, _FILES_BYTES = 300, 4 * 4096
_ALIGNMENT = 8


def history_file(place: int) -> str:
    """Return the name of the file for array number ``place`` of what a multistep sampler keeps."""
    return f"history-{place}.safetensors"


def kept_steps(first: int, last: int) -> tuple[int, ...]:
    """Return the steps whose states are kept: the first and the last and, evenly chosen, up to `MAX_KEPT` in all."""
    steps = last - first
    parts = min(steps, MAX_KEPT)
    return tuple(first + round(part * steps / parts) for part in range(parts + 1))


def shape_fits(shape: Sequence[int]) -> bool:
    """Whether states of a shape can be recorded: (C, h, w), none of them zero, and not too large."""
    return len(shape) == 3 and min(shape) >= 1 and math.prod(shape) <= MAX_NUMBERS


def bytes_needed(first: int, last: int, shape: tuple[int, ...]) -> int:
    """Return about how much room a run takes: arrays, journal and what small files take of a disk."""
    arrays = Table.of_states(kept_steps(first, last), shape).bytes_in_all()
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

        What one step adds lies together, so that it is written at once and a file that ends early lacks whole steps.
        """
        later = [name for step in kept[1:] for name in (f"x0_hat.{step}", f"x.{step}")]
        return cls((f"x.{kept[0]}", *later), shape)

    @classmethod
    def of_history(cls, kept: Sequence[int], shape: tuple[int, ...]) -> Table:
        """Return the table of a history file: one array for each kept step."""
        return cls(tuple(f"history.{step}" for step in kept), shape)

    @property
    def array_bytes(self) -> int:
        """How many bytes one array takes."""
        return math.prod(self.shape) * _NUMBER_BYTES

    def head(self) -> bytes:
        """Return the file's first bytes, up to its first array."""
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

    def bytes_in_all(self) -> int:
        """Return how long the file is."""
        return len(self.head()) + len(self.names) * self.array_bytes


FORMAT_VERSION = 1
MAX_HEADER_BYTES = 256_000
MAX_TIME = 10**6
_ID = re.compile(r"[0-9]{6,9}-[0-9a-f]{8}")


def is_run_id(text: str) -> bool:
    """Whether ``text`` is the id of a run, and so the name of its folder."""
    return _ID.fullmatch(text) is not None


@dataclass(frozen=True, kw_only=True)
class RunHeader:
    """What a run is of.

    Attributes:
        id: the name of its folder: a number that rises from run to run, and eight random digits.
        created: when it began, in UTC.
        request: the resolved request that it is part of, as JSON values. Do not change it.
        image: which picture of the request it is, from 0.
        seed: the seed of its noise.
        model: the model's name.
        model_sha256: hash of its weights.
        device: where the model ran.
        dtype: the numbers the backbone ran in.
        versions: of this program and what it stands on, by name.
        times: from where it starts down to -1.
        first_index: the steps taken before it starts: 0, or of a fork those of its parent.
        shape: of its states, (C, h, w).
        x_T_sha256: hash of the state it starts from.
        parent: of a fork the run that it goes on from; None where it has none, or that was not recorded.
        parent_step: the step of that run.
    """

    id: str
    created: datetime
    request: Mapping[str, Any]
    image: int
    seed: int
    model: str
    model_sha256: str
    device: str
    dtype: str
    versions: Mapping[str, str]
    times: tuple[int, ...]
    first_index: int
    shape: tuple[int, ...]
    x_T_sha256: str  # the symbol of the field
    parent: str | None = None
    parent_step: int | None = None

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
        return replace(GenerateRequest.from_dict(self.request), seed=self.seed, count=1)

    def to_json(self) -> bytes:
        """Return it as strict JSON in ASCII."""
        values = {name: thawed(value) for name, value in vars(self).items() if name != "created"}
        whole = {"version": FORMAT_VERSION, **values, "created": self.created.isoformat()}
        return json.dumps(whole, allow_nan=False, indent=1).encode("ascii")

    @classmethod
    def from_json(cls, data: bytes, path: Path) -> Self:
        """Return what `to_json` wrote.

        Args:
            data: of the file.
            path: the file, in the folder of the run.

        Raises:
            CheckpointError: a field is missing, unknown or wrong, or it is of another folder.
        """
        fields = Fields(parse(data, path), path)
        version = fields.whole("version", 1, MAX_TIME)
        if version > FORMAT_VERSION:
            raise CheckpointError(path, f"is of version {version}: a newer Stepwise Studio wrote it")
        header = cls(
            id=fields.text("id"),
            created=_time(fields),
            request=_request(fields),
            image=fields.whole("image", 0, MAX_COUNT),
            seed=fields.whole("seed", 0, MAX_SEED),
            model=fields.text("model"),
            model_sha256=fields.sha256("model_sha256"),
            device=fields.text("device"),
            dtype=fields.text("dtype"),
            versions=_versions(fields),
            times=_times(fields),
            first_index=fields.whole("first_index", 0, MAX_STEPS),
            shape=fields.wholes("shape", 3, 1, MAX_NUMBERS),
            x_T_sha256=fields.sha256("x_T_sha256"),
            parent=_parent(fields),
            parent_step=_parent_step(fields),
        )
        fields.finish()
        if header.id != path.parent.name:
            raise CheckpointError(path, "is of another run than its folder's name says")
        if not shape_fits(header.shape):
            raise CheckpointError(path, "has a wrong field: shape is larger than this program records")
        if header.model != header.request["model"] or set(header.model) & set("/\\:"):
            raise fields.refuse("model", "must be the name of the request's model, and no path")
        return header


def _request(fields: Fields) -> Mapping[str, Any]:
    values = fields.take("request")
    try:
        return GenerateRequest.from_dict(
            values if isinstance(values, Mapping) else {"request": values}
        ).to_dict()
    except RequestError as error:
        said = f"{error.field} {error.reason}"
        raise CheckpointError(fields.path, f"holds a request that cannot be used: {said}") from error


def _time(fields: Fields) -> datetime:
    text = fields.text("created", 40)
    try:
        time = datetime.fromisoformat(text)
        if time.utcoffset() is None:
            raise ValueError(text)
        return time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise fields.refuse("created", "must be a time such as 2026-01-31T12:00:00+00:00") from error


def _versions(fields: Fields) -> Mapping[str, str]:
    versions = fields.mapping("versions")
    if len(versions) > 20 or not all(
        isinstance(value, str) and len(value) <= 200 for value in versions.values()
    ):
        raise fields.refuse("versions", "must be at most 20 names with versions")
    return versions


def _times(fields: Fields) -> tuple[int, ...]:
    times = fields.take("times")
    good = isinstance(times, list) and 2 <= len(times) <= MAX_STEPS + 1
    if not good or not all(type(time) is int and -1 <= time <= MAX_TIME for time in times):
        raise fields.refuse("times", f"must be 2 to {MAX_STEPS + 1:,} whole numbers")
    if times[-1] != -1 or any(later >= earlier for earlier, later in pairwise(times)):
        raise fields.refuse("times", "must fall, and end at -1")
    return tuple(times)


def _parent(fields: Fields) -> str | None:
    parent = fields.take("parent")
    if parent is not None and not (isinstance(parent, str) and is_run_id(parent)):
        raise fields.refuse("parent", "must be the id of a run, or null")
    return parent


def _parent_step(fields: Fields) -> int | None:
    step = fields.take("parent_step")
    if step is not None and not (type(step) is int and 0 <= step <= MAX_STEPS):
        raise fields.refuse("parent_step", f"must be a whole number from 0 to {MAX_STEPS:,}, or null")
    return step


MAX_LINE_BYTES = 2_000
MAX_JOURNAL_BYTES = MAX_LINE_BYTES * (MAX_STEPS + 2)
MAX_PICTURE_BYTES = 64_000
_LARGEST = 1e30
_MAX_CRC = 2**32 - 1


@dataclass(frozen=True, kw_only=True)
class StepLog:
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
class RunResult:
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


def read_journal(data: bytes, path: Path, first: int, times: Sequence[int]) -> tuple[StepLog, ...]:
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
    facts = tuple(StepLog.from_line(line, path) for line in lines)
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
