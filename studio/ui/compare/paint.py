"""Paints the parts of a comparison: cards, labels, the line of the wipe, the difference of two pictures and its scale.

The colour scale goes from dark (no difference) over blue and green to a pale yellow. It is perceptually uniform and its
lightness only increases, so it can be read in greyscale and with colour blindness. It avoids violet and amber, which
stand for the noise level.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFontMetrics, QImage, QPainter

from studio.metrics import PEAK, difference
from studio.ui.core.images import to_image
from studio.ui.theme.colour import ramp
from studio.ui.theme.metrics import CARD_RADIUS, GAP, GRID, RADIUS
from studio.ui.widgets.painting import fill_rounded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from studio.ui.theme.theme import Theme


STOPS = ("#08090c", "#143a66", "#12707e", "#2fa873", "#a3d65c", "#fbf6b8")
COLOURS = 256
GAINS = (1, 2, 5, 10)
"""The factors by which a difference can be amplified before it is coloured."""


@lru_cache(maxsize=1)
def heat_colours() -> NDArray[np.uint8]:
    """Return the colours from no difference to the largest, uint8 (256, 3), read-only."""
    colours = [ramp(STOPS, place / (COLOURS - 1)) for place in range(COLOURS)]
    made = np.array(
        [[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in colours], dtype=np.uint8
    )
    made.setflags(write=False)
    return made


def heat_map(amount: NDArray[np.uint8], gain: float) -> NDArray[np.uint8]:
    """Return a difference in the colours of the scale.

    Args:
        amount: the difference of each pixel, uint8 (H, W).
        gain: factor by which it is amplified; values above 255 are clipped.

    Returns:
        uint8 (H, W, 3), contiguous and read-only.
    """
    enlarged = np.rint(np.minimum(np.arange(COLOURS) * gain, COLOURS - 1)).astype(np.intp)
    picture = np.take(heat_colours()[enlarged], amount, axis=0)
    picture.setflags(write=False)
    return picture


INSET: Final = 8.0
FOOT: Final = 60.0
"""Height of a card's foot below the picture: name and cost, step and gap, progress bar."""
SCALE_WIDTH: Final = 12.0
_LINE: Final = 20.0
_BADGE: Final = 16.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Difference:
    """How two pictures differ.

    Attributes:
        image: the difference of each pixel, in the colours of the scale.
        largest: the largest difference, 0 to 1.
        mean: the mean over all pixels, 0 to 1.
    """

    image: QImage
    largest: float
    mean: float


class DifferenceCache:
    """The difference that was asked for last."""

    def __init__(self) -> None:
        self._key: tuple[NDArray[np.uint8], NDArray[np.uint8], float] | None = None
        self._found: Difference | None = None

    def get(self, first: NDArray[np.uint8], second: NDArray[np.uint8], gain: float) -> Difference | None:
        """Return how two pictures differ, amplified ``gain`` times; None if their sizes differ."""
        if first.shape != second.shape:
            return None
        known = self._key
        if known is None or known[0] is not first or known[1] is not second or known[2] != gain:
            amount = difference(first, second)
            image = to_image(heat_map(amount, gain)).convertToFormat(QImage.Format.Format_RGB32)
            largest, mean = float(amount.max()) / PEAK, float(amount.mean()) / PEAK
            self._key = (first, second, gain)
            self._found = Difference(image=image, largest=largest, mean=mean)
        return self._found


@dataclass(frozen=True, kw_only=True, eq=False)
class RunCard:
    """What the card of a run shows.

    Attributes:
        name: such as "DDIM, 30 steps".
        cost: such as "60 calls".
        where: such as "step 18 of 30, noise level 0.41".
        gap: the distance from the requested position, or what the picture shows for now; "" if neither applies.
        fraction: the shown step's share of the run, 0 to 1.
        level: the noise level that is shown.
        pixels: the picture, uint8 (H, W, 3), or None.
    """

    name: str
    cost: str
    where: str
    gap: str
    fraction: float
    level: float
    pixels: NDArray[np.uint8] | None


def draw_card(painter: QPainter, theme: Theme, rect: QRectF) -> None:
    """Draw the background of a card."""
    fill_rounded(painter, rect, CARD_RADIUS, theme.colour("panel"))


