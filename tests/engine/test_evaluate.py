"""The measurement gives full marks to the truth, and none to a model that draws the wrong thing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from studio.engine import evaluate as measured
from studio.engine.evaluate import Plan, Progress, Settings, evaluate
from studio.folders import resources_dir
from studio.training.judge import to_bytes
from studio.training.pictogram_list import Pictograms, load_pictograms
from studio.training.pictograms import compose_batch, draw_pictograms, find_font

if TYPE_CHECKING:
    import pytest

LIST = load_pictograms(resources_dir() / "recipes" / "pictograms.json")
HELD_OUT = frozenset(sorted(LIST.held_out)[:12])
CODES = {code for code, _ in HELD_OUT}
FEW = Pictograms(
    entries=tuple(entry for entry in LIST.entries if entry.code in CODES),
    colors=LIST.colors,
    held_out=HELD_OUT,
)
MODEL: Any = SimpleNamespace(card=SimpleNamespace(sizes=((64, 64),)))
PLAN = Plan(
    settings=Settings(), seeds=(0, 1), samplers={"ddim": Settings(), "pc": Settings(sampler="pc")}, batch=5
)
Painter = Callable[..., NDArray[np.uint8]]


def _painter(*, off_by: int = 0, gray: bool = False) -> Painter:
    """A model that knows the drawings; ``off_by`` paints another one and ``gray`` another background."""
    drawings = draw_pictograms(FEW.entries, find_font(), 64)
    by_name = {entry.names[0]: index for index, entry in enumerate(FEW.entries)}

    def paint(
        model: object, prompts: Sequence[str], seeds: Sequence[int], settings: Settings
    ) -> NDArray[np.uint8]:
        assert len(prompts) == len(seeds) <= PLAN.batch
        painted = []
        for prompt, seed in zip(prompts, seeds, strict=True):
            name, _, ground = prompt.replace(" on an ", " on a ").partition(" on a ")
            color = (ground.split() or ["white"])[0]
            drawing = drawings[(by_name[name] + off_by) % len(drawings)]
            rgb = (128, 120, 128) if gray else FEW.colors[color]
            painted.append(compose_batch(drawing[None], np.asarray([rgb]), np.asarray([[seed % 3, 0]])))
        return to_bytes(np.concatenate(painted))

    return paint


def _figures(monkeypatch: pytest.MonkeyPatch, painter: Painter) -> dict[str, Any]:
    monkeypatch.setattr(measured, "pictures_of", painter)
    *progress, figures = evaluate(MODEL, FEW, PLAN)
    assert all(isinstance(step, Progress) for step in progress)
    assert isinstance(figures, dict)
    return figures


def test_the_truth_gets_full_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = _figures(monkeypatch, _painter())
    assert figures["top1"] == figures["top5"] == figures["background"] == 1
    assert figures["concepts"] == figures["candidates"] == len(FEW.entries)
    assert figures["background_pairs"] == 12
    assert {name: result["top1"] for name, result in figures["samplers"]["by_name"].items()} == {
        "ddim": 1,
        "pc": 1,
    }


def test_only_what_was_learned_is_asked_for_but_all_are_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "pictures_of", _painter())
    names = tuple(entry.names[0] for entry in FEW.entries[:3])
    *_, figures = evaluate(MODEL, FEW, replace(PLAN, names=names))
    assert isinstance(figures, dict)
    assert (figures["concepts"], figures["candidates"], figures["background_pairs"]) == (
        3,
        len(FEW.entries),
        3,
    )


def test_a_model_that_draws_the_neighbour_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _figures(monkeypatch, _painter(off_by=1))["top1"] == 0


def test_a_model_that_forgets_the_background_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = _figures(monkeypatch, _painter(gray=True))
    assert figures["top1"] > 0.8
    assert figures["background"] < 0.2
