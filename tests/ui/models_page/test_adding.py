"""Folders and files with models are used in place: added on the page or dropped on the window, and removed again."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QFileDialog

from studio.checkpoints.library.folders import added_folders
from studio.ui.models_page import text
from studio.ui.shell.main_window import read_dropped
from tests.ui.cards import LARGE, STARTER, broken, installed, show_models

if TYPE_CHECKING:
    import pytest
    from pytestqt.qtbot import QtBot

    from tests.ui.program import MakePage, MakeProgram


def test_a_chosen_folder_is_added_and_removed_again(
    make_page: MakePage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    opened = make_page("models", installed(STARTER, shipped=True))
    view, catalog = opened.widget, opened.models.catalog
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    with qtbot.waitSignal(catalog.added):
        qtbot.mouseClick(view.add, Qt.MouseButton.LeftButton)
    assert catalog.added_folders == added_folders(catalog.folders) == (tmp_path,)
    assert view.found.text() == text.added(0, 0, 0)
    (row,) = view.folders
    with qtbot.waitSignal(catalog.changed):
        qtbot.mouseClick(row.remove, Qt.MouseButton.LeftButton)
    assert catalog.added_folders == added_folders(catalog.folders) == ()
    assert view.folders == []


def test_what_was_found_is_counted(
    make_page: MakePage, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    opened = make_page("models", installed(STARTER, shipped=True))
    there = Path("/there")
    inside = [dataclasses.replace(one, folder=there / one.name) for one in (installed(LARGE), broken("torn"))]
    show_models(monkeypatch, installed(STARTER, shipped=True), *inside)
    with qtbot.waitSignal(opened.models.catalog.added) as counted:
        opened.models.catalog.add([there])
    assert counted.args == [1, 1, 0]


def test_adapters_alone_are_no_models_but_are_counted(
    make_program: MakeProgram, tmp_path: Path, qtbot: QtBot
) -> None:
    header = {"emb_params": {"dtype": "F16", "shape": [2, 768], "data_offsets": [0, 3072]}}
    encoded = json.dumps(header).encode()
    added = tmp_path / "ink.safetensors"
    added.write_bytes(len(encoded).to_bytes(8, "little") + encoded + bytes(3072))
    models = make_program(home=tmp_path / "home").models
    assert not models.folders.models.exists()
    with qtbot.waitSignal(models.catalog.added) as counted:
        models.catalog.add([added])
    assert counted.args == [0, 0, 1]
    assert models.catalog.found.folder_problems == ()
    assert text.added(0, 0, 1) != text.added(0, 0, 0)


def test_a_dropped_folder_is_added_and_the_page_shows_it(
    make_program: MakeProgram, tmp_path: Path, qtbot: QtBot
) -> None:
    hand = make_program()
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path))])
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    catalog, opened = hand.models.catalog, []
    hand.window.pages.opened.connect(opened.append)
    with qtbot.waitSignal(catalog.added):
        hand.window.dropEvent(QDropEvent(QPointF(10, 10), Qt.DropAction.CopyAction, data, buttons, keys))
    assert catalog.added_folders == (tmp_path,)
    assert opened == ["models"]


def test_files_of_weights_are_models_and_several_pictures_are_neither(tmp_path: Path) -> None:
    weights, picture = tmp_path / "a.safetensors", tmp_path / "a.png"
    for path in (weights, picture):
        path.touch()
    assert read_dropped([weights, picture, tmp_path]) == [weights, tmp_path]
    assert isinstance(read_dropped([picture, picture]), str)


def test_a_model_that_is_used_for_the_first_time_is_listed_with_its_hash(
    make_program: MakeProgram, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    catalog = make_program().models.catalog
    unhashed, hashed = (dataclasses.replace(LARGE, weights_sha256=digest) for digest in ("", "a" * 64))
    for card in (unhashed, hashed):
        show_models(monkeypatch, installed(card))
        with qtbot.waitSignal(catalog.changed):
            catalog.expect(["a" * 64]) if card is hashed else catalog.reload()
    assert catalog.card(LARGE.name).weights_sha256 == "a" * 64
    with qtbot.assertNotEmitted(catalog.changed, wait=50):
        catalog.expect(["a" * 64, "b" * 64, ""])
        catalog.expect(["b" * 64])
