"""Evaluation of a model: samples the pictures that the measurements need, and collects their figures.

Pictures are sampled in batches, so their last bits differ from those of single pictures; no figure depends on that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from studio.arrays import to_uint8
from studio.diffusion.guidance import ClassifierFreeGuidance
from studio.diffusion.noise import Noise
from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.samplers.drive import drive
from studio.diffusion.samplers.stepper import State
from studio.diffusion.spacings import visit
from studio.evaluation.accuracy import Backgrounds, Compositions, EvaluationContext, Naming
from studio.evaluation.curves import Guidance, Memory, Steps
from studio.evaluation.ranking import PictogramRanker
from studio.training.pictograms.drawing import find_font
from studio.training.pictograms.scenes import SceneRenderer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from studio.checkpoints.card import ModelCard
    from studio.checkpoints.model import NativeModel
    from studio.evaluation.plan import Plan, PromptSeed, Series, Settings
    from studio.training.pictograms.pictogram_list import Pictograms

    _Kept = dict[
        tuple[str, str, int], NDArray[np.uint8]
    ]  # pictures that several measurements need are sampled once


class Measurement(Protocol):
    """Lists the pictures that it needs, and turns them into figures."""

    def series(self) -> tuple[Series, ...]:
        """Return the pictures to sample."""
        ...

    def figures(self, pictures: Sequence[NDArray[np.uint8]]) -> dict[str, Any]:
        """Return figures (JSON values) of the pictures (N, H, W, 3) of each series."""
        ...


MEASUREMENTS: Mapping[str, Callable[[EvaluationContext], Measurement]] = MappingProxyType(
    {
        "naming": Naming,
        "background": Backgrounds,
        "compositions": Compositions,
        "guidance": Guidance,
        "steps": Steps,
        "memory": Memory,
    }
)
FIGURE_OF: Mapping[str, str] = MappingProxyType(
    {name: name for name in MEASUREMENTS} | {"naming": "languages"}
)
"""For each measurement a figure that a card has once the measurement was made."""


@dataclass(frozen=True)
class Progress:
    """The progress of an evaluation.

    Attributes:
        measurement: the name of the present measurement.
        made: number of its pictures that are sampled.
        wanted: number of its pictures.
        done: progress of the whole evaluation, 0 to 1.
    """

    measurement: str
    made: int
    wanted: int
    done: float


@dataclass(frozen=True)
class Measured:
    """The figures of a measurement: JSON values, for a card's evaluation."""

    measurement: str
    figures: dict[str, Any]


def sample_batch(
    model: NativeModel, prompts: Sequence[str], seeds: Sequence[int], settings: Settings
) -> Generator[float, None, NDArray[np.uint8]]:
    """Sample one picture for each prompt and its seed, in one batch.

    Yields:
        The progress, 0 to 1, after each step.

    Returns:
        uint8 (B, H, W, 3).
    """
    sampler_type = SAMPLERS[settings.sampler]
    sampler = sampler_type(model.schedule, sampler_type.Options(**settings.options))
    guidance = ClassifierFreeGuidance(
        settings.guidance, model.encode_prompts(prompts), model.encode_prompts([""] * len(prompts))
    )
    noise = Noise(seeds, model.card.latent_shape, model.device)
    times = visit(model.schedule, settings.steps, settings.spacing).times
    state = State(noise.start(model.schedule, times[0]), 0, times)
    for result in drive(sampler, guidance, model.denoiser(), state, noise):
        state = result.state
        yield state.index / (settings.steps + 1)  # the decoder comes last
    with torch.no_grad():
        pictures = model.codec.decode(state.x)
    return to_uint8(pictures.float().cpu().numpy())


def evaluate(
    model: NativeModel,
    pictograms: Pictograms,
    plan: Plan,
    only: Sequence[str] = tuple(MEASUREMENTS),
    font: Path | None = None,
) -> Iterator[Progress | Measured]:
    """Measure a model.

    Args:
        model: a text-conditional model of pictograms.
        pictograms: the list that it was trained on.
        plan: settings and numbers of prompts.
        only: which measurements, in this order.
        font: the font file; None: looked for in the usual places.

    Yields:
        `Progress` after every step, and `Measured` after each measurement.

    Raises:
        RecipeError: the font is missing.
    """
    plan = replace(plan, steps=tuple(steps for steps in plan.steps if steps <= model.schedule.T))
    renderer = SceneRenderer(
        pictograms, find_font(font), model.card.sizes[0][0], layouts="compositions" in only
    )
    context = EvaluationContext(
        pictograms=pictograms, ranker=PictogramRanker(renderer.drawings), renderer=renderer, plan=plan
    )
    measurements = {name: MEASUREMENTS[name](context) for name in only}
    kept: _Kept = {}
    work = sum(series.calls for measurement in measurements.values() for series in measurement.series())
    spent = 0
    for name, measurement in measurements.items():
        all_series = measurement.series()
        made, number = 0, sum(len(series.prompts) for series in all_series)
        for series in all_series:
            for start in range(0, len(series.prompts), plan.batch):
                part = series.prompts[start : start + plan.batch]
                calls = series.settings.calls * len(part)
                for done in _sample_missing(model, part, series.settings, kept):
                    yield Progress(name, made + int(done) * len(part), number, (spent + done * calls) / work)
                made += len(part)
                spent += calls
        pictures = [
            np.asarray([kept[series.settings.key(), one.prompt, one.seed] for one in series.prompts])
            for series in all_series
        ]
        yield Measured(name, measurement.figures(pictures))


def _sample_missing(
    model: NativeModel, prompts: Sequence[PromptSeed], settings: Settings, kept: _Kept
) -> Generator[float, None, None]:
    """Sample the pictures that are not in ``kept`` yet, and add them; yields the progress."""
    key = settings.key()
    new = [one for one in dict.fromkeys(prompts) if (key, one.prompt, one.seed) not in kept]
    if new:
        pictures = yield from sample_batch(
            model, [one.prompt for one in new], [one.seed for one in new], settings
        )
        kept.update({(key, one.prompt, one.seed): made for one, made in zip(new, pictures, strict=True)})
    yield 1.0


def merged(card: ModelCard, figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return a card's evaluation with new figures; older ones are kept if they were measured with the same weights."""
    older = card.to_dict()["evaluation"]
    if older.get("weights_sha256", card.weights_sha256) != card.weights_sha256:
        older = {}
    return {**older, **figures, "weights_sha256": card.weights_sha256}
