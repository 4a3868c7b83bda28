from __future__ import annotations

import errno
import itertools
import json
import os
import sqlite3
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from studio import storage
from studio.engine.events import Event, JobFinished, JobStarted, PictureDone
from studio.engine.requests.generate import GenerateRequest
from studio.errors import StorageError
from studio.folders import Folders
from studio.gallery import png
from studio.gallery import store as gallery_store
from studio.gallery.files import part_name
from studio.gallery.metadata import Origin, PictureMetadata
from studio.gallery.store import PictureSaved, PictureStore, PictureUnsaved, save_pictures
from studio.storage import storage_error
from tests.gallery.disk_faults import Disk, Row
from tests.gallery.samples import PROMPTS, digest, metadata, pixels
from tests.gallery.twins import RowFirstStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


ROOT = Path(__file__).parents[2]
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="the processes are forked")


def store(place: Path) -> PictureStore:
    return PictureStore(place / "pictures", place / "catalogue", rescued=place / "rescued")


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_a_picture_is_kept_with_its_name_its_pixels_and_its_entry(prompt: str, tmp_path: Path) -> None:
    keep = store(tmp_path)
    entry = keep.add(pixels(), metadata(prompt))
    assert entry.notes == ()
    assert entry.path.parent == tmp_path / "pictures"
    assert entry.path.name.startswith("000001-7")
    assert keep.catalogue.entries() == (entry,)
    assert png.read(entry.path).metadata == metadata(prompt)
    with Image.open(entry.path) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels())


def test_from_a_finished_pictures_file_the_request_comes_back_whole(tmp_path: Path) -> None:
    request = GenerateRequest(
        prompt=PROMPTS["right to left"],
        negative="blur",
        sampler="ddim",
        options={"eta": 0.5},
        steps=12,
        guidance=2.5,
        seed=40,
        count=3,
        width=64,
        height=64,
    ).validate()
    done = PictureDone(
        job_id="1",
        request=request,
        image=2,
        seed=42,
        pixels=pixels(),
        model_sha256=digest("weights"),
        device="NVIDIA GeForce (CUDA 12.8)",
        dtype="bfloat16",
        versions={"stepwise-studio": "0.1.0", "torch": "2.13.0+cu128"},
        x_T_sha256=digest("noise"),
        final_sha256=digest("final"),
        model_calls=24,
        seconds=0.5,
    )
    kept = PictureMetadata.of(done)
    entry = store(tmp_path).add(done.pixels, kept)
    read = png.read(entry.path).metadata
    assert read == kept
    assert GenerateRequest.from_dict(read.request) == request
    same = [item.name for item in fields(kept) if item.name not in ("request", "model", "created", "origin")]
    assert {name: getattr(kept, name) for name in same} == {name: getattr(done, name) for name in same}
    assert kept.model == request.model


def test_part_files_of_dead_processes_are_swept_when_a_folder_is_first_used(tmp_path: Path) -> None:
    dead = tmp_path / "pictures" / part_name(1)
    dead.parent.mkdir()
    dead.write_bytes(b"half")
    store(tmp_path).add(pixels(), metadata())
    assert not dead.exists()


def test_the_same_picture_twice_is_two_files(tmp_path: Path) -> None:
    keep = store(tmp_path)
    first, second = (keep.add(pixels(), metadata()) for _ in range(2))
    assert first.path != second.path
    assert first.path.read_bytes() == second.path.read_bytes()
    assert [entry.id for entry in keep.catalogue.entries()] == [second.id, first.id]


def test_a_folder_of_ones_own_is_made_and_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    keep = store(tmp_path)
    entry = keep.add(pixels(), metadata(), Path("my own") / "folder")
    assert entry.path.parent == tmp_path / "my own" / "folder"
    assert keep.catalogue.entries() == (entry,)


def test_the_prompt_is_shortened_if_the_path_would_be_too_long_for_windows(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * max(1, 220 - len(str(tmp_path))))
    entry = store(tmp_path).add(pixels(), metadata("word " * 20), deep)
    assert entry.path.name == "000001-7.png"


def test_the_store_of_a_users_folders_keeps_all_in_them(stepwise_home: Path) -> None:
    keep = PictureStore.of(Folders.find())
    assert not stepwise_home.exists()
    assert keep.add(pixels(), metadata()).path.parent == stepwise_home / "outputs"
    assert keep.rescue(pixels(), metadata()).path.parent == stepwise_home / "cache" / "rescued"
    assert len(list((stepwise_home / "catalogue").glob("*.sqlite3"))) == 1


