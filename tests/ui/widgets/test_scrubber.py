"""The scrubber: every way to go to a place, and what is not reached yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from studio.ui.widgets.scrubber import EDGE, Scrubber, Tick
from tests.ui.widgets.hands import count, show, wheel

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from studio.ui.theme.theme import Theme

PLACES = 31


DESCRIBED = "step 12 of 30"


def evenly(places: int = PLACES) -> list[Tick]:
    return [Tick(place / (places - 1), 1 - place / (places - 1)) for place in range(places)]


@pytest.fixture
def scrubber(theme: Theme, qtbot: QtBot) -> Scrubber:
    made = Scrubber(theme, "Steps")
    made.set_ticks(evenly())
    show(qtbot, made, width=640)
    made.set_current(12, DESCRIBED)
    return made


def heard(scrubber: Scrubber) -> list[int]:
    places: list[int] = []
    scrubber.edited.connect(places.append)
    return places


def at(scrubber: Scrubber, place: int) -> QPoint:
    return QPoint(round(scrubber.x_of(place)), scrubber.height() // 2)


def test_setting_a_value_emits_nothing(scrubber: Scrubber) -> None:
    places = heard(scrubber)
    scrubber.set_current(4)
    scrubber.set_ticks(evenly(11))
    scrubber.set_ticks(evenly(11), 2)
    assert (scrubber.current, scrubber.reached, places) == (1, 2, [])


@pytest.mark.parametrize(
    ("key", "shift", "place"),
    [
        (Qt.Key.Key_Left, False, 11),
        (Qt.Key.Key_Right, False, 13),
        (Qt.Key.Key_Left, True, 7),
        (Qt.Key.Key_Right, True, 17),
        (Qt.Key.Key_Home, False, 0),
        (Qt.Key.Key_End, False, 30),
        (Qt.Key.Key_0, False, 0),
        (Qt.Key.Key_5, False, 15),
        (Qt.Key.Key_9, False, 27),
    ],
)
def test_keys_move_between_places(scrubber: Scrubber, key: Qt.Key, shift: bool, place: int) -> None:
    places = heard(scrubber)
    modifier = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
    QTest.keyClick(scrubber, key, modifier)
    assert (scrubber.current, places) == (place, [place])


def test_space_asks_to_play(scrubber: Scrubber, qtbot: QtBot) -> None:
    with qtbot.waitSignal(scrubber.play_requested):
        QTest.keyClick(scrubber, Qt.Key.Key_Space)


def test_other_keys_are_ignored(scrubber: Scrubber) -> None:
    places = heard(scrubber)
    for key, modifier in (
        (Qt.Key.Key_F, Qt.KeyboardModifier.NoModifier),
        (Qt.Key.Key_Left, Qt.KeyboardModifier.ControlModifier),
        (Qt.Key.Key_5, Qt.KeyboardModifier.ControlModifier),
    ):
        QTest.keyClick(scrubber, key, modifier)
    assert (scrubber.current, places) == (12, [])


def test_a_click_goes_there_and_a_drag_follows(scrubber: Scrubber) -> None:
    places = heard(scrubber)
    QTest.mousePress(scrubber, Qt.MouseButton.LeftButton, pos=at(scrubber, 20))
    for place in (21, 25, 3):
        QTest.mouseMove(scrubber, at(scrubber, place))
    QTest.mouseRelease(scrubber, Qt.MouseButton.LeftButton, pos=at(scrubber, 3))
    QTest.mouseMove(scrubber, at(scrubber, 9))
    assert places == [20, 21, 25, 3]


def test_what_is_not_reached_cannot_be_chosen(scrubber: Scrubber) -> None:
    scrubber.set_ticks(evenly(), 8)
    assert scrubber.current == 7
    QTest.mouseClick(scrubber, Qt.MouseButton.LeftButton, pos=at(scrubber, 25))
    QTest.keyClick(scrubber, Qt.Key.Key_9)
    QTest.keyClick(scrubber, Qt.Key.Key_Right)
    QTest.keyClick(scrubber, Qt.Key.Key_End)
    assert scrubber.current == 7
    QTest.keyClick(scrubber, Qt.Key.Key_Left)
    assert scrubber.current == 6


def test_the_wheel_steps(scrubber: Scrubber) -> None:
    assert wheel(scrubber, 1)
    assert scrubber.current == 13
    wheel(scrubber, -1)
    assert scrubber.current == 12


def test_a_screen_reader_announces_the_position(scrubber: Scrubber) -> None:
    assert scrubber.accessibleName() == "Steps"
    assert scrubber.accessibleDescription() == DESCRIBED
    assert (scrubber.minimum(), scrubber.maximum(), scrubber.value()) == (0, 30, 12)


def test_ticks_have_the_colour_of_their_noise_level(scrubber: Scrubber, theme: Theme) -> None:
    image = scrubber.grab().toImage()
    assert count(image, theme.noise(1.0)) > 10
    assert count(image, theme.noise(0.0)) > 10
    scrubber.set_ticks([Tick(tick.position, None) for tick in evenly()], 1)
    assert count(scrubber.grab().toImage(), theme.noise(0.0)) == 0


def test_it_works_without_places(theme: Theme, qtbot: QtBot) -> None:
    empty = Scrubber(theme, "Steps")
    show(qtbot, empty)
    places = heard(empty)
    QTest.keyClick(empty, Qt.Key.Key_Right)
    QTest.mouseClick(empty, Qt.MouseButton.LeftButton, pos=QPoint(40, 10))
    empty.grab()
    assert (places, empty.x_of(3)) == ([], EDGE)


def test_a_thousand_places_fit(scrubber: Scrubber) -> None:
    scrubber.set_ticks(evenly(1001))
    QTest.keyClick(scrubber, Qt.Key.Key_5)
    assert scrubber.current == 500
    scrubber.grab()
