"""How well a model does what it was asked: names that are recognised, backgrounds that are right.

    naming        prompt = a bare name; the picture is ranked among all pictograms; top-1 and top-5
    background    "<name> on a <colour> background", for pairs held out of training; nearest of the named colours
    samplers      naming again on fifty concepts, for each sampler, with the same prompts and seeds

Pictures go through the model in batches, so their last bits differ from those of single ones; no figure depends on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from studio.diffusion.guidance import ClassifierFreeGuidance
from studio.diffusion.noise import Noise
from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.samplers.drive import drive
from studio.diffusion.samplers.stepper import State
from studio.diffusion.spacings import visit_times
from studio.training.judge import Judge, background, to_bytes
from studio.training.pictograms import draw_pictograms, find_font

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from studio.checkpoints.model import Model
    from studio.training.pictogram_list import Pictogram, Pictograms

CONCEPTS_OF_SAMPLERS = 50


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How pictures are made for a measurement."""

    sampler: str = "ddim"
    options: Mapping[str, Any] = field(default_factory=dict)
    steps: int = 30
    guidance: float = 3.0
    spacing: str = "trailing"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to measure.

    Attributes:
        settings: how pictures are made where no sampler is being compared.
        seeds: of each concept.
        names: first names of the pictograms that were learned and are asked for; none: all. Whatever is asked for, all
            pictograms of the list are candidates.
        concepts: how many of these are asked for, evenly chosen; None: all.
        samplers: what is compared on fifty concepts, by the name the figure gets.
        batch: pictures per model call (guidance doubles it).
    """

    settings: Settings
    seeds: tuple[int, ...] = (0, 1, 2)
    names: tuple[str, ...] = ()
    concepts: int | None = None
    samplers: Mapping[str, Settings] = field(default_factory=dict)
    batch: int = 64


@dataclass(frozen=True)
class Progress:
    """How far a measurement is: pictures made of how many, and the share that was right so far."""

    measurement: str
    made: int
    wanted: int
    right: float


def pictures_of(
    model: Model, prompts: Sequence[str], seeds: Sequence[int], settings: Settings
) -> NDArray[np.uint8]:
    """Make one picture for each prompt and its seed, in one batch.

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
    with torch.no_grad():
        pictures = model.codec.decode(state.x)
    return to_bytes(pictures.float().cpu().numpy())


def evaluate(
    model: Model, pictograms: Pictograms, plan: Plan, font: Path | None = None
) -> Iterator[Progress | dict[str, Any]]:
    """Measure a model.

    Args:
        model: a text-conditional model of pictograms.
        pictograms: the list that it was trained on.
        plan: what to measure.
        font: the font file, where it is not in its usual place.

    Yields:
        Progress after every batch, and last the figures as JSON values (shares from 0 to 1).

    Raises:
        RecipeError: the font is not there.
    """
    judge = Judge(draw_pictograms(pictograms.entries, find_font(font), model.card.sizes[0][0]))
    entries = pictograms.entries
    learned = [index for index, entry in enumerate(entries) if not plan.names or entry.names[0] in plan.names]
    chosen = _evenly(learned, plan.concepts or len(learned))
    figures: dict[str, Any] = {
        "settings": _plain(plan.settings),
        "seeds": list(plan.seeds),
        "candidates": len(entries),
    }
    named = yield from _naming(model, entries, judge, "naming", chosen, plan.seeds, plan.settings, plan.batch)
    figures |= {"concepts": len(chosen), **named}
    figures |= yield from _backgrounds(model, pictograms, plan)
    fifty = _evenly(learned, CONCEPTS_OF_SAMPLERS)
    compared: dict[str, Any] = {}
    for name, settings in plan.samplers.items():
        result = yield from _naming(model, entries, judge, name, fifty, plan.seeds[:1], settings, plan.batch)
        compared[name] = {**_plain(settings), **result}
    if compared:
        figures["samplers"] = {"concepts": len(fifty), "seeds": list(plan.seeds[:1]), "by_name": compared}
    yield figures


def _naming(
    model: Model,
    entries: Sequence[Pictogram],
    judge: Judge,
    measurement: str,
    chosen: Sequence[int],
    seeds: Sequence[int],
    settings: Settings,
    batch: int,
) -> Generator[Progress, None, dict[str, Any]]:
    """Return top-1 and top-5."""
    wanted = [(index, seed) for index in chosen for seed in seeds]
    first = fifth = made = 0
    for start in range(0, len(wanted), batch):
        part = wanted[start : start + batch]
        prompts = [entries[index].names[0] for index, _ in part]
        for (index, _), picture in zip(
            part, pictures_of(model, prompts, [s for _, s in part], settings), strict=True
        ):
            ranked = judge.rank(picture)
            first += int(ranked[0] == index)
            fifth += int(index in ranked[:5])
        made += len(part)
        yield Progress(measurement, made, len(wanted), first / made)
    return {"top1": round(first / made, 4), "top5": round(fifth / made, 4)}


def _backgrounds(
    model: Model, pictograms: Pictograms, plan: Plan
) -> Generator[Progress, None, dict[str, Any]]:
    """Return the share of held-out pairs whose background has the colour that was asked for."""
    names = {entry.code: entry.names[0] for entry in pictograms.entries}
    pairs = [
        (names[code], color)
        for code, color in sorted(pictograms.held_out)
        if not plan.names or names[code] in plan.names
    ]
    right = made = 0
    for start in range(0, len(pairs), plan.batch):
        part = pairs[start : start + plan.batch]
        prompts = [
            f"{name} on {'an' if color[0] in 'aeiou' else 'a'} {color} background" for name, color in part
        ]
        for (_, color), picture in zip(
            part, pictures_of(model, prompts, [plan.seeds[0]] * len(part), plan.settings), strict=True
        ):
            right += int(background(picture, pictograms.colors) == color)
        made += len(part)
        yield Progress("background", made, len(pairs), right / made)
    return {"background": round(right / made, 4), "background_pairs": made}


def _evenly(items: Sequence[int], count: int) -> list[int]:
    """Choose ``count`` of the items at even distances, or all where there are fewer."""
    count = min(count, len(items))
    return [items[(k * len(items)) // count] for k in range(count)]


def _plain(settings: Settings) -> dict[str, Any]:
    return {
        "sampler": settings.sampler,
        "options": dict(settings.options),
        "steps": settings.steps,
        "guidance": settings.guidance,
        "spacing": settings.spacing,
    }
