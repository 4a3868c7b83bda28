"""Among the settings: whether runs are recorded, and how much room they may take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.ui.core.settings import MAX_RUNS_GIB
from studio.ui.theme.metrics import FIELD, GAP, SECTION
from studio.ui.widgets.choice import SegmentedSwitch
from studio.ui.widgets.labels import PlainLabel, labelled
from studio.ui.widgets.numbers import NumberField

if TYPE_CHECKING:
    from PySide6.QtGui import QShowEvent

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
