"""Trainings that were stopped, or cut off, and can go on. Importable without torch."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from studio.checkpoints.files import read_small
from studio.engine.training.request import STATES, TrainRequest
from studio.errors import CheckpointError, RequestError
from studio.storage import ensure_folder, write_files

if TYPE_CHECKING:
    from pathlib import Path

    from studio.folders import Folders

NOTE_NAME = "training.json"
MAX_NOTE = 1_000_000


@dataclass(frozen=True, kw_only=True)
class ResumableTraining:
    """A training that is not finished.

    Attributes:
        name: of the model.
        request: goes on with it.
        stage: where it stood; empty before the first step.
        step: steps of that stage that are safe.
        steps: how many that stage has.
        when: when its state was written, in seconds since 1970.
        folder: where its state rests.
    """

    name: str
    request: TrainRequest
    stage: str
    step: int
    steps: int
    when: float
    folder: Path


@dataclass(frozen=True, kw_only=True)
class TrainingNote:
    """What lies beside the states of a training: the file ``training.json``.

    Attributes:
        request: as it was given.
        data_sha256: of pictures and captions.
        dtype: the numbers that the backbone learns in, kept so that going on gives the same bits.
        stage: where it stood.
        step: steps of it that are safe.
        steps: how many it has.
        when: when this was written, in seconds since 1970.
        finished: whether all is done.
    """

    request: TrainRequest
    data_sha256: str = ""
    dtype: str = "float32"
    stage: str = ""
    step: int = 0
    steps: int = 0
    when: float = 0.0
    finished: bool = False

    def write(self, folder: Path) -> None:
        """Write the file into a training's folder, whole or not at all; raises StorageError."""
        values = {**vars(self), "request": self.request.to_dict()}
        write_files({ensure_folder(folder) / NOTE_NAME: (json.dumps(values, indent=1) + "\n").encode()})

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Return what a training's folder holds; None where there is none, or none that can be read."""
        try:
            values: Any = json.loads(read_small(folder / NOTE_NAME, MAX_NOTE))
            note = cls(**{**values, "request": TrainRequest.from_dict(values["request"])})
        except (CheckpointError, RequestError, ValueError, TypeError, KeyError, RecursionError):
            return None
        kinds = {"data_sha256": str, "dtype": str, "stage": str, "step": int, "steps": int, "finished": bool}
        right = all(type(values.get(name)) is kind for name, kind in kinds.items())
        return note if right and type(values.get("when")) in (int, float) else None


def folder_of(name: str, folders: Folders) -> Path:
    """Return where the training of a model keeps its state."""
    return folders.models / STATES / name


def resumable(folders: Folders) -> tuple[ResumableTraining, ...]:
    """Return every training that is not finished, the latest first."""
    try:
        places = [path for path in (folders.models / STATES).iterdir() if path.is_dir()]
    except OSError:
        return ()
    found = []
    for place in places:
        note = TrainingNote.read(place)
        if note is not None and not note.finished and note.request.name == place.name:
            found.append(
                ResumableTraining(
                    name=place.name,
                    request=note.request,
                    stage=note.stage,
                    step=note.step,
                    steps=note.steps,
                    when=float(note.when),
                    folder=place,
                )
            )
    return tuple(sorted(found, key=lambda training: -training.when))
