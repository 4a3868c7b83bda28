"""The measurements give full marks to the truth, and none to a model that draws the wrong thing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Sequence
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

from studio.arrays import to_uint8
from studio.evaluation import evaluate as measured
from studio.evaluation.evaluate import FIGURE_OF, MEASUREMENTS, Measured, Progress, evaluate, merged
from studio.evaluation.plan import Plan, Settings
from studio.folders import resources_dir
from studio.training.pictograms.captions import prompt
from studio.training.pictograms.drawing import find_font
from studio.training.pictograms.pictogram_list import Pictograms, load_pictograms
from studio.training.pictograms.scenes import Scene, SceneRenderer
from tests.engine.tiny import save_tiny

if TYPE_CHECKING:
    from pathlib import Path

    from studio.checkpoints.card import ModelCard

LIST = load_pictograms(resources_dir() / "recipes" / "pictograms.json")
CODES = sorted({code for code, _ in LIST.held_out_layouts})[:10]
PAIRS = frozenset({(CODES[0], CODES[1]), (CODES[2], CODES[3]), (CODES[4], CODES[5])})
FEW = Pictograms(
    entries=tuple(entry for entry in LIST.entries if entry.code in CODES),
    colors=LIST.colors,
    held_out=frozenset((code, color) for code in CODES[:4] for color in ("red", "blue", "yellow")),
    held_out_layouts=frozenset(
        (code, layout) for code in CODES[:4] for layout in ("small", "large", "left", "right", "two")
    ),
    held_out_pairs=PAIRS,
)
MODEL: Any = SimpleNamespace(card=SimpleNamespace(sizes=((64, 64),)), schedule=SimpleNamespace(T=1000))
PLAN = Plan(
    settings=Settings(),
    seeds=(0, 1),
    scales=(1, 3),
    scale_concepts=3,
    scale_seeds=2,
    steps=(5, 2000),
    step_concepts=4,
    batch=5,
)
Painter = Callable[..., Generator[float, None, NDArray[np.uint8]]]


@cache
def renderer() -> SceneRenderer:
    return SceneRenderer(FEW, find_font(), 64)


def scenes() -> list[Scene]:
    places = {entry.code: place for place, entry in enumerate(FEW.entries)}
    plain = [Scene((place,), color=color) for place in places.values() for color in FEW.colors]
    laid = [Scene((places[code],), layout) for code, layout in FEW.held_out_layouts]
    return [*plain, *laid, *(Scene(tuple(places[code] for code in codes), "pair") for codes in PAIRS)]


def painter(change: Callable[[Scene], Scene] = lambda scene: scene) -> Painter:
    """A model that knows what every prompt means; ``change`` makes it draw something else."""
    wanted = {prompt(scene, FEW, language): scene for language in ("en", "ko") for scene in scenes()}

    def paint(
        model: object, prompts: Sequence[str], seeds: Sequence[int], settings: Settings
    ) -> Generator[float, None, NDArray[np.uint8]]:
        assert len(prompts) == len(seeds) <= PLAN.batch
        yield 0.5
        painted = []
        for text, seed in zip(prompts, seeds, strict=True):
            rng = np.random.default_rng(seed)
            painted.append(renderer().compose([change(wanted[text])], 2, rng))
        return to_uint8(np.concatenate(painted))

    return paint


def neighbour(scene: Scene) -> Scene:
    things = tuple((thing + 1) % len(FEW.entries) for thing in scene.things)
    return dataclasses.replace(scene, things=things)


def figures(monkeypatch: pytest.MonkeyPatch, paint: Painter, *only: str, plan: Plan = PLAN) -> dict[str, Any]:
    monkeypatch.setattr(measured, "sample_batch", paint)
    found: dict[str, Any] = {}
    for step in evaluate(MODEL, FEW, plan, only or tuple(MEASUREMENTS)):
        found |= step.figures if isinstance(step, Measured) else {}
    return found


def test_the_truth_gets_full_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    found = figures(monkeypatch, painter())
    assert found["top1"] == found["top5"] == found["background"] == 1
    assert {name: shares["top1"] for name, shares in found["languages"].items()} == {"en": 1, "ko": 1}
    assert found["concepts"] == found["candidates"] == len(FEW.entries)
    assert found["background_pairs"] == 12
    laid = found["compositions"]
    assert (laid["scenes"], laid["seeds"]) == (23, 2)
    assert laid["count"] == laid["position"] == laid["size"] == laid["named_top5"] == 1
    assert laid["truth"] == {key: laid[key] for key in laid["truth"]}
    assert [point["guidance"] for point in found["guidance"]["curve"]] == [1, 3]
    for point in found["guidance"]["curve"]:
        assert point["top1"] == 1
        assert 0 < point["diversity"] < 0.4  # seeds move the drawing
        assert point["detail"] == pytest.approx(1, abs=0.05)
    assert {name: [p["steps"] for p in curve] for name, curve in found["steps"]["curves"].items()} == {
        "ddpm": [5],
        "ddim": [5],
        "langevin": [5],
        "pc": [5],
    }
    assert found["memory"]["copied"] == 1  # whoever draws the training pictures copies them


def test_every_measurement_leaves_the_figure_that_shows_it_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in MEASUREMENTS:
        assert FIGURE_OF[name] in figures(monkeypatch, painter(), name)


def test_a_model_that_draws_the_neighbour_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = figures(monkeypatch, painter(neighbour))
    assert found["top1"] == 0
    assert found["languages"]["ko"]["top1"] == 0
    assert found["guidance"]["curve"][0]["top1"] == 0
    assert found["steps"]["curves"]["ddim"][0]["top1"] == 0
    assert found["compositions"]["named_top1"] < 0.1
    assert (
        found["compositions"]["count"] == 1
    )  # right all the same: the neighbour stands where it was asked for


@pytest.mark.parametrize(
    ("change", "worst"),
    [
        (lambda scene: dataclasses.replace(scene, layout="plain", things=scene.things[:1]), "position"),
        (lambda scene: dataclasses.replace(scene, layout="plain", things=scene.things[:1]), "size"),
        (lambda scene: _swapped(scene), "position"),
        (lambda scene: _swapped(scene), "size"),
    ],
    ids=["the place is ignored", "the size is ignored", "left and right swapped", "small and large swapped"],
)
def test_a_model_that_ignores_or_swaps_places_or_sizes_gets_nothing(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[Scene], Scene], worst: str
) -> None:
    assert figures(monkeypatch, painter(change), "compositions")["compositions"][worst] == 0


@pytest.mark.parametrize("number", [1, 2])
def test_always_drawing_the_same_number_scores_a_half(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def change(scene: Scene) -> Scene:
        layout = (
            scene.layout
            if number == 1 and scene.layout not in {"two", "pair"}
            else ("left", "two")[number - 1]
        )
        return dataclasses.replace(scene, layout=layout, things=scene.things[:1])

    assert figures(monkeypatch, painter(change), "compositions")["compositions"]["count"] == pytest.approx(
        0.5
    )


def test_a_model_that_forgets_the_background_is_detected(monkeypatch: pytest.MonkeyPatch) -> None:
    found = figures(
        monkeypatch, painter(lambda scene: dataclasses.replace(scene, color="gray")), "naming", "background"
    )
    assert found["top1"] > 0.8
    assert found["background"] == 0


def test_a_model_that_ignores_its_noise_has_no_diversity(monkeypatch: pytest.MonkeyPatch) -> None:
    paint = painter()

    def same(model: object, prompts: Sequence[str], seeds: Sequence[int], settings: Settings) -> object:
        return paint(model, prompts, [0] * len(seeds), settings)

    curve = figures(monkeypatch, same, "guidance")["guidance"]["curve"]  # type: ignore[arg-type]
    assert [point["diversity"] for point in curve] == pytest.approx([0] * len(curve), abs=1e-6)


def test_only_trained_concepts_are_prompted_but_all_are_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    names = tuple(entry.names[0] for entry in FEW.entries[:3])
    found = figures(
        monkeypatch, painter(), "naming", "background", plan=dataclasses.replace(PLAN, names=names)
    )
    assert (found["concepts"], found["candidates"], found["background_pairs"]) == (3, len(FEW.entries), 9)


def test_a_picture_that_two_measurements_need_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[str, int, str]] = []
    paint = painter()

    def counting(
        model: object, prompts: Sequence[str], seeds: Sequence[int], settings: Settings
    ) -> Generator[float, None, NDArray[np.uint8]]:
        made.extend((text, seed, settings.key()) for text, seed in zip(prompts, seeds, strict=True))
        return paint(model, prompts, seeds, settings)

    figures(monkeypatch, counting, "naming", "memory")
    assert len(made) == len(set(made)) == 2 * 2 * len(FEW.entries)


def test_progress_grows_to_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "sample_batch", painter())
    told = [step for step in evaluate(MODEL, FEW, PLAN) if isinstance(step, Progress)]
    done = [step.done for step in told]
    assert done == sorted(done)
    assert done[-1] == pytest.approx(1)
    assert {step.measurement for step in told if step.made == step.wanted} == set(MEASUREMENTS)


def test_model_calls_are_those_of_sampler_and_guidance() -> None:
    assert Settings(steps=30).calls == 60
    assert Settings(steps=30, guidance=1).calls == 30
    assert Settings(sampler="langevin", steps=10, guidance=1).calls == 46
    assert Settings(sampler="pc", steps=10, options={"corrector_steps": 2}, guidance=1).calls == 28


@pytest.fixture
def card(tmp_path: Path) -> ModelCard:
    return save_tiny(tmp_path / "tiny")


def test_new_figures_join_older_ones_of_the_same_weights(card: ModelCard) -> None:
    once = dataclasses.replace(card, evaluation=merged(card, {"top1": 0.5, "background": 0.9}))
    assert merged(once, {"top1": 0.6}) == {
        "top1": 0.6,
        "background": 0.9,
        "weights_sha256": card.weights_sha256,
    }


def test_figures_of_other_weights_are_dropped(card: ModelCard) -> None:
    once = dataclasses.replace(card, evaluation=merged(card, {"background": 0.9}))
    other = dataclasses.replace(once, weights_sha256="0" * 64)
    assert merged(other, {"top1": 0.6}) == {"top1": 0.6, "weights_sha256": "0" * 64}


def _swapped(scene: Scene) -> Scene:
    other = {"left": "right", "right": "left", "small": "large", "large": "small"}
    return dataclasses.replace(scene, layout=other.get(scene.layout, scene.layout))
