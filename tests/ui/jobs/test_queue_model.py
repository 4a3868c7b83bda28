from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QMimeData, QModelIndex, Qt
from PySide6.QtWidgets import QAbstractItemView, QListView

from studio.ui.core.job import Job
from studio.ui.jobs.queue_model import JobRole, QueueModel, RunsRole
from tests.ui.fakes import asking

if TYPE_CHECKING:
    from pytestqt.modeltest import ModelTester

MOVE = Qt.DropAction.MoveAction


@pytest.fixture
def queue(qapp: object, qtmodeltester: ModelTester) -> QueueModel:
    """A model that Qt's own tester watches through the whole test."""
    model = QueueModel()
    qtmodeltester.check(model)
    return model


def fill(queue: QueueModel, names: str, *, runs: bool = False) -> dict[str, Job]:
    """Add a job for each letter; the first runs if so wished."""
    jobs = {name: Job(request=asking(name)) for name in names}
    for job in jobs.values():
        queue.add(job)
    if runs:
        queue.start_next()
    return jobs


def names(queue: QueueModel) -> str:
    """The rows; what runs is a capital."""
    found = ""
    for row in range(queue.rowCount()):
        index = queue.index(row)
        name = index.data()
        assert index.data(JobRole).request.prompt == name
        found += name.upper() if index.data(RunsRole) else name
    return found


# ------------------------------------------------------------------------------------------------ waiting and running
def test_it_is_empty_at_first(queue: QueueModel) -> None:
    assert names(queue) == ""
    assert queue.running is None
    assert queue.waiting == ()
    assert queue.start_next() is None
    queue.finish()
    queue.clear_waiting()


def test_jobs_run_in_the_order_in_which_they_came(queue: QueueModel) -> None:
    jobs = fill(queue, "abc")
    ran = []
    while (job := queue.start_next()) is not None:
        ran.append(job)
        assert queue.running is job
        assert job not in queue.waiting
        queue.finish()
    assert ran == list(jobs.values())
    assert names(queue) == ""


def test_one_job_runs_at_a_time_and_is_the_first_row(queue: QueueModel) -> None:
    fill(queue, "abc", runs=True)
    assert queue.start_next() is None
    assert names(queue) == "Abc"
    queue.finish()
    assert names(queue) == "bc"


def test_a_waiting_job_can_be_removed_and_the_running_one_cannot(queue: QueueModel) -> None:
    jobs = fill(queue, "abc", runs=True)
    assert queue.remove(jobs["b"])
    assert not queue.remove(jobs["b"])
    assert not queue.remove(jobs["a"])
    assert not queue.remove(Job(request=asking("a")))
    assert names(queue) == "Ac"


def test_all_waiting_jobs_can_be_removed(queue: QueueModel) -> None:
    fill(queue, "abc", runs=True)
    queue.clear_waiting()
    assert names(queue) == "A"


def test_a_job_without_a_prompt_has_a_title_too(queue: QueueModel) -> None:
    queue.add(Job(request=asking("")))
    assert queue.index(0).data() == "(no prompt)"
    assert queue.index(0).data(Qt.ItemDataRole.AccessibleTextRole) == "(no prompt)"
    assert queue.index(0).data(Qt.ItemDataRole.DecorationRole) is None


# --------------------------------------------------------------------------------------------------- reordering
@pytest.mark.parametrize("runs", [False, True])
@pytest.mark.parametrize("place", [-3, 0, 1, 2, 3, 99])
@pytest.mark.parametrize("name", "bcde")
def test_a_job_can_be_put_at_any_place_among_those_that_wait(
    queue: QueueModel, runs: bool, place: int, name: str
) -> None:
    jobs = fill(queue, "abcde" if runs else "bcde", runs=runs)
    queue.move(jobs[name], place)
    expected = list("bcde".replace(name, ""))
    expected.insert(max(place, 0), name)
    assert names(queue) == ("A" if runs else "") + "".join(expected)


def test_the_running_job_and_foreign_jobs_cannot_be_moved(queue: QueueModel) -> None:
    jobs = fill(queue, "abc", runs=True)
    queue.move(jobs["a"], 2)
    queue.move(Job(request=asking("x")), 0)
    assert names(queue) == "Abc"


def test_a_job_keeps_its_place_in_views_while_it_moves(queue: QueueModel) -> None:
    jobs = fill(queue, "abcd", runs=True)
    chosen = [queue.index(row) for row in range(4)]
    from_view = QListView()
    from_view.setModel(queue)
    from_view.setCurrentIndex(chosen[1])
    queue.move(jobs["b"], 2)
    assert names(queue) == "Acdb"
    assert from_view.currentIndex().row() == 3


