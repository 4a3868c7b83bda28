"""Captions of scenes in English and Korean: varied ones for training, and one fixed prompt for evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from studio.training.pictograms.pictogram_list import Pictograms
    from studio.training.pictograms.scenes import Scene

# {x} is a name, {a_x} the same with its article, {xs} its plural, {y} the other name, {x_wa} "x and" in Korean.
THINGS = {
    "en": {
        "plain": ("{x}", "{x}", "{a_x}"),
        "small": ("a small {x}", "small {x}", "a tiny {x}", "a little {x}"),
        "large": ("a large {x}", "large {x}", "a big {x}", "a huge {x}"),
        "left": ("{a_x} on the left", "{x} on the left", "on the left {a_x}", "a small {x} on the left"),
        "right": ("{a_x} on the right", "{x} on the right", "on the right {a_x}", "a small {x} on the right"),
        "two": ("two {xs}", "two {xs}", "two {x}", "a pair of {xs}"),
        "pair": ("{a_x} and {a_y}", "{x} and {y}", "{a_x} next to {a_y}", "{a_y} to the right of {a_x}"),
    },
    "ko": {
        "plain": ("{x}",),
        "small": ("작은 {x}", "조그만 {x}"),
        "large": ("큰 {x}", "커다란 {x}"),
        "left": ("왼쪽에 있는 {x}", "왼쪽에 {x}", "왼쪽 {x}"),
        "right": ("오른쪽에 있는 {x}", "오른쪽에 {x}", "오른쪽 {x}"),
        "two": ("{x} 두 개", "두 개의 {x}", "{x} 둘"),
        "pair": ("{x_wa} {y}", "{x} 그리고 {y}", "{x} 옆에 {y}"),
    },
}
BACKGROUNDS = {
    "en": (
        "{what} on {a_color} background",
        "{what} on {a_color} background",
        "{what}, {color} background",
        "{a_color} background with {what}",
    ),
    "ko": ("{color} 배경의 {what}", "{color} 배경에 {what}", "{what}, {color} 배경"),
}
KOREAN_COLORS = {
    "white": "흰색",
    "red": "빨간색",
    "orange": "주황색",
    "yellow": "노란색",
    "green": "초록색",
    "teal": "청록색",
    "cyan": "하늘색",
    "blue": "파란색",
    "purple": "보라색",
    "pink": "분홍색",
    "brown": "갈색",
    "gray": "회색",
    "black": "검은색",
}
NAMED_WHITE = 0.2
"""Probability that the caption of a picture on white mentions the background."""


def random_caption(scene: Scene, pictograms: Pictograms, language: str, rng: np.random.Generator) -> str:
    """Return a random caption: with the first name half of the time, else with any of the names."""
    names = []
    for thing in scene.things:
        known = pictograms.entries[thing].named(language)
        names.append(known[0] if rng.random() < 0.5 else known[int(rng.integers(len(known)))])
    things, backgrounds = THINGS[language][scene.layout], BACKGROUNDS[language]
    what = _with_names(things[int(rng.integers(len(things)))], names)
    background = backgrounds[int(rng.integers(len(backgrounds)))]
    if scene.color == "white" and rng.random() >= NAMED_WHITE:
        return what
    return _with_background(background, what, scene.color, language)


def prompt(scene: Scene, pictograms: Pictograms, language: str = "en") -> str:
    """Return the prompt for a scene in an evaluation."""
    names = [pictograms.entries[thing].named(language)[0] for thing in scene.things]
    what = _with_names(THINGS[language][scene.layout][0], names)
    if scene.color == "white":
        return what
    return _with_background(BACKGROUNDS[language][0], what, scene.color, language)


def _with_names(template: str, names: list[str]) -> str:
    x, y = names[0], names[-1]
    return template.format(
        x=x,
        y=y,
        a_x=with_article(x),
        a_y=with_article(y),
        xs=plural(x),
        x_wa=x + ("과" if ends_in_consonant(x) else "와"),
    )


def _with_background(template: str, what: str, color: str, language: str) -> str:
    shown = KOREAN_COLORS.get(color, color) if language == "ko" else color
    return template.format(what=what, color=shown, a_color=with_article(color))


def with_article(name: str) -> str:
    """Put "a" or "an" before an English name."""
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def plural(name: str) -> str:
    """Return the regular plural of an English name."""
    if name.endswith(("s", "x", "ch", "sh")):
        return name + "es"
    if name.endswith("y") and name[-2:-1] not in {"a", "e", "i", "o", "u"}:
        return name[:-1] + "ies"
    return name + "s"


def ends_in_consonant(name: str) -> bool:
    """Whether a Korean name ends in a consonant, which decides between 과 and 와.

    Source: Hangul syllable composition, The Unicode Standard, section 3.12.
    """
    last = ord(name[-1]) - 0xAC00
    return 0 <= last < 11172 and last % 28 != 0
