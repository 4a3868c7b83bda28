from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QMimeData, QPoint, Qt
from PySide6.QtGui import QGuiApplication, QInputMethodEvent, QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QVBoxLayout, QWidget

from studio.checkpoints.catalog import InstalledModel
from studio.checkpoints.words import save_words
from studio.ui.create import text
from tests.ui.cards import LARGE, STARTER

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from studio.ui.core.catalog import Catalog
    from studio.ui.create.form_model import FormModel
    from studio.ui.create.form_view import TextRows
    from tests.ui.program import MakePage, OpenPage

NAMES = ("fox", "fox face", "birthday cake", "cat", "cactus", "<b>bold</b>", "여우", "사과", "dog", "dove")
EXAMPLES = ("a fox on a teal background", "two dogs")
CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def opened(make_page: MakePage, qtbot: QtBot, tmp_path: Path) -> OpenPage:
    models = []
    for card in (STARTER, LARGE):
        (tmp_path / card.name).mkdir()
        models.append(InstalledModel(name=card.name, folder=tmp_path / card.name, shipped=True, card=card))
    save_words(tmp_path / "starter", NAMES, EXAMPLES)
    opened = make_page("form", *models)
    opened.models.form.edit(prompt="")
    opened.top = window = QWidget()
    other = QLineEdit()
    other.setObjectName("other")
    layout = QVBoxLayout(window)
    layout.addWidget(opened.widget)
    layout.addWidget(other)
    qtbot.addWidget(window)
    window.resize(800, 900)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    opened.widget.focus_prompt()
    qtbot.waitUntil(opened.widget.texts.ideas.isVisible)
    return opened


@pytest.fixture
def texts(opened: OpenPage) -> TextRows:
    return opened.widget.texts


@pytest.fixture
def form(opened: OpenPage) -> FormModel:
    return opened.models.form


@pytest.fixture
def catalog(opened: OpenPage) -> Catalog:
    return opened.models.catalog


def type_(texts: TextRows, text: str) -> None:
    QTest.keyClicks(texts.prompt.editor, text)


def press(
    texts: TextRows, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
) -> None:
    QTest.keyClick(texts.prompt.editor, key, modifier)


