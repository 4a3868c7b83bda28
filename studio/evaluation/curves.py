"""Measurements over a setting: the effect of guidance, the steps that a sampler needs, and memorization.

    guidance    accuracy and diversity over the guidance scale
    steps       accuracy over the number of steps, for every sampler
    memory      distance of pictures to the nearest training picture, and of training pictures to each other

Each lists the pictures that it needs and turns them into results; none depends on the model.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from studio.diffusion.samplers import COMPARED
from studio.evaluation.accuracy import evenly_spaced, topk_accuracy
from studio.evaluation.distances import detail, diversity, measure_memorization
from studio.evaluation.plan import Series
from studio.evaluation.ranking import features
from studio.training.pictograms.scenes import Scene

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studio.evaluation.accuracy import EvaluationContext, Pictures


class Guidance:
    """Accuracy, and diversity among the seeds of a prompt, at each guidance scale."""

    def __init__(self, context: EvaluationContext) -> None:
        plan = context.plan
        self._context, self._chosen = context, evenly_spaced(context.learned(), plan.scale_concepts)
        self._settings = [
            dataclasses.replace(plan.settings, steps=plan.scale_steps, guidance=float(scale))
            for scale in plan.scales
        ]

    def series(self) -> tuple[Series, ...]:
        seeds = range(self._context.plan.scale_seeds)
        prompts = tuple(
            self._context.prompt_for(Scene((place,)), seed) for place in self._chosen for seed in seeds
        )
        return tuple(Series(settings=settings, prompts=prompts) for settings in self._settings)

    def figures(self, pictures: Sequence[Pictures]) -> dict[str, Any]:
        seeds = self._context.plan.scale_seeds
        wanted = [place for place in self._chosen for _ in range(seeds)]
        curve = []
        for settings, made in zip(self._settings, pictures, strict=True):
            among = [diversity(made[start : start + seeds]) for start in range(0, len(made), seeds)]
            curve.append(
                {
                    "guidance": settings.guidance,
                    **fidelity(self._context, wanted, made),
                    "diversity": round(float(np.mean(among)), 4),
                }
            )
        common = self._settings[0].to_dict()
        del common["guidance"]
        return {
            "guidance": {"settings": common, "concepts": len(self._chosen), "seeds": seeds, "curve": curve}
        }


class Steps:
    """Accuracy at each number of steps, for every sampler with its default options."""

    def __init__(self, context: EvaluationContext) -> None:
        """Choose the names, and leave out settings that would take too long."""
        plan = context.plan
        self._context, self._chosen = context, evenly_spaced(context.learned(), plan.step_concepts)
        prompts = [
            dataclasses.replace(
                plan.settings, sampler=sampler, options={}, steps=steps, guidance=plan.step_guidance
            )
            for sampler in COMPARED
            for steps in plan.steps
        ]
        self._settings = [settings for settings in prompts if settings.queries <= plan.most_queries]

    def series(self) -> tuple[Series, ...]:
        seed = self._context.plan.seeds[0]
        prompts = tuple(self._context.prompt_for(Scene((place,)), seed) for place in self._chosen)
        return tuple(Series(settings=settings, prompts=prompts) for settings in self._settings)

    def figures(self, pictures: Sequence[Pictures]) -> dict[str, Any]:
        curves: dict[str, list[dict[str, Any]]] = {}
        for settings, made in zip(self._settings, pictures, strict=True):
            point = {"steps": settings.steps, "queries": settings.queries}
            curves.setdefault(settings.sampler, []).append(
                point | fidelity(self._context, self._chosen, made)
            )
        plan = self._context.plan
        return {
            "steps": {
                "guidance": plan.step_guidance,
                "spacing": plan.settings.spacing,
                "concepts": len(self._chosen),
                "seed": plan.seeds[0],
                "curves": curves,
            }
        }


class Memory:
    """The distances of samples to the learned pictograms, and of these to each other."""

    def __init__(self, context: EvaluationContext) -> None:
        """Choose the names: the first of those of `Naming`, so that its pictures are reused."""
        self._context, self._chosen = context, evenly_spaced(context.learned(), context.plan.concepts)

    def series(self) -> tuple[Series, ...]:
        plan = self._context.plan
        prompts = tuple(self._context.prompt_for(Scene((place,)), plan.seeds[0]) for place in self._chosen)
        return (Series(settings=plan.settings, prompts=prompts),)

    def figures(self, pictures: Sequence[Pictures]) -> dict[str, Any]:
        seen = np.stack([features(picture) for picture in pictures[0]])
        learned = self._context.ranker.candidates[self._context.learned()]
        near = dataclasses.asdict(measure_memorization(seen, learned))
        return {
            "memory": {"pictures": len(seen), "drawings": len(learned)}
            | {name: round(value, 4) for name, value in near.items()}
        }


def fidelity(context: EvaluationContext, wanted: Sequence[int], pictures: Pictures) -> dict[str, float]:
    """Return how well pictures show the wanted pictograms.

    Returns:
        ``top1`` and ``top5``; ``distance``, the root mean square distance to the features of the wanted pictograms;
        ``detail``, relative to that of the pictograms.
    """
    seen = np.stack([features(picture) for picture in pictures])
    drawn = context.ranker.candidates[list(wanted)]
    return {
        **topk_accuracy(context.ranker, wanted, pictures),
        "distance": round(float(np.sqrt(np.square(seen - drawn).mean(axis=1)).mean()), 4),
        "detail": round(float(detail(seen).mean() / detail(drawn).mean()), 4),
    }
