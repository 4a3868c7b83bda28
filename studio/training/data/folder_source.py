"""The pictures and captions of a folder, decoded once. Needs numpy and Pillow, not torch."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar

from studio.arrays import from_uint8
from studio.errors import RecipeError, StorageError
from studio.messages import message
from studio.training.data.inspect import Refused, caption_of, list_files, refuse, without_period
from studio.training.data.picture_cache import PictureCache, Row, Stamp
from studio.training.data.picture_files import UnusablePictureError, read_square

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path
    from threading import Event

    import numpy as np
    from numpy.typing import NDArray

    from studio.training.data.picture_cache import CacheWriter

_T = TypeVar("_T")


class NoPicturesError(RecipeError):
    """A folder holds nothing to learn from."""

    def __init__(self, folder: Path, refused: tuple[Refused, ...]) -> None:
        super().__init__(folder, "")
        if not refused:
            sentence = message(
                "The folder {folder} contains no picture that can be read (PNG and JPEG files are supported).",
                folder=folder,
            )
        else:
            sentence = message(
                "The folder {folder} contains no picture that can be read: {count:,} cannot be used, "
                "such as {example} (PNG and JPEG files are supported).",
                folder=folder,
                count=len(refused),
                example=without_period(refused[0].sentence),
            )
        self.args = (sentence,)


@dataclass(frozen=True, kw_only=True, eq=False)
class FolderPictures:
    """The decoded pictures of a folder.

    Attributes:
        pixels: uint8 (N, 3, size, size), read-only, usually mapped from the cache.
        captions: one for each picture.
        refused: files that cannot be used.
        data_sha256: hash of the contents of all files used and of the captions, in their order.
        cache: the folder of this folder's caches; None: nothing is cached.
    """

    pixels: NDArray[np.uint8]
    captions: tuple[str, ...]
    refused: tuple[Refused, ...]
    data_sha256: str
    cache: Path | None


class Cancelled(Exception):
    """The work was cancelled by its event."""


def read_folder(
    folder: Path, size: int, cache: Path | None = None, cancelled: Event | None = None
) -> Generator[tuple[int, int], None, FolderPictures]:
    """Read every picture of a folder and its subfolders, from the cache if it is up to date.

    Args:
        folder: where the pictures are.
        size: side of the square pictures, in pixels.
        cache: the folder of picture caches; None keeps the pictures in memory only.
        cancelled: set it to stop.

    Yields:
        (done, total), in files.

    Raises:
        NoPicturesError: there is none.
        StorageError: the folder cannot be read, or the cache cannot be written.
        Cancelled: ``cancelled`` was set.
    """
    listed = list(list_files(folder, cancelled))
    if cancelled is not None and cancelled.is_set():
        raise Cancelled
    store = PictureCache(cache, folder, size)
    rows: dict[str, Row] = {}
    refused = [item for item in listed if isinstance(item, Refused)]
    paths = {_key(path, folder): path for path in listed if not isinstance(path, Refused)}
    stamps = {}
    for name, path in paths.items():
        with contextlib.suppress(OSError):
            stamps[name] = Stamp.of(path)
    known = {name: row.stamp for name, row in store.rows.items()}
    if known != stamps or not store.rows:
        writer = store.begin()
        try:
            for done, (name, stamp) in enumerate(stamps.items()):
                if cancelled is not None and cancelled.is_set():
                    raise Cancelled
                rows[name] = _row(paths[name], store, store.rows.get(name), stamp, writer)
                yield done + 1, len(stamps)
            store.finish(rows, writer)
        finally:
            writer.discard()
    captions, digest, order = [], hashlib.sha256(), []
    for name, row in store.rows.items():
        if row.refused:
            refused.append(refuse(paths[name], row.refused))
            continue
        caption, _, fault = caption_of(paths[name], folder)
        refused += [fault] if fault is not None else []
        captions.append(caption)
        order.append(row.row)
        digest.update(f"{row.sha256} {len(caption)} {caption}\n".encode("utf-8", "backslashreplace"))
    if not captions:
        raise NoPicturesError(folder, tuple(refused))
    assert order == list(range(len(captions))), "rows are written in the order of files"
    return FolderPictures(
        pixels=store.pixels,
        captions=tuple(captions),
        refused=tuple(refused),
        data_sha256=digest.hexdigest(),
        cache=store.folder,
    )


def _key(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix().encode("utf-8", "backslashreplace").decode()


def _row(path: Path, store: PictureCache, old: Row | None, stamp: Stamp, writer: CacheWriter) -> Row:
    """Return the row of a file: the cached one if the file has not changed, else a new one."""
    if old is not None and old.stamp == stamp:
        if old.refused:
            return old
        return Row(stamp=stamp, sha256=old.sha256, row=writer.append(store.pixels[old.row]))
    try:
        square = read_square(path, store.size)
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except UnusablePictureError as error:
        return Row(stamp=stamp, refused=error.reason)
    except OSError:
        return Row(stamp=stamp, refused=message("cannot be read"))
    return Row(stamp=stamp, sha256=sha256, row=writer.append(square))


class FolderSource:
    """Draws pictures of a folder uniformly."""

    def __init__(self, folder: FolderPictures) -> None:
        self.folder = folder

    @classmethod
    def open(cls, folder: Path, size: int) -> Self:
        """Read a folder without a cache; raises RecipeError if it contains no picture or cannot be read."""
        try:
            return cls(run_to_end(read_folder(folder, size)))
        except StorageError as error:
            raise RecipeError(folder, error.reason) from error

    def draw(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], list[str]]:
        """Draw pictures, (count, 3, size, size) in [-1, 1], and their captions."""
        rows = rng.integers(len(self.folder.captions), size=count)
        pictures = from_uint8(self.folder.pixels[rows])
        return pictures, [self.folder.captions[row] for row in rows.tolist()]


def run_to_end(generator: Generator[object, None, _T]) -> _T:
    """Exhaust a generator and return its return value."""
    while True:
        try:
            next(generator)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
