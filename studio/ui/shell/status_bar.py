"""The status bar: device, previews, recorded runs, training and queue; notices replace the first three."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy

from studio.ui.language import tr
from studio.ui.shell import text
from studio.ui.theme.metrics import GAP, PADDING, SECTION
from studio.ui.train import text as training_text
from studio.ui.welcome import text as download_text
from studio.ui.widgets.buttons import TextButton
from studio.ui.widgets.cards import Ground, Toast
from studio.ui.widgets.labels import PlainLabel, set_tip

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from studio.engine.memory_plan import DeviceMemory
    from studio.ui.core.settings import Preferences
    from studio.ui.jobs.queue_model import QueueModel
    from studio.ui.theme.theme import Theme
    from studio.ui.train.run import TrainRun
    from studio.ui.welcome.downloads import Downloads


class StatusModel(QObject):
    """The model of the status bar: the device, the cost of previews, and the disk space of recorded runs.

    Attributes:
        device: the name of the device; "" until it is known.
        dtype: the precision of the networks.
        unused_gpu: a sentence on why a GPU is not used; "" if no GPU is unused.
        preview_share: the share of the last job's time that previews took, 0 to 1.
        runs_bytes: the disk space of all recorded runs.
        memory: what plans of memory need to know of the device; None until it is known.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.device = self.dtype = self.unused_gpu = ""
        self.preview_share: float | None = None
        self.runs_bytes: int | None = None
        self.memory: DeviceMemory | None = None

    def set_device(
        self,
        device: str,
        dtype: str = "",
        unused_gpu: str | None = None,
        memory: DeviceMemory | None = None,
    ) -> None:
        self.device, self.dtype, self.unused_gpu, self.memory = device, dtype, unused_gpu or "", memory
        self.changed.emit()

    @Slot(object)
    def set_runs_bytes(self, size: int) -> None:
        if size != self.runs_bytes:
            self.runs_bytes = size
            self.changed.emit()

    def set_preview_share(self, share: float) -> None:
        self.preview_share = share
        self.changed.emit()


class TrainStatus(TextButton):
    """A button that shows the progress of the training and opens its page; hidden while there is none."""

    def __init__(self, theme: Theme, run: TrainRun, parent: QWidget | None = None) -> None:
        super().__init__(theme, "", kind="quiet", parent=parent)
        self._run = run
        self.setFont(theme.font("label"))
        set_tip(self, tr("Show the training (Ctrl+5)"))
        run.changed.connect(self._on_changed)
        run.stepped.connect(self._on_changed)
        self._on_changed()

    @Slot()
    def _on_changed(self) -> None:
        run = self._run
        self.setVisible(not run.over)
        if not run.over:
            shown = training_text.running_status(run)
            if shown != self.text():
                self.setText(shown)
                self.updateGeometry()
                self.update()


class DownloadStatus(TextButton):
    """A button that shows the progress of the download and opens its page; hidden while there is none."""

    def __init__(self, theme: Theme, downloads: Downloads, parent: QWidget | None = None) -> None:
        super().__init__(theme, "", kind="quiet", parent=parent)
        self._downloads = downloads
        self.setFont(theme.font("label"))
        set_tip(self, tr("Show the download"))
        downloads.changed.connect(self._on_changed)
        self._on_changed()

    @Slot()
    def _on_changed(self) -> None:
        downloads, shown = self._downloads, ""
        if downloads.phase == "running" and downloads.choice is not None:
            shown = download_text.status(downloads.latest, downloads.choice)
        self.setVisible(bool(shown))
        if shown != self.text():
            self.setText(shown)
            self.updateGeometry()
            self.update()


HEIGHT = 36


class StatusBar(Ground):
    """Device, previews, disk space and queue; a notice hides the first three while it is shown."""

    def __init__(
        self,
        theme: Theme,
        status: StatusModel,
        queue: QueueModel,
        preferences: Preferences,
        run: TrainRun,
        downloads: Downloads,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(theme, "panel", lines=Qt.Edge.TopEdge, parent=parent)
        self._status, self._queue, self._preferences = status, queue, preferences
        self.setMinimumHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._device = PlainLabel(theme, kind="label", role="dim", elide=True)
        self.queue_button = TextButton(theme, tr("Queue"), kind="quiet")
        self.queue_button.setFont(theme.font("label"))
        set_tip(self.queue_button, tr("Show the running job and those that wait (Ctrl+J)"))
        self._previews = PlainLabel(theme, kind="label", role="dim")
        self._runs = PlainLabel(theme, kind="label", role="dim")
        set_tip(self._runs, text.runs_tip())
        set_tip(self._previews, text.previews_tip())
        self._local = PlainLabel(theme, text.local(), kind="label", role="dim")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(PADDING, 2, PADDING, 1)
        layout.setSpacing(SECTION - GAP)
        self.toast = Toast(theme)
        layout.addWidget(self.toast, 1)
        layout.addWidget(self._device, 1)
        self.training = TrainStatus(theme, run)
        self.download = DownloadStatus(theme, downloads)
        self._downloads = downloads
        layout.addWidget(self._previews)
        layout.addWidget(self._runs)
        layout.addWidget(self._local)
        layout.addWidget(self.download)
        layout.addWidget(self.training)
        layout.addWidget(self.queue_button)
        self.toast.installEventFilter(self)
        status.changed.connect(self._on_changed)
        preferences.changed.connect(self._on_changed)
        downloads.changed.connect(self._show_facts)
        for signal in (queue.rowsInserted, queue.rowsRemoved, queue.dataChanged, queue.modelReset):
            signal.connect(self._on_queue_changed)
        self._on_changed()
        self._on_queue_changed()

    @property
    def device_text(self) -> str:
        return self._device.text()

    @property
    def runs_text(self) -> str:
        return self._runs.text()

    @Slot()
    def _on_changed(self) -> None:
        used = self._status.runs_bytes
        self._show_facts()
        self._runs.setText(text.runs(used or 0, self._preferences.runs_gib))
        self._device.setText(text.device(self._status.device, self._status.dtype))
        self._previews.setText(text.previews(self._preferences.preview_budget, self._status.preview_share))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Hide the labels while a notice is shown; the buttons stay in place."""
        if watched is self.toast and event.type() in (QEvent.Type.ShowToParent, QEvent.Type.HideToParent):
            self._show_facts()
        return super().eventFilter(watched, event)

    @Slot()
    def _show_facts(self) -> None:
        shown = self.toast.isHidden()
        for label in (self._device, self._previews):
            label.setVisible(shown)
        self._local.setVisible(shown and not self._downloads.busy)
        self._runs.setVisible(shown and self._status.runs_bytes is not None)

    @Slot()
    def _on_queue_changed(self) -> None:
        running, waiting = int(self._queue.running is not None), len(self._queue.waiting)
        self.queue_button.setText(text.queue(running, waiting))
