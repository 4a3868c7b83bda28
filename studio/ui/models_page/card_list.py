"""The list of cards of models: only visible rows are painted, so that thousands of models cost nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QColor, QFontMetrics, QKeySequence, QPainter
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QToolTip

from studio.ui.language import tr
from studio.ui.models_page import text
from studio.ui.models_page.shelf import ModelRole
from studio.ui.theme.colour import mix
from studio.ui.theme.metrics import CARD_RADIUS, GAP, GRID, INSET, SMALL_ICON
from studio.ui.widgets.labels import plain_tip
from studio.ui.widgets.painting import draw_outline, draw_ring, fill_rounded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PySide6.QtCore import QModelIndex, QPersistentModelIndex
    from PySide6.QtGui import QContextMenuEvent, QHelpEvent, QKeyEvent, QMouseEvent, QResizeEvent, QShowEvent
    from PySide6.QtWidgets import QStyleOptionViewItem, QWidget

    from studio.checkpoints.catalog import InstalledModel
    from studio.ui.core.thumbnails import Thumbnails
    from studio.ui.models_page.shelf import Shelf
    from studio.ui.theme.theme import Theme

    Index = QModelIndex | QPersistentModelIndex

PICTURE: Final = 64
ROW: Final = PICTURE + 2 * INSET + GAP
_CHIP: Final = 20
_DOT: Final = 5.0
_DOT_ROOM: Final = 9
_AHEAD: Final = 8
"""How many rows above and below the visible ones have their pictures ready."""


class CardDelegate(QStyledItemDelegate):
    """Paints a model as a card."""

    def __init__(self, theme: Theme, shelf: Shelf, thumbnails: Thumbnails, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme, self._shelf, self._thumbnails = theme, shelf, thumbnails
        self.in_use = ""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(240, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        model: InstalledModel | None = index.data(ModelRole)
        if model is None:
            return
        theme, place = self._theme, _card_in(option.rect)
        selected = bool(option.state & QStyle.StateFlag.State_Selected)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        focused = bool(option.state & QStyle.StateFlag.State_HasFocus)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ground = theme.palette.panel
        if selected:
            ground = mix(ground, theme.palette.accent, 0.10)
        fill_rounded(painter, place, CARD_RADIUS, QColor(ground))
        if selected:
            draw_ring(painter, place, CARD_RADIUS, theme.colour("accent" if focused else "dim"))
        else:
            draw_outline(painter, place, CARD_RADIUS, theme.colour("faint" if hovered else "line"))
        self._paint_picture(painter, _picture_in(place), model)
        self._paint_words(painter, _words_in(place), model)
        painter.restore()

    def _paint_picture(self, painter: QPainter, place: QRect, model: InstalledModel) -> None:
        ratio = painter.device().devicePixelRatioF()
        path = self._shelf.picture(model)
        image = None if path is None else self._thumbnails.image(path, round(place.width() * ratio))
        if image is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(place, image)
            return
        fill_rounded(painter, place, CARD_RADIUS - 2, self._theme.colour("raised"))
        icon = QRect(0, 0, SMALL_ICON + GRID, SMALL_ICON + GRID)
        icon.moveCenter(place.center())
        self._theme.draw_icon(painter, icon, "triangle-alert" if model.card is None else "box", "faint")

    def _paint_words(self, painter: QPainter, room: QRect, model: InstalledModel) -> None:
        theme = self._theme
        left = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.setFont(theme.font("body", bold=True))
        metrics = QFontMetrics(painter.font())
        line = QRect(room.left(), room.top(), room.width(), metrics.height())
        used = model.card is not None and model.name == self.in_use
        if used:
            words = tr("In use")
            width = metrics.horizontalAdvance(words)
            painter.setPen(theme.colour("good"))
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, words)
            line.setRight(line.right() - width - GAP)
        if model.choices.favourite:
            star = QRect(line.left(), line.center().y() - 7, 14, 14)
            theme.draw_icon(painter, star, "star", "accent")
            line.setLeft(star.right() + GRID + 2)
        painter.setPen(theme.colour("text"))
        painter.drawText(
            line, left, metrics.elidedText(model.title, Qt.TextElideMode.ElideRight, line.width())
        )
        painter.setFont(theme.font("label"))
        metrics = QFontMetrics(painter.font())
        second = QRect(room.left(), line.bottom() + GRID, room.width(), metrics.height() + 1)
        said = text.summary(model)
        if model.card is None:
            second.setBottom(room.bottom())
            painter.setPen(theme.colour("bad"))
            painter.drawText(second, Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap, said)
            return
        painter.setPen(theme.colour("dim"))
        painter.drawText(second, left, metrics.elidedText(said, Qt.TextElideMode.ElideRight, second.width()))
        self._paint_chips(painter, _chips_in(room), model)

    def _paint_chips(self, painter: QPainter, room: QRect, model: InstalledModel) -> None:
        theme = self._theme
        for place, role, words in self._chips(room, model):
            colour = theme.colour(role)
            amount = 0.07 if role == "dim" else 0.14
            fill_rounded(painter, place, _CHIP / 2, QColor(mix(theme.palette.panel, colour.name(), amount)))
            inner = place.adjusted(GAP, 0, -GAP, 0)
            if role != "dim":
                painter.setBrush(colour)
                painter.drawEllipse(QRectF(inner.left(), inner.center().y() - 2.0, _DOT, _DOT))
                inner.setLeft(inner.left() + _DOT_ROOM)
            painter.setPen(theme.colour("dim" if role == "dim" else "text"))
            painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, words)

    def _chips(self, room: QRect, model: InstalledModel) -> Iterator[tuple[QRect, str, str]]:
        """Yield the places of a card's chips, as many as there is room for, with their colours and texts."""
        metrics, left = QFontMetrics(self._theme.font("label")), room.left()
        for role, words in text.chips(model, self._shelf.plan(model)):
            width = metrics.horizontalAdvance(words) + 2 * GAP + (_DOT_ROOM if role != "dim" else 0)
            if left + width > room.right() + 1:
                return
            yield QRect(left, room.top(), width, room.height()), role, words
            left += width + GRID + 2

    def is_assumption(self, row: QRect, point: QPoint, model: InstalledModel) -> bool:
        """Whether there is a chip with an assumed fact at a point of a row."""
        assumed = set(text.assumed(model))
        chips = self._chips(_chips_in(_words_in(_card_in(row))), model)
        return any(place.contains(point) and said in assumed for place, _, said in chips)


