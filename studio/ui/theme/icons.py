"""The program's icons: Lucide's SVG files (resources/icons), coloured by the palette, sharp at any pixel density."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QByteArray, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QIconEngine, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from studio.folders import resources_dir
from studio.ui.theme.metrics import ICON

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QColor

# Lucide draws 24 pixels wide with a stroke of 2; at 20 pixels the stroke should be 1.6.
_STROKE: Final = 'stroke-width="2"'
_THINNER: Final = f'stroke-width="{1.6 * 24 / ICON:g}"'
_CACHED: Final = 512

_pixmaps: dict[tuple[str, int, int, float], QPixmap] = {}
_clones: list[QIconEngine] = []


@cache
def _drawing(name: str) -> str:
    path = resources_dir() / "icons" / f"{name}.svg"
    return path.read_text(encoding="utf-8").replace(_STROKE, _THINNER)


def icon_pixmap(name: str, colour: QColor, size: int, ratio: float) -> QPixmap:
    """Return the icon ``name``, ``size`` logical pixels wide, for a screen with this device pixel ratio."""
    key = (name, colour.rgba(), size, ratio)
    pixmap = _pixmaps.get(key)
    if pixmap is None:
        if len(_pixmaps) >= _CACHED:
            _pixmaps.clear()
        pixmap = _pixmaps[key] = _render(name, colour, round(size * ratio))
        pixmap.setDevicePixelRatio(ratio)
    return pixmap


def _render(name: str, colour: QColor, side: int) -> QPixmap:
    pixmap = QPixmap(side, side)
    pixmap.fill(Qt.GlobalColor.transparent)
    svg = _drawing(name).replace("currentColor", colour.name())
    painter = QPainter(pixmap)
    painter.setOpacity(colour.alphaF())
    QSvgRenderer(QByteArray(svg.encode())).render(painter, QRectF(0, 0, side, side))
    painter.end()
    return pixmap


class LucideEngine(QIconEngine):
    """Draws an icon in the colour that its role has at that moment."""

    def __init__(self, name: str, colour: Callable[[bool], QColor]) -> None:
        """Draw ``name`` in the colour that ``colour`` returns for an enabled (True) or a disabled icon."""
        super().__init__()
        self._name, self._colour = name, colour

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        size = min(rect.width(), rect.height())
        ratio = painter.device().devicePixelRatio()
        corner = QPoint(rect.x() + (rect.width() - size) // 2, rect.y() + (rect.height() - size) // 2)
        painter.drawPixmap(corner, self._pixmap(size, mode, ratio))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        return self._pixmap(min(size.width(), size.height()), mode, 1.0)

    def scaledPixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State, scale: float) -> QPixmap:
        return self._pixmap(min(size.width(), size.height()), mode, scale)

    def clone(self) -> QIconEngine:
        twin = LucideEngine(self._name, self._colour)
        _clones.append(twin)  # owned by the icon, which PySide does not know: garbage collection would crash
        return twin

    def _pixmap(self, size: int, mode: QIcon.Mode, ratio: float) -> QPixmap:
        return icon_pixmap(self._name, self._colour(mode != QIcon.Mode.Disabled), size, ratio)
