"""The comparison that is shown: its alignment (by noise level, step or model calls), each run's step, and A and B.

Step 5 of 10 corresponds to step 25 of 50, not to step 5 of 50. So runs are aligned by noise level unless another
alignment is chosen; if a run has no step at that level, the nearest one is shown with the difference (its gap).
`noise_hashes` returns the hashes of the initial noise x_T, which show whether the runs start alike.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, get_args

from PySide6.QtCore import QObject, Signal, Slot

from studio.engine.requests.compare import CompareRequest
from studio.ui.core.background import Background

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from studio.engine.events import PictureDone, StepDone
    from studio.engine.requests.generate import GenerateRequest
    from studio.engine.requests.previews import Quantity
    from studio.runs.memory import PictureRecord
    from studio.ui.core.frame_service import FrameService
    from studio.ui.core.job_state import JobState


Alignment = Literal["level", "step", "calls"]
ALIGNMENTS: tuple[Alignment, ...] = get_args(Alignment)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One step of a run, as far as alignment needs it.

    Attributes:
        step: the step's number, from 1; 0 is the initial noise.
        level: the noise level after the step, 1 (all noise) to 0 (clean).
        calls: the run's model calls up to the step.
    """

    step: int
    level: float
    calls: int


@dataclass(frozen=True, kw_only=True)
class Match:
    """The step of a run that is shown at a position.

    Attributes:
        index: its index among the run's marks.
        mark: the step.
        gap: its level, step number or model calls minus the position's.
    """

    index: int
    mark: Mark
    gap: float


def positions(runs: Sequence[Sequence[Mark]], alignment: Alignment) -> tuple[float, ...]:
    """Return every position at which at least one run has a step, from noise to picture.

    Args:
        runs: the marks of each run, in the order of their steps.
        alignment: the unit of the positions.
    """
    values = {_value(mark, alignment) for run in runs for mark in run}
    return tuple(sorted(values, reverse=alignment == "level"))


def match(run: Sequence[Mark], position: float, alignment: Alignment) -> Match | None:
    """Return the step of a run to show at a position; None if the run has no steps.

    By noise level this is the nearest step; of two equally near ones, the noisier. By step and by model calls it is
    the last step at or before the position, or the first step if there is none.

    Args:
        run: the marks of one run, in the order of their steps.
        position: one of `positions`, or any value in the same unit.
        alignment: the unit of the position.
    """
    if not run:
        return None
    if alignment == "level":
        index = min(range(len(run)), key=lambda place: abs(run[place].level - position))
    else:
        reached = bisect_right(run, position, key=lambda mark: _value(mark, alignment))
        index = max(reached - 1, 0)
    return Match(index=index, mark=run[index], gap=_value(run[index], alignment) - position)


def nearest_position(places: Sequence[float], value: float) -> int:
    """Return the index of the position nearest to a value; -1 if there are no positions."""
    return min(range(len(places)), key=lambda place: abs(places[place] - value), default=-1)


def _value(mark: Mark, alignment: Alignment) -> float:
    if alignment == "level":
        return mark.level
    return mark.step if alignment == "step" else mark.calls


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """The picture of one step.

    Attributes:
        pixels: uint8 (H, W, 3).
        step: the step's number.
        quantity: x0_hat or x_t.
    """

    pixels: NDArray[np.uint8]
    step: int
    quantity: Quantity


@dataclass(frozen=True, kw_only=True, eq=False)
class ComparedRun:
    """One run of the comparison, at the step that is shown.

    Attributes:
        place: its index in the comparison, from 0.
        request: its request.
        steps: its number of steps.
        latest: its newest step; None before the first.
        shown: the step that is shown; None before the first.
        gap: see `Match`; 0 while the newest step is shown.
        frame: the best picture of that step that is in memory, or None.
        finished: the finished picture; None until then.
    """

    place: int
    request: GenerateRequest
    steps: int
    latest: StepDone | None
    shown: StepDone | None
    gap: float
    frame: Frame | None
    finished: PictureDone | None


def marks_of(record: PictureRecord | None, known: tuple[Mark, ...] = ()) -> tuple[Mark, ...]:
    """Return the marks of a run's initial noise and of every step in its record.

    Args:
        record: the run's record.
        known: the marks returned before; if steps were only appended since, only those are read.
    """
    if record is None:
        return ()
    steps = record.available()
    every = [record.start, *steps] if record.start is not None else steps
    count = len(known)
    # The record thins evenly: if the first and the last mark are unchanged, so is everything between them.
    if (
        not known
        or count > len(every)
        or (every[0].step, every[count - 1].step) != (known[0].step, known[-1].step)
    ):
        known, count = (), 0
    new = (Mark(step=done.step, level=done.level, calls=done.model_calls) for done in every[count:])
    return (*known, *new)


