"""The past of a training survives the process, and damage to it harms nothing."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from studio.engine.engine import Engine
from studio.engine.training.events import (
    CheckpointSaved,
    TrainingFinished,
    TrainingHistory,
    TrainingSampled,
    TrainingStarted,
    TrainingStepped,
)
from studio.engine.training.history import MAX_POINTS, MAX_SAMPLES, HistoryLog
from studio.folders import Folders
from tests.engine.training.tiny_trainings import (
    add_tiny_scales,
    draw_folder,
    know_speed,
    of_kind,
    tiny_request,
)

if TYPE_CHECKING:
    from pathlib import Path

    from studio.engine.training.events import StageName, TrainEvent


@pytest.fixture(autouse=True)
def _tiny_scales(monkeypatch: pytest.MonkeyPatch) -> None:
    add_tiny_scales(monkeypatch)


def stepped(step: int, loss: float, stage: StageName = "backbone") -> TrainingStepped:
    return TrainingStepped(
        job_id="x",
        stage=stage,
        step=step,
        steps=100_000,
        loss=loss,
        bands=(loss, None, 2 * loss, 3 * loss),
        rate=1e-3,
        pictures_per_second=1.0,
        seconds_left=None,
    )


def sampled(step: int, *, originals: bool = False) -> TrainingSampled:
    rng = np.random.default_rng(step)
    pictures, others = rng.integers(0, 256, (2, 3, 8, 8, 3), dtype=np.uint8)
    return TrainingSampled(
        job_id="x",
        stage="codec" if originals else "backbone",
        step=step,
        what="reconstruction" if originals else "sample",
        prompts=("a fox", "여우", ""),
        seeds=(0, 1, 2),
        pictures=pictures,
        originals=others if originals else None,
    )


def read_back(folder: Path, models: Path) -> TrainingHistory:
    event = HistoryLog(folder).event("y", models)
    assert event is not None
    return event


def test_a_resumed_training_restores_its_saved_history_and_nothing_later(tmp_path: Path) -> None:
    request = tiny_request(
        draw_folder(tmp_path / "squares"), save_seconds=0.0, sample_seconds=0.0, keep_last=2, keep_every=1000
    )
    engine = Engine(Folders.under(tmp_path / "home"), "cpu")
    know_speed(engine, request)
    first: list[TrainEvent] = []
    events = engine.train(request)
    for event in events:
        first.append(event)
        if isinstance(event, CheckpointSaved) and event.step == 4:
            break
    events.close()  # type: ignore[attr-defined]
    assert not of_kind(first, TrainingHistory)
    again = list(Engine(Folders.under(tmp_path / "home"), "cpu").train(request))
    (past,) = of_kind(again, TrainingHistory)
    assert isinstance(
        again[[isinstance(event, TrainingHistory) for event in again].index(True) - 1], TrainingStarted
    )
    seen = [(step.stage, step.step, step.loss) for step in of_kind(first, TrainingStepped)]
    assert [(step.stage, step.step, step.loss) for step in past.losses] == seen
    new = [(step.stage, step.step) for step in of_kind(again, TrainingStepped)]
    assert new[0] == ("backbone", 5)
    assert [checkpoint.model for checkpoint in past.checkpoints] == ["squares-3", "squares-4"]
    shown = [
        sample for sample in of_kind(first, TrainingSampled) if (sample.stage, sample.step) != ("backbone", 4)
    ]
    assert [(sample.stage, sample.step) for sample in past.samples] == [
        (one.stage, one.step) for one in shown
    ]
    for mine, theirs in zip(past.samples, shown, strict=True):
        assert np.array_equal(mine.pictures, theirs.pictures)
        assert (mine.originals is None) == (theirs.originals is None)
    assert isinstance(again[-1], TrainingFinished)


def test_a_new_training_has_no_past(tmp_path: Path) -> None:
    request = tiny_request(draw_folder(tmp_path / "squares"))
    engine = Engine(Folders.under(tmp_path / "home"), "cpu")
    know_speed(engine, request)
    cancelled = threading.Event()
    for event in engine.train(request, cancelled=cancelled):
        assert not isinstance(event, TrainingHistory)
        cancelled.set()
    assert not of_kind(list(engine.train(request)), TrainingHistory)


def test_losses_are_thinned_and_keep_their_mean(tmp_path: Path) -> None:
    log = HistoryLog(tmp_path)
    for step in range(1, 10_001):
        log.add_step(stepped(step, 2.0 if step % 2 else 4.0))
    log.save()
    losses = read_back(tmp_path, tmp_path).losses
    assert MAX_POINTS <= len(losses) <= 2 * MAX_POINTS
    assert losses[0].loss == pytest.approx(3.0)
    assert losses[0].bands == (pytest.approx(3.0), None, pytest.approx(6.0), pytest.approx(9.0))
    assert losses[-1].step == 10_000
    assert (tmp_path / "history.json").stat().st_size < 500_000


def test_samples_are_restored_read_only_and_the_oldest_are_dropped(tmp_path: Path) -> None:
    log = HistoryLog(tmp_path)
    log.add_sample(sampled(1, originals=True))
    for step in range(2, 100):
        log.add_sample(sampled(step))
    log.save()
    samples = read_back(tmp_path, tmp_path).samples
    assert len(samples) <= MAX_SAMPLES
    assert len(list((tmp_path / "samples").iterdir())) == len(samples)
    first, last = samples[0], samples[-1]
    assert first.originals is not None
    assert np.array_equal(first.originals, sampled(1, originals=True).originals)  # type: ignore[arg-type]
    assert np.array_equal(last.pictures, sampled(99).pictures)
    assert not last.pictures.flags.writeable
    assert (last.prompts, last.seeds, last.step) == (("a fox", "여우", ""), (0, 1, 2), 99)


def test_checkpoints_whose_models_were_deleted_are_left_out(tmp_path: Path) -> None:
    log, models = HistoryLog(tmp_path), tmp_path / "models"
    (models / "squares-2").mkdir(parents=True)
    for step in (1, 2):
        log.add_checkpoint(CheckpointSaved(job_id="x", step=step, model=f"squares-{step}", folder=models))
    log.add_checkpoint(CheckpointSaved(job_id="x", step=3, model="../models/squares-2", folder=models))
    log.save()
    assert [one.model for one in read_back(tmp_path, models).checkpoints] == ["squares-2"]


@pytest.mark.parametrize(
    "damage", [b"", b"[]", b'{"stages": {"codec": 1}}', b'{"samples": [{"stage": "../x"}]}', b"[" * 100_000]
)
def test_a_damaged_history_is_none(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "history.json").write_bytes(damage)
    assert HistoryLog(tmp_path).event("y", tmp_path) is None


def test_a_damaged_sample_is_left_out(tmp_path: Path) -> None:
    log = HistoryLog(tmp_path)
    for step in (1, 2, 3):
        log.add_sample(sampled(step))
    log.save()
    first, second, _ = sorted((tmp_path / "samples").iterdir())
    first.write_bytes(b"no PNG")
    second.unlink()
    assert [sample.step for sample in read_back(tmp_path, tmp_path).samples] == [3]


def test_a_disk_that_is_full_does_not_stop_a_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = HistoryLog(tmp_path)
    monkeypatch.setattr("studio.storage.os.fsync", _full)
    log.add_step(stepped(1, 1.0))
    log.add_sample(sampled(1))
    log.save()
    assert log.event("y", tmp_path) is not None


def _full(descriptor: int) -> None:
    raise OSError(28, "No space left on device")
