"""How far each run is from the finished picture of one of them, over model calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from studio.ui.language import tr
from studio.ui.theme.metrics import CARD_RADIUS, GAP, GRID, INSET
from studio.ui.widgets.painting import fill_rounded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QPaintEvent

    from studio.ui.compare.results import Point
    from studio.ui.theme.theme import Theme

# Told apart also by who sees no red or green: Okabe & Ito 2008, without those that mean a noise level. The second of
# each pair is for light grounds.
COLOURS: Final = (
    ("#56b4e9", "#0072b2"),
    ("#e8e8ea", "#1c1c1f"),
    ("#7bc47f", "#1f7a4d"),
    ("#f0e442", "#8a6d00"),
    ("#2fc9b4", "#0f766e"),
    ("#ff8f73", "#b8442a"),
)
_HEAD: Final = 28.0
_AXIS: Final = 20.0
_LEGEND: Final = 18.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """One run's line.

    Attributes:
        name: of the run.
        points: from its first step to its last.
        at: the model calls at the step that is shown; None where none is.
    """

    name: str
    points: tuple[Point, ...]
    at: int | None


class PlotView(QWidget):
    """A card with a title, a legend and the curves."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Start empty."""
        super().__init__(parent)
        self._theme, self._title, self._hint = theme, "", ""
        self._curves: tuple[Curve, ...] = ()
        self.setAccessibleName(tr("Distance to the finished picture"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        theme.changed.connect(self.update)

    @property
    def curves(self) -> tuple[Curve, ...]:
        """What is drawn."""
        return self._curves

    def set_curves(self, title: str, curves: Sequence[Curve], hint: str = "") -> None:
        """Draw other curves; ``hint`` says why there are none."""
        self._title, self._curves, self._hint = title, tuple(curves), hint
        ends = (f"{one.name} ends at {one.points[-1].distance:.3f}" for one in self._curves if one.points)
        self.setAccessibleDescription(". ".join([title, *ends, *([hint] if hint else [])]))
        self.update()

    def colour(self, place: int) -> QColor:
        """Return the colour of a run."""
        return QColor(COLOURS[place % len(COLOURS)][0 if self._theme.dark else 1])

    def sizeHint(self) -> QSize:
        """Wide and low."""
        return QSize(480, 200)

    def minimumSizeHint(self) -> QSize:
        """Lower, nothing is to be seen."""
        return QSize(200, 120)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the card."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        fill_rounded(painter, self.rect(), CARD_RADIUS, self._theme.colour("panel"))
        room = QRectF(self.rect()).adjusted(INSET, GAP, -INSET, -GAP)
        painter.setFont(self._theme.font("body", bold=True))
        painter.setPen(self._theme.colour("text"))
        title = QRectF(room.left(), room.top(), room.width(), _HEAD - GRID)
        metrics = QFontMetrics(painter.font())
        shown = metrics.elidedText(self._title, Qt.TextElideMode.ElideRight, int(room.width()))
        painter.drawText(title, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, shown)
        room.setTop(room.top() + _HEAD)
        if any(len(curve.points) > 1 for curve in self._curves):
            room.setTop(self._paint_legend(painter, room))
            self._paint_curves(painter, room)
        elif self._hint:
            painter.setFont(self._theme.font("body"))
            painter.setPen(self._theme.colour("dim"))
            flags = Qt.AlignmentFlag.AlignCenter.value | Qt.TextFlag.TextWordWrap.value
            painter.drawText(room, flags, self._hint)

    def _paint_legend(self, painter: QPainter, room: QRectF) -> float:
        """Draw the names, in as many lines as they take, and return where they end."""
        painter.setFont(self._theme.font("label"))
        metrics = QFontMetrics(painter.font())
        left, top = room.left(), room.top()
        for place, curve in enumerate(self._curves):
            width = 10 + GRID + metrics.horizontalAdvance(curve.name)
            if left > room.left() and left + width > room.right():
                left, top = room.left(), top + _LEGEND
            fill_rounded(painter, QRectF(left, top + 4, 10, 10), 2, self.colour(place))
            painter.setPen(self._theme.colour("dim"))
            words = QRectF(left + 10 + GRID, top, room.right() - left, _LEGEND)
            painter.drawText(words, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, curve.name)
            left += width + 2 * GAP
        return top + _LEGEND + GRID

    def _paint_curves(self, painter: QPainter, room: QRectF) -> None:
        theme, points = self._theme, [point for curve in self._curves for point in curve.points]
        most = max(point.distance for point in points) or 1.0
        calls = max(max(point.calls for point in points), 1)
        area = room.adjusted(34, 4, -GRID, -_AXIS)
        self._paint_axes(painter, area, most, calls)

        def place_of(at: int, distance: float) -> QPointF:
            x = area.left() + at / calls * area.width()
            return QPointF(x, area.bottom() - distance / most * area.height())

        for place, curve in enumerate(self._curves):
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self.colour(place), 1.6))
            painter.drawPolyline(QPolygonF([place_of(point.calls, point.distance) for point in curve.points]))
            here = next((point for point in curve.points if point.calls == curve.at), None)
            if here is not None:
                painter.setBrush(self.colour(place))
                painter.setPen(QPen(theme.colour("panel"), 2))
                painter.drawEllipse(place_of(here.calls, here.distance), 5, 5)

    def _paint_axes(self, painter: QPainter, area: QRectF, most: float, calls: int) -> None:
        theme = self._theme
        painter.setFont(theme.font("label"))
        for share in (0.0, 0.5, 1.0):
            y = area.bottom() - share * area.height()
            painter.setPen(QPen(theme.colour("line"), 1))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
            painter.setPen(theme.colour("dim"))
            words = QRectF(area.left() - 40, y - 8, 34, 16)
            painter.drawText(
                words, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, f"{share * most:.2g}"
            )
        foot = QRectF(area.left(), area.bottom() + 2, area.width(), _AXIS - 2)
        painter.drawText(foot, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, "0")
        end = f"{calls:,} model calls"
        painter.drawText(foot, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, end)
