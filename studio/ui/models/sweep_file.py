"""A sweep as it is kept between starts: its cells, and where the pictures and runs of the finished ones are.

Knows no Qt.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.engine.requests import GenerateRequest
from studio.errors import RequestError
from studio.runs.header import is_run_id
from studio.ui.models.sweep_fields import FIELDS
from studio.ui.models.sweep_plan import MAX_CELLS, Axis

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Finished:
    """One finished cell.

    Attributes:
        picture: its file; None where it could not be kept.
        run: its recorded run; "" where it has none.
    """

    picture: Path | None
    run: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Sweep:
    """One sweep.

    Attributes:
        across: what changes from left to right.
        down: what changes from top to bottom.
        cells: what each cell is made with, row by row.
        finished: the finished ones, by their places.
    """

    across: Axis
    down: Axis
    cells: tuple[GenerateRequest, ...]
    finished: dict[int, Finished] = field(default_factory=dict)

    @property
    def missing(self) -> tuple[int, ...]:
        """Which cells are still to be made."""
        return tuple(place for place in range(len(self.cells)) if place not in self.finished)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values; of every cell but the first only what is not as there."""
        first = self.cells[0].to_dict()
        others = [cell.to_dict() for cell in self.cells[1:]]
        return {
            "version": VERSION,
            "across": {"field": self.across.field, "values": list(self.across.values)},
            "down": {"field": self.down.field, "values": list(self.down.values)},
            "first": first,
            "others": [{key: one[key] for key in one if one[key] != first[key]} for one in others],
            "finished": {
                str(place): {"picture": str(one.picture), "run": one.run}
                for place, one in self.finished.items()
                if one.picture is not None
            },
        }


def read_sweep(saved: Mapping[str, Any]) -> Sweep | None:
    """Return what `Sweep.to_dict` wrote; None for anything else."""
    try:
        if saved["version"] != VERSION:
            return None
        across, down = _axis(saved["across"]), _axis(saved["down"])
        first, others = saved["first"], saved["others"]
        if len(others) + 1 > MAX_CELLS or len(others) + 1 != len(across.values) * len(down.values):
            return None
        cells = tuple(GenerateRequest.from_dict({**first, **other}) for other in ({}, *others))
        finished = {int(place): _finished(one) for place, one in saved["finished"].items()}
    except (KeyError, TypeError, ValueError, AttributeError, RequestError):
        return None
    if not all(0 <= place < len(cells) for place in finished):
        return None
    if any(None in (cell.sampler, cell.steps, cell.width, cell.height) for cell in cells):
        return None  # they were kept with everything filled in
    return Sweep(across=across, down=down, cells=cells, finished=finished)


def _axis(saved: Mapping[str, Any]) -> Axis:
    name, values = saved["field"], saved["values"]
    if name not in FIELDS or not isinstance(values, list) or not values:
        raise ValueError(name)
    made = Axis(field=name, values=tuple(FIELDS[name].read(str(value)) for value in values))
    if len(set(made.values)) != len(values):
        raise ValueError(name)
    return made


def _finished(saved: Mapping[str, Any]) -> Finished:
    picture, run = saved["picture"], saved["run"]
    if (
        not isinstance(picture, str)
        or not isinstance(run, str)
        or "\0" in picture
        or (run and not is_run_id(run))
    ):
        raise ValueError(picture)
    return Finished(picture=Path(picture), run=run)
