"""Among the settings: whether runs are recorded, and how much room they may take.

The page of settings: looks, previews, folders, versions.
"""

from __future__ import annotations

import importlib
import platform
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot, qVersion
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

import studio
from studio.ui.core.settings import MAX_RUNS_GIB
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


RECORD = (
    ("yes", "Recorded", "Every step of every run is kept, to be watched, forked and compared later."),
    ("no", "Not recorded", "Steps are there until the next job begins."),
)
_MB, _GB = 2**20, 2**30


def size_words(size: int) -> str:
    """Return a number of bytes for people."""
    if 0 < size < _MB:
        return "under 1 MiB"
    return f"{size / _GB:.1f} GiB" if size >= _GB else f"{size / _MB:.0f} MiB"


class RunsSettings(QWidget):
    """Edits what `Preferences` say of recorded runs."""

    def __init__(
        self, theme: Theme, preferences: Preferences, runs: RunsModel, parent: QWidget | None = None
    ) -> None:
        """Show the preferences, and what ``runs`` take."""
        super().__init__(parent)
        self._preferences, self._runs = preferences, runs
        self._used = 0
        self.record_switch = SegmentedSwitch(theme, "Record runs", list(RECORD))
        self.room = NumberField(
            theme,
            "Room for them in GiB",
            minimum=0.1,
            maximum=MAX_RUNS_GIB,
            step=0.5,
            decimals=1,
            tip="Where runs take more, the oldest give up their steps; never their pictures.",
        )
        self.room.setMaximumWidth(2 * FIELD)
        self.words = PlainLabel(theme, kind="label", role="dim", wrap=True)
        cell = QWidget()
        labelled(theme, cell, "Record runs").addWidget(self.record_switch, 0, Qt.AlignmentFlag.AlignLeft)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SECTION)
        row.addWidget(cell, 1)
        row.addWidget(self.room, 1)
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
        self.room.edited.connect(self._on_room_edited)

    def showEvent(self, event: QShowEvent) -> None:
        """Find out what they take now."""
        super().showEvent(event)
        self._runs.measure()

    @Slot(str)
    def _on_preference_changed(self, name: str) -> None:
        if name == "record_runs":
            self.record_switch.set_value("yes" if self._preferences.record_runs else "no")
        elif name == "runs_gib":
            self.room.set_value(self._preferences.runs_gib)
            self._tell()

    @Slot(object)
    def _on_used(self, size: int) -> None:
        self._used = size
        self._tell()

    def _tell(self) -> None:
        self.words.setText(
            f"Recorded runs take {size_words(self._used)} of {self._preferences.runs_gib:g} GiB. Where they need more, "
            "the oldest that are not pinned give up their steps; never their pictures."
        )

    @Slot(str)
    def _on_record_edited(self, choice: str) -> None:
        self._preferences.set("record_runs", choice == "yes")

    @Slot(float)
    def _on_room_edited(self, gib: float) -> None:
        self._preferences.set("runs_gib", gib)


WIDTH = 640

THEMES = (
    ("system", "System", "As the system has it, and changing with it."),
    ("dark", "Dark", "Light text on dark ground."),
    ("light", "Light", "Dark text on light ground."),
)
ENLARGE = (
    ("smooth", "Smooth", "Small pictures are enlarged without edges between their pixels."),
    ("pixels", "Pixels", "Each pixel of a small picture is shown as a square."),
)
BUDGET_TIP = "How much of a run's time may go into showing it."


def budget_words(share: float) -> str:
    """Return what a budget of previews does."""
    same = "The finished picture is the same."
    if share <= 0:
        return f"No previews: the picture is shown when it is done. {same}"
    if share >= 1:
        return f"Previews at every step, at full quality, whatever they cost. {same}"
    return f"Where previews would cost more than {share:.0%} of a run, they become coarser or fewer. {same}"


class SettingsView(Page):
    """Edits `Preferences`."""

    def __init__(
        self,
        theme: Theme,
        preferences: Preferences,
        folders: Folders,
        runs: RunsModel,
        parent: QWidget | None = None,
    ) -> None:
        """Show the preferences and where things are kept."""
        super().__init__(theme, "Settings", WIDTH, parent)
        self._theme, self._preferences = theme, preferences
        self.theme_switch = SegmentedSwitch(theme, "Theme", list(THEMES))
        self.enlarge_switch = SegmentedSwitch(theme, "Small pictures", list(ENLARGE))
        self.budget = NumberSlider(
            theme, "Share of a run in percent", minimum=0, maximum=100, step=5, tip=BUDGET_TIP
        )
        self.budget_words = PlainLabel(theme, kind="label", role="dim", wrap=True)
        self.runs = RunsSettings(theme, preferences, runs)
        self.folder_fault = PlainLabel(theme, role="bad", wrap=True)
        self.folder_fault.hide()
        self.folders = [
            FolderRow(theme, label, path)
            for label, path in (
                ("Pictures", folders.outputs),
                ("Models", folders.models),
                ("Recorded runs", folders.runs),
                ("Logs", folders.logs),
            )
        ]
        self.versions = PlainLabel(theme, versions(), role="dim", wrap=True)
        self._lay_out()
        self._connect()
        for name in ("theme", "enlarge", "preview_budget"):
            self._on_preference_changed(name)

    def _lay_out(self) -> None:
        looks = QWidget()
        row = QHBoxLayout(looks)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(SECTION)
        for label, switch in (("Theme", self.theme_switch), ("Small pictures", self.enlarge_switch)):
            cell = QWidget()
            labelled(self._theme, cell, label).addWidget(switch, 0, Qt.AlignmentFlag.AlignLeft)
            row.addWidget(cell, 1)
        self._add_section("Looks", looks)
        self._add_section("Previews", self.budget, self.budget_words)
        self._add_section("Recorded runs", self.runs)
        self._add_section("Folders", *self.folders, self.folder_fault)
        self._add_section("Versions", self.versions)
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
        self.budget.edited.connect(self._on_budget_edited)
        for row in self.folders:
            row.failed.connect(self._on_folder_failed)

    @Slot(str)
    def _on_preference_changed(self, name: str) -> None:
        match name:
            case "theme":
                self.theme_switch.set_value(self._preferences.theme)
            case "enlarge":
                self.enlarge_switch.set_value(self._preferences.enlarge)
            case "preview_budget":
                share = self._preferences.preview_budget
                self.budget.set_value(round(share * 100))
                self.budget_words.setText(budget_words(share))

    @Slot(str)
    def _on_theme_edited(self, choice: str) -> None:
        self._preferences.set("theme", choice)
        self._theme.choose(choice)

    @Slot(str)
    def _on_enlarge_edited(self, choice: str) -> None:
        self._preferences.set("enlarge", choice)

    @Slot(float)
    def _on_budget_edited(self, percent: float) -> None:
        self._preferences.set("preview_budget", round(percent) / 100)

    @Slot(str)
    def _on_folder_failed(self, sentence: str) -> None:
        self.folder_fault.setText(sentence)
        self.folder_fault.setVisible(bool(sentence))


def versions() -> str:
    """Return the versions a report should name; nothing heavy is imported for it."""
    metadata = importlib.import_module("importlib.metadata")  # takes longer than is good at the start
    named = [("Python", platform.python_version()), ("Qt", qVersion())]
    for package, name in (("PySide6-Essentials", "PySide"), ("torch", "torch"), ("numpy", "numpy")):
        try:
            named.append((name, metadata.version(package)))
        except metadata.PackageNotFoundError:
            continue
    listed = ", ".join(f"{name} {version}" for name, version in named)
    return f"Stepwise Studio {studio.__version__}\n{listed}"
