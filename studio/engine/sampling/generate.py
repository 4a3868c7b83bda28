"""Makes pictures from resolved requests and loaded models: a generator of events.

On the CPU the pictures of a request are made one at a time, so that each is bit for bit the same alone and as one of
many. On other devices several are one state: a step calls the model, checks that the state is finite and copies to the
host once for all of them, which is what a graphics card needs to be fast.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch

from studio.arrays import read_only_copy, sha256_of
from studio.diffusion.denoiser import check_times
from studio.diffusion.guidance import ClassifierFreeGuidance
from studio.diffusion.noise import Noise
from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.samplers.drive import Run, drive_lockstep
from studio.diffusion.samplers.stepper import State
from studio.diffusion.spacings import visit
from studio.engine.events import PictureDone, PictureStarted, StepDone
from studio.engine.requests.adapters import text_of
from studio.engine.requests.fork import StartState
from studio.engine.requests.generate import sampler_options
from studio.engine.sampling.decoders import decode
from studio.engine.sampling.non_finite import cause_of_non_finite
from studio.engine.sampling.preview import PreviewRenderer, to_host
from studio.engine.versions import versions
from studio.errors import NotFiniteError

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from studio.diffusion.samplers.stepper import StepResult
    from studio.engine.requests.adapters import AdapterRecord, ResolvedPrompts
    from studio.engine.requests.generate import GenerateRequest
    from studio.engine.requests.plan import Part
    from studio.engine.requests.previews import Previews
    from studio.engine.sampling.models import ReadyModel
    from studio.engine.sampling.preview import StepView
    from studio.families.interface import Model, TextOptions


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
        parts: what to make.
        ready: the model of each part.
        batched: whether panes share model calls; None: not a comparison, and there is one part.
        job_id: of every event.
        cancelled: checked before each model call; once set, the iterator ends.
        previews: how the pictures are shown while they form.
    """
    if batched is None:
        return generate(
            parts[0].request,
            ready[0],
            job_id=job_id,
            cancelled=cancelled,
            previews=previews,
            start=parts[0].start,
            prompts=parts[0].prompts,
        )
    panes = [(part.request, one) for part, one in zip(parts, ready, strict=True)]
    return compare(
        panes,
        batched=batched,
        job_id=job_id,
        cancelled=cancelled,
        previews=previews,
        prompts=[part.prompts for part in parts],
    )


