"""The head of the page of comparisons: what is made, from which noise, and how the pictures are laid out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.ui.theme.metrics import GAP, PADDING
from studio.ui.views import compare_words as words
from studio.ui.widgets.ground import Ground
from studio.ui.widgets.icon_button import IconButton
from studio.ui.widgets.plain_label import PlainLabel
from studio.ui.widgets.segmented_switch import SegmentedSwitch
from studio.ui.widgets.text_button import TextButton

if TYPE_CHECKING:
    from studio.ui.theme.theme import Theme

HEIGHT = 56


class CompareHead(Ground):
    """Title and modes.

    Signals:
        cancel_requested: the runs are to stop.
        save_requested: what is seen is to be saved as one picture.
        newest_requested: the comparison that runs is to be seen again.
    """

    cancel_requested = Signal()
    save_requested = Signal()
    newest_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Start without a comparison."""
        super().__init__(theme, "panel", lines=Qt.Edge.BottomEdge, parent=parent)
        self.setFixedHeight(HEIGHT)
        self.title = PlainLabel(theme, kind="title", elide=True)
        self.facts = PlainLabel(theme, kind="label", role="dim", elide=True)
        self.noise = PlainLabel(theme, kind="label", role="good")
        self.cancel = TextButton(theme, "Cancel")
        self.setup = IconButton(
            theme, "sliders-horizontal", "Show or hide the settings of the runs", checkable=True
        )
        self.library = IconButton(
            theme, "images", "Compare recorded runs: show or hide their list", checkable=True
        )
        self.newest = TextButton(theme, "Back to the running one", kind="quiet", icon="chevron-left")
        self.save = IconButton(theme, "download", "Save what is seen as one labelled picture")
        self.modes = SegmentedSwitch(theme, "Layout", list(words.MODES))
        row = QHBoxLayout(self)
        row.setContentsMargins(PADDING, 0, PADDING, 1)
        row.setSpacing(GAP + GAP // 2)
        lines = QVBoxLayout()
        lines.setSpacing(0)
        lines.addStretch()
        lines.addWidget(self.title)
        lines.addWidget(self.facts)
        lines.addStretch()
        row.addLayout(lines, 1)
        for widget in (self.noise, self.newest, self.cancel, self.save, self.library, self.setup, self.modes):
            row.addWidget(widget)
        self.cancel.hide()
        self.newest.hide()
        self.newest.clicked.connect(self.newest_requested)
        self.cancel.clicked.connect(self.cancel_requested)
        self.save.clicked.connect(self.save_requested)

    def show_noise(self, sentence: str, *, same: bool) -> None:
        """Say whether the runs start from the same noise."""
        self.noise.setText(sentence)
        self.noise.set_role("good" if same else "warn")
        self.noise.setVisible(bool(sentence))
