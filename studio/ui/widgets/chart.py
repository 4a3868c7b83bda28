"""The one chart of the window: lines over an axis on a card, with a legend and a cursor that can be dragged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.ui.theme.metrics import CARD_RADIUS, GAP, GRID, INSET
from studio.ui.widgets.painting import fill_rounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QMouseEvent, QPaintEvent

    from studio.ui.theme.theme import Theme


# Distinguishable with a colour vision deficiency too: Okabe & Ito 2008, without the colours of noise levels. The second
# of each pair is for light backgrounds.
COLOURS: Final = (
    ("#56b4e9", "#0072b2"),
    ("#e8e8ea", "#1c1c1f"),
    ("#7bc47f", "#1f7a4d"),
    ("#f0e442", "#8a6d00"),
    ("#2fc9b4", "#0f766e"),
    ("#ff8f73", "#b8442a"),
)


_MOST_TICKS = 5


@dataclass(frozen=True, kw_only=True)
class Axis:
    """The vertical axis, from ``low`` at the bottom to ``high`` at the top.

    Attributes:
        log: whether the axis is logarithmic; then both ends are above 0.
        ticks: the values that are labelled.
    """

    low: float
    high: float
    log: bool = False
    ticks: tuple[float, ...] = ()

    def share(self, value: float) -> float:
        """Return the position of a value, 0 at the bottom to 1 at the top; values outside are clamped."""
        low, high = self._scaled(self.low), self._scaled(self.high)
        if high <= low:
            return 0.5
        return min(max((self._scaled(value) - low) / (high - low), 0.0), 1.0)

    def ticks_in(self, height: float, least: float) -> tuple[float, ...]:
        """Return the ticks, all or evenly thinned, such that their labels are ``least`` pixels apart."""
        last = len(self.ticks) - 1
        for stride in (stride for stride in range(1, last + 1) if last % stride == 0):
            chosen = self.ticks[::stride]
            places = [self.share(value) * height for value in chosen]
            if all(abs(high - low) >= least for low, high in pairwise(places)):
                return chosen
        return self.ticks[:1]

    def _scaled(self, value: float) -> float:
        return math.log(max(value, self.low)) if self.log else value


def log_axis(low: float, high: float) -> Axis:
    """Return a logarithmic axis that includes ``low`` to ``high``, both above 0, with round values as ticks."""
    low, high = min(low, high), max(low, high)
    if high / low < 1.6:  # or tiny fluctuations would fill the chart
        middle = math.sqrt(low * high)
        low, high = middle / math.sqrt(1.6), middle * math.sqrt(1.6)
    steps: tuple[tuple[float, ...], ...] = (
        (1.0,),
        (1.0, 3.0),
        (1.0, 2.0, 5.0),
        tuple(map(float, range(1, 10))),
        tuple(digit / 2 for digit in range(2, 20)),
        tuple(digit / 5 for digit in range(5, 50)),
    )
    best: tuple[float, ...] = ()
    for digits in steps:
        found = tuple(
            digit * 10.0**power
            for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
            for digit in digits
            if low <= digit * 10.0**power <= high
        )
        if len(found) > _MOST_TICKS:
            break
        best = found
    return Axis(low=low, high=high, log=True, ticks=best)


def linear_axis(high: float) -> Axis:
    """Return an axis from 0 to ``high`` (1 if that is 0) with ticks at both ends and the middle."""
    high = high or 1.0
    return Axis(low=0.0, high=high, ticks=(0.0, high / 2, high))


def line_colour(theme: Theme, place: int) -> QColor:
    """Return the colour of the line at ``place``; colours repeat after the last."""
    return QColor(COLOURS[place % len(COLOURS)][0 if theme.dark else 1])


def shown(value: float) -> str:
    """Return a value as it is written beside the axis: three significant digits."""
    return f"{value:.3g}".replace("-", "\u2212")


_HEAD: Final = 28.0
_FOOT: Final = 20.0
_LEGEND: Final = 18.0
_SCALE: Final = 40.0  # room for the values beside the axis
_EVERYWHERE: Final = Axis(low=0.0, high=1.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Line:
    """One line of a chart.

    Attributes:
        name: its name in the legend; "" leaves it out.
        points: (x, y), sorted by x.
        colour: its colour.
        value: a text after the name in the legend.
        width: its width in pixels.
        mark: the x of a point to mark with a dot; None for none.
        description: what a screen reader says; "" for name and value.
    """

    name: str
    points: tuple[tuple[float, float], ...]
    colour: QColor
    value: str = ""
    width: float = 1.6
    mark: float | None = None
    description: str = ""


class Chart(QWidget):
    """Draws lines over one axis.

    Signals:
        pointed: the cursor was dragged to this x.
    """

    pointed = Signal(float)

    def __init__(self, theme: Theme, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._title, self._hint = theme, title, ""
        self._lines: tuple[Line, ...] = ()
        self._axis = _EVERYWHERE
        self._ends, self._foot = (0.0, 1.0), ("", "")
        self._cursor: float | None = None
        self.setAccessibleName(title)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        theme.changed.connect(self.update)

    @property
    def lines(self) -> tuple[Line, ...]:
        return self._lines

    @property
    def hint(self) -> str:
        """The text that is shown while there is no line."""
        return self._hint

    def set_lines(
        self,
        lines: Sequence[Line],
        axis: Axis,
        ends: tuple[float, float],
        foot: tuple[str, str],
        cursor: float | None = None,
    ) -> None:
        """Draw other lines.

        Args:
            lines: the lines; the first is drawn on top.
            axis: the vertical axis.
            ends: the smallest and the largest x.
            foot: the labels below these ends.
            cursor: the x of the vertical line; None for none.
        """
        self._lines, self._axis, self._ends, self._foot = tuple(lines), axis, ends, foot
        self._cursor = cursor
        said = [line.description or f"{line.name} {line.value}" for line in self._lines if line.name]
        self.setAccessibleDescription(", ".join(said) or self._hint)
        self.update()

    def set_title(self, title: str) -> None:
        if title != self._title:
            self._title = title
            self.setAccessibleName(title)
            self.update()

    def set_hint(self, hint: str) -> None:
        """Set the text that is shown while there is no line."""
        if hint != self._hint:
            self._hint = hint
            if not self._lines:
                self.setAccessibleDescription(hint)
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(420, 220)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, 130)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._point(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._point(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        del event
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        fill_rounded(painter, self.rect(), CARD_RADIUS, self._theme.colour("panel"))
        room = QRectF(self.rect()).adjusted(INSET, GAP, -INSET, -GAP)
        painter.setFont(self._theme.font("body", bold=True))
        painter.setPen(self._theme.colour("text"))
        left = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        metrics = QFontMetrics(painter.font())
        title = metrics.elidedText(self._title, Qt.TextElideMode.ElideRight, int(room.width()))
        painter.drawText(QRectF(room.left(), room.top(), room.width(), _HEAD - GRID), left, title)
        room.setTop(room.top() + _HEAD)
        if any(len(line.points) > 1 for line in self._lines):
            self._paint_legend(painter, room)
            area = self._area()
            self._paint_axes(painter, area)
            self._paint_lines(painter, area)
        elif self._hint:
            painter.setFont(self._theme.font("body"))
            painter.setPen(self._theme.colour("dim"))
            flags = Qt.AlignmentFlag.AlignCenter.value | Qt.TextFlag.TextWordWrap.value
            painter.drawText(room, flags, self._hint)

    def _area(self) -> QRectF:
        """Return the plot area, in the widget's coordinates."""
        room = QRectF(self.rect()).adjusted(INSET + _SCALE, GAP + _HEAD, -INSET - GRID, -GAP - _FOOT)
        room.setTop(room.top() + self._legend_height(room.width() + _SCALE) + GRID)
        return room

    def _names(self) -> list[Line]:
        return [line for line in self._lines if line.name]

    def _legend_places(self, width: float) -> list[QPointF]:
        """Return the top left corner of each entry of the legend, relative to the legend."""
        metrics = QFontMetrics(self._theme.font("label"))
        places, left, top = [], 0.0, 0.0
        for line in self._names():
            wide = 10 + GRID + metrics.horizontalAdvance(f"{line.name}  {line.value}")
            if left and left + wide > width:
                left, top = 0.0, top + _LEGEND
            places.append(QPointF(left, top))
            left += wide + 2 * GAP
        return places

    def _legend_height(self, width: float) -> float:
        places = self._legend_places(width)
        return places[-1].y() + _LEGEND if places else 0.0

    def _paint_legend(self, painter: QPainter, room: QRectF) -> None:
        painter.setFont(self._theme.font("label"))
        metrics = QFontMetrics(painter.font())
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        for line, place in zip(self._names(), self._legend_places(room.width()), strict=True):
            left, top = room.left() + place.x(), room.top() + place.y()
            fill_rounded(painter, QRectF(left, top + 4, 10, 10), 2, line.colour)
            painter.setPen(self._theme.colour("dim"))
            words = QRectF(left + 10 + GRID, top, room.right() - left, _LEGEND)
            painter.drawText(words, flags, line.name)
            words.setLeft(words.left() + metrics.horizontalAdvance(f"{line.name}  "))
            painter.setPen(self._theme.colour("text"))
            painter.drawText(words, flags, line.value)

    def _paint_axes(self, painter: QPainter, area: QRectF) -> None:
        theme, axis = self._theme, self._axis
        painter.setFont(theme.font("label"))
        right = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        for value in axis.ticks_in(area.height(), QFontMetrics(painter.font()).ascent()):
            y = area.bottom() - axis.share(value) * area.height()
            painter.setPen(QPen(theme.colour("line"), 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(theme.colour("dim"))
            painter.drawText(QRectF(area.left() - _SCALE - GRID, y - 8, _SCALE, 16), right, shown(value))
        painter.setPen(theme.colour("dim"))
        foot = QRectF(area.left(), area.bottom() + 4, area.width(), _FOOT - 4)
        painter.drawText(foot, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self._foot[0])
        painter.drawText(foot, right, self._foot[1])

    def _paint_lines(self, painter: QPainter, area: QRectF) -> None:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for line in reversed(self._lines):
            painter.setPen(QPen(line.colour, line.width, j=Qt.PenJoinStyle.RoundJoin))
            places = [QPointF(self._x(area, x), self._y(area, y)) for x, y in line.points]
            painter.drawPolyline(QPolygonF(places))
            for (x, _), place in zip(line.points, places, strict=True):
                if x == line.mark:
                    painter.setBrush(line.colour)
                    painter.setPen(QPen(self._theme.colour("panel"), 2))
                    painter.drawEllipse(place, 5, 5)
                    painter.setBrush(Qt.BrushStyle.NoBrush)
        if self._cursor is not None:
            x = self._x(area, self._cursor)
            painter.setPen(QPen(self._theme.colour("dim"), 1))
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))

    def _x(self, area: QRectF, x: float) -> float:
        first, last = self._ends
        return area.left() + (x - first) / max(last - first, 1e-9) * area.width()

    def _y(self, area: QRectF, y: float) -> float:
        return area.bottom() - self._axis.share(y) * area.height()

    def _point(self, event: QMouseEvent) -> None:
        if self._cursor is None or not event.buttons() & Qt.MouseButton.LeftButton:
            event.ignore()
            return
        area, (first, last) = self._area(), self._ends
        share = (event.position().x() - area.left()) / max(area.width(), 1.0)
        self.pointed.emit(first + min(max(share, 0.0), 1.0) * (last - first))
        event.accept()
