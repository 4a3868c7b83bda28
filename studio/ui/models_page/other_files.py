"""The files in the folders of models that are no models: LoRAs, embeddings, VAEs, and what cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate

from studio.ui.language import tr
from studio.ui.models_page import text
from studio.ui.theme.metrics import GAP, GRID, RADIUS
from studio.ui.widgets.painting import draw_ring, fill_rounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtWidgets import QStyleOptionViewItem, QWidget

    from studio.checkpoints.library.scan import ModelFile
    from studio.ui.theme.theme import Theme

    Index = QModelIndex | QPersistentModelIndex

ROW: Final = 44
MOST_ROWS: Final = 6


class _Files(QAbstractListModel):
    def __init__(self) -> None:
        super().__init__()
        self.files: Sequence[ModelFile] = ()

    def show_files(self, files: Sequence[ModelFile]) -> None:
        if files != self.files:
            self.beginResetModel()
            self.files = files
            self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:
        return 0 if parent.isValid() else len(self.files)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        file = self.files[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return file.name
        if role == Qt.ItemDataRole.UserRole:
            return file
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join(one for one in (file.name, text.kind(file), text.trigger_words(file)) if one)
        return None


class _Row(QStyledItemDelegate):
    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(200, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        file: ModelFile = index.data(Qt.ItemDataRole.UserRole)
        place, theme = QRect(option.rect), self._theme
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_Selected:
            fill_rounded(painter, place, RADIUS, theme.colour("raised"))
            if option.state & QStyle.StateFlag.State_HasFocus:
                draw_ring(painter, place, RADIUS, theme.colour("accent"))
        room = place.adjusted(GAP, GRID, -GAP, -GRID)
        left = Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft
        elide = Qt.TextElideMode.ElideRight
        painter.setFont(theme.font("body"))
        metrics = QFontMetrics(painter.font())
        painter.setPen(theme.colour("text"))
        name = metrics.elidedText(file.name, elide, room.width() * 6 // 10)
        painter.drawText(room, left, name)
        words = text.trigger_words(file)
        painter.setFont(theme.font("label"))
        small = QFontMetrics(painter.font())
        painter.setPen(theme.colour("dim"))
        below = room.adjusted(0, metrics.height(), 0, 0)
        said = " · ".join(one for one in (text.kind(file), words) if one)
        painter.drawText(below, left, small.elidedText(said, elide, below.width()))
        painter.restore()


class OtherFiles(QListView):
    """Those files, in rows; only visible rows are painted."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._files = _Files()
        self.setModel(self._files)
        self.setItemDelegate(_Row(theme, self))
        self.setUniformItemSizes(True)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.viewport().setAutoFillBackground(False)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabKeyNavigation(False)
        self.setAccessibleName(tr("LoRAs, embeddings and other files"))
        theme.changed.connect(self.viewport().update)

    def show_files(self, files: Sequence[ModelFile]) -> None:
        """Show other files."""
        self._files.show_files(files)
        self.setFixedHeight(ROW * min(max(len(files), 1), MOST_ROWS))
