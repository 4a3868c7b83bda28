"""``stepwise runs``, and the recording that ``stepwise generate`` does."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from studio.folders import Folders
from studio.runs.store import RunStore
from tests.runs.run_disk import RunDisk

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Ran

    Stepwise = Callable[..., Ran]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def store(home: Path) -> RunStore:
    return RunStore.of(Folders.under(home))


def made(stepwise: Stepwise, *words: object) -> list[dict[str, Any]]:
    ran = stepwise("generate", "dog", "--steps", "3", "--json", *words)
    assert ran.code == 0, ran.err
    return [json.loads(line) for line in ran.out.splitlines()]


def test_every_picture_comes_with_its_recorded_run(stepwise: Stepwise, store: RunStore) -> None:
    pictures = made(stepwise, "--count", "2", "--seed", "5")
    assert [picture["run"] for picture in pictures] == list(reversed(store.runs()))
    for picture in pictures:
        run = store.open(picture["run"])
        assert run.complete
        assert run.kept == (0, 1, 2, 3)
        assert run.header.seed == picture["seed"]
        assert run.header.x_T_sha256 == picture["x_T_sha256"]
        assert store.of_picture(picture["final_sha256"]) == picture["run"]


def test_recording_changes_no_bit_and_can_be_turned_off(stepwise: Stepwise, store: RunStore) -> None:
    (recorded,) = made(stepwise)
    ran = stepwise("generate", "dog", "--steps", "3", "--no-record")
    assert "Recorded" not in ran.err
    (plain,) = made(stepwise, "--no-record")
    assert plain["run"] is None
    assert plain["final_sha256"] == recorded["final_sha256"]
    assert len(store.runs()) == 1


def test_the_recorded_run_is_named(stepwise: Stepwise, store: RunStore) -> None:
    ran = stepwise("generate", "dog", "--steps", "1")
    assert ran.err.splitlines()[-1] == f"Recorded as run {store.runs()[0]}"


def test_a_disk_that_fills_while_recording_loses_no_picture_and_is_reported_once(
    stepwise: Stepwise, store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        RunDisk(12, errno.ENOSPC, for_ever=True).install(patch)
        ran = stepwise("generate", "dog", "--steps", "3", "--count", "2", "--json")
    assert ran.code == 0
    pictures = [json.loads(line) for line in ran.out.splitlines()]
    assert len(pictures) == 2
    assert [store.open(picture["run"]).complete for picture in pictures if picture["run"]] == [False]
    notes = [line for line in ran.err.splitlines() if line.startswith("Note: The run could not")]
    assert len(notes) == 1
    assert notes[0].endswith("cannot be written: the disk is full.")


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process in another way")
def test_a_killed_process_leaves_readable_runs(home: Path, store: RunStore) -> None:
    words = ["generate", "dog", "--model", "tiny", "--device", "cpu", "--sampler", "ddpm", "--guidance", "1"]
    for steps in (5, 40, 100):
        before = store.runs()
        with subprocess.Popen(
            [sys.executable, "-m", "studio", *words, "--steps", "1000", "--count", "100"],
            cwd=ROOT,
            env={**os.environ, "STEPWISE_HOME": str(home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            while not _has_lines(store, before, steps):
                assert process.poll() is None
            process.kill()
        (run,) = set(store.runs()) - set(before)
        found = store.open(run)
        assert not found.complete
        assert len(found.steps) >= steps
        for step in found.kept:
            assert found.state(step).index == step


def _has_lines(store: RunStore, before: tuple[str, ...], count: int) -> bool:
    new = [store.path(run) / "journal.jsonl" for run in store.runs() if run not in before]
    return any(journal.is_file() and journal.read_bytes().count(b"\n") > count for journal in new)


# --------------------------------------------------------------------------------------------------------- the command


def test_an_empty_list_of_runs_is_reported(stepwise: Stepwise, home: Path) -> None:
    ran = stepwise("runs")
    assert ran.code == 0
    assert ran.out.splitlines()[0] == "There are no recorded runs yet."
    assert str(home / "runs") in ran.out
    assert json.loads(stepwise("runs", "--json").out) == []
    assert not (home / "runs").exists()


def test_runs_are_listed_newest_first(stepwise: Stepwise, store: RunStore) -> None:
    made(stepwise, "--count", "2")
    stepwise("generate", "two\nlines \u202e<b>", "--steps", "2")
    lines = stepwise("runs").out.splitlines()
    assert [line.split()[0] for line in lines[1:4]] == list(store.runs())
    assert "two lines" in lines[1]
    assert "\u202e" not in lines[1]
    assert "2 of 2" in lines[1]
    told = json.loads(stepwise("runs", "--json").out)
    assert [run["run"] for run in told] == list(store.runs())
    assert told[0]["request"]["prompt"] == "two\nlines \u202e<b>"
    assert told[0]["steps"] == {"first": 0, "last": 2, "recorded": 2}


def test_the_number_of_listed_runs_can_be_limited(stepwise: Stepwise, store: RunStore) -> None:
    made(stepwise, "--count", "3")
    lines = stepwise("runs", "--limit", "2").out.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == list(store.runs()[:2])
    assert lines[3] == "... and 1 older ones (--limit 0 lists all)"
    assert len(json.loads(stepwise("runs", "--limit", "0", "--json").out)) == 3
    assert stepwise("runs", "--limit", "-1").err.startswith("stepwise: limit must be a whole number from 0")


def test_one_is_shown_with_every_step(stepwise: Stepwise, store: RunStore) -> None:
    made(stepwise)
    shown = stepwise("runs", "show", "1").out
    assert store.runs()[0] in shown
    assert [line.split()[0] for line in shown.splitlines()[-3:]] == ["1", "2", "3"]
    (told,) = json.loads(stepwise("runs", "show", "last", "--json").out)
    assert [step["model_calls"] for step in told["journal"]] == [2, 4, 6]
    assert told["journal"][0]["change"] is None
    assert told["journal"][1]["change"] > 0
    assert told["journal"][1]["guidance"] > 0


def test_runs_are_pinned_and_unpinned_and_trimmed(stepwise: Stepwise, store: RunStore) -> None:
    made(stepwise, "--count", "3")
    first, second, third = reversed(store.runs())
    assert stepwise("runs", "pin", "1").out.strip() == first
    assert "pinned" in stepwise("runs").out.splitlines()[3]
    (store.folder / "budget").write_text("1")
    assert "MiB were deleted" in stepwise("runs", "trim").out
    assert store.runs() == (third, first)
    assert store.open(first).complete
    assert second not in stepwise("runs").out
    assert json.loads(stepwise("runs", "unpin", first, "--json").out) == {"run": first, "pinned": False}
    assert json.loads(stepwise("runs", "trim", "--json").out)["freed_bytes"] > 0
    assert store.runs() == (third,)


def test_a_run_that_cannot_be_read_hides_no_other(stepwise: Stepwise, store: RunStore) -> None:
    made(stepwise, "--count", "2")
    broken, whole = reversed(store.runs())
    (store.path(broken) / "run.json").write_text("{")
    lines = stepwise("runs").out.splitlines()
    assert lines[1].startswith(whole)
    assert lines[-1].startswith(f"Cannot be read: {store.path(broken) / 'run.json'} is not valid JSON")
    assert len(json.loads(stepwise("runs", "--json").out)) == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["show"], "runs show needs a run: its number, its id, or last."),
        (["trim", "1"], "runs trim takes no run, but was given '1'."),
        (["show", "7"], "run '7' is not known"),
        (["pin", "../x"], "run '../x' is not known"),
    ],
)
def test_an_impossible_action_is_rejected_in_one_sentence(
    stepwise: Stepwise, words: list[str], sentence: str
) -> None:
    ran = stepwise("runs", *words)
    assert ran.code == 2
    assert ran.err.startswith(f"stepwise: {sentence}")
    assert ran.err.count("\n") == 1


def test_an_unknown_action_is_refused_in_one_line(stepwise: Stepwise) -> None:
    ran = stepwise("runs", "delete", "1")
    assert ran.code == 2
    assert ran.err.startswith("stepwise runs: argument ACTION: invalid choice: 'delete'")
    assert ran.err.count("\n") == 1
