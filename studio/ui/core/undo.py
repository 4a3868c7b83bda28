"""Undo for the window's forms: changes of named fields, merged while one field is edited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtGui import QUndoCommand, QUndoStack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from PySide6.QtCore import QObject

UNDO_LIMIT = 500
PAUSE_SECONDS = 1.0
"""A longer pause between two edits of a field makes them two commands."""


class FieldsUndoStack(QUndoStack):
    """Undo commands that each set some fields.

    Consecutive edits of one field are merged into one command, up to a pause or, in a prompt, up to the next word.
    """

    def __init__(
        self, apply: Callable[[Mapping[str, Any]], None], clock: Callable[[], float], parent: QObject
    ) -> None:
        """Start empty.

        Args:
            apply: sets fields; called for each change, its undo and its redo.
            clock: seconds; measures pauses.
            parent: owns the stack.
        """
        super().__init__(parent)
        self.setUndoLimit(UNDO_LIMIT)
        self._apply, self._clock = apply, clock
        self._group = 0
        self._key: tuple[str, ...] = ()
        self._last_edit = 0.0

    def change(self, before: Mapping[str, Any], after: Mapping[str, Any], key: tuple[str, ...]) -> None:
        """Set fields, as a command that can be undone.

        Args:
            before: the fields' values now.
            after: the same fields' new values.
            key: identifies the edit: the command is merged with the last one of the same key; () is never merged.
        """
        now = self._clock()
        follows = key and key == self._key and now - self._last_edit < PAUSE_SECONDS
        if not follows or _starts_word(before, after):
            self._group += 1
        self._key, self._last_edit = key, now
        self.push(_Change(before, after, self._group, self))

    def apply(self, changes: Mapping[str, Any], *, by_history: bool) -> None:
        """Set fields. After undo or redo (``by_history``) the next edit starts a new command."""
        if by_history:
            self._key = ()
        self._apply(changes)


class _Change(QUndoCommand):
    """Sets some fields. Undoing it leaves all other fields unchanged."""

    def __init__(
        self, before: Mapping[str, Any], after: Mapping[str, Any], group: int, stack: FieldsUndoStack
    ) -> None:
        super().__init__(next(iter(after)).replace("_", " ") if len(after) == 1 else "settings")
        self._before, self._after = dict(before), dict(after)
        self._group, self._stack = group, stack
        self._done = False

    def id(self) -> int:
        return self._group

    def redo(self) -> None:
        self._stack.apply(self._after, by_history=self._done)
        self._done = True

    def undo(self) -> None:
        self._stack.apply(self._before, by_history=True)

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, _Change):
            return False
        self._before = other._before | self._before
        self._after |= other._after
        if self._before == self._after:
            self.setObsolete(True)  # typed and deleted again
        return True


def _starts_word(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether a prompt is continued with another word."""
    for name in ("prompt", "negative"):
        if name in after:
            old, new = before[name], after[name]
            return len(new) > len(old) and old[-1:].isspace() and not new[-1:].isspace()
    return False
