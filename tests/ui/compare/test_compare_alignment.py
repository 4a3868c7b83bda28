from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.ui.compare.model import Mark, match, nearest_position, positions


def run(steps: int, calls_per_step: int = 1, power: float = 1.0) -> list[Mark]:
    """A run whose noise level falls from just below 1 to 0."""
    return [
        Mark(step=step, level=(1 - step / steps) ** power, calls=calls_per_step * step)
        for step in range(1, steps + 1)
    ]


def test_by_noise_level_step_5_of_10_stands_beside_step_25_of_50() -> None:
    found = match(run(50), 0.5, "level")
    assert found is not None
    assert (found.mark.step, found.gap) == (25, 0.0)
    found = match(run(10), 0.5, "level")
    assert found is not None
    assert (found.mark.step, found.gap) == (5, 0.0)


def test_where_levels_do_not_meet_the_nearest_is_taken_and_the_gap_told() -> None:
    found = match(run(4), 0.9, "level")  # has 0.75, 0.5, 0.25, 0
    assert found is not None
    assert found.mark.step == 1
    assert found.gap == pytest.approx(-0.15)


def test_of_two_that_are_equally_near_the_noisier_is_taken() -> None:
    found = match(run(4), 0.625, "level")
    assert found is not None
    assert found.mark.step == 1


def test_by_step_a_run_that_is_over_stays_at_its_end() -> None:
    found = match(run(10), 20, "step")
    assert found is not None
    assert (found.mark.step, found.gap) == (10, -10)


def test_by_model_calls_two_calls_a_step_pair_step_k_with_step_2k() -> None:
    heun, euler = run(10, calls_per_step=2), run(20)
    for k in range(1, 11):
        first, second = match(heun, 2 * k, "calls"), match(euler, 2 * k, "calls")
        assert first is not None
        assert second is not None
        assert (first.mark.step, second.mark.step) == (k, 2 * k)
        assert first.gap == second.gap == 0


def test_by_model_calls_a_step_that_is_not_paid_for_is_not_shown() -> None:
    found = match(run(10, calls_per_step=2), 5, "calls")
    assert found is not None
    assert (found.mark.step, found.gap) == (2, -1)


def test_before_its_first_step_a_run_shows_that() -> None:
    found = match(run(3, calls_per_step=4), 1, "calls")
    assert found is not None
    assert (found.mark.step, found.gap) == (1, 3)


def test_a_run_without_steps_matches_nothing() -> None:
    assert match([], 0.5, "level") is None
    assert positions([[], []], "level") == ()
    assert nearest_position((), 0.5) == -1


def test_positions_are_those_of_all_runs_once_each_in_the_order_of_a_run() -> None:
    assert positions([run(2), run(4)], "level") == pytest.approx((0.75, 0.5, 0.25, 0))
    assert positions([run(2), run(4)], "step") == (1, 2, 3, 4)
    assert positions([run(2, calls_per_step=3), run(4)], "calls") == (1, 2, 3, 4, 6)


def test_a_value_finds_its_nearest_position() -> None:
    assert nearest_position((1.0, 0.5, 0.0), 0.6) == 1


@given(st.lists(st.integers(1, 60), min_size=2, max_size=6), st.floats(0, 1))
def test_no_other_step_of_any_run_is_nearer_to_a_level(lengths: list[int], level: float) -> None:
    for steps in lengths:
        marks = run(steps, power=0.7)
        found = match(marks, level, "level")
        assert found is not None
        assert abs(found.gap) == min(abs(mark.level - level) for mark in marks)


@given(st.integers(1, 60), st.sampled_from(["level", "step", "calls"]))
def test_a_run_alone_meets_each_of_its_positions_without_a_gap(steps: int, alignment: str) -> None:
    marks = run(steps, calls_per_step=2)
    for number, position in enumerate(positions([marks], alignment)):  # type: ignore[arg-type]
        found = match(marks, position, alignment)  # type: ignore[arg-type]
        assert found is not None
        assert (found.index, found.gap) == (number, 0)
