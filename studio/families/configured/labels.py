"""The labels of a class-conditional model, and what a prompt means to it. Imports no torch.

The prompt names one label: a name from ``id2label`` in any case, or its number, as ``207`` or ``#207``. A name that
several labels share needs the number: ``#134 crane``.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from studio.errors import CheckpointError, RequestError
from studio.messages import message
from studio.strict_json import convert, quoted, text_up_to
from studio.weights.files import as_checkpoint_error

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAX_LABELS = 20_000
_NEAREST = 3
_NUMBER = re.compile(r"#?(\d{1,9})(?:\s+(\S.*))?")
_Names = Annotated[
    dict[
        Annotated[str, Meta(pattern=r"\A(?:0|[1-9]\d{0,5})\Z")],
        Annotated[str, text_up_to(400)],
    ],
    Meta(max_length=MAX_LABELS),
]


@dataclass(frozen=True)
class Labels:
    """The labels of a model.

    Attributes:
        count: how many there are, 0 to ``count`` - 1.
        names: by number, the names of a label joined by ", ", as the folder lists them; those that have none are left
            out.
    """

    count: int
    names: tuple[tuple[int, str], ...] = ()

    @cached_property
    def _by_name(self) -> Mapping[str, tuple[int, ...]]:
        """The numbers of the labels that have a name, by the name in lower case."""
        found: dict[str, tuple[int, ...]] = {}
        for number, joined in self.names:
            for name in dict.fromkeys(map(_folded, (*_synonyms(joined), joined))):
                found[name] = (*found.get(name, ()), number)
        return found

    @property
    def words(self) -> tuple[str, ...]:
        """What prompts can be, in alphabetical order: every name, with its number where several labels share it."""
        found: list[str] = []
        for number, joined in self.names:
            for name in _synonyms(joined):
                shared = len(self._by_name[_folded(name)]) > 1
                found.append(f"#{number} {name}" if shared else name)
        return tuple(
            sorted(dict.fromkeys(found), key=lambda word: _folded(word.lstrip("#0123456789 ") or word))
        )

    def name(self, number: int) -> str:
        """Return the names of a label, or its number if it has none."""
        return dict(self.names).get(number, f"#{number}")

    def find(self, prompt: str) -> int | None:
        """Return the number of the label that a prompt names; None: the prompt is empty.

        Raises:
            RequestError: it names none, or several; the sentence says which are near.
        """
        text = " ".join(prompt.split())
        if not text:
            return None
        found = self._by_name.get(_folded(text), ())
        if len(found) == 1:
            return found[0]
        if len(found) > 1:
            reason = message(
                "names several labels of this model; choose one by its number: {labels}",
                labels="; ".join(f"#{number} {self.name(number)}" for number in found),
            )
            raise RequestError("prompt", reason)
        if (match := _NUMBER.fullmatch(text)) is not None:
            return self._numbered(int(match[1]), match[2])
        raise RequestError("prompt", self._unknown(text))

    def _numbered(self, number: int, name: str | None) -> int:
        if number >= self.count:
            reason = message(
                "must be a label from #0 to #{last}, not #{number}", last=self.count - 1, number=number
            )
            raise RequestError("prompt", reason)
        if name is not None and number not in self._by_name.get(_folded(name), ()):
            reason = message(
                "gives the label #{number} another name than this model: {names}",
                number=number,
                names=self.name(number),
            )
            raise RequestError("prompt", reason)
        return number

    def _unknown(self, text: str) -> str:
        near = difflib.get_close_matches(_folded(text), self._by_name, n=_NEAREST, cutoff=0.5)
        if not near:
            near = [name for name in self._by_name if _folded(text) in name][:_NEAREST]
        if not near:
            return message(
                "must name a label that this model knows, or one of its numbers from #0 to #{last}, not {text}",
                last=self.count - 1,
                text=quoted(text),
            )
        return message(
            "must name a label that this model knows, not {text}; the nearest are: {labels}",
            text=quoted(text),
            labels="; ".join(near),
        )


def read_labels(path: Path, index: Mapping[str, object], count: int = MAX_LABELS) -> Labels:
    """Return the labels that a folder's index lists as ``id2label``; without that, labels have only numbers.

    Args:
        path: the index, for messages.
        index: its values.
        count: how many labels the model has.

    Raises:
        CheckpointError: they are malformed, or more than the model has.
    """
    with as_checkpoint_error(path):
        listed = convert(index.get("id2label") or {}, _Names, "id2label")
    names = sorted((int(number), " ".join(name.split())) for number, name in listed.items())
    if names and names[-1][0] >= count:
        raise CheckpointError(
            path,
            message("lists the label #{number}; the model has {count:,}", number=names[-1][0], count=count),
        )
    return Labels(count, tuple(names))


def _synonyms(joined: str) -> tuple[str, ...]:
    return tuple(name for part in joined.split(",") if (name := part.strip()))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", " ".join(text.split())).casefold()
