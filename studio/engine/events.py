"""What the engine says while it works: frozen values that cross threads.

Arrays in events are numpy's, never a tensor: pictures are uint8 HWC RGB; latents, which are there where they were asked
for, are float32 CHW. Each is contiguous, fresh, its memory its own, and not writeable. Every event carries the
``job_id`` of its job. A job is ``ModelLoading* JobStarted (PictureStarted | StepDone | PictureDone)* JobFinished``, or
ends early in `JobCancelled` or `JobFailed`. In a comparison ``image`` is the place of the pane, from 0, and request,
steps and the like are that pane's own. Events that hold arrays compare by identity.

Importable without torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from studio.engine.fork import StartState
    from studio.engine.previews import PreviewKind, Tier
    from studio.engine.requests import GenerateRequest


@dataclass(frozen=True, kw_only=True)
class ModelLoading:
    """The model is being read; absent when it is loaded already."""

    job_id: str
    model: str


@dataclass(frozen=True, kw_only=True)
class JobStarted:
    """The pictures are about to be made.

    Attributes:
        request: the request with everything filled in.
        model_title: the model's name for people.
        device: where the model runs, such as "cuda:0 (NVIDIA H100)".
        dtype: the numbers the backbone runs in, such as "float32"; state and sampler are always float32.
        steps: the index of a picture's last step; of a comparison that of the first pane.
        weights_sha256: hash of the model's weights file.
        notes: whole sentences the user should see, such as that the negative prompt is unused.
        requests: of a comparison that of each pane, of which ``request`` is the first; else just that one.
        weights: the hash of each one's model.
    """

    job_id: str
    request: GenerateRequest
    model_title: str
    device: str
    dtype: str
    steps: int
    weights_sha256: str = ""
    notes: tuple[str, ...] = ()
    requests: tuple[GenerateRequest, ...] = ()
    weights: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureStarted:
    """One picture is about to take its first step; told where arrays were asked for.

    Attributes:
        image: which picture of the request, from 0.
        seed: the seed of its noise.
        request: with everything filled in.
        start: where it stands: at x_T, or where it was forked.
        steps: the index of its last step.
        x_T_sha256: hash of ``start.x``, float32 little-endian in C order.
        sigma: the noise level of ``start.x``, 0 to 1.
    """

    job_id: str
    image: int
    seed: int
    request: GenerateRequest
    start: StartState
    steps: int
    x_T_sha256: str  # the symbol of the field
    sigma: float = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class StepDone:
    """One picture went one step further.

    Attributes:
        image: which picture of the request, from 0.
        step: which step this was, 1 to ``steps``.
        steps: how many steps the picture takes.
        t: the time the step started from, T - 1 down to 0.
        s: the time it arrived at; -1 is clean data.
        sigma: the noise level at ``s``, 0 to 1.
        snr: the signal-to-noise ratio alpha^2 / sigma^2 at ``s``; infinite at the end.
        model_calls: backbone evaluations spent on this picture so far (guidance counts two).
        seconds: time spent on this picture so far; pictures made together share theirs.
        preview: what there is to see, uint8 HWC, or None where none was wanted or the budget has no room for it.
            At the last step it is the finished picture.
        preview_of: what that shows: the model's idea of the finished picture ("x0"), or the state reached ("x_t").
        tier: what made the preview, a name in `TIERS`; None where there is none.
        x0_hat: the model's idea of the finished picture as the sampler sees it (for a latent model its latents),
            float32 CHW, or None where arrays were not asked for.
        state: x at ``s``, the state this step reached, likewise.
        history: what a multistep sampler keeps for the next step, likewise; empty for the others.
        change: how far x0_hat moved since the step before, the root of the mean square over all its numbers; None at
            the first step, and where arrays were not asked for.
        guidance: how far apart the two sides of guidance are in x0_hat, likewise measured at the step's last
            evaluation; None without guidance, and where arrays were not asked for.
    """

    job_id: str
    image: int
    step: int
    steps: int
    t: int
    s: int
    sigma: float
    snr: float
    model_calls: int
    seconds: float
    preview: NDArray[np.uint8] | None = None
    preview_of: PreviewKind = "x0"
    tier: Tier | None = None
    x0_hat: NDArray[np.float32] | None = None
    state: NDArray[np.float32] | None = None
    history: tuple[NDArray[np.float32], ...] = ()
    change: float | None = None
    guidance: float | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureDone:
    """One picture is finished; with all that is needed to make it again.

    Attributes:
        request: the request with everything filled in.
        image: which picture of the request, from 0.
        seed: the seed it started from, the request's seed + ``image``.
        pixels: uint8 HWC.
        model_sha256: hash of the model's weights file.
        device: where the model ran, as `JobStarted` has it.
        dtype: the numbers the backbone ran in.
        versions: of this program and what it stands on, by name.
        x_T_sha256: hash of the starting noise (of a fork, the state it went on from), float32 little-endian in C order.
        final_sha256: hash of the last state (for a latent model before decoding), likewise.
        model_calls: backbone evaluations spent on it (guidance counts two).
        seconds: time spent on it.
        preview_seconds: how much of that went into previews.
    """

    job_id: str
    request: GenerateRequest
    image: int
    seed: int
    pixels: NDArray[np.uint8]
    model_sha256: str
    device: str
    dtype: str
    versions: Mapping[str, str]
    x_T_sha256: str  # the symbol of the field
    final_sha256: str
    model_calls: int
    seconds: float
    preview_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class JobFinished:
    """All pictures of the job are made, in so many seconds, of which so many went into previews."""

    job_id: str
    pictures: int
    seconds: float
    preview_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class JobCancelled:
    """The job stopped because it was asked to, after ``pictures`` finished ones."""

    job_id: str
    pictures: int


@dataclass(frozen=True, kw_only=True)
class JobFailed:
    """The job stopped because of an error: one sentence for people, details for a report."""

    job_id: str
    sentence: str
    details: str = ""


Event = (
    ModelLoading
    | JobStarted
    | PictureStarted
    | StepDone
    | PictureDone
    | JobFinished
    | JobCancelled
    | JobFailed
)


@dataclass(frozen=True, kw_only=True)
class EngineReport:
    """What the engine runs on; no part of a job.

    Attributes:
        device: such as "cpu (AMD EPYC, 2 threads)".
        dtype: the numbers a backbone runs in.
        unused_gpu: a sentence with the way to mend it where the machine has a GPU that torch cannot use; else None.
    """

    device: str
    dtype: str
    unused_gpu: str | None
