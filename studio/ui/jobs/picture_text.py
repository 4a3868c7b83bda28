"""Texts about a finished picture, translated: plain text, on one line where it stands in a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from studio.diffusion.samplers import SAMPLERS
from studio.errors import shorten
from studio.ui.language import tr

if TYPE_CHECKING:
    from studio.gallery.index import Entry
    from studio.gallery.metadata import PictureMetadata


def no_prompt() -> str:
    """Return what stands in place of a prompt that is missing."""
    return tr("No prompt")


def prompt_of(metadata: PictureMetadata) -> str:
    """Return the prompt; "" if the file has none, or one that is not text."""
    prompt = metadata.request.get("prompt")
    return prompt if isinstance(prompt, str) else ""


def one_line(text: str) -> str:
    """Return ``text`` with every run of spaces and line breaks as one space."""
    return " ".join(text.split())


def sampler_title(name: object) -> str:
    """Return the title of a sampler; an unknown name as it is, "" for anything but a name."""
    if not isinstance(name, str):
        return ""
    return tr(SAMPLERS[name].title) if name in SAMPLERS else name


def summary(metadata: PictureMetadata) -> str:
    """Return how a picture was made, such as "DDIM, 30 steps, guidance 4, seed 7"."""
    request = metadata.request
    steps, guidance = request.get("steps"), request.get("guidance")
    parts = [
        sampler_title(request.get("sampler")),
        tr("{steps} steps", steps=steps) if _is_number(steps) else "",
        tr("guidance {guidance}", guidance=plain_number(guidance)) if _is_number(guidance) else "",
        tr("seed {seed}", seed=metadata.seed),
    ]
    return ", ".join(part for part in parts if part)


def tile_tip(entry: Entry, fault: str = "") -> str:
    """Return the tooltip of a picture: prompt, settings, and the error if it cannot be shown, one a line."""
    prompt = shorten(prompt_of(entry.metadata).strip(), 400) or no_prompt()
    return "\n".join(line for line in (prompt, summary(entry.metadata), tr(fault)) if line)


def accessible_text(entry: Entry) -> str:
    """Return what a screen reader says of a picture."""
    prompt = one_line(prompt_of(entry.metadata)) or no_prompt()
    if entry.missing:
        return tr(
            "{prompt}, {summary}, the file cannot be found", prompt=prompt, summary=summary(entry.metadata)
        )
    return tr("{prompt}, {summary}", prompt=prompt, summary=summary(entry.metadata))


def plain_number(value: Any) -> str:  # noqa: ANN401 - JSON can hold anything
    """Return the shortest text of a number (7, 7.5); "" for anything else."""
    if not _is_number(value):
        return ""
    return f"{value:g}" if abs(value) < 1e6 else str(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
