"""The search finds the same in Python, by LIKE alone, and with the full-text index."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.gallery import search
from studio.gallery.store import PictureStore
from tests.gallery.samples import metadata, pixels

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Few characters, so that random words are found in random texts: Hangul in both forms, signs with a meaning to LIKE or
# FTS5, characters beyond 16 bits, some that fold to several, and control characters.
ALPHABET = "aAbé%_\"'\\*^:-() \t\n\x01\x1f가각나사과\u1100\u1161ßﬁ🍎\ufffd"
TEXTS = st.text(ALPHABET, max_size=24)


@pytest.fixture(scope="module")
def connection() -> Iterator[sqlite3.Connection]:
    """A table of pictures with a full-text index."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        made.execute("CREATE TABLE pictures (id INTEGER PRIMARY KEY, words TEXT)")
        search.prepare(made)
        if not search.has_trigrams(made):
            pytest.skip("this build of SQLite has no trigrams")
        yield made


def found(connection: sqlite3.Connection, text: str, *, indexed: bool = True) -> list[int]:
    terms, values = search.condition(connection, text)
    if not indexed:
        kept = [(term, value) for term, value in zip(terms, values, strict=True) if "LIKE" in term]
        terms, values = [term for term, _ in kept], [value for _, value in kept]
    where = f"WHERE {' AND '.join(terms)}" if terms else ""
    return [row for (row,) in connection.execute(f"SELECT id FROM pictures {where} ORDER BY id", values)]


def fill(connection: sqlite3.Connection, prompts: list[str]) -> None:
    connection.execute("DELETE FROM pictures")
    rows = [(number, search.searchable_text(metadata(prompt))) for number, prompt in enumerate(prompts)]
    connection.executemany("INSERT INTO pictures VALUES (?, ?)", rows)


@given(prompts=st.lists(TEXTS, min_size=1, max_size=6), data=st.data())
def test_the_full_text_index_finds_what_like_and_python_find(
    connection: sqlite3.Connection, prompts: list[str], data: st.DataObject
) -> None:
    fill(connection, prompts)
    part = data.draw(st.sampled_from(prompts))
    start = data.draw(st.integers(0, len(part)))
    for text in (part[start : start + data.draw(st.integers(1, 8))], data.draw(TEXTS)):
        by_python = [
            number for number, prompt in enumerate(prompts) if search.matches(metadata(prompt), text)
        ]
        assert found(connection, text) == found(connection, text, indexed=False) == by_python


# SQLite ends texts at NUL, and takes noncharacters for U+FFFD. No prompt has a NUL, but a damaged file may.
STRANGE = "ab%가각\0\ufffd\ufffe\uffff"


@given(words=st.text(STRANGE, max_size=12), text=st.text(STRANGE, max_size=6))
def test_the_index_changes_nothing_for_characters_that_sqlite_treats_otherwise_than_python(
    connection: sqlite3.Connection, words: str, text: str
) -> None:
    fill(connection, [])
    connection.execute("INSERT INTO pictures VALUES (0, ?)", (words,))
    assert found(connection, text) == found(connection, text, indexed=False)


def test_a_search_that_asks_the_index_for_another_word_is_noticed(connection: sqlite3.Connection) -> None:
    """The comparison above is able to fail: what LIKE alone finds does not depend on the index."""
    fill(connection, ["red apple"])
    connection.execute("INSERT INTO pictures_search (pictures_search) VALUES ('delete-all')")
    assert found(connection, "apple") != found(connection, "apple", indexed=False)
    connection.execute("INSERT INTO pictures_search (pictures_search) VALUES ('rebuild')")
    assert found(connection, "apple") == found(connection, "apple", indexed=False) == [0]


def test_words_of_three_characters_are_looked_up_and_shorter_ones_are_not(
    connection: sqlite3.Connection,
) -> None:
    for text, looked_up in (
        ("사과", False),
        ("사과나", True),
        ("ap", False),
        ("app", True),
        ("ap le", False),
    ):
        terms, _ = search.condition(connection, text)
        assert any("MATCH" in term for term in terms) is looked_up
    query = "EXPLAIN QUERY PLAN SELECT id FROM pictures WHERE " + " AND ".join(
        search.condition(connection, "apple")[0]
    )
    plan = [row[-1] for row in connection.execute(query, search.condition(connection, "apple")[1])]
    assert not any(step.startswith("SCAN pictures") and "VIRTUAL" not in step for step in plan)


def test_a_long_word_is_compared_to_its_end(connection: sqlite3.Connection) -> None:
    word = "".join(chr(ord("a") + number % 26) for number in range(200))
    fill(connection, [word, word[:-1]])
    assert found(connection, word) == [0]


def test_a_build_without_trigrams_searches_by_like_and_leaves_nothing_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def store() -> PictureStore:
        return PictureStore(tmp_path / "pictures", tmp_path / "catalogue")

    def prompts(store: PictureStore, text: str) -> list[object]:
        return [entry.metadata.request["prompt"] for entry in store.catalogue.search(text)]

    with_index = store()
    with_index.add(pixels(), metadata("red apple"))
    with_index.catalogue.close()
    with monkeypatch.context() as old_build:
        old_build.setattr(search, "has_trigrams", lambda _: False)
        without = store()
        assert prompts(without, "apple") == ["red apple"]
        without.add(pixels(), metadata("green apple"))
        assert prompts(without, "apple") == ["green apple", "red apple"]
        without.catalogue.close()
    assert prompts(store(), "apple") == ["green apple", "red apple"]
