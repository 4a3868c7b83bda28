"""The entries of the queue: jobs, which make pictures, and trainings."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from studio.engine.memory_plan import DEFAULT_HEADROOM_BYTES
from studio.engine.requests.compare import CompareRequest
from studio.engine.requests.fork import ForkRequest
from studio.engine.requests.generate import GenerateRequest
from studio.engine.requests.previews import Previews, PreviewTarget
from studio.gallery.metadata import Origin
from studio.runs.memory import JobRecord
from studio.ui.core.training_losses import LossRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from studio.engine.training.request import TrainRequest

JobRequest: TypeAlias = GenerateRequest | ForkRequest | CompareRequest
"""A request that the engine can run."""


def _new_id() -> str:
    return uuid.uuid4().hex


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """A request in the queue.

    Attributes:
        request: pictures to make, a fork of another run, or several runs in lockstep.
        id: the id that its events carry.
        record: its steps.
        preview_target: the quantity that its previews show; may be changed while it runs.
        recorded: whether its runs are recorded.
        parent: of a fork, the ids of the recorded runs of the job it was forked from, by picture, and the index of the
            picture. Ids are added to that mapping as runs are recorded; nothing else of the parent is kept alive.
        budget: the share of the run that previews may take, 0 to 1; None is no limit.
        headroom: bytes of the device's memory to leave to other programs.
        cancelled: set to stop it.
    """

    request: JobRequest
    id: str = field(default_factory=_new_id)
    record: JobRecord = field(default_factory=JobRecord)
    preview_target: PreviewTarget = field(default_factory=PreviewTarget)
    budget: float | None = 0.1
    recorded: bool = True
    parent: tuple[Mapping[int, str], int] | None = None
    headroom: int = DEFAULT_HEADROOM_BYTES
    cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def requests(self) -> tuple[GenerateRequest, ...]:
        """One request for each run of a comparison, else one for all pictures."""
        match self.request:
            case CompareRequest():
                return self.request.requests
            case ForkRequest():
                return (self.request.request,)
        return (self.request,)

    @property
    def lead(self) -> GenerateRequest:
        """The first of `requests`; the job is named after its prompt."""
        return self.requests[0]

    @property
    def count(self) -> int:
        """The number of its pictures."""
        return len(self.requests) if isinstance(self.request, CompareRequest) else self.lead.count

    @property
    def first_step(self) -> int:
        """The step after which its pictures begin: 0, or that of the fork."""
        return self.request.start.index if isinstance(self.request, ForkRequest) else 0

    @property
    def origin(self) -> Origin | None:
        """Of a fork, the step of another run that it continues."""
        if not isinstance(self.request, ForkRequest):
            return None
        start = self.request.start
        return Origin(
            run=self.request.parent, step=start.index, of=start.index + start.remaining, kind="fork"
        )

    @property
    def needs_parent(self) -> bool:
        """Whether it continues a run that has not been recorded yet, and whose id is therefore not known."""
        if not isinstance(self.request, ForkRequest) or self.request.parent or self.parent is None:
            return False
        run_ids, image = self.parent
        return image not in run_ids

    def with_parent_id(self) -> Job:
        """Return the job with the id of the run that it continues, if that run has been recorded."""
        if not isinstance(self.request, ForkRequest) or self.request.parent or self.parent is None:
            return self
        run_ids, image = self.parent
        return replace(self, request=replace(self.request, parent=run_ids.get(image, "")))

    @property
    def previews(self) -> Previews:
        """The previews of its steps."""
        every = 0 if self.budget == 0 else 1
        return Previews(every, budget=self.budget, target=self.preview_target, arrays=True)


@dataclass(frozen=True, kw_only=True, eq=False)
class Training:
    """A training in the queue.

    Attributes:
        request: what to train.
        id: the id that its events carry.
        losses: its losses, by step.
        cancelled: set to stop it; its state is saved.
        paused: set while it is paused.
    """

    request: TrainRequest
    id: str = field(default_factory=_new_id)
    losses: LossRecord = field(default_factory=LossRecord)
    cancelled: threading.Event = field(default_factory=threading.Event)
    paused: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, kw_only=True)
class TrainingSuspended:
    """A training waits between two of its steps while something else runs, or continues.

    Attributes:
        job_id: the training's id.
        suspended: whether it waits.
    """

    job_id: str
    suspended: bool


@dataclass(frozen=True, kw_only=True)
class TrainingFailed:
    """A training was ended by an error."""

    job_id: str
    sentence: str
    details: str
