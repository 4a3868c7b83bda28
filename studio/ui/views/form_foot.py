"""The foot of the form: what is wrong, Generate, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout

from studio.ui.jobs import text as words
from studio.ui.theme.metrics import GAP, GRID, PADDING
from studio.ui.widgets.buttons import TextButton
from studio.ui.widgets.cards import NO_EDGE, Ground
from studio.ui.widgets.labels import PlainLabel, set_tip

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from studio.ui.models.form import FormModel
    from studio.ui.theme.theme import Theme


class FormFoot(Ground):
    """Stays in sight while the form above it scrolls."""

    generate_requested = Signal()
    cancel_requested = Signal()

    def __init__(self, theme: Theme, form: FormModel, parent: QWidget | None = None) -> None:
        """Show what ``form`` makes."""
        super().__init__(theme, "panel", parent=parent)
        self._form = form
        self.fault = PlainLabel(theme, role="bad", wrap=True)
        self.generate = TextButton(theme, "Generate", kind="primary")
        set_tip(self.generate, "Make the pictures (Ctrl+Enter)")
        self.cancel = TextButton(theme, "Cancel")
        set_tip(self.cancel, "Stop the job that runs (Esc)")
        self.cancel.hide()
        self.cost = PlainLabel(theme, kind="label", role="dim")
        self.cost.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        buttons = QHBoxLayout()
        buttons.setSpacing(GAP)
        buttons.addWidget(self.generate, 1)
        buttons.addWidget(self.cancel)
        column = QVBoxLayout(self)
        column.setContentsMargins(PADDING, PADDING - GRID, PADDING - 1, PADDING)  # 1: the form's own line
        column.setSpacing(GAP)
        column.addWidget(self.fault)
        column.addLayout(buttons)
        column.addWidget(self.cost)
        self.generate.clicked.connect(self._on_generate_clicked)
        self.cancel.clicked.connect(self._on_cancel_clicked)
        form.changed.connect(self._on_changed)
        form.estimate_changed.connect(self._on_changed)
        self._on_changed()

    def set_running(self, running: bool) -> None:
        """Say whether a job runs: then Generate adds to the queue, and it can be cancelled."""
        if self.cancel.isHidden() == running:
            self.generate.setText("Add to queue" if running else "Generate")
            self.cancel.setVisible(running)

    def set_line(self, shown: bool) -> None:
        """Draw a line above, where the form goes on beneath."""
        lines = Qt.Edge.TopEdge if shown else NO_EDGE
        if lines != self._lines:
            self._lines = lines
            self.update()

    @Slot()
    def _on_changed(self) -> None:
        fault, estimate = self._form.fault, self._form.estimate
        self.fault.setText(fault)
        self.fault.setVisible(bool(fault))
        self.generate.setEnabled(not fault)
        self.cost.setText(words.cost(estimate))
        set_tip(self.cost, words.cost_tip(estimate, self._form.values.steps))

    @Slot()
    def _on_generate_clicked(self) -> None:
        self.generate_requested.emit()

    @Slot()
    def _on_cancel_clicked(self) -> None:
        self.cancel_requested.emit()