# ------------------------------------------------------------------------------------------------------ faults
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS])
def test_a_picture_that_cannot_be_written_to_its_folder_is_saved_elsewhere(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep, fsync = store(tmp_path), os.fsync

    def fail_in_pictures(file: int) -> None:
        if (tmp_path / "pictures").exists() and not (tmp_path / "rescued").exists():
            raise OSError(code, os.strerror(code))
        fsync(file)

    monkeypatch.setattr(os, "fsync", fail_in_pictures)
    with pytest.raises(StorageError) as caught:
        keep.add(pixels(), metadata())
    assert str(tmp_path / "pictures") in str(caught.value)
    assert list((tmp_path / "pictures").iterdir()) == []
    entry = keep.rescue(pixels(), metadata())
    assert entry.path.parent == tmp_path / "rescued"
    assert png.read(entry.path).metadata == metadata()
    assert keep.catalogue.entries() == (entry,)


def test_without_another_folder_saving_elsewhere_fails(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no other folder"):
        PictureStore(tmp_path / "pictures", tmp_path / "catalogue").rescue(pixels(), metadata())


@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR])
def test_whichever_statement_of_the_catalogue_fails_the_picture_is_kept(code: int, tmp_path: Path) -> None:
    for number in itertools.count(1):
        place = tmp_path / str(number)
        keep = store(place)
        older = keep.add(pixels(), metadata(seed=1))
        keep = store(place)  # as after a new start, with all its checks
        with pytest.MonkeyPatch.context() as patch:
            row = Row([], number, code)
            row.install(patch)
            entry = keep.add(pixels(), metadata(seed=2))
        assert png.read(entry.path).metadata == metadata(seed=2)
        if row.statements < number:
            break
        assert entry.id is not None or "catalogue" in entry.notes[0]
        assert keep.catalogue.rebuild(place / "pictures").pictures == 2
        assert [kept.path for kept in keep.catalogue.entries()] == [entry.path, older.path]
        assert keep.catalogue.set_aside is None
    assert number > 8, "the faults must reach every statement"


def test_a_catalogue_that_cannot_be_created_loses_no_picture(tmp_path: Path) -> None:
    (tmp_path / "catalogue").write_text("a file where the folder should be")
    entry = store(tmp_path).add(pixels(), metadata())
    assert png.read(entry.path).metadata == metadata()
    assert entry.id is None
    assert str(tmp_path / "catalogue") in entry.notes[0]


def test_an_unconfirmed_file_name_gives_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "sync_folder", lambda _: False)
    entry = store(tmp_path).add(pixels(), metadata())
    assert "did not confirm" in entry.notes[0]
    assert entry.id is not None
    assert entry.path.exists()


# ------------------------------------------------------------------------------------------------- order of calls
def broken_promises(calls: list[str]) -> list[str]:
    """Return which of "write < fsync < name < fsync folder < commit of the row" does not hold in ``calls``."""
    order = ["write", "fsync", "name", "fsync folder", "COMMIT"]
    calls = ["name" if call in ("link", "rename") else call for call in calls]
    faults = [f"no {step}" for step in order if step not in calls]
    for earlier, later in itertools.pairwise(order):
        if not faults and max_index(calls, earlier) > max_index(calls, later):
            faults.append(f"{later} before {earlier}")
    return faults


def max_index(calls: list[str], step: str) -> int:
    return max(index for index, call in enumerate(calls) if call == step)


def recorded(save: Callable[[], object]) -> list[str]:
    at = Disk()
    with pytest.MonkeyPatch.context() as patch:
        at.install(patch)
        Row(at.calls).install(patch)
        save()
    return at.calls


def test_every_picture_is_written_synced_named_synced_and_only_then_entered(tmp_path: Path) -> None:
    keep = store(tmp_path)
    for seed in range(3):
        keep.catalogue.close()  # so that its next connection is one that is recorded
        calls = recorded(lambda seed=seed: keep.add(pixels(), metadata(seed=seed)))
        assert broken_promises(calls) == []
        # Of a new catalogue the tables come first; from then on there is one commit for each picture.
        assert calls[: max_index(calls, "fsync folder")].count("COMMIT") == 0


def test_the_order_rejects_a_store_without_fsync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "sync_file", lambda _: None)
    assert "no fsync" in broken_promises(recorded(lambda: store(tmp_path).add(pixels(), metadata())))


def test_the_order_rejects_a_store_that_does_not_sync_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "sync_folder", lambda _: True)
    assert broken_promises(recorded(lambda: store(tmp_path).add(pixels(), metadata()))) == ["no fsync folder"]


def test_the_order_rejects_a_store_that_enters_the_row_first(tmp_path: Path) -> None:
    wrong = RowFirstStore(tmp_path / "pictures", tmp_path / "catalogue")
    assert "no fsync" in broken_promises(recorded(lambda: wrong.add(pixels(), metadata())))
    assert broken_promises(["COMMIT", "write", "fsync", "link", "fsync folder"]) == [
        "COMMIT before fsync folder"
    ]
    assert broken_promises(["write", "link", "fsync", "fsync folder", "COMMIT"]) == ["name before fsync"]


# ------------------------------------------------------------------------------------------------------ processes
def processes(what: str, keep: str, folder: Path, trials: int) -> dict[str, int]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.gallery.processes", what, keep, str(folder), str(trials)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@needs_fork
def test_a_kill_at_any_moment_loses_no_acknowledged_picture(tmp_path: Path) -> None:
    found = processes("kill", "ours", tmp_path, trials=25)
    assert found.pop("trials") == 25
    assert found.pop("acknowledged") >= 25
    assert {name: count for name, count in found.items() if count} == {}


