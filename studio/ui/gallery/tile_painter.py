"""Painting of one tile of the gallery, in device pixels, so that it is sharp at any display scale."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QImage, QPainter, QPainterPath, QPen, QTransform

from studio.ui.theme.metrics import CARD_RADIUS

if TYPE_CHECKING:
    from studio.gallery.metadata import OriginKind
    from studio.ui.jobs.session import LiveTile
    from studio.ui.theme.theme import Theme

_BAR_PX = 4
_RING_PX = 2
_RING_GAP_PX = 1
"""Between a tile and its ring."""
_ICON_PX = 24
_BADGE_PX, _BADGE_ICON_PX, _BADGE_MARGIN_PX = 22, 14, 6
_BADGES: dict[OriginKind, str] = {"fork": "git-fork", "step": "save"}
"""The icons of the buttons that make such pictures: Fork from here, Keep this step."""
_BADGE_ALPHA = 0.85
_EDGE_ALPHA = 0.1
_SHADE = QColor(0, 0, 0, 110)


@dataclass(frozen=True, kw_only=True)
class TileState:
    """What a tile shows.

    Attributes:
        image: the thumbnail, ready to be painted; None until it is there.
        live: the picture in progress, on the live tile.
        origin: what the badge says: the picture is a fork, or one step of a run. None paints no badge.
        broken: whether the picture cannot be read.
        selected: whether it is selected.
        current: whether it is the current item, from which the next key starts.
        focused: whether the view has the keyboard focus.
        hovered: whether the mouse is over it.
    """

    image: QImage | None = None
    live: LiveTile | None = None
    origin: OriginKind | None = None
    broken: bool = False
    selected: bool = False
    current: bool = False
    focused: bool = False
    hovered: bool = False


class TilePainter:
    """Paints tiles in the colours of a theme."""

    def __init__(self, theme: Theme) -> None:
        self._theme = theme

    def paint(self, painter: QPainter, rect: QRect, ratio: float, state: TileState) -> None:
        """Paint one tile.

        Args:
            painter: a painter whose unit is a device pixel.
            rect: the tile.
            ratio: device pixels per logical pixel.
            state: what it shows.
        """
        if state.live is not None:
            self._paint_live(painter, rect, ratio, state.live)
        elif state.image is None:
            self._paint_ground(painter, rect, ratio)
            if state.broken:
                side = round(_ICON_PX * ratio)
                icon = QRect(0, 0, side, side)
                icon.moveCenter(rect.center())
                self._paint_icon(painter, icon, "triangle-alert")
        elif state.image.width() == rect.width():
            painter.drawImage(rect.topLeft(), state.image)
        else:  # of another size, until the right one is there
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(rect, state.image)
        if state.origin is not None:
            self._paint_badge(painter, rect, ratio, _BADGES[state.origin])
        self._paint_rings(painter, rect, ratio, state)

    def _paint_ground(self, painter: QPainter, rect: QRect, ratio: float) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._theme.colour("raised"))
        painter.drawRoundedRect(rect, CARD_RADIUS * ratio, CARD_RADIUS * ratio)

    def _paint_icon(self, painter: QPainter, rect: QRect, name: str) -> None:
        icon = self._theme.icon(name, "faint")
        icon.paint(painter, rect)

    def _paint_badge(self, painter: QPainter, rect: QRect, ratio: float, icon: str) -> None:
        """Paint an icon on a disc in the lower left corner."""
        side, inner, margin = (round(px * ratio) for px in (_BADGE_PX, _BADGE_ICON_PX, _BADGE_MARGIN_PX))
        disc = QRect(rect.left() + margin, rect.bottom() + 1 - margin - side, side, side)
        ground = self._theme.colour("raised")
        ground.setAlphaF(_BADGE_ALPHA)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(ground)
        painter.drawEllipse(disc)
        inset = (side - inner) // 2
        self._theme.icon(icon, "text").paint(painter, disc.adjusted(inset, inset, -inset, -inset))

    def _paint_live(self, painter: QPainter, rect: QRect, ratio: float, live: LiveTile) -> None:
        radius = CARD_RADIUS * ratio
        if live.image is None:
            self._paint_ground(painter, rect, ratio)
        else:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.setBrush(_covering(live.image, rect))
            painter.drawRoundedRect(rect, radius, radius)
        shape = QPainterPath()
        shape.addRoundedRect(QRectF(rect), radius, radius)
        bar = QRectF(rect)
        bar.setTop(bar.bottom() - round(_BAR_PX * ratio))
        painter.fillPath(_part(shape, bar), _SHADE)
        bar.setWidth(bar.width() * min(live.step / max(live.steps, 1), 1.0))
        painter.fillPath(_part(shape, bar), self._theme.noise(live.level))

    def _paint_rings(self, painter: QPainter, rect: QRect, ratio: float, state: TileState) -> None:
        edge = self._theme.colour("text")
        edge.setAlphaF(_EDGE_ALPHA)  # so that a white picture has an edge on white
        self._ring(painter, rect, ratio, edge, 1, -1)
        if state.selected:
            self._ring(
                painter, rect, ratio, self._theme.colour("accent" if state.focused else "dim"), _RING_PX
            )
        elif state.current and state.focused:
            self._ring(painter, rect, ratio, self._theme.colour("text"), _RING_PX)
        elif state.live is not None:
            self._ring(painter, rect, ratio, self._theme.colour("accent"), 1)
        elif state.hovered:
            self._ring(painter, rect, ratio, self._theme.colour("faint"), 1)

    def _ring(
        self,
        painter: QPainter,
        rect: QRect,
        ratio: float,
        colour: QColor,
        width: int,
        gap: int = _RING_GAP_PX,
    ) -> None:
        """Paint a ring around a tile, or inside it if ``gap`` is negative."""
        ring = _ring_image(rect.width(), ratio, colour.rgba(), width, gap)
        by = (ring.width() - rect.width()) // 2
        painter.drawImage(rect.left() - by, rect.top() - by, ring)


@functools.lru_cache(maxsize=64)
def _ring_image(side: int, ratio: float, rgba: int, width: int, gap: int) -> QImage:
    """Return a ring, which is drawn only once: antialiased curves take ten times as long as a picture."""
    reach = math.ceil(max(gap + width, 0) * ratio)
    image = QImage(side + 2 * reach, side + 2 * reach, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    by = reach - (gap + width / 2) * ratio
    radius = (CARD_RADIUS + gap + width / 2) * ratio
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor.fromRgba(rgba), width * ratio))
    painter.drawRoundedRect(QRectF(image.rect()).adjusted(by, by, -by, -by), radius, radius)
    painter.end()
    return image


def _covering(image: QImage, rect: QRect) -> QBrush:
    """Return a brush that fills ``rect`` with the middle of ``image``."""
    scale = rect.width() / min(image.width(), image.height())
    left = rect.left() - (image.width() * scale - rect.width()) / 2
    top = rect.top() - (image.height() * scale - rect.height()) / 2
    brush = QBrush(image)
    brush.setTransform(QTransform.fromTranslate(left, top).scale(scale, scale))
    return brush


def _part(shape: QPainterPath, rect: QRectF) -> QPainterPath:
    bar = QPainterPath()
    bar.addRect(rect)
    return shape.intersected(bar)
