"""The comparison itself: the canvas, the bar with alignment, A and B and quantity, the scrubber, and the results."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from studio.ui.compare import text as words
from studio.ui.compare.canvas import ComparisonCanvas
from studio.ui.compare.paint import GAINS, RunCard
from studio.ui.compare.results_view import ResultsView
from studio.ui.language import tr
from studio.ui.theme.metrics import GAP, PADDING
from studio.ui.widgets.buttons import IconButton, Pill
from studio.ui.widgets.choice import ChoiceField, SegmentedSwitch
from studio.ui.widgets.labels import PlainLabel
from studio.ui.widgets.scrubber import Scrubber, Tick

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QKeyEvent, QResizeEvent, QShowEvent

    from studio.ui.compare.canvas import Mode
    from studio.ui.compare.model import ComparedRun, CompareModel
    from studio.ui.compare.reference import BatchingErrorModel, ReferenceModel
    from studio.ui.core.job_state import JobState
    from studio.ui.core.settings import Preferences
    from studio.ui.theme.theme import Theme


_CHOICE_MIN, _CHOICE_MAX = 96, 190  # widths of the choice of a run; the minimum fits the smallest window


class CompareBar(QWidget):
    """Edits a `CompareModel`, and the gain and the line of its canvas."""

    def __init__(
        self, theme: Theme, model: CompareModel, canvas: ComparisonCanvas, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._model, self._canvas = model, canvas
        self.alignment = SegmentedSwitch(theme, tr("Aligned by"), words.alignments())
        self.quantity = SegmentedSwitch(theme, tr("Shown"), words.quantities())
        self.base, self.candidate = ChoiceField(theme, ""), ChoiceField(theme, "")
        self.base.box.setAccessibleName(tr("A"))
        self.candidate.box.setAccessibleName(tr("B"))
        self._letters = [
            PlainLabel(theme, tr("A"), role="dim", bold=True),
            PlainLabel(theme, tr("B"), role="dim", bold=True),
        ]
        self.gain = SegmentedSwitch(
            theme, tr("Gain"), [(str(gain), f"× {gain}", words.gain_tip()) for gain in GAINS]
        )
        self.turn = IconButton(theme, "rotate-ccw", tr("Turn the line (X)"))
        self.pill = Pill(theme, tr("live"), "bad")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GAP)
        self._caption = PlainLabel(theme, tr("Aligned by"), role="dim")
        row.addWidget(self._caption)
        row.addWidget(self.alignment)
        row.addWidget(self.pill)
        row.addStretch(1)
        for letter, field in zip(self._letters, (self.base, self.candidate), strict=True):
            row.addWidget(letter)
            row.addWidget(field, 1)
            field.setMinimumWidth(_CHOICE_MIN)
            field.setMaximumWidth(_CHOICE_MAX)
        for widget in (self.turn, self.gain, self.quantity):
            row.addWidget(widget)
        self.alignment.edited.connect(model.set_alignment)
        self.quantity.edited.connect(model.set_quantity)
        self.pill.clicked.connect(self._on_pill_clicked)
        self.base.edited.connect(self._on_base_edited)
        self.candidate.edited.connect(self._on_candidate_edited)
        self.gain.edited.connect(self._on_gain_edited)
        self.turn.clicked.connect(canvas.turn)

    def show_mode(self, mode: str) -> None:
        """Show the controls of a layout."""
        pair = mode in ("wipe", "blink", "difference")
        for widget in (self.base, self.candidate, *self._letters):
            widget.setVisible(pair)
        self.turn.setVisible(mode == "wipe")
        self.gain.setVisible(mode == "difference")
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """Hide the caption of the alignment where the controls would be narrower than they need."""
        parts = (self.alignment, self.pill, *self._letters, self.base, self.candidate)
        others = [part for part in (*parts, self.turn, self.gain, self.quantity) if not part.isHidden()]
        fields = (self.base, self.candidate)
        needed = sum(_CHOICE_MIN if one in fields else one.sizeHint().width() for one in others)
        needed += self._caption.sizeHint().width() + (len(others) + 1) * GAP
        self._caption.setVisible(needed <= self.width())

    def show_pair(self, names: Sequence[str]) -> None:
        """Show A and B among the names of all runs."""
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
        """Show the model's alignment, quantity and whether it shows the newest steps."""
        model = self._model
        self.alignment.set_value(model.alignment)
        self.quantity.set_value(model.quantity)
        running = model.job_state is not None and not model.job_state.over
        self.pill.setVisible(running or model.position is not None)
        self.pill.set_text(tr("live") if running else tr("result"), "bad" if running else "dim")
        self.pill.setAccessibleName(tr("Back to the newest steps"))
        self._fit()

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
        self._canvas.set_gain(float(key))


PLAY_MS = 80
EXTRA_HEIGHT = 60
"""Added to the minimum height of the results, in pixels."""
LOWEST_CANVAS = 240
"""Height in pixels; if the results left the pictures less, they start hidden."""
UNLIMITED = 16_777_215  # Qt's QWIDGETSIZE_MAX


