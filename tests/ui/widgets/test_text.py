"""The texts that controls have of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QAccessible

from studio.ui.widgets.numbers import SeedField
from studio.ui.widgets.scrubber import NoiseBar
from tests.ui.widgets.hands import show

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from studio.ui.theme.theme import Theme


def test_a_seed_can_be_rolled_and_kept(theme: Theme, qtbot: QtBot) -> None:
    seed = SeedField(theme)
    show(qtbot, seed)
    names = [part.accessibleName() for part in (seed.field, seed.dice, seed.lock)]
    assert names == ["Seed", "Roll a new seed", "Keep this seed"]


def test_a_bar_is_named_after_what_it_shows(theme: Theme, qtbot: QtBot) -> None:
    bar = NoiseBar(theme)
    qtbot.addWidget(bar)
    assert QAccessible.queryAccessibleInterface(bar).text(QAccessible.Text.Name) == "Progress"
