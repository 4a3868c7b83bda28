"""How much of what CLIP reads at once a prompt takes. Importable without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.prompts.chunks import TEXT_TOKENS, count_tokens, split, tokenize
from studio.prompts.clip_tokenizer import clip_tokenizer
from studio.prompts.scripts import foreign_script
from studio.prompts.syntax import parse

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class PromptLength:
    """The length of a prompt.

    Attributes:
        tokens: of its text, without start, end and padding.
        room: what its chunks hold: 75 each, at least one.
        script: the script that most of its letters belong to if that is not Latin, such as "Hangul"; else None.
    """

    tokens: int
    room: int
    script: str | None = None


def measure(prompt: str, inversions: Mapping[str, int] | None = None, field: str = "prompt") -> PromptLength:
    """Return the length of a prompt.

    Args:
        prompt: as it was typed.
        inversions: the textual inversions that are installed, as in `studio.prompts.chunks.tokenize`.
        field: the prompt's name in an error.

    Raises:
        RequestError: as `parse` and `tokenize`.
    """
    parsed = parse(prompt, field)
    tokens = tokenize(parsed.sections, clip_tokenizer(), inversions, field)
    return PromptLength(count_tokens(tokens), TEXT_TOKENS * len(split(tokens)), foreign_script(parsed.text))
