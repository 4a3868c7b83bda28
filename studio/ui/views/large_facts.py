"""What is told of a picture that is shown large: labels and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING

from studio.diffusion.samplers import SAMPLERS
from studio.ui.jobs.picture_text import NO_PROMPT, plain_number, prompt_of, sampler_title

if TYPE_CHECKING:
    from collections.abc import Iterator

    from studio.gallery.entry import Entry

FILE = "File"

Fact = tuple[str, str]


def long_facts(entry: Entry) -> list[Fact]:
    """Return the texts, which take a line of their own."""
    negative = entry.metadata.request.get("negative")
    prompt = prompt_of(entry.metadata).strip() or NO_PROMPT
    return [
        ("Prompt", prompt),
        *([("Negative prompt", negative)] if isinstance(negative, str) and negative else []),
    ]


def short_facts(entry: Entry) -> list[Fact]:
    """Return the settings and what making the picture took."""
    metadata = entry.metadata
    request = metadata.request
    facts = [
        ("Model", metadata.model),
        ("Sampler", sampler_title(request.get("sampler"))),
        *_options(request.get("sampler"), request.get("options")),
        ("Steps", plain_number(request.get("steps"))),
        ("Spacing", _text(request.get("spacing"))),
        ("Guidance", plain_number(request.get("guidance"))),
        ("Seed", str(metadata.seed)),
        ("Size", f"{entry.width} × {entry.height}"),
        ("Model calls", f"{metadata.model_calls:,}"),
        ("Time", f"{metadata.seconds:.1f} s"),
        ("Device", f"{metadata.device}, {metadata.dtype}"),
        ("Made", metadata.created.astimezone().strftime("%Y-%m-%d %H:%M")),
        (FILE, entry.path.name),
    ]
    return [(label, value) for label, value in facts if value]


def _options(sampler: object, values: object) -> Iterator[Fact]:
    """Yield a sampler's own options under the labels their controls have."""
    if not isinstance(values, Mapping):
        return
    labels = {}
    if isinstance(sampler, str) and sampler in SAMPLERS:
        labels = {item.name: item.metadata["label"] for item in fields(SAMPLERS[sampler].Options)}
    for name, value in values.items():
        yield str(labels.get(name, name)), plain_number(value) or _text(value)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
