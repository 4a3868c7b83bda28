"""The events of a job: frozen values that can cross threads.

Arrays in events are NumPy arrays, never tensors: pictures are uint8 HWC RGB, and latents, which are only included on
request, float32 CHW. Each is fresh, contiguous, owns its memory and is read-only. Every event has the ``job_id`` of its
job. A job is ``ModelLoading* JobStarted (PictureStarted | StepDone | PictureDone)* JobFinished``, or ends early with
`JobCancelled` or `JobFailed`. In a comparison ``image`` is the index of the pane, from 0, and request, steps and so on
are those of that pane. Events with arrays compare by identity.

Importable without torch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from studio.engine.memory_plan import DeviceMemory, Rung
    from studio.engine.requests.adapters import AdapterRecord
    from studio.engine.requests.fork import StartState
    from studio.engine.requests.generate import GenerateRequest
    from studio.engine.requests.previews import Quantity, Tier
    from studio.errors import SmallerPlan


@dataclass(frozen=True, kw_only=True)
class ModelLoading:
    """A model is being loaded; absent if it is in memory already.

    Attributes:
        model: its name.
        converted: while its PyTorch file is converted, which is done once, the fraction that is done; the event is sent
            again and again then. None: it is loaded.
    """

    job_id: str
    model: str
    converted: float | None = None


@dataclass(frozen=True, kw_only=True)
class JobStarted:
    """All models are loaded; the first step follows.

    Attributes:
        request: the resolved request.
        model_title: the model's display name.
        device: the model's device, such as "cuda:0 (NVIDIA H100)".
        dtype: of the backbone, such as "float32"; state and sampler are always float32.
        steps: the index of a picture's last step; in a comparison that of the first pane.
        weights_sha256: hash of the model's weights file.
        notes: sentences that the user should see, such as that the negative prompt is unused.
        requests: in a comparison that of each pane, the first of which is ``request``; else only that.
        weights: the hash of the model of each of them.
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
    """One picture is about to take its first step; only yielded if arrays were requested.

    Attributes:
        image: which picture of the request, from 0.
        seed: the seed of its noise.
        request: the resolved request.
        start: its first state: x_T, or the state from which it was forked.
        steps: the index of its last step.
        x_T_sha256: hash of ``start.x``, float32 little-endian in C order.
        sigma: the scale of the noise in ``start.x``.
        level: its noise level, 0 to 1 (`Schedule.noise_level`).
        adapters: the LoRAs and textual inversions that it is made with.
        precisions: the precision in which each part of the model computes, by the part's name; empty: all in that of
            `JobStarted`.
    """

    job_id: str
    image: int
    seed: int
    request: GenerateRequest
    start: StartState
    steps: int
    x_T_sha256: str  # the field's own symbol
    sigma: float = 1.0
    level: float = 1.0
    adapters: tuple[AdapterRecord, ...] = ()
    precisions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class StepDone:
    """One picture has taken one step.

    Attributes:
        image: which picture of the request, from 0.
        step: which step this was, 1 to ``steps``.
        steps: how many steps the picture takes.
        t: the time of the state before the step, T - 1 down to 0.
        s: the time of the new state; -1 is clean data.
        sigma: the scale of the noise at ``s``.
        level: the noise level at ``s``, 0 to 1 (`Schedule.noise_level`).
        snr: the signal-to-noise ratio alpha^2 / sigma^2 at ``s``; infinite at the end.
        model_calls: backbone evaluations for this picture so far (guidance counts two).
        seconds: time since this picture was started; pictures made together share it.
        preview: a picture of the step, uint8 HWC; None if none was wanted or the budget does not allow one. At the last
            step it is the finished picture.
        preview_of: what it shows: the predicted clean picture ("x0") or the new state ("x_t").
        tier: what decoded the preview, a name in `TIERS`; None if there is none.
        x0_hat: the predicted clean data as the sampler gets it (for a latent model latents), float32 CHW; None if
            arrays were not requested.
        state: x at ``s``, the new state; None if arrays were not requested.
        history: the arrays that a multistep sampler needs for the next step; empty for other samplers, and if arrays
            were not requested.
        history_times: their times.
        change: the root mean square difference of x0_hat to that of the previous step; None at the first step, and if
            arrays were not requested.
        guidance: the root mean square difference of x0_hat with and without the condition, at the step's last
            evaluation; None without guidance, and if arrays were not requested.
    """

    job_id: str
    image: int
    step: int
    steps: int
    t: float
    s: float
    sigma: float
    level: float
    snr: float
    model_calls: int
    seconds: float
    preview: NDArray[np.uint8] | None = None
    preview_of: Quantity = "x0"
    tier: Tier | None = None
    x0_hat: NDArray[np.float32] | None = None
    state: NDArray[np.float32] | None = None
    history: tuple[NDArray[np.float32], ...] = ()
    history_times: tuple[float, ...] = ()
    change: float | None = None
    guidance: float | None = None

    @property
    def draft(self) -> bool:
        """Whether the preview is only a draft, because it was not decoded by the codec's own decoder."""
        return self.tier not in (None, "full")


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureDone:
    """One picture is finished. Contains everything that is needed to reproduce it.

    Attributes:
        request: the resolved request.
        image: which picture of the request, from 0.
        seed: of its noise: the request's seed + ``image``.
        pixels: uint8 HWC.
        model_sha256: hash of the model's weights file.
        device: the model's device, as in `JobStarted`.
        dtype: of the backbone.
        versions: of this program and the libraries that matter, by name.
        x_T_sha256: hash of the initial noise (for a fork, of its starting state) as float32, little-endian, in C order.
        final_sha256: hash of the last state (for a latent model before decoding), in the same form.
        model_calls: backbone evaluations for this picture (guidance counts two).
        seconds: time from its start to its end.
        preview_seconds: how much of that previews took.
        adapters: the LoRAs and textual inversions that it was made with.
        precisions: the precision in which each part of the model computed, as in `PictureStarted`.
        rungs: what was done so that it fitted in memory; see `studio.engine.memory_plan`.
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
    x_T_sha256: str  # the field's own symbol
    final_sha256: str
    model_calls: int
    seconds: float
    preview_seconds: float = 0.0
    adapters: tuple[AdapterRecord, ...] = ()
    precisions: Mapping[str, str] = field(default_factory=dict)
    rungs: tuple[Rung, ...] = ()


@dataclass(frozen=True, kw_only=True)
class JobFinished:
    """All pictures of the job are finished; ``seconds`` include the ``preview_seconds`` that previews took."""

    job_id: str
    pictures: int
    seconds: float
    preview_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class JobCancelled:
    """The job was cancelled, after ``pictures`` finished pictures."""

    job_id: str
    pictures: int


@dataclass(frozen=True, kw_only=True)
class JobFailed:
    """The job failed: one sentence for the user, and a traceback for an error report.

    Attributes:
        sentence: what went wrong.
        details: a traceback.
        smaller: if memory was short, what makes the same job need less.
    """

    job_id: str
    sentence: str
    details: str = ""
    smaller: SmallerPlan | None = None


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
    """The engine's device and precision; not part of a job.

    Attributes:
        device: such as "cpu (AMD EPYC, 2 threads)".
        dtype: of the backbone.
        unused_gpu: if the machine has a GPU that torch cannot use, a sentence that says what to do; else None.
        memory: what plans of memory need to know of the device; None: unknown.
    """

    device: str
    dtype: str
    unused_gpu: str | None
    memory: DeviceMemory | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Explained:
    """The model's prediction for one state; not part of a job. All arrays are fresh and read-only.

    Attributes:
        x0_hat: the predicted clean data as the sampler gets it, float32 (C, h, w).
        cond: the prediction for the prompt alone, before clipping; None without guidance.
        uncond: that for the negative (or empty) prompt, before clipping; None without guidance.
        difference: guided - uncond, the effect of guidance, before clipping; None without guidance.
        score_norm: the norm of the score, grad log p, at each latent pixel: float32 (h, w).
        pictures: "x0_hat" and, with guidance, "cond" and "uncond" as pixels, uint8 (H, W, 3).
        model_calls: backbone evaluations (guidance counts two).
    """

    x0_hat: NDArray[np.float32]
    cond: NDArray[np.float32] | None
    uncond: NDArray[np.float32] | None
    difference: NDArray[np.float32] | None
    score_norm: NDArray[np.float32]
    pictures: Mapping[str, NDArray[np.uint8]]
    model_calls: int
