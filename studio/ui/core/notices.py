"""Notifications: one sentence each, with at most one action."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, Signal

if TYPE_CHECKING:
    from collections.abc import Callable

Kind = Literal["info", "warn", "error"]


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A notification.

    Attributes:
        sentence: what happened and what to do, plain text.
        kind: "info" disappears by itself, "warn" stays longer, "error" stays until it is closed.
        details: for a report, such as a traceback; "" for none.
        action: the text of a button, such as "Undo"; "" for none.
        act: called when the button is clicked.
    """

    sentence: str
    kind: Kind = "info"
    details: str = ""
    action: str = ""
    act: Callable[[], None] | None = None


class Notices(QObject):
    """Passes notices from every part of the window to the view that shows them."""

    posted = Signal(object)
    """A `Notice` is to be shown."""

    def post(
        self,
        sentence: str,
        *,
        kind: Kind = "info",
        details: str = "",
        action: str = "",
        act: Callable[[], None] | None = None,
    ) -> None:
        """Show a notice; see `Notice` for the arguments."""
        self.posted.emit(Notice(sentence=sentence, kind=kind, details=details, action=action, act=act))
