"""The runs of a comparison: panes, one scrubber for all, and what they are worth."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from studio.ui.theme.metrics import GAP, PADDING
from studio.ui.views import compare_words as words
from studio.ui.views.compare_bar import CompareBar
from studio.ui.views.compare_paint import Face
from studio.ui.views.compare_panes import PanesView
from studio.ui.views.compare_results import ResultsView
from studio.ui.widgets.scrubber import Scrubber, Tick

if TYPE_CHECKING:
    from PySide6.QtGui import QKeyEvent, QResizeEvent, QShowEvent

    from studio.ui.core.settings import Preferences
    from studio.ui.jobs.job_state import Course
    from studio.ui.models.compare import CompareModel
    from studio.ui.models.compare_alone import AloneModel
    from studio.ui.models.compare_pane import Pane
    from studio.ui.models.compare_reference import ReferenceModel
    from studio.ui.theme.theme import Theme
    from studio.ui.views.compare_stage import Mode

PLAY_MS = 80
LEAST = 60
"""How much higher than they must be the results are at least."""
UNLIMITED = 16_777_215  # Qt's QWIDGETSIZE_MAX


class RunsView(QWidget):
    """Shows a `CompareModel`. While it is hidden it rests, and catches up when it is shown."""

    def __init__(
        self,
        theme: Theme,
        model: CompareModel,
        reference: ReferenceModel,
        alone: AloneModel,
        preferences: Preferences,
        parent: QWidget | None = None,
    ) -> None:
        """Build the parts."""
        super().__init__(parent)
        self._model, self._preferences = model, preferences
        self._named_for: Course | None = None
        self._names: tuple[str, ...] = ()
        self._with_results = True
        self.panes = PanesView(theme)
        self.bar = CompareBar(theme, model)
        self.scrubber = Scrubber(theme, "Steps of all runs")
        self.results = ResultsView(theme, model, reference, alone)
        self._playing = QTimer(self, interval=PLAY_MS)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(PADDING, PADDING, PADDING, PADDING)
        layout.setSpacing(GAP)
        layout.addWidget(self.panes, 9)
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
        self.panes.chosen.connect(self._on_chosen)
        self.bar.gain_edited.connect(self.panes.set_gain)
        self.bar.turn_requested.connect(self.panes.turn)
        self._playing.timeout.connect(self._on_play_tick)

    def set_mode(self, mode: Mode) -> None:
        """Lay the pictures out in another way."""
        self.panes.set_mode(mode)
        self.bar.show_mode(mode)
        self.show_results(self._with_results)

    def show_results(self, shown: bool) -> None:
        """Show what the runs are worth, or give that room to the pictures; tiles have it anyway."""
        self._with_results = shown
        self.results.setVisible(shown and self.panes.mode != "tile")
        self.fit_panes()

    def fit_panes(self) -> None:
        """Give the room that no picture can use to the results."""
        results = self.results.minimumSizeHint().height() + LEAST if self.results.isVisibleTo(self) else 0
        margins, gaps = 2 * PADDING, 3 * GAP
        most = self.height() - self.bar.height() - self.scrubber.height() - results - margins - gaps
        wanted = self.panes.height_for(self.width() - 2 * PADDING, max(most, 1))
        fits = self.results.isVisibleTo(self) and wanted < most
        self.panes.setMaximumHeight(math.ceil(wanted) if fits else UNLIMITED)

    def handle_key(self, event: QKeyEvent) -> bool:
        """Go where a key leads; False where it leads nowhere."""
        return self._model.course is not None and self.scrubber.handle_key(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Share the room anew."""
        super().resizeEvent(event)
        self.fit_panes()

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up with what happened meanwhile."""
        super().showEvent(event)
        self._on_changed()

    @Slot()
    def _on_changed(self) -> None:
        model, course = self._model, self._model.course
        if course is None or not self.isVisible():
            return
        if course is not self._named_for:
            self._named_for, self._names = course, words.names(course.requests)
            self.panes.viewport.fit()
        self.bar.show_pair(self._names)
        self.panes.set_pair(model.base, model.candidate)
        self._on_positions_changed()  # how many there will be is known better in another phase
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
        model, course = self._model, self._model.course
        if course is None or course is not self._named_for or not self.isVisible():
            return
        panes = model.panes()
        before = len(self.panes.faces), self.panes.picture_size()
        self.panes.set_faces([self._face(pane, course) for pane in panes])
        if before != (len(panes), self.panes.picture_size()):
            self.fit_panes()
        place, levels = model.place, model.levels
        level = levels[place] if 0 <= place < len(levels) else None
        self.scrubber.set_current(max(place, 0), words.position(len(levels), place, level))
        self.bar.synchronise()
        if self.results.isVisible():
            self.results.show_runs(self._names, panes)

    def _face(self, pane: Pane, course: Course) -> Face:
        shown = pane.shown
        return Face(
            name=self._names[pane.place],
            cost=words.cost(pane),
            where=words.where(pane, course),
            gap=words.for_now(pane, self._model.what, lost=self._model.is_lost(pane))
            or words.gap(pane, self._model.alignment),
            fraction=shown.step / shown.steps if shown is not None else 0.0,
            level=shown.sigma if shown is not None else 1.0,
            pixels=pane.frame.pixels if pane.frame is not None else None,
        )

    @Slot(str)
    def _on_preference_changed(self, name: str) -> None:
        if name == "enlarge":
            self.panes.set_enlarge(self._preferences.enlarge)

    @Slot(int, bool)
    def _on_chosen(self, place: int, is_base: bool) -> None:
        """Make a pane A or B; what it takes the place of becomes the other."""
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
