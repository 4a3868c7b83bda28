"""How the states of a tile differ on the screen, at several display scales."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QImage, QPainter

from studio.ui.core.images import to_image
from studio.ui.gallery.tile_painter import TilePainter, TileState
from studio.ui.jobs.session import LiveTile
from studio.ui.theme.metrics import CARD_RADIUS
from studio.ui.theme.theme import Theme

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from studio.gallery.metadata import OriginKind

SIDE, AROUND = 120, 12
PLAIN = TileState()


@pytest.fixture(params=[1.0, 1.5, 2.0])
def ratio(request: pytest.FixtureRequest) -> float:
    return request.param


@pytest.fixture(params=["dark", "light"])
def theme(qapp: QApplication, request: pytest.FixtureRequest) -> Theme:
    return Theme(qapp, request.param)


def tile(ratio: float) -> QRect:
    around, side = round(AROUND * ratio), round(SIDE * ratio)
    return QRect(around, around, side, side)


def painted(theme: Theme, ratio: float, state: TileState) -> np.ndarray:
    """Return a tile and what is around it as pixels, (H, W, 4)."""
    rect = tile(ratio)
    side = rect.width() + 2 * rect.left()
    image = QImage(side, side, QImage.Format.Format_RGBA8888)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    TilePainter(theme).paint(painter, rect, ratio, state)
    painter.end()
    return np.frombuffer(image.constBits(), np.uint8).reshape(side, side, 4).copy()


def changed(theme: Theme, ratio: float, one: TileState, other: TileState) -> QRect:
    """Return the smallest rectangle in which two states differ, in the coordinates of the tile; empty for none."""
    differs = (painted(theme, ratio, one) != painted(theme, ratio, other)).any(axis=2)
    rows, columns = np.nonzero(differs)
    if not len(rows):
        return QRect()
    found = QRect(columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)
    return found.translated(-tile(ratio).topLeft())


def image(ratio: float) -> QImage:
    pixels = np.random.default_rng(0).integers(0, 256, (tile(ratio).width(),) * 2 + (3,), np.uint8)
    pixels.flags.writeable = False
    return to_image(pixels)


def test_a_selected_tile_has_a_ring_around_it_and_the_same_picture(theme: Theme, ratio: float) -> None:
    plain = TileState(image=image(ratio))
    rings = [
        replace(plain, selected=True, focused=True),
        replace(plain, selected=True),
        replace(plain, hovered=True),
    ]
    corner = round(CARD_RADIUS * ratio)  # a real thumbnail has round corners, around which the ring goes
    inner = tile(ratio).adjusted(corner, corner, -corner, -corner)
    inside = np.s_[inner.top() : inner.bottom(), inner.left() : inner.right()]
    for state in rings:
        assert changed(theme, ratio, plain, state).contains(tile(ratio).translated(-tile(ratio).topLeft()))
        assert np.array_equal(painted(theme, ratio, state)[inside], painted(theme, ratio, plain)[inside])
    assert not changed(theme, ratio, rings[0], rings[1]).isEmpty(), "without the focus it is another ring"


@pytest.mark.parametrize("kind", ["fork", "step"])
def test_an_origin_is_a_badge_in_the_lower_left_quarter(theme: Theme, ratio: float, kind: OriginKind) -> None:
    plain = TileState(image=image(ratio))
    found = changed(theme, ratio, plain, replace(plain, origin=kind))
    half = tile(ratio).width() // 2
    assert not found.isEmpty()
    assert QRect(0, half, half, half).contains(found)


def test_the_badges_of_a_fork_and_a_step_differ(theme: Theme, ratio: float) -> None:
    fork, step = TileState(origin="fork"), TileState(origin="step")
    assert not changed(theme, ratio, fork, step).isEmpty()


def test_the_bar_of_a_live_tile_grows_at_its_lower_edge(theme: Theme, ratio: float) -> None:
    def at(step: int) -> TileState:
        live = LiveTile(job_id="1", prompt="", image=image(ratio), step=step, steps=10, level=0.5)
        return TileState(live=live)

    found = changed(theme, ratio, at(3), at(6))
    side = tile(ratio).width()
    assert found.top() > 0.9 * side
    assert found.left() / side == pytest.approx(0.3, abs=0.05)
    assert (found.right() + 1) / side == pytest.approx(0.6, abs=0.05)


def test_a_broken_picture_has_an_icon_in_its_middle(theme: Theme, ratio: float) -> None:
    found = changed(theme, ratio, PLAIN, TileState(broken=True))
    side = tile(ratio).width()
    assert found.center().x() / side == pytest.approx(0.5, abs=0.1)
    assert found.center().y() / side == pytest.approx(0.5, abs=0.1)
    assert found.width() < side / 2
