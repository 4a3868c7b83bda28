"""The ``parameters`` text by which AUTOMATIC1111's web UI and its many readers tell how a picture was made.

Three parts: the prompt, a line ``Negative prompt: ...`` where there is one, and a last line of ``Name: value`` pairs
in which values with commas, colons or line breaks are written as JSON strings. The text is for other programs: ours
reads its own JSON, which loses nothing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from studio.gallery.metadata import Json, PictureMetadata

SHORT_HASH = 10

# Readers compare a sampler's name with the ones they have; these two are written so there.
_SAMPLER_NAMES = {"ddim": "DDIM", "ddpm": "DDPM"}


def parameters_text(metadata: PictureMetadata, width: int, height: int) -> str:
    """Return the text for a picture of ``width`` x ``height`` pixels. What the request leaves open is left out."""
    request = metadata.request
    lines = [_text(request.get("prompt"))]
    negative = _text(request.get("negative"))
    if negative:
        lines.append(f"Negative prompt: {negative}")
    pairs = (f"{name}: {_quoted(value)}" for name, value in _pairs(metadata, width, height) if value)
    return "\n".join([*lines, ", ".join(pairs)])


def _pairs(metadata: PictureMetadata, width: int, height: int) -> Iterator[tuple[str, str]]:
    request = metadata.request
    sampler = _text(request.get("sampler"))
    options = request.get("options")
    yield "Steps", _number(request.get("steps"))
    yield "Sampler", _SAMPLER_NAMES.get(sampler, sampler)
    yield "CFG scale", _number(request.get("guidance"))
    yield "Seed", str(metadata.seed)
    yield "Size", f"{width}x{height}"
    yield "Model hash", metadata.model_sha256[:SHORT_HASH]
    yield "Model", metadata.model
    yield "Eta", _number(options.get("eta")) if isinstance(options, dict) else ""
    yield "Origin", str(metadata.origin or "")
    yield "Version", f"Stepwise Studio {metadata.versions.get('stepwise-studio', '')}".strip()


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Json) -> str:
    """Return the shortest text of a number (7, 7.5), "" for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    return str(int(value)) if value == int(value) else repr(value)


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if any(mark in value for mark in ',:\n\r"') else value
