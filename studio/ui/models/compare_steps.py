"""The columns of a comparison as one value: how it is kept between starts, and how changes of it are undone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtGui import QUndoCommand, QUndoStack

from studio.engine.compare import MAX_PANES, MIN_PANES
from studio.ui.core.undo import PAUSE_SECONDS, UNDO_LIMIT
from studio.ui.jobs.run_settings import FormValues, read_values

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtCore import QObject


@dataclass(frozen=True, kw_only=True)
class Columns:
    """What is to be compared.

    Attributes:
        columns: the settings of each run.
        own_prompts: the places of those that have a prompt of their own; the others have the form's.
        batched: whether runs of one model share their model calls.
    """

    columns: tuple[FormValues, ...]
    own_prompts: frozenset[int] = frozenset()
    batched: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        columns = [column.to_dict() for column in self.columns]
        return {"columns": columns, "own_prompts": sorted(self.own_prompts), "batched": self.batched}


def read_columns(saved: Mapping[str, Any], base: FormValues) -> Columns | None:
    """Return what `Columns.to_dict` wrote; None where that is not there or of no use.

    Args:
        saved: JSON values of any kind.
        base: what stands where ``saved`` says nothing of use.
    """
    found = saved.get("columns")
    if not isinstance(found, list) or not MIN_PANES <= len(found) <= MAX_PANES:
        return None
    if not all(isinstance(one, Mapping) for one in found):
        return None
    columns = tuple(read_values({**one, "count": 1}, base) for one in found)
    own = saved.get("own_prompts")
    places = [place for place in own if type(place) is int] if isinstance(own, list) else []
    own_prompts = frozenset(places) & frozenset(range(len(columns)))
    return Columns(columns=columns, own_prompts=own_prompts, batched=saved.get("batched") is not False)


class ColumnSteps(QUndoStack):
    """The changes. Those of one setting that follow one another are one step, up to a pause."""

    def __init__(self, put: Callable[[Columns], None], clock: Callable[[], float], parent: QObject) -> None:
        """Start with none.

        Args:
            put: takes other columns.
            clock: seconds; tells pauses.
            parent: owns the stack.
        """
        super().__init__(parent)
        self.setUndoLimit(UNDO_LIMIT)
        self._put, self._clock = put, clock
        self._group, self._key, self._at = 0, tuple[str, ...](), 0.0

    def make(self, before: Columns, after: Columns, key: tuple[str, ...]) -> None:
        """Change the columns as a step.

        Args:
            before: as they are.
            after: as they become.
            key: what is edited; a step is joined with the last one of the same key, () with none.
        """
        now = self._clock()
        if not (key and key == self._key and now - self._at < PAUSE_SECONDS):
            self._group += 1
        self._key, self._at = key, now
        self.push(_Step(before, after, self._group, self))

    def put(self, columns: Columns, *, again: bool) -> None:
        """Take other columns; ``again``: by undo or redo, after which an edit is a step of its own."""
        if again:
            self._key = ()
        self._put(columns)


class _Step(QUndoCommand):
    def __init__(self, before: Columns, after: Columns, group: int, steps: ColumnSteps) -> None:
        super().__init__("runs to compare")
        self._before, self._after = before, after
        self._group, self._steps = group, steps
        self._made = False

    def id(self) -> int:
        return self._group

    def redo(self) -> None:
        self._steps.put(self._after, again=self._made)
        self._made = True

    def undo(self) -> None:
        self._steps.put(self._before, again=True)

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, _Step):
            return False
        self._after = other._after
        if self._before == self._after:
            self.setObsolete(True)
        return True
