from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from safetensors.numpy import load_file

from studio.engine.events import JobFinished, PictureDone, PictureStarted, StepDone
from studio.errors import StorageError
from studio.gallery.store import PictureSaved, PictureStore, save_pictures
from studio.runs.format import MAX_KEPT, kept_steps
from studio.runs.store import RunStore
from studio.runs.writer import RunRecorded, record
from tests.runs.jobs import Job, array, digest, recorded, run_of
from tests.runs.run_disk import RunDisk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from studio.engine.events import Event


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


def test_events_pass_on_as_they_are_and_each_run_is_told_after_its_picture(store: RunStore) -> None:
    job = Job(count=2)
    asked = list(job.events())
    told = list(record(iter(asked), store))
    assert [event for event in told if not isinstance(event, RunRecorded)] == asked
    for place, event in enumerate(told):
        if isinstance(event, RunRecorded):
            before = told[place - 1]
            assert isinstance(before, PictureDone)
            assert (event.image, event.complete, event.fault) == (before.image, True, None)


@pytest.mark.parametrize("history", [0, 2])
@pytest.mark.parametrize(("first", "real"), [(0, False), (5, False), (5, True)])
def test_every_state_comes_back_bit_for_bit(store: RunStore, first: int, real: bool, history: int) -> None:
    job = Job(steps=6, first=first, history=history, real=real)
    run = store.open(run_of(store, job))
    assert run.complete
    assert run.kept == tuple(range(first, first + 7))
    for step in run.kept:
        state, x0_hat = run.state(step), run.x0_hat(step)
        assert state.x.tobytes() == array("x", 0, step).tobytes()
        assert (state.index, state.times) == (step, job.times[step - first :])
        wanted = () if step == first + 6 else job.kept_history(0, step)
        assert [one.tobytes() for one in state.history] == [one.tobytes() for one in wanted]
        assert state.history_times == (job.history_times(step) if wanted else ())
        assert state.model_times == job.model_times[step - first :]
        assert (x0_hat is None) == (step == first)
        if x0_hat is not None:
            assert x0_hat.tobytes() == array("x0_hat", 0, step).tobytes()
            assert not x0_hat.flags.writeable


def test_a_run_says_what_it_is_of_and_how_each_step_went(store: RunStore) -> None:
    job = Job(count=2)
    _, second = recorded(store, job, parent="000007-0123abcd", parent_step=3)
    run = store.open(second.run_id or "")
    header = run.header
    assert header.request == job.request.to_dict()
    assert header.generate_request == replace(job.request, seed=8, count=1)
    assert (header.image, header.seed, header.model) == (1, 8, "tiny")
    assert (header.parent, header.parent_step) == ("000007-0123abcd", 3)
    assert header.versions.keys() == {"stepwise-studio", "torch", "python"}
    assert header.shape == (4, 2, 3)
    assert [step.step for step in run.steps] == [1, 2, 3, 4]
    assert [step.model_calls for step in run.steps] == [2, 4, 6, 8]
    assert [step.change for step in run.steps] == [None, 0.5, 0.5, 0.5]
    assert [round(step.ms) for step in run.steps] == [100] * 4
    assert run.steps[-1].snr == float("inf")
    assert run.start is not None
    assert run.start.sigma == 1.0
    assert run.picture is not None
    assert run.picture.final_sha256 == digest(("final", 1))
    assert type(header).from_json(header.to_json(), store.path(run.id) / "run.json") == header


def test_the_arrays_are_a_proper_safetensors_file(store: RunStore) -> None:
    path = store.path(run_of(store)) / "states.safetensors"
    tensors = load_file(path)
    assert set(tensors) == {"x.0", *(f"{what}.{step}" for what in ("x", "x0_hat") for step in range(1, 5))}
    assert np.array_equal(tensors["x.3"], array("x", 0, 3))


def test_of_a_long_run_evenly_chosen_steps_are_kept(store: RunStore) -> None:
    run = store.open(run_of(store, Job(steps=300)))
    assert run.complete
    assert len(run.steps) == 300
    assert len(run.kept) == MAX_KEPT + 1
    assert (run.kept[0], run.kept[-1]) == (0, 300)
    assert {after - before for before, after in zip(run.kept, run.kept[1:], strict=False)} <= {2, 3}
    missing = next(step for step in range(300) if step not in run.kept)
    assert run.kept_before(missing) == missing - 1
    with pytest.raises(StorageError, match=f"keeps only some of its steps, and not step {missing}"):
        run.state(missing)
    assert kept_steps(5, 7) == (5, 6, 7)


def test_a_cancelled_run_is_there_up_to_its_last_step(store: RunStore) -> None:
    told = list(record(Job(count=2, cancel_at=2).events(), store))
    first, second = (event for event in told if isinstance(event, RunRecorded))
    assert (first.complete, second.complete, second.fault) == (True, False, None)
    assert told[-2] is second
    run = store.open(second.run_id or "")
    assert (run.kept, run.complete, run.picture) == ((0, 1, 2), False, None)
    with pytest.raises(StorageError, match="was recorded up to step 2, so step 3 cannot be read"):
        run.state(3)


def test_a_run_without_a_step_leaves_nothing_behind(store: RunStore) -> None:
    (told,) = recorded(store, Job(cancel_at=0))
    assert (told.run_id, told.complete, told.fault) == (None, False, None)
    assert store.runs() == ()
    assert list(store.folder.iterdir()) == []


def test_where_arrays_were_not_asked_for_nothing_is_recorded(store: RunStore) -> None:
    plain = [event for event in Job().events() if type(event).__name__ != "PictureStarted"]
    assert list(record(iter(plain), store)) == plain
    assert not store.folder.exists()


