"""The training data of a folder: each picture with its caption, and each unusable file with a reason.

The caption is the text of a ``.txt`` file beside the picture; without one, the file's name; and where that says
nothing, as the names that cameras give, the name of its folder.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from studio.errors import StorageError
from studio.messages import Message, message
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
"""Files up to this size in bytes are decoded when they are listed; of larger ones only the header is read."""
_CHECKED_SIDE = 8

# Names given by cameras, phones and programs, and names that are only numbers.
_NAMELESS = re.compile(
    r"(?i)(img|image|dsc|dscn|dscf|dcim|pict|pic|photo|picture|pxl|mvimg|vid|gopr|p|wp|screenshot|screen shot|scan|"
    r"untitled|unnamed|download|capture|frame|bildschirmfoto|whatsapp image|signal)?[\d\W_]*(at|copy|kopie)?[\d\W_]*"
)
_HASH = re.compile(r"(?i)(?=.*\d)[0-9a-f]{8}[0-9a-f-]*")
_COUNTER = re.compile(r"[\s(_-]+\d+\)?$")


@dataclass(frozen=True, kw_only=True)
class Found:
    """A usable picture.

    Attributes:
        path: the file.
        caption: its caption.
        caption_from: where the caption comes from.
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
    """A file that cannot be used, with the reason as a whole sentence."""

    path: Path
    sentence: str


def inspect_folder(folder: Path, cancelled: Event | None = None) -> Iterator[Found | Refused]:
    """Look through a folder and its subfolders, in the order of names.

    Args:
        folder: where the pictures are.
        cancelled: set it to end the iterator.

    Yields:
        Every usable picture, and every picture file that cannot be used. A caption file that cannot be read is refused
        by itself; the file's name then captions its picture.

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
            yield refuse(path, error.reason)
            continue
        except OSError as error:
            yield Refused(path=path, sentence=storage_error(path, error).message)
            continue
        caption, source, refused = caption_of(path, folder)
        if refused is not None:
            yield refused
        yield Found(path=path, caption=caption, caption_from=source, width=width, height=height)


def refuse(path: Path, reason: str) -> Refused:
    """Return the refusal of a file for a reason, a clause such as "is damaged"."""
    return Refused(path=path, sentence=message("{file} {reason}.", file=_printable(path.name), reason=reason))


def without_period(sentence: str) -> str:
    """Return a refusal's sentence as part of another one."""
    if isinstance(sentence, Message) and sentence.template == "{file} {reason}.":
        return message("{file} {reason}", **sentence.values)
    return sentence.rstrip(".")


def list_files(folder: Path, cancelled: Event | None = None) -> Iterator[Path | Refused]:
    """List the picture files of a folder and its subfolders, in the order of names; none is opened.

    Raises:
        StorageError: the folder is not there or cannot be read.
    """
    try:
        root = folder.resolve(strict=True)
        os.scandir(root).close()
    except (OSError, ValueError, RuntimeError) as error:
        if isinstance(error, RuntimeError):  # how Python before 3.13 reports a loop of symbolic links
            raise StorageError(folder, message("cannot be used: its symbolic links form a loop")) from error
        raise storage_error(folder, error) from error
    yield from _walk(folder, root, cancelled, 0)


def _walk(folder: Path, root: Path, cancelled: Event | None, depth: int) -> Iterator[Path | Refused]:
    try:
        paths = sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=_order)
    except OSError as error:
        yield Refused(path=folder, sentence=storage_error(folder, error).message)
        return
    for path in paths:
        if cancelled is not None and cancelled.is_set():
            return
        suffix = path.suffix.lower()
        linked, is_folder = path.is_symlink(), path.is_dir()
        if (is_folder or suffix in SUFFIXES) and linked and not _inside(path, root):
            yield refuse(path, message("is a link that leads out of the folder"))
        elif is_folder:
            if (
                not linked and depth < MAX_DEPTH
            ):  # the target of a link within the folder is listed at its own place
                yield from _walk(path, root, cancelled, depth + 1)
        elif suffix in SUFFIXES:
            yield path
        elif suffix in UNREADABLE_SUFFIXES:
            yield refuse(
                path,
                message("has a format that cannot be read ({kind}); save it as PNG or JPEG", kind=suffix[1:]),
            )


def _order(path: Path) -> tuple[str, str]:
    return path.name.casefold(), path.name


def _inside(path: Path, root: Path) -> bool:
    try:
        return path.resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):
        return False


def caption_of(path: Path, root: Path) -> tuple[str, CaptionFrom, Refused | None]:
    """Return a picture's caption, where it comes from, and the refusal of its caption file if that cannot be read."""
    text = path.with_suffix(".txt")
    refused = None
    try:
        with text.open("rb") as file:
            data = file.read(MAX_CAPTION_BYTES + 1)
        if len(data) > MAX_CAPTION_BYTES:
            refused = refuse(
                text, message("is too long for a caption, so the picture's file name is its caption")
            )
        elif caption := _decoded(data):
            return caption, "text", None
    except (FileNotFoundError, NotADirectoryError):
        pass
    except UnicodeDecodeError:
        refused = refuse(text, message("is not UTF-8 text, so the picture's file name is its caption"))
    except OSError as error:
        if isinstance(error, IsADirectoryError):
            refused = refuse(text, message("is a folder, so the picture's file name is its caption"))
        else:
            refused = refuse(text, message("cannot be read, so the picture's file name is its caption"))
    words = _words(path.stem)
    if words and not _NAMELESS.fullmatch(words) and not _HASH.fullmatch(path.stem):
        return words, "name", refused
    folder = _words(path.parent.resolve().name) if path.parent == root else _words(path.parent.name)
    return (folder, "folder", refused) if folder else (words, "name", refused)


def _decoded(data: bytes) -> str:
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return " ".join(data.decode(encoding).replace("\0", " ").split())[:MAX_CAPTION].strip()


def _words(name: str) -> str:
    """Return a file's name as words, without a counter at its end."""
    shown = _printable(name)
    return re.sub(r"[\s_-]+", " ", _COUNTER.sub("", shown) or shown).strip()[:MAX_CAPTION]


def _printable(name: str) -> str:
    """Return a file's name without surrogates, which stand for bytes that are not text."""
    return name.encode("utf-8", "backslashreplace").decode()
