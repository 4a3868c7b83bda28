"""The losses of a training as curves: thinned, smoothed, and without what was taken back."""

from __future__ import annotations

import math

import pytest

from studio.engine.training.events import StageName, TrainingHistory, TrainingRecovered, TrainingStepped
from studio.ui.core.training_losses import MOST_POINTS, LossRecord, smoothed


def stepped(step: int, loss: float, bands: tuple[float | None, ...] = ()) -> TrainingStepped:
    return TrainingStepped(
        job_id="x",
        stage="backbone",
        step=step,
        steps=100_000,
        loss=loss,
        bands=bands,
        rate=1e-3,
        pictures_per_second=1.0,
        seconds_left=None,
    )


def recovered(stage: StageName, back_to: int) -> TrainingRecovered:
    return TrainingRecovered(job_id="x", stage=stage, step=11, back_to=back_to, rate=1e-3, sentence="")


def test_every_step_is_a_point_while_there_are_few() -> None:
    record = LossRecord()
    for step in range(1, 11):
        record.take(stepped(step, 1 / step, (0.1, None, 0.3, 0.4)))
    loss, clean, almost, *_ = record.curves("backbone")
    assert loss[0] == (1, 1.0)
    assert len(loss) == len(clean) == 10
    assert almost == ()
    assert record.ends("backbone") == (1, 100_000)
    assert record.stages == ("backbone",)


def test_many_steps_take_little_memory_and_keep_their_mean() -> None:
    record = LossRecord()
    for step in range(1, 20_001):
        record.take(stepped(step, 2.0 if step % 2 else 4.0))
    (points,) = record.curves("backbone")
    assert MOST_POINTS <= len(points) <= 2 * MOST_POINTS
    assert all(value == pytest.approx(3.0) for _, value in points[:-1])
    assert points[-1][0] == 20_000


def test_losses_that_are_not_numbers_are_left_out() -> None:
    record = LossRecord()
    for step, loss in enumerate((1.0, math.nan, math.inf, 0.5), start=1):
        record.take(stepped(step, loss))
    assert [value for _, value in record.curves("backbone")[0]] == [1.0, 0.5]


def test_going_back_removes_the_losses_of_later_steps() -> None:
    record = LossRecord()
    for step in range(1, 11):
        record.take(stepped(step, 1.0))
    record.take(recovered("backbone", 6))
    record.take(recovered("codec", 2))
    assert [step for step, _ in record.curves("backbone")[0]] == [1, 2, 3, 4, 5, 6]


def test_the_past_of_a_resumed_training_is_shown_before_its_new_steps() -> None:
    record, seen = LossRecord(), LossRecord()
    seen.take(stepped(1, 9.0))
    past = TrainingHistory(
        job_id="", losses=tuple(stepped(step, 2.0) for step in (1, 2, 3)), samples=(), checkpoints=()
    )
    for one in (record, seen):
        one.take(past)
        one.take(stepped(4, 1.0))
    assert [step for step, _ in record.curves("backbone")[0]] == [1, 2, 3, 4]
    assert [step for step, _ in seen.curves("backbone")[0]] == [1, 4]  # what this window saw itself stays


def test_an_unknown_stage_has_no_curves() -> None:
    assert LossRecord().curves("codec") == ()
    assert LossRecord().ends("codec") == (0, 0)


def test_smoothing_removes_jitter_and_keeps_the_level() -> None:
    points = tuple((float(step), 2.0 * (1.5 if step % 2 else 1 / 1.5)) for step in range(400))
    values = [value for _, value in smoothed(points)]
    assert all(value == pytest.approx(2.0, rel=0.06) for value in values)
    assert smoothed(points[:2]) == points[:2]
