"""The training pictures with their captions, and the files that cannot be used, with the reason."""

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
from PySide6.QtGui import QHelpEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QSizePolicy,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from studio.ui.language import tr
from studio.ui.theme.metrics import CARD_RADIUS, GAP, GRID
from studio.ui.train import text
from studio.ui.train.data import FoundRole
from studio.ui.train.form_view import stacked
from studio.ui.widgets.collapsible import Collapsible
from studio.ui.widgets.labels import plain_tip
from studio.ui.widgets.painting import draw_ring, fill_rounded

if TYPE_CHECKING:
    from pathlib import Path

    from PySide6.QtCore import QAbstractItemModel
    from PySide6.QtGui import QPaintEvent, QResizeEvent

    from studio.ui.core.thumbnails import Thumbnails
    from studio.ui.theme.theme import Theme
    from studio.ui.train.data import TrainFolder

Index = QModelIndex | QPersistentModelIndex

_TILE: Final = 128  # preferred width of a tile
_CAPTION_PX: Final = 36  # two lines
_REFUSED_ROWS: Final = 6


class TrainPicturesView(QWidget):
    """Shows a `TrainFolder`.

    Signals:
        picture_chosen: the current picture, a Path.
        noise_requested: show this picture, a Path, on the Noise tab.
    """

    picture_chosen = Signal(object)
    noise_requested = Signal(object)

    def __init__(
        self, theme: Theme, folder: TrainFolder, tiles: Thumbnails, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._folder = folder
        self.grid = PictureGrid(theme, folder, tiles)
        self._sentences = QStringListModel(self)
        self.refused = QListView()
        self.refused.setAccessibleName(tr("Files that cannot be used"))
        self.refused.setModel(self._sentences)
        self.refused.setUniformItemSizes(True)
        self.refused.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.refused.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.more = Collapsible(theme, text.refused(0), stacked(self.refused))
        self.more.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        column.addWidget(self.grid, 1)
        column.addWidget(self.more)
        folder.changed.connect(self._on_changed)
        self.grid.selectionModel().currentChanged.connect(self._on_current_changed)
        self.grid.activated.connect(self._on_activated)
        self._on_changed()

    @Slot()
    def _on_changed(self) -> None:
        refused = self._folder.refused
        self.more.setVisible(bool(refused))
        if len(refused) != self._sentences.rowCount():
            self._sentences.setStringList([tr(one.sentence) for one in refused])
            self.more.set_title(text.refused(len(refused)))
            rows = min(len(refused), _REFUSED_ROWS)
            row = max(self.refused.sizeHintForRow(0), 16) if refused else 0
            self.refused.setFixedHeight(rows * row + 2 * self.refused.frameWidth() + 2 * GAP)

    @Slot()
    def _on_current_changed(self) -> None:
        found = self.grid.currentIndex().data(FoundRole)
        if found is not None:
            self.picture_chosen.emit(found.path)

    @Slot(QModelIndex)
    def _on_activated(self, index: QModelIndex) -> None:
        self.noise_requested.emit(index.data(FoundRole).path)


class PictureGrid(QListView):
    """Tiles with captions; thumbnails are made in another thread, the visible ones first."""

    def __init__(self, theme: Theme, folder: QAbstractItemModel, tiles: Thumbnails) -> None:
        super().__init__()
        self._tiles = tiles
        self.setAccessibleName(tr("Training pictures with their captions"))
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setMovement(QListView.Movement.Static)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setLayoutMode(QListView.LayoutMode.Batched)
        self.setBatchSize(2000)
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setMouseTracking(True)
        self.setItemDelegate(_Tile(theme, self, tiles))
        self.setModel(folder)
        self.verticalScrollBar().setSingleStep(32)
        tiles.made.connect(self._on_made)

    def side(self) -> int:
        """Return the width of a tile in logical pixels."""
        return self.gridSize().width() - GAP

    def resizeEvent(self, event: QResizeEvent) -> None:
        width = self.viewport().width()
        columns = max(width // (_TILE + GAP), 2)
        cell = max((width - 1) // columns, 48)  # Qt wraps a row that fits exactly
        self.setGridSize(QSize(cell, cell - GAP + _CAPTION_PX + GAP))
        super().resizeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        side = round(self.side() * self.devicePixelRatioF())
        keys = [(index.data(FoundRole).path, side) for index in self.in_sight()]
        self._tiles.want(self, keys, CARD_RADIUS * self.devicePixelRatioF())

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            found = self.indexAt(event.pos()).data(FoundRole)
            tip = text.about_picture(found) if found is not None else ""
            QToolTip.showText(event.globalPos(), plain_tip(tip), self.viewport())
            return True
        return super().viewportEvent(event)

    def in_sight(self) -> list[QModelIndex]:
        """Return the pictures in sight."""
        model, cell, area = self.model(), self.gridSize(), self.viewport().rect()
        columns = max(area.width() // max(cell.width(), 1), 1)
        top = self.verticalScrollBar().value() // max(cell.height(), 1)
        bottom = (self.verticalScrollBar().value() + area.height()) // max(cell.height(), 1)
        last = min((bottom + 1) * columns, model.rowCount())
        return [model.index(row, 0) for row in range(top * columns, last)]

    @Slot(object)
    def _on_made(self, path: Path) -> None:
        del path
        self.viewport().update()


class _Tile(QStyledItemDelegate):
    def __init__(self, theme: Theme, grid: PictureGrid, tiles: Thumbnails) -> None:
        super().__init__(grid)
        self._theme, self._grid, self._tiles = theme, grid, tiles

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        del option, index
        return self._grid.gridSize()

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        found, theme = index.data(FoundRole), self._theme
        cell: QRect = option.rect
        state: QStyle.StateFlag = option.state
        side = self._grid.side()
        tile = QRect(cell.left(), cell.top() + GRID, side, side)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        ratio = painter.device().devicePixelRatio()
        image = self._tiles.image(found.path, round(side * ratio))
        if image is None:
            fill_rounded(painter, tile, CARD_RADIUS, theme.colour("raised"))
        else:
            painter.drawImage(tile, image)
        if state & QStyle.StateFlag.State_Selected:
            focused = self._grid.hasFocus()
            draw_ring(painter, tile, CARD_RADIUS, theme.colour("accent" if focused else "dim"))
        painter.setFont(theme.font("label"))
        painter.setPen(theme.colour("text" if found.caption_from == "text" else "dim"))
        room = QRect(tile.left(), tile.bottom() + GRID, side, _CAPTION_PX - GRID)
        flags = Qt.AlignmentFlag.AlignTop.value | Qt.TextFlag.TextWordWrap.value
        metrics = painter.fontMetrics()
        fitted = metrics.elidedText(found.caption, Qt.TextElideMode.ElideRight, 2 * side - 3 * GAP)
        painter.drawText(room, flags, fitted)
        painter.restore()
