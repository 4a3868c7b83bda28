from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit, QToolButton

from studio.ui.theme.metrics import FORM
from studio.ui.widgets.choice import DETAIL_ROLE
from tests.ui.cards import LARGE, SDXL, STARTER

if TYPE_CHECKING:
    from studio.ui.create.form_model import FormModel
    from tests.ui.program import MakePage, OpenPage


@pytest.fixture
def opened(make_page: MakePage) -> OpenPage:
    opened = make_page("form", STARTER, LARGE, SDXL, size=(FORM, 900))
    opened.models.form.edit(model="juggernaut")
    return opened


@pytest.fixture
def form(opened: OpenPage) -> FormModel:
    return opened.models.form


def type_into(field: QLineEdit, text: str) -> None:
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, text)


def test_trained_sizes_are_offered_as_ratios(opened: OpenPage, form: FormModel) -> None:
    box = opened.control("Size", QComboBox)
    rows = [(box.itemText(row), box.itemData(row, DETAIL_ROLE)) for row in range(box.count())]
    assert rows[0] == ("1:1", "1024 × 1024")
    assert ("3:2", "1216 × 832") in rows
    assert len(rows) == len(SDXL.sizes)
    box.setFocus()
    QTest.keyClick(box, Qt.Key.Key_Down)
    assert form.values.size == SDXL.sizes[1]
    assert opened.control("Width", QLineEdit).text() == str(SDXL.sizes[1][0])


def test_any_other_size_is_typed_and_rounded_to_the_multiple(opened: OpenPage, form: FormModel) -> None:
    width, box = opened.control("Width", QLineEdit), opened.control("Size", QComboBox)
    steps = form.undo_stack.count()
    type_into(width, "1001")
    assert form.values.size == (1000, 1024)  # what a shortcut pressed now would use
    assert width.text() == "1001"
    QTest.keyClick(width, Qt.Key.Key_Return)
    assert width.text() == "1000"
    assert box.count() == len(SDXL.sizes) + 1
    assert box.currentIndex() == box.count() - 1
    assert form.undo_stack.count() == steps + 1
    form.undo_stack.undo()
    assert (form.values.size, box.currentIndex(), box.count()) == ((1024, 1024), 0, len(SDXL.sizes))


def test_arrow_keys_step_by_the_multiple_and_stop_at_the_limits(opened: OpenPage, form: FormModel) -> None:
    height, rule = opened.control("Height", QLineEdit), SDXL.size_rule
    height.setFocus()
    QTest.keyClick(height, Qt.Key.Key_Up)
    assert form.values.height == 1024 + rule.multiple
    type_into(height, "99999")
    QTest.keyClick(height, Qt.Key.Key_Return)
    assert form.values.height == rule.maximum
    type_into(height, "9")
    QTest.keyClick(height, Qt.Key.Key_Return)
    assert form.values.height == rule.minimum
    assert form.fault == ""


def test_swap_is_reached_by_keyboard_and_undone_alone(opened: OpenPage, form: FormModel) -> None:
    form.edit(width=1216, height=832)
    width = opened.control("Width", QLineEdit)
    width.setFocus()
    QTest.keyClick(width, Qt.Key.Key_Tab)
    button = QApplication.focusWidget()
    assert isinstance(button, QToolButton)
    assert button.accessibleName()
    steps = form.undo_stack.count()
    QTest.keyClick(button, Qt.Key.Key_Space)
    assert form.values.size == (832, 1216)
    QTest.keyClick(button, Qt.Key.Key_Space)
    assert form.values.size == (1216, 832)
    assert form.undo_stack.count() == steps + 2
    form.undo_stack.undo()
    assert form.values.size == (832, 1216)


def test_models_with_fixed_sizes_have_no_fields(opened: OpenPage, form: FormModel) -> None:
    settings = opened.widget.settings
    assert settings.free_size.isVisible()
    assert not settings.offered_sizes.isVisible()
    form.edit(model="large")
    assert not settings.free_size.isVisible()
    assert settings.offered_sizes.isVisible()
    assert form.values.size == LARGE.sizes[0]
    form.edit(model="juggernaut")
    assert form.values.size == SDXL.sizes[0]
