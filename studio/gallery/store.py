"""Keeping finished pictures: first the file, safe on the disk, and only then the catalogue.

A fault of the catalogue never costs a picture: the file stays, the entry says so, and going through the folder later
enters it. A fault of the folder is a StorageError; the caller still has the pixels and may `PictureStore.rescue` them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Self

from studio.errors import StorageError
from studio.folders import absolute
from studio.gallery.catalogue import Catalogue
from studio.gallery.durable import sweep, write_new
from studio.gallery.entry import Entry
from studio.gallery.names import picture_name

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from studio.folders import Folders
    from studio.gallery.metadata import PictureMetadata

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
        from studio.gallery.pixels import encode  # noqa: PLC0415

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