# --------------------------------------------------------------------------------------------------- dragging
def drag(queue: QueueModel, name: str) -> QMimeData:
    row = names(queue).lower().index(name)
    return queue.mimeData([queue.index(row)])


def test_only_jobs_that_wait_can_be_dragged_and_things_drop_between_rows_or_onto_none(
    queue: QueueModel,
) -> None:
    fill(queue, "ab", runs=True)
    drags = [bool(queue.index(row).flags() & Qt.ItemFlag.ItemIsDragEnabled) for row in (0, 1)]
    assert drags == [False, True]
    assert queue.flags(QModelIndex()) == Qt.ItemFlag.ItemIsDropEnabled
    assert queue.supportedDropActions() == MOVE


@pytest.mark.parametrize(
    ("name", "row", "expected"),
    [
        ("b", 0, "Abcd"),  # before the running one: that stays first
        ("d", 0, "Adbc"),
        ("d", 1, "Adbc"),
        ("d", 2, "Abdc"),
        ("b", 1, "Abcd"),
        ("b", 2, "Abcd"),
        ("b", 3, "Acbd"),
        ("b", 4, "Acdb"),
        ("c", -1, "Abdc"),  # onto the empty space below
    ],
)
def test_a_job_dropped_between_rows_goes_there(queue: QueueModel, name: str, row: int, expected: str) -> None:
    fill(queue, "abcd", runs=True)
    queue.dropMimeData(drag(queue, name), MOVE, row, 0, QModelIndex())
    assert names(queue) == expected


@pytest.mark.parametrize(
    ("name", "onto", "expected"),
    [
        ("b", 0, "Abcd"),
        ("d", 0, "Adbc"),
        ("d", 1, "Adbc"),
        ("b", 1, "Abcd"),
        ("b", 2, "Acbd"),
        ("b", 3, "Acdb"),
        ("c", 3, "Abdc"),
    ],
)
def test_a_job_dropped_onto_another_takes_its_place(
    queue: QueueModel, name: str, onto: int, expected: str
) -> None:
    fill(queue, "abcd", runs=True)
    queue.dropMimeData(drag(queue, name), MOVE, -1, -1, queue.index(onto))
    assert names(queue) == expected


@pytest.mark.parametrize(
    ("name", "row", "expected"), [("a", 3, "bca"), ("c", 0, "cab"), ("a", 2, "bac"), ("b", -1, "acb")]
)
def test_dragging_works_where_none_runs(queue: QueueModel, name: str, row: int, expected: str) -> None:
    fill(queue, "abc")
    queue.dropMimeData(drag(queue, name), MOVE, row, 0, QModelIndex())
    assert names(queue) == expected


def test_the_view_does_not_remove_moved_rows(queue: QueueModel) -> None:
    fill(queue, "abc")
    assert queue.dropMimeData(drag(queue, "a"), MOVE, 3, 0, QModelIndex()) is False


def test_a_job_that_runs_by_the_time_it_is_dropped_stays(queue: QueueModel) -> None:
    fill(queue, "abc")
    data = drag(queue, "a")
    queue.start_next()
    queue.dropMimeData(data, MOVE, 3, 0, QModelIndex())
    assert names(queue) == "Abc"


@pytest.mark.parametrize("data", [b"", b"no such job", b"\xff\xfe"], ids=["nothing", "a stranger", "rubbish"])
def test_dropped_data_that_is_not_a_job_is_ignored(queue: QueueModel, data: bytes) -> None:
    fill(queue, "abc")
    foreign = QMimeData()
    foreign.setData(queue.mimeTypes()[0], data)
    assert queue.dropMimeData(foreign, MOVE, 0, 0, QModelIndex()) is False
    assert queue.dropMimeData(QMimeData(), MOVE, 0, 0, QModelIndex()) is False
    assert names(queue) == "abc"


def test_an_empty_selection_drags_nothing(queue: QueueModel) -> None:
    fill(queue, "ab")
    assert queue.mimeData([]).formats() == []


def test_a_view_has_jobs_dragged_by_the_model_alone(queue: QueueModel) -> None:
    fill(queue, "ab")
    view = QListView()
    view.setModel(queue)
    view.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
    assert queue.canDropMimeData(drag(queue, "a"), MOVE, 2, 0, QModelIndex())
    assert not queue.canDropMimeData(QMimeData(), MOVE, 2, 0, QModelIndex())
    assert not queue.canDropMimeData(drag(queue, "a"), Qt.DropAction.CopyAction, 2, 0, QModelIndex())
