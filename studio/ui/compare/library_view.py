"""The list of recorded runs: a search field, a card for each run, and the button that compares the selected ones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QHelpEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from studio.engine.requests.compare import MAX_PANES
from studio.ui.compare import text as words
from studio.ui.compare.library import PlaceRole, RunRole
from studio.ui.language import tr
from studio.ui.theme.metrics import CARD_RADIUS, CONTROL, GAP, GRID, PADDING, RADIUS
from studio.ui.widgets.buttons import IconButton, TextButton
from studio.ui.widgets.cards import Ground
from studio.ui.widgets.labels import PlainLabel, plain_tip
from studio.ui.widgets.painting import draw_outline, draw_ring, fill_rounded
from studio.ui.widgets.search_field import SearchField

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent, QPaintEvent, QResizeEvent, QShowEvent
    from PySide6.QtWidgets import QStyleOptionViewItem

    from studio.ui.compare.library import CompareLibrary
    from studio.ui.core.thumbnails import Thumbnails
    from studio.ui.theme.theme import Theme


Index = QModelIndex | QPersistentModelIndex
WIDTH: Final = 244
ROW: Final = 64
_SIDE: Final = 48
_BADGE: Final = 20


class LibraryList(QListView):
    """A card for each run. A click or Space selects or deselects it, Enter compares the selected runs."""

    def __init__(
        self, theme: Theme, library: CompareLibrary, thumbnails: Thumbnails, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._library, self._thumbnails = library, thumbnails
        self.setAccessibleName(tr("Recorded runs"))
        self.setModel(library)
        self.setItemDelegate(_RunDelegate(theme, thumbnails, self))
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(True)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)
        self._requesting = QTimer(self, singleShot=True, interval=0)
        self._requesting.timeout.connect(self._request_thumbnails)
        self.clicked.connect(self._on_clicked)
        thumbnails.made.connect(self._on_made)
        theme.changed.connect(self.viewport().update)

    @Slot()
    def enter(self) -> None:
        """Take the focus from the search field."""
        if self.model().rowCount():
            if not self.currentIndex().isValid():
                self.setCurrentIndex(self.model().index(0, 0))
            self.setFocus(Qt.FocusReason.TabFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space and self.currentIndex().isValid():
            self._library.toggle(self.currentIndex().row())
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._library.open()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        self._requesting.start()

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            index = self.indexAt(event.pos())
            found = index.data(RunRole)
            text = words.recorded_tip(found.request, found.number, found.fault) if found is not None else ""
            QToolTip.showText(event.globalPos(), plain_tip(text), self.viewport(), self.visualRect(index))
            return True
        return super().viewportEvent(event)

    @Slot(QModelIndex)
    def _on_clicked(self, index: QModelIndex) -> None:
        self._library.toggle(index.row())

    @Slot(object)
    def _on_made(self, path: object) -> None:
        del path
        self.viewport().update()

    @Slot()
    def _request_thumbnails(self) -> None:
        side, seen = self._side(), self.viewport().rect()
        keys = []
        for row in range(self.model().rowCount()):
            index = self.model().index(row, 0)
            place = self.visualRect(index)
            if place.top() > seen.bottom():
                break
            entry = index.data(RunRole).entry
            if entry is not None and place.intersects(seen):
                keys.append((entry.path, side))
        self._thumbnails.want(self, keys, RADIUS * self.devicePixelRatioF())

    def _side(self) -> int:
        return round(_SIDE * self.devicePixelRatioF())


class _RunDelegate(QStyledItemDelegate):
    """Paints one run: its picture, its prompt, and its settings below."""

    def __init__(self, theme: Theme, thumbnails: Thumbnails, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme, self._thumbnails = theme, thumbnails

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        del option, index
        return QSize(WIDTH, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        theme, found, place = self._theme, index.data(RunRole), index.data(PlaceRole)
        area: QRect = option.rect
        state: QStyle.StateFlag = option.state
        card = area.adjusted(0, 0, -GAP, -GAP)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        hovered = bool(state & QStyle.StateFlag.State_MouseOver)
        fill_rounded(painter, card, CARD_RADIUS, theme.colour("raised" if hovered else "panel"))
        picture = QRect(card.left() + GRID, card.top() + GRID, _SIDE, _SIDE)
        self._paint_picture(painter, picture, found.entry, option.widget.devicePixelRatioF())
        text = QRect(
            picture.right() + GAP, card.top() + 6, card.right() - picture.right() - 2 * GAP, _SIDE - 4
        )
        if place is not None:
            draw_outline(painter, card, CARD_RADIUS, theme.colour("accent"))
            self._paint_badge(painter, card, place)
            text.setRight(text.right() - _BADGE - GRID)
        role = "faint" if found.fault else "text"
        self._write(
            painter, text, found.request.prompt or words.no_prompt(), "body", role, Qt.AlignmentFlag.AlignTop
        )
        under = words.recorded(found.request, found.number, found.fault)
        self._write(painter, text, under, "label", "dim", Qt.AlignmentFlag.AlignBottom)
        if state & QStyle.StateFlag.State_HasFocus:
            draw_ring(painter, card, CARD_RADIUS, theme.colour("accent"))
        painter.restore()

    def _paint_picture(self, painter: QPainter, room: QRect, entry: object, ratio: float) -> None:
        path = getattr(entry, "path", None)
        image = self._thumbnails.image(path, round(_SIDE * ratio)) if path is not None else None
        if image is None:
            fill_rounded(painter, room, RADIUS, self._theme.colour("line"))
        else:
            painter.drawImage(room, image)

    def _paint_badge(self, painter: QPainter, card: QRect, place: int) -> None:
        box = QRect(card.right() - _BADGE - GRID, card.top() + GRID + 2, _BADGE, _BADGE)
        fill_rounded(painter, box, _BADGE / 2, self._theme.colour("accent"))
        painter.setFont(self._theme.font("label", bold=True))
        painter.setPen(QPen(self._theme.colour("on_accent")))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, str(place + 1))

    def _write(
        self, painter: QPainter, area: QRect, text: str, kind: str, role: str, side: Qt.AlignmentFlag
    ) -> None:
        painter.setFont(self._theme.font("body" if kind == "body" else "label"))
        painter.setPen(self._theme.colour(role))
        shown = painter.fontMetrics().elidedText(
            " ".join(text.split()), Qt.TextElideMode.ElideRight, area.width()
        )
        painter.drawText(area, side | Qt.AlignmentFlag.AlignLeft, shown)


_SEARCH_PX = 320
_MAX_ROWS = 4


class LibraryView(Ground):
    """Selects and opens the runs of a `CompareLibrary`.

    Signals:
        closed: the close button was clicked.
    """

    closed = Signal()

    def __init__(
        self, theme: Theme, library: CompareLibrary, thumbnails: Thumbnails, parent: QWidget | None = None
    ) -> None:
        super().__init__(theme, "window", lines=Qt.Edge.BottomEdge, parent=parent)
        self._library = library
        self.search = SearchField(theme)
        self.search.setPlaceholderText(tr("Search recorded runs"))
        self.search.setAccessibleName(tr("Search recorded runs"))
        self.list = LibraryList(theme, library, thumbnails)
        self.start = TextButton(theme, tr("Compare"), kind="primary")
        self._close = IconButton(theme, "x", tr("Close the list of recorded runs"), kind="quiet")
        self._note = PlainLabel(theme, role="dim", elide=True)
        self._note.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._empty = PlainLabel(theme, role="dim", wrap=True)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._lay_out()
        self.search.search_requested.connect(library.search)
        self.search.left.connect(self.list.enter)
        self.start.clicked.connect(library.open)
        self._close.clicked.connect(self.closed)
        library.changed.connect(self._on_changed)
        self._on_changed()

    def _lay_out(self) -> None:
        self.search.setFixedWidth(_SEARCH_PX)
        head = QHBoxLayout()
        head.setSpacing(GAP)
        head.addWidget(self.search)
        head.addWidget(self._note, 1)
        head.addWidget(self.start)
        head.addWidget(self._close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(PADDING, GAP + GRID, PADDING, GAP + GRID)
        layout.setSpacing(GAP)
        layout.addLayout(head)
        layout.addWidget(self.list, 1)
        layout.addWidget(self._empty, 1)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._library.reload()
        self.search.set_text(self._library.text)
        self.search.setFocus(Qt.FocusReason.MouseFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        event.accept()  # else a letter would change the layout of the comparison below

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), self.maximumHeight())

    def _fit(self) -> None:
        """Be as high as the cards need, up to a limit; lower in a low window, where the cards scroll."""
        columns = max((self.width() - 2 * PADDING) // WIDTH, 1)
        rows = min(max(math.ceil(self._library.rowCount() / columns), 1), _MAX_ROWS)
        around = CONTROL + 2 * (GAP + GRID) + GAP + 2 * GRID
        self.setMinimumHeight(around + ROW)
        self.setMaximumHeight(around + rows * ROW)
        self.updateGeometry()

    @Slot()
    def _on_changed(self) -> None:
        library = self._library
        self.start.setEnabled(library.can_open)
        self._note.setText(words.chosen(len(library.chosen), MAX_PANES))
        nothing = library.loaded and library.rowCount() == 0
        self._empty.setText(words.no_runs(searched=bool(library.text)))
        self._empty.setVisible(nothing)
        self.list.setVisible(not nothing)
        self._fit()
