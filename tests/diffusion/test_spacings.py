from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio.diffusion.spacings import SPACINGS, all_times, leading, linspace, trailing, visit_times
from studio.errors import RequestError, UnknownNameError


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(SPACINGS)), st.integers(1, 1000), st.data())
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


@pytest.mark.parametrize("spacing", SPACINGS)
def test_as_many_steps_as_times_visit_all_of_them(spacing: str) -> None:
    assert SPACINGS[spacing](250, 250) == all_times(250) == tuple(range(249, -1, -1))


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
