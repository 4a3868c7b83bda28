"""A comparison: which step of each run is shown, how the runs are aligned, and which two are A and B.

Step numbers are not comparable across samplers and numbers of steps: step 5 of 10 stands where step 25 of 50 does. So
steps are aligned by noise level unless another alignment is chosen, and the gap is shown where levels do not meet.
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
    from studio.runs.memory import PictureRecord, Quantity
    from studio.ui.core.frame_service import FrameService
    from studio.ui.core.job_state import JobState


Alignment = Literal["level", "step", "calls"]
ALIGNMENTS: tuple[Alignment, ...] = get_args(Alignment)


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Where one step of a run stands.

    Attributes:
        step: its number, from 1.
        level: the noise level it reached, 1 (all noise) to 0 (clean).
        calls: the model calls spent on the run so far.
    """

    step: int
    level: float
    calls: int


@dataclass(frozen=True, kw_only=True)
class Match:
    """The step of a run that belongs to a position.

    Attributes:
        index: its place among the run's marks.
        mark: the step.
        gap: how far it is from the position: its level, step number or model calls less the position's.
    """

    index: int
    mark: Mark
    gap: float


def positions(runs: Sequence[Sequence[Mark]], alignment: Alignment) -> tuple[float, ...]:
    """Return every position at which some run has a step, in the order in which a run comes to them.

    Args:
        runs: the marks of each run, in the order of their steps.
        alignment: what belongs together.
    """
    values = {_value(mark, alignment) for run in runs for mark in run}
    return tuple(sorted(values, reverse=alignment == "level"))


