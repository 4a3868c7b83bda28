"""What is said of a picture in words: plain text, in one line where it stands among others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from studio.diffusion.samplers import SAMPLERS
from studio.errors import shorten

if TYPE_CHECKING:
    from studio.gallery.index import Entry
    from studio.gallery.metadata import PictureMetadata

NO_PROMPT = "No prompt"


def prompt_of(metadata: PictureMetadata) -> str:
    """Return the prompt; "" where there is none, and for what is no text."""
    prompt = metadata.request.get("prompt")
    return prompt if isinstance(prompt, str) else ""


def one_line(text: str) -> str:
    """Return ``text`` with every run of blanks and line breaks as one blank."""
    return " ".join(text.split())


def sampler_title(name: object) -> str:
    """Return a sampler's name for people; an unknown name as it is, "" for what is no name."""
    if not isinstance(name, str):
        return ""
    return SAMPLERS[name].title if name in SAMPLERS else name


def summary(metadata: PictureMetadata) -> str:
    """Return how a picture was made, such as "DDIM, 30 steps, guidance 4, seed 7"."""
    request = metadata.request
    steps, guidance = request.get("steps"), request.get("guidance")
    parts = [
        sampler_title(request.get("sampler")),
        f"{steps} steps" if _is_number(steps) else "",
        f"guidance {plain_number(guidance)}" if _is_number(guidance) else "",
        f"seed {metadata.seed}",
    ]
    return ", ".join(part for part in parts if part)


def tile_tip(entry: Entry, fault: str = "") -> str:
    """Return what a tooltip says of a picture, and why there is none where that is so."""
    prompt = shorten(prompt_of(entry.metadata).strip(), 400) or NO_PROMPT
    return "\n".join(line for line in (prompt, summary(entry.metadata), fault) if line)


def accessible_text(entry: Entry) -> str:
    """Return what a screen reader says of a picture."""
    prompt = one_line(prompt_of(entry.metadata)) or NO_PROMPT
    gone = ", the file cannot be found" if entry.missing else ""
    return f"{prompt}, {summary(entry.metadata)}{gone}"


def plain_number(value: Any) -> str:  # noqa: ANN401 - JSON is whatever it is
    """Return the shortest text of a number (7, 7.5); "" for anything else."""
    if not _is_number(value):
        return ""
    return f"{value:g}" if abs(value) < 1e6 else str(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