# A decorator, because a `with` around a yield would leak grad mode into the code that consumes the events.
@torch.no_grad()
def generate(
    request: GenerateRequest,
    ready: ReadyModel,
    *,
    job_id: str,
    cancelled: threading.Event,
    previews: Previews,
    start: StartState | None = None,
    prompts: ResolvedPrompts | None = None,
) -> Iterator[PictureStarted | StepDone | PictureDone]:
    """Make the pictures of a request.

    Args:
        request: resolved with the model's card.
        ready: the model.
        job_id: of every event.
        cancelled: checked before each model call; once set, the iterator ends.
        previews: how the pictures are shown while they form.
        start: the state that each continues from; None starts from noise.
        prompts: how its prompts are read; None: as the request says, and they refer to no files.

    Yields:
        Each step as it is taken, and each picture after its last step.

    Raises:
        NotFiniteError: a state or a picture contains NaN or infinity.
    """
    runs = _RunFactory(request, ready, start, prompts)
    renderer = PreviewRenderer(ready.decoders, previews, runs.shape, request.count * runs.steps)
    batch_size = 1 if ready.device.kind == "cpu" else ready.pictures_at_once
    for first in range(0, request.count, batch_size):
        images = range(first, min(first + batch_size, request.count))
        group = runs.group(images, [request.seed + image for image in images], renderer)
        yield from make_together([group], job_id=job_id, cancelled=cancelled, arrays=previews.arrays)
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
    prompts: Sequence[ResolvedPrompts | None] = (),
) -> Iterator[PictureStarted | StepDone | PictureDone]:
    """Make the pictures of several requests in lockstep.

    Args:
        panes: a resolved request for one picture, and its model, each.
        batched: whether panes of one model share model calls.
        job_id: of every event.
        cancelled: checked before each model call; once set, the iterator ends.
        previews: how the pictures are shown while they form.
        prompts: how the prompts of each are read; none: as the requests say, and they refer to no files.

    Yields:
        As `generate`; the ``image`` of an event is the index of its pane.

    Raises:
        NotFiniteError: a state or a picture contains NaN or infinity; names the pane.
    """
    runs = [
        _RunFactory(request, ready, prompts=of_pane)
        for (request, ready), of_pane in zip(panes, prompts or [None] * len(panes), strict=True)
    ]
    keys = [(ready, of_pane.shape) for of_pane, (_, ready) in zip(runs, panes, strict=True)]
    steps: Counter[tuple[ReadyModel, tuple[int, ...]]] = Counter()
    for of_pane, key in zip(runs, keys, strict=True):
        steps[key] += of_pane.steps
    renderers = {
        (ready, shape): PreviewRenderer(
            ready.decoders, _with_share(previews, count / len(panes)), shape, steps[ready, shape]
        )
        for (ready, shape), count in Counter(keys).items()
    }
    groups = [
        of_pane.group([image], [request.seed], renderers[key])
        for image, (of_pane, (request, _), key) in enumerate(zip(runs, panes, keys, strict=True))
    ]
    yield from make_together(
        groups, job_id=job_id, cancelled=cancelled, arrays=previews.arrays, batched=batched, panes=True
    )


def guidance_of(request: GenerateRequest, model: Model, text: TextOptions) -> ClassifierFreeGuidance:
    """Return the guidance of a resolved request whose prompts are read as ``text`` says."""
    size = request.width or 0, request.height or 0
    # Each text is encoded alone: the condition of a prompt must not depend on what it is batched with.
    return ClassifierFreeGuidance(
        request.guidance if request.guidance is not None else 1.0,
        model.encode_prompts([request.prompt], size, text),
        model.encode_prompts([request.negative], size, text),
    )


# ------------------------------------------------------------------------------------------ pictures that are one state


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """Pictures of one request that are made as one state; they differ in their seeds.

    Attributes:
        images: their indices in the job.
        seeds: of their noise.
        request: resolved; carried by their events.
        ready: the model.
        run: their start and their sampler.
        renderer: renders their steps.
        adapters: the LoRAs and textual inversions that they are made with.
    """

    images: Sequence[int]
    seeds: Sequence[int]
    request: GenerateRequest
    ready: ReadyModel
    run: Run
    renderer: PreviewRenderer
    adapters: tuple[AdapterRecord, ...] = ()

    @property
    def steps(self) -> int:
        return self.run.state.first + len(self.run.state.times) - 1


class _RunFactory:
    """Creates the runs of one request, with what they share."""

    def __init__(
        self,
        request: GenerateRequest,
        ready: ReadyModel,
        start: StartState | None = None,
        prompts: ResolvedPrompts | None = None,
    ) -> None:
        model, name = ready.model, request.sampler or ""
        self._request, self._ready, self._start = request, ready, start
        self._adapters = () if prompts is None else prompts.adapters
        self._sampler = SAMPLERS[name](model.schedule, sampler_options(name, request.options))
        self._guidance = guidance_of(request, model, text_of(request) if prompts is None else prompts.text)
        self._times = start.times if start is not None else _times(request, model)
        self.shape = model.card.latent_shape_for(request.width or 0, request.height or 0)

    @property
    def steps(self) -> int:
        return len(self._times) - 1

    def group(self, images: Sequence[int], seeds: Sequence[int], renderer: PreviewRenderer) -> Group:
        """Return pictures at their start, each with a seed."""
        noise, guidance = Noise(seeds, self.shape, self._ready.model.device), self._guidance
        guidance = replace(
            guidance,
            condition=guidance.condition.expand(len(seeds)),
            negative=guidance.negative.expand(len(seeds)),
        )
        run = Run(sampler=self._sampler, guidance=guidance, state=self._state(noise), noise=noise)
        return Group(
            images=images,
            seeds=seeds,
            request=self._request,
            ready=self._ready,
            run=run,
            renderer=renderer,
            adapters=self._adapters,
        )

    def _state(self, noise: Noise) -> State:
        start = self._start
        if start is None:
            model = self._ready.model
            check_times(model.card.prediction, model.schedule, self._times[:-1])
            return State(noise.start(model.schedule, self._times[0]), 0, self._times)
        # Copies, because the arrays belong to someone else, and may be read-only or mapped from a file.
        x, *history = (
            torch.tensor(array, dtype=torch.float32, device=self._ready.model.device)[None]
            for array in (start.x, *start.history)
        )
        return State(
            x,
            start.index,
            start.times,
            tuple(zip(start.history_times, history, strict=True)),
            start.index,
            start.model_times,
        )


