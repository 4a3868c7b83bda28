"""However a widget came to a theme, it looks the same: built in it, or switched to it before or after it was shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QRect
from PySide6.QtWidgets import QLineEdit, QWidget

from studio.ui.theme.theme import Theme
from studio.ui.widgets.buttons import IconButton, Pill, TextButton
from studio.ui.widgets.cards import Banner, ErrorCard
from studio.ui.widgets.choice import ChoiceField, SegmentedSwitch
from studio.ui.widgets.collapsible import Collapsible
from studio.ui.widgets.labels import PlainLabel
from studio.ui.widgets.numbers import NumberSlider, SeedField
from studio.ui.widgets.picture_view import PictureView
from studio.ui.widgets.prompt_field import PromptField
from studio.ui.widgets.scrubber import NoiseBar
from tests.ui.widgets.hands import show

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QImage
    from PySide6.QtWidgets import QApplication
    from pytestqt.qtbot import QtBot


def a_choice(theme: Theme) -> QWidget:
    field = ChoiceField(theme, "Model")
    field.set_items([("a", "Starter", "64 px", "")])
    field.set_value("a")
    return field


def an_error(theme: Theme) -> QWidget:
    card = ErrorCard(theme)
    card.set_error("It failed. Try again.", "Traceback")
    return card


def a_bar(theme: Theme) -> QWidget:
    bar = NoiseBar(theme)
    bar.set_progress(0.5, 0.5)
    return bar


MADE: dict[str, Callable[[Theme], QWidget]] = {
    "label": lambda theme: PlainLabel(theme, "text"),
    "dim label": lambda theme: PlainLabel(theme, "dim", kind="label", role="dim"),
    "cut label": lambda theme: PlainLabel(theme, "cut " * 99, role="warn", elide=True),
    "button": lambda theme: TextButton(theme, "Plain", icon="info"),
    "primary": lambda theme: TextButton(theme, "Generate", kind="primary"),
    "icon": lambda theme: IconButton(theme, "copy", "Copy"),
    "pill": lambda theme: Pill(theme, "live", "bad"),
    "switch": lambda theme: SegmentedSwitch(theme, "Show", [("a", "x0", ""), ("b", "x_t", "")]),
    "slider": lambda theme: NumberSlider(theme, "Steps", minimum=0, maximum=9, step=1),
    "choice": a_choice,
    "seed": lambda theme: SeedField(theme),
    "prompt": lambda theme: PromptField(theme, "Prompt", placeholder="Words", hint="Ctrl+Enter"),
    "fold": lambda theme: Collapsible(theme, "About", PlainLabel(theme, "content"), open=True),
    "banner": lambda theme: Banner(theme, "Look here.", action="Do it"),
    "error": an_error,
    "bar": a_bar,
    "picture": lambda theme: PictureView(theme),
    "line edit": lambda _: QLineEdit("words"),
}


def photograph(widget: QWidget) -> QImage:
    return widget.grab(QRect(0, 0, 300, 160)).toImage()


@pytest.mark.parametrize("when", ["before it is shown", "while it is shown", "while it is hidden"])
@pytest.mark.parametrize("name", MADE)
def test_a_switched_widget_looks_like_one_built_in_the_theme(
    qapp: QApplication, qtbot: QtBot, name: str, when: str
) -> None:
    dark = Theme(qapp, "dark")
    switched = MADE[name](dark)
    if when == "before it is shown":
        dark.choose("light")
        show(qtbot, switched)
    else:
        window = show(qtbot, switched)
        before = photograph(switched)
        window.setVisible(when == "while it is shown")
        dark.choose("light")
        with qtbot.waitActive(window):
            window.show()
        window.setFocus()
        assert photograph(switched) != before
    fresh = MADE[name](Theme(qapp, "light"))
    show(qtbot, fresh)
    assert switched.size() == fresh.size()
    assert photograph(switched) == photograph(fresh)


@pytest.mark.parametrize("role", ["text", "dim", "faint", "warn", "bad"])
def test_a_label_has_its_colour_whatever_it_was_before(theme: Theme, qtbot: QtBot, role: str) -> None:
    label = PlainLabel(theme, "text")
    label.set_role(role)
    theme.choose("light")
    show(qtbot, label)
    label.set_role("text")
    label.set_role(role)
    assert label.palette().color(label.foregroundRole()).name() == getattr(theme.palette, role)
    label.setEnabled(False)
    assert label.palette().color(label.foregroundRole()).name() == theme.palette.disabled