def _card_in(row: QRect) -> QRect:
    return QRect(row).adjusted(GRID // 2, GRID // 2, -GRID // 2, -GAP + GRID // 2)


def _picture_in(card: QRect) -> QRect:
    side = card.height() - 2 * INSET
    return QRect(card.left() + INSET, card.top() + INSET, side, side)


def _words_in(card: QRect) -> QRect:
    """Return the part of a card to the right of its picture."""
    words = card.adjusted(0, INSET - 2, -INSET, 2 - INSET)
    words.setLeft(_picture_in(card).right() + INSET + GRID)
    return words


def _chips_in(words: QRect) -> QRect:
    return QRect(words.left(), words.bottom() - _CHIP, words.width(), _CHIP)


class CardList(QListView):
    """The cards, one below the other; several can be selected.

    Signals:
        used: use the model of the current row.
        removed: remove the selected models from the list.
        renamed: rename the model of the current row.
        menu_requested: open the menu of the selected models at this point of the screen.
        chosen: the selection has changed.
        assumption_clicked: the assumed fact of the current model was clicked, at this point of the screen.
    """

    used = Signal()
    removed = Signal()
    renamed = Signal()
    menu_requested = Signal(QPoint)
    chosen = Signal()
    assumption_clicked = Signal(QPoint)

    def __init__(
        self, theme: Theme, shelf: Shelf, thumbnails: Thumbnails, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._shelf, self._thumbnails = shelf, thumbnails
        self._kept: tuple[set[object], object] = (set(), None)
        self.cards = CardDelegate(theme, shelf, thumbnails, self)
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._want_pictures)
        self.setAccessibleName(tr("Models"))
        self.setItemDelegate(self.cards)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.viewport().setAutoFillBackground(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabKeyNavigation(False)
        shelf.modelAboutToBeReset.connect(self._keep_selection)
        self.setModel(shelf)
        shelf.modelReset.connect(self._restore_selection)
        shelf.pictures_found.connect(self._soon.start)
        thumbnails.made.connect(self._on_made)
        theme.changed.connect(self.viewport().update)
        self.selectionModel().selectionChanged.connect(self._on_selection_changed)
        self.doubleClicked.connect(self._on_double_clicked)

    @property
    def selected(self) -> list[InstalledModel]:
        """The selected models, in the order of the list."""
        rows = sorted(index.row() for index in self.selectedIndexes())
        return [self._shelf.models[row] for row in rows]

    def select(self, names: set[str]) -> None:
        """Select the models of these names, and no others."""
        self._select({model.path for model in self._shelf.models if model.name in names}, None)

    def set_in_use(self, name: str) -> None:
        """Mark the model ``name`` as the one that the form uses."""
        self.cards.in_use = name
        self.viewport().update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._soon.start()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._soon.start()

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        super().scrollContentsBy(dx, dy)
        self._soon.start()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.used.emit()
        elif event.matches(QKeySequence.StandardKey.Delete):
            self.removed.emit()
        elif event.key() == Qt.Key.Key_F2:
            self.renamed.emit()
        else:
            super().keyPressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        point = event.position().toPoint()
        index, plain = self.indexAt(point), event.modifiers() == Qt.KeyboardModifier.NoModifier
        if not index.isValid() or not plain or event.button() != Qt.MouseButton.LeftButton:
            return
        if self.cards.is_assumption(self.visualRect(index), point, index.data(ModelRole)):
            self.assumption_clicked.emit(event.globalPosition().toPoint())

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if self.selected:
            self.menu_requested.emit(event.globalPos())

    def viewportEvent(self, event: QEvent) -> bool:
        """Show the whole of a sentence that a card has no room for."""
        if event.type() == QEvent.Type.ToolTip:
            found: QHelpEvent = event  # type: ignore[assignment]
            index = self.indexAt(found.pos())
            model = index.data(ModelRole) if index.isValid() else None
            tip = "" if model is None else text.tip(model)
            QToolTip.showText(found.globalPos(), plain_tip(tip), self.viewport())
            return True
        return super().viewportEvent(event)

    @Slot()
    def _keep_selection(self) -> None:
        current = self.currentIndex()
        there = self._shelf.models[current.row()].path if current.isValid() else None
        self._kept = {model.path for model in self.selected}, there

    @Slot()
    def _restore_selection(self) -> None:
        self._select(*self._kept)
        self._soon.start()

    def _select(self, paths: set[object], current: object) -> None:
        selection, flags = self.selectionModel(), self.selectionModel().SelectionFlag
        selection.blockSignals(True)
        selection.clearSelection()
        first = None
        for row, model in enumerate(self._shelf.models):
            if model.path in paths:
                index = self._shelf.index(row, 0)
                selection.select(index, flags.Select)
                if first is None or model.path == current:
                    first = index
        if first is not None:
            selection.setCurrentIndex(first, flags.NoUpdate)
            self.scrollTo(first)
        selection.blockSignals(False)
        self.viewport().update()
        self.chosen.emit()

    @Slot()
    def _on_selection_changed(self) -> None:
        self.chosen.emit()

    @Slot()
    def _on_double_clicked(self) -> None:
        self.used.emit()

    @Slot(object)
    def _on_made(self, path: object) -> None:
        del path
        self.viewport().update()

    @Slot()
    def _want_pictures(self) -> None:
        """Request the pictures of the visible rows and some around them."""
        self.viewport().update()
        if not self.isVisible() or not self._shelf.models:
            return
        top = self.verticalScrollBar().value() // ROW
        rows = range(max(top - _AHEAD, 0), top + self.viewport().height() // ROW + _AHEAD)
        side = round((ROW - GAP - 2 * INSET) * self.devicePixelRatioF())
        found = [self._shelf.picture(model) for model in self._shelf.models[rows.start : rows.stop]]
        keys = [(path, side) for path in found if path is not None]
        self._thumbnails.want(self, keys, (CARD_RADIUS - 2) * self.devicePixelRatioF())