def _times(request: GenerateRequest, model: Model) -> tuple[float, ...]:
    return visit(model.schedule, request.steps or 0, request.spacing or "").times


def _with_share(previews: Previews, share: float) -> Previews:
    """Return the previews with that share of their budget, if they have one."""
    budget = previews.budget
    return replace(previews, budget=budget * share) if previews.limited and budget is not None else previews


# --------------------------------------------------------------------------------------------- several in lockstep


@dataclass(eq=False)
class _Progress:
    """The cost of a picture so far, and its last x0_hat."""

    calls: int = 0
    preview_seconds: float = 0.0
    x0_hat: NDArray[np.float32] | None = None
    started: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.started


@torch.no_grad()
def make_together(
    groups: Sequence[Group],
    *,
    job_id: str,
    cancelled: threading.Event,
    arrays: bool,
    batched: bool = True,
    panes: bool = False,
) -> Iterator[PictureStarted | StepDone | PictureDone]:
    """Make groups of pictures in lockstep.

    Args:
        groups: at least one; they may differ in everything.
        job_id: of every event.
        cancelled: checked before each model call; once set, the iterator ends.
        arrays: whether `PictureStarted` events are yielded, with the starting states.
        batched: whether groups of one model share model calls; see `drive_lockstep`.
        panes: whether an error names the index, because the pictures are panes of a comparison.

    Yields:
        First the starts, then each step as it is taken, and each picture after its last step.

    Raises:
        NotFiniteError: a state or a picture contains NaN or infinity.
    """
    starts = [to_host(_start_tensors(group.run.state, arrays=arrays)) for group in groups]
    hashes = [[sha256_of(x) for x in start["x"]] for start in starts]
    if arrays:
        for group, start, of_group in zip(groups, starts, hashes, strict=True):
            for place, x_T_sha256 in enumerate(of_group):
                yield _started(group, place, start, job_id, x_T_sha256)
    progress = [[_Progress() for _ in group.images] for group in groups]
    runs = [group.run for group in groups]
    denoisers = [group.ready.denoiser for group in groups]
    for index, result in drive_lockstep(runs, denoisers, batched=batched, cancelled=cancelled.is_set):
        group, made = groups[index], progress[index]
        finished = _decode_each(group.ready.model, result.state.x) if result.state.finished else None
        if not _is_finite(result.state.x, finished):
            raise NotFiniteError(
                result.state.index,
                pane=group.images[0] + 1 if panes else None,
                cause=cause_of_non_finite(group.ready, result.state),
            )
        views = group.renderer.render(
            result,
            group.steps,
            finished,
            before=[one.x0_hat for one in made],
            starts=result.state.index == group.run.state.index + 1,
            stopping=cancelled.is_set(),
        )
        for place, (one, view) in enumerate(zip(made, views, strict=True)):
            one.calls += result.model_calls
            one.preview_seconds, one.x0_hat = one.preview_seconds + view.seconds, view.x0_hat
            yield _step(group, place, result, one, view, job_id)
            if view.picture is not None:
                yield _done(group, place, view, one, job_id, hashes[index][place])


