"""The reference of a comparison (A, another run, or a long run with 250 steps), and its batching error.

Runs that share model calls differ from the same runs alone in the last bits, since kernels round in another order. The
batching error is that difference: each run is repeated alone, and the final states are compared.
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
from studio.messages import message
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
"""Keys of `ReferenceModel`; the key of any other run is its index."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Reference:
    """The run that the others are compared with.

    Attributes:
        place: its index in the comparison; None for the long run.
        request: its request.
        x0_hat: its final x0_hat, float32 (C, H, W), before decoding; None until it is finished.
        done: its finished picture; None until then.
    """

    place: int | None
    request: GenerateRequest
    x0_hat: NDArray[np.float32] | None
    done: PictureDone | None


class ReferenceModel(QObject):
    """The reference of the comparison that is shown.

    For another comparison it is A again; but a long run stays the reference as long as A starts from the same noise
    with the same settings.

    Attributes:
        key: `A`, `LONG`, or the index of a run.
        job_state: the state of the long run's job; None if there is no long run.
        job: the long run's job, set by the session that runs it.

    Signals:
        changed: another reference, or the long run progressed.
        run_requested: run this `GenerateRequest`, the long run.
        stop_requested: stop this `Job`.
    """

    changed = Signal()
    run_requested = Signal(object)
    stop_requested = Signal(object)

    def __init__(self, compare: CompareModel, catalog: Catalog, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._compare, self._catalog = compare, catalog
        self.job: Job | None = None
        self._shown: JobState | None = None
        self._checked = True
        self._asked: GenerateRequest | None = None
        self.key = A
        self.job_state: JobState | None = None
        compare.changed.connect(self._on_changed)

    @property
    def making(self) -> bool:
        """Whether the long run is queued or running."""
        return self._asked is not None and (self.job_state is None or not self.job_state.over)

    @property
    def made(self) -> bool:
        """Whether the long run is finished."""
        return self.job_state is not None and self.job_state.phase == "done" and 0 in self.job_state.pictures

    @property
    def fault(self) -> str:
        """Why the long run failed, a sentence; "" if it did not."""
        failure = self.job_state.failure if self.job_state is not None else None
        return failure.sentence if failure is not None else ""

    @property
    def current(self) -> Reference | None:
        """The reference; None without a comparison."""
        compare, job_state = self._compare, self._compare.job_state
        if job_state is None:
            return None
        if self.key == LONG and self.job_state is not None and self.made:
            long = self.job_state
            record = long.job.record.picture(0)
            return Reference(
                place=None, request=long.request, x0_hat=final_x0_hat(record), done=long.pictures[0].done
            )
        place = int(self.key) if self.key.isdecimal() else compare.base
        event = job_state.pictures.get(place)
        return Reference(
            place=place,
            request=job_state.request_of(place),
            x0_hat=final_x0_hat(compare.record(place)),
            done=event.done if event is not None else None,
        )

    def offers(self) -> tuple[GenerateRequest, ...]:
        """Return the long runs that can be made from A's noise: with the ODE sampler, and with A's own sampler."""
        compare, job_state = self._compare, self._compare.job_state
        if job_state is None or not job_state.over or self._is_fork():
            return ()
        base = job_state.request_of(compare.base)
        own = replace(base, steps=min(LONG_STEPS, most_steps(self._catalog.card(base.model))), count=1)
        sampler = SAMPLERS[own.sampler or ""]
        offers = [own]
        if not sampler.ode_limit(sampler_options(sampler.name, own.options)):
            offers.insert(0, replace(own, sampler=ode_sampler(), options={}))
        return tuple(offer for offer in offers if not (self.made and offer == self._asked))

    # ----------------------------------------------------------------------------------------------------- intents
    def choose(self, key: str) -> None:
        if key != self.key:
            self.key = key
            self.changed.emit()

    def make(self, request: GenerateRequest) -> None:
        """Request a long run; it becomes the reference once it is finished."""
        if not self.making:
            self._asked, self.job_state, self.job = request, None, None
            self.run_requested.emit(request)
            self.changed.emit()

    @Slot()
    def stop(self) -> None:
        if self.making:
            if self.job is not None:
                self.stop_requested.emit(self.job)
            self._asked = self.job_state = None
            self.changed.emit()

    # ------------------------------------------------------------------------------------------------- job updates
    def follow(self, job_state: JobState) -> bool:
        """Process the new state of a job; return whether it is the long run."""
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
        shown = self._compare.job_state
        if shown is not self._shown:
            self._shown, self._checked = shown, False
            self.key = LONG if self.key == LONG else A
        if not self._checked:
            self._checked = shown is None or shown.started is not None
            if not self._fits():
                self.key, self.job_state, self._asked = A, None, None
        self.changed.emit()

    def _fits(self) -> bool:
        """Whether the finished long run starts from A's noise, with A's model and settings."""
        shown, long = self._shown, self.job_state
        if shown is None or long is None or not self.made or self._is_fork():
            return False
        base, made = shown.request_of(self._compare.base), long.request
        alike = replace(made, sampler=base.sampler, steps=base.steps, options=base.options, count=base.count)
        weights = shown.weights_of(self._compare.base) or long.weights_of(
            0
        )  # not known before the job has started
        return alike == base and weights == long.weights_of(0)

    def _is_fork(self) -> bool:
        """Whether A starts from a step of another run, not from noise."""
        record = self._compare.record(self._compare.base)
        return record is not None and record.start is not None and record.start.step > 0


def final_x0_hat(record: PictureRecord | None) -> NDArray[np.float32] | None:
    """Return the x0_hat of a run's last step; None if the run is not finished."""
    last = record.last if record is not None else None
    return last.x0_hat if last is not None and last.step == last.steps else None


UNASKED_MAX_S: Final = 4.0
"""Comparisons that took at most this many seconds are measured without being asked."""

Status = Literal["none", "exact", "unknown", "measuring", "measured", "failed"]


@dataclass(frozen=True)
class BatchingError:
    """The batching error of one comparison.

    Attributes:
        status: "none" if there is nothing to measure: the comparison is not finished, or its runs are recorded ones;
            "exact" if no run shared a model call.
        differences: for each run, the largest absolute difference of its final state from that of the same run alone.
        fault: why it could not be measured, a sentence.
    """

    status: Status
    differences: tuple[float, ...] = ()
    fault: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Run:
    """One run of the comparison, with its final state, float32 (C, H, W)."""

    request: GenerateRequest
    weights_sha256: str
    state: NDArray[np.float32]


class BatchingErrorModel(QObject):
    """The batching error of the comparison that is shown: measured at once if that is cheap, else on request.

    Signals:
        changed: another status.
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
        """The batching error of the comparison that is shown."""
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
        """Make each run again, alone, and compare the final states."""
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
            self.stop()  # so that the next comparison does not wait
        if job_state is not None and self.current.status == "unknown" and job_state.seconds <= UNASKED_MAX_S:
            self.measure()
        else:
            self.changed.emit()

    def _note(self, job_id: str, batching_error: BatchingError) -> None:
        self._known = {job_id: batching_error}  # only of the newest comparison
        self.changed.emit()


def _runs_of(job_state: JobState) -> tuple[_Run, ...] | None:
    """Return the runs of a comparison; None if a final state is not in memory."""
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
    """Return the largest difference of each run from the same run alone; None if cancelled."""
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
                raise StorageError(run.request.model, message("has changed since the comparison was made"))
            if isinstance(event, StepDone):
                state = event.state
        assert state is not None, "the request asks for arrays"
        found.append(float(abs(state - run.state).max()))
    return tuple(found)
