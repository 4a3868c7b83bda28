"""The panes: what is painted in every layout, and what the hand does to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt
from PySide6.QtTest import QTest

from studio.ui.compare.paint import Face, table
from studio.ui.compare.stage import ComparisonCanvas
from studio.ui.theme.theme import Theme
from tests.runs.steps import frame
from tests.ui.widgets.hands import wheel

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PySide6.QtGui import QImage
    from PySide6.QtWidgets import QApplication
    from pytestqt.qtbot import QtBot

GREYS = (40, 90, 140, 220)


def face(pixels: NDArray[np.uint8] | None, name: str = "DDIM, 30 steps") -> Face:
    return Face(
        name=name, cost="60 calls", where="step 3 of 4", gap="", fraction=0.5, level=0.5, pixels=pixels
    )


def split(left: int, right: int) -> NDArray[np.uint8]:
    pixels = np.full((8, 8, 3), left, dtype=np.uint8)
    pixels[:, 4:] = right
    pixels.setflags(write=False)
    return pixels


@pytest.fixture
def panes(qtbot: QtBot, qapp: QApplication) -> ComparisonCanvas:
    view = ComparisonCanvas(Theme(qapp, "dark"))
    qtbot.addWidget(view)
    view.set_enlarge("pixels")
    view.resize(900, 500)
    view.show()
    view.set_faces([face(frame(grey), f"run {grey}") for grey in GREYS])
    return view


def painted(panes: ComparisonCanvas) -> QImage:
    return panes.grab().toImage()


def grey_at(panes: ComparisonCanvas, point: QPointF) -> int:
    colour = painted(panes).pixelColor(point.toPoint())
    assert colour.red() == colour.green() == colour.blue()
    return colour.red()


def seen(panes: ComparisonCanvas) -> QRectF:
    room = panes.picture_rooms()[0]
    return panes.viewport.rect(room, panes.picture_size()).intersected(room)


def test_without_pictures_nothing_is_painted_and_nothing_can_be_taken_hold_of(
    panes: ComparisonCanvas,
) -> None:
    panes.set_faces([])
    painted(panes)
    panes.toggle_scale()
    QTest.mouseClick(panes, Qt.MouseButton.LeftButton)
    assert wheel(panes, 1)
    assert panes.viewport.is_fit


@pytest.mark.parametrize("mode", ["side", "tile"])
def test_every_picture_has_its_place(panes: ComparisonCanvas, mode: str) -> None:
    panes.set_mode(mode)  # type: ignore[arg-type]
    assert [grey_at(panes, room.center()) for room in panes.picture_rooms()] == list(GREYS)


def test_tiles_are_larger_than_cards(panes: ComparisonCanvas) -> None:
    cards = panes.picture_rooms()[0]
    panes.set_mode("tile")
    assert min(panes.picture_rooms()[0].size().toTuple()) > min(cards.size().toTuple())


def test_a_run_without_a_picture_says_what_it_waits_for(panes: ComparisonCanvas) -> None:
    panes.set_faces([face(None), face(frame(90))])
    before = painted(panes)
    panes.set_faces([face(frame(40)), face(frame(90))])
    assert painted(panes) != before
    assert panes.accessibleDescription() == "DDIM, 30 steps: step 3 of 4. DDIM, 30 steps: step 3 of 4"


# ------------------------------------------------------------------------------------------------------------- wipe
def test_a_wipe_shows_a_at_the_left_and_b_at_the_right(panes: ComparisonCanvas) -> None:
    panes.set_mode("wipe")
    panes.set_pair(1, 3)
    area = seen(panes)
    for share, wanted in ((0.1, 90), (0.45, 90), (0.55, 220), (0.9, 220)):
        assert grey_at(panes, QPointF(area.left() + share * area.width(), area.center().y())) == wanted


def test_the_line_is_dragged_and_stays_in_the_picture(panes: ComparisonCanvas) -> None:
    panes.set_mode("wipe")
    area = seen(panes)
    told: list[float] = []
    panes.wiped.connect(told.append)
    at = QPoint(round(area.left() + 0.25 * area.width()), round(area.center().y()))
    QTest.mousePress(panes, Qt.MouseButton.LeftButton, pos=at)
    assert panes.wipe == pytest.approx(0.25, abs=0.01)
    QTest.mouseMove(panes, QPoint(5, at.y()))
    QTest.mouseRelease(panes, Qt.MouseButton.LeftButton, pos=QPoint(5, at.y()))
    assert panes.wipe == 0.0
    assert told[-1] == 0.0
    assert grey_at(panes, area.center()) == 90  # B everywhere


def test_x_turns_the_line(panes: ComparisonCanvas) -> None:
    panes.set_mode("wipe")
    panes.turn()
    area = seen(panes)
    middle = area.center().x()
    assert grey_at(panes, QPointF(middle, area.top() + 0.4 * area.height())) == 40
    assert grey_at(panes, QPointF(middle, area.bottom() - 0.4 * area.height())) == 90
    QTest.mousePress(panes, Qt.MouseButton.LeftButton, pos=QPointF(middle, area.top() + 2).toPoint())
    assert panes.wipe < 0.02


# ---------------------------------------------------------------------------------------------- blink and difference
def test_while_it_is_held_b_gives_way_to_a(panes: ComparisonCanvas) -> None:
    panes.set_mode("blink")
    panes.set_pair(0, 2)
    middle = seen(panes).center()
    assert grey_at(panes, middle) == 140
    QTest.mousePress(panes, Qt.MouseButton.LeftButton, pos=middle.toPoint())
    assert grey_at(panes, middle) == 40
    QTest.mouseRelease(panes, Qt.MouseButton.LeftButton, pos=middle.toPoint())
    assert grey_at(panes, middle) == 140


def test_identical_pictures_have_the_colour_of_no_difference_everywhere(panes: ComparisonCanvas) -> None:
    panes.set_faces([face(frame(50)), face(frame(50))])
    panes.set_mode("difference")
    panes.set_gain(10)
    area = seen(panes)
    for share in (0.3, 0.5, 0.9):
        colour = painted(panes).pixelColor(
            (area.topLeft() + QPointF(share * area.width(), 0.9 * area.height())).toPoint()
        )
        assert list(colour.getRgb())[:3] == table()[0].tolist()


@pytest.mark.parametrize("gain", [1, 2, 5])
def test_a_difference_has_the_colour_of_its_amount(panes: ComparisonCanvas, gain: int) -> None:
    panes.set_faces([face(split(50, 50)), face(split(50, 101))])
    panes.set_mode("difference")
    panes.set_gain(gain)
    area = seen(panes)
    image = painted(panes)
    for share, amount in ((0.25, 0.0), (0.75, 51 / 255)):
        at = QPointF(area.left() + share * area.width(), area.top() + 0.8 * area.height())
        wanted = table()[round(255 * min(gain * amount, 1.0))].tolist()
        assert list(image.pixelColor(at.toPoint()).getRgb())[:3] == wanted


def test_pictures_of_two_sizes_or_none_are_no_error(panes: ComparisonCanvas) -> None:
    panes.set_mode("difference")
    for second in (frame(1, side=16), None):
        panes.set_faces([face(frame(50)), face(second)])
        painted(panes)


# ------------------------------------------------------------------------------------------------------- zoom and pan
def test_zoom_and_place_are_the_same_for_all(panes: ComparisonCanvas) -> None:
    panes.set_faces([face(split(10, 200)), face(split(20, 210))])
    left, right = panes.picture_rooms()
    for _ in range(6):
        assert wheel(panes, 1)
    before = panes.viewport.zoom
    assert before > 3
    start = left.center().toPoint()
    QTest.mousePress(panes, Qt.MouseButton.LeftButton, pos=start)
    for by in (-40, -400):
        QTest.mouseMove(panes, start + QPoint(by, 0))
    QTest.mouseRelease(panes, Qt.MouseButton.LeftButton, pos=start + QPoint(-400, 0))
    assert [grey_at(panes, room.center()) for room in (left, right)] == [200, 210]
    panes.toggle_scale()
    assert panes.viewport.is_fit
    assert [grey_at(panes, room.center() - QPointF(9, 0)) for room in (left, right)] == [10, 20]


def test_a_double_click_shows_pixel_for_pixel_and_back(panes: ComparisonCanvas) -> None:
    room = panes.picture_rooms()[0]
    QTest.mouseDClick(panes, Qt.MouseButton.LeftButton, pos=room.center().toPoint())
    assert panes.viewport.rect(room, panes.picture_size()).width() == pytest.approx(8)
    QTest.mouseDClick(panes, Qt.MouseButton.LeftButton, pos=room.center().toPoint())
    assert panes.viewport.is_fit


def test_a_click_chooses_a_pane_and_a_drag_does_not(panes: ComparisonCanvas) -> None:
    told: list[tuple[int, bool]] = []
    panes.chosen.connect(lambda place, is_base: told.append((place, is_base)))
    at = panes.picture_rooms()[2].center().toPoint()
    QTest.mouseClick(panes, Qt.MouseButton.LeftButton, pos=at)
    QTest.mouseClick(panes, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, at)
    QTest.mousePress(panes, Qt.MouseButton.LeftButton, pos=at)
    QTest.mouseMove(panes, at + QPoint(30, 0))
    QTest.mouseRelease(panes, Qt.MouseButton.LeftButton, pos=at + QPoint(30, 0))
    QTest.mouseClick(panes, Qt.MouseButton.RightButton, pos=at)
    assert told == [(2, False), (2, True)]


def test_pictures_are_filtered_well_once_they_stand_still(qtbot: QtBot, panes: ComparisonCanvas) -> None:
    panes.set_enlarge("smooth")
    panes.set_faces([face(split(0, 255)), face(frame(90))])
    quick = painted(panes)
    qtbot.waitUntil(lambda: painted(panes) != quick, timeout=2000)


def test_the_keyboard_rings_the_panes(qtbot: QtBot, panes: ComparisonCanvas) -> None:
    panes.activateWindow()
    qtbot.waitUntil(panes.isActiveWindow)
    panes.clearFocus()
    before = painted(panes)
    panes.setFocus(Qt.FocusReason.TabFocusReason)
    assert painted(panes) != before
