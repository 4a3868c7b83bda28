"""The tree of a run's family, over the canvas until a relative is chosen or it is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QFrame, QScrollArea, QVBoxLayout

from studio.ui.theme.metrics import CARD_RADIUS, PADDING
from studio.ui.views.lineage_tree import LineageTree
from studio.ui.widgets.labels import PlainLabel
from studio.ui.widgets.painting import draw_outline, fill_rounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtCore import QPoint
    from PySide6.QtGui import QPaintEvent
    from PySide6.QtWidgets import QWidget

    from studio.ui.core.thumbnails import Thumbnails
    from studio.ui.jobs.lineage import Relative
    from studio.ui.theme.theme import Theme

LARGEST = QSize(760, 420)
_BAR = 16  # room for a scroll bar


class LineagePopup(QFrame):
    """A card with the tree; it goes away by itself when the keyboard goes elsewhere.

    Signals:
        chosen: a `Relative` is to be opened.
    """

    chosen = Signal(object)

    def __init__(self, theme: Theme, thumbnails: Thumbnails, parent: QWidget) -> None:
        """Start hidden; it lies over the whole window of ``parent``."""
        super().__init__(parent)
        self._theme = theme
        self.hide()
        self.tree = LineageTree(theme, thumbnails)
        self._area = QScrollArea()
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._area.setWidget(self.tree)
        self._area.viewport().setAutoFillBackground(False)
        self.tree.setAutoFillBackground(False)
        column = QVBoxLayout(self)
        column.setContentsMargins(PADDING, PADDING, PADDING, PADDING)
        column.addWidget(PlainLabel(theme, "Forks of this run", kind="title"))
        column.addWidget(self._area)
        self.tree.chosen.connect(self._on_chosen)
        self.tree.left.connect(self.hide)
        theme.changed.connect(self.update)

    def show_family(self, family: Sequence[Relative], corner: QPoint) -> None:
        """Open with the upper right corner at a point of the window; where it was open, close."""
        if self.isVisible():
            self.hide()
            return
        self.setParent(self.window())
        self.tree.show_family(family)
        size = self.tree.sizeHint()
        bars = QSize(_BAR * (size.height() > LARGEST.height()), _BAR * (size.width() > LARGEST.width()))
        self._area.setFixedSize((size + bars).boundedTo(LARGEST))
        self.adjustSize()
        self.move(max(corner.x() - self.width(), 0), corner.y())
        self.show()
        self.raise_()
        self.tree.setFocus(Qt.FocusReason.PopupFocusReason)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the card."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        fill_rounded(painter, self.rect(), CARD_RADIUS, self._theme.colour("panel"))
        draw_outline(painter, self.rect(), CARD_RADIUS, self._theme.colour("line"))

    @Slot(object)
    def _on_chosen(self, relative: Relative) -> None:
        self.hide()
        if not relative.is_this:
            self.chosen.emit(relative)
