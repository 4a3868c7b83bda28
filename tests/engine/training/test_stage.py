"""What goes wrong while a training runs is told, mended where it can be, and loses nothing."""

from __future__ import annotations

import errno
import threading
from typing import TYPE_CHECKING

import pytest

from studio import storage
from studio.engine.engine import Engine
from studio.engine.training.events import (
    CheckpointFailed,
    CheckpointSaved,
    TrainingFinished,
    TrainingRecovered,
    TrainingStepped,
    TrainingStopped,
)
from studio.engine.training.resumable import resumable
from studio.engine.training.stage import TrainingDivergedError
from studio.errors import CheckpointError, StorageError, StudioError
from studio.folders import Folders
from studio.training import backbone_task
from tests.engine.training.tiny_trainings import (
    add_tiny_scales,
    draw_folder,
    know_speed,
    model_bytes,
    of_kind,
    tiny_request,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import torch
    from torch import Tensor

    from studio.engine.training.events import TrainEvent
    from studio.engine.training.request import TrainRequest


@pytest.fixture(autouse=True)
def _tiny_scales(monkeypatch: pytest.MonkeyPatch) -> None:
    add_tiny_scales(monkeypatch)


@pytest.fixture
def request_(tmp_path: Path) -> TrainRequest:
    return tiny_request(draw_folder(tmp_path / "squares"), save_seconds=0.0)


def engine_at(home: Path, request: TrainRequest) -> Engine:
    engine = Engine(Folders.under(home), "cpu")
    know_speed(engine, request)
    return engine


def told_until_it_fails(
    events: Iterator[TrainEvent], at: Callable[[TrainEvent], None] = lambda event: None
) -> tuple[list[TrainEvent], StudioError]:
    told: list[TrainEvent] = []
    try:
        for event in events:
            told.append(event)
            at(event)
    except StudioError as error:
        return told, error
    raise AssertionError("nothing failed")


class Poison:
    """Makes the backbone's loss NaN at the calls that are named, counted from 1."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, calls: set[int]) -> None:
        self.calls, self.count = calls, 0
        self._loss = backbone_task.DenoisingTask.loss
        monkeypatch.setattr(
            backbone_task.DenoisingTask, "loss", lambda taught, generator: self(taught, generator)
        )

    def __call__(self, taught: backbone_task.DenoisingTask, generator: torch.Generator) -> Tensor:
        self.count += 1
        loss = self._loss(taught, generator)
        return loss * float("nan") if self.count in self.calls else loss


def test_a_loss_that_is_not_a_number_returns_to_the_last_good_state_at_half_the_rate(
    tmp_path: Path, request_: TrainRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    Poison(monkeypatch, {6})
    engine = engine_at(tmp_path / "home", request_)
    events = list(engine.train(request_))
    (recovered,) = of_kind(events, TrainingRecovered)
    assert (recovered.stage, recovered.step, recovered.back_to) == ("backbone", 6, 5)
    assert "went back to step 5 and continues at half the learning rate" in recovered.sentence
    steps = [step for step in of_kind(events, TrainingStepped) if step.stage == "backbone"]
    assert [step.step for step in steps] == list(range(1, 9))
    assert all(step.loss == step.loss for step in steps)
    clean = engine_at(tmp_path / "clean", request_)
    usual = [step for step in of_kind(clean.train(request_), TrainingStepped) if step.stage == "backbone"]
    assert [step.rate for step in steps[:5]] == [step.rate for step in usual[:5]]
    assert [step.rate for step in steps[5:]] == [step.rate / 2 for step in usual[5:]]
    assert steps[5].rate == recovered.rate
    assert isinstance(events[-1], TrainingFinished)


def test_the_first_step_can_diverge_too(
    tmp_path: Path, request_: TrainRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    Poison(monkeypatch, {1})
    events = list(engine_at(tmp_path / "home", request_).train(request_))
    assert of_kind(events, TrainingRecovered)[0].back_to == 0
    assert isinstance(events[-1], TrainingFinished)


def test_a_training_that_keeps_diverging_fails_and_keeps_its_state(
    tmp_path: Path, request_: TrainRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    Poison(monkeypatch, set(range(4, 100)))
    engine = engine_at(tmp_path / "home", request_)
    events, error = told_until_it_fails(engine.train(request_))
    assert isinstance(error, TrainingDivergedError)
    assert "its learning rate was halved 3 times" in str(error)
    assert [event.back_to for event in of_kind(events, TrainingRecovered)] == [3, 3, 3]
    assert (resumable(engine.folders)[0].stage, resumable(engine.folders)[0].step) == ("backbone", 3)
    monkeypatch.undo()
    add_tiny_scales(monkeypatch)
    assert isinstance(list(engine.train(request_))[-1], TrainingFinished)


class FullDisk:
    """Fails the fsync of the states from one call to another, counted from 1, as a full disk does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, first: int, last: int) -> None:
        self.first, self.last, self.count = first, last, 0
        self._fsync = storage.os.fsync
        monkeypatch.setattr(storage.os, "fsync", self)

    def __call__(self, descriptor: int) -> None:
        self.count += 1
        if self.first <= self.count <= self.last:
            raise OSError(errno.ENOSPC, "No space left on device")
        self._fsync(descriptor)


