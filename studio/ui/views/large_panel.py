"""Beside a picture that is shown large: how it was made, and what can be done with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from studio.ui.theme.metrics import GAP, GRID, PADDING
from studio.ui.views.large_facts import long_facts, short_facts
from studio.ui.widgets.ground import Ground
from studio.ui.widgets.icon_button import IconButton
from studio.ui.widgets.plain_label import PlainLabel
from studio.ui.widgets.text_button import TextButton

if TYPE_CHECKING:
    from studio.gallery.entry import Entry
    from studio.ui.theme.theme import Theme

WIDTH = 288
_LABEL_PX = 92
_SELECTABLE = Qt.TextInteractionFlag.TextSelectableByMouse


class LargePanel(Ground):
    """The settings of one picture, as a list, above what can be done with it.

    Signals:
        settings_requested: the settings are to fill the form.
        copy_requested: the picture is to be copied.
        folder_requested: its folder is to be shown.
        trash_requested: it is to be thrown away.
    """

    settings_requested = Signal()
    copy_requested = Signal()
    folder_requested = Signal()
    trash_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Start without a picture."""
        super().__init__(theme, "panel", lines=Qt.Edge.LeftEdge, parent=parent)
        self._theme_of_rows = theme
        self.setFixedWidth(WIDTH)
        self._rows: QWidget | None = None
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._area.viewport().setAutoFillBackground(False)
        use = TextButton(theme, "Use these settings", kind="primary")
        copy = IconButton(theme, "copy", "Copy the picture", tip="Copy (Ctrl+C)")
        folder = IconButton(theme, "folder-open", "Show in folder")
        trash = IconButton(theme, "trash-2", "Move to the trash", tip="Move to the trash (Del)")
        use.clicked.connect(self.settings_requested)
        copy.clicked.connect(self.copy_requested)
        folder.clicked.connect(self.folder_requested)
        trash.clicked.connect(self.trash_requested)
        foot = QHBoxLayout()
        foot.setContentsMargins(PADDING, GAP, PADDING, PADDING)
        foot.setSpacing(GAP)
        foot.addWidget(use, 1)
        for button in (copy, folder, trash):
            foot.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._area, 1)
        column.addLayout(foot)

    def show_entry(self, entry: Entry) -> None:
        """Tell of another picture."""
        rows = QWidget()
        grid = QGridLayout(rows)
        grid.setContentsMargins(PADDING, PADDING, PADDING, PADDING)
        grid.setHorizontalSpacing(GAP)
        grid.setVerticalSpacing(GAP)
        grid.setColumnMinimumWidth(0, _LABEL_PX)
        grid.setColumnStretch(1, 1)
        for label, text in long_facts(entry):
            place = grid.rowCount()
            grid.addWidget(self._label(label), place, 0, 1, 2)
            grid.addWidget(self._value(label, text), place + 1, 0, 1, 2)
            grid.setRowMinimumHeight(place + 2, GRID)
        for label, text in short_facts(entry):
            place = grid.rowCount()
            grid.addWidget(self._label(label), place, 0, Qt.AlignmentFlag.AlignTop)
            value = self._value(label, text, elide=label in ("File", "Device"))
            if label == "File":
                value.setToolTip("")
            grid.addWidget(value, place, 1)
        grid.setRowStretch(grid.rowCount(), 1)
        old, self._rows = self._rows, rows
        self._area.setWidget(rows)
        del old

    def _label(self, text: str) -> PlainLabel:
        return PlainLabel(self._theme_of_rows, text, role="dim")

    def _value(self, label: str, text: str, *, elide: bool = False) -> PlainLabel:
        value = PlainLabel(self._theme_of_rows, text, wrap=not elide, elide=elide)
        value.setAccessibleName(f"{label}: {text}")
        if not elide:
            value.setTextInteractionFlags(_SELECTABLE)
        return value
