"""Tokens are those of openai/CLIP."""

from __future__ import annotations

import gzip
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.folders import resources_dir
from studio.prompts.clip_tokenizer import COMMA, clip_tokenizer


@pytest.mark.parametrize(
    ("text", "ids"),
    [  # from open_clip 3.3.0's SimpleTokenizer
        ("a photo of a cat", [320, 1125, 539, 320, 2368]),
        ("A  Photo\nof a CAT", [320, 1125, 539, 320, 2368]),
        ("1girl, masterpiece", [272, 1611, 267, 12066]),
        ("It's the dog's; I'd've", [585, 568, 518, 1929, 568, 282, 328, 1896, 1200]),
        ("<lora:x>", [283, 2179, 320, 281, 343, 285]),
        ("C++ & C#; 100%!!!", [322, 19056, 261, 322, 2, 282, 272, 271, 271, 4, 995]),
        ("", []),
    ],
)
def test_known_texts_give_the_known_tokens(text: str, ids: list[int]) -> None:
    assert clip_tokenizer().encode(text)[: len(ids)] == ids


def test_the_comma_is_the_comma() -> None:
    assert clip_tokenizer().encode(",") == [COMMA]


def test_words_come_back() -> None:
    tokenizer = clip_tokenizer()
    assert tokenizer.decode(tokenizer.encode("An Impressionist fox")) == "an impressionist fox"


class ByHand:
    """Byte-pair encoding written down once more, for words of ASCII letters."""

    def __init__(self, *, apply_in_order: bool = True) -> None:
        with gzip.open(
            resources_dir() / "clip" / "bpe_simple_vocab_16e6.txt.gz", "rt", encoding="utf-8"
        ) as file:
            merges = [tuple(line.split()) for line in file.read().split("\n")[1:48895]]
        self.ranks = {merge: rank for rank, merge in enumerate(merges)}
        singles = [chr(code) for code in range(33, 127)]
        self.ids = {letter: number for number, letter in enumerate(singles)}
        self.ids |= {letter + "</w>": 256 + number for number, letter in enumerate(singles)}
        self.ids |= {"".join(merge): 512 + rank for rank, merge in enumerate(merges)}
        self.best = min if apply_in_order else max

    def encode(self, text: str) -> list[int]:
        return [self.ids[part] for word in re.findall("[a-z]+", text) for part in self.parts(word)]

    def parts(self, word: str) -> list[str]:
        parts = [*word[:-1], word[-1] + "</w>"]
        while pairs := [pair for pair in pairwise(parts) if pair in self.ranks]:
            pair = self.best(pairs, key=self.ranks.__getitem__)
            place = next(i for i in range(len(parts)) if tuple(parts[i : i + 2]) == pair)
            parts[place : place + 2] = ["".join(pair)]
        return parts


by_hand, out_of_order = ByHand(), ByHand(apply_in_order=False)


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz ", max_size=40))
def test_a_second_implementation_agrees(text: str) -> None:
    if "  " in text:
        text = " ".join(text.split())
    assert clip_tokenizer().encode(text) == by_hand.encode(text)


def test_merging_in_another_order_is_rejected() -> None:
    assert clip_tokenizer().encode("impressionist") != out_of_order.encode("impressionist")
