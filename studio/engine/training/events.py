"""What a training says while it goes on: frozen values that cross threads.

A training is ``TrainingPreparing* TrainingStarted (TrainingPreparing | TrainingStepped | TrainingSampled |
CheckpointSaved | CheckpointFailed | TrainingRecovered)*`` and ends in `TrainingFinished` or `TrainingStopped`; one that
is stopped while it prepares has no `TrainingStarted`. Arrays are numpy's, fresh and not writeable; events that hold
them compare by identity.

Importable without torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from studio.engine.training.request import TrainRequest

StageName: TypeAlias = Literal["codec", "decoder", "preview", "text", "backbone"]
SampleKind: TypeAlias = Literal["reconstruction", "draft", "sample"]


@dataclass(frozen=True, kw_only=True)
class TrainingPreparing:
    """Something has to be done before the first step, or before the next stage.

    Attributes:
        what: a few words, such as "Reading the pictures".
        done: how much of it is done, up to ``total``.
        total: how much there is; 0 where that is not known.
    """

    job_id: str
    what: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True, kw_only=True)
class TrainingStarted:
    """The first step is about to be taken.

    Attributes:
        request: with everything filled in that a base or the data decided.
        folder: where the state rests from which the training can go on.
        pictures: how many are learned from.
        refused: how many files could not be used.
        parameters: numbers that the whole model has.
        resumed_at: steps of the backbone that were done before.
        stages: those of this training, in their order, done or not.
        device: where it runs.
        dtype: the numbers that the backbone learns in.
        notes: whole sentences that the user should see.
    """

    job_id: str
    request: TrainRequest
    folder: Path
    pictures: int
    refused: int
    parameters: int
    resumed_at: int
    stages: tuple[StageName, ...]
    device: str = ""
    dtype: str = "float32"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TrainingStepped:
    """One step of one stage is done.

    Attributes:
        stage: the stage.
        step: how many of its steps are done, 1 to ``steps``.
        steps: how many it has.
        loss: of this step.
        bands: of the backbone stage, the mean squared error of this step's pictures by quarter of the noise level
            sigma, clean to noisy; None where none of them fell there. Otherwise empty.
        rate: the learning rate.
        pictures_per_second: of late.
        seconds_left: of the whole training, all stages; None while that cannot be told.
    """

    job_id: str
    stage: StageName
    step: int
    steps: int
    loss: float
    bands: tuple[float | None, ...] = ()
    rate: float
    pictures_per_second: float
    seconds_left: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingSampled:
    """Pictures that show how far the training is, made with the averaged weights, always from the same seeds.

    Attributes:
        stage: the stage that they show.
        step: steps of that stage that were done.
        what: "reconstruction": pictures of the data through the codec; "draft": what the text encoder alone makes of
            the prompts; "sample": pictures of the model.
        prompts: one a picture.
        seeds: one a picture.
        pictures: uint8 (N, H, W, 3).
        originals: of reconstructions the pictures themselves, likewise; else None.
    """

    job_id: str
    stage: StageName
    step: int
    what: SampleKind
    prompts: tuple[str, ...]
    seeds: tuple[int, ...]
    pictures: NDArray[np.uint8]
    originals: NDArray[np.uint8] | None = None


@dataclass(frozen=True, kw_only=True)
class CheckpointSaved:
    """The state is safe on disk, and a model of these weights is in the list of models.

    Attributes:
        step: steps of the backbone that were done.
        model: the model's name.
        folder: the model's folder.
        removed: names of models that made room for it.
    """

    job_id: str
    step: int
    model: str
    folder: Path
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CheckpointFailed:
    """A checkpoint could not be written; the one before is whole, and the training goes on.

    Attributes:
        step: steps of the stage that were done.
        sentence: why not.
    """

    job_id: str
    step: int
    sentence: str


@dataclass(frozen=True, kw_only=True)
class TrainingRecovered:
    """The loss was not a number, so the training went back to its last good state, at half the rate.

    Attributes:
        stage: the stage.
        step: the step that went wrong, from 1.
        back_to: steps that are done now.
        rate: the learning rate of the next step.
        sentence: all this, for people.
    """

    job_id: str
    stage: StageName
    step: int
    back_to: int
    rate: float
    sentence: str


@dataclass(frozen=True, kw_only=True)
class TrainingFinished:
    """All stages are done.

    Attributes:
        steps: of the backbone.
        model: the name of the finished model.
        seconds: since this part of the training began.
    """

    job_id: str
    steps: int
    model: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class TrainingStopped:
    """The training was asked to stop; its state is safe, and the same request goes on from there.

    Attributes:
        stage: where it stood; None: before its first step.
        step: steps of that stage that are safe.
        model: the name of the model of these weights; None before the backbone has learned anything.
    """

    job_id: str
    stage: StageName | None
    step: int
    model: str | None


TrainEvent: TypeAlias = (
    TrainingPreparing
    | TrainingStarted
    | TrainingStepped
    | TrainingSampled
    | CheckpointSaved
    | CheckpointFailed
    | TrainingRecovered
    | TrainingFinished
    | TrainingStopped
)
