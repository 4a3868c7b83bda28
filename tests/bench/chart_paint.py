"""How a chart's parts are painted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QGuiApplication, QPainterPath, QPen, QPolygonF

from studio.ui.theme.fonts import load_fonts, make_font
from studio.ui.theme.tokens import LIGHT

if TYPE_CHECKING:
    from PySide6.QtGui import QFont, QPainter

    from tests.bench.chart_panels import Axis, Bars, Line, Lines

TEXT_PX, TITLE_PX = 12, 13
ROOM = 44  # left of a plot, for what is written beside its axis


def font(*, bold: bool = False) -> QFont:
    """Return the type of a figure, the program's own."""
    app = QGuiApplication.instance()
    assert app is not None
    load_fonts(app)
    made = make_font("body", bold=bold)
    made.setPixelSize(TITLE_PX if bold else TEXT_PX)
    return made


def paint_upright(painter: QPainter, plot: QRectF, axis: Axis) -> None:
    for tick in axis.ticks:
        y = plot.bottom() - axis.share(tick) * plot.height()
        painter.setPen(QPen(QColor(LIGHT.line), 1))
        painter.drawLine(QPointF(plot.left(), y), QPointF(plot.right(), y))
        where = QRectF(plot.left() - ROOM, y - 10, ROOM - 7, 20)
        write(painter, where, axis.word(tick), colour=LIGHT.dim, align=Qt.AlignmentFlag.AlignRight)


def paint_along(painter: QPainter, plot: QRectF, axis: Axis) -> None:
    for tick in axis.ticks:
        x = plot.left() + axis.share(tick) * plot.width()
        painter.setPen(QPen(QColor(LIGHT.line), 1))
        painter.drawLine(QPointF(x, plot.bottom()), QPointF(x, plot.bottom() + 4))
        where = QRectF(x - 40, plot.bottom() + 3, 80, 16)
        write(painter, where, axis.word(tick), colour=LIGHT.dim, align=Qt.AlignmentFlag.AlignHCenter)
    foot = QRectF(plot.left(), plot.bottom() + 18, plot.width(), 16)
    write(painter, foot, axis.label, colour=LIGHT.dim, align=Qt.AlignmentFlag.AlignHCenter)


def paint_line(painter: QPainter, plot: QRectF, panel: Lines, line: Line) -> None:
    def at(x: float, y: float) -> QPointF:
        return QPointF(
            plot.left() + panel.x.share(x) * plot.width(), plot.bottom() - panel.y.share(y) * plot.height()
        )

    colour = QColor(line.colour)
    if line.band:
        lower = [at(x, low) for (x, _), (low, _) in zip(line.points, line.band, strict=True)]
        upper = [at(x, high) for (x, _), (_, high) in zip(line.points, line.band, strict=True)]
        soft = QColor(colour)
        soft.setAlphaF(0.10)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(soft)
        painter.drawPolygon(QPolygonF([*lower, *reversed(upper)]))
    points = [at(x, y) for x, y in line.points]
    path = QPainterPath(points[0])
    for point in points[1:]:
        path.lineTo(point)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(colour, 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
    painter.drawPath(path)
    if line.dots:
        painter.setPen(QPen(QColor(LIGHT.panel), 1))
        painter.setBrush(colour)
        for point in points:
            painter.drawEllipse(point, 3.2, 3.2)
    for point, tag in zip(points, line.tags, strict=False):
        write(painter, QRectF(point.x() + 5, point.y() - 15, 40, 14), tag, colour=line.colour)


def paint_bars(painter: QPainter, plot: QRectF, panel: Bars) -> None:
    wide = plot.width() / len(panel.groups)
    thick = min(26.0, wide * 0.76 / len(panel.bars))
    for place, group in enumerate(panel.groups):
        middle = plot.left() + (place + 0.5) * wide
        start = middle - thick * len(panel.bars) / 2
        for number, (_, colour, values) in enumerate(panel.bars):
            value = values[place]
            if value is None:
                continue
            tall = panel.y.share(value) * plot.height()
            bar = QRectF(start + number * thick + 1, plot.bottom() - tall, thick - 2, tall)
            painter.fillRect(bar, QColor(colour))
            inside = tall > 22
            over = QRectF(bar.center().x() - 20, bar.top() + (4 if inside else -16), 40, 15)
            write(
                painter,
                over,
                panel.y.word(value).rstrip(" %"),
                colour=LIGHT.panel if inside else LIGHT.text,
                align=Qt.AlignmentFlag.AlignHCenter,
                small=True,
            )
        mark = panel.marks[place] if panel.marks else None
        if mark is not None:
            y = plot.bottom() - panel.y.share(mark) * plot.height()
            painter.setPen(QPen(QColor(LIGHT.text), 2, Qt.PenStyle.SolidLine))
            painter.drawLine(QPointF(start - 14, y), QPointF(start - 3, y))
            end = start + thick * len(panel.bars)
            painter.drawLine(QPointF(end + 3, y), QPointF(end + 14, y))
        where = QRectF(middle - wide / 2, plot.bottom() + 3, wide, 36)
        write(painter, where, group, colour=LIGHT.dim, align=Qt.AlignmentFlag.AlignHCenter, wrap=True)


def write(
    painter: QPainter,
    where: QRectF,
    text: str,
    *,
    colour: str = LIGHT.text,
    align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
    bold: bool = False,
    foot: bool = False,
    small: bool = False,
    wrap: bool = False,
) -> None:
    type_ = font(bold=bold)
    if small:
        type_.setPixelSize(TEXT_PX - 2)
    painter.setFont(type_)
    painter.setPen(QColor(colour))
    upright = (
        Qt.AlignmentFlag.AlignBottom
        if foot
        else Qt.AlignmentFlag.AlignTop
        if wrap
        else Qt.AlignmentFlag.AlignVCenter
    )
    flags = align | upright | (Qt.TextFlag.TextWordWrap if wrap else Qt.TextFlag.TextDontClip)
    painter.drawText(where, flags, text)
    painter.setFont(font())
