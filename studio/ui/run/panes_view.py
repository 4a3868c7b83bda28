"""Six sides of the step that is looked at, side by side."""

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
"""Rows and columns that six panes may have; the first where they are alike."""


class _Scale(QWidget):
    """The colours of a scale, from its least value to its most."""

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
    """One side: its name, its picture, and its scale."""

    def __init__(self, theme: Theme, title: str, help_text: str) -> None:
        super().__init__()
        self._name = PlainLabel(theme, title, kind="label", role="text", tip=help_text)
        self.words = PlainLabel(theme, kind="label", role="dim", elide=True)
        self.words.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._stops: tuple[str, ...] = ()
        self._scale = _Scale()
        self.picture = PictureView(theme, title)
        head = QHBoxLayout()
        head.setSpacing(GAP)
        head.addWidget(self._name)
        head.addWidget(self.words, 1)
        head.addWidget(self._scale)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addLayout(head)
        column.addWidget(self.picture, 1)

    def show_pane(self, pane: Pane) -> None:
        self.picture.set_image(pane.image, live=True)
        self.words.setText(pane.words)
        self._stops = pane.stops
        self._make_room()

    def minimumSizeHint(self) -> QSize:
        """As narrow as its grid wants: all panes are of one size, whatever their heads say."""
        return QSize(0, self.head_height)

    @property
    def head_height(self) -> int:
        """Pixels above the picture."""
        return self._name.sizeHint().height() + GRID

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the head to the new width."""
        super().resizeEvent(event)
        self._make_room()

    def _make_room(self) -> None:
        """Show the scale's colours only where its ends can be read beside them."""
        texts = (self._name, self.words)
        needed = sum(label.fontMetrics().horizontalAdvance(label.text()) + GAP for label in texts)
        self._scale.set_stops(self._stops if needed + self._scale.width() <= self.width() else ())


class PanesView(QWidget):
    """A grid of panes; the model is asked only while they are seen."""

    def __init__(self, theme: Theme, model: PanesModel, parent: QWidget | None = None) -> None:
        """Show ``model``."""
        super().__init__(parent)
        self._model = model
        self.setAccessibleName(tr("Six sides of this step"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.panes = {key: _PaneView(theme, tr(title), tr(tip)) for key, title, tip in PANES}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(GAP + GRID)
        self._shape = (0, 0)
        self._arrange(GRIDS[0])
        model.changed.connect(self._on_changed)

    def minimumSizeHint(self) -> QSize:
        """Small enough for a small window."""
        return QSize(64, 64)

    def set_enlarge(self, enlarge: str) -> None:
        """Enlarge "smooth", or show the "pixels"."""
        for pane in self.panes.values():
            pane.picture.set_enlarge(enlarge)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Take the grid in which the pictures are largest."""
        super().resizeEvent(event)
        self._arrange(max(GRIDS, key=self._side))

    def _side(self, shape: tuple[int, int]) -> float:
        """Return how large a square picture can be in a grid of so many rows and columns."""
        rows, columns = shape
        spacing, head = self._grid.spacing(), next(iter(self.panes.values())).head_height
        across = (self.width() - spacing * (columns - 1)) / columns
        return min(across, (self.height() - spacing * (rows - 1)) / rows - head)

    def _arrange(self, shape: tuple[int, int]) -> None:
        """Lay the panes out; those above one another in two rows lie beside one another in three."""
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
        """Begin to ask."""
        super().showEvent(event)
        self._model.set_active(True)

    def hideEvent(self, event: QHideEvent) -> None:
        """Ask no more."""
        super().hideEvent(event)
        self._model.set_active(False)

    @Slot()
    def _on_changed(self) -> None:
        for key, pane in self._model.panes.items():
            self.panes[key].show_pane(pane)
