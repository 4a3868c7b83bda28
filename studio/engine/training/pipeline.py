"""A training from its request to the finished model: a generator of events that goes on where it was stopped.

Whatever the moment at which the process ends, the states on disk are whole, and going on from them gives the bits of a
training that was never stopped: what a step does depends on the weights, the seed and its number alone, and where the
processor's rounding has a say (the numbers of the backbone), the first start decides for all that follow.
"""

from __future__ import annotations

import dataclasses
import shutil
import time
from typing import TYPE_CHECKING

from studio.checkpoints.model import LoadCancelled
from studio.engine.training.estimate import Timing, correct_timing, estimate, read_timing, write_timing
from studio.engine.training.eta import Pace
from studio.engine.training.events import (
    CheckpointSaved,
    StageName,
    TrainEvent,
    TrainingFinished,
    TrainingPreparing,
    TrainingStarted,
    TrainingStopped,
)
from studio.engine.training.notes import find_note, notes_on
from studio.engine.training.outputs import TrainedModels
from studio.engine.training.plan import TrainPlan, plan_training
from studio.engine.training.rehearsal import machine_of, rehearse
from studio.engine.training.resumable import TrainingNote, folder_of
from studio.engine.training.runner import Drive
from studio.engine.training.stage import STATES
from studio.engine.training.stages import Classroom
from studio.engine.training.vocabulary import vocabulary_of
from studio.training.backbone_task import Precision
from studio.training.data.folder_source import Cancelled
from studio.training.data.training_data import Material, open_material

if TYPE_CHECKING:
    import threading
    from collections.abc import Generator, Iterator

    from studio.engine.device import Device
    from studio.engine.training.request import TrainEstimate, TrainRequest
    from studio.folders import Folders

CACHE_FOLDER = "pictures"


def train(
    request: TrainRequest, folders: Folders, device: Device, *, cancelled: threading.Event, job_id: str
) -> Iterator[TrainEvent]:
    """Train what a request asks for, going on where it was stopped before.

    Args:
        request: what to train.
        folders: the user's folders.
        device: where to train.
        cancelled: set it from any thread to stop: after at most one more step the state is saved.
        job_id: what every event carries.

    Yields:
        The training's events; see `studio.engine.training.events`. Not asking for the next one pauses it; closing the
        iterator drops what came after the last checkpoint.

    Raises:
        RequestError: a field of the request cannot be used.
        RecipeError: the source cannot be used, or there is nothing in it to learn from.
        CheckpointError: the base, or the state of this training, cannot be used.
        StorageError: something cannot be written; the last good checkpoint is whole.
        TrainingDivergedError: the loss is not a number, again and again.
    """
    training = _Training(request, folders, device, cancelled, job_id)
    try:
        yield from training.run()
    except (Cancelled, LoadCancelled):
        yield training.stopped()


def rehearse_training(
    request: TrainRequest, folders: Folders, device: Device, cancelled: threading.Event
) -> TrainEstimate:
    """Return what a training would take on a device; where nothing like it was measured, a few steps are taken.

    Raises:
        RequestError: a field of the request cannot be used.
        RecipeError: the recipe cannot be used.
        CheckpointError: the base cannot be used.
        LoadCancelled: ``cancelled`` was set.
    """
    plan = plan_training(request, folders, cancelled)
    for _ in _measure(request, plan, folders, device):
        if cancelled.is_set():
            raise LoadCancelled
    return estimate(request, folders.cache)


def _measure(
    request: TrainRequest, plan: TrainPlan, folders: Folders, device: Device
) -> Generator[str, None, Timing]:
    """Return what steps take here, from memory or from a rehearsal, which yields before each step."""
    timing = read_timing(request, folders.cache)
    if timing is None or timing.machine != machine_of(device):
        timing = yield from rehearse(plan, device)
        write_timing(request, timing, folders.cache)
    return timing


