"""What the window has to tell in passing: whole sentences, each with at most one thing to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, Signal

if TYPE_CHECKING:
    from collections.abc import Callable

Kind = Literal["info", "warn", "error"]


@dataclass(frozen=True, kw_only=True)
class Notice:
    """One thing to tell.

    Attributes:
        sentence: what happened and what to do, plain text.
        kind: "info" goes away by itself, "warn" stays longer, "error" stays until it is closed.
        details: for a report, such as a traceback; "" where there are none.
        action: the words of a button, such as "Undo"; "" where there is none.
        act: what the button does.
    """

    sentence: str
    kind: Kind = "info"
    details: str = ""
    action: str = ""
    act: Callable[[], None] | None = None


class Notices(QObject):
    """Where every part of the window leaves what it has to tell."""

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
        """Have a notice shown; see `Notice` for the arguments."""
        self.posted.emit(Notice(sentence=sentence, kind=kind, details=details, action=action, act=act))
