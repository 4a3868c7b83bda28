from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPointF, QRectF, QSizeF

from studio.ui.compare.stage import Viewport, rooms

ROOM, SIZE = QRectF(100, 50, 400, 200), QSizeF(64, 64)


def test_at_first_the_whole_picture_fits_in_the_middle() -> None:
    assert Viewport().rect(ROOM, SIZE) == QRectF(200, 50, 200, 200)
    assert Viewport().rect(QRectF(), SIZE).isEmpty()


@given(
    st.floats(100, 500),
    st.floats(50, 250),
    st.lists(st.floats(0.2, 5), min_size=1, max_size=5),
    st.floats(1.5, 9),
)
def test_zooming_keeps_what_is_under_the_mouse_where_the_edges_allow_it(
    x: float, y: float, others: list[float], factor: float
) -> None:
    view, point = Viewport(), QPointF(x, y)
    view.zoom_at(QPointF(300, 150), 8.0, ROOM, SIZE)  # so far in that no edge is near
    before = view.rect(ROOM, SIZE)
    view.zoom_at(point, factor, ROOM, SIZE)
    after = view.rect(ROOM, SIZE)
    assert (x - after.left()) / after.width() == pytest.approx((x - before.left()) / before.width(), abs=1e-6)
    for other in others:
        view.zoom_at(point, other, ROOM, SIZE)
        rect = view.rect(ROOM, SIZE)
        assert rect.width() <= ROOM.width() or (
            rect.left() <= ROOM.left() and rect.right() >= ROOM.right() - 1e-6
        )


def test_the_picture_cannot_be_moved_past_its_edge() -> None:
    view = Viewport()
    view.zoom_at(QPointF(300, 150), 4.0, ROOM, SIZE)
    view.pan(QPointF(10_000, -10_000), ROOM, SIZE)
    rect = view.rect(ROOM, SIZE)
    assert rect.left() == pytest.approx(ROOM.left())
    assert rect.bottom() == pytest.approx(ROOM.bottom())
    view.pan(QPointF(-1, 0), ROOM, SIZE)
    assert view.rect(ROOM, SIZE).left() == pytest.approx(ROOM.left() - 1)


def test_what_is_seen_whole_does_not_move() -> None:
    view = Viewport()
    view.pan(QPointF(30, 30), ROOM, SIZE)
    assert view.rect(ROOM, SIZE) == Viewport().rect(ROOM, SIZE)


def test_one_pixel_for_one_and_back() -> None:
    view = Viewport()
    view.set_scale(1.0, ROOM, SIZE)
    assert view.rect(ROOM, SIZE).width() == pytest.approx(64)
    assert not view.is_fit
    view.set_scale(2.0, ROOM, QSizeF(1000, 1000))
    assert view.rect(ROOM, QSizeF(1000, 1000)).width() == pytest.approx(2000)
    view.fit()
    assert view.is_fit


@pytest.mark.parametrize(("count", "columns"), [(2, 2), (4, 4), (6, 6)])
def test_on_a_wide_page_cards_stand_in_one_row(count: int, columns: int) -> None:
    found = rooms(QRectF(0, 0, 1500, 320), count, gap=12, inset=8, foot=60, shape=1.0)
    assert len({room.top() for room in found}) == 1
    assert len(found) == count == columns


def test_on_a_square_page_four_cards_stand_two_by_two() -> None:
    found = rooms(QRectF(0, 0, 900, 900), 4, gap=12, inset=8, foot=60, shape=1.0)
    assert len({room.top() for room in found}) == len({room.left() for room in found}) == 2


@given(st.integers(1, 6), st.floats(200, 2000), st.floats(200, 1200), st.floats(0.5, 2))
def test_cards_are_equal_lie_inside_and_do_not_meet(
    count: int, width: float, height: float, shape: float
) -> None:
    area = QRectF(10, 20, width, height)
    found = rooms(area, count, gap=12, inset=8, foot=60, shape=shape)
    assert len(found) == count
    slack = area.adjusted(-0.01, -0.01, 0.01, 0.01)
    for number, room in enumerate(found):
        assert room.size() == found[0].size()
        assert slack.contains(room)
        assert not any(room.intersects(other) for other in found[number + 1 :])


@pytest.mark.parametrize("height", [0.0, 1.0, 40.0])
def test_every_picture_has_a_card_however_little_room_there_is(height: float) -> None:
    found = rooms(QRectF(0, 0, 300, height), 4, gap=8, inset=8, foot=60, shape=1.0)
    assert len(found) == 4
