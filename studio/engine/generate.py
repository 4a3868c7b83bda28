"""From resolved requests and loaded models to pictures: a generator of events.

On the CPU the pictures of a request are made one at a time, so that each is the same bit for bit alone or as one of
many. Elsewhere several share each model call, which is what makes a graphics card worth its heat.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from studio.diffusion.guidance import ClassifierFreeGuidance
from studio.diffusion.noise import Noise
from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.samplers.drive import Run
from studio.diffusion.samplers.stepper import State
from studio.diffusion.spacings import visit_times
from studio.engine.pictures import Picture, make_together
from studio.engine.requests import sampler_options
from studio.engine.viewer import Viewer

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Sequence

    from studio.checkpoints.model import Model
    from studio.engine.events import PictureDone, PictureStarted, StepDone
    from studio.engine.fork import StartState
    from studio.engine.models import ReadyModel
    from studio.engine.plan import Part
    from studio.engine.previews import Previews
    from studio.engine.requests import GenerateRequest

AT_ONCE = 8
"""How many pictures of a request share a model call where they do."""


def make(
    parts: Sequence[Part],
    ready: Sequence[ReadyModel],
    *,
    batched: bool | None,
    job_id: str,
    cancelled: threading.Event,
    previews: Previews,
) -> Iterator[PictureStarted | StepDone | PictureDone]:
    """Make all pictures of a job; see `generate` and `compare`.

    Args:
        parts: what is to be made.
        ready: the model of each part.
        batched: whether panes share model calls; None: this is no comparison, and has one part.
        job_id: what every event carries.
        cancelled: looked at before each model call; once set, the iterator ends.
        previews: what is shown of the pictures while they form.
    """
    if batched is None:
        request, start = parts[0].request, parts[0].start
        return generate(request, ready[0], job_id=job_id, cancelled=cancelled, previews=previews, start=start)
    panes = [(part.request, one) for part, one in zip(parts, ready, strict=True)]
    return compare(panes, batched=batched, job_id=job_id, cancelled=cancelled, previews=previews)


# By decorator: a `with` around a yield would leak the mode into whoever consumes the events.
@torch.no_grad()
def generate(
    request: GenerateRequest,
    ready: ReadyModel,
    *,
    job_id: str,
    cancelled: threading.Event,
    previews: Previews,
    start: StartState | None = None,
) -> Iterator[PictureStarted | StepDone | PictureDone]:
    """Make the pictures of a request.

    Args:
        request: resolved with the model's card.
        ready: the model.
        job_id: what every event carries.
        cancelled: looked at before each model call; once set, the iterator ends.
        previews: what is shown of the pictures while they form.
        start: where each goes on from; None begins with noise.

    Yields:
        Each step as it is taken, and each picture once its last step is.

    Raises:
        NotFiniteError: a state or a picture is not made of finite numbers.
    """
    runs = _Runs(request, ready, start)
    viewer = Viewer(ready.decoders, previews, runs.shape)
    together = 1 if ready.device.kind == "cpu" else AT_ONCE
    for first in range(0, request.count, together):
        images = range(first, min(first + together, request.count))
        group = [runs.picture(image, request.seed + image, viewer) for image in images]
        yield from make_together(group, job_id=job_id, cancelled=cancelled, arrays=previews.arrays)
        if cancelled.is_set():
            return


@torch.no_grad()
def compare(
    panes: Sequence[tuple[GenerateRequest, ReadyModel]],
    *,
    batched: bool,
    job_id: str,
    cancelled: threading.Event,
    previews: Previews,
) -> Iterator[PictureStarted | StepDone | PictureDone]:
    """Make the pictures of several requests in lockstep.

    Args:
        panes: each a resolved request of one picture, and its model.
        batched: whether panes of one model share model calls.
        job_id: what every event carries.
        cancelled: looked at before each model call; once set, the iterator ends.
        previews: what is shown of the pictures while they form.

    Yields:
        As `generate`; the ``image`` of an event is the place of its pane.

    Raises:
        NotFiniteError: a state or a picture is not made of finite numbers; names the pane.
    """
    runs = [_Runs(request, ready) for request, ready in panes]
    seen_by = [(ready, of_pane.shape) for of_pane, (_, ready) in zip(runs, panes, strict=True)]
    viewers = {
        (ready, shape): Viewer(ready.decoders, _share(previews, count / len(panes)), shape)
        for (ready, shape), count in Counter(seen_by).items()
    }
    pictures = [
        of_pane.picture(image, request.seed, viewers[key])
        for image, (of_pane, (request, _), key) in enumerate(zip(runs, panes, seen_by, strict=True))
    ]
    yield from make_together(
        pictures, job_id=job_id, cancelled=cancelled, arrays=previews.arrays, batched=batched, panes=True
    )


def guidance_of(request: GenerateRequest, model: Model) -> ClassifierFreeGuidance:
    """Return the guidance that a resolved request asks for."""
    # Each text by itself: a prompt's condition must not depend on what it is batched with.
    return ClassifierFreeGuidance(
        request.guidance if request.guidance is not None else 1.0,
        model.encode_prompts([request.prompt]),
        model.encode_prompts([request.negative]),
    )


class _Runs:
    """Starts the runs of one request: what they share is made once."""

    def __init__(self, request: GenerateRequest, ready: ReadyModel, start: StartState | None = None) -> None:
        model, name = ready.model, request.sampler or ""
        self._request, self._ready, self._start = request, ready, start
        self._sampler = SAMPLERS[name](model.schedule, sampler_options(name, request.options))
        self._guidance = guidance_of(request, model)
        self.shape = model.card.latent_shape_for(request.width or 0, request.height or 0)

    def picture(self, image: int, seed: int, viewer: Viewer) -> Picture:
        """Return one picture, at its beginning."""
        noise = Noise([seed], self.shape, self._ready.model.device)
        run = Run(sampler=self._sampler, guidance=self._guidance, state=self._state(noise), noise=noise)
        return Picture(
            image=image, request=self._request, seed=seed, ready=self._ready, run=run, viewer=viewer
        )

    def _state(self, noise: Noise) -> State:
        request, model, start = self._request, self._ready.model, self._start
        if start is None:
            times = visit_times(model.schedule.T, request.steps or 0, request.spacing or "")
            return State(noise.initial(), 0, times)
        # Copies: the arrays are whoever's, and may be read-only or in a file.
        x, *history = (
            torch.tensor(array, dtype=torch.float32, device=model.device)[None]
            for array in (start.x, *start.history)
        )
        return State(x, start.index, start.times, tuple(history))


def _share(previews: Previews, share: float) -> Previews:
    """Return the previews with that share of their budget, where they have one."""
    budget = previews.budget
    return replace(previews, budget=budget * share) if previews.limited and budget is not None else previews
