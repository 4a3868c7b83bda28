"""The times of each spacing, against the rules of the programs that they come from."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.diffusion.levels import EDM, FlowMatching, Schedule, VariancePreserving, zero_terminal_snr
from studio.diffusion.schedules import cosine, linear, scaled_linear
from studio.diffusion.spacings import (
    LEVEL_SPACINGS,
    SPACINGS,
    TIME_SPACINGS,
    all_times,
    check_start,
    leading,
    linspace,
    nearest_time,
    simple,
    trailing,
    visit,
    visit_times,
)
from studio.errors import RequestError, UnknownNameError

SD = scaled_linear()
FLOW = FlowMatching(shift=3.0)
TERMINAL = zero_terminal_snr(SD)
EVERY = (SD, linear(), cosine(), TERMINAL, FLOW, EDM())
NUMBERS = (1, 2, 3, 4, 7, 20, 30, 1000)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(TIME_SPACINGS)), st.integers(1, 1000), st.data())
def test_every_spacing_visits_n_different_times_falling_to_clean_data(
    spacing: str, T: int, data: st.DataObject
) -> None:
    n = data.draw(st.integers(1, T))
    times = visit_times(T, n, spacing)
    assert len(times) == n + 1
    assert times[0] < T
    assert times[-1] == -1
    assert all(s < t for t, s in itertools.pairwise(times))


def test_spacings_are_those_of_the_literature() -> None:
    # Lin et al. 2023, table 2, whose times count from 1.
    assert [t + 1 for t in trailing(1000, 10)] == [1000, 900, 800, 700, 600, 500, 400, 300, 200, 100]
    assert [t + 1 for t in leading(1000, 10)] == [901, 801, 701, 601, 501, 401, 301, 201, 101, 1]
    assert [t + 1 for t in linspace(1000, 10)] == [1000, 889, 778, 667, 556, 445, 334, 223, 112, 1]


@pytest.mark.parametrize("spacing", TIME_SPACINGS)
def test_as_many_steps_as_times_visit_all_of_them(spacing: str) -> None:
    assert TIME_SPACINGS[spacing](250, 250) == all_times(250) == tuple(range(249, -1, -1))


def test_a_single_step_starts_from_noise_but_for_leading() -> None:
    assert trailing(1000, 1) == linspace(1000, 1) == (999,)
    assert leading(1000, 1) == (0,)


@pytest.mark.parametrize("n", [0, -1, 1001, 10**9, True, 30.0, float("nan"), "30"])
def test_a_number_of_steps_that_cannot_be_names_its_field(n: int) -> None:
    with pytest.raises(RequestError, match="steps must be a whole number from 1 to 1000") as caught:
        visit_times(1000, n, "trailing")
    assert caught.value.field == "steps"


def test_an_unknown_spacing_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'trailing'"):
        visit_times(1000, 30, "trail")


@pytest.mark.parametrize("spacing", SPACINGS)
@pytest.mark.parametrize("schedule", EVERY, ids=["sd", "linear", "cosine", "terminal", "flow", "edm"])
def test_on_every_kind_of_schedule_a_run_falls_from_its_noisiest_level(
    schedule: Schedule, spacing: str
) -> None:
    for n in NUMBERS:
        visits = visit(schedule, n, spacing)
        assert len(visits.times) == n + 1
        assert len(visits.model_times) == n
        assert visits.times[-1] == -1
        assert visits.times[-2] >= 0
        assert all(s < t for t, s in itertools.pairwise(visits.times))
        assert visits.model_times == tuple(schedule.model_time(t) for t in visits.times[:-1])
        if spacing != "leading":
            assert visits.times[0] == schedule.noisiest
        if spacing in TIME_SPACINGS:
            assert visits.times == visit_times(schedule.T, n, spacing)


# ------------------------------------------------------------------------------- the rules of the other programs
# Written out from ComfyUI's comfy/samplers.py and comfy/model_sampling.py and k-diffusion's sampling.py: a table of
# sigmas with linear interpolation of their logarithms, or sigma = a t / (1 + (a - 1) t) for flow.


class Reference:
    """ComfyUI's model_sampling of a schedule."""

    def __init__(self, schedule: Schedule) -> None:
        self.flow = isinstance(schedule, FlowMatching)
        if isinstance(schedule, VariancePreserving):
            self.sigmas = [math.sqrt((1 - bar) / bar) for bar in schedule.alpha_bar]
        else:
            self.sigmas = [self.sigma(1.0 * place) for place in range(1, 1001)]

    def sigma(self, timestep: float) -> float:
        if self.flow:
            t = timestep / 1000
            return 3.0 * t / (1 + (3.0 - 1) * t)
        low = int(timestep)
        high, w = math.ceil(timestep), timestep - low
        return math.exp((1 - w) * math.log(self.sigmas[low]) + w * math.log(self.sigmas[high]))

    def timestep(self, sigma: float) -> float:
        if self.flow:
            return sigma * 1000
        distances = [abs(math.log(sigma) - math.log(one)) for one in self.sigmas]
        return distances.index(min(distances))

    def karras(self, n: int) -> list[float]:
        low, high = self.sigmas[0] ** (1 / 7), self.sigmas[-1] ** (1 / 7)
        return [(high + place / (n - 1) * (low - high)) ** 7 for place in range(n)]

    def simple(self, n: int) -> list[float]:
        stride = len(self.sigmas) / n
        return [self.sigmas[-(1 + int(place * stride))] for place in range(n)]

    def normal(self, n: int, points: int | None = None) -> list[float]:
        start, end, points = self.timestep(self.sigmas[-1]), self.timestep(self.sigmas[0]), points or n
        return [self.sigma(start + place * (end - start) / (points - 1)) for place in range(n)]

    def sgm_uniform(self, n: int) -> list[float]:
        return self.normal(n, n + 1)

    def turbo(self, n: int) -> list[float]:
        return [self.sigma(999 - place * 1000 / n) for place in range(n)]


