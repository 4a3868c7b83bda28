"""The keyboard's round goes through every control of a form, in any order that is asked for."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication, QWidget

from studio.ui.widgets.choice import ChoiceField, SegmentedSwitch
from studio.ui.widgets.numbers import NumberField, NumberSlider, SeedField
from studio.ui.widgets.prompt_field import PromptField
from tests.ui.widgets.hands import show

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from studio.ui.theme.theme import Theme


def controls(theme: Theme) -> list[QWidget]:
    choice = ChoiceField(theme, "Model")
    choice.set_items([("a", "A", "", "")])
    return [
        PromptField(theme, "Prompt"),
        choice,
        NumberSlider(theme, "Steps", minimum=1, maximum=9, step=1),
        NumberField(theme, "Pictures", minimum=1, maximum=9),
        SeedField(theme),
        SegmentedSwitch(theme, "Show", [("a", "x0", ""), ("b", "x_t", "")]),
    ]


STOPS = ["Prompt", "Model", "Steps", "Steps", "Pictures", "Seed", "Roll a new seed", "Keep this seed", "x0"]


def spoken(widget: QWidget) -> str:
    return QAccessible.queryAccessibleInterface(widget).text(QAccessible.Text.Name)


def walk(qtbot: QtBot, key: Qt.Key, stops: int) -> list[str]:
    """Return the names of what Tab stops at, ``stops`` times."""
    names = []
    for _ in range(stops):
        qtbot.keyClick(QApplication.focusWidget(), key)
        names.append(spoken(QApplication.focusWidget()))
    return names


def test_tab_stops_once_at_each_part_there_and_back(theme: Theme, qtbot: QtBot) -> None:
    show(qtbot, *controls(theme))
    assert walk(qtbot, Qt.Key.Key_Tab, len(STOPS)) == STOPS
    assert walk(qtbot, Qt.Key.Key_Backtab, len(STOPS) - 1) == STOPS[-2::-1]


def test_an_order_that_is_asked_for_is_kept(theme: Theme, qtbot: QtBot) -> None:
    made = controls(theme)
    window = show(qtbot, *made)
    wanted = [window, *reversed(made)]
    for before, after in pairwise(wanted):
        QWidget.setTabOrder(before, after)
    window.setFocus()
    stops = walk(qtbot, Qt.Key.Key_Tab, len(STOPS))
    assert stops[:1] == ["x0"]
    assert stops.index("Seed") < stops.index("Pictures") < stops.index("Model") < stops.index("Prompt")
    assert sorted(stops) == sorted(STOPS)


def test_the_focus_given_to_a_whole_control_reaches_what_is_typed_in(theme: Theme, qtbot: QtBot) -> None:
    made = controls(theme)
    show(qtbot, *made)
    names = []
    for control in made:
        control.setFocus()
        names.append(spoken(QApplication.focusWidget()))
    assert names == ["Prompt", "Model", "Steps", "Pictures", "Seed", "x0"]


def test_every_widget_that_takes_the_focus_has_a_name(theme: Theme, qtbot: QtBot) -> None:
    window = show(qtbot, *controls(theme))
    takers = [
        child for child in window.findChildren(QWidget) if child.focusPolicy() != Qt.FocusPolicy.NoFocus
    ]
    nameless = [child for child in takers if child.isVisible() and not spoken(child)]
    assert nameless == []
