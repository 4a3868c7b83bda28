from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import QModelIndex, Qt

from studio.engine.events import JobCancelled
from studio.ui.core.engine_call import Priority
from studio.ui.run import text
from studio.ui.run.filmstrip import DraftRole, FrameRole, StepRole
from tests.runs.steps import step_done
from tests.ui.played import Played

if TYPE_CHECKING:
    from pytestqt.modeltest import ModelTester
    from pytestqt.qtbot import QtBot

    from studio.ui.run.filmstrip import FilmstripModel
    from studio.ui.run.model import RunModel
    from tests.ui.asked import Asked

EACH = 128
"""Bytes of the arrays of a step of `step_done`."""


@pytest.fixture(autouse=True)
def checked(strip: FilmstripModel, qtmodeltester: ModelTester) -> None:
    """Let Qt's own tester watch the model through the whole test."""
    qtmodeltester.check(strip)


def numbers(strip: FilmstripModel) -> list[int]:
    return [strip.index(row).data(StepRole).step for row in range(strip.rowCount())]


def values(strip: FilmstripModel) -> list[int | None]:
    images = [strip.index(row).data(FrameRole) for row in range(strip.rowCount())]
    return [None if image is None else image.pixelColor(0, 0).red() for image in images]


class Rows:
    """The changes that a model announced to its views."""

    def __init__(self, model: FilmstripModel) -> None:
        self.changes: list[tuple[Any, ...]] = []
        model.rowsInserted.connect(lambda parent, first, last: self.changes.append(("in", first, last)))
        model.rowsRemoved.connect(lambda parent, first, last: self.changes.append(("out", first, last)))
        model.dataChanged.connect(lambda first, last: self.changes.append(("new", first.row(), last.row())))
        model.modelReset.connect(lambda: self.changes.append(("reset",)))


def test_without_a_job_it_is_empty(strip: FilmstripModel) -> None:
    assert strip.rowCount() == 0
    assert strip.row_of(None) == strip.row_of(1) == -1
    assert strip.data(QModelIndex(), StepRole) is None


def test_there_is_a_row_for_each_step_as_it_comes(run: RunModel, strip: FilmstripModel) -> None:
    rows, played = Rows(strip), Played(run)
    played.begin().steps(1, 2, 3)
    assert numbers(strip) == values(strip) == [1, 2, 3]
    assert rows.changes == [("reset",), ("in", 1, 1), ("in", 2, 2)]


def test_steps_that_came_together_are_told_together(run: RunModel, strip: FilmstripModel) -> None:
    played = Played(run, steps=9)
    played.begin().steps(1)
    rows = Rows(strip)
    for step in (2, 3, 4):
        played.job.record.add(step_done(step, steps=9))
    played.steps(5)
    assert rows.changes == [("in", 1, 4)]
    assert numbers(strip) == [1, 2, 3, 4, 5]


def test_a_row_is_found_by_its_step(run: RunModel, strip: FilmstripModel) -> None:
    Played(run, steps=40, max_state_bytes=20 * EACH).begin().steps(*range(1, 31))
    assert numbers(strip) == list(range(2, 31, 2))
    assert [strip.row_of(step) for step in (2, 30, None, 7)] == [0, 14, 14, -1]


def test_a_row_has_an_accessible_description(run: RunModel, strip: FilmstripModel) -> None:
    Played(run).begin().steps(1)
    done = strip.index(0).data(StepRole)
    assert strip.index(0).data(Qt.ItemDataRole.AccessibleTextRole) == text.step_name(done, draft=False)
    assert strip.index(0).data(Qt.ItemDataRole.ToolTipRole) is None


def test_it_shows_the_selected_picture(run: RunModel, strip: FilmstripModel) -> None:
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
    assert rows.changes == []
    run.go_live()
    assert numbers(strip) == [1, 2]


def test_it_stays_with_an_old_job_until_another_is_shown(run: RunModel, strip: FilmstripModel) -> None:
    Played(run).play()
    run.select(2)
    second = Played(run, prompt="an owl").begin()
    second.steps(1)
    assert numbers(strip) == [1, 2, 3, 4]
    run.go_live()
    assert numbers(strip) == [1]


# ------------------------------------------------------------------------------------------------------------ thinning
def test_it_is_reset_when_the_record_is_thinned(run: RunModel, strip: FilmstripModel) -> None:
    played = Played(run, steps=40, max_state_bytes=10 * EACH)
    played.begin().steps(*range(1, 11))
    rows = Rows(strip)
    played.steps(11)
    assert rows.changes == [("reset",)]
    assert numbers(strip) == [2, 4, 6, 8, 10, 11]


def test_the_newest_row_of_a_thinned_record_is_replaced_by_the_next(
    run: RunModel, strip: FilmstripModel
) -> None:
    played = Played(run, steps=40, max_state_bytes=10 * EACH)
    played.begin().steps(*range(1, 12))
    rows = Rows(strip)
    played.steps(12)
    assert rows.changes == [("new", 5, 5)]
    played.steps(13)
    assert rows.changes == [("new", 5, 5), ("in", 6, 6)]
    assert numbers(strip) == values(strip) == [2, 4, 6, 8, 10, 12, 13]


