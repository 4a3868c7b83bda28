"""What a recorded run is of: written before its first step, never changed, and read without trust.

Importable without torch and NumPy.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self

from studio.checkpoints.strict import Fields, parse, thawed
from studio.engine.requests import MAX_COUNT, MAX_SEED, MAX_STEPS, GenerateRequest
from studio.errors import CheckpointError, RequestError
from studio.runs.layout import MAX_NUMBERS, kept_steps, shape_fits

if TYPE_CHECKING:
    from pathlib import Path

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
