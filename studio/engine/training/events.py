"""The events of a training: frozen values that cross threads.

A training is ``TrainingPreparing* TrainingStarted TrainingHistory? (TrainingPreparing | TrainingStepped |
TrainingSampled | CheckpointSaved | CheckpointFailed | TrainingRecovered)*`` and ends with `TrainingFinished` or
`TrainingStopped`; one that is stopped while it prepares has no `TrainingStarted`. Arrays are fresh, contiguous and
read-only; events that hold them compare by identity.

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
    """Work before the first step, or before the next stage.

    Attributes:
        what: a label, such as "Reading the pictures".
        done: how much of it is done, up to ``total``.
        total: the total amount; 0 if it is unknown.
    """

    job_id: str
    what: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True, kw_only=True)
class TrainingStarted:
    """The first step is about to begin.

    Attributes:
        request: with the values that follow from a base model.
        folder: the folder of the state from which the training can be resumed.
        pictures: number of training pictures.
        refused: number of files that could not be used.
        parameters: number of parameters of the whole model.
        resumed_at: steps of the backbone that were done before.
        stages: the stages of this training in their order, finished ones included.
        device: the device's label.
        dtype: the precision of the backbone's forward pass.
        notes: sentences for the user.
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
        step: number of its steps done, 1 to ``steps``.
        steps: number of its steps.
        loss: of this step.
        bands: of the backbone, the mean squared error of this step's examples by quarter of the noise level sigma,
            from clean to noisy; None for a band without examples. Empty for other stages.
        rate: the learning rate.
        pictures_per_second: over the last steps.
        seconds_left: of the whole training, all stages; None while it is unknown.
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
    """Pictures made with the averaged weights, always from the same prompts and seeds.

    Attributes:
        stage: the stage that they show.
        step: number of its steps that were done.
        what: "reconstruction": training pictures through the codec; "draft": the text encoder's drafts of the prompts;
            "sample": pictures of the model.
        prompts: one for each picture.
        seeds: one for each picture.
        pictures: uint8 (N, H, W, 3).
        originals: the training pictures of reconstructions, uint8 (N, H, W, 3); else None.
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
    """The state is on disk, and a model with these weights is installed.

    Attributes:
        step: steps of the backbone that were done.
        model: the model's name.
        folder: the model's folder.
        removed: names of the checkpoint models that were deleted in its favour.
    """

    job_id: str
    step: int
    model: str
    folder: Path
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CheckpointFailed:
    """A checkpoint could not be written; the previous one is intact, and the training continues.

    Attributes:
        step: steps of the stage that were done.
        sentence: the reason, for the user.
    """

    job_id: str
    step: int
    sentence: str


@dataclass(frozen=True, kw_only=True)
class TrainingRecovered:
    """The loss diverged, so the training went back to its last saved state and halved its learning rate.

    Attributes:
        stage: the stage.
        step: the step that diverged, from 1.
        back_to: number of steps done in the saved state.
        rate: the learning rate of the next step.
        sentence: all this, for the user.
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
        seconds: since the training was started or resumed.
    """

    job_id: str
    steps: int
    model: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class TrainingStopped:
    """The training was cancelled; its state is on disk, and the same request resumes it.

    Attributes:
        stage: the stage it was in; None: before the first step.
        step: steps of that stage that are on disk.
        model: the name of the model with these weights; None before the backbone's first checkpoint.
    """

    job_id: str
    stage: StageName | None
    step: int
    model: str | None


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingHistory:
    """The history of a training before it was stopped; sent once, after `TrainingStarted`, when it is resumed.

    Attributes:
        losses: of all stages, in their order; of a long stage each is the mean over several steps, up to its ``step``.
            Speed and remaining time are 0 and None.
        samples: a selection, the oldest first.
        checkpoints: those whose models are still installed, the oldest first.
    """

    job_id: str
    losses: tuple[TrainingStepped, ...]
    samples: tuple[TrainingSampled, ...]
    checkpoints: tuple[CheckpointSaved, ...]


TrainEvent: TypeAlias = (
    TrainingPreparing
    | TrainingStarted
    | TrainingHistory
    | TrainingStepped
    | TrainingSampled
    | CheckpointSaved
    | CheckpointFailed
    | TrainingRecovered
    | TrainingFinished
    | TrainingStopped
)
