"""The button that pins a recorded run, so that its steps are never deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot

from studio.messages import message
from studio.ui.language import tr
from studio.ui.widgets.buttons import IconButton
from studio.ui.widgets.labels import set_tip

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from studio.ui.jobs.recorded_runs import RunsModel
    from studio.ui.theme.theme import Theme

PIN = message("Pin this run: its steps are never deleted (Shift+P)")
UNPIN = message("Pinned: the steps of this run are never deleted. Click to unpin it (Shift+P)")


class PinButton(IconButton):
    """Pins and unpins one run; hidden while there is none."""

    def __init__(
        self, theme: Theme, runs: RunsModel, *, quiet: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(
            theme,
            "pin",
            tr("Pin this run"),
            checkable=True,
            role="dim",
            kind="quiet" if quiet else "plain",
            parent=parent,
        )
        self._runs, self._run, self._pinned = runs, "", False
        self.hide()
        self.clicked.connect(self._on_clicked)
        runs.pinned.connect(self._on_pinned)
        runs.failed.connect(self._show)
        self._show()

    @property
    def run(self) -> str:
        """The id of the run; "" for none."""
        return self._run

    def set_run(self, run: str) -> None:
        """Set the run by its id; "" for none."""
        if run != self._run:
            self._run, self._pinned = run, False
            self.setVisible(bool(run))
            self._show()
            if run:
                self._runs.find_pinned(run)

    @Slot(bool)
    def _on_clicked(self, checked: bool) -> None:
        if self._run:
            self._runs.set_pinned(self._run, checked)

    @Slot(str, bool)
    def _on_pinned(self, run: str, pinned: bool) -> None:
        if run == self._run:
            self._pinned = pinned
            self._show()

    @Slot()
    def _show(self) -> None:
        self.setChecked(self._pinned)
        set_tip(self, tr(UNPIN if self._pinned else PIN))
