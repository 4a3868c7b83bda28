"""The pictures and captions of a folder, decoded once. numpy and Pillow only."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar

import numpy as np

from studio.errors import RecipeError, StorageError
from studio.training.data.inspect import Refused, caption_of, list_files, refuse
from studio.training.data.picture_cache import PictureCache, Row, Stamp
from studio.training.data.picture_files import UnusablePictureError, read_square

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path
    from threading import Event

    from numpy.typing import NDArray

    from studio.training.data.picture_cache import CacheWriter

_T = TypeVar("_T")


class NoPicturesError(RecipeError):
    """A folder holds nothing to learn from."""

    def __init__(self, folder: Path, refused: tuple[Refused, ...]) -> None:
        """Name the folder, and one of the files that were refused."""
        super().__init__(folder, "")
        why = f": {len(refused):,} were refused, such as {refused[0].sentence.rstrip('.')}" if refused else ""
        self.args = (
            f"The folder {folder} holds no picture that can be read{why} (PNG and JPEG files will do).",
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class FolderPictures:
    """What a folder holds, decoded.

    Attributes:
        pixels: uint8 (N, 3, size, size), read-only, mostly mapped from the cache.
        captions: one a picture.
        refused: files that cannot be used.
        data_sha256: hash of the content of all files used and of the captions, in their order.
        cache: where what is made of them may be kept; None keeps nothing.
    """

    pixels: NDArray[np.uint8]
    captions: tuple[str, ...]
    refused: tuple[Refused, ...]
    data_sha256: str
    cache: Path | None


class Cancelled(Exception):
    """Reading was dropped because it was asked to be."""


def read_folder(
    folder: Path, size: int, cache: Path | None = None, cancelled: Event | None = None
) -> Generator[tuple[int, int], None, FolderPictures]:
    """Read every picture of a folder and of those in it, from the cache where it is there.

    Args:
        folder: where the pictures are.
        size: side of the squares.
        cache: the folder of such caches; None keeps the pictures in memory only.
        cancelled: drops it when set.

    Yields:
        How many files are read, of how many.

    Returns:
        The pictures.

    Raises:
        NoPicturesError: there is none.
        StorageError: the folder cannot be read, or the cache not written.
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
            writer.drop()
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
    """Return the row of a file: the one there was if it is still the same, else a new one."""
    if old is not None and old.stamp == stamp:
        if old.refused:
            return old
        return Row(stamp=stamp, sha256=old.sha256, row=writer.append(store.pixels[old.row]))
    try:
        square = read_square(path, store.size)
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except UnusablePictureError as error:
        return Row(stamp=stamp, refused=str(error))
    except OSError:
        return Row(stamp=stamp, refused="cannot be read")
    return Row(stamp=stamp, sha256=sha256, row=writer.append(square))


class FolderSource:
    """Draws pictures of a folder, each as likely as any other."""

    def __init__(self, read: FolderPictures) -> None:
        """Take what was read."""
        self.read = read

    @classmethod
    def open(cls, folder: Path, size: int) -> Self:
        """Read a folder without a cache; raises RecipeError where it holds no picture or cannot be read."""
        try:
            return cls(finish(read_folder(folder, size)))
        except StorageError as error:
            raise RecipeError(folder, error.reason) from error

    def draw(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], list[str]]:
        """Draw pictures, (count, 3, size, size) in [-1, 1], and their captions."""
        which = rng.integers(len(self.read.captions), size=count)
        pictures = self.read.pixels[which].astype(np.float32) / np.float32(127.5) - 1
        return pictures, [self.read.captions[index] for index in which.tolist()]


def finish(work: Generator[object, None, _T]) -> _T:
    """Do some work to its end, and return what it returns."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
