"""The window of today has every action and every key of commit 124763c, and takes up what that commit left behind.

``renamed_actions.json`` maps the old text of an action to those of today where its wording changed; two actions of one
text have two texts now.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPlainTextEdit, QTextEdit, QWidget

from studio.folders import Folders
from studio.ui.app import Program, build
from tests.engine.training.tiny_trainings import add_tiny_scales
from tests.golden.commands import RECORDED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

OLD: dict[str, Any] = json.loads((RECORDED / "window.json").read_text(encoding="utf-8"))
RENAMED: dict[str, list[str]] = json.loads(
    (RECORDED.parent / "renamed_actions.json").read_text(encoding="utf-8")
)
PORTABLE = QKeySequence.SequenceFormat.PortableText


@pytest.fixture
def program(
    qtbot: QtBot, qapp: QApplication, old_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Program]:
    """The program as it is started, on the folders that the old one left behind."""
    add_tiny_scales(monkeypatch)
    program = build(qapp, Folders.under(old_home))
    window = program.window
    qtbot.addWidget(window)
    window.resize(1200, 800)
    with qtbot.waitExposed(window):
        window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    yield program
    assert program.close()


def press(window: QWidget, keys: str) -> None:
    """Press a shortcut such as "Ctrl+2" where the keyboard is."""
    window.activateWindow()  # a screen without a window manager leaves no window active when another one closes
    QTest.qWaitForWindowActive(window)
    (combination,) = [QKeySequence(keys)[at] for at in range(QKeySequence(keys).count())]
    QTest.keyClick(QApplication.focusWidget() or window, combination.key(), combination.keyboardModifiers())


def shortcuts(window: QWidget) -> list[tuple[str, list[str]]]:
    """Return the text and the keys of every action that has keys."""
    return [
        (action.text(), [keys.toString(PORTABLE) for keys in action.shortcuts()])
        for action in window.findChildren(QAction)
        if action.shortcuts()
    ]


def missing(old: list[dict[str, Any]], today: list[tuple[str, list[str]]]) -> list[str]:
    """Return the old actions without one of today that has their text and all of their keys."""
    return [
        one["text"] or str(one["keys"])
        for one in old
        if not any(
            text in RENAMED.get(one["text"], [one["text"]]) and set(one["keys"]) <= set(keys)
            for text, keys in today
        )
    ]


def test_every_action_is_there_under_its_keys(program: Program) -> None:
    assert len(OLD["actions"]) > 20
    assert missing(OLD["actions"], shortcuts(program.window)) == []


def test_an_action_that_went_or_lost_a_key_is_seen() -> None:
    today = [("Undo", ["Ctrl+Z"]), ("Redo in the form", ["Ctrl+Y"])]
    old = [
        {"text": "Undo", "keys": ["Ctrl+Z"]},
        {"text": "Redo in the form", "keys": ["Ctrl+Shift+Z", "Ctrl+Y"]},
        {"text": "Quit", "keys": ["Ctrl+Q"]},
    ]
    assert missing(old, today) == ["Redo in the form", "Quit"]


def test_every_action_with_keys_is_unambiguous_within_the_window(program: Program) -> None:
    keys = Counter(
        keys.toString(PORTABLE) for action in program.window.actions() for keys in action.shortcuts()
    )
    assert [key for key, count in keys.items() if count > 1] == []


def test_f1_lists_every_old_key_beside_what_it_does(program: Program, qtbot: QtBot) -> None:
    before = {id(label) for label in labels(program.window)}
    press(program.window, "F1")
    qtbot.waitUntil(lambda: len({id(label) for label in labels(program.window)} - before) > 50)
    listed = rows([label for label in labels(program.window) if id(label) not in before])
    native = QKeySequence.SequenceFormat.NativeText
    for old in OLD["keys"]:
        texts = RENAMED.get(old["text"], [old["text"]])
        shown = [keys for name, keys in listed if name in texts]
        assert shown, f"F1 does not list {texts!r}"
        first = QKeySequence(old["keys"][0]).toString(native)
        in_words = {"tenths": "0 to 9", "samples": "Arrow keys"}.get(old["name"])
        assert any(in_words == keys or first in keys.split("  ") for keys in shown), (texts, shown)


def labels(window: QWidget) -> list[QLabel]:
    return [label for label in window.findChildren(QLabel) if label.isVisible() and label.text()]


def rows(found: list[QLabel]) -> list[tuple[str, str]]:
    """Return the labels that stand side by side in one row, as pairs from the left."""
    places = [(label.mapToGlobal(label.rect().center()), label.text()) for label in found]
    pairs = []
    for place, text in places:
        beside = [
            (other.x() - place.x(), name)
            for other, name in places
            if other.x() > place.x() and abs(other.y() - place.y()) <= 3
        ]
        if beside:
            pairs.append((text, min(beside)[1]))
    return pairs


def visible(window: QWidget) -> set[str]:
    """Return what the parts in sight can be called by."""
    widgets = [one for one in window.findChildren(QWidget) if one.isVisible()]
    return {one.accessibleName() for one in widgets if one.accessibleName()}


def test_every_page_opens_with_its_old_key(program: Program, qtbot: QtBot) -> None:
    seen = []
    for keys in ("Ctrl+1", "Ctrl+2", "Ctrl+3", "Ctrl+4", "Ctrl+5", "Ctrl+,"):
        press(program.window, keys)
        qtbot.wait(20)
        seen.append(frozenset(visible(program.window)))
    assert len(set(seen)) == len(seen)


def prompts(window: QWidget) -> list[str]:
    return [
        field.toPlainText()
        for kind in (QPlainTextEdit, QTextEdit)
        for field in window.findChildren(kind)
        if field.isVisible()
    ]


def test_the_old_settings_are_taken_over(program: Program, old_home: Path, qtbot: QtBot) -> None:
    file = old_home / "settings" / "window.json"
    old = json.loads(file.read_text(encoding="utf-8"))
    assert old["form"]["prompt"] == "a green 여우"
    assert {"a green 여우", "noise"} <= set(prompts(program.window))
    press(program.window, "Ctrl+R")  # another seed, so that the file is written again
    program.window.close()
    assert program.close()
    new = json.loads(file.read_text(encoding="utf-8"))
    assert new["form"]["seed"] != old["form"]["seed"]
    for values in (old, new):
        values["form"].pop("seed")
        values["form"].pop("seed_used")
        values.pop("geometry")
    new["form"] = {name: new["form"].get(name) for name in old["form"]}  # later versions have more settings
    assert {name: new.get(name) for name in old} == old
    assert not list(file.parent.glob("*broken*"))


def test_the_old_sweep_goes_on_where_it_was_stopped(program: Program, old_home: Path, qtbot: QtBot) -> None:
    file = old_home / "catalogue" / "sweep.json"
    old = json.loads(file.read_text(encoding="utf-8"))
    assert 0 < len(old["finished"]) < len(old["others"]) + 1 == OLD["cells"]
    made = len(list((old_home / "outputs").glob("*.png")))
    sweep = program.models.sweep
    sweep.load()
    qtbot.waitUntil(lambda: sweep.count == OLD["cells"] and sweep.finished == OLD["finished"])
    sweep.resume()
    qtbot.waitUntil(lambda: sweep.finished == sweep.count and not sweep.running, timeout=60_000)
    program.window.close()
    assert program.close()
    new = json.loads(file.read_text(encoding="utf-8"))
    assert len(new["finished"]) == OLD["cells"]
    assert {place: new["finished"][place] for place in old["finished"]} == old["finished"]
    missing_cells = OLD["cells"] - OLD["finished"]
    assert len(list((old_home / "outputs").glob("*.png"))) == made + missing_cells


def test_the_old_pictures_hang_in_the_gallery(program: Program, qtbot: QtBot) -> None:
    gallery = program.models.gallery
    qtbot.waitUntil(lambda: gallery.rowCount() == OLD["pictures"])


def test_the_old_timings_give_an_estimate(program: Program, old_home: Path) -> None:
    file = old_home / "cache" / "timings.json"
    old = json.loads(file.read_text(encoding="utf-8"))["timings"]
    assert old
    program.window.close()
    assert program.close()
    assert json.loads(file.read_text(encoding="utf-8"))["timings"] == old


def test_the_old_interrupted_training_is_offered(program: Program, qtbot: QtBot) -> None:
    press(program.window, "Ctrl+5")
    qtbot.waitUntil(lambda: any("squares" in text for text in named(program.window)))


def named(window: QWidget) -> set[str]:
    return visible(window) | {label.text() for label in labels(window)}
