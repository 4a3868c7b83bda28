"""Saving finished pictures: first the file, and once that is safe on the disk its entry in the index.

An error of the index never costs a picture: the file stays, the entry's notes say so, and a rebuild enters it later. An
error of the folder is a StorageError; the caller still has the pixels and may try `PictureStore.rescue`.

`save_pictures` wraps the events of the engine: each `PictureDone` becomes a `PictureSaved` once its file is safe on the
disk, and all other events pass unchanged. The window and the command line save pictures in no other way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self, TypeVar

from studio.engine.events import PictureDone
from studio.errors import StorageError
from studio.gallery.files import picture_name, sweep, write_new
from studio.gallery.index import Catalogue, Entry
from studio.gallery.metadata import PictureMetadata
from studio.messages import message
from studio.storage import absolute

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from studio.folders import Folders
    from studio.gallery.metadata import Origin


# By default Windows refuses paths of 260 characters and more; longer names leave out the prompt.
MAX_PATH = 250


class PictureStore:
    """The folder that pictures are saved in, and the index that lists them.

    Attributes:
        catalogue: the index, to list and search pictures.
    """

    def __init__(self, outputs: Path, catalogue: Path, *, rescued: Path | None = None) -> None:
        """Name the folder of pictures, the folder of the index, and a fallback folder for pictures (or None)."""
        self.catalogue = Catalogue(catalogue, pictures=outputs)
        self._outputs = outputs
        self._rescued = rescued
        self._swept: set[Path] = set()

    @classmethod
    def of(cls, folders: Folders) -> Self:
        """Return the store in a user's folders; its fallback is ``rescued`` in the cache."""
        return cls(folders.outputs, folders.catalogue, rescued=folders.cache / "rescued")

    def add(self, pixels: NDArray[np.uint8], metadata: PictureMetadata, out: Path | None = None) -> Entry:
        """Save a picture under a new name, and return its entry.

        Args:
            pixels: uint8 (H, W, 3) RGB.
            metadata: how it was made.
            out: the folder to save it in, created if need be; None is the store's folder.

        Raises:
            StorageError: it could not be written, and no file was left behind. An error of the index is not raised; it
                is a note of the entry.
        """
        # Imported late: a window can open before numpy and Pillow are needed.
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
        if not written.confirmed:
            note = message("{path} is saved, but the disk did not confirm it.", path=written.path)
            entry = replace(entry, notes=(note,))
        return self._enter(entry)

    def rescue(self, pixels: NDArray[np.uint8], metadata: PictureMetadata) -> Entry:
        """Save a picture in the fallback folder, as `add` does.

        Raises:
            StorageError: it could not be written there either, or there is no fallback.
        """
        if self._rescued is None:
            raise StorageError(
                self._outputs, message("cannot be written, and there is no other folder to try")
            )
        return self.add(pixels, metadata, self._rescued)

    def _enter(self, entry: Entry) -> Entry:
        """Add a saved picture to the index; if that fails, say so in the entry's notes."""
        known = self.catalogue.set_aside
        try:
            entry = replace(entry, id=self.catalogue.add(entry))
        except StorageError as error:
            note = message(
                "The picture is saved, but the index does not list it yet: {reason}", reason=error.message
            )
            return replace(entry, notes=(*entry.notes, note))
        if self.catalogue.set_aside != known:
            return replace(entry, notes=(*entry.notes, self.catalogue.set_aside_note))
        return entry


Other = TypeVar("Other")
"""The type of the events that pass unchanged: the engine's, and those of other wrappers."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureSaved:
    """A finished picture is safe on the disk.

    Attributes:
        done: the picture.
        entry: its file, and notes for the user.
        fault: why it was saved in the fallback folder; None if it was not.
    """

    job_id: str
    done: PictureDone
    entry: Entry
    fault: StorageError | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureUnsaved:
    """A finished picture could not be written anywhere; this event contains the last copy of its pixels.

    Attributes:
        done: the picture.
        error: why it could not be written.
    """

    job_id: str
    done: PictureDone
    error: StorageError


def save_pictures(
    events: Iterator[Other],
    store: PictureStore,
    out: Path | None = None,
    origin: Origin | None = None,
) -> Iterator[Other | PictureSaved | PictureUnsaved]:
    """Yield ``events``, and save every finished picture before the next one is begun.

    Args:
        events: of one job; closed when this generator is.
        store: where pictures are saved.
        out: the folder for them; None is the store's folder.
        origin: the step that a fork started from; None for other jobs.

    Raises:
        StorageError: a picture could be written neither there nor in the fallback folder. A `PictureUnsaved` was
            yielded before.
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
    """Save a picture in the wanted folder, or in the fallback folder if that fails."""
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
