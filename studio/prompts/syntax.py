r"""The syntax of a prompt: emphasis, BREAK, LoRA tags and escapes.

    (word)      weight times 1.1; nests
    (word:1.3)  weight times 1.3
    [word]      weight divided by 1.1
    \( \) \[ \] \\   the character itself
    BREAK       the following words begin a new chunk
    <lora:name:0.8>  apply a LoRA; not part of the text

Brackets that are never closed act up to the end of the prompt, and those that were never opened are text, as in
AUTOMATIC1111's web UI. Its syntax for prompts that change from step to step ([a:b:0.5], [a|b], AND) is refused: taken
as text it would give an unintended picture. Importable without torch.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from studio.errors import RequestError
from studio.messages import Message, message

EMPHASIS: Final = 1.1
MAX_WEIGHT: Final = 100.0

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_PIECE: Final = re.compile(
    rf"""
      \\(?P<escaped>[()\[\]\\])
    | :\s*(?P<weight>{_NUMBER})\s*\)
    | <(?P<tag>[A-Za-z]+):(?P<arguments>[^<>]*)>
    | (?P<bracket>[()\[\]])
    | (?P<text>[^\\()\[\]:<]+|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_BREAK: Final = re.compile(r"\s*\bBREAK\b\s*")
_AND: Final = re.compile(r"\bAND\b")
_SCHEDULED: Final = re.compile(rf":\s*{_NUMBER}\s*\Z")
_FOREIGN_TAGS: Final = ("hypernet", "lyco")


@dataclass(frozen=True)
class Span:
    """A piece of text and the weight of its tokens."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True)
class LoraTag:
    """A LoRA that the prompt asks for.

    Attributes:
        name: of its file, without folder and ending.
        weight: of its changes to the U-Net.
        text_weight: of its changes to the text encoders.
    """

    name: str
    weight: float = 1.0
    text_weight: float = 1.0


@dataclass(frozen=True)
class ParsedPrompt:
    """A prompt's parts.

    Attributes:
        sections: the spans between one BREAK and the next; at least one section, which may be empty.
        loras: in the order of the prompt.
    """

    sections: tuple[tuple[Span, ...], ...]
    loras: tuple[LoraTag, ...] = ()

    @property
    def text(self) -> str:
        """The text alone, without weights, tags and BREAK."""
        return " ".join("".join(span.text for span in section) for section in self.sections)


@dataclass
class _Open:
    """An opening bracket: which, the number of spans before it, and the text since, as it was written."""

    bracket: str
    first: int
    written: str = ""
    alternates: bool = False


def parse(prompt: str, field: str = "prompt") -> ParsedPrompt:
    """Parse a prompt.

    Args:
        prompt: as it was typed.
        field: its name in an error.

    Raises:
        RequestError: the prompt uses syntax that this program does not have, or a weight is too large.
    """
    spans: list[Span] = []
    loras: list[LoraTag] = []
    opened: list[_Open] = []

    def scale(first: int, factor: float) -> None:
        if abs(factor) > MAX_WEIGHT:
            raise RequestError(field, message("has a weight above {most:g}", most=MAX_WEIGHT))
        spans[first:] = [Span(span.text, span.weight * factor) for span in spans[first:]]

    for piece in _PIECE.finditer(prompt):
        written, kind = piece.group(), piece.lastgroup
        innermost = opened[-1] if opened else None
        if kind == "bracket" and written in "([":
            opened.append(_Open(written, len(spans)))
            continue
        if kind == "bracket" and innermost is not None and innermost.bracket + written in ("()", "[]"):
            _check_brackets(innermost, field)
            scale(innermost.first, EMPHASIS if written == ")" else 1 / EMPHASIS)
            _close(opened, written)
            continue
        if kind == "weight" and innermost is not None and innermost.bracket == "(":
            scale(innermost.first, float(piece["weight"]))
            _close(opened, written)
            continue
        if kind == "arguments" and (lora := _lora(piece["tag"], piece["arguments"], field)) is not None:
            loras.append(lora)
            continue
        text = piece["escaped"] if kind == "escaped" else written
        if kind != "escaped" and innermost is not None:
            innermost.alternates |= "|" in text
        if kind == "text" and _AND.search(text):
            raise _unknown(field, message("AND between prompts"), message("write it in small letters"))
        if innermost is not None:
            innermost.written += written
        spans.append(Span(text))
    for one in reversed(opened):
        scale(one.first, EMPHASIS if one.bracket == "(" else 1 / EMPHASIS)
    return ParsedPrompt(_sections(spans), tuple(loras))


def _close(opened: list[_Open], closing: str) -> None:
    """Remove the innermost bracket; what it contains is part of the bracket around it."""
    inner = opened.pop()
    if opened:
        opened[-1].written += inner.bracket + inner.written + closing


def _check_brackets(closed: _Open, field: str) -> None:
    """Refuse square brackets whose contents would change during sampling."""
    if closed.bracket != "[":
        return
    if closed.alternates:
        raise _unknown(field, message("[a|b], which alternates between prompts"), message("remove the |"))
    if _SCHEDULED.search(closed.written):
        what = message("[a:b:0.5], which changes the prompt while sampling")
        raise _unknown(field, what, message("for a weight, write (a:0.5)"))


def _unknown(field: str, what: Message, advice: Message) -> RequestError:
    reason = message("uses {syntax}; this program does not have it ({advice})", syntax=what, advice=advice)
    return RequestError(field, reason)


def _lora(tag: str, arguments: str, field: str) -> LoraTag | None:
    """Return what a tag asks for; None if it is text."""
    if tag in _FOREIGN_TAGS:
        raise _unknown(field, message("<{tag}:...>", tag=tag), message("remove it"))
    if tag != "lora":
        return None
    name, *rest = (argument.strip() for argument in arguments.split(":"))
    named = dict(argument.split("=", 1) for argument in rest if "=" in argument)
    listed = [argument for argument in rest if "=" not in argument]
    try:
        # With two numbers the first is that of the text encoders.
        text_weight = float(named.pop("te", listed[0] if listed else 1.0))
        weight = float(named.pop("unet", listed[1] if len(listed) > 1 else text_weight))
    except ValueError:
        weight = text_weight = math.nan
    if (
        not name
        or named
        or len(listed) > 2
        or not (abs(weight) <= MAX_WEIGHT and abs(text_weight) <= MAX_WEIGHT)
    ):
        reason = message(
            "has a LoRA tag that cannot be read: {tag}; write <lora:name:0.8>", tag=f"<lora:{arguments}>"
        )
        raise RequestError(field, reason)
    return LoraTag(name, weight, text_weight)


def _sections(spans: list[Span]) -> tuple[tuple[Span, ...], ...]:
    """Join neighbours of one weight, and split at BREAK."""
    sections: list[list[Span]] = [[]]
    for weight, group in groupby(spans, key=lambda span: span.weight):
        first, *others = _BREAK.split("".join(span.text for span in group))
        sections[-1].append(Span(first, weight))
        sections += [[Span(text, weight)] for text in others]
    return tuple(tuple(span for span in section if span.text) for section in sections)