class _Training:
    def __init__(
        self,
        request: TrainRequest,
        folders: Folders,
        device: Device,
        cancelled: threading.Event,
        job_id: str,
    ) -> None:
        self._asked, self._folders, self._device = request, folders, device
        self._cancelled, self._job_id = cancelled, job_id
        self._begun = time.perf_counter()
        self._folder = folder_of(request.validate().name, folders)
        self._stage: StageName | None = None
        self._safe = 0
        self._model: str | None = None

    def run(self) -> Iterator[TrainEvent]:
        note = find_note(self._asked, self._folder, self._folders)
        plan = plan_training(self._asked, self._folders, self._cancelled)
        material = yield from self._open(plan)
        timing = yield from self._timing(plan)
        notes = notes_on(plan, material, note)
        if note is None:
            note = TrainingNote(request=self._asked, dtype=timing.dtype)
        note = dataclasses.replace(note, request=self._asked, data_sha256=material.data_sha256)
        models = TrainedModels(plan, self._folders)
        models.tell(
            pictures=material.pictures,
            data_sha256=material.data_sha256,
            words=vocabulary_of(material.source),
        )
        room = Classroom(
            plan, material, self._folder, self._device, Precision(note.dtype), self._cancelled, self._job_id
        )
        finished = note.finished and models.finished()
        if not finished:
            note.write(self._folder)
        yield TrainingStarted(
            job_id=self._job_id,
            request=plan.request,
            folder=self._folder,
            pictures=material.pictures,
            refused=len(material.refused),
            parameters=timing.parameters,
            resumed_at=plan.recipe.loop.steps if finished else room.done("backbone"),
            stages=plan.stages,
            device=self._device.label,
            dtype=note.dtype,
            notes=notes,
        )
        if not finished:
            yield from self._all_stages(plan, room, models, note, timing)
            if self._stage is not None and self._safe < room.steps(self._stage):
                yield self.stopped()
                return
        seconds = time.perf_counter() - self._begun
        yield TrainingFinished(
            job_id=self._job_id, steps=plan.recipe.loop.steps, model=self._asked.name, seconds=seconds
        )

    def stopped(self) -> TrainingStopped:
        return TrainingStopped(job_id=self._job_id, stage=self._stage, step=self._safe, model=self._model)

    def _open(self, plan: TrainPlan) -> Generator[TrainEvent, None, Material]:
        yield self._preparing("Reading the pictures")
        reading = open_material(plan.recipe, self._folders.cache / CACHE_FOLDER, self._cancelled)
        said = 0.0
        while True:
            try:
                done, total = next(reading)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            if time.monotonic() - said > 0.1 or done == total:
                said = time.monotonic()
                yield self._preparing("Reading the pictures", done, total)

    def _timing(self, plan: TrainPlan) -> Generator[TrainEvent, None, Timing]:
        trying = _measure(self._asked, plan, self._folders, self._device)
        while True:
            try:
                next(trying)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            yield self._preparing("Trying how fast this machine learns")
            if self._cancelled.is_set():
                raise Cancelled

    def _all_stages(
        self, plan: TrainPlan, room: Classroom, models: TrainedModels, note: TrainingNote, timing: Timing
    ) -> Iterator[TrainEvent]:
        pace = Pace({name: room.steps(name) for name in plan.stages}, timing.seconds)
        for name in plan.stages:
            if self._cancelled.is_set():
                raise Cancelled
            stage, shown = yield from room.open(name, models)
            self._stage, self._safe = name, stage.start
            told = dataclasses.replace(note, stage=name, steps=stage.config.steps)

            def keep(steps: int, told: TrainingNote = told) -> None:
                dataclasses.replace(told, step=steps, when=time.time()).write(self._folder)

            shown.keep = keep
            drive = Drive(
                name, stage, shown, plan.request, pace, job_id=self._job_id, cancelled=self._cancelled
            )
            try:
                for event in drive.run():
                    if isinstance(event, CheckpointSaved):
                        self._model = event.model
                    yield event
            finally:
                self._safe = drive.safe
            if (seconds := pace.measured(name)) is not None:
                timing = correct_timing(self._asked, timing, name, seconds, self._folders.cache)
            if drive.stopped:
                return
            room.close(name, stage)
        yield from self._finish(plan, room, models, note)

    def _finish(
        self, plan: TrainPlan, room: Classroom, models: TrainedModels, note: TrainingNote
    ) -> Iterator[TrainEvent]:
        steps = plan.recipe.loop.steps
        if not models.finished():
            name, folder = models.finish(steps, room.weights, room.codec)
            yield CheckpointSaved(job_id=self._job_id, step=steps, model=name, folder=folder)
        done = dataclasses.replace(
            note, stage="backbone", step=steps, steps=steps, when=time.time(), finished=True
        )
        done.write(self._folder)
        shutil.rmtree(self._folder / STATES, ignore_errors=True)  # several times as large as the model

    def _preparing(self, what: str, done: int = 0, total: int = 0) -> TrainingPreparing:
        return TrainingPreparing(job_id=self._job_id, what=what, done=done, total=total)
