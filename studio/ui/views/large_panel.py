"""Beside a picture that is shown large: how it was made, and what can be done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QAbstractSlider,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from studio.ui.jobs.picture_menu import COMPARE_WITH, SaveMenu
from studio.ui.theme.metrics import GAP, GRID, PADDING
from studio.ui.views.large_check import LargeCheck
from studio.ui.views.large_facts import FILE, long_facts, short_facts
from studio.ui.widgets.buttons import IconButton, TextButton
from studio.ui.widgets.cards import Ground
from studio.ui.widgets.labels import PlainLabel, set_tip

if TYPE_CHECKING:
    from studio.gallery.entry import Entry
    from studio.ui.jobs.recorded_runs import RunsModel
    from studio.ui.models.verifying import VerifyModel
    from studio.ui.theme.theme import Theme

WIDTH = 304
_LABEL_PX = 104
_UNLIMITED = 16_777_215  # Qt's QWIDGETSIZE_MAX
_LONG = 200
"""Texts longer than this are in a tooltip too."""

_SCROLLS = {
    int(Qt.Key.Key_Up): QAbstractSlider.SliderAction.SliderSingleStepSub,
    int(Qt.Key.Key_Down): QAbstractSlider.SliderAction.SliderSingleStepAdd,
    int(Qt.Key.Key_PageUp): QAbstractSlider.SliderAction.SliderPageStepSub,
    int(Qt.Key.Key_PageDown): QAbstractSlider.SliderAction.SliderPageStepAdd,
}


class LargePanel(Ground):
    """The settings of one picture, as a list, above what can be done with it.

    Attributes:
        check: whether it comes out the same again.

    Signals:
        settings_requested: the settings are to fill the form.
        watch_requested: it is to be watched forming.
        compare_requested: its run is to lie beside others.
        save_requested: it is to be saved elsewhere: how many times as large, and whether smooth.
        copy_requested: the picture is to be copied.
        folder_requested: its folder is to be shown.
        trash_requested: it is to be thrown away.
    """

    settings_requested = Signal()
    watch_requested = Signal()
    compare_requested = Signal()
    save_requested = Signal(int, bool)
    copy_requested = Signal()
    folder_requested = Signal()
    trash_requested = Signal()

    def __init__(
        self, theme: Theme, verifier: VerifyModel, runs: RunsModel, parent: QWidget | None = None
    ) -> None:
        """Start without a picture; ``verifier`` makes one again, and its run is among ``runs``."""
        super().__init__(theme, "panel", lines=Qt.Edge.LeftEdge, parent=parent)
        self._theme_of_rows = theme
        self.setFixedWidth(WIDTH)
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._area.viewport().setAutoFillBackground(False)
        use = TextButton(theme, "Use these settings", kind="primary")
        watch = TextButton(theme, "Watch it form", icon="play")
        compare = TextButton(theme, COMPARE_WITH, icon="columns-2")
        copy = TextButton(theme, "Copy", icon="copy")
        self._save = TextButton(theme, "Save as…", icon="download")
        self.save_menu = SaveMenu(self)
        folder = IconButton(theme, "folder-open", "Show in folder")
        trash = IconButton(theme, "trash-2", "Move to the trash", tip="Move to the trash (Del)")
        set_tip(use, "Fill the form with what made this picture, its seed too.")
        set_tip(watch, "Go through the recorded steps of this picture (W)")
        set_tip(compare, "Lay the recorded run of this picture beside others")
        set_tip(self._save, "Save this picture elsewhere, as it is or enlarged")
        set_tip(copy, "Copy the picture and its file (Ctrl+C)")
        use.clicked.connect(self.settings_requested)
        watch.clicked.connect(self.watch_requested)
        compare.clicked.connect(self.compare_requested)
        copy.clicked.connect(self.copy_requested)
        self._save.clicked.connect(self._on_save)
        self.save_menu.chosen.connect(self.save_requested)
        folder.clicked.connect(self.folder_requested)
        trash.clicked.connect(self.trash_requested)
        others = QHBoxLayout()
        others.setSpacing(GAP)
        others.addWidget(copy, 1)
        others.addWidget(self._save, 1)
        others.addWidget(folder)
        others.addWidget(trash)
        foot = QVBoxLayout()
        foot.setContentsMargins(PADDING, GAP, PADDING, PADDING)
        foot.setSpacing(GAP)
        foot.addWidget(use)
        run = QHBoxLayout()
        run.setSpacing(GAP)
        run.addWidget(watch, 1)
        run.addWidget(compare, 1)
        foot.addLayout(run)
        self.check = LargeCheck(theme, verifier, runs)
        foot.addWidget(self.check)
        foot.addLayout(others)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._area, 1)
        column.addLayout(foot)

    @Slot()
    def _on_save(self) -> None:
        self.save_menu.popup(self._save.mapToGlobal(QPoint(0, -self.save_menu.sizeHint().height())))

    def set_below(self, below: bool) -> None:
        """Lie beneath the picture, as wide as that, or beside it."""
        self._lines = Qt.Edge.TopEdge if below else Qt.Edge.LeftEdge
        self.setMinimumWidth(0 if below else WIDTH)
        self.setMaximumWidth(_UNLIMITED if below else WIDTH)
        self.update()

    def scroll_by(self, key: int) -> bool:
        """Scroll the list with a key; return False for a key that does not scroll."""
        action = _SCROLLS.get(key)
        if action is not None:
            self._area.verticalScrollBar().triggerAction(action)
        return action is not None

    def show_entry(self, entry: Entry) -> None:
        """Tell of another picture."""
        self.check.show_entry(entry)
        rows = QWidget()
        grid = QGridLayout(rows)
        grid.setContentsMargins(PADDING, PADDING, PADDING, PADDING)
        grid.setHorizontalSpacing(GAP)
        grid.setVerticalSpacing(GAP)
        grid.setColumnMinimumWidth(0, _LABEL_PX)
        grid.setColumnStretch(1, 1)
        place = 0
        for label, text in long_facts(entry):
            block = QVBoxLayout()
            block.setSpacing(GRID)
            block.setContentsMargins(0, 0, 0, GAP)
            block.addWidget(self._label(label))
            block.addWidget(self._value(label, text))
            grid.addLayout(block, place, 0, 1, 2)
            place += 1
        for label, text in short_facts(entry):
            grid.addWidget(self._label(label), place, 0, Qt.AlignmentFlag.AlignTop)
            value = self._value(label, text)
            if label == FILE:
                set_tip(value, str(entry.path))
            grid.addWidget(value, place, 1, Qt.AlignmentFlag.AlignTop)
            place += 1
        grid.setRowStretch(place, 1)
        self._area.setWidget(rows)
        rows.setAutoFillBackground(False)

    def _label(self, text: str) -> PlainLabel:
        label = PlainLabel(self._theme_of_rows, text, role="dim", wrap=True)
        label.setMaximumWidth(_LABEL_PX)
        return label

    def _value(self, label: str, text: str) -> PlainLabel:
        value = PlainLabel(self._theme_of_rows, text, wrap=True, tip=text if len(text) > _LONG else "")
        value.setAccessibleName(f"{label}: {text}")
        value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        # A word that is wider than the panel is cut, and must not widen it.
        policy = value.sizePolicy()
        policy.setHorizontalPolicy(QSizePolicy.Policy.Ignored)
        value.setSizePolicy(policy)
        return value
