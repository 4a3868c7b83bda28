"""The form's undo: steps that hold the changed fields alone, joined while one field is edited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtGui import QUndoCommand, QUndoStack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from PySide6.QtCore import QObject

UNDO_LIMIT = 500
PAUSE_SECONDS = 1.0
"""A longer pause between two edits of a field makes them two steps."""


class FormSteps(QUndoStack):
    """The steps.

    Edits of one field that follow one another are one step, up to a pause or, in a text, up to the next word.
    """

    def __init__(
        self, put: Callable[[Mapping[str, Any]], None], clock: Callable[[], float], parent: QObject
    ) -> None:
        """Start with none.

        Args:
            put: sets fields.
            clock: seconds; tells pauses.
            parent: owns the stack.
        """
        super().__init__(parent)
        self.setUndoLimit(UNDO_LIMIT)
        self._put, self._clock = put, clock
        self._group = 0
        self._key: tuple[str, ...] = ()
        self._at = 0.0

    def make(self, before: Mapping[str, Any], after: Mapping[str, Any], key: tuple[str, ...]) -> None:
        """Change fields as a step.

        Args:
            before: the fields as they are.
            after: the same fields as they become.
            key: what is edited; a step is joined with the last one of the same key, () with none.
        """
        now = self._clock()
        follows = key and key == self._key and now - self._at < PAUSE_SECONDS
        if not follows or _starts_word(before, after):
            self._group += 1
        self._key, self._at = key, now
        self.push(FormStep(before, after, self._group, self))

    def put(self, changes: Mapping[str, Any], *, again: bool) -> None:
        """Set fields; ``again``: by undo or redo, after which an edit is a step of its own."""
        if again:
            self._key = ()
        self._put(changes)


class FormStep(QUndoCommand):
    """A change of some fields. It holds those alone, so that undoing it leaves the others as they are by then."""

    def __init__(
        self, before: Mapping[str, Any], after: Mapping[str, Any], group: int, steps: FormSteps
    ) -> None:
        """Describe the change; ``group``: steps of one group that follow one another become one."""
        super().__init__(next(iter(after)).replace("_", " ") if len(after) == 1 else "settings")
        self._before, self._after = dict(before), dict(after)
        self._group, self._steps = group, steps
        self._made = False

    def id(self) -> int:
        """Return the group."""
        return self._group

    def redo(self) -> None:
        """Make the change."""
        self._steps.put(self._after, again=self._made)
        self._made = True

    def undo(self) -> None:
        """Take it back."""
        self._steps.put(self._before, again=True)

    def mergeWith(self, other: QUndoCommand) -> bool:
        """Take in a later step of the same group."""
        if not isinstance(other, FormStep):
            return False
        self._before = other._before | self._before
        self._after |= other._after
        if self._before == self._after:
            self.setObsolete(True)  # typed and taken away again
        return True


def _starts_word(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether a text goes on with another word."""
    for name in ("prompt", "negative"):
        if name in after:
            old, new = before[name], after[name]
            return len(new) > len(old) and old[-1:].isspace() and not new[-1:].isspace()
    return False
