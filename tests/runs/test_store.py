from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from studio.errors import StorageError, UnknownNameError
from studio.folders import Folders
from studio.runs import store as store_module
from studio.runs.format import is_run_id
from studio.runs.store import BUDGET_BYTES, RunStore
from studio.runs.writer import RunRecorded, record
from tests.runs.jobs import Job, digest, recorded, run_of

if TYPE_CHECKING:
    from pathlib import Path

LARGE = Job(steps=60)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "data" / "runs")


def states(store: RunStore) -> dict[str, bool]:
    """Return for each run, oldest first, whether its states are there."""
    return {run: not store.open(run).states_deleted for run in reversed(store.runs())}


def test_runs_are_listed_newest_first_by_their_numbers_and_nothing_else_is(store: RunStore) -> None:
    assert store.runs() == ()
    assert store.used_bytes() == 0
    made = [run_of(store) for _ in range(3)]
    assert all(is_run_id(run) for run in made)
    assert [run[:6] for run in made] == ["000001", "000002", "000003"]
    (store.folder / "000009-file").write_text("")
    (store.folder / "another folder").mkdir()
    if sys.platform != "win32":
        (store.folder / "000010-0123abcd").symlink_to(store.folder / made[0])
    assert store.runs() == tuple(reversed(made))


def test_another_store_of_the_same_folder_goes_on_where_this_one_is(store: RunStore) -> None:
    first = run_of(store)
    again = RunStore(store.folder)
    assert again.runs() == (first,)
    assert run_of(again)[:6] == "000002"
    assert again.open(first).complete


def test_it_is_the_folder_of_the_users_data_with_two_gibibytes(tmp_path: Path) -> None:
    store = RunStore.of(Folders.under(tmp_path))
    assert (
        (store.folder, store.budget_bytes) == (tmp_path / "runs", BUDGET_BYTES) == (tmp_path / "runs", 2**31)
    )
    assert not store.folder.exists()


def test_a_run_is_found_by_id_number_or_as_the_last(store: RunStore) -> None:
    first, second = run_of(store), run_of(store)
    for meant in (first, "1", "000001"):
        assert store.find(meant) == first
    assert store.find("last") == second
    for unknown in ("7", "", "../x", "last ", "9" * 30, second[:-1]):
        with pytest.raises(UnknownNameError, match="is not known"):
            store.find(unknown)
    (store.folder / "000001-00000000").mkdir()
    with pytest.raises(StorageError, match="has several runs with the number 1"):
        store.find("1")
    with pytest.raises(UnknownNameError):
        RunStore(store.folder / "none").find("last")


@pytest.mark.parametrize("name", ["..", "", "/", "a\0b", "000001-0123ABCD", "000001-0123abcd/.."])
def test_what_is_no_id_is_no_path(store: RunStore, name: str) -> None:
    with pytest.raises(StorageError, match="cannot contain a run with this name"):
        store.open(name)


def test_a_run_is_found_by_its_picture_also_after_a_restart(store: RunStore) -> None:
    first, again = run_of(store), run_of(store)
    assert store.of_picture(digest(("final", 0))) == again
    assert RunStore(store.folder).of_picture(digest(("final", 0))) == again
    store.remove(again)
    assert store.of_picture(digest(("final", 0))) == first
    assert store.of_picture(digest("another")) is None
    (store.path(first) / "picture.json").write_text("{}\n")
    assert RunStore(store.folder).of_picture(digest(("final", 0))) is None


def test_a_run_knows_its_forks(store: RunStore) -> None:
    parent = run_of(store)
    forks = [recorded(store, Job(first=2), parent=parent, parent_step=2)[0].run_id for _ in range(2)]
    recorded(store, Job(first=2), parent="", parent_step=2)
    assert store.forks_of(parent) == tuple(forks)
    assert store.forks_of(forks[0] or "") == ()
    assert store.open(store.runs()[0]).header.parent is None


# ---------------------------------------------------------------------------------------------------------------- room


def test_over_the_budget_the_oldest_give_up_their_states_and_nothing_else(store: RunStore) -> None:
    made = [run_of(store, LARGE) for _ in range(4)]
    before = store.used_bytes()
    one = before // 4
    assert store.trim() == 0
    store.budget_bytes = before - one // 2
    assert 0 < store.trim() <= one
    assert states(store) == dict(zip(made, [False, True, True, True], strict=True))
    states_deleted = store.open(made[0])
    assert (states_deleted.kept, len(states_deleted.steps), states_deleted.complete) == ((), 60, False)
    assert states_deleted.picture is not None
    assert store.of_picture(digest(("final", 0))) == made[3]
    with pytest.raises(StorageError, match="no longer has its steps: they were deleted"):
        states_deleted.state(3)
    assert store.used_bytes() <= store.budget_bytes


def test_a_budget_holds_for_the_next_program_too(store: RunStore) -> None:
    assert RunStore(store.folder).budget_bytes == BUDGET_BYTES
    store.budget_bytes = 123_456
    run_of(store)
    assert RunStore(store.folder).budget_bytes == 123_456
    assert RunStore(store.folder, 10**6).budget_bytes == 10**6
    for wrong in ("", "-5", "1e9", "9" * 50, "²"):
        (store.folder / "budget").write_text(wrong, encoding="utf-8")
        assert RunStore(store.folder).budget_bytes == BUDGET_BYTES


