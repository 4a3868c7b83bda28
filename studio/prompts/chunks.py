"""Splits a prompt into chunks of 77 tokens: what CLIP reads at once.

A chunk is a start token, 75 tokens of text and an end token. As in AUTOMATIC1111's web UI, a chunk that is full is
ended at the last comma if that is at most 20 tokens back, so that a phrase is not torn apart, and BREAK ends a chunk
early. Importable without torch.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from studio.errors import UnknownNameError
from studio.prompts.clip_tokenizer import COMMA, END, START

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from studio.prompts.clip_tokenizer import ClipTokenizer
    from studio.prompts.syntax import Span

CHUNK: Final = 77
TEXT_TOKENS: Final = 75
COMMA_REACH: Final = 20
_SUFFIX: Final = r"(?:\.(?:safetensors|sft|pt|pth|bin))?"


@dataclass(frozen=True)
class Vector:
    """One vector of a textual inversion, in place of a token.

    Attributes:
        name: of the textual inversion.
        index: which of its vectors.
    """

    name: str
    index: int


@dataclass(frozen=True)
class Token:
    """A token of the text.

    Attributes:
        id: in CLIP's vocabulary, or a vector in place of a token.
        weight: its emphasis; 1 is none.
    """

    id: int | Vector
    weight: float = 1.0


@dataclass(frozen=True)
class Chunk:
    """What CLIP reads at once.

    Attributes:
        ids: 77 ids; END where a vector takes the place of a token.
        weights: of each, 1 for start, end and padding.
        vectors: the vectors by their position.
        length: how many of the 75 are text.
    """

    ids: tuple[int, ...]
    weights: tuple[float, ...]
    vectors: Mapping[int, Vector]
    length: int

    def padded_with(self, padding: int) -> tuple[int, ...]:
        """Return the ids with everything after the first end token replaced: OpenCLIP's bigG was trained with 0."""
        end = self.length + 1
        return self.ids[: end + 1] + (padding,) * (CHUNK - end - 1)


def tokenize(
    sections: Sequence[Sequence[Span]],
    tokenizer: ClipTokenizer,
    inversions: Mapping[str, int] | None = None,
    field: str = "prompt",
) -> list[list[Token]]:
    """Return the tokens of each section.

    Args:
        sections: of a parsed prompt.
        tokenizer: of the text encoder.
        inversions: the textual inversions that are installed: names, and how many vectors each has. The text refers to
            them as ``embedding:name`` or by the bare name, in capital or small letters.
        field: the prompt's name in an error.

    Raises:
        RequestError: ``embedding:name`` names none that is installed.
    """
    return [
        [token for span in section for token in _tokens(span, tokenizer, inversions or {}, field)]
        for section in sections
    ]


@dataclass(frozen=True)
class Reference:
    """A place in a text that refers to a textual inversion.

    Attributes:
        written: as it is written there, such as "embedding:name".
        name: the known name that it is; None if it names none that is known.
        start: where it begins.
        end: where the text after it begins.
    """

    written: str
    name: str | None
    start: int
    end: int


def references(text: str, names: Iterable[str]) -> Iterator[Reference]:
    """Yield the places in a text that refer to textual inversions.

    Args:
        text: without emphasis and tags.
        names: of the textual inversions that are known. The text has ``embedding:name`` or the bare name, in capital
            or small letters, with the suffix of a file or without.
    """
    known = {name.casefold(): name for name in names}
    longest_first = sorted(known, key=len, reverse=True)
    alternatives = "|".join([*map(re.escape, longest_first), r"(?<=embedding:)[^\s,()]+"])
    pattern = rf"(?<!\w)(?:embedding:)?({alternatives}){_SUFFIX}(?!\w)"
    for found in re.finditer(pattern, text, re.IGNORECASE):
        yield Reference(found[0], known.get(found[1].casefold()), found.start(), found.end())


def split(sections: Sequence[Sequence[Token]]) -> list[Chunk]:
    """Return the chunks of the sections of a prompt; at least one."""
    chunks: list[Chunk] = []
    for section in sections:
        chunks += map(_chunk, _pieces(section))
    return chunks


def count_tokens(sections: Sequence[Sequence[Token]]) -> int:
    """Return how many tokens the text has, without start, end and padding."""
    return sum(map(len, sections))


def _tokens(
    span: Span, tokenizer: ClipTokenizer, inversions: Mapping[str, int], field: str
) -> Iterator[Token]:
    place = 0
    for found in references(span.text, inversions):
        if found.name is None:
            raise UnknownNameError(field, found.written, [f"embedding:{known}" for known in inversions])
        yield from (Token(id, span.weight) for id in tokenizer.encode(span.text[place : found.start]))
        yield from (Token(Vector(found.name, index), span.weight) for index in range(inversions[found.name]))
        place = found.end
    yield from (Token(id, span.weight) for id in tokenizer.encode(span.text[place:]))


def _pieces(section: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """Yield the tokens of each chunk of a section; an empty section is one empty chunk."""
    first, comma, place = 0, -1, 0
    while place < len(section):
        together = _tokens_together(section, place)
        if place + together - first > TEXT_TOKENS:
            torn = section[place].id != COMMA and together == 1
            end = comma + 1 if torn and comma >= first and place - comma <= COMMA_REACH else place
            yield section[first:end]
            first, comma = end, -1
        if section[place].id == COMMA:
            comma = place
        place += together
    yield section[first:]


def _tokens_together(section: Sequence[Token], place: int) -> int:
    """Return how many tokens must stay together from here on: the vectors of a textual inversion."""
    length = 1
    if isinstance(section[place].id, Vector):
        while place + length < len(section) and length < TEXT_TOKENS:
            following = section[place + length].id
            if not isinstance(following, Vector) or following.index == 0:
                break
            length += 1
    return length


def _chunk(tokens: Sequence[Token]) -> Chunk:
    padding = TEXT_TOKENS - len(tokens)
    ids = [END if isinstance(token.id, Vector) else token.id for token in tokens]
    return Chunk(
        ids=(START, *ids, *[END] * (padding + 1)),
        weights=(1.0, *(token.weight for token in tokens), *[1.0] * (padding + 1)),
        vectors={place: token.id for place, token in enumerate(tokens, 1) if isinstance(token.id, Vector)},
        length=len(tokens),
    )
