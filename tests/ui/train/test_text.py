"""The texts of the training page."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from studio.engine.training.request import TrainEstimate
from studio.engine.training.resumable import ResumableTraining
from studio.errors import RequestError
from studio.ui.train import text
from studio.ui.train.checkpoints import compare_checkpoints
from tests.ui.cards import STARTER
from tests.ui.teaching import to_train

if TYPE_CHECKING:
    from pathlib import Path

    from tests.ui.program import MakeModels


def test_costs_are_given_as_far_as_they_are_known() -> None:
    known = TrainEstimate(seconds=720.0, memory_bytes=3 * 2**30, parameters=11_600_000)
    unknown = TrainEstimate(seconds=None, memory_bytes=700 * 2**20, parameters=11_600_000)
    assert text.cost(known, measuring=True) == "About 12 min, 3.0 GiB, 11.6 million parameters"
    assert text.cost(unknown, measuring=True) == "Measuring the time; about 700 MiB of memory"
    assert text.cost(unknown, measuring=False) == "About 700 MiB of memory"
    assert text.short_cost(known) == "12 min, 3.0 GiB"
    assert text.short_cost(unknown) == "700 MiB"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"count": 1}, "1 picture, the model will only memorise this one picture"),
        ({"count": 1200, "refused_count": 3}, "1,200 pictures, 3 files cannot be used"),
        ({"count": 40, "reading": True}, "40 pictures so far"),
        ({"fault": "It is gone."}, ""),
    ],
)
def test_pictures_and_unusable_files_are_counted(fields: dict[str, Any], expected: str) -> None:
    usual: dict[str, Any] = {"count": 0, "refused_count": 0, "reading": False, "fault": ""}
    assert text.pictures_found(SimpleNamespace(**{**usual, **fields})) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ("backbone", "step 1,200 of 4,000, 2 days ago"),
        ("codec", "training the codec, step 1,200 of 4,000, 2 days ago"),
        ("", "not started, 2 days ago"),
    ],
)
def test_an_unfinished_training_says_its_step(tmp_path: Path, stage: str, expected: str) -> None:
    training = ResumableTraining(
        name="hens", request=to_train(), stage=stage, step=1200, steps=4000, when=1000.0, folder=tmp_path
    )
    assert text.last_step(training, 1000.0 + 2 * 86400) == expected


def test_how_long_ago_it_was_is_said_roughly() -> None:
    assert [text.ago(seconds) for seconds in (5, 600, 7200)] == ["just now", "10 min ago", "2.0 h ago"]


@pytest.mark.parametrize(("resumed_at", "took"), [(0, "40 s"), (245, "40 s since it was resumed")])
def test_the_time_of_a_part_is_not_taken_for_that_of_the_whole(resumed_at: int, took: str) -> None:
    finished = SimpleNamespace(steps=260, seconds=40.0, model="hens")
    run: Any = SimpleNamespace(
        failure=None, finished=finished, started=SimpleNamespace(resumed_at=resumed_at)
    )
    assert text.running_caption(run) == f"260 steps, {took}; the model hens is in the list of models"


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"phase": "waiting"}, "Hens: waiting for the device"),
        ({"phase": "stopping"}, "Hens: stopping after this step"),
        ({"phase": "done"}, "Hens: finished"),
        ({"suspended": True}, "Hens: paused while a picture is made"),
        ({"paused": True}, "Hens: paused"),
        ({}, "Hens: first step"),
        ({"newest": SimpleNamespace(stage="backbone")}, "Hens: training the denoiser"),
    ],
)
def test_the_title_says_what_a_training_does(state: dict[str, Any], expected: str) -> None:
    training = SimpleNamespace(request=SimpleNamespace(name="hens", title="Hens"))
    usual = {"training": training, "phase": "running", "suspended": False, "paused": False, "newest": None}
    run: Any = SimpleNamespace(**{**usual, **state})
    assert text.running_title(run) == expected


def test_a_training_says_what_it_learns_from_and_where() -> None:
    started: Any = SimpleNamespace(pictures=12, parameters=4_200_000, device="cpu", dtype="float32")
    assert text.data(started) == "12 pictures, 4.2 million parameters, on cpu, float32"


def test_a_sample_says_its_step_and_seed() -> None:
    sampled: Any = SimpleNamespace(what="sample", step=1200, seeds=(1, 2), prompts=("a hen", "a fox"))
    assert text.sample_label(sampled) == "1,200"
    assert text.sample_caption(sampled, 1) == "Sample, step 1,200, seed 2"
    assert text.sample_description(sampled, 0) == "Sample, step 1,200: a hen"


def test_a_loss_weighting_outside_the_choices_is_listed_too() -> None:
    assert list(text.loss_weightings("5")) == ["even", "1", "5", "20"]
    assert text.loss_weightings("7")["7"] == ("Min-SNR 7", "")


def test_the_form_uses_the_terms_of_the_field() -> None:
    assert text.steps_tip().startswith("Number of optimizer steps.")
    assert text.schedule_tip() == "Noise schedule. Preview it on the Noise tab."
    assert text.from_scratch() == "Scratch (new model)"
    assert text.pause_tip(paused=False) == "Pause after this step (Ctrl+P)"
    assert text.resume_tip("hens") == "Resume training hens"


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"name": "My Foxes!"}, "Name must be"),
        ({"name": ""}, "Name must be"),
        ({"size": 24}, "multiple of 16"),
        ({"batch": 0}, "Batch must be"),
        ({"base": "nobody"}, "nobody"),
        ({"name": "starter"}, "starter"),
    ],
)
def test_the_faults_of_the_form_name_what_is_wrong(
    make_models: MakeModels, changes: dict[str, Any], part: str
) -> None:
    form = make_models().train.form
    form.choose("pictograms")
    form.edit(**changes)
    (fault,) = form.faults.values()
    assert part in fault


def test_a_sheet_of_checkpoints_says_what_its_rows_and_columns_are() -> None:
    assert text.sheet_title("a fox") == "a fox: training step across, denoising step down"
    assert text.sheet_cell(1, 30, 0.5) == "step 1 of 30, noise level 0.50"


def test_too_few_checkpoints_are_refused_with_the_reason(make_models: MakeModels) -> None:
    models = make_models(STARTER)
    with pytest.raises(RequestError, match="before there are two of them"):
        compare_checkpoints([STARTER.name], "a fox", models.form, models.catalog)
