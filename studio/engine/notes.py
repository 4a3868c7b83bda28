"""What of a request has no effect, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.backbones.text import split_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studio.engine.models import ReadyModel
    from studio.engine.requests import GenerateRequest


def notes_on(asked: GenerateRequest, resolved: GenerateRequest, ready: ReadyModel) -> tuple[str, ...]:
    """Return whole sentences on what of a request has no effect.

    Args:
        asked: the request as it came.
        resolved: the same, filled in.
        ready: the model.
    """
    encoder = ready.model.text_encoder
    if encoder is None:
        unused = asked.prompt or asked.negative or (asked.guidance is not None and asked.guidance != 1)
        said = f"The model {resolved.model!r} takes no text: prompt, negative prompt and guidance are unused."
        return (said,) if unused else ()
    notes = []
    if resolved.negative and resolved.guidance == 1:
        notes.append("At guidance 1 the negative prompt is unused.")
    for field, text in (("prompt", resolved.prompt), ("negative prompt", resolved.negative)):
        if len(split_words(text)) > encoder.config.words:
            notes.append(
                f"The model reads the first {encoder.config.words} words of the {field}, and no more."
            )
    return tuple(notes)


def said_once(notes: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Return the notes of all panes, each once; one that is not on every pane says on which it is."""
    places: dict[str, list[int]] = {}
    for place, of_one in enumerate(notes, start=1):
        for note in of_one:
            places.setdefault(note, []).append(place)
    return tuple(
        note
        if len(where) == len(notes)
        else f"Pane{'s' if len(where) > 1 else ''} {', '.join(map(str, where))}: {note}"
        for note, where in places.items()
    )
