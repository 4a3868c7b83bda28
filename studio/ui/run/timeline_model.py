"""The timeline: a place for each step of the shown picture, from its first state to its last step, and playback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from studio.ui.language import tr

if TYPE_CHECKING:
    from studio.runs.memory import PictureRecord
    from studio.ui.run.model import RunModel

PLAY_MS = 70
"""How long playback shows a step."""
MOST_SHOWN = 100
"""The most steps that playback shows; of longer runs it skips some."""


class TimelineModel(QObject):
    """Places, numbered from 0: the state that the run starts from, then one place for each step.

    Signals:
        changed: the places, how many of them are reached, or the current one have changed.
        playing_changed: playback has started (True) or stopped (False).
    """

    changed = Signal()
    playing_changed = Signal(bool)

    def __init__(self, run: RunModel, parent: QObject | None = None) -> None:
        """Follow ``run``."""
        super().__init__(parent)
        self._run = run
        self._timer = QTimer(self, interval=PLAY_MS)
        self._timer.timeout.connect(self.advance)
        for signal in (run.changed, run.steps_changed):
            signal.connect(self.changed)
        run.selection_changed.connect(self._on_selection_changed)

    @property
    def first(self) -> int:
        """The step of the first place: 0, or the step that a fork starts from."""
        picture = self._run.picture
        if picture is not None and picture.start is not None:
            return picture.start.step
        job_state = self._run.viewed
        return job_state.job.first_step + 1 if job_state is not None else 1  # without a record of the start

    @property
    def first_predicted(self) -> int:
        """The first step with a predicted clean image: the one after the start."""
        picture = self._run.picture
        started = picture is not None and picture.start is not None
        return min(self.first + started, self.last)

    @property
    def last(self) -> int:
        """The last step."""
        job_state = self._run.viewed
        return job_state.steps_of(self._run.image) if job_state is not None else 0

    @property
    def count(self) -> int:
        """The number of places."""
        return max(self.last - self.first + 1, 0)

    @property
    def reached(self) -> int:
        """The number of places that the run has reached so far."""
        picture = self._run.picture
        if picture is None or (picture.last is None and picture.start is None):
            return 0
        newest = picture.last.step if picture.last is not None else self.first
        return min(newest - self.first + 1, self.count)

    @property
    def place(self) -> int:
        """The current place: that of the shown step."""
        step = self._run.step
        return self.reached - 1 if step is None else step - self.first

    @property
    def playing(self) -> bool:
        return self._timer.isActive()

    @property
    def description(self) -> str:
        """The current step and its noise level, translated; "" before the first step."""
        if not self.reached:
            return ""
        done = self._run.shown_step
        values = {"step": self.step_at(self.place), "steps": self.last}
        if done is None:
            return tr("step {step} of {steps}", **values)
        return tr("step {step} of {steps}, noise level {level}", level=f"{done.level:.2f}", **values)

    def ticks(self) -> list[tuple[float, float | None]]:
        """Return each place's position on the axis, 0 to 1, and its noise level; None if that is not known yet."""
        first, last = self.first, self.last
        span = max(last, 1)
        levels = _levels(self._run.picture)
        return [(step / span, levels.get(step)) for step in range(first, last + 1)]

    def step_at(self, place: int) -> int:
        """Return the step of a place."""
        return self.first + place

    def nearest(self, position: float) -> int:
        """Return the step nearest to a position on the axis, 0 to 1, whether it is reached or not."""
        return min(max(round(position * self.last), self.first), self.last)

    def position_of(self, step: int) -> float:
        """Return the position of a step on the axis, 0 to 1."""
        return step / max(self.last, 1)

    @Slot(int)
    def go_to(self, place: int) -> None:
        """Show the step of a place, and stop playback."""
        self.stop()
        self._select(place)

    @Slot()
    def toggle_play(self) -> None:
        """Play from the current place, from the start if that is the last one; or stop."""
        if self.playing:
            self.stop()
        elif self.reached > 1:
            if self.place >= self.reached - 1:
                self._select(0)
            self._timer.start()
            self.playing_changed.emit(True)

    @Slot()
    def stop(self) -> None:
        """Stop playback."""
        if self.playing:
            self._timer.stop()
            self.playing_changed.emit(False)

    @Slot()
    def advance(self) -> None:
        """Show the next step of playback; it stops at the last step of a job that is over."""
        stride = max(self.count // MOST_SHOWN, 1)
        place = self._available_from(min(self.place + stride, self.reached - 1))
        self._select(place)
        if place >= self.reached - 1 and (self._run.viewed is None or self._run.viewed.over):
            self.stop()

    def _available_from(self, place: int) -> int:
        """Return the first place from this one on whose step can be shown without recomputing it."""
        picture = self._run.picture
        available = [done.step - self.first for done in picture.available()] if picture is not None else []
        return next((other for other in available if other >= place), place)

    @Slot()
    def _on_selection_changed(self) -> None:
        """Stop playback when the newest step was chosen meanwhile."""
        if self.playing and self._run.step is None:
            self.stop()
        self.changed.emit()

    def _select(self, place: int) -> None:
        """Show the step of a place; of a thinned record the nearest step that it kept."""
        picture = self._run.picture
        near = picture.nearest(self.step_at(place)) if picture is not None else None
        if near is not None:
            self._run.select(near.step)


def _levels(picture: PictureRecord | None) -> dict[int, float]:
    """Return the noise level after each step so far; a step that was not kept has that of the kept one before it."""
    if picture is None:
        return {}
    kept = list(picture.steps) if picture.start is None else [picture.start, *picture.steps]
    levels: dict[int, float] = {}
    for done, following in zip(kept, [*kept[1:], None], strict=True):
        end = following.step if following is not None else done.step + 1
        for step in range(done.step, end):
            levels[step] = done.level
    return levels