@pytest.mark.parametrize("places", [1, 3, 6])
def test_closing_the_recording_closes_the_job_and_what_it_recorded(store: RunStore, places: int) -> None:
    job = Job(steps=3)
    recording = record(job.events(), store)
    for _ in range(places):
        next(recording)
    recording.close()  # type: ignore[attr-defined]
    assert job.closed
    assert [store.open(run).kept[-1] for run in store.runs()] == ([] if places < 3 else [min(places - 2, 3)])


def test_a_run_larger_than_all_room_is_not_recorded(store: RunStore) -> None:
    store.budget_bytes = 500
    told = list(record(Job(count=2).events(), store))
    runs = [event for event in told if isinstance(event, RunRecorded)]
    assert [(run.run_id, run.complete) for run in runs] == [(None, False)] * 2
    assert runs[0].fault is not None
    assert str(runs[0].fault) == (
        f"{store.folder} cannot store this run: it needs more than the space allowed for recorded runs."
    )
    assert runs[1].fault is None
    assert sum(isinstance(event, PictureDone) for event in told) == 2


@pytest.mark.parametrize("shape", [(2, 2**12, 2**12), (2, 2**12, 2**12 + 1), (4, 4), (0, 4, 4)], ids=str)
def test_a_run_whose_states_have_a_shape_that_cannot_be_recorded_says_so(
    store: RunStore, shape: tuple[int, ...]
) -> None:
    store.budget_bytes = 0  # a shape that can be recorded is over the budget instead
    states = np.broadcast_to(np.float32(0), shape)  # takes no memory

    def events() -> Iterator[Event]:
        for event in Job().events():
            if isinstance(event, PictureStarted):
                event = replace(event, start=replace(event.start, x=states))
            yield event

    told = list(record(events(), store))
    (run,) = [event for event in told if isinstance(event, RunRecorded)]
    assert (run.run_id, run.complete) == (None, False)
    assert sum(isinstance(event, PictureDone) for event in told) == 1
    sentence = (
        "it needs more than the space allowed for recorded runs."
        if shape == (2, 2**12, 2**12)
        else f"its states have shape {shape}; only (C, h, w) with at most 33,554,432 numbers can be recorded."
    )
    assert str(run.fault) == f"{store.folder} cannot store this run: {sentence}"


# ------------------------------------------------------------------------------------------------------- a full disk


@pytest.mark.parametrize("for_ever", [False, True], ids=["once", "for ever"])
@pytest.mark.parametrize(
    "code", [errno.ENOSPC, errno.EIO, errno.EACCES], ids=lambda code: errno.errorcode[code]
)
def test_whichever_call_to_the_disk_fails_the_picture_is_kept_and_the_run_marked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, for_ever: bool
) -> None:
    pictures = PictureStore(tmp_path / "pictures", tmp_path / "catalogue")
    number = 0
    while True:
        number += 1
        at = RunDisk(number, code, for_ever=for_ever)
        store = RunStore(tmp_path / f"runs-{number}")
        job = Job(count=2, history=1)
        with monkeypatch.context() as patch:
            at.install(patch)
            told = list(save_pictures(record(job.events(), store), pictures))
        kept = [event for event in told if isinstance(event, PictureSaved)]
        runs = [event for event in told if isinstance(event, RunRecorded)]
        assert isinstance(told[-1], JobFinished)
        assert [event.fault for event in kept] == [None, None]
        assert all(event.entry.path.is_file() for event in kept)
        assert len(runs) == 2
        if not at.failed:
            assert all(run.complete for run in runs)
            break
        faults = [run.fault for run in runs if run.fault is not None]
        if set(at.failed) <= {"close"}:  # nothing is lost by it
            assert faults == []
        else:
            (fault,) = faults
            assert str(store.folder) in str(fault)
            assert not runs[0].complete or not runs[1].complete
        for run in runs:
            check_readable(store, run)
    assert number > 30, "the faults must reach every call"


def check_readable(store: RunStore, told: RunRecorded) -> None:
    if told.run_id is None:
        return
    run = store.open(told.run_id)
    assert len(run.kept) >= 2
    assert not told.complete or run.complete
    for step in run.kept:
        assert run.state(step).x.tobytes() == array("x", told.image, step).tobytes()


def test_a_disk_that_takes_a_little_at_a_time_gets_it_all(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr("studio.storage.os.write", lambda file, data: write(file, bytes(data[:50])))
    run = store.open(run_of(store))
    assert run.complete
    assert run.state(4).x.tobytes() == array("x", 0, 4).tobytes()


def test_an_incomplete_run_is_still_found_by_its_picture(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        RunDisk(12, errno.ENOSPC).install(patch)
        (told,) = recorded(store)
    assert not told.complete
    assert told.run_id is not None
    assert store.of_picture(digest(("final", 0))) == told.run_id
    picture = json.loads((store.path(told.run_id) / "picture.json").read_bytes())
    assert picture["complete"] is False


def test_a_step_of_another_shape_is_refused_and_costs_only_the_recording(store: RunStore) -> None:
    def events() -> Iterator[Event]:
        for event in Job().events():
            if isinstance(event, StepDone) and event.step == 3:
                event = replace(event, state=np.zeros((4, 9, 9), np.float32))
            yield event

    told = [event for event in record(events(), store) if isinstance(event, RunRecorded)]
    (run,) = told
    assert not run.complete
    assert "shape of an array" in str(run.fault)
    assert store.open(run.run_id or "").kept == (0, 1, 2)
