"""A word on the training that goes on, at the window's foot; it leads to its page.

The line at the window's foot: device, training, queue, previews, the room that recorded runs take.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout

from studio.ui.settings_page.view import size_words
from studio.ui.theme.metrics import GAP, SECTION
from studio.ui.train import text as words
from studio.ui.widgets.buttons import TextButton
from studio.ui.widgets.cards import Ground
from studio.ui.widgets.labels import PlainLabel, set_tip

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from studio.ui.core.settings import Preferences
    from studio.ui.jobs.queue_model import QueueModel
    from studio.ui.shell.status_model import StatusModel
    from studio.ui.theme.theme import Theme
    from studio.ui.train.model import TrainRun


class TrainStatus(TextButton):
    """Seen while a training runs, or waits for a picture."""

    def __init__(self, theme: Theme, run: TrainRun, parent: QWidget | None = None) -> None:
        """Tell of ``run``."""
        super().__init__(theme, "", kind="quiet", parent=parent)
        self._run = run
        self.setFont(theme.font("label"))
        set_tip(self, "Show the training (Ctrl+5)")
        run.changed.connect(self._on_changed)
        run.stepped.connect(self._on_changed)
        self._on_changed()

    @Slot()
    def _on_changed(self) -> None:
        run = self._run
        self.setVisible(not run.over)
        if not run.over:
            text = words.running_status(run)
            if text != self.text():
                self.setText(text)
                self.updateGeometry()
                self.update()


HEIGHT = 36
RUNS_TIP = (
    "The room that recorded runs take. Where they need more, the oldest that are not pinned give up their steps; "
    "never their pictures."
)


class StatusBar(Ground):
    """What runs where.

    Signals:
        queue_requested: the queue is to be shown, or hidden again.
    """

    queue_requested = Signal()

    def __init__(
        self,
        theme: Theme,
        status: StatusModel,
        queue: QueueModel,
        preferences: Preferences,
        run: TrainRun,
        parent: QWidget | None = None,
    ) -> None:
        """Show the models' state."""
        super().__init__(theme, "panel", lines=Qt.Edge.TopEdge, parent=parent)
        self._status, self._queue, self._preferences = status, queue, preferences
        self.setFixedHeight(HEIGHT)
        self._device = PlainLabel(theme, kind="label", role="dim", elide=True)
        self.queue_button = TextButton(theme, "Queue", kind="quiet")
        self.queue_button.setFont(theme.font("label"))
        set_tip(self.queue_button, "Show what runs and what waits (Ctrl+J)")
        self._previews = PlainLabel(theme, kind="label", role="dim")
        self._runs = PlainLabel(theme, kind="label", role="dim")
        set_tip(self._runs, RUNS_TIP)
        local = PlainLabel(theme, "Nothing leaves this machine", kind="label", role="dim")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(16, 1, 16, 0)
        layout.setSpacing(SECTION - GAP)
        layout.addWidget(self._device, 1)
        self.training = TrainStatus(theme, run)
        layout.addWidget(self.training)
        layout.addWidget(self.queue_button)
        layout.addWidget(self._previews)
        layout.addWidget(self._runs)
        layout.addWidget(local)
        self.queue_button.clicked.connect(self.queue_requested)
        status.changed.connect(self._on_changed)
        preferences.changed.connect(self._on_changed)
        for signal in (queue.rowsInserted, queue.rowsRemoved, queue.dataChanged, queue.modelReset):
            signal.connect(self._on_queue_changed)
        self._on_changed()
        self._on_queue_changed()

    @property
    def device_text(self) -> str:
        """What is said of the device."""
        return self._device.text()

    @property
    def runs_text(self) -> str:
        """What is said of the room that runs take."""
        return self._runs.text()

    @Slot()
    def _on_changed(self) -> None:
        used = self._status.runs_bytes
        self._runs.setVisible(used is not None)
        self._runs.setText(f"Runs: {size_words(used or 0)} of {self._preferences.runs_gib:g} GiB")
        known = f"{self._status.device}, {self._status.dtype}" if self._status.dtype else self._status.device
        self._device.setText(known)
        budget, share = self._preferences.preview_budget, self._status.preview_share
        if budget == 0:
            self._previews.setText("No previews")
            return
        allowed = "no limit" if budget >= 1 else f"budget {budget:.0%}"
        took = f"Previews took {share:.1%} of the last run, " if share is not None else "Previews: "
        self._previews.setText(f"{took}{allowed}")

    @Slot()
    def _on_queue_changed(self) -> None:
        running, waiting = int(self._queue.running is not None), len(self._queue.waiting)
        self.queue_button.setText(f"Queue: {running} running, {waiting} waiting")
