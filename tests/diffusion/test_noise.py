from __future__ import annotations

import itertools
import math

import pytest
import torch

from studio.diffusion.levels import EDM, FlowMatching, Schedule
from studio.diffusion.noise import Noise, initial
from studio.diffusion.schedules import cosine
from studio.diffusion.seeds import DISTINCT_SEEDS, MAX_SEED
from studio.errors import RequestError

SHAPE = (3, 64, 64)


def largest_correlation(draws: list[torch.Tensor]) -> float:
    """Return the largest correlation of any two draws, in standard errors."""
    rows = torch.stack([draw.flatten() for draw in draws]).double()
    correlations = torch.corrcoef(rows) - torch.eye(len(rows), dtype=torch.float64)
    return correlations.abs().max().item() * math.sqrt(rows.shape[1])


def test_x_T_is_what_torch_gives_for_the_seed() -> None:
    expected = torch.randn((1, *SHAPE), generator=torch.Generator("cpu").manual_seed(1234))
    assert torch.equal(initial(1234, SHAPE), expected)
    assert not torch.equal(initial(1235, SHAPE), expected)


def test_picture_i_of_a_batch_starts_from_its_own_seed() -> None:
    together = Noise([7, 8, 9], SHAPE).initial()
    assert together.shape == (3, *SHAPE)
    assert together.dtype == torch.float32
    for i in range(3):
        assert torch.equal(together[i : i + 1], initial(7 + i, SHAPE))


def test_a_draw_does_not_depend_on_the_place_in_a_batch_nor_on_earlier_draws() -> None:
    batch, alone = Noise([7, 8, 9], SHAPE), Noise([9], SHAPE)
    batch.at(0)(0)
    batch.at(3)(1)
    assert torch.equal(batch.at(5)(2)[2:], alone.at(5)(2))
    assert torch.equal(alone.at(5)(2), alone.at(5)(2))


def test_draws_are_uncorrelated_with_each_other_and_with_x_T() -> None:
    draws = [initial(seed, SHAPE) for seed in (0, 1)]
    draws += [
        Noise([seed], SHAPE).at(step)(draw) for seed in (0, 1) for step in range(5) for draw in range(4)
    ]
    assert largest_correlation(draws) < 4.5  # the largest of 861 pairs


def test_a_key_that_adds_seed_step_and_draw_is_told_apart() -> None:
    draws = [initial(seed + step + draw, SHAPE) for seed in (0, 1) for step in range(2) for draw in range(2)]
    assert largest_correlation(draws) > 4.5


def test_draws_are_unit_noise() -> None:
    numbers = torch.cat([Noise([5], SHAPE).at(step)(0).flatten() for step in range(10)]).double()
    n = len(numbers)
    assert abs(numbers.mean().item()) < 4 / math.sqrt(n)
    assert abs(numbers.var().item() - 1.0) < 4 * math.sqrt(2 / n)


def test_no_draw_is_used_twice() -> None:
    noise = Noise([0, 1, 2], (1, 2, 2))
    draws = [noise.at(step)(draw) for step, draw in itertools.product(range(60), range(10))]
    first_numbers = torch.cat([draw[:, 0, 0, 0] for draw in draws] + [noise.initial()[:, 0, 0, 0]])
    assert len(first_numbers.unique()) == len(first_numbers)


def test_the_first_and_the_last_seed_can_be_used() -> None:
    assert initial(0, SHAPE).shape == initial(MAX_SEED, SHAPE).shape == (1, *SHAPE)


@pytest.mark.parametrize("seed", [-1, MAX_SEED + 1, 1.0, True, math.nan])
def test_a_seed_out_of_range_is_refused(seed: int) -> None:
    with pytest.raises(RequestError, match="seed must be a whole number from 0 to 18446744073709551615"):
        initial(seed, SHAPE)


@pytest.mark.parametrize("large", [2**32 + 5, 2**40 + 5, 2**63 + 5, MAX_SEED - 2**32 + 6])
def test_a_larger_seed_starts_as_torch_does_from_its_low_32_bits(large: int) -> None:
    assert large % DISTINCT_SEEDS == 5
    expected = torch.randn((1, *SHAPE), generator=torch.Generator("cpu").manual_seed(large))
    assert torch.equal(initial(large, SHAPE), expected)
    assert torch.equal(initial(large, SHAPE), initial(5, SHAPE))


def test_later_draws_depend_on_all_bits_of_a_seed() -> None:
    small, large = (Noise([seed], SHAPE).at(0)(0) for seed in (5, 2**32 + 5))
    assert not torch.equal(small, large)


@pytest.mark.parametrize(
    "schedule", [cosine(), FlowMatching(shift=3.0), EDM()], ids=lambda schedule: schedule.name
)
def test_a_run_starts_with_the_variance_of_its_first_level(schedule: Schedule) -> None:
    noise, t = Noise([1, 2], SHAPE), 800
    alpha, sigma = schedule.alpha(t), schedule.sigma(t)
    variance = {"cosine": 1.0, "flow": sigma**2, "edm": alpha**2 + sigma**2}[schedule.name]
    torch.testing.assert_close(noise.start(schedule, t), math.sqrt(variance) * noise.initial())
    torch.testing.assert_close(noise.start(schedule, t, pure=True), sigma * noise.initial())
    if schedule.name == "cosine":
        assert torch.equal(noise.start(schedule, t), noise.initial())
