"""Buttons, switches, pills and folds: the keyboard works them, and they say what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPropertyAnimation, Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

from studio.ui.theme.metrics import CONTROL
from studio.ui.widgets.buttons import IconButton, Pill, TextButton
from studio.ui.widgets.choice import SegmentedSwitch
from studio.ui.widgets.collapsible import Collapsible
from studio.ui.widgets.labels import PlainLabel
from studio.ui.widgets.numbers import NumberField
from tests.ui.widgets.hands import colours, count, show

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from studio.ui.theme.theme import Theme

LABEL, QUESTION = "Keep this step", "What to show"
CHOICES = [("x0", "x0", "What the model thinks the picture is."), ("x_t", "x_t", ""), ("score", "score", "")]


def spoken(widget: QWidget) -> str:
    return QAccessible.queryAccessibleInterface(widget).text(QAccessible.Text.Name)


def buttons(theme: Theme) -> list[QWidget]:
    return [
        TextButton(theme, LABEL),
        TextButton(theme, "Generate", kind="primary"),
        TextButton(theme, "More", kind="quiet", icon="info"),
        TextButton(theme, "Undo", kind="outline"),
        TextButton(theme, "Move to trash", kind="danger"),
        IconButton(theme, "copy", "Copy"),
        IconButton(theme, "x", "Close", kind="quiet"),
        Pill(theme, "live", "bad"),
    ]


def test_every_button_can_be_reached_pressed_and_read_out(theme: Theme, qtbot: QtBot) -> None:
    all_of_them = buttons(theme)
    window = show(qtbot, *all_of_them)
    pressed: list[str] = []
    for button in all_of_them:
        button.clicked.connect(lambda _=False, button=button: pressed.append(spoken(button)))
    for _ in all_of_them:
        qtbot.keyClick(QApplication.focusWidget() or window, Qt.Key.Key_Tab)
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Space)
    assert pressed == [spoken(button) for button in all_of_them]
    assert pressed[0] == LABEL
    assert len(set(pressed) - {""}) == len(all_of_them)


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_the_keyboards_focus_is_seen_and_the_mouses_is_not(theme: Theme, qtbot: QtBot, scheme: str) -> None:
    theme.choose(scheme)
    fold = Collapsible(theme, "About", QWidget())
    all_of_them = [*buttons(theme), fold.header]
    window = show(qtbot, *all_of_them[:-1], fold)
    for button in all_of_them:
        ring = theme.colour("on_accent" if getattr(button, "_kind", "") == "primary" else "accent")
        before = count(button.grab().toImage(), ring)
        button.setFocus(Qt.FocusReason.TabFocusReason)
        assert count(button.grab().toImage(), ring) > before + 4 * 16, button
        window.setFocus()
        button.setFocus(Qt.FocusReason.MouseFocusReason)
        assert count(button.grab().toImage(), ring) == before, button


def test_a_disabled_button_looks_and_is_off(theme: Theme, qtbot: QtBot) -> None:
    for button in buttons(theme)[:7]:
        show(qtbot, button)
        button.setEnabled(False)
        with qtbot.assertNotEmitted(button.clicked):
            qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
        shown = colours(button.grab().toImage())
        assert theme.palette.disabled in shown
        assert theme.palette.accent not in shown


def test_buttons_repaint_when_the_theme_changes(theme: Theme, qtbot: QtBot) -> None:
    for button in buttons(theme):
        show(qtbot, button)
        dark = button.grab().toImage()
        theme.choose("light")
        assert button.grab().toImage() != dark
        theme.choose("dark")


def test_an_ampersand_is_an_ampersand(theme: Theme, qtbot: QtBot) -> None:
    label = "Salt & pepper && more"
    button = TextButton(theme, label)
    show(qtbot, button)
    assert (button.text(), spoken(button)) == (label, label)
    button.setText("R&D")
    assert (button.text(), spoken(button)) == ("R&D", "R&D")


@pytest.mark.layout
def test_controls_are_as_high_as_the_design_says(theme: Theme) -> None:
    heights = {button.sizeHint().height() for button in buttons(theme)[2:7]}
    assert heights == {CONTROL}


@pytest.mark.layout
def test_a_text_button_is_wide_enough_for_its_text(theme: Theme, qtbot: QtBot) -> None:
    button = TextButton(theme, "Add to queue", kind="primary", icon="plus")
    show(qtbot, button)
    narrow = button.minimumSizeHint().width()
    button.setText("Add to the queue and wait")
    assert button.minimumSizeHint().width() > narrow


def test_a_checked_icon_button_shows_the_accent(theme: Theme, qtbot: QtBot) -> None:
    button = IconButton(theme, "square", "Lock", checkable=True)
    show(qtbot, button)
    assert theme.palette.accent not in colours(button.grab().toImage())
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert button.isChecked()
    assert theme.palette.accent in colours(button.grab().toImage())


# ------------------------------------------------------------------------------------------------------- the switch


@pytest.fixture
def switch(theme: Theme, qtbot: QtBot) -> SegmentedSwitch:
    switch = SegmentedSwitch(theme, QUESTION, CHOICES)
    show(qtbot, NumberField(theme, "Before", minimum=0, maximum=1), switch)
    return switch


def heard(switch: SegmentedSwitch) -> list[str]:
    keys: list[str] = []
    switch.edited.connect(keys.append)
    return keys


def segment(switch: SegmentedSwitch, key: str) -> QWidget:
    return switch.segments[key]


def test_setting_a_switch_emits_nothing(switch: SegmentedSwitch) -> None:
    keys = heard(switch)
    assert switch.value == "x0"
    switch.set_value("score")
    switch.set_value("unheard of")
    assert (switch.value, keys) == ("score", [])


def test_a_click_switches_and_a_second_one_is_no_edit(switch: SegmentedSwitch, qtbot: QtBot) -> None:
    keys = heard(switch)
    for key in ("x_t", "x_t", "x0"):
        qtbot.mouseClick(segment(switch, key), Qt.MouseButton.LeftButton)
    assert keys == ["x_t", "x0"]


def test_arrow_keys_move_and_tab_stops_once(switch: SegmentedSwitch, qtbot: QtBot) -> None:
    keys = heard(switch)
    switch.set_value("x_t")
    switch.previousInFocusChain().setFocus()
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
    assert QApplication.focusWidget() is segment(switch, "x_t")
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Right)
    assert keys == ["score"]
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Left)
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Left)
    assert keys == ["score", "x_t", "x0"]
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
    assert QApplication.focusWidget() not in switch.segments.values()


def test_a_switch_is_a_group_of_radio_buttons_to_screen_readers(switch: SegmentedSwitch) -> None:
    assert spoken(switch) == QUESTION
    interface = QAccessible.queryAccessibleInterface(segment(switch, "x_t"))
    assert interface.role() == QAccessible.Role.RadioButton
    assert spoken(segment(switch, "x_t")) == "x_t"
    assert segment(switch, "x0").accessibleDescription() == CHOICES[0][2]


def test_a_choice_can_be_taken_away(switch: SegmentedSwitch, qtbot: QtBot) -> None:
    keys = heard(switch)
    switch.set_choice_enabled("score", False)
    qtbot.mouseClick(segment(switch, "score"), Qt.MouseButton.LeftButton)
    assert keys == []


# --------------------------------------------------------------------------------------------------------- the fold


@pytest.mark.layout
@pytest.mark.parametrize("reduced", [True, False])
def test_a_fold_opens_and_closes(theme: Theme, qtbot: QtBot, reduced: bool) -> None:
    theme.reduce_motion = reduced
    content = PlainLabel(theme, "line\n" * 8)
    fold = Collapsible(theme, "About this model", content)
    show(qtbot, fold)
    full = content.sizeHint().height()
    assert not content.isVisible()
    with qtbot.waitSignal(fold.toggled) as toggled:
        qtbot.mouseClick(fold.header, Qt.MouseButton.LeftButton)
    assert toggled.args == [True]
    assert content.isVisible()
    if reduced:
        assert content.maximumHeight() > full  # at once, and free to grow
    qtbot.waitUntil(lambda: content.height() >= full and content.maximumHeight() > full)
    fold.set_open(False)
    if reduced:
        assert not content.isVisible()
    qtbot.waitUntil(lambda: not content.isVisible())


def test_a_fold_can_be_toggled_while_it_moves(theme: Theme, qtbot: QtBot) -> None:
    content = PlainLabel(theme, "line\n" * 8)
    fold = Collapsible(theme, "About", content)
    show(qtbot, fold)
    for opened in (True, False, True, False, True):
        fold.set_open(opened)
    qtbot.waitUntil(lambda: content.isVisible() and content.height() >= content.sizeHint().height())
    assert fold.is_open


def test_folded_controls_are_skipped_by_tab(theme: Theme, qtbot: QtBot) -> None:
    inside, after = (
        NumberField(theme, "Inside", minimum=0, maximum=1),
        NumberField(theme, "After", minimum=0, maximum=1),
    )
    fold = Collapsible(theme, "Fold", inside)
    show(qtbot, fold, after)
    fold.header.setFocus()
    qtbot.keyClick(fold.header, Qt.Key.Key_Tab)
    assert after.field.hasFocus()
    fold.header.setFocus()
    qtbot.keyClick(fold.header, Qt.Key.Key_Space)
    qtbot.waitUntil(inside.isVisible)
    qtbot.keyClick(fold.header, Qt.Key.Key_Tab)
    assert inside.field.hasFocus()


def test_a_fold_grows_to_its_height_and_then_does_not_jump(theme: Theme, qtbot: QtBot) -> None:
    words = PlainLabel(theme, "a word or two " * 30, wrap=True)
    fold = Collapsible(theme, "About", words)
    outer = QWidget()
    qtbot.addWidget(outer)
    column = QVBoxLayout(outer)
    column.addWidget(fold)
    column.addStretch()
    outer.resize(240, 600)
    outer.show()
    QApplication.processEvents()
    fold.set_open(True)
    assert fold.height() == fold.header.height(), "nothing moves before the motion begins"
    motion = fold.findChild(QPropertyAnimation)
    body, end = motion.targetObject(), motion.endValue()
    qtbot.waitUntil(lambda: motion.state() == motion.State.Stopped and body.maximumHeight() > 10_000)
    QApplication.processEvents()
    assert abs(body.height() - end) <= 1, "nor after its end"
