"""A training from its request to the finished model: a generator of events that can be stopped and resumed.

Whenever the process ends, the states on disk are complete, and resuming from them gives bit for bit the training that
was never stopped: what a step does depends only on the weights, the seed and its number. Where rounding has a say (the
precision of the backbone), the first start decides for all later ones.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from studio.backbones.codec import Codec
from studio.checkpoints import native
from studio.checkpoints.folder import CARD_NAME
from studio.checkpoints.preview import PREVIEW_CARD, save_preview
from studio.diffusion.prediction import MAX_ERROR_FACTOR
from studio.engine.memory import is_out_of_memory
from studio.engine.training.estimate import (
    EtaEstimator,
    Timing,
    estimate,
    read_timing,
    update_timing,
    write_timing,
)
from studio.engine.training.events import (
    CheckpointSaved,
    StageName,
    TrainEvent,
    TrainingFinished,
    TrainingPreparing,
    TrainingRecovered,
    TrainingSampled,
    TrainingStarted,
    TrainingStepped,
    TrainingStopped,
)
from studio.engine.training.history import HistoryLog
from studio.engine.training.outputs import CheckpointFolders, RecipeFolder
from studio.engine.training.plan import plan_recipe, plan_training
from studio.engine.training.rehearsal import machine_of, rehearse
from studio.engine.training.resumable import TrainingNote, find_note, folder_of
from studio.engine.training.stage import Stage, StageRunner, TrainingMemoryError, saved_steps
from studio.engine.training.stage_factory import StageFactory
from studio.engine.training.vocabulary import vocabulary_of
from studio.errors import CheckpointError, RecipeError
from studio.messages import message
from studio.training.backbone_task import Autocast
from studio.training.data.folder_source import Cancelled
from studio.training.data.inspect import without_period
from studio.training.data.training_data import open_source, open_training_data
from studio.training.distillation import preview_task
from studio.weights.files import LoadCancelled

if TYPE_CHECKING:
    import threading
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from studio.engine.device.device import Device
    from studio.engine.training.outputs import ModelOutput
    from studio.engine.training.plan import TrainPlan
    from studio.engine.training.request import TrainEstimate, TrainRequest
    from studio.folders import Folders
    from studio.training.data.training_data import TrainingData

CACHE_FOLDER = "pictures"
STATES_FOLDER = "training"
POOL_NAME = "pool.safetensors"
FEW_PICTURES = 10
"""Fewer pictures are pointed out: the model will repeat them."""


def train(
    request: TrainRequest,
    folders: Folders,
    device: Device,
    *,
    cancelled: threading.Event,
    job_id: str,
    recipe_folder: Path | None = None,
) -> Iterator[TrainEvent]:
    """Run the training of a request, resuming a previous one if there is one.

    Args:
        request: what to train.
        folders: the user's folders.
        device: where to train.
        cancelled: set it from any thread to stop: the state is saved after at most one more step.
        job_id: of every event.
        recipe_folder: of a recipe: write its model here, overwriting it at every checkpoint, with the states beside it;
            the backbone is trained in float32 and name and title are those of the recipe. None: each checkpoint is an
            installed model of its own.

    Yields:
        The training's events; see `studio.engine.training.events`. It is paused until the next event is requested.
        Closing the iterator discards the steps since the last checkpoint.

    Raises:
        RequestError: a field of the request cannot be used.
        RecipeError: the source cannot be used, or holds nothing to learn from.
        CheckpointError: the base model, or the state of this training, cannot be used.
        StorageError: something cannot be written; the last checkpoint is intact.
        TrainingDivergedError: the loss diverged again after every recovery.
        TrainingMemoryError: the device ran out of memory.
    """
    files = _TrainingFiles.of(request, folders, recipe_folder)
    training = TrainingPipeline(request, folders, device, files, cancelled=cancelled, job_id=job_id)
    try:
        with _as_memory_error(device):
            yield from training.run()
    except (Cancelled, LoadCancelled):
        yield training.stopped()


def rehearse_training(
    request: TrainRequest, folders: Folders, device: Device, cancelled: threading.Event
) -> TrainEstimate:
    """Estimate a training on a device; runs and times a few steps unless a similar training was measured before.

    Raises:
        RequestError: a field of the request cannot be used.
        RecipeError: the recipe cannot be used.
        CheckpointError: the base model cannot be used.
        LoadCancelled: ``cancelled`` was set.
        TrainingMemoryError: the device ran out of memory.
    """
    with _as_memory_error(device):
        plan = plan_training(request, folders, cancelled)
        for _ in _measure(request, plan, folders, device):
            if cancelled.is_set():
                raise LoadCancelled
    return estimate(request, folders.cache)


def train_preview_decoder(
    request: TrainRequest, folder: Path, device: Device, *, cancelled: threading.Event, job_id: str
) -> Iterator[TrainEvent]:
    """Train only the preview decoder of a recipe, for a finished model; no other file of the model is changed.

    Args:
        request: its source is the recipe of the model.
        folder: the model's folder, which also holds the states.
        device: where to train.
        cancelled: set it from any thread to stop.
        job_id: of every event.

    Yields:
        `TrainingStepped` and other events of the stage, and `TrainingFinished` or `TrainingStopped`.

    Raises:
        RecipeError: the recipe trains no preview decoder, or its data cannot be used.
        CheckpointError: the folder holds no model, or one without a codec, or a state of another recipe.
        StorageError: something cannot be written.
        TrainingDivergedError: the loss diverged again after every recovery.
        TrainingMemoryError: the device ran out of memory.
    """
    started = time.perf_counter()
    recipe = plan_recipe(request).recipe
    if recipe.preview is None or recipe.preview_loop is None:
        raise RecipeError(
            recipe.path, message("has no section [preview_train], so there is no preview to train")
        )
    codec = native.load(folder, device=device.torch_name).codec
    if not isinstance(codec, Codec):
        reason = message("is of a pixel-space model, whose previews need no decoder")
        raise CheckpointError(folder / CARD_NAME, reason)
    if (codec.channels, codec.downscale) != (recipe.preview.channels, recipe.preview.downscale):
        raise RecipeError(
            recipe.path, message("describes another codec than that of the model in the folder")
        )
    config = recipe.preview_loop
    with _as_memory_error(device):
        module, loss = preview_task(recipe, open_source(recipe), codec, torch.device(device.torch_name))
        stage = Stage("preview", module, loss, config, folder / STATES_FOLDER)
        eta = EtaEstimator({"preview": config.steps}, {})
        runner = StageRunner("preview", stage, _NoHooks(), request, eta, job_id=job_id, cancelled=cancelled)
        yield from runner.run()
    if runner.stopped:
        yield TrainingStopped(job_id=job_id, stage="preview", step=runner.saved, model=None)
        return
    if stage.start < config.steps or not (folder / PREVIEW_CARD).exists():
        module.load_state_dict(stage.averaged())
        save_preview(folder, module, codec)
    seconds = time.perf_counter() - started
    yield TrainingFinished(job_id=job_id, steps=config.steps, model=recipe.about.name, seconds=seconds)


class _NoHooks:
    def sample(self, step: int) -> TrainingSampled | None:
        return None

    def bands(self) -> tuple[float | None, ...]:
        return ()

    def saved(self, steps: int) -> Iterator[CheckpointSaved]:
        return iter(())


@contextlib.contextmanager
def _as_memory_error(device: Device) -> Iterator[None]:
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise TrainingMemoryError(device.name) from error


def _measure(
    request: TrainRequest, plan: TrainPlan, folders: Folders, device: Device
) -> Generator[str, None, Timing]:
    """Return the speed of steps, from an earlier measurement or from a rehearsal, which yields before each step."""
    timing = read_timing(request, folders.cache)
    if timing is None or timing.machine != machine_of(device):
        timing = yield from rehearse(plan, device)
        write_timing(request, timing, folders.cache)
    return timing


@dataclass(frozen=True, kw_only=True)
class _TrainingFiles:
    """The files of a training.

    Attributes:
        home: the folder that its events name.
        record: the folder of its note and history.
        states: the folder of the stages' states.
        recipe_folder: the model folder of a recipe; None: models go into the user's folder of models.
    """

    home: Path
    record: Path
    states: Path
    recipe_folder: Path | None = None

    @classmethod
    def of(cls, request: TrainRequest, folders: Folders, recipe_folder: Path | None) -> _TrainingFiles:
        """Return the folder of a training's files. Raises RequestError if its name cannot be used."""
        if recipe_folder is not None:
            states = recipe_folder / STATES_FOLDER
            return cls(home=recipe_folder, record=states, states=states, recipe_folder=recipe_folder)
        home = folder_of(request.validate().name, folders)
        return cls(home=home, record=home, states=home / STATES_FOLDER)


