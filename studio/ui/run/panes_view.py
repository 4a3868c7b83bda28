"""The six panes of the shown step, in a grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QBrush, QColor, QLinearGradient, QPainter
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from studio.ui.language import tr
from studio.ui.run.panes import PANES
from studio.ui.theme.metrics import GAP, GRID
from studio.ui.widgets.labels import PlainLabel
from studio.ui.widgets.picture_view import PictureView

if TYPE_CHECKING:
    from PySide6.QtGui import QHideEvent, QPaintEvent, QResizeEvent, QShowEvent

    from studio.ui.run.panes import Pane, PanesModel
    from studio.ui.theme.theme import Theme

GRIDS = ((2, 3), (3, 2))
"""The possible rows and columns of six panes; the first is preferred."""


class _Scale(QWidget):
    """A bar with the colours of a scale, from its minimum to its maximum."""

    def __init__(self) -> None:
        super().__init__()
        self._stops: tuple[str, ...] = ()
        self.setFixedSize(5 * GAP, GAP)
        self.hide()

    def set_stops(self, stops: tuple[str, ...]) -> None:
        if stops != self._stops:
            self._stops = stops
            self.setVisible(bool(stops))
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        gradient = QLinearGradient(0, 0, self.width(), 0)
        for place, stop in enumerate(self._stops):
            gradient.setColorAt(place / max(len(self._stops) - 1, 1), QColor(stop))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QBrush(gradient))
        painter.drawRoundedRect(self.rect(), GRID / 2, GRID / 2)


class _PaneView(QWidget):
    """One pane: its name, its picture, and its colour scale."""

    def __init__(self, theme: Theme, title: str, help_text: str) -> None:
        super().__init__()
        self.name = PlainLabel(theme, title, kind="label", role="text", tip=help_text)
        self.note = PlainLabel(theme, kind="label", role="dim", elide=True)
        self.note.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._stops: tuple[str, ...] = ()
        self._scale = _Scale()
        self.picture = PictureView(theme, title)
        head = QHBoxLayout()
        head.setSpacing(GAP)
        head.addWidget(self.name)
        head.addWidget(self.note, 1)
        head.addWidget(self._scale)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addLayout(head)
        column.addWidget(self.picture, 1)

    def show_pane(self, pane: Pane) -> None:
        self.picture.set_image(pane.image, live=True)
        self.note.setText(pane.note)
        self._stops = pane.stops
        self._make_room()

    def minimumSizeHint(self) -> QSize:
        """Take any width, so that all panes have the same size whatever their heads say."""
        return QSize(0, self.head_height)

    @property
    def head_height(self) -> int:
        """The height above the picture, in pixels."""
        return self.name.sizeHint().height() + GRID

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._make_room()

    def _make_room(self) -> None:
        """Show the colour bar only if there is room for its range beside it."""
        texts = (self.name, self.note)
        needed = sum(label.fontMetrics().horizontalAdvance(label.text()) + GAP for label in texts)
        self._scale.set_stops(self._stops if needed + self._scale.width() <= self.width() else ())


class PanesView(QWidget):
    """Shows a `PanesModel`; the model is evaluated only while the view is visible."""

    def __init__(self, theme: Theme, model: PanesModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self.setAccessibleName(tr("Panes of this step"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.panes = {key: _PaneView(theme, tr(title), tr(tip)) for key, title, tip in PANES}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(GAP + GRID)
        self._shape = (0, 0)
        self._arrange(GRIDS[0])
        model.changed.connect(self._on_changed)

    def minimumSizeHint(self) -> QSize:
        return QSize(64, 64)

    def set_enlarge(self, enlarge: str) -> None:
        """Enlarge pictures "smooth", or as "pixels"."""
        for pane in self.panes.values():
            pane.picture.set_enlarge(enlarge)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Arrange the panes so that the pictures are as large as possible."""
        super().resizeEvent(event)
        self._arrange(max(GRIDS, key=self._side))

    def _side(self, shape: tuple[int, int]) -> float:
        """Return the side of the largest square picture in a grid of these rows and columns."""
        rows, columns = shape
        spacing, head = self._grid.spacing(), next(iter(self.panes.values())).head_height
        across = (self.width() - spacing * (columns - 1)) / columns
        return min(across, (self.height() - spacing * (rows - 1)) / rows - head)

    def _arrange(self, shape: tuple[int, int]) -> None:
        """Lay the panes out; a column of two rows becomes a row of three."""
        if shape == self._shape:
            return
        self._shape = shape
        rows, columns = shape
        for place, pane in enumerate(self.panes.values()):
            row, column = divmod(place, 3)
            self._grid.addWidget(pane, *((row, column) if rows == GRIDS[0][0] else (column, row)))
        for place in range(max(GRIDS[0])):
            self._grid.setRowStretch(place, int(place < rows))
            self._grid.setColumnStretch(place, int(place < columns))
        self._grid.invalidate()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._model.set_active(True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._model.set_active(False)

    @Slot()
    def _on_changed(self) -> None:
        for key, pane in self._model.panes.items():
            self.panes[key].show_pane(pane)
