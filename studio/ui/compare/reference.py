"""What the runs of a comparison are measured against, and how much batching changed them.

The reference is A, any other run, or a run with many steps made for it. Runs that share model calls depend on their
neighbours in the last bits, because kernels round in another order; each is made again alone and the states compared.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

from PySide6.QtCore import QObject, Signal, Slot

from studio.diffusion.samplers import SAMPLERS, ode_sampler
from studio.engine.events import JobCancelled, JobStarted, StepDone
from studio.engine.requests.compare import CompareRequest
from studio.engine.requests.generate import sampler_options
from studio.engine.requests.previews import Previews
from studio.errors import StorageError
from studio.ui.core.engine_call import EngineCall
from studio.ui.jobs.run_settings import most_steps

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from studio.engine.events import PictureDone
    from studio.engine.protocol import Engine
    from studio.engine.requests.generate import GenerateRequest
    from studio.runs.memory import PictureRecord
    from studio.ui.compare.model import CompareModel
    from studio.ui.core.catalog import Catalog
    from studio.ui.core.engine_call import EngineCaller
    from studio.ui.core.job import Job
    from studio.ui.core.job_state import JobState


LONG_STEPS: Final = 250
A: Final = "a"
LONG: Final = "long"


@dataclass(frozen=True, kw_only=True, eq=False)
class Reference:
    """What the runs are measured against.

    Attributes:
        place: which run it is; None where it is the long one.
        request: what it is made with.
        finish: what it arrived at, before it was decoded; None as long as it is not finished.
        done: its finished picture, likewise.
    """

    place: int | None
    request: GenerateRequest
    finish: NDArray[np.float32] | None
    done: PictureDone | None


class ReferenceModel(QObject):
    """The choice for the comparison that is looked at; with another it is A again.

    Attributes:
        key: `A`, `LONG`, or the place of a run.
        job_state: how the long one goes; None where there is none.
        job: the long one's job, set by who runs it.

    Signals:
        changed: another reference, or it has come further.
        run_requested: a `GenerateRequest` is to be run: the long one.
        stop_requested: its `Job` is to stop.
    """

    changed = Signal()
    run_requested = Signal(object)
    stop_requested = Signal(object)

    def __init__(self, compare: CompareModel, catalog: Catalog, parent: QObject | None = None) -> None:
        """Follow ``compare``; ``catalog`` knows how many steps a model can take."""
        super().__init__(parent)
        self._compare, self._catalog = compare, catalog
        self.job: Job | None = None
        self._of: JobState | None = None
        self._asked: GenerateRequest | None = None
        self.key = A
        self.job_state: JobState | None = None
        compare.changed.connect(self._on_changed)

    @property
    def making(self) -> bool:
        """Whether the long one is on its way."""
        return self._asked is not None and (self.job_state is None or not self.job_state.over)

    @property
    def made(self) -> bool:
        """Whether there is a long one to choose."""
        return self.job_state is not None and self.job_state.phase == "done" and 0 in self.job_state.pictures

    @property
    def fault(self) -> str:
        """Why the long one could not be made, a sentence; "" where it could."""
        failure = self.job_state.failure if self.job_state is not None else None
        return failure.sentence if failure is not None else ""

    @property
    def current(self) -> Reference | None:
        """What is measured against; None where there is no comparison."""
        compare, job_state = self._compare, self._compare.job_state
        if job_state is None:
            return None
        if self.key == LONG and self.job_state is not None and self.made:
            long = self.job_state
            record = long.job.record.picture(0)
            return Reference(
                place=None, request=long.request, finish=final_x0_hat(record), done=long.pictures[0].done
            )
        place = int(self.key) if self.key.isdecimal() else compare.base
        event = job_state.pictures.get(place)
        return Reference(
            place=place,
            request=job_state.request_of(place),
            finish=final_x0_hat(compare.record(place)),
            done=event.done if event is not None else None,
        )

    def offers(self) -> tuple[GenerateRequest, ...]:
        """Return the long runs that can be made from A's noise: with DDIM, and with A's own sampler."""
        compare, job_state = self._compare, self._compare.job_state
        record = compare.record(compare.base) if job_state is not None else None
        if (
            job_state is None
            or not job_state.over
            or (record is not None and record.start and record.start.step)
        ):
            return ()
        asked = job_state.request_of(compare.base)
        own = replace(asked, steps=min(LONG_STEPS, most_steps(self._catalog.card(asked.model))), count=1)
        sampler = SAMPLERS[own.sampler or ""]
        if sampler.ode_limit(sampler_options(sampler.name, own.options)):
            return (own,)
        return replace(own, sampler=ode_sampler(), options={}), own

    # ----------------------------------------------------------------------------------------------------- intents
    def choose(self, key: str) -> None:
        """Measure against another."""
        if key != self.key:
            self.key = key
            self.changed.emit()

    def make(self, request: GenerateRequest) -> None:
        """Have a long one made, and measure against it once it is there."""
        if not self.making:
            self._asked, self.job_state, self.job = request, None, None
            self.run_requested.emit(request)
            self.changed.emit()

    @Slot()
    def stop(self) -> None:
        """Make it no more."""
        if self.making:
            if self.job is not None:
                self.stop_requested.emit(self.job)
            self._asked = self.job_state = None
            self.changed.emit()

    # ------------------------------------------------------------------------------------------------------- facts
    def follow(self, job_state: JobState) -> bool:
        """Take in how a job went on; False where it is not the long one."""
        if self._asked is None or job_state.job.request is not self._asked:
            return False
        begins = self.job_state is None
        self.job_state = job_state
        if job_state.phase == "done" and 0 in job_state.pictures:
            self.key = LONG
        if begins or job_state.over or job_state.phase == "running":
            self.changed.emit()
        return True

    @Slot()
    def _on_changed(self) -> None:
        if self._compare.job_state is not self._of:
            self._of = self._compare.job_state
            self.key, self.job_state, self._asked = A, None, None
        self.changed.emit()


def final_x0_hat(record: PictureRecord | None) -> NDArray[np.float32] | None:
    """Return what a finished run arrived at, before it was decoded; None where it is not finished."""
    last = record.last if record is not None else None
    return last.x0_hat if last is not None and last.step == last.steps else None


UNASKED_MAX_S: Final = 4.0
"""Comparisons that took no longer are measured unasked."""

Status = Literal["none", "exact", "unknown", "measuring", "measured", "failed"]


@dataclass(frozen=True)
class BatchingError:
    """What is known of one comparison.

    Attributes:
        standing: "none" where there is nothing to know: it is not over, or its runs were made at other times; "exact"
            where no run shared a model call.
        differences: of each run, the largest of all numbers of its last state.
        fault: why it could not be measured, a sentence.
    """

    status: Status
    differences: tuple[float, ...] = ()
    fault: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Run:
    """One run as the comparison made it."""

    request: GenerateRequest
    weights_sha256: str
    state: NDArray[np.float32]


class BatchingErrorModel(QObject):
    """Measures the comparison that is looked at: unasked where that is cheap, else when it is asked to.

    Signals:
        changed: something else is known.
    """

    changed = Signal()

    def __init__(self, compare: CompareModel, engine: EngineCaller, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._compare, self._engine = compare, engine
        self._known: dict[str, BatchingError] = {}
        self._running: tuple[str, EngineCall[tuple[float, ...] | None]] | None = None
        compare.changed.connect(self._on_changed)

    @property
    def current(self) -> BatchingError:
        """What is known of the comparison that is looked at."""
        job_state = self._compare.job_state
        if job_state is None or job_state is not self._compare.newest or job_state.phase != "done":
            return BatchingError("none")
        if job_state.job.id in self._known:
            return self._known[job_state.job.id]
        request = job_state.job.request
        exact = isinstance(request, CompareRequest) and not request.batched
        return BatchingError("exact" if exact else "unknown")

    @Slot()
    def measure(self) -> None:
        """Make each run of the comparison that is looked at alone, and see how far it is."""
        job_state = self._compare.job_state
        if job_state is None or self.current.status not in ("unknown", "failed"):
            return
        runs = _runs_of(job_state)
        if runs is None:
            return
        self.stop()
        job_id = job_state.job.id
        call = EngineCall(
            work=partial(_measure, runs),
            then=partial(self._take, job_id),
            failed=partial(self._fail, job_id),
            gives_way=True,
        )
        self._running = job_id, call
        self._note(job_id, BatchingError("measuring"))
        self._engine.call(call)

    @Slot()
    def stop(self) -> None:
        """Stop measuring."""
        if self._running is not None:
            job_id, call = self._running
            call.cancel()
            self._running = None
            self._known.pop(job_id, None)
            self.changed.emit()

    def _take(self, job_id: str, differences: tuple[float, ...] | None) -> None:
        if differences is not None:
            self._running = None
            self._note(job_id, BatchingError("measured", differences))

    def _fail(self, job_id: str, sentence: str) -> None:
        self._running = None
        self._note(job_id, BatchingError("failed", fault=sentence))

    @Slot()
    def _on_changed(self) -> None:
        job_state = self._compare.job_state
        if self._running is not None and (job_state is None or job_state.job.id != self._running[0]):
            self.stop()  # the next comparison must not wait for it
        if job_state is not None and self.current.status == "unknown" and job_state.seconds <= UNASKED_MAX_S:
            self.measure()
        else:
            self.changed.emit()

    def _note(self, job_id: str, batching_error: BatchingError) -> None:
        self._known = {job_id: batching_error}  # of one comparison, the newest
        self.changed.emit()


def _runs_of(job_state: JobState) -> tuple[_Run, ...] | None:
    """Return the runs of a comparison; None where the last state of one is not in memory."""
    found = []
    for place in range(job_state.count):
        last = job_state.latest(place)
        if last is None or last.state is None or last.step != last.steps:
            return None
        weights = job_state.weights_of(place)
        found.append(_Run(request=job_state.request_of(place), weights_sha256=weights, state=last.state))
    return tuple(found)


def _measure(
    runs: tuple[_Run, ...], call: EngineCall[tuple[float, ...] | None], engine: Engine
) -> tuple[float, ...] | None:
    """Return how far each run is from itself alone; None once stopped."""
    found = []
    for run in runs:
        state = None
        events = engine.run(
            run.request,
            cancelled=call.cancelled,
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
