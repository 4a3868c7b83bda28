"""Saving finished pictures: first the file, safe on the disk, and only then the catalogue.

A fault of the catalogue never costs a picture: the file stays, the entry says so, and going through the folder later
enters it. A fault of the folder is a StorageError; the caller still has the pixels and may `PictureStore.rescue` them.

`save_pictures` stands around the engine's events and passes them on; each `PictureDone` becomes a `PictureSaved` once
its file is safe on the disk. The window and the command line save pictures by this alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self, TypeVar

from studio.engine.events import PictureDone
from studio.errors import StorageError
from studio.gallery.files import picture_name, sweep, write_new
from studio.gallery.index import Catalogue, Entry
from studio.gallery.metadata import PictureMetadata
from studio.storage import absolute

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from studio.folders import Folders
    from studio.gallery.metadata import Origin


# Windows refuses paths of 260 characters and more unless it is told otherwise; the prompt's words give way.
MAX_PATH = 250


class PictureStore:
    """Where pictures go: a folder for them, and the catalogue that lists them.

    Attributes:
        catalogue: the index; list and search there.
    """

    def __init__(self, outputs: Path, catalogue: Path, *, rescued: Path | None = None) -> None:
        """Name the folder of pictures, the catalogue's folder, and a second choice for pictures (or None)."""
        self.catalogue = Catalogue(catalogue, pictures=outputs)
        self._outputs = outputs
        self._rescued = rescued
        self._swept: set[Path] = set()

    @classmethod
    def of(cls, folders: Folders) -> Self:
        """Return the store of one user's folders; the second choice is ``rescued`` in the cache."""
        return cls(folders.outputs, folders.catalogue, rescued=folders.cache / "rescued")

    def add(self, pixels: NDArray[np.uint8], metadata: PictureMetadata, out: Path | None = None) -> Entry:
        """Keep a picture under a new name, and return its entry.

        Args:
            pixels: uint8 (H, W, 3) RGB.
            metadata: how it was made.
            out: the folder to put it in, created if need be; None is the usual one.

        Raises:
            StorageError: it could not be written; nothing lies under a final name, and the pixels are still the
                caller's. A fault of the catalogue is not raised: it is a note of the entry.
        """
        # Late: numpy and Pillow are needed when there is a picture, not when a window opens.
        from studio.gallery.images import encode  # noqa: PLC0415

        folder = absolute(out if out is not None else self._outputs)
        data = encode(pixels, metadata)
        if folder not in self._swept:
            sweep(folder)
            self._swept.add(folder)
        prompt = metadata.request.get("prompt")
        words = prompt if isinstance(prompt, str) else ""

        def name_of(counter: int) -> str:
            name = picture_name(counter, metadata.seed, words)
            fits = len(str(folder / name)) <= MAX_PATH
            return name if fits else picture_name(counter, metadata.seed)

        written = write_new(folder, data, name_of)
        height, width, _ = pixels.shape
        entry = Entry(path=written.path, width=width, height=height, metadata=metadata)
        notes = () if written.confirmed else (f"{written.path} is saved, but the disk did not confirm it.",)
        return self._enter(replace(entry, notes=notes))

    def rescue(self, pixels: NDArray[np.uint8], metadata: PictureMetadata) -> Entry:
        """Keep a picture that the wanted folder did not take in the second choice; as `add` otherwise.

        Raises:
            StorageError: it could not be written there either, or there is no second choice.
        """
        if self._rescued is None:
            raise StorageError(self._outputs, "cannot be written, and there is no other folder to try")
        return self.add(pixels, metadata, self._rescued)

    def _enter(self, entry: Entry) -> Entry:
        """Enter a saved picture in the catalogue; where that fails, say so in the entry's notes."""
        known = self.catalogue.set_aside
        try:
            entry = replace(entry, id=self.catalogue.add(entry))
        except StorageError as error:
            note = f"The picture is saved, but the catalogue does not list it yet: {error}"
            return replace(entry, notes=(*entry.notes, note))
        if self.catalogue.set_aside != known:
            note = f"The catalogue was damaged; it is kept as {self.catalogue.set_aside} and was made anew."
            return replace(entry, notes=(*entry.notes, note))
        return entry


Told = TypeVar("Told")
"""What the events are: the engine's, and those of whatever else stands around it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureSaved:
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


def save_pictures(
    events: Iterator[Told],
    store: PictureStore,
    out: Path | None = None,
    origin: Origin | None = None,
) -> Iterator[Told | PictureSaved | PictureUnsaved]:
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
                answer = save_picture(event, store, out, origin)
                yield answer
                if isinstance(answer, PictureUnsaved):
                    raise answer.error
            else:
                yield event
    finally:
        close = getattr(events, "close", None)
        if close is not None:
            close()


def save_picture(
    done: PictureDone, store: PictureStore, out: Path | None = None, origin: Origin | None = None
) -> PictureSaved | PictureUnsaved:
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
    return PictureSaved(job_id=done.job_id, done=done, entry=entry, fault=fault)
