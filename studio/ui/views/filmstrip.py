"""The steps so far, side by side: a frame for each, and beneath it a tick in the colour of its noise level."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt, Slot
from PySide6.QtGui import QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate

from studio.ui.models.filmstrip import FrameRole, StepRole

if TYPE_CHECKING:
    from PySide6.QtWidgets import QStyleOptionViewItem, QWidget

    from studio.ui.models.filmstrip import FilmstripModel
    from studio.ui.models.run import RunModel
    from studio.ui.theme.theme import Theme

FRAME, TICK, GAP = 60, 12, 8
HEIGHT = FRAME + TICK + 12

Index = QModelIndex | QPersistentModelIndex


class _FrameDelegate(QStyledItemDelegate):
    """Paints one step."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        del option, index
        return QSize(FRAME + GAP, HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        done, image = index.data(StepRole), index.data(FrameRole)
        area: QRect = option.rect
        state: QStyle.StateFlag = option.state
        frame = QRect(area.x() + GAP // 2, area.y() + 3, FRAME, FRAME)
        painter.save()
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        shape = QPainterPath()
        shape.addRoundedRect(QRectF(frame), 4, 4)
        painter.fillPath(shape, self._theme.colour("raised"))
        if image is not None:
            painter.setClipPath(shape)
            side = min(image.width(), image.height())
            source = QRect((image.width() - side) // 2, (image.height() - side) // 2, side, side)
            painter.drawImage(frame, image, source)
            painter.setClipping(False)
        chosen = bool(state & QStyle.StateFlag.State_Selected)
        if chosen:
            painter.setPen(QPen(self._theme.colour("text"), 2))
            painter.drawRoundedRect(QRectF(frame).adjusted(-1, -1, 1, 1), 5, 5)
        if done is not None:
            height = TICK if chosen else TICK - 4
            tick = QRectF(frame.center().x() - 1, frame.bottom() + 6, 3, height)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(self._theme.noise(done.sigma))
            painter.drawRoundedRect(tick, 1.5, 1.5)
        painter.restore()


class FilmstripView(QListView):
    """A row of steps; choosing one looks at it."""

    def __init__(
        self, theme: Theme, run: RunModel, model: FilmstripModel, parent: QWidget | None = None
    ) -> None:
        """Show ``model``, and tell ``run`` which step is chosen."""
        super().__init__(parent)
        self._theme, self._run, self._strip = theme, run, model
        self._following = False
        self.setAccessibleName("Steps so far")
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setFixedHeight(HEIGHT + 12)
        self.setItemDelegate(_FrameDelegate(theme, self))
        self.setModel(model)
        self.selectionModel().currentChanged.connect(self._on_current_changed)
        model.rowsInserted.connect(self._on_rows_changed)
        model.modelReset.connect(self._on_rows_changed)
        run.selection_changed.connect(self._on_rows_changed)
        theme.changed.connect(self._on_theme_changed)

    @Slot()
    def _on_rows_changed(self) -> None:
        """Follow the newest step, or stay with the chosen one."""
        row = self._strip.row_of(self._run.step)
        self._following = True
        try:
            if row < 0:
                self.selectionModel().clear()
                return
            index = self._strip.index(row)
            self.setCurrentIndex(index)
            self.scrollTo(index)
        finally:
            self._following = False

    @Slot(QModelIndex, QModelIndex)
    def _on_current_changed(self, index: QModelIndex, before: QModelIndex) -> None:
        del before
        done = index.data(StepRole) if index.isValid() else None
        if done is not None and not self._following:
            self._run.select(done.step)

    @Slot()
    def _on_theme_changed(self) -> None:
        self.viewport().update()