def test_announced_rows_exist_even_if_the_record_dropped_their_steps(
    run: RunModel, strip: FilmstripModel
) -> None:
    played = Played(run, steps=80, max_state_bytes=10 * EACH)
    played.begin().steps(*range(1, 11))
    for step in range(11, 60):  # in the other thread, and not announced yet
        played.job.record.add(step_done(step, steps=80))
        assert strip.rowCount() == 10
        assert numbers(strip) == list(range(1, 11))
        assert strip.row_of(9) == 8
    played.steps(60)
    picture = played.job.record.picture(0)
    assert picture is not None
    assert numbers(strip) == [done.step for done in picture.available()]


def test_a_record_that_another_thread_fills_and_thins_never_confuses_the_rows(
    run: RunModel, strip: FilmstripModel, qtbot: QtBot
) -> None:
    steps = 600
    played = Played(run, steps=steps, max_state_bytes=25 * EACH).begin()

    def fill() -> None:
        for step in range(1, steps + 1):
            played.job.record.add(step_done(step, steps=steps))

    thread = threading.Thread(target=fill)
    thread.start()
    while thread.is_alive():
        run.note_steps(played.job_state)
        seen = numbers(strip)
        assert seen == sorted(set(seen))
        assert None not in values(strip)
    thread.join()
    run.note_steps(played.job_state)
    assert numbers(strip)[-1] == steps


# -------------------------------------------------------------------------------------------------------------- frames
def test_the_other_quantity_has_its_own_frames(run: RunModel, strip: FilmstripModel) -> None:
    played = Played(run)
    played.begin().steps(1, 2)
    rows = Rows(strip)
    run.set_quantity("x_t")
    assert rows.changes == [("new", 0, 1)]
    assert values(strip) == [None, None]
    played.steps(3)
    assert values(strip) == [None, None, 3]


def test_while_a_job_runs_no_row_has_frames_decoded(
    run: RunModel, asked: Asked, strip: FilmstripModel
) -> None:
    played = Played(run)
    played.begin().steps(1, 2, 3, preview=None)
    strip.set_visible([1, 2, 3])
    assert values(strip) == [None] * 3
    assert asked.decodes == []


@pytest.mark.parametrize("cancelled", [False, True])
def test_after_the_job_visible_rows_are_decoded(
    run: RunModel, asked: Asked, strip: FilmstripModel, cancelled: bool
) -> None:
    played = Played(run)
    played.begin().steps(1, preview=None)
    played.steps(2)
    rows = Rows(strip)
    played.end(JobCancelled(job_id=played.job.id, pictures=0) if cancelled else None)
    assert rows.changes == [("new", 0, 1)]
    assert values(strip) == values(strip) == [None, 2]
    assert asked.decodes == []  # nobody looked
    strip.set_visible([1, 2])
    assert asked.steps == [(1, "x0")]
    assert asked.decodes[0].priority is Priority.BACKGROUND
    rows.changes.clear()
    asked.decode(0)
    assert rows.changes == [("new", 0, 0)]
    assert values(strip) == [250, 2]


def test_visible_rows_are_decoded_in_full_when_the_job_ends_the_nearest_first(
    run: RunModel, asked: Asked, strip: FilmstripModel
) -> None:
    played = Played(run, steps=9)
    played.begin().steps(*range(1, 10), tier="linear")
    strip.set_visible([1, 3, 5, 7, 9])
    run.select(5)
    asked.calls.clear()
    played.end()
    assert [step for step, _ in asked.steps][:1] == [5]  # what the canvas shows
    assert sorted(step for step, _ in asked.steps) == [1, 3, 5, 7, 9]
    others = [call for call in asked.decodes if call.priority is Priority.BACKGROUND]
    distances = [abs(call.work.step - 5) for call in others]  # type: ignore[attr-defined]
    assert distances == sorted(distances)
    for place in range(5):
        asked.decode(place)
    assert values(strip)[::2] == [250] * 5


def test_rows_that_are_no_longer_visible_are_not_decoded(
    run: RunModel, asked: Asked, strip: FilmstripModel
) -> None:
    played = Played(run, steps=9)
    played.begin().steps(*range(1, 10), tier="linear")
    played.end()
    strip.set_visible([1, 2, 3])
    strip.set_visible([3, 4])
    waiting = [call.work.step for call in asked.waiting if call.priority is Priority.BACKGROUND]  # type: ignore[attr-defined]
    assert waiting == [3, 4]


def test_a_draft_is_marked_and_described_until_it_is_decoded(
    run: RunModel, asked: Asked, strip: FilmstripModel
) -> None:
    played = Played(run)
    played.begin().steps(1, tier="linear")
    played.steps(2, tier="full")
    assert [strip.index(row).data(DraftRole) for row in (0, 1)] == [True, False]
    steps = [strip.index(row).data(StepRole) for row in (0, 1)]
    names = [strip.index(row).data(Qt.ItemDataRole.AccessibleTextRole) for row in (0, 1)]
    assert names == [text.step_name(steps[0], draft=True), text.step_name(steps[1], draft=False)]
    played.end()
    strip.set_visible([1])
    asked.decode(0)
    assert strip.index(0).data(DraftRole) is False
    name = strip.index(0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert name == text.step_name(steps[0], draft=False)


def test_a_decoded_frame_of_a_step_that_has_no_row_changes_nothing(
    run: RunModel, asked: Asked, strip: FilmstripModel
) -> None:
    played = Played(run, steps=40, max_state_bytes=10 * EACH)
    played.begin().steps(*range(1, 11), tier="linear")
    run.select(3)
    played.steps(11)
    rows = Rows(strip)
    asked.decode(0)
    assert rows.changes == []
