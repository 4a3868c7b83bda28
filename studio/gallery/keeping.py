"""Keeping every picture of a job the moment it is finished.

`keep` stands around the engine's events and passes them on; each `PictureDone` becomes a `PictureKept`, after its file
is safe on the disk. The window and the command line keep pictures by this alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from studio.engine.events import PictureDone
from studio.errors import StorageError
from studio.gallery.metadata import PictureMetadata

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from studio.gallery.entry import Entry
    from studio.gallery.origin import Origin
    from studio.gallery.store import PictureStore


Told = TypeVar("Told")
"""What the events are: the engine's, and those of whatever else stands around it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureKept:
    """A finished picture is safe on the disk.

    Attributes:
        done: the picture.
        entry: where it is now, and what should be said about it.
        fault: why it is not where it was wanted; None where it is.
    """

    job_id: str
    done: PictureDone
    entry: Entry
    fault: StorageError | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureUnsaved:
    """A finished picture could be written nowhere; whoever holds this event holds the last copy of its pixels.

    Attributes:
        done: the picture.
        error: why.
    """

    job_id: str
    done: PictureDone
    error: StorageError


def keep(
    events: Iterator[Told],
    store: PictureStore,
    out: Path | None = None,
    origin: Origin | None = None,
) -> Iterator[Told | PictureKept | PictureUnsaved]:
    """Pass ``events`` on, and keep every finished picture before the next one is begun.

    Args:
        events: of one job; closed when this is.
        store: where pictures go.
        out: the folder they are wanted in; None is the store's usual one.
        origin: of the pictures of a fork, the step that they go on from.

    Raises:
        StorageError: a picture could be written nowhere, neither where it was wanted nor among the rescued ones. It
            was handed out as `PictureUnsaved` before.
    """
    try:
        for event in events:
            if isinstance(event, PictureDone):
                answer = keep_one(event, store, out, origin)
                yield answer
                if isinstance(answer, PictureUnsaved):
                    raise answer.error
            else:
                yield event
    finally:
        close = getattr(events, "close", None)
        if close is not None:
            close()


def keep_one(
    done: PictureDone, store: PictureStore, out: Path | None = None, origin: Origin | None = None
) -> PictureKept | PictureUnsaved:
    """Keep a picture where it is wanted, or else among the rescued ones, and say what was in the way."""
    metadata = PictureMetadata.of(done, origin)
    fault = None
    try:
        entry = store.add(done.pixels, metadata, out)
    except StorageError as error:
        fault = error
        try:
            entry = store.rescue(done.pixels, metadata)
        except StorageError as last:
            return PictureUnsaved(job_id=done.job_id, done=done, error=last)
    return PictureKept(job_id=done.job_id, done=done, entry=entry, fault=fault)