def noise_hashes(job_state: JobState) -> tuple[str, ...]:
    """Return the SHA-256 of each run's initial noise x_T, as its PNG stores it; a run whose x_T is unknown has none."""
    from studio.arrays import sha256_of  # noqa: PLC0415 - the window opens before numpy is there

    found = []
    for place in range(job_state.count):
        event, record = job_state.pictures.get(place), job_state.job.record.picture(place)
        start = record.start if record is not None else None
        if event is not None:
            found.append(event.done.x_T_sha256)
        elif start is not None and start.state is not None:
            found.append(sha256_of(start.state))
    return tuple(found)


def _frame(
    job_state: JobState, frames: FrameService, record: PictureRecord, done: StepDone, quantity: Quantity
) -> Frame | None:
    """Return the picture of a step; until it is decoded, of the nearest earlier step, or of the other quantity."""
    if done is record.start:
        pixels = frames.of_step(job_state, done, quantity)
        return (
            None
            if pixels is None
            else Frame(pixels=pixels, step=done.step, quantity=record.quantity_of(done, quantity))
        )
    earlier = [kept for kept in list(record.steps) if kept.step <= done.step]
    other: Quantity = "x_t" if quantity == "x0" else "x0"
    for one, steps in ((quantity, earlier[::-1]), (other, [done])):
        for kept in steps:
            if (pixels := frames.of_step(job_state, kept, one)) is not None:
                return Frame(pixels=pixels, step=kept.step, quantity=one)
    return None


