"""The page of settings: appearance, language, previews, recorded runs, folders, versions."""

from __future__ import annotations

import importlib
import platform
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot, qVersion
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

import studio
from studio.ui.core.background import Background
from studio.ui.core.settings import MAX_HEADROOM_GB, MAX_RUNS_GIB
from studio.ui.jobs.text import runs_limit
from studio.ui.language import tr
from studio.ui.settings_page import text
from studio.ui.theme.metrics import FIELD, GAP, GRID, PADDING, SECTION
from studio.ui.widgets.cards import Card
from studio.ui.widgets.choice import SegmentedSwitch
from studio.ui.widgets.labels import PlainLabel, labelled
from studio.ui.widgets.numbers import NumberField, NumberSlider
from studio.ui.widgets.page import FolderRow, Page

if TYPE_CHECKING:
    from PySide6.QtGui import QShowEvent

    from studio.folders import Folders
    from studio.ui.core.settings import Preferences
    from studio.ui.jobs.recorded_runs import RunsModel
    from studio.ui.theme.theme import Theme


class RunsSettings(QWidget):
    """Settings of recorded runs: whether runs are recorded, and their disk space."""

    def __init__(
        self, theme: Theme, preferences: Preferences, runs: RunsModel, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._preferences, self._runs = preferences, runs
        self._used = 0
        self.record_switch = SegmentedSwitch(theme, tr("Record runs"), text.record())
        self.disk_space = NumberField(
            theme,
            tr("Disk space in GiB"),
            minimum=0.1,
            maximum=MAX_RUNS_GIB,
            step=0.5,
            decimals=1,
            tip=runs_limit(),
        )
        self.disk_space.setMaximumWidth(2 * FIELD)
        self.words = PlainLabel(theme, kind="label", role="dim", wrap=True)
        cell = QWidget()
        labelled(theme, cell, tr("Record runs")).addWidget(self.record_switch, 0, Qt.AlignmentFlag.AlignLeft)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SECTION)
        row.addWidget(cell, 1)
        row.addWidget(self.disk_space, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GAP)
        column.addLayout(row)
        column.addWidget(self.words)
        for name in ("record_runs", "runs_gib"):
            self._on_preference_changed(name)
        preferences.changed.connect(self._on_preference_changed)
        runs.used.connect(self._on_used)
        self.record_switch.edited.connect(self._on_record_edited)
        self.disk_space.edited.connect(self._on_disk_space_edited)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._runs.measure()

    @Slot(str)
    def _on_preference_changed(self, name: str) -> None:
        if name == "record_runs":
            self.record_switch.set_value("yes" if self._preferences.record_runs else "no")
        elif name == "runs_gib":
            self.disk_space.set_value(self._preferences.runs_gib)
            self._update_text()

    @Slot(object)
    def _on_used(self, size: int) -> None:
        self._used = size
        self._update_text()

    def _update_text(self) -> None:
        self.words.setText(text.runs_used(self._used, self._preferences.runs_gib))

    @Slot(str)
    def _on_record_edited(self, choice: str) -> None:
        self._preferences.set("record_runs", choice == "yes")

    @Slot(float)
    def _on_disk_space_edited(self, gib: float) -> None:
        self._preferences.set("runs_gib", gib)


WIDTH = 640


