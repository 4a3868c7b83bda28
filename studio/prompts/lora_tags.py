"""Finds and edits the LoRA tags in a prompt, which says what is applied. Importable without torch."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from studio.errors import RequestError
from studio.prompts.syntax import LoraTag, parse

_TAG: Final = re.compile(r"<lora:[^<>]*>")


@dataclass(frozen=True)
class PlacedTag:
    """A LoRA tag and where it stands.

    Attributes:
        start: the index of its first character.
        end: the index after its last.
        lora: what it asks for.
    """

    start: int
    end: int
    lora: LoraTag


def find_tags(prompt: str) -> tuple[PlacedTag, ...]:
    """Return the tags of a prompt that can be read, in their order."""
    found = []
    for match in _TAG.finditer(prompt):
        try:
            loras = parse(match.group()).loras
        except RequestError:
            continue
        found += [PlacedTag(match.start(), match.end(), lora) for lora in loras]
    return tuple(found)


def write_tag(lora: LoraTag) -> str:
    """Return the tag that asks for a LoRA."""
    if lora.text_weight == lora.weight:
        return f"<lora:{lora.name}:{_number(lora.weight)}>"
    return f"<lora:{lora.name}:{_number(lora.text_weight)}:{_number(lora.weight)}>"


def with_weight(prompt: str, tag: PlacedTag, weight: float) -> str:
    """Return a prompt with another weight for the U-Net in one of its tags.

    The weight for the text encoders follows if both were the same.
    """
    same = tag.lora.weight == tag.lora.text_weight
    lora = replace(tag.lora, weight=weight, text_weight=weight if same else tag.lora.text_weight)
    return prompt[: tag.start] + write_tag(lora) + prompt[tag.end :]


def with_lora_weight(prompt: str, name: str, weight: float) -> str:
    """Return a prompt with another weight in all tags of one LoRA."""
    for tag in reversed(find_tags(prompt)):
        if tag.lora.name == name:
            prompt = with_weight(prompt, tag, weight)
    return prompt


def without(prompt: str, tag: PlacedTag) -> str:
    """Return a prompt without one of its tags, and without the space or comma that it leaves behind."""
    before, after = prompt[: tag.start].rstrip(" "), prompt[tag.end :].lstrip(" ")
    if before.endswith(",") and (after.startswith(",") or not after):
        before = before[:-1].rstrip(" ")
    if not before:
        return after.lstrip(", ")
    return f"{before} {after}" if after and after[0] not in ",.\n" else before + after


def with_tag(prompt: str, name: str, weight: float = 1.0) -> str:
    """Return a prompt that also asks for a LoRA."""
    tag = write_tag(LoraTag(name, weight, weight))
    return f"{prompt.rstrip()} {tag}" if prompt.strip() else tag


def with_words(prompt: str, words: str) -> str:
    """Return a prompt with words added to its text, before the tags at its end."""
    tags = find_tags(prompt)
    end = len(prompt.rstrip())
    for tag in reversed(tags):
        if tag.end == end:
            end = len(prompt[: tag.start].rstrip())
    text, tail = prompt[:end].rstrip(", "), prompt[end:].strip()
    joined = f"{text}, {words}" if text else words
    return f"{joined} {tail}" if tail else joined


def _number(value: float) -> str:
    return f"{round(value, 3):g}"