def match(run: Sequence[Mark], position: float, alignment: Alignment) -> Match | None:
    """Return the step of a run that belongs to a position; None where the run has no steps.

    By noise level it is the nearest, the noisier of two that are equally near. By step and by model calls it is the
    last that comes no later: what so many steps, or so many calls, have bought; before a run's first step it is that.

    Args:
        run: the marks of one run, in the order of their steps.
        position: one of `positions`, or any value of its kind.
        alignment: what belongs together.
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
    """Return the place of the position that is nearest to a value; -1 where there are none."""
    return min(range(len(places)), key=lambda place: abs(places[place] - value), default=-1)


def _value(mark: Mark, alignment: Alignment) -> float:
    if alignment == "level":
        return mark.level
    return mark.step if alignment == "step" else mark.calls


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """A picture, and what it is of.

    Attributes:
        pixels: uint8 (H, W, 3).
        step: the step's number.
        side: which side of it.
    """

    pixels: NDArray[np.uint8]
    step: int
    quantity: Quantity


@dataclass(frozen=True, kw_only=True, eq=False)
class ComparedRun:
    """One run as it is shown.

    Attributes:
        place: which column, from 0.
        request: what it makes.
        steps: how many steps it takes.
        latest: its newest step; None before the first.
        shown: the step that is looked at, likewise.
        gap: how far that is from what was asked for, in the unit of the alignment; 0 while the newest is looked at.
        frame: the best picture there is of it, or None.
        finished: the finished picture's facts, once it is.
    """

    place: int
    request: GenerateRequest
    steps: int
    latest: StepDone | None
    shown: StepDone | None
    gap: float
    frame: Frame | None
    finished: PictureDone | None


def compared_run(
    job_state: JobState, frames: FrameService, place: int, found: Match | None, what: Quantity
) -> ComparedRun:
    """Return a run as it is shown.

    Args:
        job_state: how the comparison goes.
        frames: where its pictures are.
        place: which column, from 0.
        found: the step that is looked at; None is the newest.
        what: which side of it.
    """
    record, latest = job_state.job.record.picture(place), job_state.latest(place)
    shown = latest
    if record is not None and found is not None:
        shown = record.nearest(found.mark.step)
    event = job_state.pictures.get(place)
    return ComparedRun(
        place=place,
        request=job_state.request_of(place),
        steps=job_state.steps_of(place),
        latest=latest,
        shown=shown,
        gap=found.gap if found is not None else 0.0,
        frame=None if record is None or shown is None else _frame(job_state, frames, record, shown, what),
        finished=event.done if event is not None else None,
    )


def marks_of(record: PictureRecord | None, known: tuple[Mark, ...] = ()) -> tuple[Mark, ...]:
    """Return where the steps of a run stand that are kept, and where it starts.

    Args:
        record: of the run.
        known: what was returned before; where the run only went on since, only what is new is read.
    """
    if record is None:
        return ()
    steps = record.available()
    every = [record.start, *steps] if record.start is not None else steps
    count = len(known)
    # The record gives up steps evenly: where first and last stand at their places still, so does what lies between.
    if (
        not known
        or count > len(every)
        or (every[0].step, every[count - 1].step) != (known[0].step, known[-1].step)
    ):
        known, count = (), 0
    new = (Mark(step=done.step, level=done.sigma, calls=done.model_calls) for done in every[count:])
    return (*known, *new)


def noise_hashes(job_state: JobState) -> tuple[str, ...]:
    """Return the hash of the noise each run starts from, as pictures have it; of those only that it is known of."""
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
    job_state: JobState, frames: FrameService, record: PictureRecord, done: StepDone, what: Quantity
) -> Frame | None:
    """Return the picture of a step; until it is decoded, that before it: what is a step old shows more than a gap."""
    if done is record.start:
        pixels = frames.of_step(job_state, done, what)
        return (
            None
            if pixels is None
            else Frame(pixels=pixels, step=done.step, quantity=record.quantity_of(done, what))
        )
    earlier = [kept for kept in list(record.steps) if kept.step <= done.step]
    other: Quantity = "x_t" if what == "x0" else "x0"
    for quantity, steps in ((what, earlier[::-1]), (other, [done])):
        for kept in steps:
            if (pixels := frames.of_step(job_state, kept, quantity)) is not None:
                return Frame(pixels=pixels, step=kept.step, quantity=quantity)
    return None


class CompareModel(QObject):
    """The comparison that is looked at: the newest, as soon as it begins, or recorded runs once they are opened.

    Attributes:
        job_state: how its job goes; None before the first.
        newest: how that goes that was made last; None before the first.
        alignment: what of the runs stands side by side.
        position: where, a noise level, a step or a number of model calls; None is each run's newest step.
        what: which side of a step is shown.
        base: the place of the run the others are held against, A.
        candidate: the place of the one that is held against it, B.
        background: does what takes long: the pictures' figures, and files.

    Signals:
        changed: another comparison, another phase of it, or another pair.
        positions_changed: there are more positions, or other ones.
        shown_changed: other steps are looked at, or better frames of them are there.
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
        self.what: Quantity = "x0"
        self.base, self.candidate = 0, 1
        self.background = Background(self)
        self._marks: tuple[tuple[Mark, ...], ...] = ()
        self._positions: tuple[float, ...] = ()
        self._hashes: tuple[str, ...] = ()
        self._phase = ""
        self._looking = False

    # -------------------------------------------------------------------------------------------- what is looked at
    @property
    def count(self) -> int:
        """How many runs there are."""
        return self.job_state.count if self.job_state is not None else 0

    @property
    def positions(self) -> tuple[float, ...]:
        """Where some run has a step, from noise to picture."""
        return self._positions

    @property
    def place(self) -> int:
        """Which of `positions` is looked at; the last while the newest is, -1 where there are none."""
        if self.position is None:
            return len(self._positions) - 1
        return nearest_position(self._positions, self.position)

    @property
    def levels(self) -> tuple[float, ...]:
        """The noise level at each of `positions`: that of the run with the most steps."""
        if self.alignment == "level":
            return self._positions
        longest = max(self._marks, key=len, default=())
        found = (match(longest, position, self.alignment) for position in self._positions)
        return tuple(one.mark.level for one in found if one is not None)

    @property
    def planned(self) -> int:
        """About how many positions there will be: from the pace so far, exact where all take the same steps."""
        job_state, there = self.job_state, len(self._positions)
        if job_state is None or job_state.over or not job_state.fraction:
            return there
        starts = int(any(run and run[0].step == 0 for run in self._marks))
        if self.alignment == "step":
            return starts + max(job_state.steps_of(place) for place in range(job_state.count))
        return max(starts + round((there - starts) / job_state.fraction), there)

    def runs(self) -> tuple[ComparedRun, ...]:
        """Return the runs as they are shown."""
        return tuple(self.run(place) for place in range(self.count))

    def run(self, place: int) -> ComparedRun:
        """Return one run as it is shown."""
        assert self.job_state is not None, "there is a pane only where there is a comparison"
        found = None
        if self.position is not None:
            found = match(self._marks[place], self.position, self.alignment)
        return compared_run(self.job_state, self._frames, place, found, self.what)

    def record(self, place: int) -> PictureRecord | None:
        """Return the steps of a run."""
        return self.job_state.job.record.picture(place) if self.job_state is not None else None

    def is_lost(self, run: ComparedRun) -> bool:
        """Whether what a run is to show cannot be decoded: its model is gone, or is another by now."""
        return bool(self.why_lost(run))

    def why_lost(self, run: ComparedRun) -> str:
        """Return why that cannot be decoded, a sentence; "" where it can."""
        if self.job_state is None or run.shown is None:
            return ""
        return self._frames.why_gone(self.job_state, run.place, run.shown.step, self.what)

    @property
    def hashes(self) -> tuple[str, ...]:
        """The hash of the noise each run starts from; of those only that it is known of."""
        if self.job_state is not None and len(self._hashes) < self.count:
            self._hashes = noise_hashes(self.job_state)
        return self._hashes

    def close(self) -> None:
        """Return once what was begun in the background is done."""
        self.background.close()

    # ----------------------------------------------------------------------------------------------------- intents
    def select(self, place: int | None) -> None:
        """Look at one of `positions`; None looks at the newest steps."""
        position = None
        if place is not None and self._positions:
            position = self._positions[min(max(place, 0), len(self._positions) - 1)]
        if position != self.position:
            self.position = position
            self._look()

    def set_alignment(self, alignment: str) -> None:
        """Lay the runs side by side by something else; what the first run shows stays where it is."""
        known = next((name for name in ALIGNMENTS if name == alignment), self.alignment)
        if known == self.alignment:
            return
        held = None
        if self.position is not None and self._marks:
            held = match(self._marks[self.base], self.position, self.alignment)
        self.alignment = known
        self._positions = positions(self._marks, known)
        if held is not None:
            own = positions([[held.mark]], known)
            self.position = own[0]
        self.positions_changed.emit()
        self._look()

    def set_what(self, what: Quantity) -> None:
        """Look at the model's idea of the finished picture, or at the state itself."""
        if what != self.what:
            self.what = what
            if self.job_state is not None:
                self.job_state.job.preview_target.quantity = what
            self._look()

    def set_pair(self, base: int, candidate: int) -> None:
        """Hold another run against another; a run is not held against itself."""
        if base == candidate or (base, candidate) == (self.base, self.candidate):
            return
        if 0 <= base < self.count and 0 <= candidate < self.count:
            self.base, self.candidate = base, candidate
            self.changed.emit()

    def step_candidate(self, by: int) -> None:
        """Hold the next run against the base, or the one before."""
        others = [place for place in range(self.count) if place != self.base]
        if self.candidate in others:
            self.set_pair(self.base, others[(others.index(self.candidate) + by) % len(others)])

    # --------------------------------------------------------------------------------------- facts, from the session
    @Slot(object)
    def follow(self, job_state: JobState) -> None:
        """A job began or went on; only comparisons are followed, and looked at when they begin."""
        if not isinstance(job_state.job.request, CompareRequest):
            return
        if job_state is not self.newest:
            if self.newest is not None and job_state.over:
                return
            self.newest = job_state
            self._begin(job_state)
        if job_state is self.job_state:
            self._go_on(job_state)

    @Slot(object)
    def show(self, job_state: JobState) -> None:
        """Look at another comparison, such as recorded runs, or again at the newest."""
        self._begin(job_state)
        self._go_on(job_state)

    def _begin(self, job_state: JobState) -> None:
        self.job_state, self.position, self._phase = job_state, None, ""
        job_state.job.preview_target.quantity = self.what
        self._marks, self._positions, self._hashes = (), (), ()
        if max(self.base, self.candidate) >= job_state.count:
            self.base, self.candidate = 0, 1

    def _go_on(self, job_state: JobState) -> None:
        self._read_marks()
        if job_state.phase != self._phase:
            self._phase = job_state.phase
            self.changed.emit()
        self._look()

    def _read_marks(self) -> None:
        known = self._marks or ((),) * self.count
        self._marks = tuple(marks_of(self.record(place), known[place]) for place in range(self.count))
        found = positions(self._marks, self.alignment)
        if found != self._positions:
            self._positions = found
            self.positions_changed.emit()

    def _look(self) -> None:
        """Say that something else is shown, and have decoded what of it is only there as a preview."""
        job_state = self.job_state
        if job_state is None:
            return
        if self.position is not None or job_state.over:
            settled, self._looking = partial(self._on_frame, job_state), True
            for run in self.runs():
                token = ("compare", run.place)
                if run.shown is not None:
                    self._frames.get(
                        job_state, run.place, run.shown.step, self.what, settled, settled, token=token
                    )
            self._looking = False
        self.shown_changed.emit()

    def _on_frame(self, job_state: JobState, _: object) -> None:
        """A frame is there, or cannot be had."""
        if job_state is self.job_state and not self._looking:
            self.shown_changed.emit()
