"""What a model can draw, in words: ``words.json`` beside the card, which may be lacking. Importable without torch.

It only helps whoever writes prompts: a model is whole without it, and one that is malformed is no reason to refuse
the model. It may come from a stranger, so it is read as strictly as a card.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.checkpoints.files import read_small
from studio.checkpoints.strict import Fields, parse, showable
from studio.errors import CheckpointError
from studio.storage import write_files

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import Any

WORDS_NAME = "words.json"
FORMAT = 1
MAX_WORDS_BYTES = 2 << 20
MAX_NAMES = 20_000
MAX_NAME_LENGTH = 200
MAX_EXAMPLES = 48
MAX_EXAMPLE_LENGTH = 400


@dataclass(frozen=True, kw_only=True)
class Words:
    """What a model can draw.

    Attributes:
        names: what it knows by name, each once, in the order in which they are to be shown.
        examples: whole prompts that it can follow.
    """

    names: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()


def has_words(folder: Path) -> bool:
    """Whether there is anything to read."""
    try:
        return (folder / WORDS_NAME).is_file()
    except OSError:
        return False


def read_words(folder: Path) -> Words:
    """Return the words of the model in ``folder``.

    Raises:
        CheckpointError: there are none, or the file is malformed.
    """
    path = folder / WORDS_NAME
    fields = Fields(parse(read_small(path, MAX_WORDS_BYTES), path), path)
    fields.whole("format", FORMAT, FORMAT)
    names = _texts(fields, "names", MAX_NAMES, MAX_NAME_LENGTH)
    examples = _texts(fields, "examples", MAX_EXAMPLES, MAX_EXAMPLE_LENGTH)
    fields.finish()
    return Words(names=names, examples=examples)


def save_words(folder: Path, names: Iterable[str], examples: Iterable[str]) -> Words:
    """Write what a model can draw beside its card, and return what was written; no file for nothing at all.

    Args:
        folder: the model's; it must be there.
        names: in the order in which they are to be shown, as many as there are: what is there twice, is too long, is
            empty or cannot be shown is left out, and of too many the first are kept.
        examples: prompts; likewise.

    Raises:
        StorageError: it cannot be written; what was there before still is.
    """
    words = Words(
        names=_fitting(names, MAX_NAMES, MAX_NAME_LENGTH),
        examples=_fitting(examples, MAX_EXAMPLES, MAX_EXAMPLE_LENGTH),
    )
    if words == Words():
        return words
    data = _written(words)
    while len(data) > MAX_WORDS_BYTES:  # many long captions
        words = Words(names=words.names[: len(words.names) * 3 // 4], examples=words.examples)
        data = _written(words)
    write_files({folder / WORDS_NAME: data})
    return words


def _written(words: Words) -> bytes:
    content: dict[str, Any] = {"format": FORMAT, "names": words.names, "examples": words.examples}
    return (json.dumps(content, ensure_ascii=False, indent=0) + "\n").encode()


def _texts(fields: Fields, name: str, most: int, longest: int) -> tuple[str, ...]:
    value = fields.take(name)
    if not isinstance(value, list) or len(value) > most:
        raise fields.refuse(name, f"must be a list of at most {most:,} texts")
    for text in value:
        if not isinstance(text, str) or not _fits(text, longest):
            raise fields.refuse(
                name, f"must hold single lines of 1 to {longest} characters that can be shown"
            )
    if len(set(value)) != len(value):
        raise CheckpointError(fields.path, f"holds a text twice in {name!r}")
    return tuple(value)


def _fitting(texts: Iterable[str], most: int, longest: int) -> tuple[str, ...]:
    fitting = dict.fromkeys(text for text in map(_tidied, texts) if _fits(text, longest))
    return tuple(fitting)[:most]


def _fits(text: str, longest: int) -> bool:
    return 0 < len(text) <= longest and text == _tidied(text) and showable(text)


def _tidied(text: str) -> str:
    """Return a text as one line, with single spaces."""
    return " ".join(text.split())
