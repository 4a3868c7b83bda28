"""What the page of trainings says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from studio.engine.training.request import TrainEstimate
from studio.engine.training.resumable import ResumableTraining
from studio.ui.train import text as words
from studio.ui.train.text import running_caption
from tests.ui.teaching import to_train


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "1 s"), (75, "75 s"), (600, "10 min"), (5400, "1.5 h"), (90_000, "25.0 h"), (200_000, "2.3 days")],
)
def test_a_time_has_the_unit_that_fits(seconds: float, said: str) -> None:
    assert words.duration(seconds) == said


def test_what_it_takes_is_said_as_far_as_it_is_known() -> None:
    known = TrainEstimate(seconds=720.0, memory_bytes=3 * 2**30, parameters=11_600_000)
    unknown = TrainEstimate(seconds=None, memory_bytes=700 * 2**20, parameters=11_600_000)
    assert words.cost(known, measuring=True) == "About 12 min, 3.0 GB, 11.6 million parameters"
    assert words.cost(unknown, measuring=True) == "Measuring the time; about 700 MB of memory"
    assert words.cost(unknown, measuring=False) == "About 700 MB of memory"
    assert words.short_cost(known) == "12 min, 3.0 GB"
    assert words.short_cost(unknown) == "700 MB"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"count": 1}, "1 picture; one picture is learned by heart, and nothing besides"),
        ({"count": 1200, "refused_count": 3}, "1,200 pictures, 3 refused"),
        ({"count": 40, "reading": True}, "40 pictures so far"),
        ({"fault": "It is gone."}, ""),
    ],
)
def test_what_was_found_is_counted(fields: dict[str, Any], said: str) -> None:
    usual: dict[str, Any] = {"count": 0, "refused_count": 0, "reading": False, "fault": ""}
    assert words.found(SimpleNamespace(**{**usual, **fields})) == said  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("backbone", "step 1,200 of 4,000, 2 days ago"),
        ("codec", "learning to compress pictures, step 1,200 of 4,000, 2 days ago"),
        ("", "not begun, 2 days ago"),
    ],
)
def test_where_an_unfinished_training_stands_is_said(tmp_path: Any, stage: str, said: str) -> None:  # noqa: ANN401
    training = ResumableTraining(
        name="hens", request=to_train(), stage=stage, step=1200, steps=4000, when=1000.0, folder=tmp_path
    )
    assert words.stands(training, 1000.0 + 2 * 86400) == said


def test_how_long_ago_it_was_is_said_roughly() -> None:
    assert [words.ago(seconds) for seconds in (5, 600, 7200)] == ["just now", "10 min ago", "2.0 h ago"]


@pytest.mark.parametrize(("resumed_at", "took"), [(0, "40 s"), (245, "40 s since it went on")])
def test_the_time_of_a_part_is_not_taken_for_that_of_the_whole(resumed_at: int, took: str) -> None:
    finished = SimpleNamespace(steps=260, seconds=40.0, model="hens")
    run: Any = SimpleNamespace(
        failure=None, finished=finished, started=SimpleNamespace(resumed_at=resumed_at)
    )
    assert running_caption(run) == f"260 steps, {took}; the model hens is in the list of models"
