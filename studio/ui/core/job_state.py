"""The state of a job, as the window knows it from the job's events. Plain values, no Qt."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeGuard, get_args

from studio.engine.events import (
    JobCancelled,
    JobFailed,
    JobFinished,
    JobStarted,
    ModelLoading,
    PictureStarted,
    StepDone,
)
from studio.gallery.store import PictureSaved, PictureUnsaved
from studio.runs.writer import RunRecorded

if TYPE_CHECKING:
    from collections.abc import Callable

    from studio.engine.requests.generate import GenerateRequest
    from studio.runs.reader import StoredRun
    from studio.ui.core.job import Job

JobEvent = (
    ModelLoading
    | JobStarted
    | PictureStarted
    | RunRecorded
    | PictureSaved
    | PictureUnsaved
    | JobFinished
    | JobCancelled
    | JobFailed
)
"""The events of a job other than its steps."""

WITH_PIXELS = 32
"""The number of finished pictures of a job whose pixels stay in memory."""

Phase = Literal["waiting", "loading", "running", "done", "cancelled", "failed"]


@dataclass(frozen=True)
class Lineage:
    """The recorded run that another was forked from, and the step."""

    run: str
    step: int


class JobState:
    """One job from its start to its end.

    Attributes:
        job: the job.
        phase: its phase.
        started: the event with which its pictures began.
        pictures: the finished pictures by their index in the job; the older ones without their pixels.
        failure: the event with which it failed.
        finished: the event with which it ended without an error.
        run_ids: the ids of its recorded runs, by the index of their pictures.
        stored_runs: if it was opened from the disk, its runs by the same index; steps that are not in memory are read
            from them.
        lineage: the step it was forked from; None if it is no fork, or its parent was not recorded.
        converted: while the file of its model is converted, the fraction that is done; else None.
        note: a sentence to show when it is opened; "" if there is none.
        opens_at: the step to show first; None is the newest.
        cannot_recompute: whether steps that were not recorded cannot be recomputed.
    """

    def __init__(self, job: Job, clock: Callable[[], float] = time.perf_counter) -> None:
        self.job = job
        self.phase: Phase = "waiting"
        self.started: JobStarted | None = None
        self.pictures: dict[int, PictureSaved | PictureUnsaved] = {}
        self.failure: JobFailed | None = None
        self.finished: JobFinished | None = None
        self.run_ids: dict[int, str] = {}
        self.stored_runs: dict[int, StoredRun] = {}
        origin = job.origin
        named = origin is not None and origin.run
        self.lineage = Lineage(origin.run, origin.step) if origin is not None and named else None
        self.note = ""
        self.opens_at: int | None = None
        self.cannot_recompute = False
        self._clock = clock
        self._began = clock()
        self._ended: float | None = None
        self.converted: float | None = None
        self._loading_since: float | None = None
        self._latest: dict[int, StepDone] = {}
        self._unfinished = 0

    @property
    def request(self) -> GenerateRequest:
        """The request, or the first of several; resolved once the job has started."""
        return self.requests[0]

    @property
    def requests(self) -> tuple[GenerateRequest, ...]:
        """One request for each run of a comparison, else one for all pictures."""
        if self.started is None:
            return self.job.requests
        return self.started.requests or (self.started.request,)

    @property
    def count(self) -> int:
        """The number of pictures of the job."""
        return self.job.count

    @property
    def over(self) -> bool:
        """Whether the job has ended: finished, cancelled or failed."""
        return self.phase in ("done", "cancelled", "failed")

    @property
    def steps(self) -> int:
        """The number of steps of the first picture; 0 if it is not known yet."""
        return self.steps_of(0)

    @property
    def current_image(self) -> int:
        """The index of the first picture that is not finished, or of the last one."""
        # Searched from where the last search ended, since it is read many times for each step.
        while self._unfinished in self.pictures:
            self._unfinished += 1
        return min(self._unfinished, self.count - 1)

    @property
    def fraction(self) -> float:
        """The share of the job's steps that are done, 0 to 1."""
        total = self._steps_to_take()
        return min(self._steps_done() / total, 1.0) if total else 0.0

    @property
    def seconds(self) -> float:
        """The time since the pictures began, or that they took, without the time to load the model."""
        if self.started is None:
            return 0.0
        return (self._clock() if self._ended is None else self._ended) - self._began

    @property
    def preview_share(self) -> float | None:
        """The share of a finished job's time, without loading the model, spent on previews; None if it is not known."""
        if self.finished is None:
            return None
        loading = 0.0 if self._loading_since is None else self._began - self._loading_since
        seconds = self.finished.seconds - loading
        return self.finished.preview_seconds / seconds if seconds > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """The remaining time at the speed so far; None before the first step."""
        done, total = self._steps_done(), self._steps_to_take()
        if self.phase != "running" or done == 0:
            return None
        return self.seconds / done * (total - done)

    def request_of(self, image: int) -> GenerateRequest:
        """Return the request of a picture."""
        requests = self.requests
        return requests[image] if len(requests) > 1 else requests[0]

    def steps_of(self, image: int) -> int:
        """Return the number of steps of a picture; 0 if it is not known yet."""
        if len(self.requests) == 1 and self.started is not None:
            return self.started.steps
        return self.request_of(image).steps or 0

    def weights_of(self, image: int) -> str:
        """Return the hash of the weights of a picture's model; "" if it is not known yet."""
        if self.started is None:
            return ""
        several = self.started.weights
        return several[image] if len(several) > 1 else self.started.weights_sha256

    def is_stored(self, image: int, step: int) -> bool:
        """Whether a step can be read from the disk, because the job was opened from there."""
        run = self.stored_runs.get(image)
        return run is not None and step in run.kept

    def latest(self, image: int) -> StepDone | None:
        """Return the newest step of a picture."""
        return self._latest.get(image)

    def take_step(self, done: StepDone) -> None:
        """Process a step."""
        self._latest[done.image] = done

    def take(self, event: JobEvent) -> None:
        """Process any other event of this job."""
        match event:
            case ModelLoading():
                self.phase, self.converted = "loading", event.converted
                if self._loading_since is None:
                    self._loading_since = self._clock()
            case JobStarted():
                self.phase, self.started, self._began = "running", event, self._clock()
            case RunRecorded():
                if event.run_id is not None:
                    self.run_ids[event.image] = event.run_id
            case PictureSaved() | PictureUnsaved():
                self.pictures[event.done.image] = event
                self._drop_old_pixels()
            case JobFinished():
                self.phase, self.finished = "done", event
            case JobCancelled():
                self.phase = "cancelled"
            case JobFailed():
                self.phase, self.failure = "failed", event
        if self.over:
            self._ended = self._clock()

    def _drop_old_pixels(self) -> None:
        """Drop the pixels of older pictures, which are in their files. Those of unsaved pictures stay."""
        for image in list(self.pictures)[-1 - WITH_PIXELS : -WITH_PIXELS]:
            event = self.pictures[image]
            if isinstance(event, PictureSaved):
                gone = event.done.pixels[:0, :0].copy()
                self.pictures[image] = replace(event, done=replace(event.done, pixels=gone))

    def _steps_done(self) -> int:
        forming = (done.step for image, done in self._latest.items() if image not in self.pictures)
        started = len(set(self._latest) | set(self.pictures))
        finished = sum(self.steps_of(image) for image in self.pictures)
        return finished + sum(forming) - self.job.first_step * started

    def _steps_to_take(self) -> int:
        return sum(max(self.steps_of(image) - self.job.first_step, 0) for image in range(self.count))


def is_job_event(event: object) -> TypeGuard[JobEvent]:
    """Whether an object is an event of a job."""
    return isinstance(event, get_args(JobEvent))