def press_focused(key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    focused = QApplication.focusWidget()
    assert focused is not None
    QTest.keyClick(focused, key, modifier)


def offered(texts: TextRows) -> list[str]:
    assert texts.completion.card.isVisible() == texts.completion.is_open
    return texts.completion.list.texts if texts.completion.is_open else []


def open_ideas(texts: TextRows) -> None:
    QTest.mouseClick(texts.ideas, Qt.MouseButton.LeftButton)
    assert texts.popover.isVisible()


# ------------------------------------------------------------------------------------------------ the list while typing
@pytest.mark.parametrize("key", [Qt.Key.Key_Tab, Qt.Key.Key_Return, Qt.Key.Key_Enter])
def test_the_first_name_is_accepted_as_one_undo_step(texts: TextRows, form: FormModel, key: Qt.Key) -> None:
    type_(texts, "two birth")
    assert offered(texts) == ["birthday cake"]
    press(texts, key)
    assert form.values.prompt == texts.prompt.value == "two birthday cake"
    assert texts.prompt.editor.hasFocus()
    assert offered(texts) == []
    form.undo_stack.undo()
    assert form.values.prompt == texts.prompt.value == "two birth"
    assert offered(texts) == []
    form.undo_stack.redo()
    type_(texts, "s")
    form.undo_stack.undo()
    assert form.values.prompt == "two birthday cake"  # what is typed after it is a step of its own


def test_down_and_up_choose_and_wrap_around(texts: TextRows, form: FormModel) -> None:
    type_(texts, "ca")
    assert offered(texts) == ["cat", "cactus", "birthday cake"]
    press(texts, Qt.Key.Key_Up)
    assert texts.completion.list.current == "birthday cake"
    press(texts, Qt.Key.Key_Down)
    press(texts, Qt.Key.Key_Down)
    press(texts, Qt.Key.Key_Return)
    assert form.values.prompt == "cactus"


def test_a_click_takes_a_name_and_the_keyboard_stays_in_the_prompt(texts: TextRows, form: FormModel) -> None:
    type_(texts, "ca")
    rows = texts.completion.list
    place = rows.visualRect(rows.model().index(1, 0)).center()
    QTest.mouseClick(rows.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert form.values.prompt == "cactus"
    assert texts.prompt.editor.hasFocus()


def test_a_name_is_put_in_the_middle_of_a_prompt_with_the_cursor_behind_it(
    texts: TextRows, form: FormModel
) -> None:
    form.edit(prompt="🦊  on a mat")
    texts.prompt.editor.move_cursor_after("🦊 ")
    type_(texts, "ca")
    press(texts, Qt.Key.Key_Tab)
    assert form.values.prompt == "🦊 cat on a mat"
    type_(texts, "s")
    assert form.values.prompt == "🦊 cats on a mat"


def test_a_complete_name_leaves_tab_and_enter_to_the_prompt(texts: TextRows, form: FormModel) -> None:
    type_(texts, "a fox")
    assert offered(texts) == ["fox face"]
    assert texts.completion.list.current == ""
    press(texts, Qt.Key.Key_Tab)
    assert form.values.prompt == "a fox"
    assert not texts.prompt.editor.hasFocus()
    assert offered(texts) == []


def test_esc_only_closes_the_list(texts: TextRows, qtbot: QtBot) -> None:
    type_(texts, "ca")
    press(texts, Qt.Key.Key_Escape)
    assert offered(texts) == []
    type_(texts, "t")  # and typing on offers again
    type_(texts, "\b")
    assert "cat" in offered(texts)


def test_nothing_is_offered_after_a_paste_an_undo_or_a_move_of_the_cursor(
    texts: TextRows, form: FormModel
) -> None:
    editor = texts.prompt.editor
    QGuiApplication.clipboard().setText("ca")
    press(texts, Qt.Key.Key_V, CTRL)
    assert (form.values.prompt, offered(texts)) == ("ca", [])
    type_(texts, "c")
    assert offered(texts) == ["cactus"]
    data = QMimeData()
    data.setText("tus")
    editor.insertFromMimeData(data)
    assert (form.values.prompt, offered(texts)) == ("cactus", [])
    type_(texts, " ca")
    assert offered(texts)
    form.undo_stack.undo()
    assert offered(texts) == []
    type_(texts, " ca")
    press(texts, Qt.Key.Key_Left)
    assert offered(texts) == []


def test_ctrl_enter_is_not_handled_by_the_list(texts: TextRows, form: FormModel) -> None:
    type_(texts, "ca")
    press(texts, Qt.Key.Key_Return, CTRL)
    assert form.values.prompt == "ca"
    assert offered(texts) == []


def test_a_selection_and_the_middle_of_a_word_offer_nothing(texts: TextRows, form: FormModel) -> None:
    type_(texts, "cct")
    texts.prompt.editor.move_cursor_after("c")
    type_(texts, "a")
    assert form.values.prompt == "cact"
    assert offered(texts) == []


def test_a_model_without_words_offers_nothing_and_has_no_ideas(texts: TextRows, form: FormModel) -> None:
    assert texts.ideas.isVisible()
    type_(texts, "ca")
    form.edit(model="large")
    assert offered(texts) == []
    assert not texts.ideas.isVisible()
    type_(texts, "c")
    assert offered(texts) == []


def test_text_that_is_being_composed_is_completed_too(texts: TextRows, form: FormModel) -> None:
    editor = texts.prompt.editor
    QApplication.sendEvent(editor, QInputMethodEvent("여", []))
    assert offered(texts) == ["여우"]
    committed = QInputMethodEvent()
    committed.setCommitString("여")
    QApplication.sendEvent(editor, committed)
    assert offered(texts) == ["여우"]
    press(texts, Qt.Key.Key_Return)
    assert form.values.prompt == "여우"


def test_names_are_shown_as_they_are(texts: TextRows, form: FormModel) -> None:
    type_(texts, "<b>bo")
    assert offered(texts) == ["<b>bold</b>"]
    press(texts, Qt.Key.Key_Tab)
    assert form.values.prompt == texts.prompt.editor.toPlainText() == "<b>bold</b>"


@pytest.mark.layout
def test_the_list_lies_under_what_was_typed_and_within_the_window(texts: TextRows) -> None:
    type_(texts, "ca")
    card, window = texts.completion.card, texts.window()
    cursor = QTextCursor(texts.prompt.editor.textCursor())
    line = texts.prompt.editor.cursorRect(cursor)
    assert card.y() > texts.prompt.editor.viewport().mapTo(window, line.bottomLeft()).y()
    assert window.rect().contains(card.geometry())
    assert not card.isWindow()


# --------------------------------------------------------------------------------------------------------- the popover
def test_an_example_replaces_the_prompt_as_one_undo_step(texts: TextRows, form: FormModel) -> None:
    type_(texts, "a cat")
    open_ideas(texts)
    rows = texts.popover.examples
    place = rows.visualRect(rows.model().index(1, 0)).center()
    QTest.mouseClick(rows.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert form.values.prompt == texts.prompt.value == "two dogs"
    assert not texts.popover.isVisible()
    assert texts.prompt.editor.hasFocus()
    form.undo_stack.undo()
    assert form.values.prompt == "a cat"


def test_names_can_be_searched_and_chosen_with_the_keyboard(texts: TextRows, form: FormModel) -> None:
    texts.ideas.setFocus()
    press_focused(Qt.Key.Key_Space)
    assert QApplication.focusWidget() is texts.popover.search
    assert texts.popover.names.texts == list(NAMES)
    assert texts.popover.count.text() == text.names_found(10, 10)
    QTest.keyClicks(texts.popover.search, "ca")
    assert texts.popover.names.texts == ["cat", "cactus", "birthday cake"]
    assert texts.popover.count.text() == text.names_found(3, 10)
    press_focused(Qt.Key.Key_Down)
    press_focused(Qt.Key.Key_Down)
    press_focused(Qt.Key.Key_Return)
    assert form.values.prompt == "cactus"


def test_enter_in_the_search_takes_the_first_name(texts: TextRows, form: FormModel) -> None:
    open_ideas(texts)
    QTest.keyClicks(texts.popover.search, "dov")
    press_focused(Qt.Key.Key_Return)
    assert form.values.prompt == "dove"


def test_up_leads_from_the_names_back_to_the_search(texts: TextRows) -> None:
    open_ideas(texts)
    press_focused(Qt.Key.Key_Down)
    assert QApplication.focusWidget() is texts.popover.names
    press_focused(Qt.Key.Key_Up)
    assert QApplication.focusWidget() is texts.popover.search


def test_a_name_is_inserted_at_the_cursor(texts: TextRows, form: FormModel) -> None:
    form.edit(prompt="a cat and  on a mat")
    texts.prompt.editor.move_cursor_after("a cat and ")
    open_ideas(texts)
    assert texts.popover.hint.text() == text.name_is_added()
    texts.popover.search.setText("fox")
    press_focused(Qt.Key.Key_Return)
    assert form.values.prompt == texts.prompt.value == "a cat and fox on a mat"
    assert texts.prompt.editor.around_cursor()[0] == "a cat and fox"
    form.undo_stack.undo()
    assert form.values.prompt == "a cat and  on a mat"


def test_esc_its_button_and_a_click_elsewhere_close_it(texts: TextRows, qtbot: QtBot) -> None:
    open_ideas(texts)
    press_focused(Qt.Key.Key_Escape)
    assert not texts.popover.isVisible()
    assert texts.prompt.editor.hasFocus()
    open_ideas(texts)
    QTest.mouseClick(texts.ideas, Qt.MouseButton.LeftButton)
    assert not texts.popover.isVisible()
    open_ideas(texts)
    QTest.mouseClick(
        texts.window(), Qt.MouseButton.LeftButton, pos=texts.window().rect().bottomRight() - QPoint(10, 10)
    )
    assert not texts.popover.isVisible()
    open_ideas(texts)
    other = texts.window().findChild(QLineEdit, "other")
    assert isinstance(other, QLineEdit)
    other.setFocus()
    assert not texts.popover.isVisible()


def test_tab_goes_through_its_parts(texts: TextRows) -> None:
    open_ideas(texts)
    press_focused(Qt.Key.Key_Tab)
    assert QApplication.focusWidget() is texts.popover.names
    press_focused(Qt.Key.Key_Backtab)
    press_focused(Qt.Key.Key_Backtab)
    assert QApplication.focusWidget() is texts.popover.examples


def test_words_that_cannot_be_read_are_reported_in_the_popover(
    texts: TextRows, form: FormModel, catalog: Catalog, qtbot: QtBot
) -> None:
    model = catalog.find("starter")
    assert model is not None
    (model.folder / "words.json").write_bytes(b"{")
    form.edit(model="large")
    form.edit(model="starter")
    qtbot.waitUntil(texts.ideas.isVisible)
    open_ideas(texts)
    assert "words.json" in texts.popover.fault.text()
    assert texts.popover.fault.isVisible()
    assert not texts.popover.search.isVisible()
    press(texts, Qt.Key.Key_Escape)
    type_(texts, "ca")
    assert offered(texts) == []


@pytest.mark.layout
def test_it_stays_within_a_low_window(texts: TextRows) -> None:
    texts.window().resize(700, 420)
    open_ideas(texts)
    assert texts.window().rect().contains(texts.popover.geometry())


def test_every_part_has_an_accessible_name(texts: TextRows) -> None:
    parts = (texts.ideas, texts.popover, texts.popover.search, texts.popover.names, texts.popover.examples)
    assert all(part.accessibleName() or (part is texts.ideas and part.text()) for part in parts)
