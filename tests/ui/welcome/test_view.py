"""The first start: three ways to a model in the place of the canvas, never in the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit

from studio.checkpoints.library.programs import FoundFolders
from studio.ui.shell.pages import tab_stops
from studio.ui.welcome import text, view
from tests.ui.cards import LARGE, STARTER, installed, show_models
from tests.ui.program import heard

if TYPE_CHECKING:
    from pathlib import Path

    from tests.ui.program import Controls, MakePage, MakeProgram, OpenPage

WAYS = ("Use my models", "Try the model in the box", "Get a model")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[FoundFolders, ...]:
    """Two programs that are found on this machine."""
    found = []
    for title in ("ComfyUI", "Forge"):
        folder = tmp_path / title / "models"
        folder.mkdir(parents=True)
        found.append(FoundFolders(title, folder.parent, (folder,)))
    monkeypatch.setattr(view, "find_programs", lambda: tuple(found))
    return tuple(found)


@pytest.fixture
def hand(make_page: MakePage, programs: tuple[FoundFolders, ...]) -> OpenPage:
    opened = make_page("create", installed(STARTER, shipped=True), size=(1012, 592))
    opened.models.gallery.reload()
    opened.wait(lambda: opened.widget.place.is_welcome)
    return opened


def ways(hand: Controls) -> bool:
    return set(WAYS) <= set(hand.texts)


def test_three_ways_are_offered_and_gone_once_a_picture_is_made(
    make_program: MakeProgram, programs: tuple[FoundFolders, ...]
) -> None:
    hand = make_program()
    hand.wait(lambda: ways(hand))
    assert QApplication.focusWidget() is hand.window.pages.create_page.form.texts.prompt.editor
    hand.click("Make a picture")
    hand.finish()
    assert hand.prompts == [hand.models.form.values.prompt]
    assert not ways(hand)
    hand.models.intents.get_model.emit()
    assert hand.control("Address of a model").isVisible()
    hand.generate()
    hand.finish()
    assert "Address of a model" not in hand.names
    hand.models.intents.show_models.emit()  # where it is counted what other programs have
    hand.click("Get a model…")
    assert hand.control("Address of a model").isVisible()


def test_they_are_gone_once_a_model_was_added(hand: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ways(hand)
    show_models(monkeypatch, installed(LARGE))
    hand.models.catalog.reload()
    hand.wait(lambda: not ways(hand))


def test_skipping_is_remembered(hand: OpenPage) -> None:
    hand.click("Not now")
    assert not ways(hand)
    assert not hand.models.preferences.welcome


def test_folders_of_other_programs_are_named_and_added_with_one_click(
    hand: OpenPage, programs: tuple[FoundFolders, ...]
) -> None:
    shown = heard(hand.models.intents.show_models)
    hand.wait(lambda: text.use_folders(2) in hand.names)
    assert any("ComfyUI" in line and "Forge" in line for line in hand.texts)
    hand.click(text.use_folders(2))
    hand.wait(lambda: len(hand.models.catalog.added_folders) == 2)
    assert set(hand.models.catalog.added_folders) == {folder for one in programs for folder in one.models}
    assert len(shown) == 1


def test_any_folder_can_be_chosen(hand: OpenPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    hand.click("Choose a folder…")
    hand.wait(lambda: hand.models.catalog.added_folders == (tmp_path,))


def test_the_list_has_names_takes_the_keyboard_and_escape_leaves_it(
    hand: OpenPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    welcome = hand.widget.place.currentWidget()
    asked: list[str] = []
    monkeypatch.setattr(hand.models.downloads, "look_up", lambda typed, token="": asked.append(typed))
    for stops in (tab_stops(welcome), hand.click("Show the list") or tab_stops(welcome)):
        assert len(stops) >= 4
        assert all(stop.accessibleName() or stop.text() for stop in stops)
    address = hand.control("Address of a model", QLineEdit)
    assert address is QApplication.focusWidget()
    hand.click("Get DreamShaper 8")
    address.setText("artist/forest")
    hand.press(Qt.Key.Key_Return, widget=address)
    assert asked == ["Lykon/dreamshaper-8", "artist/forest"]
    assert hand.widget.go_back()
    assert ways(hand)
    assert not hand.widget.go_back()
