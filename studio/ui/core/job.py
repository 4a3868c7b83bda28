"""One job of the queue: what to make, and everything that goes with making it.

One training of the queue: what to train, and everything that goes with it.
"""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from studio.engine.compare import CompareRequest
from studio.engine.fork import ForkRequest
from studio.engine.previews import Previews, Shown
from studio.engine.requests import GenerateRequest
from studio.gallery.origin import Origin
from studio.runs.record import JobRecord
from studio.ui.core.training_losses import LossRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from studio.engine.explained import Explained
    from studio.engine.train_request import TrainEstimate, TrainRequest
    from studio.runs.picture_record import What
    from studio.ui.core.engine_protocol import Engine
    from studio.ui.jobs.job_state import Course


JobRequest: TypeAlias = GenerateRequest | ForkRequest | CompareRequest
"""Whatever the engine runs."""


def _new_id() -> str:
    return uuid.uuid4().hex


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """A request on its way.

    Attributes:
        request: what to make: pictures, one that goes on from a step of another run, or several runs in lockstep.
        id: what its events carry.
        record: where its steps go.
        shown: what its previews show; may be changed while it runs.
        recorded: whether its runs are recorded.
        parent: of a fork the job that it goes on from, and which of its pictures.
        budget: the share of the run that previews may take, 0 to 1; None is no limit.
        cancelled: set to stop it.
    """

    request: JobRequest
    id: str = field(default_factory=_new_id)
    record: JobRecord = field(default_factory=JobRecord)
    shown: Shown = field(default_factory=Shown)
    budget: float | None = 0.1
    recorded: bool = True
    parent: tuple[Course, int] | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def requests(self) -> tuple[GenerateRequest, ...]:
        """What its pictures are asked for with: one for each run of a comparison, else one for all."""
        match self.request:
            case CompareRequest():
                return self.request.requests
            case ForkRequest():
                return (self.request.request,)
        return (self.request,)

    @property
    def lead(self) -> GenerateRequest:
        """The first of `requests`: what the job is called after."""
        return self.requests[0]

    @property
    def count(self) -> int:
        """How many pictures it makes."""
        return len(self.requests) if isinstance(self.request, CompareRequest) else self.lead.count

    @property
    def first_step(self) -> int:
        """The step its pictures begin after: 0, or the one that it goes on from."""
        return self.request.start.index if isinstance(self.request, ForkRequest) else 0

    @property
    def origin(self) -> Origin | None:
        """The step of another run that it goes on from."""
        if not isinstance(self.request, ForkRequest):
            return None
        start = self.request.start
        return Origin(
            run=self.request.parent, step=start.index, of=start.index + start.remaining, kind="fork"
        )

    def with_parent_named(self) -> Job:
        """Return the job with the recorded run it goes on from, which is known once that has ended."""
        if not isinstance(self.request, ForkRequest) or self.request.parent or self.parent is None:
            return self
        course, image = self.parent
        return replace(self, request=replace(self.request, parent=course.run_ids.get(image, "")))

    @property
    def previews(self) -> Previews:
        """Which steps carry what."""
        every = 0 if self.budget == 0 else 1
        return Previews(every, budget=self.budget, shown=self.shown, arrays=True)


@dataclass(frozen=True, kw_only=True, eq=False)
class DecodeTask:
    """A frame that was shown cheaply, or not at all, is looked at again and to be decoded in full.

    Attributes:
        job_id: of which job.
        image: which of its pictures, from 0.
        step: which step, from 1.
        what: which side of it.
        model: the model's name.
        weights_sha256: and the hash of its weights.
        latents: what to decode, float32 (C, h, w).
    """

    job_id: str
    image: int
    step: int
    what: What
    model: str
    weights_sha256: str
    latents: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class FrameDecoded:
    """A `DecodeTask` is done; None where it could not be (its model is gone, say)."""

    task: DecodeTask
    pixels: NDArray[np.uint8] | None


@dataclass(frozen=True, kw_only=True, eq=False)
class ExplainTask:
    """What the model believed at a step is to be found out again, with both sides of guidance.

    Attributes:
        job_id: of which job.
        image: which of its pictures, from 0.
        step: which step.
        request: what the picture was asked for with, resolved.
        weights_sha256: the hash of its model's weights.
        x: the state that the step was taken from, float32 (C, h, w).
        t: its time.
    """

    job_id: str
    image: int
    step: int
    request: GenerateRequest
    weights_sha256: str
    x: NDArray[np.float32]
    t: int


@dataclass(frozen=True, kw_only=True, eq=False)
class StepExplained:
    """An `ExplainTask` is done; None where it could not be (its model is gone, say)."""

    task: ExplainTask
    explained: Explained | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Errand:
    """Something else to be done with the engine, which takes a while and can be stopped.

    Attributes:
        work: what to do; called with the errand and the engine, in the thread of that.
        cancelled: set to stop it; ``work`` looks at it.
    """

    work: Callable[[Errand, Engine], Any]
    cancelled: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, kw_only=True, eq=False)
class ErrandDone:
    """An `Errand` is done.

    Attributes:
        errand: the errand.
        answer: what its work returned; None where it failed.
        fault: why it failed, a sentence; "" where it did not.
    """

    errand: Errand
    answer: Any = None
    fault: str = ""


def _training_new_id() -> str:
    return uuid.uuid4().hex


@dataclass(frozen=True, kw_only=True, eq=False)
class Training:
    """A training on its way.

    Attributes:
        request: what to train.
        id: what its events carry.
        losses: where its steps go.
        cancelled: set to stop it; its state is saved.
        paused: set while it rests.
    """

    request: TrainRequest
    id: str = field(default_factory=_training_new_id)
    losses: LossRecord = field(default_factory=LossRecord)
    cancelled: threading.Event = field(default_factory=threading.Event)
    paused: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, kw_only=True)
class TrainingHeld:
    """A training rests between two of its steps for a picture, or goes on again.

    Attributes:
        job_id: the training's id.
        held: whether it rests.
    """

    job_id: str
    held: bool


@dataclass(frozen=True, kw_only=True)
class TrainingFailed:
    """A training ended before its time, and not because it was stopped."""

    job_id: str
    sentence: str
    details: str


@dataclass(frozen=True, kw_only=True, eq=False)
class RehearseTask:
    """What a training takes on this machine is to be found out by a few of its steps.

    Attributes:
        request: the training's.
        cancelled: set to stop it; whatever else is to be done goes before it.
    """

    request: TrainRequest
    cancelled: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, kw_only=True)
class TrainingRehearsed:
    """A `RehearseTask` is done.

    Attributes:
        request: the training's.
        estimate: what it takes; None where that could not be found out.
        fault: why not, a sentence; "" where it was stopped.
    """

    request: TrainRequest
    estimate: TrainEstimate | None = None
    fault: str = ""
