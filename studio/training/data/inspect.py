"""What a folder holds to learn from: each picture with its caption, and each file that cannot be used, with a reason.

A caption is the text of a ``.txt`` beside the picture; where there is none, the file's name; where that says nothing,
as a camera's names do, the name of the folder it is in.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from studio.errors import StorageError
from studio.storage import storage_error
from studio.training.data.picture_files import (
    SUFFIXES,
    UNREADABLE_SUFFIXES,
    UnusablePictureError,
    picture_size,
    read_square,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from threading import Event

CaptionFrom: TypeAlias = Literal["text", "name", "folder"]
MAX_CAPTION = 2_000
MAX_CAPTION_BYTES = 64_000
MAX_DEPTH = 32
SMALL_FILE = 2_000_000
"""Files up to this size in bytes are decoded as they are listed; of larger ones the header must do until later."""
_CHECKED_SIDE = 8

# Names that cameras, telephones and programs give, and such as are numbers or hashes.
_NAMELESS = re.compile(
    r"(?i)(img|image|dsc|dscn|dscf|dcim|pict|pic|photo|picture|pxl|mvimg|vid|gopr|p|wp|screenshot|screen shot|scan|"
    r"untitled|unnamed|download|capture|frame|bildschirmfoto|whatsapp image|signal)?[\d\W_]*(at|copy|kopie)?[\d\W_]*"
)
_HASH = re.compile(r"(?i)(?=.*\d)[0-9a-f]{8}[0-9a-f-]*")
_COUNTER = re.compile(r"[\s(_-]+\d+\)?$")


@dataclass(frozen=True, kw_only=True)
class Found:
    """A picture to learn from.

    Attributes:
        path: the file.
        caption: what it is said to show.
        caption_from: where that was found.
        width: in pixels.
        height: in pixels.
    """

    path: Path
    caption: str
    caption_from: CaptionFrom
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A file that cannot be used, and why, in a whole sentence."""

    path: Path
    sentence: str


def inspect_folder(folder: Path, cancelled: Event | None = None) -> Iterator[Found | Refused]:
    """Look through a folder and those in it, in the order of names.

    Args:
        folder: where the pictures are.
        cancelled: ends the iterator when set.

    Yields:
        Every picture, and every file that could be meant as one but cannot be used. A caption file that cannot be read
        is refused by itself; its picture is then called by its name.

    Raises:
        StorageError: the folder is not there or cannot be read.
    """
    for path in list_files(folder, cancelled):
        if cancelled is not None and cancelled.is_set():
            return
        if isinstance(path, Refused):
            yield path
            continue
        try:
            width, height = picture_size(path)
            if path.stat().st_size <= SMALL_FILE:
                read_square(path, _CHECKED_SIDE)
        except UnusablePictureError as error:
            yield refuse(path, str(error))
            continue
        except OSError as error:
            yield Refused(path=path, sentence=str(storage_error(path, error)))
            continue
        caption, source, refused = caption_of(path, folder)
        if refused is not None:
            yield refused
        yield Found(path=path, caption=caption, caption_from=source, width=width, height=height)


def refuse(path: Path, reason: str) -> Refused:
    """Return the refusal of a file for a reason such as "is damaged"."""
    return Refused(path=path, sentence=f"{_shown(path.name)} {reason}.")


def list_files(folder: Path, cancelled: Event | None = None) -> Iterator[Path | Refused]:
    """List the files of a folder, and those in it, that could be pictures, in the order of names; none is opened.

    Raises:
        StorageError: the folder is not there or cannot be read.
    """
    try:
        root = folder.resolve(strict=True)
        os.scandir(root).close()
    except (OSError, ValueError, RuntimeError) as error:
        if isinstance(error, RuntimeError):  # how Python before 3.13 reports links that point at each other
            raise StorageError(folder, "cannot be used: its links point at each other") from error
        raise storage_error(folder, error) from error
    yield from _walk(folder, root, cancelled, 0)


def _walk(folder: Path, root: Path, cancelled: Event | None, depth: int) -> Iterator[Path | Refused]:
    try:
        paths = sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=_order)
    except OSError as error:
        yield Refused(path=folder, sentence=str(storage_error(folder, error)))
        return
    for path in paths:
        if cancelled is not None and cancelled.is_set():
            return
        suffix = path.suffix.lower()
        linked, is_folder = path.is_symlink(), path.is_dir()
        if (is_folder or suffix in SUFFIXES) and linked and not _inside(path, root):
            yield refuse(path, "is a link that leads out of the folder")
        elif is_folder:
            if (
                not linked and depth < MAX_DEPTH
            ):  # what a link within the folder shows is met at its own place
                yield from _walk(path, root, cancelled, depth + 1)
        elif suffix in SUFFIXES:
            yield path
        elif suffix in UNREADABLE_SUFFIXES:
            yield refuse(path, f"is of a kind that cannot be read ({suffix[1:]}); save it as PNG or JPEG")


def _order(path: Path) -> tuple[str, str]:
    return path.name.casefold(), path.name


def _inside(path: Path, root: Path) -> bool:
    try:
        return path.resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):
        return False


def caption_of(path: Path, root: Path) -> tuple[str, CaptionFrom, Refused | None]:
    """Return a picture's caption, where it was found, and the refusal of its caption file if that cannot be read."""
    text = path.with_suffix(".txt")
    refused = None
    try:
        with text.open("rb") as file:
            data = file.read(MAX_CAPTION_BYTES + 1)
        if len(data) > MAX_CAPTION_BYTES:
            refused = refuse(text, "is too long for a caption, so the picture is called by its name")
        elif caption := _decoded(data):
            return caption, "text", None
    except (FileNotFoundError, NotADirectoryError):
        pass
    except UnicodeDecodeError:
        refused = refuse(text, "is not UTF-8 text, so the picture is called by its name")
    except OSError as error:
        reason = "is a folder" if isinstance(error, IsADirectoryError) else "cannot be read"
        refused = refuse(text, f"{reason}, so the picture is called by its name")
    words = _words(path.stem)
    if words and not _NAMELESS.fullmatch(words) and not _HASH.fullmatch(path.stem):
        return words, "name", refused
    folder = _words(path.parent.resolve().name) if path.parent == root else _words(path.parent.name)
    return (folder, "folder", refused) if folder else (words, "name", refused)


def _decoded(data: bytes) -> str:
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return " ".join(data.decode(encoding).replace("\0", " ").split())[:MAX_CAPTION].strip()


def _words(name: str) -> str:
    """Return a file's name as words, without the counter at its end."""
    shown = _shown(name)
    return re.sub(r"[\s_-]+", " ", _COUNTER.sub("", shown) or shown).strip()[:MAX_CAPTION]


def _shown(name: str) -> str:
    """Return a name that any screen takes, though a file's name may hold bytes that are no text."""
    return name.encode("utf-8", "backslashreplace").decode()
