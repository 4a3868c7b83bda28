from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from studio.checkpoints.words import Words
from studio.ui.create.ideas import MOST, Completion

if TYPE_CHECKING:
    from studio.ui.create.ideas import Offer

NAMES = (
    *(
        "fox",
        "fox face",
        "birthday cake",
        "cat",
        "cactus",
        "apple",
        "red apple",
        "onion",
        "tent",
        "hot dog",
        "dog",
    ),
    *(
        "dog face",
        "Christmas tree",
        "여우",
        "여우 얼굴",
        "빨간 사과",
        "donut",
        "door",
        "dove",
        "dodo",
        "dolls",
        "don",
    ),
)
WORDS = Words(names=NAMES, examples=("a fox on a teal background", "two red dogs"))


def offered(before: str, after: str = "") -> Offer | None:
    return Completion(WORDS).offer(before, after)


def names(before: str, after: str = "") -> tuple[str, ...]:
    offer = offered(before, after)
    return offer.names if offer is not None else ()


@pytest.mark.parametrize(
    ("before", "typed", "first"),
    [
        ("bi", "bi", "birthday cake"),
        ("a birthday c", "birthday c", "birthday cake"),
        ("two cats, a CA", "CA", "cat"),
        ("a fox (chri", "chri", "Christmas tree"),
        ("a cat\nhot d", "hot d", "hot dog"),
        ("작은 여", "여", "여우"),
        ("appl", "appl", "apple"),
        ("🦊 ten", "ten", "tent"),
        ("\u1112\u1161 \u110b\u1167", "\u110b\u1167", "여우"),  # letters of Hangul, each by itself
    ],
)
def test_the_last_words_are_gone_on_from(before: str, typed: str, first: str) -> None:
    offer = offered(before)
    assert offer is not None
    assert (offer.typed, offer.names[0], offer.eager) == (typed, first, True)


def test_what_begins_with_the_words_comes_before_what_holds_such_a_word() -> None:
    assert names("app") == ("apple", "red apple")


@pytest.mark.parametrize("before", ["", " ", "a ", "a", "c", "fox,", "xyz", "fo\n", "ogs", "<b>fo</b>"])
def test_nothing_is_offered_where_nothing_fits_or_no_word_ends(before: str) -> None:
    assert offered(before) is None


def test_nothing_is_offered_within_a_word() -> None:
    assert offered("ca", "t") is None
    assert names("ca", " on a mat")[0] == "cat"


def test_a_whole_name_is_not_pressed_further_but_longer_names_are_shown() -> None:
    offer = offered("a dog")
    assert offer is not None
    assert offer.names == ("dog face", "hot dog")
    assert not offer.eager


def test_words_that_stand_between_names_offer_no_name_that_only_begins_like_them() -> None:
    assert offered("a fox on") is None  # no onion
    assert names("two red") == ("red apple",)


def test_there_are_never_many() -> None:
    assert len(names("do")) == MOST


def test_a_search_finds_beginnings_first_then_words_then_any_part() -> None:
    completion = Completion(WORDS)
    assert completion.search(" dog ") == ("dog", "dog face", "hot dog")
    assert completion.search("og") == ("hot dog", "dog", "dog face")
    assert completion.search("APPLE") == ("apple", "red apple")
    assert completion.search("사과") == ("빨간 사과",)
    assert completion.search("") == NAMES
    assert completion.search("[.*") == ()


def test_a_model_without_names_offers_nothing() -> None:
    assert Completion(Words()).offer("fox", "") is None
    assert Completion(Words()).search("fox") == ()
