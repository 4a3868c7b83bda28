"""How well a model does what it was asked: makes the pictures that measurements need, and lets these look at them.

Pictures go through the model in batches, so their last bits differ from those of single ones; no figure depends on it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from studio.diffusion.guidance import ClassifierFreeGuidance
from studio.diffusion.noise import Noise
from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.samplers.drive import drive
from studio.diffusion.samplers.stepper import State
from studio.diffusion.spacings import visit_times
from studio.evaluation.accuracy import Backgrounds, Compositions, Ground, Naming
from studio.evaluation.curves import Guidance, Memory, Steps
from studio.evaluation.judge import Judge, to_bytes
from studio.training.pictograms.drawing import find_font
from studio.training.pictograms.scenes import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from studio.checkpoints.card import ModelCard
    from studio.checkpoints.model import Model
    from studio.evaluation.plan import Ask, Plan, Series, Settings
    from studio.training.pictograms.pictogram_list import Pictograms

    _Kept = dict[tuple[str, str, int], NDArray[np.uint8]]  # what two measurements need is made once


class Measurement(Protocol):
    """Says which pictures it needs, and what they tell."""

    def series(self) -> tuple[Series, ...]:
        """Return what must be made."""
        ...

    def figures(self, pictures: Sequence[NDArray[np.uint8]]) -> dict[str, Any]:
        """Return figures, JSON values, for the pictures (N, H, W, 3) of each series."""
        ...


MEASUREMENTS: Mapping[str, Callable[[Ground], Measurement]] = MappingProxyType(
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
"""The figure by whose presence a card shows that a measurement was made."""


@dataclass(frozen=True)
class Progress:
    """How far an evaluation is.

    Attributes:
        measurement: its name.
        made: pictures of this measurement.
        wanted: how many it needs.
        done: part of the whole evaluation's work that is done, 0 to 1.
    """

    measurement: str
    made: int
    wanted: int
    done: float


@dataclass(frozen=True)
class Measured:
    """What a measurement found: JSON values, for a card's evaluation."""

    measurement: str
    figures: dict[str, Any]


def making(
    model: Model, prompts: Sequence[str], seeds: Sequence[int], settings: Settings
) -> Generator[float, None, NDArray[np.uint8]]:
    """Make one picture for each prompt and its seed, in one batch.

    Yields:
        The part that is done, after each step.

    Returns:
        uint8 (B, H, W, 3).
    """
    sampler_type = SAMPLERS[settings.sampler]
    sampler = sampler_type(model.schedule, sampler_type.Options(**settings.options))
    guidance = ClassifierFreeGuidance(
        settings.guidance, model.encode_prompts(prompts), model.encode_prompts([""] * len(prompts))
    )
    noise = Noise(seeds, model.card.latent_shape, model.device)
    state = State(noise.initial(), 0, visit_times(model.schedule.T, settings.steps, settings.spacing))
    for result in drive(sampler, guidance, model.denoiser(), state, noise):
        state = result.state
        yield state.index / (settings.steps + 1)  # the decoder comes last
    with torch.no_grad():
        pictures = model.codec.decode(state.x)
    return to_bytes(pictures.float().cpu().numpy())


def evaluate(
    model: Model,
    pictograms: Pictograms,
    plan: Plan,
    only: Sequence[str] = tuple(MEASUREMENTS),
    font: Path | None = None,
) -> Iterator[Progress | Measured]:
    """Measure a model.

    Args:
        model: a text-conditional model of pictograms.
        pictograms: the list that it was trained on.
        plan: how much is measured.
        only: which measurements, in this order.
        font: the font file, where it is not in its usual place.

    Yields:
        Progress after every step, and what was found after each measurement.

    Raises:
        RecipeError: the font is not there.
    """
    plan = replace(plan, steps=tuple(steps for steps in plan.steps if steps <= model.schedule.T))
    stage = Stage(pictograms, find_font(font), model.card.sizes[0][0], layouts="compositions" in only)
    ground = Ground(pictograms=pictograms, judge=Judge(stage.drawings), stage=stage, plan=plan)
    wanted = {name: MEASUREMENTS[name](ground) for name in only}
    kept: _Kept = {}
    work = sum(series.calls for measurement in wanted.values() for series in measurement.series())
    spent = 0
    for name, measurement in wanted.items():
        asked = measurement.series()
        made, number = 0, sum(len(series.asks) for series in asked)
        for series in asked:
            for start in range(0, len(series.asks), plan.batch):
                part = series.asks[start : start + plan.batch]
                calls = series.settings.calls * len(part)
                for done in _make(model, part, series.settings, kept):
                    yield Progress(name, made + int(done) * len(part), number, (spent + done * calls) / work)
                made += len(part)
                spent += calls
        taken = [
            np.asarray([kept[series.settings.key(), ask.prompt, ask.seed] for ask in series.asks])
            for series in asked
        ]
        yield Measured(name, measurement.figures(taken))


def _make(model: Model, asks: Sequence[Ask], settings: Settings, kept: _Kept) -> Generator[float, None, None]:
    """Make and keep those pictures that are not kept yet; yield the part that is done."""
    key = settings.key()
    new = [ask for ask in dict.fromkeys(asks) if (key, ask.prompt, ask.seed) not in kept]
    if new:
        pictures = yield from making(model, [ask.prompt for ask in new], [ask.seed for ask in new], settings)
        kept.update({(key, ask.prompt, ask.seed): one for ask, one in zip(new, pictures, strict=True)})
    yield 1.0


def merged(card: ModelCard, figures: Mapping[str, Any]) -> dict[str, Any]:
    """Return a card's evaluation with new figures; older ones stay unless they were measured with other weights."""
    older = card.to_dict()["evaluation"]
    if older.get("weights_sha256", card.weights_sha256) != card.weights_sha256:
        older = {}
    return {**older, **figures, "weights_sha256": card.weights_sha256}
