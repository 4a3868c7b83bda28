"""The vocabulary of a trained model: the names in its data, and example prompts that show how they combine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.checkpoints.words import Words
from studio.training.data.folder_source import FolderSource
from studio.training.pictograms.pictogram_list import LANGUAGES
from studio.training.pictograms.source import PictogramSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studio.training.data.sources import Source
    from studio.training.pictograms.pictogram_list import Pictograms

# Prompts and the names that each needs; the first of each language shows what a bare name gives.
PLAIN = (
    ("a fox on a teal background", ("fox",)),
    ("birthday cake", ("birthday cake",)),
    ("a sunflower on a blue background", ("sunflower",)),
    ("a ghost on a black background", ("ghost",)),
    ("rocket, purple background", ("rocket",)),
    ("a castle on a pink background", ("castle",)),
    ("an octopus", ("octopus",)),
    ("a yellow background with a guitar", ("guitar",)),
)
LAYOUTS = (
    ("two dogs", ("dog",)),
    ("a cat and an apple", ("cat", "apple")),
    ("a small pizza on the left", ("pizza",)),
    ("a large butterfly", ("butterfly",)),
    ("a penguin on the right", ("penguin",)),
    ("a tiny key", ("key",)),
    ("two tulips on a green background", ("tulip",)),
    ("a robot and a balloon on a yellow background", ("robot", "balloon")),
)
PLAIN_KOREAN = (
    ("빨간색 배경의 여우", ("여우",)),
    ("문어", ("문어",)),
    ("파란색 배경의 토끼", ("토끼",)),
)
LAYOUTS_KOREAN = (
    ("강아지 두 개", ("강아지",)),
    ("고양이와 사과", ("고양이", "사과")),
    ("왼쪽에 있는 피자", ("피자",)),
    ("커다란 나비", ("나비",)),
)
MAX_EXAMPLES = 12  # from a folder's captions


def vocabulary_of(source: Source) -> Words:
    """Return the vocabulary of a source; empty if it is neither a folder nor pictograms."""
    if isinstance(source, FolderSource):
        return of_captions(source.folder.captions)
    if isinstance(source, PictogramSource):
        return of_pictograms(
            source.renderer.pictograms,
            layouts=source.layouts,
            korean=source.korean > 0,
            colors=source.white < 1,
        )
    return Words()


def of_captions(captions: Sequence[str]) -> Words:
    """Return the distinct captions, and evenly spaced ones of them as examples."""
    names = tuple(dict.fromkeys(filter(None, captions)))
    step = max(len(names) // MAX_EXAMPLES, 1)
    return Words(names=names, examples=names[::step][:MAX_EXAMPLES])


def of_pictograms(pictograms: Pictograms, *, layouts: bool, korean: bool, colors: bool = True) -> Words:
    """Return all names, English ones first, and example prompts for what the model was trained on.

    Args:
        pictograms: the list.
        layouts: whether other sizes and positions, and two pictograms at once, were trained.
        korean: whether Korean captions were.
        colors: whether coloured backgrounds were.
    """
    languages = LANGUAGES if korean else LANGUAGES[:1]
    names = [name for language in languages for entry in pictograms.entries for name in entry.named(language)]
    english = _in_turns(PLAIN, LAYOUTS) if layouts else PLAIN
    examples = (*english, *((*PLAIN_KOREAN, *(LAYOUTS_KOREAN if layouts else ())) if korean else ()))
    known = set(names)
    shown = [
        prompt
        for prompt, needed in examples
        if known.issuperset(needed) and (colors or not ("background" in prompt or "배경" in prompt))
    ]
    if not shown:  # the list is the user's own selection
        shown = names[:MAX_EXAMPLES]
    return Words(names=tuple(names), examples=tuple(shown))


def _in_turns(
    first: Sequence[tuple[str, tuple[str, ...]]], second: Sequence[tuple[str, tuple[str, ...]]]
) -> list[tuple[str, tuple[str, ...]]]:
    """Interleave two sequences of the same length."""
    return [example for pair in zip(first, second, strict=True) for example in pair]
