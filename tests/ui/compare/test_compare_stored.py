"""Recorded runs laid side by side: what is read of them, and what is said where something is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from studio.folders import Folders
from studio.runs.store import RunStore
from studio.runs.writer import record
from studio.ui.compare import text as words
from studio.ui.compare.library import NotComparableError, comparison_of, list_recorded
from studio.ui.compare.model import CompareModel
from studio.ui.core.frame_service import ModelGone
from tests.runs.jobs import Job as LatentJob
from tests.ui.asked import Asked, make_frames
from tests.ui.fakes import Forming, make_store
from tests.ui.rooms import Studio

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from studio.ui.core.job_state import JobState


@pytest.fixture
def studio(qtbot: QtBot, tmp_path: Path) -> Iterator[Studio]:
    made = Studio(qtbot, tmp_path, Forming(pixels=True))
    made.session.start()
    yield made
    made.close()


def opened(studio: Studio, tmp_path: Path, *runs: str) -> JobState:
    chosen = runs or tuple(reversed(studio.runs.runs()))
    return comparison_of(chosen, studio.runs, studio.store.catalogue, Folders.under(tmp_path))


def made(studio: Studio, *prompts: str, **fields: int) -> None:
    for seed, prompt in enumerate(prompts):
        studio.generate(prompt, seed=seed, **fields)
        studio.wait_idle()


def shown(model: CompareModel) -> list[tuple[int, int]]:
    """The step of each pane, and the value of its first pixel."""
    found = []
    for run in model.runs():
        assert run.shown is not None
        assert run.frame is not None
        found.append((run.shown.step, int(run.frame.pixels[0, 0, 0])))
    return found


def test_recorded_runs_are_looked_at_as_if_they_had_just_been_made(studio: Studio, tmp_path: Path) -> None:
    made(studio, "a fox", "a cat")
    job_state = opened(studio, tmp_path)
    assert (job_state.count, job_state.phase, job_state.note) == (2, "done", "")
    model = CompareModel(make_frames())
    model.show(job_state)
    assert shown(model) == [(4, 100), (4, 100)], "their pictures, from their files"
    model.select(2)
    assert shown(model) == [(2, round(1.02 * 127.5))] * 2
    assert [run.finished.model_calls for run in model.runs() if run.finished] == [8, 8]
    assert [request.prompt for request in job_state.requests] == ["a fox", "a cat"]
    model.close()


def test_a_run_that_cannot_be_read_is_left_out_and_the_others_are_shown(
    studio: Studio, tmp_path: Path
) -> None:
    made(studio, "a fox", "a cat", "a dog")
    first = studio.runs.runs()[-1]
    (studio.runs.path(first) / "states.safetensors").unlink()
    job_state = opened(studio, tmp_path)
    assert job_state.count == 2
    assert job_state.note.startswith("Run 1 is left out:")
    assert "given up its steps" in job_state.note
    assert [one.fault != "" for one in list_recorded(studio.runs, studio.store.catalogue)] == [
        False,
        False,
        True,
    ]


def test_of_too_few_runs_a_sentence_says_why(studio: Studio, tmp_path: Path) -> None:
    made(studio, "a fox", "a cat")
    (studio.runs.path(studio.runs.runs()[0]) / "run.json").write_text("{}")
    with pytest.raises(NotComparableError, match="A comparison needs at least two") as caught:
        opened(studio, tmp_path)
    assert "Run 2 is left out" in str(caught.value)


def test_runs_of_two_sizes_are_refused(studio: Studio, tmp_path: Path) -> None:
    made(studio, "a fox")
    made(studio, "a cat", width=16, height=16)
    with pytest.raises(NotComparableError, match="Run 1 has 8 x 8 pixels and run 2 has 16 x 16"):
        opened(studio, tmp_path)


def test_a_run_that_was_cut_off_or_damaged_is_shown_as_far_as_it_went(studio: Studio, tmp_path: Path) -> None:
    made(studio, "a fox", "a cat")
    newest, oldest = (studio.runs.path(run) for run in studio.runs.runs())
    (newest / "picture.json").unlink()
    data = bytearray((oldest / "states.safetensors").read_bytes())
    data[-10] ^= 1
    (oldest / "states.safetensors").write_bytes(bytes(data))
    job_state = opened(studio, tmp_path)
    assert "Run 1: " in job_state.note
    assert "is damaged" in job_state.note
    assert "Run 2: This run was cut off" in job_state.note
    assert [len(job_state.job.record.picture(place).steps) for place in (0, 1)] == [3, 4]  # type: ignore[union-attr]


def test_a_list_of_the_runs_knows_their_pictures(studio: Studio) -> None:
    made(studio, "a fox", "a cat")
    studio.wall.entries[0].path.unlink()
    studio.store.catalogue.remove([studio.wall.entries[0]])
    found = list_recorded(studio.runs, studio.store.catalogue)
    assert [(one.number, one.request.prompt, one.entry is not None) for one in found] == [
        (2, "a cat", True),
        (1, "a fox", False),
    ]


def test_a_run_whose_picture_is_gone_still_has_its_figures(studio: Studio, tmp_path: Path) -> None:
    made(studio, "a fox", "a cat")
    studio.wall.entries[0].path.unlink()
    job_state = opened(studio, tmp_path)
    model = CompareModel(make_frames())
    model.show(job_state)
    assert [run.finished is not None for run in model.runs()] == [True, True]
    assert shown(model)[0][0] == 4
    model.close()


def test_of_a_run_whose_model_is_gone_a_sentence_says_what_cannot_be_seen(
    qapp: object, tmp_path: Path
) -> None:
    store = RunStore(tmp_path / "runs")
    for _ in range(2):
        list(record(LatentJob().events(), store))
    catalogue = make_store(tmp_path).catalogue
    job_state = comparison_of(store.runs(), store, catalogue, Folders.under(tmp_path))
    assert "Run 1: model 'tiny' is not known" in job_state.note
    assert "Its steps cannot be decoded without the model." in job_state.note
    asked = Asked()
    model = CompareModel(make_frames(asked))
    model.show(job_state)
    model.select(2)
    assert asked.waiting
    for call in asked.waiting:
        asked.give(call, ModelGone(sentence="The model 'tiny' is gone."))
    run = model.run(0)
    assert model.is_lost(run)
    assert words.for_now(run, "x0", lost=model.is_lost(run)).startswith("cannot be decoded")
    assert run.shown is not None
    assert run.shown.x0_hat is not None, "the numbers are there, for curves and figures"
    model.close()
