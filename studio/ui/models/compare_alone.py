"""How far the runs of a batched comparison are from the same runs alone: made again one by one, and measured.

Runs that share their model calls depend on their neighbours in the last bits, which the kernels round in another order.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

from PySide6.QtCore import QObject, Signal, Slot

from studio.engine.compare import CompareRequest
from studio.engine.events import JobCancelled, JobStarted, StepDone
from studio.engine.previews import Previews
from studio.errors import StorageError
from studio.ui.core.job import Errand

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from studio.engine.requests import GenerateRequest
    from studio.ui.core.engine_protocol import Engine
    from studio.ui.core.job import ErrandDone
    from studio.ui.jobs.job_state import Course
    from studio.ui.models.compare import CompareModel

CHEAP_S: Final = 4.0
"""Comparisons that took no longer are measured unasked."""

Standing = Literal["none", "exact", "unknown", "measuring", "measured", "failed"]


@dataclass(frozen=True)
class Alone:
    """What is known of one comparison.

    Attributes:
        standing: "none" where there is nothing to know: it is not over, or its runs were made at other times; "exact"
            where no run shared a model call.
        differences: of each run, the largest of all numbers of its last state.
        fault: why it could not be measured, a sentence.
    """

    standing: Standing
    differences: tuple[float, ...] = ()
    fault: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Run:
    """One run as the comparison made it."""

    request: GenerateRequest
    weights_sha256: str
    state: NDArray[np.float32]


class AloneModel(QObject):
    """Measures the comparison that is looked at: unasked where that is cheap, else when it is asked to.

    Signals:
        changed: something else is known.
        errand_requested: an `Errand` is to be done with the engine.
    """

    changed = Signal()
    errand_requested = Signal(object)

    def __init__(self, compare: CompareModel, parent: QObject | None = None) -> None:
        """Follow ``compare``."""
        super().__init__(parent)
        self._compare = compare
        self._known: dict[str, Alone] = {}
        self._running: tuple[str, Errand] | None = None
        compare.changed.connect(self._on_changed)

    @property
    def current(self) -> Alone:
        """What is known of the comparison that is looked at."""
        course = self._compare.course
        if course is None or course is not self._compare.newest or course.phase != "done":
            return Alone("none")
        if course.job.id in self._known:
            return self._known[course.job.id]
        request = course.job.request
        exact = isinstance(request, CompareRequest) and not request.batched
        return Alone("exact" if exact else "unknown")

    @Slot()
    def measure(self) -> None:
        """Make each run of the comparison that is looked at alone, and see how far it is."""
        course = self._compare.course
        if course is None or self.current.standing not in ("unknown", "failed"):
            return
        runs = _runs_of(course)
        if runs is None:
            return
        self.stop()
        errand = Errand(work=partial(_measure, runs))
        self._running = course.job.id, errand
        self._note(course.job.id, Alone("measuring"))
        self.errand_requested.emit(errand)

    @Slot()
    def stop(self) -> None:
        """Stop measuring."""
        if self._running is not None:
            job_id, errand = self._running
            errand.cancelled.set()
            self._running = None
            self._known.pop(job_id, None)
            self.changed.emit()

    @Slot(object)
    def take(self, done: ErrandDone) -> None:
        """An errand is done, perhaps one of this."""
        if self._running is None or done.errand is not self._running[1]:
            return
        job_id, _ = self._running
        self._running = None
        if done.answer is None and not done.fault:
            self._known.pop(job_id, None)
            self.changed.emit()
        elif done.answer is None:
            self._note(job_id, Alone("failed", fault=done.fault))
        else:
            self._note(job_id, Alone("measured", done.answer))

    @Slot()
    def _on_changed(self) -> None:
        course = self._compare.course
        if self._running is not None and (course is None or course.job.id != self._running[0]):
            self.stop()  # the next comparison must not wait for it
        if course is not None and self.current.standing == "unknown" and course.seconds <= CHEAP_S:
            self.measure()
        else:
            self.changed.emit()

    def _note(self, job_id: str, alone: Alone) -> None:
        self._known = {job_id: alone}  # of one comparison, the newest
        self.changed.emit()


def _runs_of(course: Course) -> tuple[_Run, ...] | None:
    """Return the runs of a comparison; None where the last state of one is not in memory."""
    found = []
    for place in range(course.count):
        last = course.latest(place)
        if last is None or last.state is None or last.step != last.steps:
            return None
        weights = course.weights_of(place)
        found.append(_Run(request=course.request_of(place), weights_sha256=weights, state=last.state))
    return tuple(found)


def _measure(runs: tuple[_Run, ...], errand: Errand, engine: Engine) -> tuple[float, ...] | None:
    """Return how far each run is from itself alone; None once stopped."""
    found = []
    for run in runs:
        state = None
        events = engine.run(
            run.request,
            cancelled=errand.cancelled,
            previews=Previews(0, arrays=True),
            job_id=uuid.uuid4().hex,
        )
        for event in events:
            if isinstance(event, JobCancelled):
                return None
            if isinstance(event, JobStarted) and event.weights_sha256 != run.weights_sha256:
                raise StorageError(
                    run.request.model, "is another model by now than the one that was compared"
                )
            if isinstance(event, StepDone):
                state = event.state
        assert state is not None, "arrays were asked for"
        found.append(float(abs(state - run.state).max()))
    return tuple(found)
