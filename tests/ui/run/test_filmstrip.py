from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import QModelIndex, Qt

from studio.engine.events import JobCancelled
from studio.ui.run.filmstrip import FilmstripModel, FrameRole, StepRole
from studio.ui.run.model import RunModel
from tests.runs.steps import step_done
from tests.ui.played import Errands, Played, decoded

if TYPE_CHECKING:
    from pytestqt.modeltest import ModelTester
    from pytestqt.qtbot import QtBot

EACH = 320


@pytest.fixture
def run(qapp: object) -> RunModel:
    return RunModel()


@pytest.fixture
def strip(run: RunModel, qtmodeltester: ModelTester) -> FilmstripModel:
    """A model that Qt's own tester watches through the whole test."""
    model = FilmstripModel(run)
    qtmodeltester.check(model)
    return model


def numbers(strip: FilmstripModel) -> list[int]:
    return [strip.index(row).data(StepRole).step for row in range(strip.rowCount())]


def values(strip: FilmstripModel) -> list[int | None]:
    images = [strip.index(row).data(FrameRole) for row in range(strip.rowCount())]
    return [None if image is None else image.pixelColor(0, 0).red() for image in images]


class Rows:
    """What a model told of its rows, from which a view would know them."""

    def __init__(self, model: FilmstripModel) -> None:
        self.told: list[tuple[Any, ...]] = []
        model.rowsInserted.connect(lambda parent, first, last: self.told.append(("in", first, last)))
        model.rowsRemoved.connect(lambda parent, first, last: self.told.append(("out", first, last)))
        model.dataChanged.connect(lambda first, last: self.told.append(("new", first.row(), last.row())))
        model.modelReset.connect(lambda: self.told.append(("reset",)))


def test_without_a_job_it_is_empty(strip: FilmstripModel) -> None:
    assert strip.rowCount() == 0
    assert strip.row_of(None) == strip.row_of(1) == -1
    assert strip.data(QModelIndex(), StepRole) is None


def test_there_is_a_row_for_each_step_as_it_comes(run: RunModel, strip: FilmstripModel) -> None:
    rows, played = Rows(strip), Played(run)
    played.begin().steps(1, 2, 3)
    assert numbers(strip) == values(strip) == [1, 2, 3]
    assert rows.told == [("reset",), ("in", 1, 1), ("in", 2, 2)]


def test_steps_that_came_together_are_told_together(run: RunModel, strip: FilmstripModel) -> None:
    played = Played(run, steps=9)
    played.begin().steps(1)
    rows = Rows(strip)
    for step in (2, 3, 4):
        played.job.record.add(step_done(step, steps=9))
    played.steps(5)
    assert rows.told == [("in", 1, 4)]
    assert numbers(strip) == [1, 2, 3, 4, 5]


def test_a_row_is_found_by_its_step(run: RunModel, strip: FilmstripModel) -> None:
    Played(run, steps=40, max_bytes=20 * EACH).begin().steps(*range(1, 31))
    assert numbers(strip) == list(range(2, 31, 2))
    assert [strip.row_of(step) for step in (2, 30, None, 7)] == [0, 14, 14, -1]


def test_a_row_says_what_it_is_to_who_cannot_see_it(run: RunModel, strip: FilmstripModel) -> None:
    Played(run).begin().steps(1)
    assert strip.index(0).data(Qt.ItemDataRole.AccessibleTextRole) == "Step 1 of 4, noise level 0.75"
    assert strip.index(0).data(Qt.ItemDataRole.ToolTipRole) is None


def test_it_shows_the_picture_that_is_looked_at(run: RunModel, strip: FilmstripModel) -> None:
    played = Played(run, count=2)
    played.begin().steps(1, 2, 3, 4)
    played.keep(0)
    assert numbers(strip) == []
    played.steps(1, image=1)
    assert numbers(strip) == [1]
    run.select_image(0)
    assert numbers(strip) == [1, 2, 3, 4]
    rows = Rows(strip)
    played.steps(2, image=1)
    assert rows.told == []
    run.go_live()
    assert numbers(strip) == [1, 2]


def test_it_stays_with_an_old_job_until_somebody_goes_on(run: RunModel, strip: FilmstripModel) -> None:
    Played(run).play()
    run.select(2)
    second = Played(run, prompt="an owl").begin()
    second.steps(1)
    assert numbers(strip) == [1, 2, 3, 4]
    run.go_live()
    assert numbers(strip) == [1]


