"""A sample of a training, large: the arrows lead to its neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.ui.theme.metrics import GAP
from studio.ui.views import train_run_words as words
from studio.ui.widgets.buttons import IconButton
from studio.ui.widgets.labels import PlainLabel
from studio.ui.widgets.picture_view import PictureView

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent

    from studio.ui.core.settings import Preferences
    from studio.ui.models.train_run import TrainRun
    from studio.ui.theme.theme import Theme
    from studio.ui.views.train_samples import SampleStrip


class LargeSample(QWidget):
    """Shows the current picture of a `SampleStrip`; of a reconstruction also what it is of.

    Signals:
        closed: the strip is wanted again.
    """

    closed = Signal()

    def __init__(
        self,
        theme: Theme,
        run: TrainRun,
        strip: SampleStrip,
        preferences: Preferences,
        parent: QWidget | None = None,
    ) -> None:
        """Show nothing yet."""
        super().__init__(parent)
        self._run, self._strip, self._preferences = run, strip, preferences
        self.setAccessibleName("Sample")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.title = PlainLabel(theme, kind="title", elide=True)
        self.caption = PlainLabel(theme, role="dim", elide=True)
        self.close_button = IconButton(theme, "x", "Back to the training", kind="quiet", tip="Back (Esc)")
        self.picture = PictureView(theme, "Sample, large")
        self.original = PictureView(theme, "What it is a reconstruction of")
        lines = QVBoxLayout()
        lines.setSpacing(0)
        lines.addWidget(self.title)
        lines.addWidget(self.caption)
        head = QHBoxLayout()
        head.addLayout(lines, 1)
        head.addWidget(self.close_button)
        pictures = QHBoxLayout()
        pictures.setSpacing(GAP)
        pictures.addWidget(self.picture)
        pictures.addWidget(self.original)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GAP)
        layout.addLayout(head)
        layout.addLayout(pictures, 1)
        self.close_button.clicked.connect(self.closed)
        preferences.changed.connect(self._on_preference_changed)
        self._on_preference_changed("enlarge")

    def show_place(self, column: int, row: int) -> None:
        """Show the picture at a place of the strip, or the nearest."""
        samples = self._run.samples
        if not samples:
            return
        self._strip.go_to(column, row)
        assert self._strip.current is not None, "it went to one that is there"
        column, row = self._strip.current
        sampled = samples[column]
        self.title.setText(sampled.prompts[row])
        self.caption.setText(f"{words.sample_title(sampled)}, seed {sampled.seeds[row]}")
        self.picture.set_image(self._strip.image(column, row))
        original = self._strip.original(column, row)
        self.original.set_image(original)
        self.original.setVisible(original is not None)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go to a neighbour."""
        moves = {
            Qt.Key.Key_Left: (-1, 0),
            Qt.Key.Key_Right: (1, 0),
            Qt.Key.Key_Up: (0, -1),
            Qt.Key.Key_Down: (0, 1),
        }
        by = moves.get(Qt.Key(event.key()))
        if by is None or self._strip.current is None:
            super().keyPressEvent(event)
            return
        column, row = self._strip.current
        self.show_place(column + by[0], row + by[1])

    @Slot(str)
    def _on_preference_changed(self, name: str) -> None:
        if name == "enlarge":
            self.picture.set_enlarge(self._preferences.enlarge)
            self.original.set_enlarge(self._preferences.enlarge)
