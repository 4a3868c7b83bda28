"""Notes on the parts of a request that have no effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.messages import Message, message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studio.engine.requests.generate import GenerateRequest
    from studio.engine.sampling.models import ReadyModel


def notes_on(asked: GenerateRequest, resolved: GenerateRequest, ready: ReadyModel) -> tuple[Message, ...]:
    """Return one sentence for each part of a request that has no effect.

    Args:
        asked: the request as given.
        resolved: the same, resolved.
        ready: the model.
    """
    if ready.model.card.text is None:
        unused = asked.prompt or asked.negative or (asked.guidance is not None and asked.guidance != 1)
        note = message(
            "The model {model} takes no text: prompt, negative prompt and guidance are unused.",
            model=repr(resolved.model),
        )
        return (note,) if unused else ()
    notes = []
    if resolved.negative and resolved.guidance == 1:
        notes.append(message("At guidance 1 the negative prompt is unused."))
    return (*notes, *ready.model.prompt_notes(resolved.prompt, resolved.negative))


def merge_notes(notes: Sequence[Sequence[Message]]) -> tuple[Message, ...]:
    """Return the notes of all panes, each once; one that does not concern every pane names those it does."""
    panes: dict[Message, list[int]] = {}
    for pane, of_pane in enumerate(notes, start=1):
        for note in of_pane:
            panes.setdefault(note, []).append(pane)
    return tuple(_for_panes(note, concerned, len(notes)) for note, concerned in panes.items())


def _for_panes(note: Message, panes: Sequence[int], count: int) -> Message:
    if len(panes) == count:
        return note
    if len(panes) == 1:
        return message("Pane {pane}: {note}", pane=panes[0], note=note)
    return message("Panes {panes}: {note}", panes=", ".join(map(str, panes)), note=note)
