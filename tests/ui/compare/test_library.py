"""The recorded runs that can be compared: their list and selection, and reading several as one comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from studio.errors import StorageError
from studio.folders import Folders
from studio.runs.store import RunStore
from studio.runs.writer import record
from studio.ui.compare import text as words
from studio.ui.compare.library import (
    CompareLibrary,
    NotComparableError,
    comparison_of,
    list_recorded,
    run_ids_of,
)
from studio.ui.compare.model import CompareModel
from studio.ui.core.frame_service import ModelGone
from studio.ui.jobs.recorded_runs import NOT_RECORDED
from tests.runs.jobs import Job as LatentJob
from tests.ui.asked import Asked, make_frames
from tests.ui.fakes import Forming, make_store
from tests.ui.rooms import Studio

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.modeltest import ModelTester
    from pytestqt.qtbot import QtBot

    from studio.ui.core.job_state import JobState


@pytest.fixture
def seven(qtbot: QtBot, tmp_path: Path) -> Iterator[Studio]:
    made = Studio(qtbot, tmp_path, Forming(pixels=True))
    made.session.start()
    made.generate(count=7)
    made.wait_idle()
    yield made
    made.close()


@pytest.fixture
def library(qtbot: QtBot, seven: Studio) -> CompareLibrary:
    made = seven.models.library
    with qtbot.waitSignal(made.modelReset):
        made.reload()
    return made


def test_it_is_a_list_as_qt_wants_it(library: CompareLibrary, qtmodeltester: ModelTester) -> None:
    qtmodeltester.check(library)
    library.search("nothing of this kind")
    assert library.rowCount() == 0
    library.search("FOX fake")
    assert library.rowCount() == 7


def test_at_most_six_runs_can_be_selected_and_deselected(library: CompareLibrary) -> None:
    received: list[str] = []
    library.failed.connect(received.append)
    for row in range(7):
        library.toggle(row)
    assert len(library.chosen) == 6
    assert received == [words.too_many(6)]
    library.toggle(0)
    assert len(library.chosen) == 5


def test_one_run_alone_is_offered_and_two_are_opened(
    qtbot: QtBot, seven: Studio, library: CompareLibrary
) -> None:
    with qtbot.waitSignal(library.offered):
        library.open_pictures(seven.wall.entries[:1])
    assert len(library.chosen) == 1
    with qtbot.waitSignal(library.opened) as heard:
        library.open_pictures(seven.wall.entries[:2])
    assert run_ids_of(heard.args[0]) == library.chosen


def test_pictures_without_a_run_are_reported(qtbot: QtBot, seven: Studio, library: CompareLibrary) -> None:
    seven.runs.remove(seven.runs.runs()[-1])
    with qtbot.waitSignal(library.failed) as heard:
        library.open_pictures(seven.wall.entries[:3])
    assert heard.args == [words.without_run(1, 3)]
    with qtbot.waitSignal(library.failed) as heard:
        library.open_pictures(seven.wall.entries[:1])
    assert heard.args == [NOT_RECORDED]


def test_a_comparison_that_cannot_be_opened_is_reported_in_one_sentence(
    qtbot: QtBot, seven: Studio, library: CompareLibrary
) -> None:
    library.choose(seven.runs.runs()[:2])
    for run in seven.runs.runs():
        (seven.runs.path(run) / "states.safetensors").unlink()
    with qtbot.waitSignal(library.failed) as heard:
        library.open()
    assert heard.args[0].count(words.left_out(1, "")) == heard.args[0].count(words.left_out(2, ""))
    assert not heard.args[0].startswith(words.left_out(1, "")), "first it says what is wrong"


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
    """The step of each run, and the value of its first pixel."""
    found = []
    for run in model.runs():
        assert run.shown is not None
        assert run.frame is not None
        found.append((run.shown.step, int(run.frame.pixels[0, 0, 0])))
    return found


def test_recorded_runs_are_shown_like_new_ones(studio: Studio, tmp_path: Path) -> None:
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
    stored = studio.runs.open(first)
    with pytest.raises(StorageError) as caught:
        stored.state(stored.header.first_index)
    assert job_state.note == words.left_out(1, caught.value.message)
    assert [one.fault != "" for one in list_recorded(studio.runs, studio.store.catalogue)] == [
        False,
        False,
        True,
    ]


def test_too_few_runs_are_refused_with_the_reason(studio: Studio, tmp_path: Path) -> None:
    made(studio, "a fox", "a cat")
    (studio.runs.path(studio.runs.runs()[0]) / "run.json").write_text("{}")
    with pytest.raises(NotComparableError) as caught:
        opened(studio, tmp_path)
    assert words.left_out(2, "") in str(caught.value)


def test_runs_of_two_sizes_are_refused(studio: Studio, tmp_path: Path) -> None:
    made(studio, "a fox")
    made(studio, "a cat", width=16, height=16)
    with pytest.raises(NotComparableError) as caught:
        opened(studio, tmp_path)
    values = caught.value.message.values
    assert (values["first"], values["first_size"]) == (1, "8 x 8")
    assert (values["second"], values["second_size"]) == (2, "16 x 16")


def test_a_truncated_or_damaged_run_is_shown_up_to_its_last_step(studio: Studio, tmp_path: Path) -> None:
    made(studio, "a fox", "a cat")
    newest, oldest = (studio.runs.path(run) for run in studio.runs.runs())
    (newest / "picture.json").unlink()
    data = bytearray((oldest / "states.safetensors").read_bytes())
    data[-10] ^= 1
    (oldest / "states.safetensors").write_bytes(bytes(data))
    job_state = opened(studio, tmp_path)
    assert words.note(1, "") in job_state.note
    assert words.note(2, "") in job_state.note
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


def test_a_run_whose_picture_was_deleted_still_has_its_figures(studio: Studio, tmp_path: Path) -> None:
    made(studio, "a fox", "a cat")
    studio.wall.entries[0].path.unlink()
    job_state = opened(studio, tmp_path)
    model = CompareModel(make_frames())
    model.show(job_state)
    assert [run.finished is not None for run in model.runs()] == [True, True]
    assert shown(model)[0][0] == 4
    model.close()


def test_a_run_whose_model_was_removed_says_what_cannot_be_shown(qapp: object, tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    for _ in range(2):
        list(record(LatentJob().events(), store))
    catalogue = make_store(tmp_path).catalogue
    job_state = comparison_of(store.runs(), store, catalogue, Folders.under(tmp_path))
    assert words.note(1, "") in job_state.note
    assert words.not_decoded("").strip() in job_state.note
    asked = Asked()
    model = CompareModel(make_frames(asked))
    model.show(job_state)
    model.select(2)
    assert asked.waiting
    for call in asked.waiting:
        asked.give(call, ModelGone(sentence="The model 'tiny' is gone."))
    run = model.run(0)
    assert model.is_lost(run)
    assert words.for_now(run, "x0", lost=True) != words.for_now(run, "x0")
    assert run.shown is not None
    assert run.shown.x0_hat is not None, "the numbers are there, for curves and figures"
    model.close()
