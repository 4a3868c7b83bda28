"""The row above the scrubber: by what runs stand side by side, which side of a step is seen, and the pair."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QWidget

from studio.ui.models.compare_colours import GAINS
from studio.ui.theme.metrics import GAP
from studio.ui.views import compare_words as words
from studio.ui.widgets.buttons import IconButton, Pill
from studio.ui.widgets.choice import ChoiceField, SegmentedSwitch
from studio.ui.widgets.labels import PlainLabel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studio.ui.models.compare import CompareModel
    from studio.ui.theme.theme import Theme


_NARROWEST, _WIDEST = 96, 190  # of the choice of a run, so that all fits the smallest window


class CompareBar(QWidget):
    """Edits a `CompareModel`; what belongs to the panes alone is asked for.

    Signals:
        gain_edited: how many times a difference is to be enlarged.
        turn_requested: the line of the wipe is to be turned.
    """

    gain_edited = Signal(float)
    turn_requested = Signal()

    def __init__(self, theme: Theme, model: CompareModel, parent: QWidget | None = None) -> None:
        """Show the model's choices."""
        super().__init__(parent)
        self._model = model
        self.alignment = SegmentedSwitch(theme, "Aligned by", list(words.ALIGNMENTS))
        self.sides = SegmentedSwitch(theme, "What to look at", list(words.SIDES))
        self.base, self.candidate = ChoiceField(theme, ""), ChoiceField(theme, "")
        self.base.box.setAccessibleName("A")
        self.candidate.box.setAccessibleName("B")
        self._letters = [
            PlainLabel(theme, "A", role="dim", bold=True),
            PlainLabel(theme, "B", role="dim", bold=True),
        ]
        self.gain = SegmentedSwitch(
            theme, "Gain", [(str(gain), f"× {gain}", words.GAIN_TIP) for gain in GAINS]
        )
        self.turn = IconButton(theme, "rotate-ccw", "Turn the line (X)")
        self.pill = Pill(theme, "live", "bad")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        row.addWidget(PlainLabel(theme, "Aligned by", role="dim"))
        row.addWidget(self.alignment)
        row.addWidget(self.pill)
        row.addStretch(1)
        for letter, field in zip(self._letters, (self.base, self.candidate), strict=True):
            row.addWidget(letter)
            row.addWidget(field, 1)
            field.setMinimumWidth(_NARROWEST)
            field.setMaximumWidth(_WIDEST)
        for widget in (self.turn, self.gain, self.sides):
            row.addWidget(widget)
        self.alignment.edited.connect(model.set_alignment)
        self.sides.edited.connect(model.set_what)
        self.pill.clicked.connect(self._on_pill_clicked)
        self.base.edited.connect(self._on_base_edited)
        self.candidate.edited.connect(self._on_candidate_edited)
        self.gain.edited.connect(self._on_gain_edited)
        self.turn.clicked.connect(self.turn_requested)

    def show_mode(self, mode: str) -> None:
        """Offer what belongs to a mode."""
        pair = mode in ("wipe", "blink", "difference")
        for widget in (self.base, self.candidate, *self._letters):
            widget.setVisible(pair)
        self.turn.setVisible(mode == "wipe")
        self.gain.setVisible(mode == "difference")

    def show_pair(self, names: Sequence[str]) -> None:
        """Show which two are the pair, by the names of all runs."""
        model = self._model
        for field, chosen, other in (
            (self.base, model.base, model.candidate),
            (self.candidate, model.candidate, model.base),
        ):
            field.set_items(
                [(str(place), name, "", "") for place, name in enumerate(names) if place != other]
            )
            field.set_value(str(chosen))

    def synchronise(self) -> None:
        """Show the model's choices."""
        model = self._model
        self.alignment.set_value(model.alignment)
        self.sides.set_value(model.what)
        running = model.course is not None and not model.course.over
        self.pill.setVisible(running or model.position is not None)
        self.pill.set_text("live" if running else "result", "bad" if running else "dim")
        self.pill.setAccessibleName("Back to the newest steps")

    @Slot()
    def _on_pill_clicked(self) -> None:
        self._model.select(None)

    @Slot(str)
    def _on_base_edited(self, key: str) -> None:
        self._model.set_pair(int(key), self._model.candidate)

    @Slot(str)
    def _on_candidate_edited(self, key: str) -> None:
        self._model.set_pair(self._model.base, int(key))

    @Slot(str)
    def _on_gain_edited(self, key: str) -> None:
        self.gain_edited.emit(float(key))
