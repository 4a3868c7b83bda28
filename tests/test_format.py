"""Durations, sizes and counts read as people write them."""

from __future__ import annotations

import pytest

from studio import format as text
from studio.messages import Message


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        *(
            (0, "under 1 s"),
            (0.4, "under 1 s"),
            (1, "1 s"),
            (89, "89 s"),
            (120, "2 min"),
            (89 * 60, "89 min"),
        ),
        *((2 * 3600, "2.0 h"), (35 * 3600, "35.0 h"), (3 * 86400, "3.0 days")),
    ],
)
def test_a_measured_time_has_the_unit_that_suits_it(seconds: float, shown: str) -> None:
    assert text.duration(seconds) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        *((0.2, "under 1 s"), (1.2, "about 1 s"), (9.4, "about 9 s"), (13, "about 15 s"), (89, "about 90 s")),
        *((120, "about 2 min"), (7200, "about 2 h"), (3 * 86400, "about 3 days")),
    ],
)
def test_an_estimate_is_no_more_exact_than_it_is(seconds: float, shown: str) -> None:
    assert text.estimate(seconds) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(4.23, "4.2 s left"), (125, "2 min 05 s left"), (3600 + 120, "1 h 02 min left")],
)
def test_a_time_that_counts_down_keeps_its_shape(seconds: float, shown: str) -> None:
    assert text.time_left(seconds) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 MiB"), (1, "under 1 MiB"), (2**20, "1 MiB"), (2**30, "1.0 GiB"), (3 * 2**29, "1.5 GiB")],
)
def test_sizes_are_binary(count: int, shown: str) -> None:
    assert text.size(count) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [(812, "812 parameters"), (14_200_000, "14.2 million parameters"), (2 * 10**9, "2.0 billion parameters")],
)
def test_parameters_are_rounded(count: int, shown: str) -> None:
    assert text.parameters(count) == shown


def test_a_square_has_one_side() -> None:
    assert (text.pixels(64, 64), text.pixels(64, 96)) == ("64 px", "64 × 96 px")


def test_each_can_be_translated() -> None:
    for made in (text.duration(3), text.estimate(3), text.time_left(3), text.size(3), text.pixels(1, 2)):
        assert isinstance(made, Message)
        assert made.template != "", "the key of its translation"
