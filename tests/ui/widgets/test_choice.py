"""A choice announces only what the user chose, and its two texts never meet."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QFontMetrics, QImage, QPainter

from studio.ui.theme.metrics import CONTROL, GAP, SMALL_ICON
from studio.ui.widgets.choice import ChoiceField, draw_row
from tests.ui.widgets.hands import count, show, wheel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PySide6.QtWidgets import QApplication
    from pytestqt.qtbot import QtBot

    from studio.ui.theme.theme import Theme

# Said when a list opens, by the platform without a screen.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

TIP = "The rule from one step to the next."
ITEMS = [
    ("ddim", "DDIM", "1 call a step", "Denoising diffusion implicit models."),
    ("heun", "Heun", "2 calls a step", ""),
    ("euler", "Euler", "", ""),
]


@pytest.fixture
def sampler(theme: Theme, qtbot: QtBot) -> ChoiceField:
    field = ChoiceField(theme, "Sampler", tip=TIP)
    field.set_items(ITEMS)
    field.set_value("ddim")
    show(qtbot, field)
    return field


@pytest.fixture
def quick_double_clicks(qapp: QApplication) -> Iterator[None]:
    """Let a click choose at once: Qt takes one that follows too soon for the one that opened the list."""
    before = qapp.doubleClickInterval()
    qapp.setDoubleClickInterval(0)
    yield
    qapp.setDoubleClickInterval(before)


def heard(field: ChoiceField) -> list[str]:
    keys: list[str] = []
    field.edited.connect(keys.append)
    return keys


def test_setting_a_value_emits_nothing(sampler: ChoiceField) -> None:
    keys = heard(sampler)
    sampler.set_value("heun")
    sampler.set_items(ITEMS[1:])
    assert (sampler.value, sampler.box.currentText(), keys) == ("heun", "Heun", [])


def test_the_chosen_item_stays_chosen_when_the_items_are_reordered(sampler: ChoiceField) -> None:
    sampler.set_items(list(reversed(ITEMS)))
    assert (sampler.value, sampler.box.currentIndex()) == ("ddim", 2)


@pytest.mark.parametrize("gone", ["nothing-like-it", ""])
def test_an_unknown_key_leaves_nothing_chosen(sampler: ChoiceField, gone: str) -> None:
    sampler.set_value(gone)
    assert (sampler.value, sampler.box.currentIndex()) == ("", -1)
    sampler.set_value("euler")
    assert sampler.value == "euler"


def test_a_chosen_item_that_is_removed_is_deselected(sampler: ChoiceField) -> None:
    sampler.set_items(ITEMS[1:])
    assert sampler.value == ""


def test_arrow_keys_choose(sampler: ChoiceField, qtbot: QtBot) -> None:
    keys = heard(sampler)
    sampler.setFocus()
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Down, Qt.Key.Key_Up):
        qtbot.keyClick(sampler.box, key)
    assert keys == ["heun", "euler", "heun"]
    assert sampler.value == "heun"


def test_typing_a_name_chooses_it(sampler: ChoiceField, qtbot: QtBot) -> None:
    keys = heard(sampler)
    qtbot.keyClicks(sampler.box, "eu")
    assert keys == ["euler"]


def test_the_list_is_opened_and_chosen_from_with_the_keyboard(sampler: ChoiceField, qtbot: QtBot) -> None:
    keys = heard(sampler)
    sampler.setFocus()
    qtbot.keyClick(sampler.box, Qt.Key.Key_Space)
    view = sampler.box.view()
    qtbot.waitUntil(view.isVisible)
    qtbot.keyClick(view, Qt.Key.Key_Down)
    qtbot.keyClick(view, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: not view.isVisible())
    assert keys == ["heun"]


def test_the_list_is_chosen_from_with_the_mouse_and_the_same_again_is_no_edit(
    sampler: ChoiceField, qtbot: QtBot, quick_double_clicks: None
) -> None:
    keys, view = heard(sampler), sampler.box.view()
    for row in (0, 2, 2):
        sampler.box.showPopup()
        qtbot.waitUntil(view.isVisible)
        place = view.visualRect(sampler.box.model().index(row, 0)).center()
        qtbot.mouseMove(view.viewport(), place)
        qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place)
        qtbot.waitUntil(lambda: not view.isVisible())
    assert keys == ["euler"]
    assert sampler.value == "euler"


def test_the_wheel_changes_only_what_is_focused(sampler: ChoiceField) -> None:
    keys = heard(sampler)
    assert not wheel(sampler.box, -1)
    assert (sampler.value, sampler.box.hasFocus()) == ("ddim", False)
    sampler.box.setFocus()
    wheel(sampler.box, -1)
    assert keys == ["heun"]


def test_it_is_named_and_its_rows_are_read_out_whole(sampler: ChoiceField) -> None:
    assert sampler.box.accessibleName() == "Sampler"
    assert sampler.box.accessibleDescription() == TIP
    for row, (_, title, detail, _) in enumerate(ITEMS):
        said = sampler.box.itemData(row, Qt.ItemDataRole.AccessibleTextRole)
        assert said == ", ".join(filter(None, (title, detail)))


@pytest.mark.layout
def test_the_list_is_wide_enough_for_its_longest_row(theme: Theme, qtbot: QtBot) -> None:
    field = ChoiceField(theme, "Model")
    title, detail = "A model with a name of some length", "512 px, scaled linear, v prediction"
    field.set_items([("a", title, detail, "")])
    show(qtbot, field, width=160)
    field.box.showPopup()
    qtbot.waitUntil(field.box.view().isVisible)
    row = field.box.view().visualRect(field.box.model().index(0, 0))
    assert row.height() == CONTROL
    widths = [
        QFontMetrics(theme.font(role)).horizontalAdvance(text)
        for role, text in (("body", title), ("label", detail))
    ]
    assert row.width() > sum(widths)
    assert row.width() > field.width()
    field.box.hidePopup()


@pytest.mark.parametrize("width", [120, 200, 280, 600])
@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("Short", "64 px"),
        ("A name that is much too long for any of these rows to show it", "64 px, cosine"),
        ("Short", "a detail that is much too long for any of these rows to show it whole"),
        ("W" * 80, "M" * 80),
    ],
)
def test_text_and_detail_never_meet(theme: Theme, width: int, text: str, detail: str) -> None:
    def inked(text: str, detail: str) -> list[int]:
        image = QImage(width, CONTROL, QImage.Format.Format_RGB32)
        image.fill(Qt.GlobalColor.black)
        painter = QPainter(image)
        draw_row(painter, theme, QRect(0, 0, width, CONTROL), text, detail, enabled=True)
        painter.end()
        return [x for x in range(width) if any(image.pixel(x, y) & 0xFFFFFF for y in range(CONTROL))]

    both = inked(text, detail)
    assert both
    gaps = [after - before for before, after in itertools.pairwise(both)]
    assert max(gaps) > GAP  # a clear gap, wider than any between letters
    assert both[-1] >= width - 3


@pytest.mark.layout
def test_a_text_that_fits_is_whole_before_its_detail(theme: Theme) -> None:
    text, detail = "Predictor-corrector", "2 calls a step"
    width = QFontMetrics(theme.font("body")).horizontalAdvance(text) + 1

    def drawn(detail: str, width: int) -> QImage:
        image = QImage(width, CONTROL, QImage.Format.Format_RGB32)
        image.fill(Qt.GlobalColor.black)
        painter = QPainter(image)
        draw_row(painter, theme, image.rect(), text, detail, enabled=True)
        painter.end()
        return image

    assert drawn(detail, width) == drawn("", width)
    assert drawn(detail, 3 * width) != drawn("", 3 * width)  # the wrong twin: there is room for both


@pytest.mark.layout
def test_the_arrow_is_kept_free(sampler: ChoiceField, theme: Theme) -> None:
    sampler.set_items([("a", "W" * 100, "M" * 100, "")])
    sampler.set_value("a")
    image = sampler.box.grab().toImage()
    box = sampler.box
    between = image.copy(
        QRect(
            QPoint(box.width() - GAP - SMALL_ICON - 3, 0),
            QPoint(box.width() - GAP - SMALL_ICON - 1, CONTROL - 1),
        )
    )
    assert count(between, theme.colour("raised")) == between.width() * between.height()
