"""Noise levels at real times: their formulas, their inverse, and what is refused."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr

from studio.diffusion.levels import EDM, FlowMatching, Schedule, VariancePreserving, zero_terminal_snr
from studio.diffusion.schedules import cosine, linear, scaled_linear
from tests.diffusion.analytic import KINDS

TERMINAL = zero_terminal_snr(scaled_linear())
ALL = pytest.mark.parametrize("schedule", [*KINDS, TERMINAL], ids=lambda schedule: schedule.name)
BETWEEN = (0, 0.25, 1, 17.5, 400.75, 998, 998.5, 999)


@ALL
def test_clean_data_is_only_before_the_first_time(schedule: Schedule) -> None:
    assert (schedule.alpha(-1), schedule.sigma(-1), schedule.noise_level(-1)) == (1.0, 0.0, 0.0)
    assert schedule.snr(-1) == schedule.log_snr(-1) == math.inf
    for t in (-0.5, -0.001, -2, schedule.T - 0.5, schedule.T, math.nan):
        for of in (schedule.alpha, schedule.sigma):
            with pytest.raises(IndexError, match="t must be -1 to 999"):
                of(t)


@ALL
def test_signal_falls_from_time_to_time(schedule: Schedule) -> None:
    times = [-1, *(t / 4 for t in range(0, 4 * schedule.noisiest, 3)), schedule.noisiest]
    snrs = [schedule.snr(t) for t in times]
    assert all(later < earlier for earlier, later in itertools.pairwise(snrs))
    levels = [schedule.noise_level(t) for t in times]
    assert all(later > earlier for earlier, later in itertools.pairwise(levels))
    assert 0 < levels[1] < levels[-1] <= 1


@ALL
def test_a_level_leads_back_to_its_time(schedule: Schedule) -> None:
    for t in BETWEEN:
        assert schedule.time_of(schedule.log_snr(t)) == pytest.approx(t, abs=1e-6)
    cleaner, noisier = schedule.log_snr(0) + 0.1, schedule.log_snr(schedule.noisiest) - 0.1
    for log_snr in (cleaner, math.inf, math.nan, *([noisier] if math.isfinite(noisier) else [])):
        with pytest.raises(ValueError, match="the model knows no other levels"):
            schedule.time_of(log_snr)


@pytest.mark.parametrize("schedule", [linear(), cosine(), TERMINAL], ids=["linear", "cosine", "terminal"])
def test_a_whole_time_of_a_table_is_found_exactly(schedule: VariancePreserving) -> None:
    assert [schedule.time_of(schedule.log_snr(t)) for t in range(1000)] == list(range(1000))


def test_between_whole_times_log_snr_is_linear() -> None:
    for schedule, t in itertools.product((linear(), cosine()), (0, 300, 998)):
        a, b = schedule.log_snr(t), schedule.log_snr(t + 1)
        assert schedule.log_snr(t + 0.3) == pytest.approx(0.7 * a + 0.3 * b, rel=1e-12)
        alpha_bar = 0.7 * schedule.alpha_bar_at(t) + 0.3 * schedule.alpha_bar_at(t + 1)
        assert schedule.alpha_bar_at(t + 0.3) != pytest.approx(alpha_bar, rel=1e-9)  # the other interpolation
        assert schedule.alpha(t + 0.3) ** 2 + schedule.sigma(t + 0.3) ** 2 == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("shift", [1.0, 3.0, 0.5])
def test_flow_matching_is_a_straight_line_with_its_shift(shift: float) -> None:
    schedule = FlowMatching(shift=shift)
    for t in BETWEEN:
        u = (t + 1) / 1000
        shifted = shift * u / (1 + (shift - 1) * u)
        assert schedule.sigma(t) == pytest.approx(shifted, rel=1e-12)
        assert schedule.alpha(t) == pytest.approx(1 - shifted, abs=1e-12)
        assert schedule.model_time(t) == pytest.approx(1000 * shifted)
    assert (schedule.alpha(999), schedule.sigma(999), schedule.model_time(999)) == (0.0, 1.0, 1000.0)
    assert FlowMatching(shift=3.0).sigma(500) > FlowMatching().sigma(500) > FlowMatching(shift=0.5).sigma(500)


def test_edm_is_preconditioned_as_in_table_1() -> None:
    schedule = EDM(sigma_min=0.002, sigma_max=80.0, sigma_data=0.5)
    assert schedule.sigma(0) == pytest.approx(0.002)
    assert schedule.sigma(999) == pytest.approx(80.0)
    for t in BETWEEN:
        sigma = schedule.sigma(t)
        assert math.log(sigma) == pytest.approx(math.log(0.002) + t / 999 * math.log(80 / 0.002))
        assert schedule.input_scale(t) == pytest.approx(1 / math.sqrt(sigma**2 + 0.25))
        assert schedule.c_skip(t) == pytest.approx(0.25 / (sigma**2 + 0.25))
        assert schedule.c_out(t) == pytest.approx(0.5 * sigma / math.sqrt(sigma**2 + 0.25))
        assert schedule.model_time(t) == pytest.approx(0.25 * math.log(sigma))
        assert schedule.noise_level(t) == pytest.approx(sigma / (0.5 + sigma))


@pytest.mark.parametrize("table", [linear(), cosine()], ids=lambda schedule: schedule.name)
def test_the_variance_of_a_step_is_that_of_the_general_form(table: VariancePreserving) -> None:
    for t, s in ((999, 998), (999, 0), (500, 499), (700.5, 130.25), (10, -1)):
        assert table.var(t, s) == pytest.approx(Schedule.var(table, t, s), rel=1e-6)


@ALL
def test_variances_of_steps_add_up_to_the_variance_of_their_jump(schedule: Schedule) -> None:
    t, m, s = 900, 400.5, 20
    kept = schedule.alpha(t) / schedule.alpha(m)
    assert schedule.var(t, s) == pytest.approx(schedule.var(t, m) + kept**2 * schedule.var(m, s), rel=1e-9)
    assert schedule.var(t, -1) == pytest.approx(schedule.sigma(t) ** 2, rel=1e-9)


@pytest.mark.parametrize("whole", [linear(), cosine(), scaled_linear()], ids=lambda schedule: schedule.name)
def test_zero_terminal_snr_is_that_of_diffusers(whole: VariancePreserving) -> None:
    def betas(table: tuple[float, ...]) -> torch.Tensor:
        bars = torch.tensor([1.0, *table], dtype=torch.float64)
        return 1.0 - bars[1:] / bars[:-1]

    terminal = zero_terminal_snr(whole)
    expected = torch.cumprod(1.0 - rescale_zero_terminal_snr(betas(whole.alpha_bar)), 0)
    torch.testing.assert_close(
        torch.tensor(terminal.alpha_bar, dtype=torch.float64), expected, atol=1e-12, rtol=1e-9
    )
    assert (terminal.alpha(999), terminal.sigma(999), terminal.log_snr(999)) == (0.0, 1.0, -math.inf)
    assert terminal.alpha_bar[0] == pytest.approx(whole.alpha_bar[0], rel=1e-12)
    unscaled = [(math.sqrt(one) - math.sqrt(whole.alpha_bar[-1])) ** 2 for one in whole.alpha_bar]
    assert not torch.allclose(torch.tensor(unscaled, dtype=torch.float64), expected, atol=1e-12, rtol=1e-9)


def test_where_a_table_ends_without_signal_alpha_goes_there_in_a_line() -> None:
    before = TERMINAL.alpha(998)
    assert TERMINAL.alpha(998.75) == pytest.approx(0.25 * before)
    assert TERMINAL.time_of(TERMINAL.log_snr(998.75)) == pytest.approx(998.75)
    assert TERMINAL.time_of(-math.inf) == 999


def test_the_levels_of_a_batch_are_those_of_each_time() -> None:
    for schedule in (*KINDS, TERMINAL):
        for t in (torch.tensor([-1, 0, 500, 999]), torch.tensor([-1, 0, 500.25, 999], dtype=torch.float64)):
            alphas, sigmas = schedule.alphas(t), schedule.sigmas(t)
            assert alphas.shape == sigmas.shape == (4, 1, 1, 1)
            assert alphas.dtype == sigmas.dtype == torch.float32
            assert alphas.flatten().tolist() == pytest.approx([schedule.alpha(u) for u in t.tolist()])
            assert sigmas.flatten().tolist() == pytest.approx([schedule.sigma(u) for u in t.tolist()])


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [
        (FlowMatching, {"shift": 0.0}),
        (FlowMatching, {"T": 0}),
        (EDM, {"sigma_min": 0.0}),
        (EDM, {"sigma_min": 90.0}),
        (EDM, {"sigma_data": 0.0}),
    ],
)
def test_numbers_that_make_no_schedule_are_refused(kind: type[Schedule], numbers: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"must be|needs at least"):
        kind(**numbers)
