"""The family of a run as a small tree; choosing a relative opens it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QMenu

from studio.ui.models.gallery_words import NO_PROMPT, one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtCore import QPoint
    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import QWidget

    from studio.ui.models.lineage import Relative
    from studio.ui.theme.theme import Theme

_MOST_LETTERS = 48


def branch(relative: Relative) -> str:
    """Return a relative as a line of the tree, plain text."""
    prompt = one_line(relative.prompt) or NO_PROMPT
    short = prompt if len(prompt) <= _MOST_LETTERS else f"{prompt[: _MOST_LETTERS - 1]}…"
    if relative.step is None:
        return f"{short}, {relative.sampler.upper()}"
    stem = "\u2003\u2003" * (relative.depth - 1) + "└─ "
    return f"{stem}step {relative.step}: {short}, {relative.sampler.upper()}"


class LineageMenu(QMenu):
    """Lists a family.

    Signals:
        run_requested: a run is to be opened, by its id.
    """

    run_requested = Signal(str)

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Start empty."""
        super().__init__(parent)
        self._theme = theme
        self.relatives: dict[QAction, str] = {}

    def show_family(self, family: Sequence[Relative], where: QPoint) -> None:
        """Open at a point of the screen."""
        self.clear()
        self.relatives = {}
        for relative in family:
            # An ampersand would mark a key, and a tab begin a column of its own; one_line leaves no tab.
            action = self.addAction(branch(relative).replace("&", "&&"))
            if relative.is_this:
                action.setIcon(self._theme.icon("check", "accent"))
                action.setEnabled(False)
            self.relatives[action] = relative.run
            action.triggered.connect(self._on_triggered)
        if len(family) == 1:
            self.addSeparator()
            self.addAction("No forks yet: F forks at the step that is shown").setEnabled(False)
        self.popup(where)

    @Slot()
    def _on_triggered(self) -> None:
        sender = self.sender()
        run = next((run for action, run in self.relatives.items() if action is sender), None)
        if run is not None:
            self.run_requested.emit(run)
