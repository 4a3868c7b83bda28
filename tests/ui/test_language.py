"""Every text that the window shows passes through the one function that translates.

A pseudo-locale marks each text that did; what stands outside the marks was written where no translator finds it.
Numbers, what an artist wrote (prompts, names of models and files) and names of keys need no translation.
"""

from __future__ import annotations

import html
import re
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QCoreApplication, Qt, QTranslator
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QWidget,
)

from studio.diffusion.samplers import SAMPLERS
from studio.engine.requests.compare import naming_pane
from studio.errors import RequestError
from studio.logs import report_unexpected
from studio.messages import message
from studio.ui import language
from studio.ui.app import translate_qt
from studio.ui.core.engine_thread import sentence
from studio.ui.jobs.run_settings import SUGGESTION
from studio.ui.language import LANGUAGES, choose_language, set_language, system_language, tr, trn
from tests.ui.widgets.hands import accessible_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.ui.program import MakeProgram, OpenProgram

OPEN, CLOSE = "\u27e6", "\u27e7"
FEATURES = (
    *("compare", "core", "create", "gallery", "jobs", "models_page", "run", "settings_page", "shell"),
    *("sweep", "train", "welcome", "widgets"),
)
SYMBOLS = ("x0", "x_t")
SAMPLER_OPTIONS = sorted({field.name for sampler in SAMPLERS.values() for field in fields(sampler.Options)})
PROGRAMS = ("A1111", "ComfyUI", "Forge", "InvokeAI", "SwarmUI")
PACKAGES = ("Python", "Qt", "PySide", "torch", "numpy", "cpu", "cu")
PROMPT, NEGATIVE = "qzx prompt", "qzx negative"
KEYS = re.compile(r"\b(Ctrl|Shift|Alt|Enter|Return|Esc|Space|Home|End|Left|Right|Up|Down|Del|F\d+|[A-Z])\b")


@pytest.fixture
def marked() -> Iterator[None]:
    """Mark every text that passes through `tr`."""
    language.set_disguise(lambda text: f"{OPEN}{text}{CLOSE}")
    yield
    language.set_disguise(None)


def outside(text: str, known: frozenset[str] = frozenset()) -> str:
    """Return what of a text stands outside the marks and holds letters, "" if nothing does."""
    depth, rest = 0, []
    for character in text:
        depth += (character == OPEN) - (character == CLOSE)
        if not depth and character != CLOSE:
            rest.append(character)
    left = "".join(rest)
    for name in sorted(known, key=len, reverse=True):
        left = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "", left)
    left = KEYS.sub("", left)
    return left.strip() if re.search(r"[^\W\d_]", left) else ""


def texts_of(widget: QWidget) -> Iterator[tuple[str, str]]:
    """Yield everything that a widget shows or says, each with how it does."""
    if isinstance(widget, QLabel | QAbstractButton):
        yield "text", widget.text()
    if isinstance(widget, QLineEdit | QPlainTextEdit):
        yield "placeholder", widget.placeholderText()
    if isinstance(widget, QComboBox):
        for number in range(widget.count()):
            yield "choice", widget.itemText(number)
            for role in range(0x0100, 0x0103):
                value = widget.itemData(number, role)
                if role != 0x0100 and isinstance(value, str):  # the first is the key
                    yield "choice's detail", value
    tip = re.sub(r"<[^>]*>", "", widget.toolTip())
    yield "tooltip", html.unescape(tip)
    yield "accessible name", widget.accessibleName()
    yield "accessible description", widget.accessibleDescription()
    if isinstance(widget, QWidget) and widget.focusPolicy() != Qt.FocusPolicy.NoFocus:
        yield "accessible value", accessible_value(widget)
    for action in widget.findChildren(QAction, options=Qt.FindChildOption.FindDirectChildrenOnly):
        yield "action", action.text()


def feature_of(widget: QWidget) -> str:
    """Return the feature that made a widget: that of the first ancestor whose class is a feature's own."""
    ancestor: QWidget | None = widget
    while ancestor is not None:
        path = type(ancestor).__module__.split(".")
        if path[:2] == ["studio", "ui"] and len(path) > 3 and path[2] != "widgets":
            return path[2]
        ancestor = ancestor.parentWidget()
    return "widgets"


def written_by_others(program: OpenProgram) -> frozenset[str]:
    """Return what needs no translation: what the artist, the system or the maker of a model wrote."""
    known = {PROMPT, NEGATIVE, SUGGESTION, *LANGUAGES.values(), *PACKAGES, *PROGRAMS, *SYMBOLS}
    known |= {str(folder) for folder in vars(program.models.folders).values()}
    for model in program.models.catalog.models:
        known |= {model.name, str(model.folder)}
        if (card := model.card) is not None:
            known |= {
                card.title,
                card.name,
                card.training_data,
                card.licence,
                card.schedule.kind,
                card.prediction,
            }
    return frozenset(known)


