"""Controls coloured by noise level: the scrubber of a timeline, and a progress bar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPixmap
from PySide6.QtWidgets import QProgressBar, QSizePolicy, QSlider

from studio.ui.language import tr
from studio.ui.theme.metrics import GRID, RING
from studio.ui.widgets.painting import fill_rounded, ring_after

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PySide6.QtGui import QFocusEvent, QPaintEvent, QWheelEvent
    from PySide6.QtWidgets import QWidget

    from studio.ui.theme.theme import Theme


_PRESSES = (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick)


class DragAlong(QObject):
    """Lets the left mouse button drag along a widget; other buttons are left to its parent."""

    def __init__(self, widget: QWidget, go_to: Callable[[float], None]) -> None:
        """Call ``go_to`` with the mouse's x, in pixels from the widget's left."""
        super().__init__(widget)
        self._widget, self._go_to, self._dragging = widget, go_to, False
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if not isinstance(event, QMouseEvent) or not self._widget.isEnabled():
            return False
        if event.type() in _PRESSES:
            self._dragging = event.button() == Qt.MouseButton.LeftButton
            event.setAccepted(self._dragging)
            if self._dragging:
                self._go_to(event.position().x())
        elif event.type() == QEvent.Type.MouseMove and self._dragging:
            self._go_to(event.position().x())
        elif event.type() == QEvent.Type.MouseButtonRelease:
            self._dragging = False
            self._widget.update()
        return True


EDGE: Final = 9.0
"""Pixels between the widget's end and the first tick, for the handle and its ring; widgets on the same axis need it."""
HEIGHT: Final = 44
_HEAD: Final = 6.0  # the handle's radius
_TICK_WIDTH: Final = 3.0
_TICK_HEIGHT, _LOW_TICK_HEIGHT = 14.0, 7.0
_MANY: Final = 5  # ticks that Shift and an arrow key skip
_TENTHS: Final = 10
_KEYS: Final = {Qt.Key.Key_Left: -1, Qt.Key.Key_Down: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Up: 1}


@dataclass(frozen=True)
class Tick:
    """A position that can be chosen.

    Attributes:
        position: its place on the axis, 0 to 1.
        level: the noise level that colours it, 1 (all noise) to 0 (clean); None if it is unknown.
    """

    position: float
    level: float | None