def draw_foot(painter: QPainter, theme: Theme, rect: QRectF, card: RunCard, badge: str) -> None:
    """Draw the texts and the progress bar of a card; ``badge`` is "A", "B" or ""."""
    left, width, top = rect.left(), rect.width(), rect.top()
    name = QRectF(left, top, width, _LINE)
    where = QRectF(left, top + _LINE, width, _LINE - 2)
    bar = QRectF(left, top + 2 * _LINE + 2, width, GRID)
    if badge:
        draw_badge(painter, theme, name, badge)
        name = name.adjusted(_BADGE + 6, 0, 0, 0)
    cost = _text(painter, theme, name, card.cost, "label", "dim", right=True)
    _text(painter, theme, name.adjusted(0, 0, -cost - GAP, 0), card.name, "body", "text", bold=True)
    gap = _text(painter, theme, where, card.gap, "label", "warn", right=True)
    _text(painter, theme, where.adjusted(0, 0, -gap - GAP if gap else 0, 0), card.where, "label", "dim")
    fill_rounded(painter, bar, bar.height() / 2, theme.colour("line"))
    if card.fraction > 0:
        done = QRectF(bar)
        done.setWidth(max(min(card.fraction, 1.0) * bar.width(), bar.height()))
        fill_rounded(painter, done, bar.height() / 2, theme.noise(card.level))


def draw_badge(painter: QPainter, theme: Theme, line: QRectF, letter: str) -> None:
    """Draw a letter on a small square at the left of a line."""
    box = QRectF(line.left(), line.center().y() - _BADGE / 2, _BADGE, _BADGE)
    fill_rounded(painter, box, GRID, theme.colour("line"))
    painter.setFont(theme.font("label", bold=True))
    painter.setPen(theme.colour("text"))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, letter)


def draw_chip(painter: QPainter, theme: Theme, within: QRectF, text: str, *, right: bool = False) -> None:
    """Draw a label over an upper corner of ``within``; nothing if it does not fit."""
    font = theme.font("label", bold=True)
    width = QFontMetrics(font).horizontalAdvance(text) + 2 * GAP
    if not text or width + 2 * GAP > within.width() or within.height() < 2 * _LINE:
        return
    left = within.right() - width - GAP if right else within.left() + GAP
    box = QRectF(left, within.top() + GAP, width, _LINE)
    ground = theme.colour("floating")
    ground.setAlphaF(0.86)
    fill_rounded(painter, box, RADIUS, ground)
    painter.setFont(font)
    painter.setPen(theme.colour("text"))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)


def draw_scale(painter: QPainter, theme: Theme, bar: QRectF, gain: float) -> None:
    """Draw the colour scale of a difference, none at the bottom, with its amounts."""
    painter.drawImage(bar, _strip())
    for share in (0.0, 0.5, 1.0):
        y = bar.bottom() - share * bar.height()
        line = QRectF(bar.right() + GRID, min(max(y - 8, bar.top()), bar.bottom() - 16), 48, 16)
        _text(painter, theme, line, f"{100 * share / gain:.3g} %", "label", "dim")


def draw_wipe_line(painter: QPainter, rect: QRectF, at: float, *, turned: bool) -> None:
    """Draw the line of a wipe, white with a dark edge, to be visible on any picture."""
    at = math.floor(at) + 0.5  # the middle of a pixel, else the line would be two grey pixels wide
    for width, colour in ((3.0, QColor(0, 0, 0, 120)), (1.0, QColor(255, 255, 255))):
        if turned:
            painter.fillRect(QRectF(rect.left(), at - width / 2, rect.width(), width), colour)
        else:
            painter.fillRect(QRectF(at - width / 2, rect.top(), width, rect.height()), colour)


def draw_hint(painter: QPainter, theme: Theme, rect: QRectF, text: str) -> None:
    """Draw a sentence in the middle of a rectangle."""
    painter.setFont(theme.font("body"))
    painter.setPen(theme.colour("dim"))
    flags = Qt.AlignmentFlag.AlignCenter.value | Qt.TextFlag.TextWordWrap.value
    painter.drawText(rect, flags, text)


@lru_cache(maxsize=1)
def _strip() -> QImage:
    """Return the colour scale as an image one pixel wide, the largest difference at the top."""
    colours = heat_colours()
    strip = QImage(1, len(colours), QImage.Format.Format_RGB32)
    for place, (red, green, blue) in enumerate(colours.tolist()):
        strip.setPixelColor(0, len(colours) - 1 - place, QColor(red, green, blue))
    return strip


def _text(
    painter: QPainter,
    theme: Theme,
    line: QRectF,
    text: str,
    kind: str,
    role: str,
    *,
    bold: bool = False,
    right: bool = False,
) -> float:
    """Draw a text, elided if it is too long, and return its width."""
    if not text or line.width() <= 0:
        return 0.0
    font = theme.font("label" if kind == "label" else "body", bold=bold)
    metrics = QFontMetrics(font)
    shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, int(line.width()) + 1)
    painter.setFont(font)
    painter.setPen(theme.colour(role))
    side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
    painter.drawText(line, Qt.AlignmentFlag.AlignVCenter | side, shown)
    return float(metrics.horizontalAdvance(shown))
