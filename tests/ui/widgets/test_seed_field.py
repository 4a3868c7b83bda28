"""A seed is grouped for reading and plain for editing; only the user's own edits are announced."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QKeySequence

from studio.diffusion.seeds import MAX_SEED
from studio.engine.requests.generate import GenerateRequest
from studio.errors import RequestError
from studio.ui.widgets.numbers import SeedField
from tests.ui.widgets.hands import show

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget
    from pytestqt.qtbot import QtBot

    from studio.ui.theme.theme import Theme

PI = 3_141_592_653


@pytest.fixture
def seed(theme: Theme, qtbot: QtBot) -> SeedField:
    field = SeedField(theme)
    field.set_value(PI)
    show(qtbot, field)
    return field


def heard(field: SeedField) -> list[int]:
    values: list[int] = []
    field.edited.connect(values.append)
    return values


def window_of(field: SeedField) -> QWidget:
    return field.window()


def test_it_takes_the_seeds_that_the_engine_takes(seed: SeedField) -> None:
    seed.set_value(2**70)
    GenerateRequest(seed=seed.value).validate()
    with pytest.raises(RequestError, match="seed"):
        GenerateRequest(seed=seed.value + 1).validate()


def test_digits_are_grouped_for_reading_and_plain_while_edited(seed: SeedField) -> None:
    assert seed.field.text() == "3\u00a0141\u00a0592\u00a0653"
    seed.field.setFocus()
    assert seed.field.text() == "3141592653"
    window_of(seed).setFocus()
    assert seed.field.text() == "3\u00a0141\u00a0592\u00a0653"


def test_setting_a_value_emits_nothing(seed: SeedField, qtbot: QtBot) -> None:
    values = heard(seed)
    with qtbot.assertNotEmitted(seed.lock_edited):
        seed.set_value(MAX_SEED)
        seed.set_locked(True)
    assert (seed.value, seed.locked, values) == (MAX_SEED, True, [])


def test_typing_counts_at_once(seed: SeedField, qtbot: QtBot) -> None:
    values = heard(seed)
    seed.field.setFocus()
    seed.field.selectAll()
    qtbot.keyClicks(seed.field, "407")
    assert values == [4, 40, 407]


@pytest.mark.parametrize(
    "written",
    [
        "18446744073709551615",
        "18 446 744 073 709 551 615",
        "18,446,744,073,709,551,615",
        "18\u00a0446\u2009744\u202f073 709 551 615",
    ],
)
def test_pasting_plain_or_grouped_digits_works(seed: SeedField, qtbot: QtBot, written: str) -> None:
    values = heard(seed)
    QGuiApplication.clipboard().setText(written)
    seed.field.setFocus()
    seed.field.selectAll()
    qtbot.keySequence(seed.field, QKeySequence(QKeySequence.StandardKey.Paste))
    assert values == [MAX_SEED]


def test_a_seed_too_large_becomes_the_largest_at_the_end(seed: SeedField, qtbot: QtBot) -> None:
    values = heard(seed)
    seed.field.setFocus()
    seed.field.selectAll()
    qtbot.keyClicks(seed.field, "999999999999999999999")
    assert values[-1] == 9999999999999999999
    qtbot.keyClick(seed.field, Qt.Key.Key_Return)
    assert (values[-1], seed.field.text()) == (MAX_SEED, str(MAX_SEED))


def test_leaving_it_empty_keeps_the_seed(seed: SeedField, qtbot: QtBot) -> None:
    values = heard(seed)
    seed.field.setFocus()
    seed.field.selectAll()
    qtbot.keyClick(seed.field, Qt.Key.Key_Backspace)
    window_of(seed).setFocus()
    assert (seed.value, values) == (PI, [])
    assert seed.field.text() == "3\u00a0141\u00a0592\u00a0653"


def test_what_is_copied_is_plain_digits(seed: SeedField, qtbot: QtBot) -> None:
    seed.field.setFocus()
    seed.field.selectAll()
    qtbot.keySequence(seed.field, QKeySequence(QKeySequence.StandardKey.Copy))
    assert QGuiApplication.clipboard().text() == "3141592653"


def test_dice_and_lock_emit_their_requests(seed: SeedField, qtbot: QtBot) -> None:
    with qtbot.waitSignal(seed.roll_requested):
        qtbot.mouseClick(seed.dice, Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(seed.lock_edited) as edited:
        qtbot.keyClick(seed.lock, Qt.Key.Key_Space)
    assert edited.args == [True]
    assert seed.locked
    assert seed.value == PI  # who owns the seed rolls it


def test_every_part_has_a_name(seed: SeedField) -> None:
    names = [part.accessibleName() for part in (seed.field, seed.dice, seed.lock)]
    assert len(set(names) - {""}) == 3
