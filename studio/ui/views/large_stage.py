"""A picture that is shown large, under its title; or why it cannot be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStackedLayout, QVBoxLayout, QWidget

from studio.ui.theme.metrics import GAP, GRID, PADDING, RADIUS, SECTION
from studio.ui.views.large_head import LargeHead
from studio.ui.views.large_picture import LargePicture
from studio.ui.widgets.buttons import IconView
from studio.ui.widgets.labels import PlainLabel
from studio.ui.widgets.painting import draw_ring

if TYPE_CHECKING:
    from PySide6.QtGui import QImage, QPaintEvent

    from studio.ui.theme.theme import Theme


class LargeStage(QWidget):
    """Title line and picture.

    Attributes:
        head: the title line.
        picture: the picture.
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Start empty."""
        super().__init__(parent)
        self._theme, self._ringed = theme, False
        self.head = LargeHead(theme)
        self.picture = LargePicture(theme)
        self._fault = PlainLabel(theme, role="dim", wrap=True)
        self._fault.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        failed = QWidget()
        lines = QVBoxLayout(failed)
        lines.setSpacing(GAP)
        lines.addStretch(2)
        icon = IconView(theme, "triangle-alert", role="faint", size=32)
        lines.addWidget(icon, 0, Qt.AlignmentFlag.AlignHCenter)
        lines.addWidget(self._fault)
        lines.addStretch(3)
        self._stack = QStackedLayout()
        self._stack.addWidget(self.picture)
        self._stack.addWidget(failed)
        column = QVBoxLayout(self)
        column.setContentsMargins(SECTION, PADDING, SECTION, SECTION)
        column.setSpacing(PADDING)
        column.addWidget(self.head)
        column.addLayout(self._stack, 1)

    @property
    def fault(self) -> str:
        """Why there is no picture; "" where there is one."""
        return self._fault.text() if self._stack.currentIndex() == 1 else ""

    def show_image(self, image: QImage) -> None:
        """Show a picture."""
        self.picture.set_image(image)
        self._stack.setCurrentIndex(0)

    def show_fault(self, sentence: str) -> None:
        """Say why there is no picture."""
        self.picture.set_image(None)
        self._fault.setText(sentence)
        self._stack.setCurrentIndex(1)

    def set_ring(self, ringed: bool) -> None:
        """Show that the keyboard is at the picture."""
        if ringed != self._ringed:
            self._ringed = ringed
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the ring around the picture."""
        if self._ringed:
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            around = self.picture.picture_rect() if not self.fault else QRectF(self.picture.rect())
            around.translate(self.picture.geometry().topLeft())
            room = around.adjusted(-GRID, -GRID, GRID, GRID)
            draw_ring(painter, room, RADIUS, self._theme.colour("accent"))