class SettingsView(Page):
    """Edits the `Preferences`."""

    def __init__(
        self,
        theme: Theme,
        preferences: Preferences,
        folders: Folders,
        runs: RunsModel,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(theme, tr("Settings"), WIDTH, parent)
        self._theme, self._preferences = theme, preferences
        self.theme_switch = SegmentedSwitch(theme, tr("Theme"), text.themes())
        self.enlarge_switch = SegmentedSwitch(theme, tr("Small pictures"), text.enlarge())
        self.language_switch = SegmentedSwitch(theme, tr("Language"), text.languages())
        self.budget = NumberSlider(
            theme, tr("Share of a run in percent"), minimum=0, maximum=100, step=5, tip=text.budget_tip()
        )
        self.budget_words = PlainLabel(theme, kind="label", role="dim", wrap=True)
        self.runs = RunsSettings(theme, preferences, runs)
        self.headroom = NumberField(
            theme,
            tr("Keep free for other programs, in GB"),
            minimum=0,
            maximum=MAX_HEADROOM_GB,
            step=0.5,
            decimals=1,
            tip=text.headroom_tip(),
        )
        self.headroom.setMaximumWidth(2 * FIELD)
        self.folder_fault = PlainLabel(theme, role="bad", wrap=True)
        self.folder_fault.hide()
        self._background = Background(self)
        self.folders = [
            FolderRow(theme, label, path, self._background.do)
            for label, path in (
                (tr("Pictures"), folders.outputs),
                (tr("Models"), folders.models),
                (tr("Recorded runs"), folders.runs),
                (tr("Logs"), folders.logs),
            )
        ]
        self.versions = PlainLabel(theme, versions(), role="dim", wrap=True)
        self._lay_out()
        self._connect()
        for name in ("theme", "enlarge", "language", "preview_budget", "headroom_gb"):
            self._on_preference_changed(name)

    def _lay_out(self) -> None:
        looks = QWidget()
        row = QHBoxLayout(looks)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SECTION)
        for label, switch in ((tr("Theme"), self.theme_switch), (tr("Small pictures"), self.enlarge_switch)):
            cell = QWidget()
            labelled(self._theme, cell, label).addWidget(switch, 0, Qt.AlignmentFlag.AlignLeft)
            row.addWidget(cell, 1)
        hint = PlainLabel(self._theme, text.language_hint(), kind="label", role="dim", wrap=True)
        self._add_section(tr("Appearance"), looks)
        self._add_section(tr("Language"), self.language_switch, hint)
        self._add_section(tr("Previews"), self.budget, self.budget_words)
        memory = PlainLabel(self._theme, text.headroom_tip(), kind="label", role="dim", wrap=True)
        self._add_section(tr("Memory"), self.headroom, memory)
        self._add_section(tr("Recorded runs"), self.runs)
        self._add_section(tr("Folders"), *self.folders, self.folder_fault)
        self._add_section(tr("Versions"), self.versions)
        self.column.addStretch()

    def _add_section(self, title: str, *rows: QWidget) -> None:
        card = Card(self._theme)
        column = QVBoxLayout(card)
        column.setContentsMargins(PADDING, PADDING - GRID, PADDING, PADDING)
        column.setSpacing(GAP)
        column.addWidget(PlainLabel(self._theme, title, bold=True))
        for row in rows:
            column.addWidget(row)
        self.column.addWidget(card)

    def _connect(self) -> None:
        self._preferences.changed.connect(self._on_preference_changed)
        self.theme_switch.edited.connect(self._on_theme_edited)
        self.enlarge_switch.edited.connect(self._on_enlarge_edited)
        self.language_switch.edited.connect(self._on_language_edited)
        self.budget.edited.connect(self._on_budget_edited)
        self.headroom.edited.connect(self._on_headroom_edited)
        for row in self.folders:
            row.failed.connect(self._on_folder_failed)

    @Slot(str)
    def _on_preference_changed(self, name: str) -> None:
        match name:
            case "theme":
                self.theme_switch.set_value(self._preferences.theme)
            case "enlarge":
                self.enlarge_switch.set_value(self._preferences.enlarge)
            case "language":
                self.language_switch.set_value(self._preferences.language)
            case "headroom_gb":
                self.headroom.set_value(self._preferences.headroom_gb)
            case "preview_budget":
                share = self._preferences.preview_budget
                self.budget.set_value(round(share * 100))
                self.budget_words.setText(text.budget(share))

    @Slot(str)
    def _on_theme_edited(self, choice: str) -> None:
        self._preferences.set("theme", choice)
        self._theme.choose(choice)

    @Slot(str)
    def _on_enlarge_edited(self, choice: str) -> None:
        self._preferences.set("enlarge", choice)

    @Slot(str)
    def _on_language_edited(self, choice: str) -> None:
        self._preferences.set("language", choice)

    @Slot(float)
    def _on_budget_edited(self, percent: float) -> None:
        self._preferences.set("preview_budget", round(percent) / 100)

    @Slot(float)
    def _on_headroom_edited(self, gigabytes: float) -> None:
        self._preferences.set("headroom_gb", gigabytes)

    @Slot(str)
    def _on_folder_failed(self, sentence: str) -> None:
        self.folder_fault.setText(sentence)
        self.folder_fault.setVisible(bool(sentence))


def versions() -> str:
    """Return the versions for a report; imports none of the packages."""
    metadata = importlib.import_module("importlib.metadata")  # too slow for the start of the program
    named = [("Python", platform.python_version()), ("Qt", qVersion())]
    for package, name in (("PySide6-Essentials", "PySide"), ("torch", "torch"), ("numpy", "numpy")):
        try:
            named.append((name, metadata.version(package)))
        except metadata.PackageNotFoundError:
            continue
    listed = ", ".join(f"{name} {version}" for name, version in named)
    name = tr("Stepwise Studio")  # texts inside f-strings are found by some versions of Python only
    return f"{name} {studio.__version__}\n{listed}"
