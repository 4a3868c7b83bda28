from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from studio.errors import StorageError
from studio.ui.jobs.timings import MAX_KEYS, RUNS, Timings

if TYPE_CHECKING:
    from pathlib import Path

MODEL = "a" * 64


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "timings.json"


def note(
    timings: Timings,
    seconds: float,
    *,
    calls: int = 10,
    device: str = "cpu",
    model: str = MODEL,
    side: int = 64,
) -> None:
    timings.note(model_sha256=model, device=device, size=(side, side), model_calls=calls, seconds=seconds)


def per_call(
    timings: Timings, *, device: str | None = "cpu", model: str = MODEL, side: int = 64
) -> float | None:
    return timings.seconds_per_call(model_sha256=model, size=(side, side), device=device)


def test_nothing_is_known_before_it_was_measured(path: Path) -> None:
    timings = Timings(path)
    assert per_call(timings) is None
    note(timings, 1.0)
    assert per_call(timings) == pytest.approx(0.1)
    assert per_call(timings, device="cuda") is None
    assert per_call(timings, model="b" * 64) is None
    assert per_call(timings, side=128) is None


def test_the_median_of_the_last_runs_counts(path: Path) -> None:
    timings = Timings(path)
    for seconds in (100, 100, 1, 1, 9, 1, 1):
        note(timings, seconds)
    assert per_call(timings) == pytest.approx(0.1)


def test_without_a_device_the_one_used_last_is_taken(path: Path) -> None:
    timings = Timings(path)
    note(timings, 1.0, device="cuda")
    note(timings, 5.0, device="cpu")
    assert per_call(timings, device=None) == pytest.approx(0.5)
    note(timings, 1.0, device="cuda")
    assert per_call(timings, device=None) == pytest.approx(0.1)


def test_they_are_remembered_between_starts(path: Path) -> None:
    timings = Timings(path)
    note(timings, 1.0, device="cuda")
    note(timings, 5.0, device="cpu")
    assert timings.save() is None
    again = Timings(path)
    assert per_call(again, device="cuda") == pytest.approx(0.1)
    assert per_call(again, device=None) == pytest.approx(0.5)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"timings": 3}',
        '{"timings": [3, [], ["a", "cpu", 64, 64, []], ["a", "cpu", 64, 64, [-1]], ["a", "cpu", 64, 64, ["x"]]]}',
    ],
)
def test_a_broken_cache_counts_as_none(text: str, path: Path) -> None:
    path.parent.mkdir()
    path.write_text(text)
    timings = Timings(path)
    assert per_call(timings, model="a") is None
    note(timings, 1.0)
    assert timings.save() is None
    assert per_call(Timings(path)) == pytest.approx(0.1)


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_values_that_are_not_durations_are_ignored(seconds: float, path: Path) -> None:
    timings = Timings(path)
    note(timings, seconds)
    note(timings, 1.0, calls=0)
    assert per_call(timings) is None


def test_the_size_of_the_file_is_limited(path: Path) -> None:
    timings = Timings(path)
    for number in range(MAX_KEYS + 20):
        for _ in range(20):
            note(timings, 1.0, model=str(number))
    timings.save()
    rows = json.loads(path.read_text())["timings"]
    assert len(rows) == MAX_KEYS
    assert rows[-1][0] == str(MAX_KEYS + 19)
    assert max(len(row[-1]) for row in rows) == RUNS


def test_a_cache_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    timings = Timings(tmp_path / "file" / "timings.json")
    assert isinstance(timings.save(), StorageError)
