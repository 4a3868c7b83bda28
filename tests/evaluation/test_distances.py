"""Distances follow closed forms, and tell work of one's own from copies and averages."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from studio.arrays import to_uint8
from studio.evaluation.distances import detail, diversity, measure_memorization
from studio.evaluation.ranking import SIDE, PictogramRanker, features
from studio.folders import resources_dir
from studio.training.pictograms.drawing import compose_batch, draw_pictograms, find_font
from studio.training.pictograms.pictogram_list import load_pictograms

if TYPE_CHECKING:
    from numpy.typing import NDArray

WHITE = 255


@cache
def drawings() -> NDArray[np.uint8]:
    pictograms = load_pictograms(resources_dir() / "recipes" / "pictograms.json")
    return draw_pictograms(pictograms.entries[::2], find_font())


def pictures(which: slice, shift: int = 0) -> NDArray[np.uint8]:
    chosen = drawings()[which]
    grounds, shifts = np.full((len(chosen), 3), WHITE), np.full((len(chosen), 2), shift)
    return to_uint8(compose_batch(chosen, grounds, shifts))


@cache
def learned() -> NDArray[np.float32]:
    return PictogramRanker(drawings()[::2]).candidates


def seen(made: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.stack([features(picture) for picture in made])


def test_diversity_of_copies_is_nothing() -> None:
    assert diversity(np.full((4, 8, 8, 3), 77, dtype=np.uint8)) == pytest.approx(0, abs=1e-6)
    one_is_another = np.full((4, 8, 8, 3), 77, dtype=np.uint8)
    one_is_another[0] += 1  # the twin: the least difference there is counts
    assert diversity(one_is_another) > 1e-3


def test_diversity_of_plain_pictures_is_their_mean_distance() -> None:
    made = np.stack([np.full((8, 8, 3), value, dtype=np.uint8) for value in (0, 51, 255)])
    assert diversity(made) == pytest.approx((0.2 + 1 + 0.8) / 3)


def test_diversity_of_noise_is_its_deviation_times_the_root_of_two() -> None:
    noise = np.random.default_rng(0).normal(128, 25.5, (12, 64, 64, 3)).round().astype(np.uint8)
    assert diversity(noise) == pytest.approx(0.1 * math.sqrt(2), rel=0.01)


def test_a_lone_difference_counts_by_its_share_of_the_picture() -> None:
    made = np.zeros((2, 10, 10, 3), dtype=np.uint8)
    made[1, 0, 0] = 255
    assert diversity(made) == pytest.approx(
        math.sqrt(1 / 100)
    )  # a mean of absolute differences would say 1/100


def test_new_pictures_are_as_far_as_training_pictures_are_from_each_other() -> None:
    own = measure_memorization(seen(pictures(slice(1, None, 2))), learned())
    assert own.sample == pytest.approx(own.training, rel=0.1)
    assert own.copied < 0.05
    assert own.detail == pytest.approx(1, abs=0.1)


def test_copies_are_detected_even_if_shifted() -> None:
    for shift in (0, 2):
        copies = measure_memorization(seen(pictures(slice(0, 200, 2), shift)), learned())
        assert copies.sample < 0.1 * copies.training
        assert copies.copied > 0.95
        assert copies.detail == pytest.approx(1, abs=0.15)


def test_an_average_of_training_pictures_is_not_new() -> None:
    rng, all_of_them = np.random.default_rng(0), pictures(slice(0, None, 2)).astype(np.float64)
    averages = [all_of_them[rng.integers(len(all_of_them), size=8)].mean(axis=0) for _ in range(60)]
    found = measure_memorization(seen(np.asarray(averages).round().astype(np.uint8)), learned())
    assert found.sample < 0.8 * found.training  # nearer than work of one's own
    assert found.copied < 0.05  # yet no copy
    assert found.detail < 0.55


def test_detail_is_the_contrast_of_neighbours() -> None:
    checked = np.indices((SIDE, SIDE)).sum(axis=0) % 2
    picture = np.repeat(checked[..., None], 3, axis=2).astype(np.float32).reshape(1, -1)
    assert detail(picture) == pytest.approx(1)
    assert detail(np.full_like(picture, 0.5)) == pytest.approx(0, abs=1e-6)
