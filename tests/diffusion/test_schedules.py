from __future__ import annotations

import itertools
import math

import pytest
import torch

from studio.diffusion.schedules import MAX_BETA, SCHEDULES, VariancePreserving, cosine, linear, scaled_linear


def ramp(start: float, end: float, i: int) -> float:
    return start + (end - start) * i / 999


def cosine_beta(i: int) -> float:
    def f(t: int) -> float:
        return math.cos((t / 1000 + 0.008) / 1.008 * math.pi / 2) ** 2

    return min(1.0 - f(i + 1) / f(i), MAX_BETA)


BETAS = {
    "linear": lambda i: ramp(1e-4, 0.02, i),
    "cosine": cosine_beta,
    "scaled_linear": lambda i: ramp(math.sqrt(0.00085), math.sqrt(0.012), i) ** 2,
}


def exact_alpha_bar(name: str) -> torch.Tensor:
    """Return alpha_bar from its definition, summed in logarithms without loss."""
    logs = [math.log1p(-BETAS[name](i)) for i in range(1000)]
    return torch.tensor([math.exp(math.fsum(logs[: t + 1])) for t in range(1000)], dtype=torch.float64)


def table(name: str) -> torch.Tensor:
    return torch.tensor(SCHEDULES[name]().alpha_bar, dtype=torch.float64)


def disagreement(alpha_bar: torch.Tensor, name: str) -> float:
    return (alpha_bar.double() / exact_alpha_bar(name) - 1.0).abs().max().item()


@pytest.mark.parametrize("name", SCHEDULES)
def test_alpha_bar_is_exact_to_float64(name: str) -> None:
    assert disagreement(table(name), name) < 1e-11


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_float32_table_and_a_table_one_time_off_are_told_apart(name: str) -> None:
    betas = torch.tensor([BETAS[name](i) for i in range(1000)])
    assert disagreement(torch.cumprod(1.0 - betas, 0), name) > 1e-11
    assert disagreement(table(name).roll(1), name) > 1e-11


@pytest.mark.parametrize("name", SCHEDULES)
def test_signal_only_falls_and_clean_data_is_before_the_first_time(name: str) -> None:
    schedule = SCHEDULES[name]()
    assert schedule.name == name
    assert schedule.T == 1000
    assert (schedule.alpha(-1), schedule.sigma(-1), schedule.snr(-1)) == (1.0, 0.0, math.inf)
    snr = [schedule.snr(t) for t in range(-1, schedule.T)]
    assert all(later < earlier for earlier, later in itertools.pairwise(snr))
    assert all(math.isclose(schedule.alpha(t) ** 2 + schedule.sigma(t) ** 2, 1.0) for t in range(-1, 1000))


@pytest.mark.parametrize("name", SCHEDULES)
def test_beta_of_a_jump_is_that_of_its_single_steps_together(name: str) -> None:
    schedule = SCHEDULES[name]()
    assert schedule.var(499, 498) == pytest.approx(BETAS[name](499), rel=1e-9)
    kept = math.prod(1.0 - schedule.var(t, t - 1) for t in range(300, 500))
    assert schedule.var(499, 299) == pytest.approx(1.0 - kept, rel=1e-12)


def test_cosine_leaves_a_trace_of_signal_at_the_noisiest_time() -> None:
    schedule = cosine()
    assert 2e-9 < schedule.alpha_bar_at(999) < 3e-9
    assert schedule.var(999, 998) == pytest.approx(MAX_BETA)
    assert schedule.var(998, 997) < MAX_BETA


def test_the_tables_for_batches_hold_the_same_numbers() -> None:
    schedule = linear()
    t = torch.tensor([-1, 0, 500, 999])
    assert schedule.alphas(t).shape == schedule.sigmas(t).shape == (4, 1, 1, 1)
    assert schedule.alphas(t).dtype == torch.float32
    assert schedule.alphas(t).flatten().tolist() == pytest.approx([schedule.alpha(i) for i in t.tolist()])
    assert schedule.sigmas(t).flatten().tolist() == pytest.approx([schedule.sigma(i) for i in t.tolist()])


@pytest.mark.parametrize("t", [-2, 1000])
def test_a_time_outside_the_schedule_is_refused(t: int) -> None:
    with pytest.raises(IndexError, match="t must be -1 to 999"):
        linear().alpha(t)


def test_constructors_are_pure_and_take_their_numbers() -> None:
    assert scaled_linear().alpha_bar == scaled_linear().alpha_bar
    assert linear(T=10, beta_start=0.1, beta_end=0.1).alpha_bar_at(9) == pytest.approx(0.9**10)
    assert cosine(T=50).T == 50


@pytest.mark.parametrize(
    "table",
    [
        (0.8, 0.9),
        (0.9, 0.0, 0.0),
        (0.9, -0.1),
        (1.0, 0.5),
        (0.9, math.nan),
        (),
    ],
)
def test_a_table_that_is_no_schedule_is_refused(table: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="alpha_bar must"):
        VariancePreserving("wrong", table)


def test_a_device_gets_one_copy_of_the_tables() -> None:
    schedule = cosine(10)
    meta = torch.zeros(2, dtype=torch.int64, device="meta")
    assert schedule.alphas(meta).is_meta
    asked = []

    class Watched(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):  # noqa: ANN001, ANN204
            asked.append(func)
            return func(*args, **(kwargs or {}))

    with Watched():
        schedule.alphas(meta)
        schedule.sigmas(meta)
    assert torch.Tensor.index_select in asked
    assert torch.Tensor.to not in asked  # uploaded once
    assert not schedule.alphas(torch.tensor([3])).is_meta


def test_linear_scaled_to_its_number_of_times_ends_where_a_thousand_do() -> None:
    thousand = linear()
    assert linear(scaled=True).alpha_bar == thousand.alpha_bar
    for T in (50, 250, 4000):
        scaled = linear(T, scaled=True)
        assert math.log(scaled.alpha_bar_at(T - 1)) == pytest.approx(
            math.log(thousand.alpha_bar_at(999)), rel=0.2
        )
        assert scaled.var(0, -1) == pytest.approx(1e-4 * 1000 / T)
    unscaled = linear(250)  # what a card without the mark was trained with
    assert unscaled.var(0, -1) == pytest.approx(1e-4)
    assert math.log(unscaled.alpha_bar_at(249)) > 0.5 * math.log(thousand.alpha_bar_at(999))