class TrainingPipeline:
    """Runs the stages of one training."""

    def __init__(
        self,
        request: TrainRequest,
        folders: Folders,
        device: Device,
        files: _TrainingFiles,
        *,
        cancelled: threading.Event,
        job_id: str,
    ) -> None:
        self._request, self._folders, self._device, self._files = request, folders, device, files
        self._cancelled, self._job_id = cancelled, job_id
        self._begun = time.perf_counter()
        self._stage: StageName | None = None
        self._saved_steps = 0
        self._model: str | None = None

    def run(self) -> Iterator[TrainEvent]:
        """Yield the events of `train`."""
        if self._cancelled.is_set():  # while it waited for the device
            raise Cancelled
        files = self._files
        if files.recipe_folder is None:
            note = find_note(self._request, files.record, self._folders)
            plan = plan_training(self._request, self._folders, self._cancelled)
        else:
            note = TrainingNote.read(files.record)
            plan = plan_recipe(self._request)
        data = yield from self._open_data(plan)
        timing = yield from self._timing(plan)
        notes = start_notes(plan, data, note)
        output: ModelOutput
        if files.recipe_folder is None:
            output = CheckpointFolders(plan, self._folders.models)
            finished = note is not None and note.finished and output.is_finished()
        else:
            output = RecipeFolder(plan, files.recipe_folder)
            finished = output.is_finished() and self._all_stages_saved(plan)
        if note is None:
            fits = not files.states.is_dir()  # a recipe's training of an older version has states and no note
            note = TrainingNote(request=self._request, dtype=timing.dtype, fits_codec_statistics=fits)
        note = dataclasses.replace(
            note, request=self._request, data_sha256=data.data_sha256, finished=finished
        )
        words = vocabulary_of(data.source)
        output.describe_data(pictures=data.pictures, data_sha256=data.data_sha256, words=words)
        stages = StageFactory(
            plan,
            data,
            files.states,
            self._device,
            Autocast(note.dtype),
            self._cancelled,
            self._job_id,
            fit_codec_statistics=note.fits_codec_statistics,
        )
        history = HistoryLog(files.record)
        done = {name: saved_steps(files.states, name) for name in plan.stages}
        if not finished:
            note.write(files.record)
            if not any(done.values()):
                history.clear()
            for name, steps in done.items():
                history.rewind(name, steps)
        yield TrainingStarted(
            job_id=self._job_id,
            request=plan.request,
            folder=files.home,
            pictures=data.pictures,
            refused=len(data.refused),
            parameters=timing.parameters,
            resumed_at=plan.recipe.loop.steps if finished else done["backbone"],
            stages=plan.stages,
            device=self._device.label,
            dtype=note.dtype,
            notes=notes,
        )
        past = history.event(self._job_id, self._folders.models)
        if past is not None:
            yield past
        if not finished:
            yield from _recorded(self._all_stages(plan, stages, output, note, timing, history), history)
            if self._stage is not None and self._saved_steps < plan.recipe.loops[self._stage].steps:
                yield self.stopped()
                return
        seconds = time.perf_counter() - self._begun
        yield TrainingFinished(
            job_id=self._job_id, steps=plan.recipe.loop.steps, model=plan.card.name, seconds=seconds
        )

    def stopped(self) -> TrainingStopped:
        """Return the event of a training that was cancelled."""
        return TrainingStopped(
            job_id=self._job_id, stage=self._stage, step=self._saved_steps, model=self._model
        )

    def _all_stages_saved(self, plan: TrainPlan) -> bool:
        return saved_steps(self._files.states, "backbone") >= plan.recipe.loop.steps

    def _open_data(self, plan: TrainPlan) -> Generator[TrainEvent, None, TrainingData]:
        label = message("Reading the pictures")
        yield TrainingPreparing(job_id=self._job_id, what=label)
        pool = self._files.states / POOL_NAME if self._files.recipe_folder is not None else None
        reading = open_training_data(
            plan.recipe, self._folders.cache / CACHE_FOLDER, self._cancelled, pool_path=pool
        )
        shown = 0.0
        while True:
            try:
                done, total = next(reading)
            except StopIteration as end:
                data: TrainingData = end.value
                return data
            if time.monotonic() - shown > 0.1 or done == total:
                shown = time.monotonic()
                yield TrainingPreparing(job_id=self._job_id, what=label, done=done, total=total)

    def _timing(self, plan: TrainPlan) -> Generator[TrainEvent, None, Timing]:
        if (
            self._files.recipe_folder is not None
        ):  # a recipe must give the same model again, so it is trained in float32
            return Timing.unmeasured(machine_of(self._device), plan.recipe.loop.batch, plan.parameters)
        label = message("Measuring the training speed of this machine")
        measuring = _measure(self._request, plan, self._folders, self._device)
        while True:
            try:
                next(measuring)
            except StopIteration as end:
                timing: Timing = end.value
                return timing
            yield TrainingPreparing(job_id=self._job_id, what=label)
            if self._cancelled.is_set():
                raise Cancelled

    def _all_stages(
        self,
        plan: TrainPlan,
        stages: StageFactory,
        output: ModelOutput,
        note: TrainingNote,
        timing: Timing,
        history: HistoryLog,
    ) -> Iterator[TrainEvent]:
        eta = EtaEstimator({name: plan.recipe.loops[name].steps for name in plan.stages}, timing.seconds)
        for name in plan.stages:
            if self._cancelled.is_set():
                raise Cancelled
            stage, hooks = yield from stages.build(name, output)
            self._stage, self._saved_steps = name, stage.start
            stage_note = dataclasses.replace(note, stage=name, steps=stage.config.steps)

            def write_note(steps: int, stage_note: TrainingNote = stage_note) -> None:
                dataclasses.replace(stage_note, step=steps, when=time.time()).write(self._files.record)
                history.save()

            hooks.on_saved = write_note
            runner = StageRunner(
                name, stage, hooks, plan.request, eta, job_id=self._job_id, cancelled=self._cancelled
            )
            try:
                for event in runner.run():
                    if isinstance(event, CheckpointSaved):
                        self._model = event.model
                    yield event
            finally:
                self._saved_steps = runner.saved
            seconds = eta.measured(name)
            if seconds is not None and self._files.recipe_folder is None:
                timing = update_timing(self._request, timing, name, seconds, self._folders.cache)
            if runner.stopped:
                return
            stages.finish(name, stage)
            if name == "preview" and stages.preview is not None and isinstance(stages.codec, Codec):
                output.set_preview(stages.preview, stages.codec, retrained=stage.start < stage.config.steps)
        yield from self._finish(plan, stages, output, note)
        history.save()

    def _finish(
        self, plan: TrainPlan, stages: StageFactory, output: ModelOutput, note: TrainingNote
    ) -> Iterator[TrainEvent]:
        steps = plan.recipe.loop.steps
        name, folder = output.finish(steps, stages.weights, stages.codec)
        yield CheckpointSaved(job_id=self._job_id, step=steps, model=name, folder=folder)
        done = dataclasses.replace(
            note, stage="backbone", step=steps, steps=steps, when=time.time(), finished=True
        )
        done.write(self._files.record)
        if self._files.recipe_folder is None:  # the states are several times as large as the model
            shutil.rmtree(self._files.states, ignore_errors=True)