def untranslated(program: OpenProgram) -> dict[str, set[str]]:
    """Return by feature what is shown without having been translated."""
    known = written_by_others(program)
    found: dict[str, set[str]] = {feature: set() for feature in FEATURES}
    for window in QApplication.topLevelWidgets():
        for widget in (window, *window.findChildren(QWidget)):
            for how, text in texts_of(widget):
                if left := outside(text.replace("\u2026", ""), known):
                    found[feature_of(widget)].add(f"{how} of {type(widget).__name__}: {left!r} in {text!r}")
    return found


def walk(program: OpenProgram) -> None:
    """Bring everything that the window can show into being."""
    window, models = program.window, program.models
    models.form.edit(prompt=PROMPT, negative=NEGATIVE)
    window.generate()
    program.finish()
    models.run.select(1)
    canvas = window.pages.create_page.canvas
    canvas.setFocus()
    for name in ("compare", "models", "train", "settings", "gallery", "create"):
        window.pages.open(name)
    models.notices.post(tr("A notice."), action=tr("Undo"), act=lambda: None)
    window.overlays.toggle_queue()
    window.overlays.toggle_shortcuts()


@pytest.fixture
def found(marked: None, make_program: MakeProgram) -> dict[str, set[str]]:
    program = make_program()
    walk(program)
    return untranslated(program)


@pytest.mark.usefixtures("marked")
def test_an_error_of_the_engine_is_translated_before_it_reaches_the_window() -> None:
    error = RequestError("steps", message("must be a whole number, not {value}", value="x"))
    assert outside(sentence(error)) == ""
    assert outside(str(error)) != "", "an error's own text is English"


@pytest.mark.usefixtures("marked")
@pytest.mark.parametrize("field", ["name", "steps", "guidance", *SAMPLER_OPTIONS])
def test_the_name_of_a_field_that_can_be_edited_is_translated_too(field: str) -> None:
    assert f"{OPEN}{field}{CLOSE}" in tr(RequestError(field, message("cannot be used")).message)
    assert f"{OPEN}x{CLOSE}" not in tr(RequestError("x", message("cannot be used")).message)
    with pytest.raises(RequestError) as caught, naming_pane(2):
        raise RequestError(field, message("cannot be used"))
    assert f"{OPEN}{field}{CLOSE}" in tr(caught.value.message)
    assert str(caught.value) == f"{field} of pane 2 cannot be used."


def test_every_text_can_be_translated(found: dict[str, set[str]]) -> None:
    assert {feature: sorted(texts) for feature, texts in found.items() if texts} == {}


@pytest.mark.usefixtures("marked")
def test_an_untranslated_text_is_detected() -> None:
    assert outside("Open") == "Open"
    assert outside(f"{tr('Open')} the folder") == "the folder"
    assert outside(f"{tr('Open')} {tr('the folder')}") == ""
    assert outside(tr("{action} the folder", action=tr("Open"))) == ""
    assert outside(trn("{count} picture", "{count} pictures", 3)) == ""
    assert outside("3.5, 64 × 64 (Ctrl+Enter)") == ""
    assert outside("a fox, 12 s", frozenset({"a fox"})) == ", 12 s"


@pytest.mark.parametrize(
    ("system", "code"),
    [(["ko-KR", "en-US"], "ko"), (["de-DE", "ko"], "ko"), (["en_GB"], "en"), (["fr"], "en"), ([], "en")],
)
def test_the_window_follows_the_system(system: list[str], code: str) -> None:
    assert system_language(system) == code


@pytest.mark.parametrize(
    ("choice", "code"), [("system", "ko"), ("en", "en"), ("ko", "ko"), ("from a newer version", "ko")]
)
def test_a_chosen_language_takes_precedence_over_the_systems(choice: str, code: str) -> None:
    try:
        assert choose_language(choice, ["ko-KR"]) == code
    finally:
        set_language("en")


def test_qts_own_texts_follow_the_window(qapp: QApplication) -> None:
    before = set(qapp.findChildren(QTranslator))
    translate_qt(qapp, "ko")
    try:
        assert QCoreApplication.translate("QPlatformTheme", "Cancel") == "취소"
    finally:
        for translator in set(qapp.findChildren(QTranslator)) - before:
            qapp.removeTranslator(translator)
            translator.deleteLater()
    assert QCoreApplication.translate("QPlatformTheme", "Cancel") == "Cancel"


@pytest.mark.usefixtures("marked")
def test_an_unexpected_error_is_reported_in_the_language_of_the_window() -> None:
    assert tr(report_unexpected(MemoryError("no room"))).startswith(OPEN)
    assert tr(report_unexpected(ModuleNotFoundError("x", name="torch"))).startswith(OPEN)
