"""Steps that a long run did not keep, made again when they are looked at: a few model calls from the nearest before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from studio.runs.picture_record import is_held
from studio.runs.replay import steps_again
from studio.ui.core.job import Errand

if TYPE_CHECKING:
    from studio.engine.events import StepDone
    from studio.engine.fork import StartState
    from studio.engine.requests import GenerateRequest
    from studio.ui.core.engine_protocol import Engine
    from studio.ui.core.job import ErrandDone
    from studio.ui.jobs.job_state import Course
    from studio.ui.models.run import RunModel

SETTLE_MS = 60
"""How long a step must be looked at before it is made again: who scrubs on does not wait for it."""


@dataclass(frozen=True, eq=False)
class _Asked:
    course: Course
    image: int
    step: int
    errand: Errand


class RemakingModel(QObject):
    """Has the step that is looked at made again where it was not kept.

    Signals:
        errand_requested: an `Errand` is to be done with the engine.
        failed: steps of the run that is looked at cannot be made again: a sentence, once for each run.
    """

    errand_requested = Signal(object)
    failed = Signal(str)

    def __init__(self, run: RunModel, parent: QObject | None = None) -> None:
        """Follow ``run``."""
        super().__init__(parent)
        self._run = run
        self._wanted: int | None = None
        self._asked: _Asked | None = None
        self._settled = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settled.timeout.connect(self._ask)
        run.selection_changed.connect(self._on_selection_changed)
        run.step_wanted.connect(self.want)

    @Slot(int)
    def want(self, step: int) -> None:
        """Have a step of the picture that is looked at made again, once nothing else is looked at for a moment."""
        course, picture = self._run.viewed, self._run.picture
        done = picture.find(step) if picture is not None else None
        if course is None or course.gaps_stay or done is None or is_held(done):
            return
        self._wanted = step
        self._settled.start()

    @Slot(object)
    def take(self, event: ErrandDone) -> None:
        """An errand is done, perhaps one of this."""
        asked = self._asked
        if asked is None or event.errand is not asked.errand:
            return
        self._asked = None
        course, record = asked.course, asked.course.job.record
        if event.answer:
            record.put_again(asked.image, event.answer)
            picture = record.picture(asked.image)
            course.gaps_stay = (
                picture is None or asked.step not in picture.again
            )  # there is no room in memory
        elif event.fault:
            course.gaps_stay = True
            self.failed.emit(f"The steps between those that were kept cannot be made again: {event.fault}")
        self._run.take_again(course, asked.image)

    @Slot()
    def _on_selection_changed(self) -> None:
        if self._run.waits_for_step and self._run.step is not None:
            self.want(self._run.step)

    @Slot()
    def _ask(self) -> None:
        course, picture, step = self._run.viewed, self._run.picture, self._wanted
        if course is None or picture is None or picture.began is None or step is None:
            return
        image = self._run.image
        if self._asked is not None:
            if (self._asked.course, self._asked.image, self._asked.step) == (course, image, step):
                return
            self._asked.errand.cancelled.set()
            self._asked = None
        start = picture.standing_before(step)
        if start is None or start.index >= step:
            return
        request = replace(course.request_of(image), seed=picture.began.seed, count=1)
        errand = Errand(work=partial(_make, request, course.weights_of(image), start, step))
        self._asked = _Asked(course, image, step, errand)
        self.errand_requested.emit(errand)


def _make(
    request: GenerateRequest,
    weights_sha256: str,
    start: StartState,
    step: int,
    errand: Errand,
    engine: Engine,
) -> tuple[StepDone, ...]:
    """Return the steps from ``start`` on; none where that was stopped."""
    made = tuple(steps_again(request, weights_sha256, start, step, engine, errand.cancelled))
    return made if made and made[-1].step == step else ()
