"""The program's icons: Lucide's drawings (resources/icons), coloured from the palette, sharp at any pixel density."""

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

# The drawings are 24 wide with a stroke of 2; at 20 pixels the stroke is to be 1.6.
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
    """Return the icon ``name``, ``size`` logical pixels wide, for a screen with ``ratio`` pixels to each of them."""
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
    """Draws one icon in whatever colour its role has at the moment it is drawn."""

    def __init__(self, name: str, colour: Callable[[bool], QColor]) -> None:
        """Draw ``name``; ``colour`` is asked with whether the icon is enabled."""
        super().__init__()
        self._name, self._colour = name, colour

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        """Draw into ``rect``, centred."""
        size = min(rect.width(), rect.height())
        ratio = painter.device().devicePixelRatio()
        corner = QPoint(rect.x() + (rect.width() - size) // 2, rect.y() + (rect.height() - size) // 2)
        painter.drawPixmap(corner, self._pixmap(size, mode, ratio))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        """Return a pixmap for a screen of one pixel to the logical pixel."""
        return self._pixmap(min(size.width(), size.height()), mode, 1.0)

    def scaledPixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State, scale: float) -> QPixmap:
        """Return a pixmap of ``size`` logical pixels for a screen of ``scale`` pixels to each."""
        return self._pixmap(min(size.width(), size.height()), mode, scale)

    def clone(self) -> QIconEngine:
        """Return an equal engine, for an icon that is changed after it was copied."""
        twin = LucideEngine(self._name, self._colour)
        _clones.append(twin)  # the icon owns it but the binding does not know: collected, it would crash
        return twin

    def _pixmap(self, size: int, mode: QIcon.Mode, ratio: float) -> QPixmap:
        return icon_pixmap(self._name, self._colour(mode != QIcon.Mode.Disabled), size, ratio)