class Scrubber(QSlider):
    """Ticks in the colours of their noise levels; those not reached yet are shorter, and cannot be chosen.

    Arrow keys move by one tick, with Shift by five; Home and End go to the ends, a digit to that tenth of the axis.

    Signals:
        edited: the user chose the tick of this index, from 0.
        play_requested: Space was pressed.
    """

    edited = Signal(int)
    play_requested = Signal()

    def __init__(self, theme: Theme, name: str, parent: QWidget | None = None) -> None:
        """Start without ticks; ``name`` is the accessible name."""
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._theme, self._ring = theme, False
        DragAlong(self, self._go_to_x)
        self._ticks: tuple[Tick, ...] = ()
        self._reached = 0
        self._painted: tuple[QSize, float, QPixmap] | None = None
        self.setFixedHeight(HEIGHT)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        theme.changed.connect(self._repaint_all)

    @property
    def ticks(self) -> tuple[Tick, ...]:
        return self._ticks

    @property
    def current(self) -> int:
        """The index of the chosen tick."""
        return self.value()

    @property
    def reached(self) -> int:
        """The number of ticks that can be chosen, from the first on."""
        return self._reached

    def set_ticks(self, ticks: Sequence[Tick], reached: int | None = None) -> None:
        """Show other ticks, sorted by position; the first ``reached`` of them (None: all) can be chosen."""
        ticks = tuple(ticks)
        reached = len(ticks) if reached is None else min(reached, len(ticks))
        if (ticks, reached) == (self._ticks, self._reached):
            return
        self._ticks, self._reached = ticks, reached
        with QSignalBlocker(self):
            self.setRange(0, max(reached - 1, 0))
        self._repaint_all()

    def set_current(self, place: int, description: str = "") -> None:
        """Choose a tick without emitting `edited`; ``description`` is for screen readers ("step 12 of 30")."""
        with QSignalBlocker(self):
            self.setValue(place)
        if description != self.accessibleDescription():
            self.setAccessibleDescription(description)
        self.update()

    def x_of(self, place: int) -> float:
        """Return the x of a tick, in pixels from the widget's left."""
        if not 0 <= place < len(self._ticks):
            return EDGE
        return EDGE + self._ticks[place].position * (self.width() - 2 * EDGE)

    def sizeHint(self) -> QSize:
        return QSize(320, HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, HEIGHT)

    # ------------------------------------------------------------------------------------------------- user's input
    def go_to(self, place: int) -> None:
        """Choose a tick as the user would, clamped to those that are reached."""
        place = min(max(place, 0), self._reached - 1)
        if self._reached and place != self.value():
            self.set_current(place)
            self.edited.emit(place)

    def handle_key(self, event: QKeyEvent) -> bool:
        """Handle a key, also one that another widget received; False if it has no meaning here."""
        key, with_shift = event.key(), event.modifiers() == Qt.KeyboardModifier.ShiftModifier
        plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        if not plain and not with_shift:
            return False
        if key in _KEYS:
            self.go_to(self.value() + _KEYS[Qt.Key(key)] * (_MANY if with_shift else 1))
        elif with_shift:
            return False
        elif key == Qt.Key.Key_Home:
            self.go_to(0)
        elif key == Qt.Key.Key_End:
            self.go_to(self._reached - 1)
        elif key == Qt.Key.Key_Space:
            self.play_requested.emit()
        elif Qt.Key.Key_0 <= key <= Qt.Key.Key_9:
            self.go_to(self._nearest((key - Qt.Key.Key_0) / _TENTHS))
        else:
            return False
        return True

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if self.handle_key(event):
            event.accept()
        else:
            event.ignore()

    def wheelEvent(self, event: QWheelEvent) -> None:
        notches = event.angleDelta().y() or event.angleDelta().x()
        if notches:
            self.go_to(self.value() + (1 if notches > 0 else -1))
        event.accept()

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._ring = ring_after(event.reason(), self._ring)
        super().focusInEvent(event)

    def _go_to_x(self, x: float) -> None:
        self.go_to(self._nearest((x - EDGE) / max(self.width() - 2 * EDGE, 1.0)))

    def _nearest(self, position: float) -> int:
        reached = range(self._reached)
        return min(reached, key=lambda place: abs(self._ticks[place].position - position), default=0)

    # ----------------------------------------------------------------------------------------------------- painting
    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        ratio = self.devicePixelRatioF()
        if self._painted is None or self._painted[:2] != (self.size(), ratio):
            self._painted = (self.size(), ratio, self._paint_ticks(ratio))
        painter.drawPixmap(0, 0, self._painted[2])
        if not self._reached:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        x = self.x_of(self.value())
        colour = self._theme.colour("text" if self.isEnabled() else "disabled")
        top = 2 + RING + _HEAD
        fill_rounded(painter, QRectF(x - 1, top, 2, self.height() - top - GRID), 1, colour)
        if self.hasFocus() and self._ring:
            painter.setBrush(self._theme.colour("accent"))
            painter.drawEllipse(QPointF(x, top), _HEAD + RING, _HEAD + RING)
        painter.setBrush(colour)
        painter.drawEllipse(QPointF(x, top), _HEAD, _HEAD)

    def _paint_ticks(self, ratio: float) -> QPixmap:
        """Return the painted ticks, cached since there may be a thousand."""
        pixmap = QPixmap(self.size() * ratio)
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        room = (self.width() - 2 * EDGE) / max(len(self._ticks) - 1, 1)
        width = max(min(_TICK_WIDTH, room * 0.6), 1.0)
        middle = (self.height() + 2 + RING + _HEAD) / 2
        ahead = self._theme.colour("line")
        for place, tick in enumerate(self._ticks):
            reached = place < self._reached
            height = _TICK_HEIGHT if reached else _LOW_TICK_HEIGHT
            colour = ahead if tick.level is None else self._theme.noise(tick.level)
            if not reached and tick.level is not None:
                colour = _faded(colour)
            area = QRectF(self.x_of(place) - width / 2, middle - height / 2, width, height)
            fill_rounded(painter, area, width / 2, colour)
        painter.end()
        return pixmap

    def _repaint_all(self) -> None:
        self._painted = None
        self.update()


def _faded(colour: QColor) -> QColor:
    faded = QColor(colour)
    faded.setAlphaF(0.45)
    return faded


_PERCENT: Final = 100


class NoiseBar(QProgressBar):
    """The progress of a run; screen readers read it in percent."""

    def __init__(self, theme: Theme, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._fraction, self._level = theme, 0.0, 1.0
        self.setRange(0, _PERCENT)
        self.setValue(0)
        self.setTextVisible(False)
        self.setAccessibleName(name or tr("Progress"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    @property
    def fraction(self) -> float:
        """The progress, 0 to 1."""
        return self._fraction

    def set_progress(self, fraction: float, level: float) -> None:
        """Show ``fraction`` done (0 to 1), in the colour of the noise ``level`` (1 all noise, 0 clean)."""
        fraction = min(max(fraction, 0.0), 1.0)
        if (fraction, level) != (self._fraction, self._level):
            self._fraction, self._level = fraction, level
            self.setValue(round(_PERCENT * fraction))
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(GRID * 8, GRID)

    def minimumSizeHint(self) -> QSize:
        return QSize(GRID, GRID)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        radius = self.height() / 2
        fill_rounded(painter, self.rect(), radius, self._theme.colour("line"))
        if self._fraction > 0:
            done = QRectF(0, 0, max(self._fraction * self.width(), self.height()), self.height())
            fill_rounded(painter, done, radius, self._theme.noise(self._level))