def backbone_steps(events: list[TrainEvent]) -> list[int]:
    return [step.step for step in of_kind(events, TrainingStepped) if step.stage == "backbone"]


def test_a_temporarily_full_disk_is_reported_and_training_continues_to_the_same_model(
    tmp_path: Path, request_: TrainRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = engine_at(tmp_path / "clean", request_)
    list(clean.train(request_))
    engine = engine_at(tmp_path / "home", request_)
    events: list[TrainEvent] = []
    for event in engine.train(request_):
        events.append(event)
        if isinstance(event, CheckpointSaved) and event.step == 2:
            FullDisk(monkeypatch, 1, 3)
    failed = of_kind(events, CheckpointFailed)
    assert failed
    assert "the disk is full" in failed[0].sentence
    assert "The previous one is kept. Training continues" in failed[0].sentence
    assert backbone_steps(events) == list(range(1, 9))
    assert model_bytes(engine.folders) == model_bytes(clean.folders)
    assert not list(engine.folders.models.glob(".squares*"))


def test_a_disk_that_stays_full_ends_the_training_with_the_last_good_state_whole(
    tmp_path: Path, request_: TrainRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = engine_at(tmp_path / "clean", request_)
    list(clean.train(request_))
    engine = engine_at(tmp_path / "home", request_)
    with monkeypatch.context() as patch:

        def fill(event: TrainEvent) -> None:
            if isinstance(event, CheckpointSaved) and event.step == 3:
                FullDisk(patch, 1, 10_000)

        events, error = told_until_it_fails(engine.train(request_), fill)
    assert isinstance(error, StorageError)
    assert "the disk is full" in str(error)
    assert [event.step for event in of_kind(events, CheckpointFailed)] == [4, 5, 6, 7]
    assert resumable(engine.folders)[0].step == 3
    assert isinstance(list(engine.train(request_))[-1], TrainingFinished)
    assert model_bytes(engine.folders) == model_bytes(clean.folders)


def test_stopping_on_a_full_disk_names_the_last_saved_step(
    tmp_path: Path, request_: TrainRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, cancelled = engine_at(tmp_path / "home", request_), threading.Event()
    events: list[TrainEvent] = []
    with monkeypatch.context() as patch:
        for event in engine.train(request_, cancelled=cancelled):
            events.append(event)
            if isinstance(event, CheckpointSaved) and event.step == 3:
                FullDisk(patch, 1, 10_000)
                cancelled.set()
    assert isinstance(events[-1], TrainingStopped)
    assert (events[-1].step, events[-1].model) == (3, "squares-3")
    assert of_kind(events, CheckpointFailed)


def test_a_damaged_state_is_reported_and_not_resumed(tmp_path: Path, request_: TrainRequest) -> None:
    engine = engine_at(tmp_path / "home", request_)
    events = engine.train(request_)
    next(event for event in events if isinstance(event, CheckpointSaved))
    events.close()  # type: ignore[attr-defined]
    state = engine.folders.models / ".training" / "squares" / "training" / "backbone.safetensors"
    state.write_bytes(state.read_bytes()[:-100])
    with pytest.raises(
        CheckpointError, match="does not contain a state of this training; delete it to start over"
    ):
        list(engine.train(request_))


def test_a_single_picture_is_enough_and_gives_a_note(tmp_path: Path) -> None:
    request = tiny_request(draw_folder(tmp_path / "one", ["red"]))
    events = list(engine_at(tmp_path / "home", request).train(request))
    (started,) = [event for event in events if hasattr(event, "notes")]
    assert "There is only one picture, which the model will repeat." in started.notes
    assert isinstance(events[-1], TrainingFinished)


def test_files_that_cannot_be_used_are_reported(tmp_path: Path) -> None:
    folder = draw_folder(tmp_path / "squares")
    (folder / "a.jpg").write_bytes(b"broken")
    (folder / "red square.txt").write_bytes(b"\xff\xfe\xfa")
    request = tiny_request(folder)
    (started,) = [
        event for event in engine_at(tmp_path / "home", request).train(request) if hasattr(event, "notes")
    ]
    assert started.refused == 2
    assert "Not used: a.jpg is not a picture, or damaged (and 1 more)." in started.notes
