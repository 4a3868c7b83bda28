"""Notes on the parts of a request that have no effect, or not the one that is expected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.diffusion.prediction import MAX_ERROR_FACTOR, error_factor
from studio.diffusion.spacings import leading
from studio.engine.requests.adapters import ResolvedPrompts, text_of
from studio.messages import Message, message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studio.engine.requests.fork import StartState
    from studio.engine.requests.generate import GenerateRequest
    from studio.engine.sampling.models import ReadyModel


def notes_on(
    asked: GenerateRequest,
    resolved: GenerateRequest,
    ready: ReadyModel,
    start: StartState | None = None,
    prompts: ResolvedPrompts | None = None,
) -> tuple[Message, ...]:
    """Return one sentence for each part of a request that has no effect, or not the one that is expected.

    Args:
        asked: the request as given.
        resolved: the same, resolved.
        ready: the model.
        start: the state that the run continues from; None: it starts from noise.
        prompts: how its prompts are read; None: as the request says, and they refer to no files.
    """
    first = _first_time(resolved, ready, start)
    found = ResolvedPrompts(text=text_of(resolved)) if prompts is None else prompts
    return (*_notes_on_text(asked, resolved, ready, found), *_notes_on_start(ready, first))


def _first_time(resolved: GenerateRequest, ready: ReadyModel, start: StartState | None) -> float:
    if start is not None:
        return start.times[0]
    schedule = ready.model.schedule
    if resolved.spacing == "leading":
        return leading(schedule.T, resolved.steps or 1, schedule.steps_offset)[0]
    return schedule.noisiest  # where every other spacing starts


def _notes_on_start(ready: ReadyModel, first: float) -> tuple[Message, ...]:
    card, schedule = ready.model.card, ready.model.schedule
    factor = error_factor(card.prediction, schedule.alpha(first), schedule.sigma(first))
    if card.clip or factor <= MAX_ERROR_FACTOR:
        return ()
    note = message(
        "At the first time of this run hardly any signal is left, and the errors of a model that predicts the noise "
        "are multiplied by {factor:,.0f}. The spacing leading starts at a lower noise level.",
        factor=factor,
    )
    return (note,)


def _notes_on_text(
    asked: GenerateRequest, resolved: GenerateRequest, ready: ReadyModel, prompts: ResolvedPrompts
) -> tuple[Message, ...]:
    if ready.model.card.text is None:
        unused = asked.prompt or asked.negative or (asked.guidance is not None and asked.guidance != 1)
        note = message(
            "The model {model} takes no text: prompt, negative prompt and guidance are unused.",
            model=repr(resolved.model),
        )
        return (note,) if unused else ()
    notes = []
    if ready.model.card.text_defaults is None and (asked.emphasis, asked.clip_skip) != (None, None):
        notes.append(
            message(
                "The model {model} does not read prompts with CLIP: emphasis and clip skip are unused.",
                model=repr(resolved.model),
            )
        )
    if resolved.negative and resolved.guidance == 1:
        notes.append(message("At guidance 1 the negative prompt is unused."))
    of_model = ready.model.prompt_notes(resolved.prompt, resolved.negative, prompts.text)
    return (*notes, *prompts.notes, *of_model)


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
