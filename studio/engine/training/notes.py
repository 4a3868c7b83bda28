"""What is known of a training before its first step: where it stood, and what its user should see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.checkpoints.catalog import list_models
from studio.engine.training.resumable import TrainingNote
from studio.errors import RequestError

if TYPE_CHECKING:
    from pathlib import Path

    from studio.engine.training.plan import TrainPlan
    from studio.engine.training.request import TrainRequest
    from studio.folders import Folders
    from studio.training.data.training_data import Material


def find_note(asked: TrainRequest, folder: Path, folders: Folders) -> TrainingNote | None:
    """Return what a training left when it was stopped; None where it begins.

    Args:
        asked: what to train.
        folder: where its state rests, if there is one.
        folders: the user's folders.

    Raises:
        RequestError: the name is that of another training, or of a model.
    """
    name, note = asked.name, TrainingNote.read(folder)
    if note is not None and not note.request.same_training(asked):
        where = (
            f"at step {note.step:,} of {note.steps:,} of the {note.stage}"
            if note.stage
            else "at its beginning"
        )
        raise RequestError(
            "name",
            f"{name!r} is that of another training, which stands {where}; go on with that one, or choose another name",
        )
    taken = name in {model.name for model in list_models(folders)} or (folders.models / name).exists()
    if taken and note is None:
        raise RequestError("name", f"{name!r} is that of a model already; choose another")
    if note is not None and note.finished and not taken:
        return None  # the finished model was taken away: train it again
    return note


def notes_on(plan: TrainPlan, material: Material, note: TrainingNote | None) -> tuple[str, ...]:
    """Return the sentences that a user should see before the first step."""
    notes = []
    if material.refused:
        first = material.refused[0].sentence
        more = f" (and {len(material.refused) - 1:,} more)" if len(material.refused) > 1 else ""
        notes.append(f"Not used: {first.rstrip('.')}{more}.")
    if material.pictures < 10:
        count = "one picture" if material.pictures == 1 else f"{material.pictures} pictures"
        notes.append(
            f"There {'is' if material.pictures == 1 else 'are'} only {count}, which the model will repeat."
        )
    if note is not None and note.data_sha256 not in ("", material.data_sha256):
        notes.append(
            "The pictures or captions changed since this training was stopped; it goes on with the new ones."
        )
    if plan.base is not None:
        notes.append(
            f"Goes on from {plan.base.card.title!r}, with its size, schedule, codec and way of reading text."
        )
    return tuple(notes)
