"""The upright axis of a chart: what is written beside it, and where values lie."""

from __future__ import annotations

import pytest

from studio.ui.widgets.chart import Axis, log_axis, shown


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.05, 1.2, (0.05, 0.1, 0.2, 0.5, 1.0)),
        (0.001, 10.0, (0.001, 0.01, 0.1, 1.0, 10.0)),
        (0.03, 0.9, (0.05, 0.1, 0.2, 0.5)),
        (0.41, 0.83, (0.5, 0.6, 0.7, 0.8)),
        (1.13, 1.9, (1.2, 1.4, 1.6, 1.8)),
        (2.1, 4.5, (2.5, 3.0, 3.5, 4.0, 4.5)),
    ],
)
def test_a_logarithmic_axis_has_a_few_round_values(low: float, high: float, ticks: tuple[float, ...]) -> None:
    assert log_axis(low, high).ticks == pytest.approx(ticks)


def test_every_range_has_two_values_or_more_beside_it() -> None:
    for low in (1 + place / 10 for place in range(90)):
        for high in (low, 1.5 * low, 1.7 * low, 12 * low):
            assert 2 <= len(log_axis(low, high).ticks) <= 5


def test_a_low_chart_labels_fewer_values() -> None:
    axis = Axis(low=-10.0, high=10.0, ticks=(-10.0, -5.0, 0.0, 5.0, 10.0))
    assert axis.ticks_in(80, 10) == axis.ticks
    assert axis.ticks_in(30, 10) == (-10, 0, 10)
    assert axis.ticks_in(15, 10) == (-10, 10)
    assert axis.ticks_in(1, 10) == (-10,)
    assert Axis(low=0.0, high=1.0).ticks_in(50, 10) == ()


def test_equal_ratios_are_equal_steps() -> None:
    axis = log_axis(0.01, 1.0)
    assert [axis.share(value) for value in (0.01, 0.1, 1.0)] == pytest.approx([0.0, 0.5, 1.0])


def test_what_lies_beyond_an_axis_is_put_at_its_end() -> None:
    axis = Axis(low=-10.0, high=10.0)
    assert (axis.share(-99), axis.share(0), axis.share(99)) == pytest.approx((0, 0.5, 1))


def test_a_curve_that_hardly_moves_does_not_fill_the_axis() -> None:
    axis = log_axis(0.500, 0.501)
    assert 0.4 < axis.share(0.5) < 0.6
    assert 0.4 < axis.share(0.501) < 0.6


def test_values_are_written_short_with_a_true_minus() -> None:
    assert [shown(value) for value in (0.05, 1.0, -5.0)] == ["0.05", "1", "\u22125"]
