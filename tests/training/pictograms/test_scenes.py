"""A scene is shown where and as large as it says, and what is held out never comes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from studio.folders import resources_dir
from studio.training.pictograms.drawing import find_font
from studio.training.pictograms.pictogram_list import LAYOUTS, Pictograms, load_pictograms
from studio.training.pictograms.scenes import SHARES, Scene, SceneRenderer, draw_scene, is_held_out

LIST = load_pictograms(resources_dir() / "recipes" / "pictograms.json")
FEW = Pictograms(entries=LIST.entries[::60], colors=LIST.colors, held_out=frozenset())


@pytest.fixture(scope="module")
def stage() -> SceneRenderer:
    return SceneRenderer(FEW, find_font(), 64)


def _painted(stage: SceneRenderer, scene: Scene, shift: int = 0) -> np.ndarray:
    """Return where a scene's picture differs from its background, (64, 64)."""
    picture = stage.compose([scene], shift, np.random.default_rng(0))[0]
    return np.abs(picture - picture[:, :1, :1]).max(axis=0) > 0.05


def _side(seen: np.ndarray) -> int:
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    return int(max(np.ptp(rows), np.ptp(columns))) + 1


def test_a_small_drawing_is_half_and_a_large_one_more_than_a_plain_one(stage: SceneRenderer) -> None:
    for thing in range(len(FEW.entries)):
        small, plain, large = (
            _side(_painted(stage, Scene((thing,), name, "teal"))) for name in ("small", "plain", "large")
        )
        assert abs(plain - 2 * small) <= 4
        assert plain + 6 <= large <= 64


@pytest.mark.parametrize(
    ("layout", "left", "right"), [("left", True, False), ("right", False, True), ("two", True, True)]
)
def test_drawings_stay_on_their_side(stage: SceneRenderer, layout: str, left: bool, right: bool) -> None:
    seen = _painted(stage, Scene((3,), layout, "teal"))
    assert (bool(seen[:, :32].any()), bool(seen[:, 32:].any())) == (left, right)


def test_a_pair_is_its_left_thing_on_the_left_and_its_right_thing_on_the_right(stage: SceneRenderer) -> None:
    rng = np.random.default_rng
    pair, left, right, swapped = (
        stage.compose([Scene(things, layout)], 0, rng(0))[0]
        for things, layout in (((1, 2), "pair"), ((1,), "left"), ((2,), "right"), ((2, 1), "pair"))
    )
    assert np.abs(pair[:, :, :32] - left[:, :, :32]).mean() < 0.05  # they were moved by a pixel at most
    assert np.abs(pair[:, :, 32:] - right[:, :, 32:]).mean() < 0.05
    assert np.abs(swapped - pair).mean() > 0.1


def test_what_is_held_out_never_comes_and_all_else_does() -> None:
    strict = Pictograms(
        entries=LIST.entries[:3],
        colors={"white": (255, 255, 255), "red": (255, 0, 0)},
        held_out=frozenset({(LIST.entries[0].code, "red")}),
        held_out_layouts=frozenset({(LIST.entries[1].code, "left")}),
        held_out_pairs=frozenset({(LIST.entries[2].code, LIST.entries[0].code)}),
    )
    rng = np.random.default_rng(0)
    drawn = Counter(draw_scene(strict, rng, white=0.5) for _ in range(4000))
    assert not any(is_held_out(scene, strict) for scene in drawn)
    assert not any(0 in scene.things and scene.color == "red" for scene in drawn)
    assert Scene((1,), "left", "white") not in drawn
    assert not {Scene((0, 2), "pair", "white"), Scene((2, 0), "pair", "white")} & set(drawn)
    everything = {
        Scene(things, layout, color)
        for layout in LAYOUTS
        for things in (
            [(a, b) for a in range(3) for b in range(3) if a != b]
            if layout == "pair"
            else [(a,) for a in range(3)]
        )
        for color in ("white", "red")
    }
    assert set(drawn) == {scene for scene in everything if not is_held_out(scene, strict)}


def test_layouts_come_as_often_as_they_should() -> None:
    rng = np.random.default_rng(1)
    counts = Counter(draw_scene(FEW, rng, white=0.4).layout for _ in range(5000))
    for layout, share in SHARES.items():
        assert abs(counts[layout] / 5000 - share) < 0.03
    assert {draw_scene(FEW, rng, white=0.4, layouts=False).layout for _ in range(200)} == {"plain"}


def test_the_shipped_list_holds_out_layouts_and_pairs_of_listed_things() -> None:
    assert Counter(layout for _, layout in LIST.held_out_layouts) == dict.fromkeys(LAYOUTS[1:-1], 24)
    assert len(LIST.held_out_pairs) == 60
    assert all(entry.ko for entry in LIST.entries)
