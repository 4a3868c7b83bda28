"""The canvas of a comparison: what is painted in every layout, zoom and position, and what mouse and keys do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QPointF, QRectF, QSizeF, Qt
from PySide6.QtTest import QTest

from studio.ui.compare.canvas import ComparisonCanvas, Viewport, card_layout
from studio.ui.compare.paint import RunCard, heat_colours
from studio.ui.theme.theme import Theme
from tests.runs.steps import frame
from tests.ui.widgets.hands import accessible_value, wheel

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PySide6.QtGui import QImage
    from PySide6.QtWidgets import QApplication
    from pytestqt.qtbot import QtBot


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


def test_a_picture_that_fits_does_not_move() -> None:
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
    found = card_layout(QRectF(0, 0, 1500, 320), count, gap=12, inset=8, foot=60, shape=1.0)
    assert len({room.top() for room in found}) == 1
    assert len(found) == count == columns


def test_on_a_square_page_four_cards_stand_two_by_two() -> None:
    found = card_layout(QRectF(0, 0, 900, 900), 4, gap=12, inset=8, foot=60, shape=1.0)
    assert len({room.top() for room in found}) == len({room.left() for room in found}) == 2


@given(st.integers(1, 6), st.floats(200, 2000), st.floats(200, 1200), st.floats(0.5, 2))
def test_cards_are_equal_lie_inside_and_do_not_meet(
    count: int, width: float, height: float, shape: float
) -> None:
    area = QRectF(10, 20, width, height)
    found = card_layout(area, count, gap=12, inset=8, foot=60, shape=shape)
    assert len(found) == count
    slack = area.adjusted(-0.01, -0.01, 0.01, 0.01)
    for number, room in enumerate(found):
        assert room.size() == found[0].size()
        assert slack.contains(room)
        assert not any(room.intersects(other) for other in found[number + 1 :])


@pytest.mark.parametrize("height", [0.0, 1.0, 40.0])
def test_every_picture_has_a_card_however_little_room_there_is(height: float) -> None:
    found = card_layout(QRectF(0, 0, 300, height), 4, gap=8, inset=8, foot=60, shape=1.0)
    assert len(found) == 4


GREYS = (40, 90, 140, 220)


def face(pixels: NDArray[np.uint8] | None, name: str = "DDIM, 30 steps") -> RunCard:
    return RunCard(
        name=name, cost="60 calls", where="step 3 of 4", gap="", fraction=0.5, level=0.5, pixels=pixels
    )


def split(left: int, right: int) -> NDArray[np.uint8]:
    pixels = np.full((8, 8, 3), left, dtype=np.uint8)
    pixels[:, 4:] = right
    pixels.setflags(write=False)
    return pixels


@pytest.fixture
def canvas(qtbot: QtBot, qapp: QApplication) -> ComparisonCanvas:
    view = ComparisonCanvas(Theme(qapp, "dark"))
    qtbot.addWidget(view)
    view.set_enlarge("pixels")
    view.resize(900, 500)
    view.show()
    view.set_cards([face(frame(grey), f"run {grey}") for grey in GREYS])
    return view


def painted(canvas: ComparisonCanvas) -> QImage:
    return canvas.grab().toImage()


def grey_at(canvas: ComparisonCanvas, point: QPointF) -> int:
    colour = painted(canvas).pixelColor(point.toPoint())
    assert colour.red() == colour.green() == colour.blue()
    return colour.red()


def seen(canvas: ComparisonCanvas) -> QRectF:
    room = canvas.picture_rects()[0]
    return canvas.viewport.rect(room, canvas.picture_size()).intersected(room)


def test_without_pictures_nothing_is_painted_and_nothing_can_be_dragged(
    canvas: ComparisonCanvas,
) -> None:
    canvas.set_cards([])
    painted(canvas)
    canvas.toggle_scale()
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton)
    assert wheel(canvas, 1)
    assert canvas.viewport.is_fit


@pytest.mark.parametrize("mode", ["side", "tile"])
def test_every_picture_has_its_place(canvas: ComparisonCanvas, mode: str) -> None:
    canvas.set_mode(mode)  # type: ignore[arg-type]
    assert [grey_at(canvas, room.center()) for room in canvas.picture_rects()] == list(GREYS)


def test_tiles_are_larger_than_cards(canvas: ComparisonCanvas) -> None:
    cards = canvas.picture_rects()[0]
    canvas.set_mode("tile")
    assert min(canvas.picture_rects()[0].size().toTuple()) > min(cards.size().toTuple())


def test_a_run_without_a_picture_says_what_it_is_waiting_for(canvas: ComparisonCanvas) -> None:
    canvas.set_cards([face(None), face(frame(90))])
    before = painted(canvas)
    cards = [face(frame(40)), face(frame(90), "DDPM")]
    canvas.set_cards(cards)
    assert painted(canvas) != before
    described = accessible_value(canvas)
    places = [described.index(part) for card in cards for part in (card.name, card.where)]
    assert places[0] < places[1] < places[2]
    assert described.count(cards[0].where) == 2


# ------------------------------------------------------------------------------------------------------------- wipe
def test_a_wipe_shows_a_at_the_left_and_b_at_the_right(canvas: ComparisonCanvas) -> None:
    canvas.set_mode("wipe")
    canvas.set_pair(1, 3)
    area = seen(canvas)
    for share, wanted in ((0.1, 90), (0.45, 90), (0.55, 220), (0.9, 220)):
        assert grey_at(canvas, QPointF(area.left() + share * area.width(), area.center().y())) == wanted


def test_the_line_is_dragged_and_stays_in_the_picture(canvas: ComparisonCanvas) -> None:
    canvas.set_mode("wipe")
    area = seen(canvas)
    received: list[float] = []
    canvas.wiped.connect(received.append)
    at = QPoint(round(area.left() + 0.25 * area.width()), round(area.center().y()))
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=at)
    assert canvas.wipe == pytest.approx(0.25, abs=0.01)
    QTest.mouseMove(canvas, QPoint(5, at.y()))
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=QPoint(5, at.y()))
    assert canvas.wipe == 0.0
    assert received[-1] == 0.0
    assert grey_at(canvas, area.center()) == 90  # B everywhere


def test_x_turns_the_line(canvas: ComparisonCanvas) -> None:
    canvas.set_mode("wipe")
    canvas.turn()
    area = seen(canvas)
    middle = area.center().x()
    assert grey_at(canvas, QPointF(middle, area.top() + 0.4 * area.height())) == GREYS[0]
    assert grey_at(canvas, QPointF(middle, area.bottom() - 0.4 * area.height())) == GREYS[1]
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=QPointF(middle, area.top() + 2).toPoint())
    assert canvas.wipe < 0.02


# ---------------------------------------------------------------------------------------------- blink and difference
def test_while_the_button_is_held_a_is_shown_in_the_place_of_b(canvas: ComparisonCanvas) -> None:
    canvas.set_mode("blink")
    canvas.set_pair(0, 2)
    middle = seen(canvas).center()
    assert grey_at(canvas, middle) == 140
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=middle.toPoint())
    assert grey_at(canvas, middle) == 40
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=middle.toPoint())
    assert grey_at(canvas, middle) == 140


def test_identical_pictures_have_the_colour_of_no_difference_everywhere(canvas: ComparisonCanvas) -> None:
    canvas.set_cards([face(frame(50)), face(frame(50))])
    canvas.set_mode("difference")
    canvas.set_gain(10)
    area = seen(canvas)
    for share in (0.3, 0.5, 0.9):
        colour = painted(canvas).pixelColor(
            (area.topLeft() + QPointF(share * area.width(), 0.9 * area.height())).toPoint()
        )
        assert list(colour.getRgb())[:3] == heat_colours()[0].tolist()


@pytest.mark.parametrize("gain", [1, 2, 5])
def test_a_difference_has_the_colour_of_its_amount(canvas: ComparisonCanvas, gain: int) -> None:
    canvas.set_cards([face(split(50, 50)), face(split(50, 101))])
    canvas.set_mode("difference")
    canvas.set_gain(gain)
    area = seen(canvas)
    image = painted(canvas)
    shades = []
    for share in (0.25, 0.75):  # where the pictures are equal, and where they differ
        at = QPointF(area.left() + share * area.width(), area.top() + 0.8 * area.height())
        shades.append(list(image.pixelColor(at.toPoint()).getRgb())[:3])
    scale = heat_colours().tolist()
    assert shades[0] == scale[0]
    assert scale.index(shades[1]) == pytest.approx(51 * gain, abs=1)


def test_pictures_of_two_sizes_or_none_are_no_error(canvas: ComparisonCanvas) -> None:
    canvas.set_mode("difference")
    for second in (frame(1, side=16), None):
        canvas.set_cards([face(frame(50)), face(second)])
        painted(canvas)


# ------------------------------------------------------------------------------------------------------- zoom and pan
def test_zoom_and_place_are_the_same_for_all(canvas: ComparisonCanvas) -> None:
    canvas.set_cards([face(split(10, 200)), face(split(20, 210))])
    left, right = canvas.picture_rects()
    for _ in range(6):
        assert wheel(canvas, 1)
    before = canvas.viewport.zoom
    assert before > 3
    start = left.center().toPoint()
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=start)
    for by in (-40, -400):
        QTest.mouseMove(canvas, start + QPoint(by, 0))
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=start + QPoint(-400, 0))
    assert [grey_at(canvas, room.center()) for room in (left, right)] == [200, 210]
    canvas.toggle_scale()
    assert canvas.viewport.is_fit
    assert [grey_at(canvas, room.center() - QPointF(9, 0)) for room in (left, right)] == [10, 20]


def test_a_double_click_shows_pixel_for_pixel_and_back(canvas: ComparisonCanvas) -> None:
    room = canvas.picture_rects()[0]
    QTest.mouseDClick(canvas, Qt.MouseButton.LeftButton, pos=room.center().toPoint())
    assert canvas.viewport.rect(room, canvas.picture_size()).width() == pytest.approx(8)
    QTest.mouseDClick(canvas, Qt.MouseButton.LeftButton, pos=room.center().toPoint())
    assert canvas.viewport.is_fit


def test_a_click_chooses_a_pane_and_a_drag_does_not(canvas: ComparisonCanvas) -> None:
    received: list[tuple[int, bool]] = []
    canvas.chosen.connect(lambda place, is_base: received.append((place, is_base)))
    at = canvas.picture_rects()[2].center().toPoint()
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=at)
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, at)
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=at)
    QTest.mouseMove(canvas, at + QPoint(30, 0))
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=at + QPoint(30, 0))
    QTest.mouseClick(canvas, Qt.MouseButton.RightButton, pos=at)
    assert received == [(2, False), (2, True)]


def test_pictures_are_filtered_smoothly_once_they_stop_moving(qtbot: QtBot, canvas: ComparisonCanvas) -> None:
    canvas.set_enlarge("smooth")
    canvas.set_cards([face(split(0, 255)), face(frame(90))])
    quick = painted(canvas)
    qtbot.waitUntil(lambda: painted(canvas) != quick, timeout=2000)


def test_the_pane_with_the_keyboard_focus_has_a_ring(qtbot: QtBot, canvas: ComparisonCanvas) -> None:
    canvas.activateWindow()
    qtbot.waitUntil(canvas.isActiveWindow)
    canvas.clearFocus()
    before = painted(canvas)
    canvas.setFocus(Qt.FocusReason.TabFocusReason)
    assert painted(canvas) != before