def _start_tensors(state: State, *, arrays: bool) -> dict[str, Tensor]:
    history = {f"history {place}": tensor for place, (_, tensor) in enumerate(state.history)}
    return {"x": state.x} | (history if arrays else {})


def _decode_each(model: Model, latents: Tensor) -> Tensor:
    """Decode latents (B, C, h, w) to pictures (B, 3, H, W), one at a time: a decoder may need most of the memory."""
    pictures = [decode(model, latents[place : place + 1]) for place in range(len(latents))]
    return torch.cat(pictures) if len(pictures) > 1 else pictures[0]


def _is_finite(x: Tensor, pictures: Tensor | None) -> bool:
    """Whether states and pictures are finite: one value that the host waits for."""
    finite = x.isfinite().all()
    return bool(finite if pictures is None else finite & pictures.isfinite().all())


def _started(
    group: Group, place: int, start: Mapping[str, NDArray[np.float32]], job_id: str, x_T_sha256: str
) -> PictureStarted:  # the field's own symbol
    state = group.run.state
    return PictureStarted(
        job_id=job_id,
        image=group.images[place],
        seed=group.seeds[place],
        request=group.request,
        start=StartState(
            x=read_only_copy(start["x"][place]),
            index=state.index,
            times=state.times_left,
            history=tuple(
                read_only_copy(start[f"history {number}"][place]) for number in range(len(state.history))
            ),
            history_times=tuple(t for t, _ in state.history),
            model_times=state.model_times[state.index - state.first :],
        ),
        steps=group.steps,
        x_T_sha256=x_T_sha256,
        sigma=group.ready.model.schedule.sigma(state.t),
        level=group.ready.model.schedule.noise_level(state.t),
        adapters=group.adapters,
        precisions=group.ready.model.part_precisions(),
    )


def _step(
    group: Group, place: int, result: StepResult, made: _Progress, view: StepView, job_id: str
) -> StepDone:
    schedule = group.ready.model.schedule
    return StepDone(
        job_id=job_id,
        image=group.images[place],
        step=result.state.index,
        steps=group.steps,
        t=result.t,
        s=result.s,
        sigma=schedule.sigma(result.s),
        level=schedule.noise_level(result.s),
        snr=schedule.snr(result.s),
        model_calls=made.calls,
        seconds=made.seconds,
        preview=view.preview,
        preview_of=view.preview_of,
        tier=view.tier,
        x0_hat=view.x0_hat,
        state=view.state,
        history=view.history,
        history_times=tuple(t for t, _ in result.state.history) if view.history else (),
        change=view.change,
        guidance=view.guidance,
    )


def _done(
    group: Group, place: int, view: StepView, made: _Progress, job_id: str, x_T_sha256: str
) -> PictureDone:
    # The last step's view has the picture and the state.
    assert view.picture is not None and view.final_state is not None  # noqa: PT018
    return PictureDone(
        job_id=job_id,
        request=group.request,
        image=group.images[place],
        seed=group.seeds[place],
        pixels=view.picture,
        model_sha256=group.ready.model.card.weights_sha256,
        device=group.ready.device.label,
        dtype=group.ready.precision.dtype,
        versions=versions(),
        x_T_sha256=x_T_sha256,
        final_sha256=sha256_of(view.final_state),
        model_calls=made.calls,
        seconds=made.seconds,
        preview_seconds=made.preview_seconds,
        adapters=group.adapters,
        precisions=group.ready.model.part_precisions(),
        rungs=group.ready.rungs,
    )


def state_sha256(tensor: Tensor) -> str:
    """Return the SHA-256 of a state as float32, little-endian, in C order, wherever and however it is stored."""
    return sha256_of(tensor.detach().cpu().numpy())
