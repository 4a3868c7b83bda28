"""How a job goes: what the window knows of it from its events. Plain values, no Qt."""

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
"""What a job tells besides its steps."""

WITH_PIXELS = 32
"""How many finished pictures of a job keep their pixels in memory."""

Phase = Literal["waiting", "loading", "running", "done", "cancelled", "failed"]


@dataclass(frozen=True)
class Lineage:
    """The recorded run that another goes on from, and the step of it."""

    run: str
    step: int


class JobState:
    """One job from its start to its end.

    Attributes:
        job: the job.
        phase: where it stands.
        started: what the engine said when the pictures began.
        pictures: the finished ones, by their place in the job; the older ones without their pixels.
        failure: why it failed.
        finished: what the engine said at the end of a job that went well.
        run_ids: the recorded runs, by the place of their pictures.
        stored_runs: likewise, of a job that was opened: steps that are not in memory are read from them.
        lineage: where it was forked; None where it was not, or that run was not recorded.
        note: what should be said about it.
        opens_at: the step that is looked at first; None is the newest.
        cannot_recompute: steps that were not kept cannot be made again.
    """

    def __init__(self, job: Job, clock: Callable[[], float] = time.perf_counter) -> None:
        """Begin waiting."""
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
        self._loading_since: float | None = None
        self._latest: dict[int, StepDone] = {}

    @property
    def request(self) -> GenerateRequest:
        """The request (the first, of several), with everything filled in once the engine has done so."""
        return self.requests[0]

    @property
    def requests(self) -> tuple[GenerateRequest, ...]:
        """What the pictures are asked for with: one for each run of a comparison, else one for all."""
        if self.started is None:
            return self.job.requests
        return self.started.requests or (self.started.request,)

    @property
    def count(self) -> int:
        """How many pictures the job makes."""
        return self.job.count

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self.phase in ("done", "cancelled", "failed")

    @property
    def steps(self) -> int:
        """How many steps the first picture takes; 0 where that is not known yet."""
        return self.steps_of(0)

    @property
    def current_image(self) -> int:
        """The picture that forms now: the first that is not finished, or the last."""
        count = self.count
        return next((image for image in range(count) if image not in self.pictures), count - 1)

    @property
    def fraction(self) -> float:
        """How much of the job is done, 0 to 1, by steps."""
        total = self._steps_to_take()
        return min(self._steps_done() / total, 1.0) if total else 0.0

    @property
    def seconds(self) -> float:
        """How long the pictures have taken so far, or took; loading the model is no part of it."""
        if self.started is None:
            return 0.0
        return (self._clock() if self._ended is None else self._ended) - self._began

    @property
    def preview_share(self) -> float | None:
        """The share of a finished job, without loading the model, that previews took; None where it is not known."""
        if self.finished is None:
            return None
        loading = 0.0 if self._loading_since is None else self._began - self._loading_since
        seconds = self.finished.seconds - loading
        return self.finished.preview_seconds / seconds if seconds > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """How long the rest takes at the pace so far; None where there is none yet."""
        done, total = self._steps_done(), self._steps_to_take()
        if self.phase != "running" or done == 0:
            return None
        return self.seconds / done * (total - done)

    def request_of(self, image: int) -> GenerateRequest:
        """Return what a picture is asked for with."""
        requests = self.requests
        return requests[image] if len(requests) > 1 else requests[0]

    def steps_of(self, image: int) -> int:
        """Return how many steps a picture takes; 0 where that is not known yet."""
        if len(self.requests) == 1 and self.started is not None:
            return self.started.steps
        return self.request_of(image).steps or 0

    def weights_of(self, image: int) -> str:
        """Return the hash of the weights that make a picture; "" where that is not known yet."""
        if self.started is None:
            return ""
        several = self.started.weights
        return several[image] if len(several) > 1 else self.started.weights_sha256

    def is_stored(self, image: int, step: int) -> bool:
        """Whether a step can be read from the run that was opened."""
        run = self.stored_runs.get(image)
        return run is not None and step in run.kept

    def latest(self, image: int) -> StepDone | None:
        """Return the newest step of a picture."""
        return self._latest.get(image)

    def take_step(self, done: StepDone) -> None:
        """Go on by a step."""
        self._latest[done.image] = done

    def take(self, event: JobEvent) -> None:
        """Go on by any other event of this job."""
        match event:
            case ModelLoading():
                self.phase, self._loading_since = "loading", self._clock()
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
        """Keep the pixels of the newest pictures only; the others are in their files. What is unsaved stays."""
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
    """Whether something that was told is an event of a job."""
    return isinstance(event, get_args(JobEvent))
