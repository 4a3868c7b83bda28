"""Measurements of how well a model follows its prompts.

    naming          prompt = a bare name, in each language; the picture is ranked among all pictograms: top-1, top-5
    background      "<name> on a <colour> background", for pairs held out of training; nearest of the named colours
    compositions    number, place and size of what is drawn, for combinations held out of training

Each lists the pictures that it needs and turns them into results; none depends on the model.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from studio.arrays import to_uint8
from studio.evaluation.objects import named_size, objects_in
from studio.evaluation.plan import PromptSeed, Series
from studio.evaluation.ranking import background
from studio.training.pictograms.captions import prompt
from studio.training.pictograms.pictogram_list import LANGUAGES
from studio.training.pictograms.scenes import Scene

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import TypeVar

    from numpy.typing import NDArray

    from studio.evaluation.plan import Plan
    from studio.evaluation.ranking import PictogramRanker
    from studio.training.pictograms.pictogram_list import Pictograms
    from studio.training.pictograms.scenes import SceneRenderer

    Pictures = NDArray[np.uint8]  # (N, H, W, 3)
    Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True, eq=False)
class EvaluationContext:
    """Shared by all measurements."""

    pictograms: Pictograms
    ranker: PictogramRanker
    renderer: SceneRenderer
    plan: Plan

    def learned(self, language: str = "en") -> list[int]:
        """Return the indices of the pictograms that were learned and have a name in a language."""
        names, entries = self.plan.names, self.pictograms.entries
        return [
            place
            for place, entry in enumerate(entries)
            if entry.named(language) and (not names or entry.names[0] in names)
        ]

    def prompt_for(self, scene: Scene, seed: int, language: str = "en") -> PromptSeed:
        return PromptSeed(prompt(scene, self.pictograms, language), seed)


class Naming:
    """Top-1 and top-5 of bare names, in each language."""

    def __init__(self, context: EvaluationContext) -> None:
        self._context = context
        self._prompts = {
            language: [(place, seed) for place in chosen for seed in context.plan.seeds]
            for language in LANGUAGES
            if (chosen := evenly_spaced(context.learned(language), context.plan.concepts))
        }

    def series(self) -> tuple[Series, ...]:
        return tuple(
            Series(
                settings=self._context.plan.settings,
                prompts=tuple(
                    self._context.prompt_for(Scene((place,)), seed, language) for place, seed in prompts
                ),
            )
            for language, prompts in self._prompts.items()
        )

    def figures(self, pictures: Sequence[Pictures]) -> dict[str, Any]:
        """Rank every picture; the figures of the first language are the headline."""
        plan, languages = self._context.plan, dict[str, dict[str, Any]]()
        for (language, prompts), made in zip(self._prompts.items(), pictures, strict=True):
            shares = topk_accuracy(self._context.ranker, [place for place, _ in prompts], made)
            languages[language] = {"concepts": len(prompts) // len(plan.seeds), **shares}
        return {
            "settings": plan.settings.to_dict(),
            "seeds": list(plan.seeds),
            "candidates": len(self._context.pictograms.entries),
            **next(iter(languages.values())),
            "languages": languages,
        }


class Backgrounds:
    """Whether the background has the requested colour, for pairs held out of training."""

    def __init__(self, context: EvaluationContext) -> None:
        self._context = context
        learned = {context.pictograms.entries[place].code: place for place in context.learned()}
        pairs = [
            (learned[code], color) for code, color in sorted(context.pictograms.held_out) if code in learned
        ]
        self._pairs = evenly_spaced(pairs, context.plan.pairs)

    def series(self) -> tuple[Series, ...]:
        seed = self._context.plan.seeds[0]
        prompts = tuple(
            self._context.prompt_for(Scene((place,), color=color), seed) for place, color in self._pairs
        )
        return (Series(settings=self._context.plan.settings, prompts=prompts),)

    def figures(self, pictures: Sequence[Pictures]) -> dict[str, Any]:
        colors = self._context.pictograms.colors
        right = [
            background(picture, colors) == color
            for (_, color), picture in zip(self._pairs, pictures[0], strict=True)
        ]
        return {"background": share(right), "background_pairs": len(right)}


class Compositions:
    """Number, place and size of the drawn objects, for combinations held out of training.

    A position or a size counts as right only if one object was detected. The accuracy of the number is the mean of that
    for pictures of one object and that for pictures of two, so that always drawing one gives a half. The figures of
    correctly rendered scenes are reported beside them: they are the upper bound of this method.
    """

    def __init__(self, context: EvaluationContext) -> None:
        self._context = context
        learned = {context.pictograms.entries[place].code: place for place in context.learned()}
        by_layout: dict[str, list[Scene]] = {}
        for code, layout in sorted(context.pictograms.held_out_layouts):
            if code in learned:
                by_layout.setdefault(layout, []).append(Scene((learned[code],), layout))
        for codes in sorted(context.pictograms.held_out_pairs):
            if learned.keys() >= set(codes):
                scene = Scene(tuple(learned[code] for code in codes), "pair")
                by_layout.setdefault("pair", []).append(scene)
        self.scenes = [
            scene for some in by_layout.values() for scene in evenly_spaced(some, context.plan.scenes)
        ]

    def series(self) -> tuple[Series, ...]:
        prompts = tuple(
            self._context.prompt_for(scene, seed)
            for seed in self._context.plan.seeds
            for scene in self.scenes
        )
        return (Series(settings=self._context.plan.settings, prompts=prompts),)

    def figures(self, pictures: Sequence[Pictures]) -> dict[str, Any]:
        if not self.scenes:
            return {"compositions": {"scenes": 0}}
        truth = to_uint8(self._context.renderer.compose(self.scenes, 0, np.random.default_rng(0)))
        found = {
            "scenes": len(self.scenes),
            "seeds": len(self._context.plan.seeds),
            **self._detect(pictures[0]),
        }
        return {"compositions": {**found, "truth": self._detect(truth)}}

    def _detect(self, pictures: Pictures) -> dict[str, float]:
        numbers: dict[int, list[bool]] = {}
        places, sizes, names, names5 = list[bool](), list[bool](), list[bool](), list[bool]()
        for scene, picture in zip(itertools.cycle(self.scenes), pictures, strict=False):
            seen = objects_in(picture, self._context.ranker)
            wanted = expected_things(scene)
            numbers.setdefault(len(wanted), []).append(len(seen) == len(wanted))
            if scene.layout in {"left", "right"}:
                places.append([one.place for one in seen] == [scene.layout])
            if scene.layout in {"small", "large"}:
                sizes.append([named_size(one) for one in seen] == [scene.layout])
            for shares, most in ((names, 1), (names5, 5)):
                shares.append(_same([one.ranked[:most].tolist() for one in seen], wanted))
        return {
            "count": float(np.mean([share(right) for right in numbers.values()]).round(4)),
            "position": share(places),
            "size": share(sizes),
            "named_top1": share(names),
            "named_top5": share(names5),
        }


def expected_things(scene: Scene) -> tuple[int, ...]:
    """Return what a scene shows, from left to right."""
    return scene.things * 2 if scene.layout == "two" else scene.things


def topk_accuracy(ranker: PictogramRanker, wanted: Iterable[int], pictures: Pictures) -> dict[str, float]:
    """Return the top-1 and top-5 accuracy of pictures that should show ``wanted``."""
    ranks = [ranker.rank(picture)[:5].tolist() for picture in pictures]
    wanted = list(wanted)
    return {
        "top1": share(rank[0] == one for rank, one in zip(ranks, wanted, strict=True)),
        "top5": share(one in rank for rank, one in zip(ranks, wanted, strict=True)),
    }


def share(right: Iterable[bool]) -> float:
    """Return the share of true values; 0 if there are no values."""
    listed = list(right)
    return round(sum(listed) / len(listed), 4) if listed else 0.0


def evenly_spaced(items: Sequence[Item], count: int | None) -> list[Item]:
    """Return ``count`` evenly spaced items; all of them if there are fewer, or if ``count`` is None."""
    count = len(items) if count is None else min(count, len(items))
    return [items[(k * len(items)) // count] for k in range(count)]


def _same(seen: Sequence[Sequence[int]], wanted: Sequence[int]) -> bool:
    """Whether each wanted object is among the ranks of one detected object, in either order."""
    if len(seen) != len(wanted):
        return False
    orders = (wanted, wanted[::-1])
    return any(all(one in ranks for one, ranks in zip(order, seen, strict=True)) for order in orders)
