"""The vocabulary of a model: an optional ``words.json`` beside the card, or the labels of a class-conditional model.

Importable without torch.

It only helps to write prompts: a model is complete without it, and a malformed file is no reason to refuse the model.
The file is untrusted and read as strictly as a card.
"""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from studio.errors import CheckpointError
from studio.families.configured.configs import read_values
from studio.families.configured.info import INDEX
from studio.families.configured.labels import read_labels
from studio.messages import Message, message
from studio.storage import write_files
from studio.strict_json import LINE, InvalidJsonError, convert, must, parse, without_version
from studio.weights.files import as_checkpoint_error, read_small

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

WORDS_NAME = "words.json"
FORMAT = 1
MAX_WORDS_BYTES = 2 << 20
MAX_NAMES = 20_000
MAX_NAME_LENGTH = 200
MAX_EXAMPLES = 48
MAX_EXAMPLE_LENGTH = 400


def _must(count: int, length: int) -> Message:
    return message(
        "must be a list of at most {count:,} texts, each one line of 1 to {length} characters that can be shown",
        count=count,
        length=length,
    )


_Names = Annotated[
    tuple[Annotated[str, Meta(max_length=MAX_NAME_LENGTH, pattern=LINE)], ...],
    Meta(max_length=MAX_NAMES, extra=must(_must(MAX_NAMES, MAX_NAME_LENGTH))),
]
_Examples = Annotated[
    tuple[Annotated[str, Meta(max_length=MAX_EXAMPLE_LENGTH, pattern=LINE)], ...],
    Meta(max_length=MAX_EXAMPLES, extra=must(_must(MAX_EXAMPLES, MAX_EXAMPLE_LENGTH))),
]


@dataclass(frozen=True, kw_only=True)
class Words:
    """The vocabulary of a model.

    Attributes:
        names: what it knows by name, without repetition, in display order.
        examples: example prompts.
    """

    names: _Names = ()
    examples: _Examples = ()


def has_words(folder: Path) -> bool:
    """Whether the model in ``folder`` has the file, or is a folder of diffusers whose index lists labels."""
    try:
        if (folder / WORDS_NAME).is_file():
            return True
        return (folder / INDEX).is_file() and "id2label" in read_values(folder / INDEX)
    except (OSError, CheckpointError):
        return False


def read_words(folder: Path) -> Words:
    """Return the vocabulary of the model in ``folder``.

    Raises:
        CheckpointError: there is no such file, or it is malformed.
    """
    path = folder / WORDS_NAME
    if not path.is_file() and (index := folder / INDEX).is_file():
        return Words(names=read_labels(index, read_values(index)).words)
    with as_checkpoint_error(path):
        values = without_version(parse(read_small(path, MAX_WORDS_BYTES)), FORMAT, "format")
        words = convert(values, Words, complete=True)
        for name in ("names", "examples"):
            if len(set(texts := getattr(words, name))) != len(texts):
                raise InvalidJsonError(name, message("contains a text twice"))
    return words


def save_words(folder: Path, names: Iterable[str], examples: Iterable[str]) -> Words:
    """Write the vocabulary of a model beside its card, and return what was written; an empty one leaves no file.

    Args:
        folder: the model's; it must exist.
        names: in display order. Repeated ones and those that are empty, too long or cannot be shown are left out, and
            of too many the first are kept.
        examples: prompts; likewise.

    Raises:
        StorageError: it cannot be written; an existing file is left as it was.
    """
    words = Words(
        names=_fitting(names, MAX_NAMES, MAX_NAME_LENGTH),
        examples=_fitting(examples, MAX_EXAMPLES, MAX_EXAMPLE_LENGTH),
    )
    if words == Words():
        return words
    data = _encoded(words)
    while len(data) > MAX_WORDS_BYTES:  # many long captions
        words = Words(names=words.names[: len(words.names) * 3 // 4], examples=words.examples)
        data = _encoded(words)
    write_files({folder / WORDS_NAME: data})
    return words


def _encoded(words: Words) -> bytes:
    content = {"format": FORMAT, "names": words.names, "examples": words.examples}
    return (json.dumps(content, ensure_ascii=False, indent=0) + "\n").encode()


def _fitting(texts: Iterable[str], most: int, longest: int) -> tuple[str, ...]:
    """Return texts as single lines with single spaces, without those that are too long or cannot be shown."""
    lines = dict.fromkeys(" ".join(text.split()) for text in texts)
    fitting = (line for line in lines if len(line) <= longest and re.match(LINE, line))
    return tuple(itertools.islice(fitting, most))
