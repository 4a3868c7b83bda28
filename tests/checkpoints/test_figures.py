"""The telling figures of a card are found where they are shares, and nothing else is taken for one."""

from __future__ import annotations

import pytest

from studio.checkpoints.figures import telling


def test_the_telling_figures_come_in_a_fixed_order_with_their_names() -> None:
    evaluation = {
        "compositions": {"count": 0.9, "position": 0.8, "size": 1, "truth": {"count": 1.0}},
        "languages": {"en": {"top1": 0.5}, "ko": {"top1": 0.7}},
        "background": 0.99,
        "top5": 0.6,
        "top1": 0.5,
        "concepts": 285,
    }
    assert telling(evaluation) == [
        ("top-1", 0.5),
        ("top-5", 0.6),
        ("Korean top-1", 0.7),
        ("background", 0.99),
        ("count", 0.9),
        ("position", 0.8),
        ("size", 1.0),
    ]


@pytest.mark.parametrize("value", ["high", None, True, 3, -0.1, [0.5], {"top1": 0.5}])
def test_what_is_no_share_is_passed_over(value: object) -> None:
    assert telling({"top1": value, "languages": value, "compositions": {"count": value}}) == []
    assert telling({"languages": {"ko": value}}) == (
        [("Korean top-1", 0.5)] if value == {"top1": 0.5} else []
    )
