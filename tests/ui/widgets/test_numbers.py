"""A slider and its field show one number, which only the user's own edits announce."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QScrollArea, QWidget

from studio.ui.theme.metrics import CONTROL, FIELD
from studio.ui.widgets.numbers import NumberField, NumberSlider
from tests.ui.widgets.hands import NOTCH, show, wheel

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from studio.ui.theme.theme import Theme


TIP = "How many steps."


@pytest.fixture
def steps(theme: Theme, qtbot: QtBot) -> NumberSlider:
    slider = NumberSlider(theme, "Steps", minimum=1, maximum=1000, step=1, slider_maximum=101, tip=TIP)
    slider.set_value(30)
    show(qtbot, slider)
    return slider


@pytest.fixture
def guidance(theme: Theme, qtbot: QtBot) -> NumberSlider:
    slider = NumberSlider(theme, "Guidance", minimum=0, maximum=30, step=0.5, decimals=1, slider_maximum=15)
    slider.set_value(4)
    show(qtbot, slider)
    return slider


def heard(slider: NumberSlider | NumberField) -> list[float]:
    values: list[float] = []
    slider.edited.connect(values.append)
    return values


def test_setting_a_value_emits_nothing(guidance: NumberSlider) -> None:
    values = heard(guidance)
    guidance.set_value(7.5)
    assert (guidance.value, guidance.field.text(), guidance.track.value()) == (7.5, "7.5", 15)
    guidance.set_limits(0, 5)
    assert guidance.value == 5
    assert values == []


def test_a_value_is_moved_into_the_limits(steps: NumberSlider) -> None:
    steps.set_value(-4)
    assert steps.value == 1
    steps.set_value(5000)
    assert (steps.value, steps.field.text()) == (1000, "1000")
    steps.set_value(float("nan"))
    assert steps.value == 1000


def test_the_slider_may_end_before_the_field(steps: NumberSlider) -> None:
    steps.set_value(700)
    assert (steps.value, steps.track.value(), steps.track.maximum()) == (700, 101, 101)


def test_typing_counts_at_once_and_moves_the_slider(steps: NumberSlider, qtbot: QtBot) -> None:
    values = heard(steps)
    steps.field.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClicks(steps.field, "42")
    assert values == [4, 42]
    assert (steps.value, steps.track.value()) == (42, 42)


def test_typed_values_beyond_the_limits_are_clamped_when_editing_ends(
    steps: NumberSlider, qtbot: QtBot
) -> None:
    values = heard(steps)
    steps.field.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClicks(steps.field, "5000")
    assert values == [5, 50, 500]
    qtbot.keyClick(steps.field, Qt.Key.Key_Return)
    assert values == [5, 50, 500, 1000]
    assert steps.field.text() == "1000"


def test_leaving_the_field_empty_keeps_the_number(steps: NumberSlider, qtbot: QtBot) -> None:
    values = heard(steps)
    steps.field.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClick(steps.field, Qt.Key.Key_Delete)
    assert steps.field.text() == ""
    steps.track.setFocus()
    assert (steps.field.text(), values) == ("30", [])


def test_esc_reverts_what_was_not_accepted(steps: NumberSlider, qtbot: QtBot) -> None:
    steps.field.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClick(steps.field, Qt.Key.Key_Delete)
    qtbot.keyClick(steps.field, Qt.Key.Key_Escape)
    assert steps.field.text() == "30"


def test_letters_cannot_be_typed(steps: NumberSlider, qtbot: QtBot) -> None:
    values = heard(steps)
    steps.field.setFocus()
    steps.field.selectAll()
    qtbot.keyClicks(steps.field, "a-<1e.2")
    assert values == [1, 12]


@pytest.mark.parametrize("typed", ["7.5", "7,5", "07.5"])
def test_either_decimal_mark_is_understood(guidance: NumberSlider, qtbot: QtBot, typed: str) -> None:
    guidance.field.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClicks(guidance.field, typed)
    assert guidance.value == 7.5
    qtbot.keyClick(guidance.field, Qt.Key.Key_Return)
    assert guidance.field.text() == "7.5"


def test_a_view_that_echoes_does_not_disturb_typing(guidance: NumberSlider, qtbot: QtBot) -> None:
    guidance.edited.connect(guidance.set_value)
    guidance.field.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClicks(guidance.field, "7")
    assert guidance.field.text() == "7"
    qtbot.keyClicks(guidance.field, ".5")
    assert (guidance.field.text(), guidance.value) == ("7.5", 7.5)


def test_arrow_and_page_keys_step_in_the_field(guidance: NumberSlider, qtbot: QtBot) -> None:
    values = heard(guidance)
    guidance.field.setFocus()
    for key in (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
        qtbot.keyClick(guidance.field, key)
    assert values == [4.5, 4.0, 9.0, 4.0]
    assert guidance.field.text() == "4.0"


def test_many_small_steps_add_up_exactly(theme: Theme, qtbot: QtBot) -> None:
    eta = NumberSlider(theme, "Eta", minimum=0, maximum=1, step=0.05, decimals=2)
    show(qtbot, eta)
    values = heard(eta)
    for _ in range(20):
        qtbot.keyClick(eta.field, Qt.Key.Key_Up)
    assert values == [round(0.05 * number, 2) for number in range(1, 21)]


def test_arrow_keys_step_on_the_track(guidance: NumberSlider, qtbot: QtBot) -> None:
    values = heard(guidance)
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_Home, Qt.Key.Key_End):
        qtbot.keyClick(guidance.track, key)
    assert values == [4.5, 4.0, 0.0, 15.0]
    assert guidance.field.text() == "15.0"


def test_a_click_on_the_track_goes_there_and_dragging_follows(guidance: NumberSlider, qtbot: QtBot) -> None:
    values = heard(guidance)
    track, middle = guidance.track, guidance.track.height() // 2
    qtbot.mousePress(track, Qt.MouseButton.LeftButton, pos=QPoint(track.width() // 2, middle))
    assert values == [7.5]
    qtbot.mouseMove(track, QPoint(track.width() * 3, middle))
    assert values[-1] == 15.0
    qtbot.mouseMove(track, QPoint(-50, middle))
    assert values[-1] == 0.0
    qtbot.mouseRelease(track, Qt.MouseButton.LeftButton, pos=QPoint(-50, middle))
    before = list(values)
    qtbot.mouseMove(track, QPoint(track.width() // 2, middle))
    assert values == before


def test_only_the_left_button_moves_the_handle(guidance: NumberSlider, qtbot: QtBot) -> None:
    values = heard(guidance)
    qtbot.mouseClick(guidance.track, Qt.MouseButton.RightButton, pos=QPoint(3, 3))
    assert values == []


def test_a_number_between_two_places_of_the_slider_stays_itself(guidance: NumberSlider, qtbot: QtBot) -> None:
    guidance.set_value(4.3)
    assert (guidance.value, guidance.field.text()) == (4.3, "4.3")
    values = heard(guidance)
    qtbot.keyClick(guidance.track, Qt.Key.Key_Right)
    assert values == [5.0]  # from its nearest place, 4.5


@pytest.mark.parametrize("part", ["track", "field"])
def test_the_wheel_changes_only_what_is_focused(guidance: NumberSlider, qtbot: QtBot, part: str) -> None:
    values, widget = heard(guidance), getattr(guidance, part)
    assert not wheel(widget, 1)
    assert (guidance.value, values) == (4.0, [])
    assert not widget.hasFocus()
    widget.setFocus()
    assert wheel(widget, 1)
    assert wheel(widget, -1)
    assert values == [4.5, 4.0]


@pytest.mark.layout
def test_scrolling_a_form_by_its_sliders_changes_no_value(theme: Theme, qtbot: QtBot) -> None:
    page = QWidget()
    slider = NumberSlider(theme, "Steps", minimum=1, maximum=100, step=1, parent=page)
    slider.resize(280, 60)
    page.setFixedSize(280, 1000)
    area = QScrollArea()
    area.setWidget(page)
    area.setFixedHeight(200)
    window = show(qtbot, area)
    place = QPointF(slider.track.mapTo(window, slider.track.rect().center()))
    QTest.wheelEvent(window.windowHandle(), place, QPoint(0, -NOTCH))
    assert area.verticalScrollBar().value() > 0
    assert slider.value == 1


def test_both_parts_have_a_name_and_say_what_they_are_for(steps: NumberSlider) -> None:
    for part in (steps.track, steps.field):
        assert part.accessibleName() == "Steps"
        assert part.accessibleDescription() == TIP
        assert part.focusPolicy() == Qt.FocusPolicy.StrongFocus


@pytest.mark.layout
def test_the_parts_have_the_sizes_of_the_design(steps: NumberSlider) -> None:
    assert (steps.field.width(), steps.field.height(), steps.track.height()) == (FIELD, CONTROL, CONTROL)


def test_a_focused_handle_wears_a_ring_that_is_not_clipped(guidance: NumberSlider, theme: Theme) -> None:
    guidance.set_value(0)  # nothing is filled: the accent is the ring's alone
    accent = theme.colour("accent").rgb()
    unfocused = guidance.track.grab().toImage()
    guidance.track.setFocus(Qt.FocusReason.TabFocusReason)
    image = guidance.track.grab().toImage()
    middle = image.height() // 2
    ringed = [x for x in range(image.width()) if image.pixel(x, middle) == accent]
    assert [x for x in range(unfocused.width()) if unfocused.pixel(x, middle) == accent] == []
    assert ringed[0] <= 1
    assert len(ringed) >= 2


def test_a_number_field_is_the_same_without_a_slider(theme: Theme, qtbot: QtBot) -> None:
    field = NumberField(theme, "Pictures", minimum=1, maximum=1000)
    show(qtbot, field)
    values = heard(field)
    field.set_value(4)
    assert (field.value, values) == (4, [])
    field.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClick(field.field, Qt.Key.Key_Up)
    qtbot.keyClicks(field.field, "12")
    assert values == [5, 1, 12]
    assert field.field.accessibleName() == "Pictures"


def test_a_disabled_slider_ignores_input(guidance: NumberSlider, qtbot: QtBot) -> None:
    values = heard(guidance)
    guidance.setEnabled(False)
    qtbot.mouseClick(guidance.track, Qt.MouseButton.LeftButton, pos=QPoint(100, 16))
    qtbot.keyClicks(guidance.field, "9")
    assert values == []
