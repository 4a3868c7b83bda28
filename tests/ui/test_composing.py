"""A syllable that is still being composed when a shortcut comes belongs to the text, so that Korean loses nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtGui import QInputMethodEvent
from PySide6.QtWidgets import QAbstractButton, QApplication, QPlainTextEdit

from studio.ui.theme.theme import Theme
from studio.ui.train.form_view import TextField
from tests.ui.widgets.hands import show

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget
    from pytestqt.qtbot import QtBot

    from tests.ui.program import MakeProgram, OpenProgram


@pytest.fixture
def theme(qapp: QApplication) -> Theme:
    return Theme(qapp, "dark")


def compose(widget: QWidget, committed: str, composing: str) -> None:
    """Type as an input method does: what is finished becomes text, the last syllable does not yet."""
    finished = QInputMethodEvent("", [])
    finished.setCommitString(committed)
    QApplication.sendEvent(widget, finished)
    QApplication.sendEvent(widget, QInputMethodEvent(composing, []))


def prompt_of(hand: OpenProgram) -> QPlainTextEdit:
    editor = hand.control("Prompt", QPlainTextEdit)
    editor.setFocus()
    editor.selectAll()
    return editor


def test_ctrl_enter_takes_the_syllable_that_is_being_composed(make_program: MakeProgram) -> None:
    hand = make_program()
    compose(prompt_of(hand), "빨간 고양", "이")
    hand.generate()
    hand.finish()
    assert hand.prompts == ["빨간 고양이"]
    compose(QApplication.focusWidget(), "이", "")  # the input method finishes: nothing comes twice
    hand.generate()
    hand.finish()
    assert hand.prompts[1:] == ["빨간 고양이"]


def test_a_click_on_generate_takes_it_too(make_program: MakeProgram) -> None:
    hand = make_program()
    compose(prompt_of(hand), "빨간 고양", "이")
    hand.click("Generate", QAbstractButton)
    hand.finish()
    assert hand.prompts == ["빨간 고양이"]


def test_a_cancelled_syllable_is_not_part_of_the_prompt(make_program: MakeProgram) -> None:
    hand = make_program()
    editor = prompt_of(hand)
    compose(editor, "고양", "이")
    compose(editor, "", "")
    hand.generate()
    hand.finish()
    assert hand.prompts == ["고양"]


def test_a_model_is_named_with_the_syllable_that_is_being_composed(theme: Theme, qtbot: QtBot) -> None:
    field = TextField(theme, "Name of the model")
    show(qtbot, field)
    heard: list[str] = []
    field.edited.connect(heard.append)
    field.edited.connect(field.set_value)  # as a form does
    field.set_value("🦊 그림")
    field.line.setCursorPosition(2)  # behind the fox, which Qt takes for two
    compose(field.line, "내", " ㄱ")
    compose(field.line, "", " 고")
    assert heard == ["🦊내 그림", "🦊내 ㄱ 그림", "🦊내 그림", "🦊내 고 그림"]
    compose(field.line, " 고", "")
    assert field.line.text() == heard[-1]
