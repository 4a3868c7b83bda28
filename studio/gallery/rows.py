"""The rows of the catalogue: an entry put into SQLite and taken out again, each row with a checksum of its own."""

from __future__ import annotations

import os
import re
import unicodedata
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from studio.errors import RequestError
from studio.gallery.database import DamagedError
from studio.gallery.entry import Entry
from studio.gallery.metadata import PictureMetadata

if TYPE_CHECKING:
    import sqlite3

COLUMNS = "id, path, width, height, metadata, words, missing, checksum"
# Nowhere else: in a text of the metadata every quotation mark has a backslash before it.
_FINAL = re.compile(r'"final_sha256": ?"([0-9a-f]{64})"')
# An entry that was taken out goes back to its old place, if nothing is there now.
_INSERT = """INSERT INTO pictures (id, path, width, height, metadata, words, checksum)
    VALUES ((SELECT ? WHERE NOT EXISTS (SELECT 1 FROM pictures WHERE id = ?)), ?, ?, ?, ?, ?, ?)
    ON CONFLICT (path) DO UPDATE SET width = excluded.width, height = excluded.height, missing = 0,
    metadata = excluded.metadata, words = excluded.words, checksum = excluded.checksum"""


def insert(connection: sqlite3.Connection, entry: Entry) -> int:
    """Enter a picture, or renew it where its path is known; return its id."""
    path, metadata, words = path_bytes(entry.path), entry.metadata.to_json(), _words(entry.metadata)
    checksum = _checksum(path, entry.width, entry.height, metadata, words)
    row = (entry.id, entry.id, path, entry.width, entry.height, metadata, words, checksum)
    connection.execute(_INSERT, row)
    (number,) = connection.execute("SELECT id FROM pictures WHERE path = ?", (path,)).fetchone()
    return int(number)


def entry_of(row: tuple[int, bytes, int, int, str, str, int, int]) -> Entry:
    """Return the entry of a row. Raises DamagedError where the row is not as it was written."""
    number, path, width, height, metadata, words, missing, checksum = row
    if checksum != _checksum(path, width, height, metadata, words) + missing:
        raise DamagedError(f"the checksum of entry {number} is wrong")
    try:
        kept = PictureMetadata.from_json(metadata)
    except RequestError as error:
        raise DamagedError(str(error)) from error
    place = Path(os.fsdecode(path))
    return Entry(id=number, path=place, width=width, height=height, metadata=kept, missing=bool(missing))


def final_of(metadata: object) -> str:
    """Return the hash of the last state that a row's metadata names; "" where it names none."""
    found = _FINAL.search(str(metadata))
    return found[1] if found is not None else ""


def matching(text: str) -> tuple[list[str], list[str]]:
    """Return conditions for a WHERE, and their values, that hold for the rows with every word of ``text``."""
    words = [f"%{_escaped(word)}%" for word in _folded(text).split()]
    return [r"words LIKE ? ESCAPE '\'"] * len(words), words


def holds(metadata: PictureMetadata, text: str) -> bool:
    """Return whether a search for ``text`` finds a picture with ``metadata``."""
    words = _words(metadata)
    return all(word in words for word in _folded(text).split())


def path_bytes(path: Path) -> bytes:
    """Return a path as a row has it: names that are no text are kept too."""
    return os.fsencode(path.absolute())


def places(count: int) -> str:
    """Return the question marks for ``count`` values."""
    return ", ".join("?" * count)


def _escaped(word: str) -> str:
    for mark in "\\%_":
        word = word.replace(mark, f"\\{mark}")
    return word


def _words(metadata: PictureMetadata) -> str:
    return _folded(f"{metadata.request.get('prompt') or ''}\n{metadata.model}")


def _folded(text: str) -> str:
    kept = text.encode("utf-8", "replace").decode("utf-8")  # a search box may hold half a character
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", kept).casefold())


def _checksum(path: bytes, width: int, height: int, metadata: str, words: str) -> int:
    return zlib.crc32(repr((path, width, height, metadata, words)).encode("utf-8"))
