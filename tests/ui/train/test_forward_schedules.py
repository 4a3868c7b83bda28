"""The schedules that the window draws are those that models learn with."""

from __future__ import annotations

import math

import pytest

from studio.diffusion.schedules import SCHEDULES
from studio.ui.train.noise import FORWARD_SCHEDULES, T, alpha_bars, level


@pytest.mark.parametrize("name", FORWARD_SCHEDULES)
def test_alpha_bar_is_that_of_the_schedule_at_every_time(name: str) -> None:
    schedule = SCHEDULES[name]()
    assert schedule.T == T
    for t, value in enumerate(alpha_bars(name)):
        assert value == pytest.approx(schedule.alpha_bar_at(t), rel=1e-9)


@pytest.mark.parametrize("name", FORWARD_SCHEDULES)
@pytest.mark.parametrize("t", [0, 1, 499, 998, 999])
def test_what_a_state_holds_follows_from_alpha_bar(name: str, t: int) -> None:
    schedule, found = SCHEDULES[name](), level(name, t)
    assert found.alpha == pytest.approx(schedule.alpha(t))
    assert found.sigma == pytest.approx(schedule.sigma(t))
    assert found.log_snr == pytest.approx(math.log(schedule.snr(t)))