def _recorded(events: Iterator[TrainEvent], history: HistoryLog) -> Iterator[TrainEvent]:
    """Pass events through, and add them to the history."""
    for event in events:
        match event:
            case TrainingStepped():
                history.add_step(event)
            case TrainingSampled():
                history.add_sample(event)
            case CheckpointSaved():
                history.add_checkpoint(event)
                history.save()
            case TrainingRecovered():
                history.rewind(event.stage, event.back_to)
        yield event


def start_notes(plan: TrainPlan, data: TrainingData, note: TrainingNote | None) -> tuple[str, ...]:
    """Return the sentences that a user should see before the first step."""
    notes: list[str] = []
    if data.refused:
        first, others = without_period(data.refused[0].sentence), len(data.refused) - 1
        if others:
            notes.append(
                message(
                    "Not used: {file_and_reason} (and {count:,} more).", file_and_reason=first, count=others
                )
            )
        else:
            notes.append(message("Not used: {file_and_reason}.", file_and_reason=first))
    if data.pictures == 1:
        notes.append(message("There is only one picture, which the model will repeat."))
    elif data.pictures < FEW_PICTURES:
        notes.append(
            message("There are only {count} pictures, which the model will repeat.", count=data.pictures)
        )
    if note is not None and note.data_sha256 not in ("", data.data_sha256):
        notes.append(
            message(
                "The pictures or captions have changed since this training was stopped; it continues with the new ones."
            )
        )
    if plan.base is not None:
        notes.append(
            message(
                "Starts from {model}, with its size, noise schedule, codec and text encoder.",
                model=repr(plan.base.card.title),
            )
        )
    if plan.error_factor > MAX_ERROR_FACTOR:
        notes.append(
            message(
                "At the noisiest time of this noise schedule hardly any signal is left, and the errors of a model that "
                "predicts the noise (eps) are multiplied by {factor:,.0f}. Its pictures therefore start at a lower "
                "noise level (spacing: leading). A model that predicts v can start at the noisiest time.",
                factor=plan.error_factor,
            )
        )
    return tuple(notes)
