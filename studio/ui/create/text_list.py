"""A list of texts, one a row; only the visible rows are painted, however many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QSize,
    QStringListModel,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QFontMetrics, QHelpEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
)

from studio.ui.theme.metrics import GAP, GRID
from studio.ui.widgets.labels import plain_tip
from studio.ui.widgets.painting import draw_ring, fill_rounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QKeyEvent, QMouseEvent
    from PySide6.QtWidgets import QWidget

    from studio.ui.theme.theme import Theme

ROW: Final = 28
_ENTER: Final = (Qt.Key.Key_Return, Qt.Key.Key_Enter)


class TextList(QListView):
    """Texts to choose from by click or Enter.

    Signals:
        chosen: this text was chosen.
    """

    chosen = Signal(str)

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        """Start empty; ``name`` is the accessible name."""
        super().__init__(parent)
        self._texts = QStringListModel(self)
        self.setModel(self._texts)
        self.setItemDelegate(_Row(theme, self))
        self.setAccessibleName(name)
        self.setUniformItemSizes(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.verticalScrollBar().setSingleStep(ROW)
        self.setMouseTracking(True)
        self.setTabKeyNavigation(False)
        self.viewport().setAutoFillBackground(False)
        self.clicked.connect(self._on_clicked)
        theme.changed.connect(self.viewport().update)

    @property
    def texts(self) -> list[str]:
        return self._texts.stringList()

    @property
    def current(self) -> str:
        """The current text; "" if there is none."""
        index = self.currentIndex()
        return str(index.data()) if index.isValid() else ""

    def set_texts(self, texts: Sequence[str]) -> None:
        """List other texts; none is current."""
        self._texts.setStringList(list(texts))
        self.scrollToTop()

    def go_to(self, row: int) -> None:
        """Make a row current; a row that does not exist makes none current."""
        self.setCurrentIndex(self._texts.index(row))

    def height_of(self, rows: int) -> int:
        """Return the height in pixels of so many rows."""
        return rows * ROW

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in _ENTER and self.current:
            self.chosen.emit(self.current)
        else:
            super().keyPressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        over = self.indexAt(event.position().toPoint()).isValid()
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.ArrowCursor)
        super().mouseMoveEvent(event)

    def viewportEvent(self, event: QEvent) -> bool:
        """Show an elided text in a tooltip."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            index = self.indexAt(event.pos())
            text = str(index.data()) if index.isValid() else ""
            room = self.viewport().width() - 2 * GAP
            cut = QFontMetrics(self.font()).horizontalAdvance(text) > room
            QToolTip.showText(event.globalPos(), plain_tip(text if cut else ""), self)
            return True
        return super().viewportEvent(event)

    @Slot(QModelIndex)
    def _on_clicked(self, index: QModelIndex) -> None:
        self.chosen.emit(str(index.data()))


class _Row(QStyledItemDelegate):
    def __init__(self, theme: Theme, parent: TextList) -> None:
        super().__init__(parent)
        self._theme, self._view = theme, parent
        parent.setFont(theme.font("body"))

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(0, ROW)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect, state = QRect(option.rect), QStyle.StateFlag(option.state)
        if state & QStyle.StateFlag.State_Selected:
            fill_rounded(painter, rect, GRID, self._theme.colour("line"))
            if self._view.hasFocus():
                draw_ring(painter, rect, GRID, self._theme.colour("accent"))
        elif state & QStyle.StateFlag.State_MouseOver:
            fill_rounded(painter, rect, GRID, self._theme.colour("hover"))
        room = rect.adjusted(GAP, 0, -GAP, 0)
        painter.setFont(self._view.font())
        painter.setPen(self._theme.colour("text"))
        text = QFontMetrics(self._view.font()).elidedText(
            str(index.data() or ""), Qt.TextElideMode.ElideRight, room.width()
        )
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, text)
        painter.restore()
