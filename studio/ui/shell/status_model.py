"""What the status bar shows."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal, Slot


class StatusModel(QObject):
    """The device, the share of the last job that previews took, and the disk space of recorded runs."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        """Begin before anything is known."""
        super().__init__(parent)
        self.device = ""
        self.dtype = ""
        self.unused_gpu = ""
        self.preview_share: float | None = None
        self.runs_bytes: int | None = None

    def set_device(self, device: str, dtype: str = "", unused_gpu: str | None = None) -> None:
        """The engine runs on ``device`` in ``dtype``; a sentence where a better device cannot be used."""
        self.device, self.dtype, self.unused_gpu = device, dtype, unused_gpu or ""
        self.changed.emit()

    @Slot(object)
    def set_runs_bytes(self, size: int) -> None:
        """All recorded runs take so much room."""
        if size != self.runs_bytes:
            self.runs_bytes = size
            self.changed.emit()

    def set_preview_share(self, share: float) -> None:
        """Previews took this share of the last job, 0 to 1."""
        self.preview_share = share
        self.changed.emit()
