from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel

from studio.folders import Folders
from studio.ui.settings_page import text

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from studio.ui.core.settings import Preferences
    from studio.ui.jobs.recorded_runs import RunsModel
    from studio.ui.settings_page.view import SettingsView
    from studio.ui.theme.theme import Theme
    from tests.ui.program import MakePage, OpenPage


@pytest.fixture
def page(make_page: MakePage) -> OpenPage:
    return make_page("settings", theme="system", size=(1044, 672))


@pytest.fixture
def view(page: OpenPage) -> SettingsView:
    return page.widget


@pytest.fixture
def preferences(page: OpenPage) -> Preferences:
    return page.models.preferences


@pytest.fixture
def theme(page: OpenPage) -> Theme:
    return page.theme


@pytest.fixture
def runs(page: OpenPage) -> RunsModel:
    return page.models.runs


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    paths: list[str] = []

    def open_url(url: QUrl) -> bool:
        paths.append(url.toLocalFile())
        return True

    monkeypatch.setattr(QDesktopServices, "openUrl", open_url)
    return paths


def test_preferences_are_shown(view: SettingsView, preferences: Preferences) -> None:
    assert (view.theme_switch.value, view.enlarge_switch.value, view.budget.value) == ("system", "smooth", 10)
    preferences.set("theme", "dark")
    preferences.set("enlarge", "pixels")
    preferences.set("preview_budget", 0.25)
    assert (view.theme_switch.value, view.enlarge_switch.value, view.budget.value) == ("dark", "pixels", 25)


def test_edits_change_the_preferences(view: SettingsView, preferences: Preferences, theme: Theme) -> None:
    for switch in (view.theme_switch, view.enlarge_switch):
        first = next(iter(switch.segments.values()))
        first.setFocus()
        QTest.keyClick(first, Qt.Key.Key_Right)
    assert (preferences.theme, preferences.enlarge) == ("dark", "pixels")
    assert theme.choice == "dark"
    view.budget.track.setValue(view.budget.track.maximum())
    assert preferences.preview_budget == 1.0
    view.budget.track.setValue(0)
    assert preferences.preview_budget == 0.0


def test_memory_is_kept_free_for_other_programs(view: SettingsView, preferences: Preferences) -> None:
    assert view.headroom.value == preferences.headroom_gb
    view.headroom.edited.emit(2.5)
    assert preferences.headroom_gb == 2.5


def test_recording_and_its_disk_space_are_preferences(
    view: SettingsView, preferences: Preferences, runs: RunsModel, qtbot: QtBot
) -> None:
    last = view.runs.record_switch.segments["no"]
    qtbot.mouseClick(last, Qt.MouseButton.LeftButton)
    assert not preferences.record_runs
    view.runs.disk_space.edited.emit(5.0)
    assert preferences.runs_gib == 5.0
    runs.used.emit(3 * 2**29)
    assert view.runs.words.text() == text.runs_used(3 * 2**29, 5.0)
    runs.used.emit(2**20)
    assert view.runs.words.text() == text.runs_used(2**20, 5.0)


def test_one_sentence_says_what_the_budget_does(view: SettingsView, preferences: Preferences) -> None:
    assert view.budget_words.text() == text.budget(0.1)
    said = {text.budget(share) for share in (0.0, 0.1, 0.5, 1.0)}
    assert len(said) == 4
    preferences.set("preview_budget", 0.0)
    assert view.budget_words.text() == text.budget(0.0)


def test_a_folder_is_made_and_opened(view: SettingsView, opened: list[str], qtbot: QtBot) -> None:
    folders = Folders.find()
    for row in view.folders:
        qtbot.mouseClick(row.open, Qt.MouseButton.LeftButton)
    wanted = [folders.outputs, folders.models, folders.runs, folders.logs]
    qtbot.waitUntil(lambda: [Path(path) for path in opened] == wanted)
    assert all(path.is_dir() for path in wanted)
    assert not view.folder_fault.isVisible()


def test_a_folder_that_cannot_be_opened_is_reported(
    view: SettingsView, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, stepwise_home: Path
) -> None:
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: False)
    qtbot.mouseClick(view.folders[0].open, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(view.folder_fault.isVisible)
    assert str(Folders.find().outputs) in view.folder_fault.text()
    (stepwise_home / "logs").write_text("a file in its place")
    qtbot.mouseClick(view.folders[3].open, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: str(Folders.find().logs) in view.folder_fault.text())


def test_paths_are_plain_text_that_can_be_selected(view: SettingsView) -> None:
    for row in view.folders:
        assert row.place.textInteractionFlags() & Qt.TextInteractionFlag.TextSelectableByMouse
    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in view.findChildren(QLabel))
    assert next(row.place.text() for row in view.folders) == str(Folders.find().outputs)


def test_versions_are_named_without_importing_torch() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from studio.ui.settings_page.view import versions\n"
        "assert 'torch 2' in versions() and 'Qt 6' in versions(), versions()"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.layout
def test_the_content_stays_in_its_place_when_the_scroll_bar_comes(view: SettingsView) -> None:
    QApplication.processEvents()
    place = view.folders[0].place
    before = place.mapTo(view, place.rect().topLeft()).x()
    view.resize(1044, 1200)
    QApplication.processEvents()
    assert view.area.verticalScrollBar().maximum() == 0
    view.resize(1044, 300)
    QApplication.processEvents()
    assert view.area.verticalScrollBar().maximum() > 0
    assert place.mapTo(view, place.rect().topLeft()).x() == before