class RunsView(QWidget):
    """Shows a `CompareModel`. It updates only while it is visible."""

    def __init__(
        self,
        theme: Theme,
        model: CompareModel,
        reference: ReferenceModel,
        batching_error: BatchingErrorModel,
        preferences: Preferences,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._model, self._preferences = model, preferences
        self._named_for: JobState | None = None
        self._names: tuple[str, ...] = ()
        self._with_results = True
        self.canvas = ComparisonCanvas(theme)
        self.bar = CompareBar(theme, model, self.canvas)
        self.scrubber = Scrubber(theme, tr("Steps of all runs"))
        self.results = ResultsView(theme, model, reference, batching_error)
        self._playing = QTimer(self, interval=PLAY_MS)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(PADDING, PADDING, PADDING, PADDING)
        layout.setSpacing(GAP)
        layout.addWidget(self.canvas, 9)
        layout.addWidget(self.bar)
        layout.addWidget(self.scrubber)
        layout.addWidget(self.results, 4)
        self._connect()
        self.set_mode("side")
        self._on_preference_changed("enlarge")

    def _connect(self) -> None:
        self._model.changed.connect(self._on_changed)
        self._model.positions_changed.connect(self._on_positions_changed)
        self._model.shown_changed.connect(self._on_shown_changed)
        self._preferences.changed.connect(self._on_preference_changed)
        self.scrubber.edited.connect(self._on_scrubbed)
        self.scrubber.play_requested.connect(self._on_play_requested)
        self.canvas.chosen.connect(self._on_chosen)
        self._playing.timeout.connect(self._on_play_tick)

    def set_mode(self, mode: Mode) -> None:
        self.canvas.set_mode(mode)
        self.bar.show_mode(mode)
        self.show_results(self._with_results)

    def show_results(self, shown: bool) -> None:
        """Show or hide the results; tiles always use their space."""
        self._with_results = shown
        self.results.setVisible(shown and self.canvas.mode != "tile")
        self.fit_canvas()

    def has_room_for_results(self, height: int) -> bool:
        """Whether the pictures of a view of this height remain large enough above the results."""
        return self._canvas_room(height) - self.results.minimumSizeHint().height() >= LOWEST_CANVAS

    def _canvas_room(self, height: int) -> int:
        """Return the height that bar and scrubber leave in a view of this height."""
        controls = self.bar.sizeHint().height() + self.scrubber.sizeHint().height()
        return height - controls - 2 * PADDING - 3 * GAP

    def fit_canvas(self) -> None:
        """Give the height that the pictures do not need to the results."""
        results = (
            self.results.minimumSizeHint().height() + EXTRA_HEIGHT if self.results.isVisibleTo(self) else 0
        )
        most = self._canvas_room(self.height()) - results
        wanted = self.canvas.height_for(self.width() - 2 * PADDING, max(most, 1))
        fits = self.results.isVisibleTo(self) and wanted < most
        self.canvas.setMaximumHeight(math.ceil(wanted) if fits else UNLIMITED)

    def handle_key(self, event: QKeyEvent) -> bool:
        """Move the scrubber; return whether the key does that."""
        return self._model.job_state is not None and self.scrubber.handle_key(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.fit_canvas()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._on_changed()

    @Slot()
    def _on_changed(self) -> None:
        model, job_state = self._model, self._model.job_state
        if job_state is None or not self.isVisible():
            return
        if job_state is not self._named_for:
            self._named_for, self._names = job_state, words.names(job_state.requests)
            self.canvas.viewport.fit()
        self.bar.show_pair(self._names)
        self.canvas.set_pair(model.base, model.candidate)
        self._on_positions_changed()  # the expected number of positions depends on the phase
        self._on_shown_changed()

    @Slot()
    def _on_positions_changed(self) -> None:
        if not self.isVisible():
            return
        levels, planned = self._model.levels, self._model.planned
        last = max(planned - 1, 1)
        ticks = [Tick(min(place / last, 1.0), level) for place, level in enumerate(levels)]
        ahead = [Tick(place / last, None) for place in range(len(levels), planned)]
        self.scrubber.set_ticks([*ticks, *ahead], len(levels))

    @Slot()
    def _on_shown_changed(self) -> None:
        model, job_state = self._model, self._model.job_state
        if job_state is None or job_state is not self._named_for or not self.isVisible():
            return
        runs = model.runs()
        before = len(self.canvas.cards), self.canvas.picture_size()
        self.canvas.set_cards([self._card(run, job_state) for run in runs])
        if before != (len(runs), self.canvas.picture_size()):
            self.fit_canvas()
        place, levels = model.place, model.levels
        level = levels[place] if 0 <= place < len(levels) else None
        self.scrubber.set_current(max(place, 0), words.position(len(levels), place, level))
        self.bar.synchronise()
        if self.results.isVisible():
            self.results.show_runs(self._names, runs)

    def _card(self, run: ComparedRun, job_state: JobState) -> RunCard:
        shown = run.shown
        return RunCard(
            name=self._names[run.place],
            cost=words.cost(run),
            where=words.where(run, job_state),
            gap=words.for_now(run, self._model.quantity, lost=self._model.is_lost(run))
            or words.gap(run, self._model.alignment),
            fraction=shown.step / shown.steps if shown is not None else 0.0,
            level=shown.level if shown is not None else 1.0,
            pixels=run.frame.pixels if run.frame is not None else None,
        )

    @Slot(str)
    def _on_preference_changed(self, name: str) -> None:
        if name == "enlarge":
            self.canvas.set_enlarge(self._preferences.enlarge)

    @Slot(int, bool)
    def _on_chosen(self, place: int, is_base: bool) -> None:
        """Make a run A or B; if it was the other of the two, they are swapped."""
        base, candidate = self._model.base, self._model.candidate
        if is_base:
            self._model.set_pair(place, base if place == candidate else candidate)
        else:
            self._model.set_pair(candidate if place == base else base, place)

    @Slot(int)
    def _on_scrubbed(self, place: int) -> None:
        self._playing.stop()
        self._model.select(place)

    @Slot()
    def _on_play_requested(self) -> None:
        if self._playing.isActive():
            self._playing.stop()
        elif self._model.positions:
            if self._model.place >= len(self._model.positions) - 1:
                self._model.select(0)
            self._playing.start()

    @Slot()
    def _on_play_tick(self) -> None:
        place = self._model.place + 1
        if place < len(self._model.positions):
            self._model.select(place)
        else:
            self._playing.stop()
