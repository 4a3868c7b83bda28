"""Runs that were cut off, edited, or never were runs."""

from __future__ import annotations

import json
import os
import shutil
import sys
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.errors import StorageError
from studio.runs.format import Table
from studio.runs.reader import StoredRun
from studio.runs.store import RunStore
from studio.runs.writer import record
from tests.runs.jobs import SHAPE, Job, array, run_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole run of three steps."""
    store = RunStore(tmp_path / "runs")
    return store.path(run_of(store, Job(steps=3, history=1)))


def check_reads(folder: Path) -> StoredRun:
    """Open a run, and see that every step it has is just as it was."""
    run = StoredRun(folder)
    for step in run.kept:
        assert run.state(step).x.tobytes() == array("x", 0, step).tobytes()
        x0_hat = run.x0_hat(step)
        assert x0_hat is None or x0_hat.tobytes() == array("x0_hat", 0, step).tobytes()
    return run


def refused(folder: Path) -> str:
    with pytest.raises(StorageError) as caught:
        StoredRun(folder)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert len(sentence) < 400
    return sentence


# ------------------------------------------------------------------------------------------------------------ cut off


def test_states_cut_off_at_any_byte_are_read_up_to_the_last_whole_step(folder: Path) -> None:
    path = folder / "states.safetensors"
    whole = path.read_bytes()
    table = Table.of_states((0, 1, 2, 3), SHAPE)
    head, row = len(table.header()), table.array_bytes
    assert len(whole) == head + 7 * row
    seen = set()
    for length in range(len(whole), -1, -1):
        os.truncate(path, length)
        if length < head:
            assert "ends before its first state does: it is truncated" in refused(folder)
            continue
        run = check_reads(folder)
        steps = ((length - head) // row + 1) // 2
        assert run.kept == tuple(range(steps))
        assert run.complete == (steps == 4)
        seen.add(steps)
        if steps < 4:
            with pytest.raises(StorageError, match=f"step {steps} cannot be read|no complete step"):
                run.state(steps)
    assert seen == {0, 1, 2, 3, 4}


def test_a_journal_cut_off_at_any_byte_is_read_up_to_the_last_whole_step(folder: Path) -> None:
    path = folder / "journal.jsonl"
    whole = path.read_bytes()
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        run = check_reads(folder)
        lines = whole[:length].count(b"\n")
        assert run.kept == tuple(range(lines))
        assert len(run.steps) == max(lines - 1, 0)
        assert run.complete == (lines == 4)


@pytest.mark.parametrize("name", ["run.json", "picture.json"])
def test_the_rest_cut_off_at_any_byte_is_refused_or_as_if_it_were_not_there(folder: Path, name: str) -> None:
    path = folder / name
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        if name == "run.json":
            assert "run.json" in refused(folder)
        else:
            assert not check_reads(folder).complete


def test_what_the_journal_tells_of_and_the_disk_never_got_is_seen(folder: Path) -> None:
    path = folder / "states.safetensors"
    whole = path.read_bytes()
    row = Table.of_states((0, 1, 2, 3), SHAPE).array_bytes
    path.write_bytes(whole[: -2 * row] + bytes(2 * row))
    run = StoredRun(folder)
    with pytest.raises(StorageError, match="is damaged at this step"):
        run.state(3)
    assert run.state(2).x.tobytes() == array("x", 0, 2).tobytes()


@given(st.data())
def test_no_changed_byte_of_the_states_is_taken_for_what_was_written(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    store = RunStore(tmp_path_factory.mktemp("runs"))
    folder = store.path(run_of(store, Job(steps=2)))
    path = folder / "states.safetensors"
    whole = bytearray(path.read_bytes())
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(whole)
    with pytest.raises(StorageError):
        check_reads(folder)


@given(st.sampled_from(["run.json", "journal.jsonl", "picture.json"]), st.data())
def test_whatever_byte_of_the_rest_changes_nothing_but_a_sentence_is_raised(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    store = RunStore(tmp_path_factory.mktemp("runs"))
    folder = store.path(run_of(store, Job(steps=2)))
    whole = bytearray((folder / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    (folder / name).write_bytes(whole)
    said = str(folder)
    try:
        check_reads(folder)
    except StorageError as error:
        said = str(error)
    assert str(folder) in said
    assert "\n" not in said


# -------------------------------------------------------------------------------------------------------------- edited


def edit(path: Path, **changes: object) -> None:
    """Change members of a JSON file; `...` takes one out."""
    values = {**json.loads(path.read_bytes()), **changes}
    path.write_text(json.dumps({name: value for name, value in values.items() if value is not ...}) + "\n")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": 4}, "written by a newer Stepwise Studio"),
        ({"version": ...}, "lacks the field 'version'"),
        ({"id": "000009-00000000"}, "belongs to another run than the one its folder is named after"),
        ({"extra": 1}, "which this program does not know"),
        ({"shape": [4, 2]}, "shape must be 3 whole numbers"),
        ({"shape": [4, 2, 2**40]}, "shape must be 3 whole numbers"),
        ({"shape": [2**15, 2**15, 2**15]}, "shape is larger than this program records"),
        ({"shape": [4, 2, 4]}, "does not match run.json beside it"),
        ({"times": [999, 998, 998, -1]}, "times must decrease"),
        ({"times": [999, 998, 997]}, "times must decrease, and end at -1"),
        ({"times": [-1]}, "times must be 2 to 1,001 numbers"),
        ({"times": list(range(5000, -2, -1))}, "times must be 2 to 1,001 numbers"),
        ({"times": "all"}, "times must be 2 to 1,001 numbers"),
        ({"times": [999, "998", 997, -1]}, "times must be 2 to 1,001 numbers"),
        ({"times": [999, 998.5, 997, -1]}, "has a line 2 that does not belong to step 1"),
        ({"model_times": [999.0]}, "model_times must be as many as there are steps, or none"),
        ({"model_times": ...}, "lacks the field 'model_times'"),
        ({"times": [999, 998, 996, -1]}, "has a line 3 that does not belong to step 2"),
        ({"first_index": 1}, "has a line 1 that does not belong to step 1"),
        ({"first_index": -1}, "first_index must be a whole number from 0"),
        ({"x_T_sha256": "x"}, "x_T_sha256 must be 64"),
        ({"model": "../../etc"}, "model must be the name"),
        ({"request": []}, "request must be a JSON object"),
        ({"request": {"model": "//evil/share"}, "model": "//evil/share"}, "and no path"),
        ({"request": {"steps": 10**9}}, "steps must be a whole number from 1 to 1,000"),
        ({"request": {"run": "code"}}, "contains a request that cannot be used"),
        ({"parent": "../000001-00000000"}, "parent must be the id of a run"),
        ({"parent_step": -1}, "parent_step must be a whole number"),
        ({"created": "yesterday"}, "created must be a time"),
        ({"versions": {"torch": 2}}, "versions must be"),
        ({"seed": True}, "seed must be a whole number"),
    ],
)
def test_an_edited_header_is_refused_in_one_sentence(
    folder: Path, changes: dict[str, Any], said: str
) -> None:
    edit(folder / "run.json", **changes)
    assert said in refused(folder)


def test_a_run_of_version_1_opens(folder: Path) -> None:
    """It has neither model times nor times of history; its times are whole."""
    new = StoredRun(folder)
    edit(folder / "run.json", version=1, model_times=...)
    path = folder / "journal.jsonl"
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    for line in lines:
        line.pop("history_times", None)
        del line["level"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    old = StoredRun(folder)
    assert old.header == new.header
    assert old.kept == new.kept
    for line in old.steps:
        alpha = (1 - line.sigma**2) ** 0.5
        assert line.level == pytest.approx(line.sigma / (alpha + line.sigma))
    for step in old.kept:
        state, _ = old.step(step)
        assert state.x.tobytes() == new.state(step).x.tobytes()
        assert state.times == new.state(step).times
        assert len(state.history_times) == len(state.history) == len(new.state(step).history)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"step": 3}, "has a line 3 that does not belong to step 2"),
        ({"step": -1}, "step must be a whole number"),
        ({"t": 5}, "has a line 3 that does not belong to step 2"),
        ({"sigma": "much"}, "sigma must be a number"),
        ({"snr": -1}, "snr must be a number of 0 or more"),
        ({"ms": 1e99}, "ms must be a number"),
        ({"checksum": "x"}, "checksum must be a checksum"),
        ({"history": [1] * 99}, "history must be at most 16 checksums"),
        ({"more": 1}, "which this program does not know"),
        ({"t": ...}, "lacks the field 't'"),
    ],
)
def test_an_edited_journal_is_refused_in_one_sentence(folder: Path, line: dict[str, Any], said: str) -> None:
    path = folder / "journal.jsonl"
    lines = path.read_bytes().splitlines()
    values = {**json.loads(lines[2]), **line}
    lines[2] = json.dumps({name: value for name, value in values.items() if value is not ...}).encode()
    path.write_bytes(b"\n".join(lines) + b"\n")
    assert said in refused(folder)


@pytest.mark.parametrize(
    "text", [b"\n", b"[]\n", b"{}\n", b"NaN\n", b"\xff\n", b"[" * 900 + b"\n", b"\x80\x04.\n"]
)
def test_lines_that_are_no_lines_of_a_journal_are_refused(folder: Path, text: bytes) -> None:
    path = folder / "journal.jsonl"
    path.write_bytes(text + path.read_bytes())
    assert "journal.jsonl" in refused(folder)
    path.write_bytes(path.read_bytes() * 300)
    assert "journal.jsonl" in refused(folder)


def test_steps_without_end_are_refused_before_they_are_read(folder: Path) -> None:
    with open(folder / "journal.jsonl", "ab") as file:
        file.truncate(2**33)
    assert "is larger than" in refused(folder)
    with open(folder / "run.json", "ab") as file:
        file.truncate(2**33)
    assert "is larger than" in refused(folder)


def test_numbers_that_are_not_finite_are_refused(folder: Path) -> None:
    states, journal = folder / "states.safetensors", folder / "journal.jsonl"
    row = Table.of_states((0, 1, 2, 3), SHAPE).array_bytes
    bad = np.full(SHAPE, np.nan, "<f4").tobytes() * 2
    states.write_bytes(states.read_bytes()[: -2 * row] + bad)
    lines = journal.read_bytes().splitlines()
    lines[3] = json.dumps({**json.loads(lines[3]), "checksum": zlib.crc32(bad)}).encode()
    journal.write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(StorageError, match="not finite numbers"):
        StoredRun(folder).state(3)


def test_states_with_more_after_them_or_another_table_are_refused(folder: Path) -> None:
    path = folder / "states.safetensors"
    whole = path.read_bytes()
    for changed in (
        whole + b"\0",
        whole.replace(b"x0_hat.1", b"x0_hat.7"),
        b"\x80\x04" + whole[2:],
        b"PK\3\4",
    ):
        path.write_bytes(changed)
        assert "does not match run.json beside it: it was changed" in refused(folder)


def wrong_history(folder: Path) -> None:
    os.truncate(folder / "history-0.safetensors", 500)


def no_history(folder: Path) -> None:
    (folder / "history-0.safetensors").unlink()


@pytest.mark.parametrize(("change", "said"), [(wrong_history, "truncated"), (no_history, "is missing")])
def test_a_history_that_is_not_there_is_said_when_it_is_asked_for(
    folder: Path, change: Callable[[Path], None], said: str
) -> None:
    change(folder)
    run = StoredRun(folder)
    assert run.x0_hat(2) is not None
    with pytest.raises(StorageError, match=said):
        run.state(2)


# ----------------------------------------------------------------------------------------------------------- no runs


@pytest.mark.parametrize("name", ["run.json", "journal.jsonl"])
def test_a_file_that_is_not_there_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert refused(folder).endswith(f"{name} is missing.")


@needs_posix
@pytest.mark.parametrize("name", ["run.json", "journal.jsonl", "picture.json", "states.safetensors"])
def test_pipes_devices_folders_and_links_that_lead_away_are_refused_at_once(folder: Path, name: str) -> None:
    path, kept = folder / name, folder.parent / "kept"
    shutil.copy(path, kept)
    for place in ("pipe", "folder", "away", "zero"):
        path.unlink() if path.is_file() or path.is_symlink() or not path.is_dir() else path.rmdir()
        if place == "pipe":
            os.mkfifo(path)
        elif place == "folder":
            path.mkdir()
        else:
            path.symlink_to(kept if place == "away" else "/dev/zero")
        assert name in refused(folder)


def test_a_step_it_does_not_have_is_named(folder: Path) -> None:
    run = StoredRun(folder)
    for step in (-1, 4, 10**9):
        with pytest.raises(StorageError, match=f"has no step {step}: it goes from step 0 to 3"):
            run.state(step)


def test_a_run_that_is_being_written_is_read_as_far_as_it_is(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    recording = record(Job(steps=5).events(), store)
    for _ in range(5):
        next(recording)
    (run,) = store.runs()
    assert check_reads(store.path(run)).kept == (0, 1, 2, 3)
    assert len(list(recording)) > 0
    assert check_reads(store.path(run)).complete