def test_a_pinned_run_never_gives_up_its_states(store: RunStore) -> None:
    made = [run_of(store, LARGE) for _ in range(3)]
    store.pin(made[0])
    store.pin(made[0])
    assert [store.is_pinned(run) for run in made] == [True, False, False]
    store.budget_bytes = 0
    store.trim()
    assert states(store) == {made[0]: True, made[2]: True}, "the newest stays too"
    store.unpin(made[0])
    store.unpin(made[0])
    store.trim()
    assert states(store) == {made[2]: True}


def test_recording_makes_its_own_room_and_never_takes_what_is_being_made(store: RunStore) -> None:
    run_of(store, LARGE)
    one = store.used_bytes()
    store.budget_bytes = 3 * one
    recordings = [record(LARGE.events(), store) for _ in range(4)]
    for recording in recordings:
        for _ in range(5):
            next(recording)
    store.trim(3 * one)
    for recording in recordings:
        assert [event.complete for event in recording if isinstance(event, RunRecorded)] == [True]
    made = [run_of(store, LARGE) for _ in range(4)]
    assert store.used_bytes() <= store.budget_bytes
    assert states(store)[made[-1]]


def test_there_are_never_more_runs_than_can_be_looked_through(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "MAX_RUNS", 3)
    made = [run_of(store) for _ in range(2)]
    store.pin(made[0])
    made += [run_of(store) for _ in range(3)]
    assert store.runs() == (made[4], made[3], made[0])


def test_a_removed_run_comes_back_until_its_room_is_needed(store: RunStore) -> None:
    made = [run_of(store, LARGE) for _ in range(3)]
    store.remove(made[1])
    assert store.runs() == (made[2], made[0])
    store.restore(made[1])
    assert store.open(made[1]).complete
    store.remove(made[1])
    store.budget_bytes = store.used_bytes() - 1
    store.trim()
    assert states(store) == {made[0]: True, made[2]: True}
    for act in (store.restore, store.remove):
        with pytest.raises(StorageError, match="cannot be found"):
            act(made[1])


def test_a_folder_that_is_no_run_goes_whole_and_without_harm(store: RunStore) -> None:
    run_of(store)
    broken = store.folder / "000000-00000000"
    broken.mkdir()
    (broken / "states.safetensors").write_bytes(os.urandom(100_000))
    newest = run_of(store)
    store.budget_bytes = store.used_bytes() - 1
    store.trim()
    assert not broken.exists()
    assert store.open(newest).complete


def test_links_in_a_run_are_deleted_and_not_followed(store: RunStore, tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("links need a right there")
    old, _ = run_of(store), run_of(store)
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"a picture")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "another.png").write_bytes(b"another")
    (store.path(old) / "states.safetensors").unlink()
    (store.path(old) / "states.safetensors").symlink_to(picture)
    (store.path(old) / "folder").symlink_to(tmp_path / "pictures")
    store.budget_bytes = 0
    store.trim()
    assert not store.path(old).exists()
    assert picture.read_bytes() == b"a picture"
    assert (tmp_path / "pictures" / "another.png").read_bytes() == b"another"


def test_a_folder_that_cannot_be_made_is_told_once(store: RunStore) -> None:
    store.folder.parent.mkdir(parents=True)
    store.folder.write_text("a file")
    first, second = recorded(store, Job(count=2))
    assert "there is a file in the place of a folder" in str(first.fault)
    assert (first.run_id, second.run_id, second.fault) == (None, None, None)
    assert store.runs() == ()
    assert store.used_bytes() == 0
    with pytest.raises(StorageError):
        store.pin("000001-0123abcd")


# ------------------------------------------------------------------------------------------------- other processes
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_what_another_process_records_is_not_deleted_until_it_ends_or_dies(store: RunStore) -> None:
    others = store.create()
    (store.folder / others / "states.safetensors").write_bytes(b"0" * 100_000)
    (store.folder / others / "run.json").write_bytes(b"{}")
    for _ in range(3):
        run_of(store)
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:  # it has a store of its own, as the window beside a command line has
        window = RunStore(store.folder, budget_bytes=0)
        window.trim()
        os.write(writable, b"1" if window.has_states(others) else b"0")
        os._exit(0)
    os.close(writable)
    os.waitpid(child, 0)
    assert os.read(readable, 1) == b"1"
    os.close(readable)
    store.release(others)
    RunStore(store.folder, budget_bytes=0).trim()
    assert not (store.folder / others).exists()


def test_a_lock_that_a_dead_process_left_protects_nothing(store: RunStore) -> None:
    run = run_of(store)
    run_of(store)
    (store.folder / run / "recording").write_bytes(b"")
    RunStore(store.folder, budget_bytes=0).trim()
    assert run not in store.runs()


def test_the_folder_is_gone_through_once_in_many_runs(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(25):
        run_of(store)
    one = store.used_bytes() // 25
    store.budget_bytes = 25 * one
    counted = 0
    measure = RunStore.used_bytes

    def used_bytes(self: RunStore) -> int:
        nonlocal counted
        counted += 1
        return measure(self)

    monkeypatch.setattr(RunStore, "used_bytes", used_bytes)
    for _ in range(20):
        store.reserve(one // 4)
    assert 1 <= counted <= 6