@needs_fork
def test_kills_reject_the_store_that_enters_the_row_first(tmp_path: Path) -> None:
    found = processes("kill", "row_first", tmp_path, trials=12)
    assert found.get("unreadable", 0) + found.get("rows without a file", 0) >= 1


@needs_fork
def test_processes_that_save_at_the_same_time_share_no_number_and_lose_no_row(tmp_path: Path) -> None:
    found = processes("race", "ours", tmp_path, trials=2)
    assert found == {"pictures": 72, "entries": 72}


REQUEST = GenerateRequest(prompt="a fox", sampler="ddim", steps=2, guidance=3.0, count=2, width=64, height=64)


def done(image: int = 0) -> PictureDone:
    return PictureDone(
        job_id="job",
        request=REQUEST,
        image=image,
        seed=image,
        pixels=pixels(image),
        model_sha256=digest("weights"),
        device="cpu",
        dtype="float32",
        versions={},
        x_T_sha256=digest("noise"),
        final_sha256=digest("final"),
        model_calls=4,
        seconds=0.5,
    )


def started() -> JobStarted:
    return JobStarted(
        job_id="job", request=REQUEST, model_title="Tiny", device="cpu", dtype="float32", steps=2
    )


class Job:
    """The events of a job of two pictures, and whether they were closed."""

    def __init__(self) -> None:
        self.asked = 0
        self.closed = False

    def run(self) -> Iterator[Event]:
        try:
            for event in (started(), done(0), done(1), JobFinished(job_id="job", pictures=2, seconds=1.0)):
                self.asked += 1
                yield event
        finally:
            self.closed = True


def make_store(place: Path) -> PictureStore:
    return PictureStore(place / "pictures", place / "catalogue", rescued=place / "rescued")


def full(*names: str) -> Callable[..., object]:
    real = gallery_store.write_new

    def write_new(folder: Path, *rest: object) -> object:
        if folder.name in names:
            raise storage_error(folder, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        return real(folder, *rest)  # type: ignore[arg-type]

    return write_new


def test_every_picture_is_on_the_disk_before_the_next_is_begun(tmp_path: Path) -> None:
    job, kinds = Job(), []
    for event in save_pictures(job.run(), make_store(tmp_path)):
        kinds.append(type(event))
        if isinstance(event, PictureSaved):
            assert job.asked == 2 + event.done.image
            assert event.fault is None
            assert event.entry.path.parent == tmp_path / "pictures"
            assert png.read(event.entry.path).metadata == event.entry.metadata
            with Image.open(event.entry.path) as image:
                np.testing.assert_array_equal(np.asarray(image), event.done.pixels)
    assert kinds == [JobStarted, PictureSaved, PictureSaved, JobFinished]


def test_pictures_are_saved_in_the_requested_folder(tmp_path: Path) -> None:
    events = list(save_pictures(Job().run(), make_store(tmp_path), tmp_path / "my own"))
    assert {event.entry.path.parent for event in events if isinstance(event, PictureSaved)} == {
        tmp_path / "my own"
    }


def test_pictures_of_a_fork_remember_where_it_began(tmp_path: Path) -> None:
    origin = Origin(run="000042-0f3a9c1b", step=12, of=30, kind="fork")
    told = save_pictures(Job().run(), PictureStore(tmp_path / "out", tmp_path / "catalogue"), origin=origin)
    kept = [event.entry for event in told if isinstance(event, PictureSaved)]
    assert len(kept) == 2
    for entry in kept:
        read = png.read(entry.path).metadata
        assert read is not None
        assert read.origin == entry.metadata.origin == origin


def test_pictures_are_saved_elsewhere_when_a_disk_is_full_and_the_job_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.gallery.store.write_new", full("pictures"))
    kept = [
        event for event in save_pictures(Job().run(), make_store(tmp_path)) if isinstance(event, PictureSaved)
    ]
    assert [event.entry.path.parent.name for event in kept] == ["rescued", "rescued"]
    assert str(kept[0].fault) == f"{tmp_path / 'pictures'} cannot be written: the disk is full."


def test_a_picture_that_cannot_be_saved_is_handed_out_before_the_job_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.gallery.store.write_new", full("pictures", "rescued"))
    job, events = Job(), []
    with pytest.raises(StorageError, match="the disk is full") as raised:
        events += save_pictures(job.run(), make_store(tmp_path))
    unsaved = events[-1]
    assert isinstance(unsaved, PictureUnsaved)
    assert unsaved.error is raised.value
    np.testing.assert_array_equal(unsaved.done.pixels, pixels(0))
    assert job.asked == 2
    assert job.closed


def test_closing_the_events_closes_the_job(tmp_path: Path) -> None:
    job = Job()
    events = save_pictures(job.run(), make_store(tmp_path))
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert job.closed


def test_events_that_cannot_be_closed_are_taken(tmp_path: Path) -> None:
    assert len(list(save_pictures(iter([started(), done()]), make_store(tmp_path)))) == 2
