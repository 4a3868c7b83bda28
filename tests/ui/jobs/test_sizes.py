from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.checkpoints.family_models import FAMILIES
from studio.families.interface import SizeRule, makes_size
from studio.ui.jobs.run_settings import (
    FormValues,
    aspect_ratio,
    fitted,
    fitting_size,
    nearest_in_shape,
    size_for_model,
    with_model,
)
from tests.ui.cards import LARGE, SD1, SDXL, STARTER


@pytest.mark.parametrize(
    ("size", "ratio"),
    [
        ((1024, 1024), "1:1"),
        ((1216, 832), "3:2"),
        ((832, 1216), "2:3"),
        ((1152, 896), "4:3"),
        ((1344, 768), "16:9"),
        ((768, 1344), "9:16"),
        ((1536, 640), "21:9"),
    ],
)
def test_a_size_has_the_nearest_usual_ratio(size: tuple[int, int], ratio: str) -> None:
    assert aspect_ratio(size) == ratio


@pytest.mark.parametrize("family", FAMILIES.values(), ids=list(FAMILIES))
def test_trained_sizes_are_allowed_and_the_largest_is_not_twice_the_usual_one(family: object) -> None:
    sizes = family.sizes
    usual = sizes[0][0] * sizes[0][1]
    assert len(set(sizes)) == len(sizes) > 4
    assert {(height, width) for width, height in sizes} == set(sizes)
    assert all(side % family.size_multiple == 0 for size in sizes for side in size)
    assert all(width * height < 2 * usual for width, height in sizes)


RULES = st.builds(
    lambda multiple, low, room: SizeRule(multiple=multiple, minimum=low, maximum=low + multiple + room),
    st.integers(1, 64),
    st.integers(1, 500),
    st.integers(0, 2000),
)


@given(RULES, st.floats(0, 5000))
def test_the_nearest_side_is_allowed_and_no_other_is_nearer(rule: SizeRule, side: float) -> None:
    found = rule.nearest(side)
    allowed = [one for one in range(rule.minimum, rule.maximum + 1) if one % rule.multiple == 0]
    assert found in allowed
    assert abs(found - side) == min(abs(one - side) for one in allowed)


@given(st.integers(1, 8192), st.integers(1, 8192), st.sampled_from([STARTER, LARGE, SD1, SDXL]))
def test_a_fitting_size_is_one_that_the_model_makes(width: int, height: int, card: object) -> None:
    found = fitting_size((width, height), card)
    assert makes_size(card, *found)
    assert fitting_size(found, card) == found


def test_a_size_between_two_multiples_becomes_the_nearest_and_one_far_off_the_default() -> None:
    assert fitting_size((1001, 604), SDXL) == (1000, 608)
    assert fitting_size((64, 64), SDXL) == SDXL.sizes[0]


def test_a_trained_size_becomes_one_of_the_same_shape_that_the_other_model_was_trained_at() -> None:
    assert size_for_model((1216, 832), SDXL, SD1) == nearest_in_shape((3, 2), SD1.sizes) == (768, 512)
    assert size_for_model((832, 1216), SDXL, SD1) == (512, 768)
    assert size_for_model((1000, 600), SDXL, SD1) == (1000, 600)  # the user's own stays
    assert size_for_model((1216, 832), SDXL, STARTER) == STARTER.sizes[0]


def test_another_model_takes_the_shape_over_and_never_a_size_that_it_does_not_make() -> None:
    wide = fitted(FormValues(model="juggernaut", width=1344, height=768), SDXL)
    assert with_model(wide, SDXL, SD1, "dreamshaper").size == (640, 384)
    usual = FormValues(model="juggernaut", width=1024, height=1024)
    assert with_model(usual, SDXL, SD1, "dreamshaper").size == (512, 512)
    assert with_model(wide, SDXL, STARTER, "starter").size == (64, 64)