class CompareModel(QObject):
    """The comparison that is shown: the newest job as soon as it starts, or recorded runs once they are opened.

    Attributes:
        job_state: its state; None before the first comparison.
        newest: the state of the comparison that was started last; None before the first.
        alignment: the unit of the positions.
        position: a noise level, a step or a number of model calls; None shows each run's newest step.
        quantity: whether x0_hat or x_t is shown.
        base: the index of A, the run that the others are compared with.
        candidate: the index of B.
        background: computes scores and writes files.

    Signals:
        changed: another comparison, phase or pair.
        positions_changed: the list of positions changed.
        shown_changed: other steps are shown, or better pictures of them.
    """

    changed = Signal()
    positions_changed = Signal()
    shown_changed = Signal()

    def __init__(self, frames: FrameService, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._frames = frames
        self.job_state: JobState | None = None
        self.newest: JobState | None = None
        self.alignment: Alignment = "level"
        self.position: float | None = None
        self.quantity: Quantity = "x0"
        self.base, self.candidate = 0, 1
        self.background = Background(self)
        self._marks: tuple[tuple[Mark, ...], ...] = ()
        self._positions: tuple[float, ...] = ()
        self._hashes: tuple[str, ...] = ()
        self._phase = ""
        self._requesting = False

    # -------------------------------------------------------------------------------------------------------- state
    @property
    def count(self) -> int:
        return self.job_state.count if self.job_state is not None else 0

    @property
    def positions(self) -> tuple[float, ...]:
        return self._positions

    @property
    def place(self) -> int:
        """The index among `positions` that is shown: the last if that is the newest steps, -1 if there are none."""
        if self.position is None:
            return len(self._positions) - 1
        return nearest_position(self._positions, self.position)

    @property
    def levels(self) -> tuple[float, ...]:
        """The noise level at each of `positions`, taken from the run with the most steps."""
        if self.alignment == "level":
            return self._positions
        longest = max(self._marks, key=len, default=())
        found = (match(longest, position, self.alignment) for position in self._positions)
        return tuple(one.mark.level for one in found if one is not None)

    @property
    def planned(self) -> int:
        """The expected number of positions at the end; exact if all runs take the same steps."""
        job_state, there = self.job_state, len(self._positions)
        if job_state is None or job_state.over or not job_state.fraction:
            return there
        starts = int(any(run and run[0].step == 0 for run in self._marks))
        if self.alignment == "step":
            return starts + max(job_state.steps_of(place) for place in range(job_state.count))
        return max(starts + round((there - starts) / job_state.fraction), there)

    def runs(self) -> tuple[ComparedRun, ...]:
        """Return every run at the step that is shown."""
        return tuple(self.run(place) for place in range(self.count))

    def run(self, place: int) -> ComparedRun:
        """Return one run at the step that is shown."""
        job_state, record, found = self.job_state, self.record(place), None
        assert job_state is not None, "only a comparison has runs"
        shown = latest = job_state.latest(place)
        if self.position is not None:
            found = match(self._marks[place], self.position, self.alignment)
        if record is not None and found is not None:
            shown = record.nearest(found.mark.step)
        frame = None
        if record is not None and shown is not None:
            frame = _frame(job_state, self._frames, record, shown, self.quantity)
        event = job_state.pictures.get(place)
        return ComparedRun(
            place=place,
            request=job_state.request_of(place),
            steps=job_state.steps_of(place),
            latest=latest,
            shown=shown,
            gap=found.gap if found is not None else 0.0,
            frame=frame,
            finished=event.done if event is not None else None,
        )

    def record(self, place: int) -> PictureRecord | None:
        return self.job_state.job.record.picture(place) if self.job_state is not None else None

    def is_lost(self, run: ComparedRun) -> bool:
        """Whether the shown step cannot be decoded, because its model was removed or changed."""
        if self.job_state is None or run.shown is None:
            return False
        return bool(self._frames.why_gone(self.job_state, run.place, run.shown.step, self.quantity))

    @property
    def hashes(self) -> tuple[str, ...]:
        if self.job_state is not None and len(self._hashes) < self.count:
            self._hashes = noise_hashes(self.job_state)
        return self._hashes

    def close(self) -> None:
        """Wait for the work in the background."""
        self.background.close()

    # ----------------------------------------------------------------------------------------------------- intents
    def select(self, place: int | None) -> None:
        """Show one of `positions`; None shows the newest steps."""
        position = None
        if place is not None and self._positions:
            position = self._positions[min(max(place, 0), len(self._positions) - 1)]
        if position != self.position:
            self.position = position
            self._show()

    def set_alignment(self, alignment: str) -> None:
        """Align the runs in another way; A keeps showing its step. An unknown alignment is ignored."""
        known = next((name for name in ALIGNMENTS if name == alignment), self.alignment)
        if known == self.alignment:
            return
        base = None
        if self.position is not None and self._marks:
            base = match(self._marks[self.base], self.position, self.alignment)
        self.alignment = known
        self._positions = positions(self._marks, known)
        if base is not None:
            self.position = _value(base.mark, known)
        self.positions_changed.emit()
        self._show()

    def set_quantity(self, quantity: Quantity) -> None:
        """Show x0_hat, the predicted clean picture, or x_t, the state itself."""
        if quantity != self.quantity:
            self.quantity = quantity
            if self.job_state is not None:
                self.job_state.job.preview_target.quantity = quantity
            self._show()

    def set_pair(self, base: int, candidate: int) -> None:
        """Choose A and B; an index out of range, or the same run twice, is ignored."""
        if base == candidate or (base, candidate) == (self.base, self.candidate):
            return
        if 0 <= base < self.count and 0 <= candidate < self.count:
            self.base, self.candidate = base, candidate
            self.changed.emit()

    def step_candidate(self, by: int) -> None:
        """Make the next run (or with -1 the previous one) B, passing over A."""
        others = [place for place in range(self.count) if place != self.base]
        if self.candidate in others:
            self.set_pair(self.base, others[(others.index(self.candidate) + by) % len(others)])

    # ------------------------------------------------------------------------------------------------- job updates
    @Slot(object)
    def follow(self, job_state: JobState) -> None:
        """Process the new state of a job; only comparisons are followed, and shown as soon as they start."""
        if not isinstance(job_state.job.request, CompareRequest):
            return
        if job_state is not self.newest:
            if self.newest is not None and job_state.over:
                return
            self.newest = job_state
            self._begin(job_state)
        if job_state is self.job_state:
            self._update(job_state)

    @Slot(object)
    def show(self, job_state: JobState) -> None:
        """Show another comparison, such as recorded runs, or the newest again."""
        self._begin(job_state)
        self._update(job_state)

    def _begin(self, job_state: JobState) -> None:
        self.job_state, self.position, self._phase = job_state, None, ""
        job_state.job.preview_target.quantity = self.quantity
        self._marks, self._positions, self._hashes = (), (), ()
        if max(self.base, self.candidate) >= job_state.count:
            self.base, self.candidate = 0, 1

    def _update(self, job_state: JobState) -> None:
        self._read_marks()
        if job_state.phase != self._phase:
            self._phase = job_state.phase
            self.changed.emit()
        self._show()

    def _read_marks(self) -> None:
        known = self._marks or ((),) * self.count
        self._marks = tuple(marks_of(self.record(place), known[place]) for place in range(self.count))
        found = positions(self._marks, self.alignment)
        if found != self._positions:
            self._positions = found
            self.positions_changed.emit()

    def _show(self) -> None:
        """Announce that other steps are shown, and request the pictures that are missing or only previews."""
        job_state = self.job_state
        if job_state is None:
            return
        if self.position is not None or job_state.over:
            settled, self._requesting = partial(self._on_frame, job_state), True
            for run in self.runs():
                token = ("compare", run.place)
                if run.shown is not None:
                    self._frames.get(
                        job_state, run.place, run.shown.step, self.quantity, settled, settled, token=token
                    )
            self._requesting = False
        self.shown_changed.emit()

    def _on_frame(self, job_state: JobState, _: object) -> None:
        """Show a picture that was decoded, or why it cannot be."""
        if job_state is self.job_state and not self._requesting:
            self.shown_changed.emit()