def ours(schedule: Schedule, n: int, spacing: str) -> list[float]:
    times = visit(schedule, n, spacing).times[:-1]
    if isinstance(schedule, FlowMatching):
        return [schedule.sigma(t) for t in times]
    return [schedule.sigma(t) / schedule.alpha(t) for t in times]


@pytest.mark.parametrize("spacing", ["karras", "simple", "normal", "sgm_uniform", "turbo"])
@pytest.mark.parametrize("schedule", [SD, FLOW], ids=["sd", "flow"])
def test_the_levels_are_those_of_the_other_programs(schedule: Schedule, spacing: str) -> None:
    if schedule is FLOW and spacing == "turbo":
        pytest.skip("Turbo models are not flow models")
    for n in (2, 3, 8, 30):
        expected = getattr(Reference(schedule), spacing)(n)
        assert ours(schedule, n, spacing) == pytest.approx(expected, rel=1e-9)
        for wrong in {"karras", "normal", "sgm_uniform"} - {spacing} if n > 3 else ():
            assert ours(schedule, n, spacing) != pytest.approx(
                getattr(Reference(schedule), wrong)(n), rel=1e-9
            )


def test_simple_rounds_down_and_turbo_does_not_round() -> None:
    assert simple(1000, 3) == (999, 666, 333)
    assert trailing(1000, 3) == (999, 666, 332)
    assert visit(SD, 3, "turbo").times == pytest.approx((999, 999 - 1000 / 3, 999 - 2000 / 3, -1))
    assert visit(SD, 4, "turbo").times == (999, 749, 499, 249, -1) == visit_times(1000, 4, "trailing")


def test_without_a_last_signal_karras_starts_there_and_goes_on_from_a_large_sigma() -> None:
    times = visit(TERMINAL, 10, "karras").times
    assert times[0] == 999
    start, end = 4518.0 ** (1 / 7), ours(SD, 2, "karras")[-1] ** (1 / 7)
    second = (start + (end - start) / 9) ** 7
    assert TERMINAL.sigma(times[1]) / TERMINAL.alpha(times[1]) == pytest.approx(second, rel=1e-6)


def test_the_model_is_called_with_the_interpolated_or_the_nearest_time() -> None:
    interpolated, nearest = (visit(SD, 8, "karras", rule) for rule in ("interpolated", "nearest"))
    assert interpolated.times == nearest.times
    assert interpolated.model_times == interpolated.times[:-1]
    reference = Reference(SD)
    assert list(nearest.model_times) == [reference.timestep(sigma) for sigma in reference.karras(8)]
    assert interpolated.model_times != nearest.model_times
    assert visit(FLOW, 8, "karras", "nearest").model_times == visit(FLOW, 8, "karras").model_times
    assert nearest_time(TERMINAL, 998.9) == 998  # 999 is infinitely far


# -------------------------------------------------------------------------------------------- where leading starts
@pytest.mark.parametrize("n", [1, 501, 600, 60, 334])
def test_a_run_that_would_start_where_pictures_are_not_noise_is_refused(n: int) -> None:
    with pytest.raises(RequestError, match="choose trailing") as caught:
        check_start(1000, n, "leading")
    assert caught.value.field == "spacing"
    for spacing in set(SPACINGS) - {"leading"}:
        check_start(1000, n, spacing)


@pytest.mark.parametrize("n", [2, 6, 10, 20, 25, 30, 40, 50, 100, 200, 250, 500, 1000])
def test_a_run_that_starts_within_two_strides_of_noise_is_not(n: int) -> None:
    check_start(1000, n, "leading")
    assert 999 - leading(1000, n)[0] <= 2 * (1000 // n)


def test_the_offset_of_stable_diffusion_moves_leading_times_as_in_diffusers() -> None:
    assert leading(1000, 10, 1) == (901, 801, 701, 601, 501, 401, 301, 201, 101, 1)
    offset = VariancePreserving("sd", SD.alpha_bar, steps_offset=1)
    for schedule in (offset, zero_terminal_snr(offset)):
        assert visit(schedule, 10, "leading").times[:-1] == leading(1000, 10, 1)
    assert visit(SD, 10, "leading").times[:-1] == leading(1000, 10)
    assert leading(1000, 1000, 1) == all_times(1000)  # diffusers would visit 1000, which no table has


@pytest.mark.parametrize("spacing", LEVEL_SPACINGS)
def test_a_spacing_of_levels_needs_a_schedule(spacing: str) -> None:
    with pytest.raises(RequestError, match="needs the noise levels"):
        visit_times(1000, 10, spacing)
