"""One training of the queue: what to train, and everything that goes with it."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from studio.ui.models.train_losses import LossRecord

if TYPE_CHECKING:
    from studio.engine.train_request import TrainEstimate, TrainRequest


def _new_id() -> str:
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
    id: str = field(default_factory=_new_id)
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
