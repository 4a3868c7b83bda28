"""Text that looks like HTML, or plays tricks, is shown letter for letter by everything that shows text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QGuiApplication, QTextDocument
from PySide6.QtGui import Qt as QtOfGui
from PySide6.QtWidgets import QLabel, QPlainTextEdit, QWidget

from studio.ui.widgets.buttons import IconButton, Pill, TextButton
from studio.ui.widgets.cards import Banner, ErrorCard, Toast
from studio.ui.widgets.choice import ChoiceField, SegmentedSwitch
from studio.ui.widgets.collapsible import Collapsible
from studio.ui.widgets.labels import PlainLabel, plain_tip, set_tip
from studio.ui.widgets.numbers import NumberSlider
from studio.ui.widgets.prompt_field import PromptField
from tests.ui.widgets.hands import show

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from studio.ui.theme.theme import Theme

NASTY = [
    '<img src="/dev/zero">',
    '<img src="http://example.invalid/x.png" width=9999 height=9999>',
    "<b>bold</b>",
    "<br>",
    "<script>alert(1)</script>",
    "<a href='file:///etc/passwd'>look</a>",
    "<table><tr><td>cell",
    "<!-- gone -->",
    "<style>* { color: red }</style>plain",
    "<?xml version='1.0'?><qt>",
    "&lt;",
    "&amp;&nbsp;&#65;",
    "<lora:x:0.8>",
    "a < b > c & d",
    "R&D && more",
    "right\u202eto left\u202c",
    "\u2066isolated\u2069 \u200fmark",
    "שלום <b>world</b>",
    "two  spaces,\ttab,\nand a line",
    "%1 %s {0} \\n ''\"\"",
    "# *not* markdown `code`",
    "狐 🦊 é e\u0301",
]

nasty = pytest.mark.parametrize("text", NASTY)


def spoken(widget: QWidget, which: QAccessible.Text = QAccessible.Text.Name) -> str:
    return QAccessible.queryAccessibleInterface(widget).text(which)


def labels(widget: QWidget) -> list[str]:
    """Return what the labels in ``widget`` show, having made sure that none of them reads HTML."""
    found = widget.findChildren(QLabel)
    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in found)
    return [label.text() for label in found]


def seen_in_a_tip(text: str) -> str:
    """Return what a tooltip shows for what it is given: Qt takes it for HTML or for plain text by its looks."""
    if not QtOfGui.mightBeRichText(text):
        return text
    document = QTextDocument()
    document.setHtml(text)
    return document.toPlainText()


def test_some_of_these_texts_would_be_read_as_html() -> None:
    assert sum(QtOfGui.mightBeRichText(text) for text in NASTY) >= 5
    assert seen_in_a_tip("<b>bold</b>") == "bold"


@nasty
def test_a_tooltip(text: str, qtbot: QtBot) -> None:
    assert seen_in_a_tip(plain_tip(text)) == text
    widget = QWidget()
    qtbot.addWidget(widget)
    set_tip(widget, text)
    assert seen_in_a_tip(widget.toolTip()) == text
    assert spoken(widget, QAccessible.Text.Description) == text


def test_no_text_is_no_tooltip_and_a_nul_does_not_end_one() -> None:
    assert plain_tip("") == ""
    assert seen_in_a_tip(plain_tip("a\0b")) == "a\ufffdb"


def test_a_tooltip_fetches_nothing() -> None:
    document = QTextDocument()
    document.setHtml(plain_tip('<img src="/dev/zero"><link rel=stylesheet href="/dev/zero">'))
    formats = [fmt for fmt in document.allFormats() if fmt.isImageFormat()]
    assert formats == []


@nasty
def test_a_label(theme: Theme, qtbot: QtBot, text: str) -> None:
    for label in (
        PlainLabel(theme, text),
        PlainLabel(theme, text, wrap=True),
        PlainLabel(theme, text, elide=True),
    ):
        show(qtbot, label)
        assert label.text() == text
        assert label.textFormat() == Qt.TextFormat.PlainText
        assert spoken(label) == text
    narrow = PlainLabel(theme, text * 9, elide=True)
    show(qtbot, narrow, width=80)
    assert seen_in_a_tip(narrow.toolTip()) == text * 9


@pytest.mark.layout
@nasty
def test_a_label_draws_the_letters_themselves(theme: Theme, qtbot: QtBot, text: str) -> None:
    label = PlainLabel(theme, text)
    qtbot.addWidget(label)
    metrics = label.fontMetrics()
    widest = max(metrics.horizontalAdvance(line) for line in text.replace("\t", "").split("\n"))
    assert label.sizeHint().width() >= widest - 4


@nasty
def test_buttons(theme: Theme, qtbot: QtBot, text: str) -> None:
    button, icon, pill = TextButton(theme, text), IconButton(theme, "x", text), Pill(theme, text, "bad")
    show(qtbot, button, icon, pill)
    assert button.text() == text
    assert [spoken(widget) for widget in (button, icon, pill)] == [text] * 3
    assert seen_in_a_tip(icon.toolTip()) == text


@nasty
def test_the_labels_and_tips_of_controls(theme: Theme, qtbot: QtBot, text: str) -> None:
    slider = NumberSlider(theme, text, minimum=0, maximum=1, step=1, tip=text)
    switch = SegmentedSwitch(theme, text, [("a", text, text)])
    fold = Collapsible(theme, text, QWidget())
    show(qtbot, slider, switch, fold)
    assert labels(slider) == [text]
    for part in (slider.track, slider.field, switch.segments["a"]):
        assert spoken(part) == text
        assert seen_in_a_tip(part.toolTip()) == text
    assert spoken(fold.header) == text


@nasty
def test_a_choice(theme: Theme, qtbot: QtBot, text: str) -> None:
    field = ChoiceField(theme, text, tip=text)
    field.set_items([("key", text, text, text)])
    field.set_value("key")
    show(qtbot, field)
    assert labels(field) == [text]
    assert field.box.itemText(0) == text
    assert seen_in_a_tip(field.box.itemData(0, Qt.ItemDataRole.ToolTipRole)) == text


@nasty
def test_a_prompt(theme: Theme, qtbot: QtBot, text: str) -> None:
    field = PromptField(theme, text, placeholder=text, hint=text)
    field.set_value(text)
    show(qtbot, field)
    assert field.value == text
    assert field.editor.toPlainText() == text
    assert [shown for shown in labels(field) if shown] == [text, text]


@nasty
def test_notices(theme: Theme, qtbot: QtBot, text: str) -> None:
    toast = Toast(theme)
    show(qtbot, toast, width=600)
    toast.show_notice(text, kind="error", action=text, details=text)
    banner = Banner(theme, text, action=text)
    card = ErrorCard(theme)
    card.set_error(text, text)
    show(qtbot, banner, card)
    assert text in labels(toast)
    assert text in labels(banner)
    assert " ".join(filter(None, labels(card))) == text
    assert toast.action.text() == banner.action.text() == text
    for told in (toast, card):
        view = told.findChild(QPlainTextEdit)
        assert view is not None
        assert view.toPlainText() == text
        told.details.copy.click()
        assert QGuiApplication.clipboard().text() == f"{text}\n\n{text}"
