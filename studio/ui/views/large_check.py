"""Beside a picture that is shown large: whether it comes out the same when it is made again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.ui.jobs.pin_button import PinButton
from studio.ui.theme.metrics import GAP
from studio.ui.widgets.buttons import TextButton
from studio.ui.widgets.labels import PlainLabel, set_tip
from studio.ui.widgets.scrubber import NoiseBar

if TYPE_CHECKING:
    from studio.gallery.entry import Entry
    from studio.ui.jobs.recorded_runs import RunsModel
    from studio.ui.models.verifying import VerifyModel
    from studio.ui.theme.theme import Theme

VERIFY, STOP = "Verify", "Stop verifying"
TIP = "Make this picture again from what its file remembers, and compare every pixel (V)"
_ROLES = {"running": "dim", "same": "good", "different": "warn", "failed": "warn"}


class LargeCheck(QWidget):
    """A button, what came of it, and beside it the pin of the picture's run."""

    def __init__(
        self, theme: Theme, verifier: VerifyModel, runs: RunsModel, parent: QWidget | None = None
    ) -> None:
        """Have pictures checked by ``verifier``, and their runs of ``runs`` pinned."""
        super().__init__(parent)
        self._verifier, self._runs = verifier, runs
        self._entry: Entry | None = None
        self.words = PlainLabel(theme, role="dim", wrap=True)
        self.bar = NoiseBar(theme, "How far the picture is made again")
        self.button = TextButton(theme, VERIFY, icon="circle-check")
        set_tip(self.button, TIP)
        self.pin = PinButton(theme, runs)
        row = QHBoxLayout()
        row.setSpacing(GAP)
        row.addWidget(self.button, 1)
        row.addWidget(self.pin)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        column.addWidget(self.words)
        column.addWidget(self.bar)
        column.addLayout(row)
        self.button.clicked.connect(self.toggle)
        verifier.changed.connect(self._on_changed)
        runs.found.connect(self._on_found)
        self._on_changed()

    def show_entry(self, entry: Entry) -> None:
        """Be about another picture."""
        self._entry = entry
        self.pin.set_run("")
        self._runs.find_run(entry)
        self._on_changed()

    @Slot()
    def toggle(self) -> None:
        """Make the picture again, or stop that."""
        if self._entry is None:
            return
        check = self._verifier.of(self._entry)
        if check is not None and check.outcome == "running":
            self._verifier.stop()
        else:
            self._verifier.begin(self._entry)

    @Slot(object, str)
    def _on_found(self, entry: Entry, run: str) -> None:
        if entry is self._entry:
            self.pin.set_run(run)

    @Slot()
    def _on_changed(self) -> None:
        check = self._verifier.of(self._entry) if self._entry is not None else None
        runs = check is not None and check.outcome == "running"
        self.button.setText(STOP if runs else VERIFY)
        self.button.set_icon("square" if runs else "circle-check")
        self.bar.setVisible(runs)
        self.words.setVisible(check is not None)
        if check is not None:
            self.words.set_role(_ROLES[check.outcome])
            self.words.setText(check.words)
            self.bar.set_progress(check.fraction, check.level)
