"""Pictures in the making: whatever is driven together becomes events."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from studio.diffusion.samplers.drive import drive_lockstep
from studio.engine.events import PictureDone, PictureStarted, StepDone
from studio.engine.fork import StartState
from studio.engine.preview import decode, to_pixels
from studio.engine.versions import versions
from studio.engine.viewer import to_array
from studio.errors import NotFiniteError

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from studio.diffusion.samplers.drive import Run
    from studio.diffusion.samplers.stepper import State, StepResult
    from studio.engine.models import ReadyModel
    from studio.engine.requests import GenerateRequest
    from studio.engine.viewer import Viewer


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """One picture to be made.

    Attributes:
        image: its place in the job, from 0.
        request: resolved; what its events carry.
        seed: of its noise.
        ready: the model.
        run: where it starts and how it goes on.
        viewer: shows its steps.
    """

    image: int
    request: GenerateRequest
    seed: int
    ready: ReadyModel
    run: Run
    viewer: Viewer

    @property
    def steps(self) -> int:
        """The index of the last step."""
        return self.run.state.index + len(self.run.state.times) - 1


@dataclass(eq=False)
class _Spent:
    """What a picture has cost so far, and what it was last believed to become."""

    calls: int = 0
    looking: float = 0.0
    believed: NDArray[np.float32] | None = None
    started: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.started


# By decorator: a `with` around a yield would leak the mode into whoever consumes the events.
@torch.no_grad()
def make_together(
    pictures: Sequence[Picture],
    *,
    job_id: str,
    cancelled: threading.Event,
    arrays: bool,
    batched: bool = True,
    panes: bool = False,
) -> Iterator[PictureStarted | StepDone | PictureDone]:
    """Make pictures in lockstep.

    Args:
        pictures: at least one; they may differ in everything.
        job_id: what every event carries.
        cancelled: looked at before each model call; once set, the iterator ends.
        arrays: whether what starts is told, with its numbers.
        batched: whether pictures of one model share model calls; see `drive_lockstep`.
        panes: whether a fault is told with its place, as pictures are panes of a comparison.

    Yields:
        First what starts, then each step as it is taken, and each picture once its last step is.

    Raises:
        NotFiniteError: a state or a picture is not made of finite numbers.
    """
    hashes = [sha256_of(picture.run.state.x) for picture in pictures]
    if arrays:
        for picture, x_T_sha256 in zip(pictures, hashes, strict=True):
            yield _started(picture, job_id, x_T_sha256)
    spent = [_Spent() for _ in pictures]
    runs, denoisers = (
        [picture.run for picture in pictures],
        [picture.ready.denoiser for picture in pictures],
    )
    for place, result in drive_lockstep(runs, denoisers, batched=batched, cancelled=cancelled.is_set):
        picture, cost = pictures[place], spent[place]
        if not bool(result.state.x.isfinite().all()):
            raise _not_finite(picture, result.state, panes=panes)
        cost.calls += result.model_calls
        pixels: NDArray[np.uint8] | None = None
        if result.state.finished:
            decoded = decode(picture.ready.model, result.state.x)
            if not bool(decoded.isfinite().all()):
                raise _not_finite(picture, result.state, panes=panes)
            pixels = to_pixels(decoded)
        yield _step(picture, result, cost, pixels, job_id, hurried=cancelled.is_set())
        if pixels is not None:
            yield _done(picture, result, cost, pixels, job_id, hashes[place])


def _started(picture: Picture, job_id: str, x_T_sha256: str) -> PictureStarted:  # the symbol of the field
    state = picture.run.state
    start = StartState(
        x=to_array(state.x),
        index=state.index,
        times=state.times,
        history=tuple(map(to_array, state.history)),
    )
    return PictureStarted(
        job_id=job_id,
        image=picture.image,
        seed=picture.seed,
        request=picture.request,
        start=start,
        steps=picture.steps,
        x_T_sha256=x_T_sha256,
        sigma=picture.ready.model.schedule.sigma(state.times[0]),
    )


def _step(
    picture: Picture,
    result: StepResult,
    cost: _Spent,
    pixels: NDArray[np.uint8] | None,
    job_id: str,
    *,
    hurried: bool,
) -> StepDone:
    schedule = picture.ready.model.schedule
    view = picture.viewer.look(result, picture.steps, pixels, before=cost.believed, hurried=hurried)
    cost.looking, cost.believed = cost.looking + view.seconds, view.x0_hat
    return StepDone(
        job_id=job_id,
        image=picture.image,
        step=result.state.index,
        steps=picture.steps,
        t=result.t,
        s=result.s,
        sigma=schedule.sigma(result.s),
        snr=schedule.snr(result.s),
        model_calls=cost.calls,
        seconds=cost.seconds,
        preview=view.preview,
        preview_of=view.preview_of,
        tier=view.tier,
        x0_hat=view.x0_hat,
        state=view.state,
        history=view.history,
        change=view.change,
        guidance=view.guidance,
    )


def _done(
    picture: Picture,
    result: StepResult,
    cost: _Spent,
    pixels: NDArray[np.uint8],
    job_id: str,
    x_T_sha256: str,
) -> PictureDone:
    return PictureDone(
        job_id=job_id,
        request=picture.request,
        image=picture.image,
        seed=picture.seed,
        pixels=pixels,
        model_sha256=picture.ready.model.card.weights_sha256,
        device=picture.ready.device.label,
        dtype=picture.ready.precision.dtype,
        versions=versions(),
        x_T_sha256=x_T_sha256,
        final_sha256=sha256_of(result.state.x),
        model_calls=cost.calls,
        seconds=cost.seconds,
        preview_seconds=cost.looking,
    )


def _not_finite(picture: Picture, state: State, *, panes: bool) -> NotFiniteError:
    return NotFiniteError(state.index, pane=picture.image + 1 if panes else None)


def sha256_of(tensor: Tensor) -> str:
    """Return the hash of a tensor's numbers, float32 little-endian in C order."""
    return hashlib.sha256(tensor.detach().cpu().contiguous().numpy().astype("<f4").tobytes()).hexdigest()
