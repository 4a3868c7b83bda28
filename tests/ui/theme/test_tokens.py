"""The palettes keep the contrasts of WCAG 2.2 AA, and the ramp of noise is smooth."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from studio.ui.theme.colour import contrast, mix, ramp
from studio.ui.theme.tokens import DARK, LIGHT, noise_colour

if TYPE_CHECKING:
    from studio.ui.theme.tokens import Palette

GROUNDS = ("window", "panel", "raised", "hover", "floating")
READ, SEEN = 4.5, 3.0

palettes = pytest.mark.parametrize("palette", [DARK, LIGHT], ids=["dark", "light"])


def weak_pairs(palette: Palette) -> list[tuple[str, str, float]]:
    """Return the pairs of text and ground that are too close, with their contrast."""
    wanted = {(text, ground): READ for text in ("text", "dim") for ground in GROUNDS}
    wanted |= {
        ("faint", ground): READ for ground in GROUNDS if ground != "hover"
    }  # fields are not lit under it
    wanted |= {(text, ground): READ for text in ("good", "warn", "bad") for ground in GROUNDS[:3]}
    wanted |= {("disabled", ground): SEEN for ground in GROUNDS[:3]}
    wanted |= {("accent", ground): SEEN for ground in GROUNDS}
    wanted |= {("on_accent", "accent"): READ}
    found = {pair: contrast(getattr(palette, pair[0]), getattr(palette, pair[1])) for pair in wanted}
    return [(*pair, round(found[pair], 2)) for pair, least in wanted.items() if found[pair] < least]


@palettes
def test_every_text_can_be_read_on_every_ground(palette: Palette) -> None:
    assert weak_pairs(palette) == []


def test_a_pair_that_is_too_close_is_found() -> None:
    assert ("dim", "raised", 1.0) in weak_pairs(replace(DARK, dim=DARK.raised))
    assert ("faint", "raised", 3.12) in weak_pairs(replace(DARK, faint="#72727b")), (
        "hints were as weak as that"
    )
    assert ("on_accent", "accent", 3.49) in weak_pairs(replace(LIGHT, accent="#c9742a"))


def test_contrast_agrees_with_the_figures_of_wcag() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(
        4.48, abs=0.01
    )  # the well-known grey that just fails


@palettes
def test_every_colour_is_written_with_six_digits(palette: Palette) -> None:
    for field in fields(palette):
        value = getattr(palette, field.name)
        for colour in value if field.name == "noise" else [value]:
            assert len(colour) == 7
            assert int(colour[1:], 16) >= 0


@palettes
def test_chrome_has_no_colour_cast(palette: Palette) -> None:
    for ground in GROUNDS:
        red, green, blue = (int(getattr(palette, ground)[at : at + 2], 16) for at in (1, 3, 5))
        assert max(red, green, blue) - min(red, green, blue) <= 6, ground


@palettes
def test_the_ramp_goes_from_violet_at_all_noise_to_amber_at_none(palette: Palette) -> None:
    assert noise_colour(palette, 1) == palette.noise[0]
    assert noise_colour(palette, 0.5) == palette.noise[1]
    assert noise_colour(palette, 0) == palette.noise[2]


@pytest.mark.parametrize(
    ("level", "same_as"), [(-3, 0), (7, 1), (math.inf, 1), (-math.inf, 0), (math.nan, 0)]
)
def test_a_level_beyond_the_ramp_takes_its_end(level: float, same_as: float) -> None:
    assert noise_colour(DARK, level) == noise_colour(DARK, same_as)


@palettes
def test_the_ramp_has_no_jumps(palette: Palette) -> None:
    shades = [noise_colour(palette, level / 256) for level in range(257)]
    for before, after in pairwise(shades):
        assert all(abs(int(before[at : at + 2], 16) - int(after[at : at + 2], 16)) <= 3 for at in (1, 3, 5))


def test_the_middle_of_two_opposite_colours_is_not_grey() -> None:
    red, green, blue = (int(mix("#554ac8", "#f2a65a", 0.5)[at : at + 2], 16) for at in (1, 3, 5))
    assert red > green + 20
    assert blue > 100


def test_mixing_ends_where_it_says() -> None:
    for first, second in (("#000000", "#ffffff"), ("#ff0000", "#00ff00"), (DARK.panel, DARK.bad)):
        assert mix(first, second, 0) == first
        assert mix(first, second, 1) == second
    assert ramp(["#000000", "#ffffff"], 0.4) == mix("#000000", "#ffffff", 0.4)
