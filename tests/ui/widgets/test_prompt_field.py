"""A prompt is plain text that the user writes; the keys that are the window's stay the window's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QGuiApplication, QInputMethodEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication

from studio.engine.requests.generate import MAX_PROMPT
from studio.ui.theme.fonts import FAMILY
from studio.ui.widgets.numbers import NumberField, SeedField
from studio.ui.widgets.prompt_field import MAX_CHARACTERS, PromptField
from tests.ui.widgets.hands import lettered, show

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget
    from pytestqt.qtbot import QtBot

    from studio.ui.theme.theme import Theme


@pytest.fixture
def prompt(theme: Theme, qtbot: QtBot) -> PromptField:
    field = PromptField(theme, "Prompt", placeholder="What to make", hint="Ctrl+Enter makes it", tip="Words.")
    show(qtbot, field, NumberField(theme, "Next", minimum=0, maximum=9))
    field.editor.setFocus()
    return field


def heard(field: PromptField) -> list[str]:
    texts: list[str] = []
    field.edited.connect(texts.append)
    return texts


def paste(field: PromptField, qtbot: QtBot) -> None:
    qtbot.keySequence(field.editor, QKeySequence(QKeySequence.StandardKey.Paste))


def test_it_takes_as_many_characters_as_the_engine() -> None:
    assert MAX_CHARACTERS == MAX_PROMPT


def test_setting_a_value_emits_nothing_and_typing_does(prompt: PromptField, qtbot: QtBot) -> None:
    texts = heard(prompt)
    prompt.set_value("a fo")
    assert (prompt.value, texts) == ("a fo", [])
    qtbot.keyClicks(prompt.editor, "x")  # at the end, where setting leaves the cursor
    assert (prompt.value, texts) == ("a fox", ["a fox"])


def test_a_text_that_is_set_is_kept_to_the_letter(prompt: PromptField) -> None:
    odd = "non\u00a0breaking, line\u2028separator, \u202ertl, <b>"
    prompt.set_value(odd)
    assert prompt.value == odd


@pytest.mark.parametrize("enter", [Qt.Key.Key_Return, Qt.Key.Key_Enter])
def test_ctrl_enter_is_left_to_the_window(prompt: PromptField, qtbot: QtBot, enter: Qt.Key) -> None:
    prompt.set_value("a fox")
    shortcut = QShortcut(QKeySequence(Qt.Modifier.CTRL | enter), prompt.window())
    with qtbot.waitSignal(shortcut.activated):
        qtbot.keyClick(prompt.editor, enter, Qt.KeyboardModifier.ControlModifier)
    assert prompt.value == "a fox"


def test_without_a_shortcut_ctrl_enter_reaches_the_parent(
    prompt: PromptField, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    monkeypatch.setattr(
        PromptField, "keyPressEvent", lambda _, event: seen.append(event.key()), raising=False
    )
    qtbot.keyClick(prompt.editor, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert seen[-1] == Qt.Key.Key_Return
    assert prompt.value == ""


def test_enter_alone_starts_a_line(prompt: PromptField, qtbot: QtBot) -> None:
    qtbot.keyClicks(prompt.editor, "a")
    qtbot.keyClick(prompt.editor, Qt.Key.Key_Return)
    qtbot.keyClicks(prompt.editor, "b")
    assert prompt.value == "a\nb"


def test_tab_leaves_it(prompt: PromptField, qtbot: QtBot) -> None:
    qtbot.keyClick(prompt.editor, Qt.Key.Key_Tab)
    assert not prompt.editor.hasFocus()
    assert prompt.value == ""
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Backtab, Qt.KeyboardModifier.ShiftModifier)
    assert prompt.editor.hasFocus()


@pytest.mark.parametrize("kind", ["prompt", "number", "seed"])
@pytest.mark.parametrize("key", [QKeySequence.StandardKey.Undo, QKeySequence.StandardKey.Redo])
def test_undo_and_redo_are_the_windows_in_every_field_that_is_typed_in(
    theme: Theme, qtbot: QtBot, kind: str, key: QKeySequence.StandardKey
) -> None:
    fields = {
        "prompt": PromptField(theme, "Prompt"),
        "number": NumberField(theme, "Number", minimum=0, maximum=99),
        "seed": SeedField(theme),
    }
    window = show(qtbot, *fields.values())
    shortcut = QShortcut(QKeySequence(key), window)
    typed: QWidget = fields[kind]
    typed.setFocus()
    field = QApplication.focusWidget()
    qtbot.keyClicks(field, "7")
    with qtbot.waitSignal(shortcut.activated):
        qtbot.keySequence(field, QKeySequence(key))


def test_what_is_pasted_is_plain(prompt: PromptField, qtbot: QtBot) -> None:
    texts = heard(prompt)
    data = QMimeData()
    data.setHtml("<b>a fox</b>")
    data.setText("<b>a fox</b>")
    QGuiApplication.clipboard().setMimeData(data)
    paste(prompt, qtbot)
    assert texts == ["<b>a fox</b>"]
    data = QMimeData()
    data.setHtml("<b>only html</b>")
    QGuiApplication.clipboard().setMimeData(data)
    before = prompt.value
    paste(prompt, qtbot)
    assert prompt.value in (before, before + "only html")


def test_a_nul_cannot_be_pasted(prompt: PromptField, qtbot: QtBot) -> None:
    prompt.editor.insertFromMimeData(_text("a\0b"))
    assert prompt.value == "ab"


def test_files_are_left_to_the_window(prompt: PromptField) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile("/tmp/x.png")])
    assert not prompt.editor.canInsertFromMimeData(data)
    assert prompt.editor.canInsertFromMimeData(_text("words"))


def test_it_is_cut_at_its_limit(prompt: PromptField, qtbot: QtBot) -> None:
    prompt.set_value("a" * (MAX_CHARACTERS + 50))
    assert len(prompt.value) == MAX_CHARACTERS
    texts = heard(prompt)
    qtbot.keyClicks(prompt.editor, "b")
    qtbot.keyClick(prompt.editor, Qt.Key.Key_Return)
    assert texts == []
    qtbot.keyClick(prompt.editor, Qt.Key.Key_Backspace)
    qtbot.keyClicks(prompt.editor, "bc")
    assert prompt.value == "a" * (MAX_CHARACTERS - 1) + "b"


def test_pasting_fills_the_room_that_is_left_and_cuts_nothing_else(prompt: PromptField) -> None:
    prompt.set_value("start " + "a" * (MAX_CHARACTERS - 16) + " end")
    prompt.editor.moveCursor(prompt.editor.textCursor().MoveOperation.Start)
    prompt.editor.insertFromMimeData(_text("0123456789ABC"))
    assert len(prompt.value) == MAX_CHARACTERS
    assert prompt.value.startswith("012345start ")
    assert prompt.value.endswith(" end")


def test_over_a_selection_there_is_room(prompt: PromptField, qtbot: QtBot) -> None:
    prompt.set_value("a" * MAX_CHARACTERS)
    prompt.editor.selectAll()
    qtbot.keyClicks(prompt.editor, "b")
    assert prompt.value == "b"


def test_an_input_method_cannot_pass_the_limit(prompt: PromptField) -> None:
    prompt.set_value("a" * (MAX_CHARACTERS - 1))
    texts = heard(prompt)
    event = QInputMethodEvent()
    event.setCommitString("狐狸狐狸")
    QApplication.sendEvent(prompt.editor, event)
    assert texts == ["a" * (MAX_CHARACTERS - 1) + "狐"]


def compose(field: PromptField, syllable: str, committed: str = "") -> None:
    event = QInputMethodEvent(syllable, [])
    event.setCommitString(committed)
    QApplication.sendEvent(field.editor, event)


def test_a_syllable_that_is_being_composed_is_part_of_the_prompt(prompt: PromptField) -> None:
    texts = heard(prompt)
    for syllable, committed in (("ㄱ", ""), ("고", ""), ("공", ""), ("야", "고"), ("양", ""), ("", "양")):
        compose(prompt, syllable, committed)
    assert texts == ["ㄱ", "고", "공", "고야", "고양"]
    assert prompt.value == prompt.editor.toPlainText() == "고양"


def test_a_syllable_is_composed_where_the_cursor_stands(prompt: PromptField) -> None:
    prompt.put("a 🦊\nbig fox", "a 🦊\nbig ")
    compose(prompt, "빨")
    assert prompt.value == "a 🦊\nbig 빨fox"
    compose(prompt, "")  # given up
    assert prompt.value == "a 🦊\nbig fox"


def test_setting_the_received_value_does_not_disturb_composing(prompt: PromptField) -> None:
    prompt.edited.connect(prompt.set_value)  # as a form does
    compose(prompt, "고")
    assert prompt.editor.composed() == "고"
    prompt.set_value("another prompt")  # but another text ends it
    assert (prompt.value, prompt.editor.composed()) == ("another prompt", "")
    assert prompt.editor.toPlainText() == "another prompt"


@pytest.mark.layout
def test_korean_is_shown_with_glyphs_of_the_shipped_font(prompt: PromptField) -> None:
    prompt.set_value("빨간 고양이가 창가에 앉아 있다. 뷁쀍힣")
    drawn = lettered(prompt.editor.toPlainText(), prompt.editor.document().defaultFont())
    assert len(drawn) == len(prompt.value)
    assert {family for family, _ in drawn} == {FAMILY}
    assert all(glyph for _, glyph in drawn)


def test_composed_text_cannot_exceed_the_limit_either(prompt: PromptField) -> None:
    prompt.set_value("a" * MAX_CHARACTERS)
    compose(prompt, "고")
    assert prompt.value == "a" * MAX_CHARACTERS


def test_emoji_count_as_python_counts_them(prompt: PromptField) -> None:
    prompt.editor.insertFromMimeData(_text("🦊" * (MAX_CHARACTERS + 1)))
    assert prompt.value == "🦊" * MAX_CHARACTERS


def test_it_has_no_undo_stack_of_its_own(prompt: PromptField, qtbot: QtBot) -> None:
    qtbot.keyClicks(prompt.editor, "a fox")
    assert not prompt.editor.document().isUndoAvailable()


@pytest.mark.layout
def test_it_is_named_and_shows_its_hint_below_its_lines(prompt: PromptField) -> None:
    assert prompt.editor.accessibleName() == "Prompt"
    assert prompt.editor.accessibleDescription() == "Words."
    assert prompt.editor.viewport().geometry().bottom() < prompt.editor.hint.geometry().top()


@pytest.mark.layout
@pytest.mark.parametrize("lines", [1, 2, 3, 4])
def test_every_line_is_in_sight(theme: Theme, qtbot: QtBot, lines: int) -> None:
    field = PromptField(theme, "Prompt", lines=lines)
    show(qtbot, field)
    field.set_value("\n".join(["Ågy", "빨간 고양이"][line % 2] for line in range(lines)))
    assert field.editor.verticalScrollBar().maximum() == 0
    field.set_value("\n".join("x" * (lines + 1)))
    assert field.editor.verticalScrollBar().maximum() > 0  # the twin: one line more is too many
    assert field.editor.height() % 4 == 0


def _text(text: str) -> QMimeData:
    data = QMimeData()
    data.setText(text)
    return data
