"""Small charts for the README: panels of lines or bars on a light ground, drawn by Qt without a screen.

A figure is laid out in logical pixels, as wide as a README is shown, and painted at twice that.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPen

from studio.ui.theme.tokens import LIGHT
from tests.bench.chart_paint import font, paint_along, paint_bars, paint_line, paint_upright, write
from tests.bench.chart_panels import Bars, Lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

WIDTH, SCALE = 840, 2
PLOT_HEIGHT = 176
LEFT, RIGHT, TOP, BOTTOM = 44, 14, 34, 44  # of a panel, around its plot
LEGEND, CAPTION, EDGE = 28, 20, 10
Panel = Lines | Bars


def draw(path: Path, panels: Sequence[Panel], columns: int, caption: str = "") -> None:
    """Draw panels in rows, under one legend, and save them as a PNG; there must be an application, for its fonts."""
    rows, row = math.ceil(len(panels) / columns), TOP + PLOT_HEIGHT + BOTTOM
    height = EDGE + LEGEND + rows * row + (CAPTION if caption else 0)
    image = QImage(WIDTH * SCALE, height * SCALE, QImage.Format.Format_RGB32)
    image.fill(QColor(LIGHT.panel))
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(SCALE, SCALE)
    painter.setFont(font())
    _legend(painter, list(_names(panels)))
    wide = (WIDTH - 2 * EDGE) / columns
    for place, panel in enumerate(panels):
        left, top = EDGE + place % columns * wide, EDGE + LEGEND + place // columns * row
        plot = QRectF(left + LEFT, top + TOP, wide - LEFT - RIGHT, PLOT_HEIGHT)
        write(painter, QRectF(left + LEFT, top, wide - LEFT, TOP - 8), panel.title, bold=True, foot=True)
        paint_upright(painter, plot, panel.y)
        if isinstance(panel, Lines):
            paint_along(painter, plot, panel.x)
            for line in panel.lines:
                paint_line(painter, plot, panel, line)
        else:
            paint_bars(painter, plot, panel)
    if caption:
        foot = QRectF(EDGE + LEFT, height - CAPTION - 6, WIDTH - 2 * EDGE - LEFT, CAPTION)
        write(painter, foot, caption, colour=LIGHT.dim)
    painter.end()
    assert image.save(str(path))


def _names(panels: Sequence[Panel]) -> Iterator[tuple[str, str]]:
    named: dict[str, str] = {}
    for panel in panels:
        listed = (
            [(line.name, line.colour) for line in panel.lines]
            if isinstance(panel, Lines)
            else [(name, colour) for name, colour, _ in panel.bars]
        )
        named |= dict(listed)
    yield from named.items()


def _legend(painter: QPainter, names: Sequence[tuple[str, str]]) -> None:
    left, middle = float(EDGE + LEFT), EDGE + LEGEND / 2 - 4
    for name, colour in names:
        painter.setPen(QPen(QColor(colour), 3, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        painter.drawLine(QPointF(left, middle), QPointF(left + 16, middle))
        wide = painter.fontMetrics().horizontalAdvance(name)
        write(painter, QRectF(left + 24, EDGE - 4, wide + 4, LEGEND), name)
        left += 24 + wide + 28