# ------------------------------------------------------------------------------------------------------------ thinning
def test_when_the_record_is_thinned_it_begins_anew(run: RunModel, strip: FilmstripModel) -> None:
    played = Played(run, steps=40, max_bytes=10 * EACH)
    played.begin().steps(*range(1, 11))
    rows = Rows(strip)
    played.steps(11)
    assert rows.told == [("reset",)]
    assert numbers(strip) == [2, 4, 6, 8, 10, 11]


def test_the_newest_of_a_thinned_record_gives_way_to_the_next(run: RunModel, strip: FilmstripModel) -> None:
    played = Played(run, steps=40, max_bytes=10 * EACH)
    played.begin().steps(*range(1, 12))
    rows = Rows(strip)
    played.steps(12)
    assert rows.told == [("new", 5, 5)]
    played.steps(13)
    assert rows.told == [("new", 5, 5), ("in", 6, 6)]
    assert numbers(strip) == values(strip) == [2, 4, 6, 8, 10, 12, 13]


def test_rows_that_were_told_of_are_there_even_if_the_record_gave_their_steps_up(
    run: RunModel, strip: FilmstripModel
) -> None:
    played = Played(run, steps=80, max_bytes=10 * EACH)
    played.begin().steps(*range(1, 11))
    for step in range(11, 60):  # in the other thread, and not announced yet
        played.job.record.add(step_done(step, steps=80))
        assert strip.rowCount() == 10
        assert numbers(strip) == list(range(1, 11))
        assert strip.row_of(9) == 8
    played.steps(60)
    picture = played.job.record.picture(0)
    assert picture is not None
    assert numbers(strip) == [done.step for done in picture.steps]


def test_a_record_that_another_thread_fills_and_thins_never_confuses_the_rows(
    run: RunModel, strip: FilmstripModel, qtbot: QtBot
) -> None:
    steps = 600
    played = Played(run, steps=steps, max_bytes=25 * EACH).begin()

    def fill() -> None:
        for step in range(1, steps + 1):
            played.job.record.add(step_done(step, steps=steps))

    thread = threading.Thread(target=fill)
    thread.start()
    while thread.is_alive():
        run.note_steps(played.course)
        seen = numbers(strip)
        assert seen == sorted(set(seen))
        assert None not in values(strip)
    thread.join()
    run.note_steps(played.course)
    assert numbers(strip)[-1] == steps


# -------------------------------------------------------------------------------------------------------------- frames
def test_the_other_side_has_frames_of_its_own(run: RunModel, strip: FilmstripModel) -> None:
    played = Played(run)
    played.begin().steps(1, 2)
    rows = Rows(strip)
    run.set_what("x_t")
    assert rows.told == [("new", 0, 1)]
    assert values(strip) == [None, None]
    played.steps(3)
    assert values(strip) == [None, None, 3]


def test_while_a_job_runs_no_row_has_frames_decoded(run: RunModel, strip: FilmstripModel) -> None:
    played, errands = Played(run), Errands(run)
    played.begin().steps(1, 2, 3, preview=None)
    assert values(strip) == [None] * 3
    assert errands.tasks == []


@pytest.mark.parametrize("cancelled", [False, True])
def test_once_it_is_over_rows_that_are_looked_at_have_their_frames_decoded(
    run: RunModel, strip: FilmstripModel, cancelled: bool
) -> None:
    played, errands = Played(run), Errands(run)
    played.begin().steps(1, preview=None)
    played.steps(2)
    rows = Rows(strip)
    played.end(JobCancelled(job_id=played.job.id, pictures=0) if cancelled else None)
    assert rows.told == [("new", 0, 1)]
    assert errands.tasks == []  # nobody looked
    assert values(strip) == values(strip) == [None, 2]
    assert errands.steps == [(1, "x0")]
    rows.told.clear()
    run.frames.take(decoded(errands.tasks[0]))
    assert rows.told == [("new", 0, 0)]
    assert values(strip) == [250, 2]


def test_a_decoded_frame_of_a_step_that_has_no_row_changes_nothing(
    run: RunModel, strip: FilmstripModel
) -> None:
    played, errands = Played(run, steps=40, max_bytes=10 * EACH), Errands(run)
    played.begin().steps(*range(1, 11), tier="linear")
    run.select(3)
    played.steps(11)
    rows = Rows(strip)
    run.frames.take(decoded(errands.tasks[0]))
    assert rows.told == []
