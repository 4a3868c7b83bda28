"""The search of the gallery: which pictures a text finds, in Python and in SQL.

A picture is found if its prompt and model name contain every word of the text; parts of words count, upper and lower
case do not. `matches` decides that for one picture, `condition` for the rows of the index (`studio.gallery.index`).

In SQL, ``LIKE`` decides. It reads every row, so words of three characters and more are first looked up in a full-text
index of trigrams (SQLite's FTS5), which narrows the rows down: a word can only be where all its trigrams are. Builds of
SQLite that lack FTS5 or its trigram tokenizer use ``LIKE`` alone, with the same results.
"""

from __future__ import annotations

import sqlite3
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from studio.gallery.metadata import PictureMetadata

TRIGRAM = 3
MAX_TRIGRAMS = 32
"""The most trigrams of a word that are looked up; ``LIKE`` compares the whole word."""
_FIRST_WITH_TRIGRAMS = (3, 34, 0)

_TABLE = "pictures_search"
_TRIGGER = f"{_TABLE}_inserted"
_ADD = f"INSERT INTO {_TABLE} (rowid, words) VALUES (new.id, new.words);"
_DELETE = f"INSERT INTO {_TABLE} ({_TABLE}, rowid, words) VALUES ('delete', old.id, old.words);"
_SCHEMA = (
    f"DROP TABLE IF EXISTS {_TABLE}",
    # It stores no text and no positions, which LIKE does not need.
    f"""CREATE VIRTUAL TABLE {_TABLE} USING fts5 (words, content = 'pictures', content_rowid = 'id',
        tokenize = 'trigram case_sensitive 1', detail = none, columnsize = 0)""",
    f"INSERT INTO {_TABLE} ({_TABLE}) VALUES ('rebuild')",
    f"CREATE TRIGGER {_TABLE}_deleted AFTER DELETE ON pictures BEGIN {_DELETE} END",
    f"CREATE TRIGGER {_TABLE}_updated AFTER UPDATE OF words ON pictures BEGIN {_DELETE} {_ADD} END",
    f"CREATE TRIGGER {_TRIGGER} AFTER INSERT ON pictures BEGIN {_ADD} END",
)
_TRIGGERS = ("inserted", "updated", "deleted")


def searchable_text(metadata: PictureMetadata) -> str:
    """Return the text of a picture that is searched, case-folded."""
    return _fold(f"{metadata.request.get('prompt') or ''}\n{metadata.model}")


def matches(metadata: PictureMetadata, text: str) -> bool:
    """Return whether a search for ``text`` finds a picture with ``metadata``."""
    searched = searchable_text(metadata)
    return all(word in searched for word in _fold(text).split())


def condition(connection: sqlite3.Connection, text: str) -> tuple[list[str], list[str]]:
    """Return the terms of a WHERE clause on ``pictures`` that find what `matches` does, and their parameters."""
    terms: list[str] = []
    values: list[str] = []
    words = _fold(text).split()
    trigrams = " AND ".join(dict.fromkeys(trigram for word in words for trigram in _trigrams(word)))
    if trigrams and _is_indexed(connection):
        terms.append(f"id IN (SELECT rowid FROM {_TABLE} WHERE {_TABLE} MATCH ?)")
        values.append(trigrams)
    for word in words:
        terms.append(r"words LIKE ? ESCAPE '\'")
        values.append(f"%{_escape(word)}%")
    return terms, values


def prepare(connection: sqlite3.Connection) -> None:
    """Create the full-text index if this build of SQLite has FTS5 with trigrams and the database lacks it.

    Triggers keep it up to date. A build without FTS5 cannot run them and drops them; without them the full-text index
    counts as missing and is built again by the next build that can.
    """
    able, indexed = has_trigrams(connection), _is_indexed(connection)
    if able == indexed:
        return
    connection.execute("BEGIN IMMEDIATE")
    if _is_indexed(connection) == indexed:  # no other process was faster
        dropped = (f"DROP TRIGGER IF EXISTS {_TABLE}_{name}" for name in _TRIGGERS)
        for statement in (*dropped, *(_SCHEMA if able else ())):
            connection.execute(statement)
    connection.execute("COMMIT")


def has_trigrams(connection: sqlite3.Connection) -> bool:
    """Return whether this build of SQLite has FTS5 with the trigram tokenizer."""
    found = connection.execute("SELECT 1 FROM pragma_module_list WHERE name = 'fts5'").fetchone()
    return found is not None and sqlite3.sqlite_version_info >= _FIRST_WITH_TRIGRAMS


def _is_indexed(connection: sqlite3.Connection) -> bool:
    """Return whether the database has a full-text index that is up to date."""
    query = "SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND name = ?"
    return connection.execute(query, (_TRIGGER,)).fetchone() is not None


def _trigrams(word: str) -> list[str]:
    """Return the trigrams of a word as FTS5 strings; none where FTS5 would read the word otherwise than LIKE."""
    if "\0" in word:
        return []
    starts = range(min(len(word) - TRIGRAM + 1, MAX_TRIGRAMS))
    return ['"' + word[start : start + TRIGRAM].replace('"', '""') + '"' for start in starts]


def _escape(word: str) -> str:
    for mark in "\\%_":
        word = word.replace(mark, f"\\{mark}")
    return word


def _fold(text: str) -> str:
    kept = text.encode("utf-8", "replace").decode("utf-8")  # a search field may hold half a surrogate pair
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", kept).casefold())
