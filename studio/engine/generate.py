"""From a resolved request and a loaded model to pictures: a generator of events.

On the CPU pictures are made one at a time, so that each is the same bit for bit alone or as one of many. Elsewhere
several share each model call, which is what makes a graphics card worth its heat.
"""

from __future__ import annotations

import hashlib
import platform
import time
from typing import TYPE_CHECKING

import torch

from studio import __version__
from studio.backbones.text import split_words
from studio.diffusion.guidance import ClassifierFreeGuidance
from studio.diffusion.noise import Noise
from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.samplers.drive import Run, drive_together
from studio.diffusion.samplers.stepper import State
from studio.diffusion.spacings import visit_times
from studio.engine.events import PictureDone, StepDone
from studio.engine.preview import decode, to_pixels
from studio.engine.requests import sampler_options
from studio.engine.viewer import Viewer
from studio.errors import NotFiniteError

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from studio.engine.models import ReadyModel
    from studio.engine.previews import Previews
    from studio.engine.requests import GenerateRequest

AT_ONCE = 8
"""How many pictures share a model call where they do."""


# By decorator: a `with` around a yield would leak the mode into whoever consumes the events.
@torch.no_grad()
def generate(
    request: GenerateRequest,
    ready: ReadyModel,
    *,
    job_id: str,
    cancelled: threading.Event,
    previews: Previews,
) -> Iterator[StepDone | PictureDone]:
    """Make the pictures of a request.

    Args:
        request: resolved with the model's card.
        ready: the model.
        job_id: what every event carries.
        cancelled: looked at before each model call; once set, the iterator ends.
        previews: what is shown of the pictures while they form.

    Yields:
        Each step as it is taken, and each picture once its last step is.

    Raises:
        NotFiniteError: a state or a picture is not made of finite numbers.
    """
    runs = _Runs(request, ready)
    viewer = Viewer(ready.decoders, previews, runs.shape)
    together = 1 if ready.device.kind == "cpu" else AT_ONCE
    for first in range(0, request.count, together):
        images = range(first, min(first + together, request.count))
        seeds = [request.seed + image for image in images]
        started, calls, looking = time.perf_counter(), [0] * len(images), [0.0] * len(images)
        group = [runs.start(seed) for seed in seeds]
        for place, result in drive_together(group, ready.denoiser, cancelled=cancelled.is_set):
            step = result.state.index
            if not bool(result.state.x.isfinite().all()):
                raise NotFiniteError(step)
            calls[place] += result.model_calls
            picture = _finished(ready, result.state) if result.state.finished else None
            view = viewer.look(result, runs.steps, picture, hurried=cancelled.is_set())
            looking[place] += view.seconds
            yield StepDone(
                job_id=job_id,
                image=images[place],
                step=step,
                steps=runs.steps,
                t=result.t,
                s=result.s,
                sigma=ready.model.schedule.sigma(result.s),
                snr=ready.model.schedule.snr(result.s),
                model_calls=calls[place],
                seconds=time.perf_counter() - started,
                preview=view.preview,
                preview_of=view.preview_of,
                tier=view.tier,
                x0_hat=view.x0_hat,
                state=view.state,
            )
            if picture is not None:
                yield PictureDone(
                    job_id=job_id,
                    request=request,
                    image=images[place],
                    seed=seeds[place],
                    pixels=picture,
                    model_sha256=ready.model.card.weights_sha256,
                    device=ready.device.label,
                    dtype=ready.precision.dtype,
                    versions=versions(),
                    x_T_sha256=sha256_of(group[place].state.x),
                    final_sha256=sha256_of(result.state.x),
                    model_calls=calls[place],
                    seconds=time.perf_counter() - started,
                    preview_seconds=looking[place],
                )
        if cancelled.is_set():
            return


class _Runs:
    """Starts the runs of one request: what they share is made once."""

    def __init__(self, request: GenerateRequest, ready: ReadyModel) -> None:
        model, name = ready.model, request.sampler or ""
        self._sampler = SAMPLERS[name](model.schedule, sampler_options(name, request.options))
        self._times = visit_times(model.schedule.T, request.steps or 0, request.spacing or "")
        self.shape = model.card.latent_shape_for(request.width or 0, request.height or 0)
        self._device = model.device
        # Each text by itself: a prompt's condition must not depend on what it is batched with.
        self._guidance = ClassifierFreeGuidance(
            request.guidance if request.guidance is not None else 1.0,
            model.encode_prompts([request.prompt]),
            model.encode_prompts([request.negative]),
        )
        self.steps = len(self._times) - 1

    def start(self, seed: int) -> Run:
        """Return the run of one picture, at its beginning."""
        noise = Noise([seed], self.shape, self._device)
        state = State(noise.initial(), 0, self._times)
        return Run(sampler=self._sampler, guidance=self._guidance, state=state, noise=noise)


def _finished(ready: ReadyModel, state: State) -> NDArray[np.uint8]:
    """Return the picture that a run arrived at."""
    picture = decode(ready.model, state.x)
    if not bool(picture.isfinite().all()):
        raise NotFiniteError(state.index)
    return to_pixels(picture)


def notes_on(asked: GenerateRequest, resolved: GenerateRequest, ready: ReadyModel) -> tuple[str, ...]:
    """Return whole sentences on what of a request has no effect.

    Args:
        asked: the request as it came.
        resolved: the same, filled in.
        ready: the model.
    """
    encoder = ready.model.text_encoder
    if encoder is None:
        unused = asked.prompt or asked.negative or (asked.guidance is not None and asked.guidance != 1)
        said = f"The model {resolved.model!r} takes no text: prompt, negative prompt and guidance are unused."
        return (said,) if unused else ()
    notes = []
    if resolved.negative and resolved.guidance == 1:
        notes.append("At guidance 1 the negative prompt is unused.")
    for field, text in (("prompt", resolved.prompt), ("negative prompt", resolved.negative)):
        if len(split_words(text)) > encoder.config.words:
            notes.append(
                f"The model reads the first {encoder.config.words} words of the {field}, and no more."
            )
    return tuple(notes)


def versions() -> dict[str, str]:
    """Return the versions of what the last bits of a picture depend on."""
    return {
        "stepwise-studio": __version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
    }


def sha256_of(tensor: Tensor) -> str:
    """Return the hash of a tensor's numbers, float32 little-endian in C order."""
    return hashlib.sha256(tensor.detach().cpu().contiguous().numpy().astype("<f4").tobytes()).hexdigest()
