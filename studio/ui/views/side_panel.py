"""A panel at the side that opens and closes; it slides, unless nothing may move."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEasingCurve, QPropertyAnimation, Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QWidget

from studio.ui.theme.metrics import PANEL_MS

if TYPE_CHECKING:
    from studio.ui.theme.theme import Theme


class SidePanel(QWidget):
    """Holds one widget of a fixed width."""

    def __init__(self, theme: Theme, content: QWidget, width: int, *, opens_from_right: bool = False) -> None:
        """Take what it holds, its width, and from which side it comes."""
        super().__init__()
        self._theme, self._full = theme, width
        content.setFixedWidth(width)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        side = Qt.AlignmentFlag.AlignLeft if opens_from_right else Qt.AlignmentFlag.AlignRight
        layout.addWidget(content, 0, side)
        self.setFixedWidth(width)
        self._open = True
        self._slide = QPropertyAnimation(self, b"maximumWidth", self)
        self._slide.setDuration(PANEL_MS)
        self._slide.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._slide.finished.connect(self._on_finished)

    @property
    def is_open(self) -> bool:
        """Whether it is open, or opening."""
        return self._open

    def set_open(self, open_: bool, *, at_once: bool = False) -> None:
        """Open or close it."""
        if open_ == self._open:
            return
        self._open = open_
        self._slide.stop()
        self.setMinimumWidth(0)
        if at_once or self._theme.reduce_motion or (not self.isVisible() and not open_):
            self._on_finished()
            return
        self.setVisible(True)
        self._slide.setStartValue(self.width() if not open_ else 0)
        self._slide.setEndValue(self._full if open_ else 0)
        self._slide.start()

    @Slot()
    def _on_finished(self) -> None:
        self.setVisible(self._open)
        self.setFixedWidth(self._full)
