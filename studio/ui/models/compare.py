"""A comparison as it is looked at: which step of each run, laid side by side by what, and which two are the pair."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.engine.compare import CompareRequest
from studio.ui.core.background import Background
from studio.ui.core.frames import Decoding
from studio.ui.models.compare_alignment import ALIGNMENTS, match, nearest_position, positions
from studio.ui.models.compare_pane import marks_of, noise_hashes, pane_of

if TYPE_CHECKING:
    from studio.runs.picture_record import PictureRecord, What
    from studio.ui.core.job import FrameDecoded
    from studio.ui.jobs.job_state import Course
    from studio.ui.models.compare_alignment import Alignment, Mark
    from studio.ui.models.compare_pane import Pane


class CompareModel(QObject):
    """The comparison that is looked at: the newest, as soon as it begins, or recorded runs once they are opened.

    Attributes:
        course: how its job goes; None before the first.
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
        decode_requested: a `DecodeTask` is to be done.
    """

    changed = Signal()
    positions_changed = Signal()
    shown_changed = Signal()
    decode_requested = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        """Begin with no comparison."""
        super().__init__(parent)
        self.course: Course | None = None
        self.newest: Course | None = None
        self.alignment: Alignment = "level"
        self.position: float | None = None
        self.what: What = "x0"
        self.base, self.candidate = 0, 1
        self.background = Background(self)
        self._marks: tuple[tuple[Mark, ...], ...] = ()
        self._positions: tuple[float, ...] = ()
        self._frames: Decoding | None = None
        self._hashes: tuple[str, ...] = ()
        self._phase = ""

    # -------------------------------------------------------------------------------------------- what is looked at
    @property
    def count(self) -> int:
        """How many runs there are."""
        return self.course.count if self.course is not None else 0

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
        course, there = self.course, len(self._positions)
        if course is None or course.over or not course.fraction:
            return there
        starts = int(any(run and run[0].step == 0 for run in self._marks))
        if self.alignment == "step":
            return starts + max(course.steps_of(place) for place in range(course.count))
        return max(starts + round((there - starts) / course.fraction), there)

    def panes(self) -> tuple[Pane, ...]:
        """Return the runs as they are shown."""
        return tuple(self.pane(place) for place in range(self.count))

    def pane(self, place: int) -> Pane:
        """Return one run as it is shown."""
        assert self.course is not None, "there is a pane only where there is a comparison"
        found = None
        if self.position is not None:
            found = match(self._marks[place], self.position, self.alignment)
        return pane_of(self.course, place, found, self.what)

    def record(self, place: int) -> PictureRecord | None:
        """Return the steps of a run."""
        return self.course.job.record.picture(place) if self.course is not None else None

    def is_lost(self, pane: Pane) -> bool:
        """Whether what a run is to show cannot be decoded: its model is gone, or is another by now."""
        return self._frames is not None and self._frames.is_lost(pane.shown, self.what)

    @property
    def hashes(self) -> tuple[str, ...]:
        """The hash of the noise each run starts from; of those only that it is known of."""
        if self.course is not None and len(self._hashes) < self.count:
            self._hashes = noise_hashes(self.course)
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

    def set_what(self, what: What) -> None:
        """Look at the model's idea of the finished picture, or at the state itself."""
        if what != self.what:
            self.what = what
            if self.course is not None:
                self.course.job.shown.what = what
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
    def follow(self, course: Course) -> None:
        """A job began or went on; only comparisons are followed, and looked at when they begin."""
        if not isinstance(course.job.request, CompareRequest):
            return
        if course is not self.newest:
            if self.newest is not None and course.over:
                return
            self.newest = course
            self._begin(course)
        if course is self.course:
            self._go_on(course)

    @Slot(object)
    def show(self, course: Course) -> None:
        """Look at another comparison, such as recorded runs, or again at the newest."""
        self._begin(course)
        self._go_on(course)

    @Slot(object)
    def take_decoded(self, event: FrameDecoded) -> None:
        """A frame is decoded."""
        course = self.course
        if course is not None and self._frames is not None and event.task.job_id == course.job.id:
            self._frames.take(event)
            self.shown_changed.emit()

    def _begin(self, course: Course) -> None:
        self.course, self.position, self._phase = course, None, ""
        course.job.shown.what = self.what
        self._marks, self._positions, self._hashes = (), (), ()
        self._frames = Decoding(course)
        if max(self.base, self.candidate) >= course.count:
            self.base, self.candidate = 0, 1

    def _go_on(self, course: Course) -> None:
        self._read_marks()
        if course.phase != self._phase:
            self._phase = course.phase
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
        if self.course is None or self._frames is None:
            return
        if self.position is not None or self.course.over:
            for pane in self.panes():
                if (task := self._frames.want(pane.shown, self.what)) is not None:
                    self.decode_requested.emit(task)
        self.shown_changed.emit()
