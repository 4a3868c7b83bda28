"""The notes of trainings on disk, and the unfinished trainings that can be resumed.

The resume itself is in pipeline.py, stage.py and training/state.py. Importable without torch.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Self

from msgspec import Meta

from studio.checkpoints.catalog import list_models
from studio.engine.training.request import FORMAT_VERSION, STATES, TrainRequest
from studio.errors import RequestError, StorageError
from studio.messages import message
from studio.storage import write_file
from studio.strict_json import InvalidJsonError, convert, read_file, without_version

if TYPE_CHECKING:
    from pathlib import Path

    from studio.folders import Folders

NOTE_NAME = "training.json"
MAX_NOTE = 1_000_000


@dataclass(frozen=True, kw_only=True)
class ResumableTraining:
    """An unfinished training.

    Attributes:
        name: of the model.
        request: resumes it.
        stage: the stage it was in; empty before the first step.
        step: steps of that stage that are on disk.
        steps: number of steps of that stage.
        when: when its state was written, in seconds since 1970.
        folder: the folder of its note and state.
    """

    name: str
    request: TrainRequest
    stage: str
    step: int
    steps: int
    when: float
    folder: Path


_Steps = Annotated[int, Meta(ge=0)]


@dataclass(frozen=True, kw_only=True)
class TrainingNote:
    """The file ``training.json`` beside the states of a training.

    Attributes:
        request: as it was given.
        data_sha256: hash of pictures and captions.
        dtype: the precision of the backbone, kept so that a resumed training gives the same bits.
        stage: the stage it was in.
        step: steps of that stage that are on disk.
        steps: number of steps of that stage.
        when: when this was written, in seconds since 1970.
        finished: whether all stages are done.
        fits_codec_statistics: whether the codec's statistics are fitted to its averaged weights; trainings that were
            started by a version before this field keep those of the last step.
    """

    request: TrainRequest
    data_sha256: str = ""
    dtype: str = "float32"
    stage: str = ""
    step: _Steps = 0
    steps: _Steps = 0
    when: float = 0.0
    finished: bool = False
    fits_codec_statistics: bool = False

    def write(self, folder: Path) -> None:
        """Write the file into a training's folder; raises StorageError."""
        values = {**vars(self), "request": self.request.to_dict()}
        write_file(folder / NOTE_NAME, (json.dumps(values, indent=1) + "\n").encode())

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Return the note in a training's folder; None where there is none, or none that can be read."""
        try:
            values = read_file(folder / NOTE_NAME, dict[str, Any], MAX_NOTE)
            request = TrainRequest.from_dict(convert(values.pop("request", {}), dict[str, Any]))
            return convert({"fits_codec_statistics": False, **values, "request": request}, cls, complete=True)
        except (StorageError, RequestError, InvalidJsonError):
            return None


def folder_of(name: str, folders: Folders) -> Path:
    """Return the folder of a training's note and state."""
    return folders.models / STATES / name


def resumable(folders: Folders) -> tuple[ResumableTraining, ...]:
    """Return all unfinished trainings, the latest first."""
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


def _is_newer(folder: Path) -> bool:
    """Whether a newer version of the program wrote the note in a folder, which must then not be overwritten."""
    try:
        values = read_file(folder / NOTE_NAME, dict[str, Any], MAX_NOTE)
        without_version(values.get("request"), FORMAT_VERSION, "version", optional=True)
    except InvalidJsonError as error:
        return error.kind == "newer"
    except StorageError:
        pass
    return False


def find_note(request: TrainRequest, folder: Path, folders: Folders) -> TrainingNote | None:
    """Return the note of a training that is to be resumed; None for a new one.

    Args:
        request: what to train.
        folder: where the note would be.
        folders: the user's folders.

    Raises:
        RequestError: the name is that of another training, of one of a newer version of the program, or of a model.
    """
    name, note = request.name, TrainingNote.read(folder)
    if note is None and _is_newer(folder):
        reason = message(
            "{name} is the name of a training of a newer Stepwise Studio; choose another name",
            name=repr(name),
        )
        raise RequestError("name", reason)
    if note is not None and not note.request.same_training(request):
        if not note.stage:
            reason = message(
                "{name} is the name of another training, which has not begun its first step; resume that one, or "
                "choose another name",
                name=repr(name),
            )
        else:
            reason = message(
                "{name} is the name of another training, which is at step {step:,} of {steps:,} of the {stage}; resume "
                "that one, or choose another name",
                name=repr(name),
                step=note.step,
                steps=note.steps,
                stage=note.stage,
            )
        raise RequestError("name", reason)
    taken = name in {model.name for model in list_models(folders)} or (folders.models / name).exists()
    if taken and note is None:
        raise RequestError(
            "name", message("{name} is the name of a model already; choose another", name=repr(name))
        )
    if note is not None and note.finished and not taken:
        return None  # the finished model was deleted: train it again
    return note
