from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from studio.engine.events import Event, JobFinished, JobStarted, PictureDone
from studio.engine.requests import GenerateRequest
from studio.errors import StorageError
from studio.folders import storage_error
from studio.gallery import png
from studio.gallery.keeping import PictureKept, PictureUnsaved, keep
from studio.gallery.origin import Origin
from studio.gallery.store import PictureStore
from tests.gallery.samples import digest, pixels

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

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
    real = store.write_new

    def write_new(folder: Path, *rest: object) -> object:
        if folder.name in names:
            raise storage_error(folder, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        return real(folder, *rest)  # type: ignore[arg-type]

    return write_new


def test_every_picture_is_on_the_disk_before_the_next_is_begun(tmp_path: Path) -> None:
    job, kinds = Job(), []
    for event in keep(job.run(), make_store(tmp_path)):
        kinds.append(type(event))
        if isinstance(event, PictureKept):
            assert job.asked == 2 + event.done.image
            assert event.fault is None
            assert event.entry.path.parent == tmp_path / "pictures"
            assert png.read(event.entry.path).metadata == event.entry.metadata
            with Image.open(event.entry.path) as image:
                np.testing.assert_array_equal(np.asarray(image), event.done.pixels)
    assert kinds == [JobStarted, PictureKept, PictureKept, JobFinished]


def test_pictures_go_where_they_are_wanted(tmp_path: Path) -> None:
    events = list(keep(Job().run(), make_store(tmp_path), tmp_path / "my own"))
    assert {event.entry.path.parent for event in events if isinstance(event, PictureKept)} == {
        tmp_path / "my own"
    }


def test_pictures_of_a_fork_remember_where_it_began(tmp_path: Path) -> None:
    origin = Origin(run="000042-0f3a9c1b", step=12, of=30, kind="fork")
    told = keep(Job().run(), PictureStore(tmp_path / "out", tmp_path / "catalogue"), origin=origin)
    kept = [event.entry for event in told if isinstance(event, PictureKept)]
    assert len(kept) == 2
    for entry in kept:
        read = png.read(entry.path).metadata
        assert read is not None
        assert read.origin == entry.metadata.origin == origin


def test_what_a_full_disk_does_not_take_is_rescued_and_the_job_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.gallery.store.write_new", full("pictures"))
    kept = [event for event in keep(Job().run(), make_store(tmp_path)) if isinstance(event, PictureKept)]
    assert [event.entry.path.parent.name for event in kept] == ["rescued", "rescued"]
    assert str(kept[0].fault) == f"{tmp_path / 'pictures'} cannot be written: the disk is full."


def test_a_picture_that_nothing_takes_is_handed_out_before_the_job_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.gallery.store.write_new", full("pictures", "rescued"))
    job, events = Job(), []
    with pytest.raises(StorageError, match="the disk is full") as raised:
        events += keep(job.run(), make_store(tmp_path))
    unsaved = events[-1]
    assert isinstance(unsaved, PictureUnsaved)
    assert unsaved.error is raised.value
    np.testing.assert_array_equal(unsaved.done.pixels, pixels(0))
    assert job.asked == 2
    assert job.closed


def test_who_stops_listening_closes_the_job(tmp_path: Path) -> None:
    job = Job()
    events = keep(job.run(), make_store(tmp_path))
    next(events)
    events.close()  # type: ignore[attr-defined]
    assert job.closed


def test_events_that_cannot_be_closed_are_taken(tmp_path: Path) -> None:
    assert len(list(keep(iter([started(), done()]), make_store(tmp_path)))) == 2
