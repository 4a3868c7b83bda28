"""Connections, and files of older versions."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from studio.errors import StorageError
from studio.gallery import database as gallery_database
from studio.gallery.database import SCHEMA_VERSION, Database, columns_of
from studio.gallery.index import FILE_NAME, Catalogue
from studio.gallery.metadata import PictureMetadata
from tests.gallery.samples import metadata, pixels
from tests.gallery.test_index import filled
from tests.golden.old_home import restore

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[sqlite3.Connection]:
    """The connections that were opened since."""
    connections: list[sqlite3.Connection] = []
    connect = sqlite3.connect

    def note(*arguments: object, **named: object) -> sqlite3.Connection:
        connections.append(connect(*arguments, **named))  # type: ignore[call-overload]
        return connections[-1]

    monkeypatch.setattr(sqlite3, "connect", note)
    return connections


def is_open(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT 1")
    except sqlite3.ProgrammingError:
        return False
    return True


def test_a_connection_stays_open_and_is_used_again_by_whichever_thread(
    tmp_path: Path, opened: list[sqlite3.Connection]
) -> None:
    store, _ = filled(tmp_path, "one", "two", "three")
    for _ in range(3):
        thread = threading.Thread(target=store.catalogue.entries)
        thread.start()
        thread.join()
    assert len(opened) == 1
    assert is_open(opened[0])


def test_transactions_at_the_same_time_have_a_connection_each(
    tmp_path: Path, opened: list[sqlite3.Connection]
) -> None:
    database = Database(tmp_path / FILE_NAME)
    both = threading.Barrier(2, timeout=10)

    def use(_: int) -> sqlite3.Connection:
        with database.transaction() as connection:
            both.wait()
        return connection

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(use, range(2))
    assert first is not second
    assert len(opened) == 2


def test_connections_are_closed_with_their_database(tmp_path: Path, opened: list[sqlite3.Connection]) -> None:
    store, _ = filled(tmp_path, "one")
    store.catalogue.close()
    assert not is_open(opened[0])
    assert store.catalogue.count() == 1
    assert is_open(opened[1])
    del store
    assert not is_open(opened[1])


def test_a_connection_to_a_file_that_was_replaced_is_not_used_again(tmp_path: Path) -> None:
    store, _ = filled(tmp_path / "one", "one")
    other, _ = filled(tmp_path / "other", "two", "three")
    other.catalogue.close()
    (tmp_path / "one" / "catalogue").rename(tmp_path / "one" / "elsewhere")
    (tmp_path / "other" / "catalogue").rename(tmp_path / "one" / "catalogue")
    assert store.catalogue.count() == 2


def test_a_transaction_that_fails_is_rolled_back_and_its_connection_closed(
    tmp_path: Path, opened: list[sqlite3.Connection]
) -> None:
    store, _ = filled(tmp_path, "one")
    database = Database(tmp_path / "catalogue" / FILE_NAME)

    def fail() -> None:
        with database.transaction(write=True) as connection:
            connection.execute("DELETE FROM pictures")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert not is_open(opened[-1])
    assert store.catalogue.count() == 1


# ------------------------------------------------------------------------------------------------------- version 1
@pytest.fixture
def old_catalogue(tmp_path: Path) -> Path:
    """The folder of a catalogue as commit 124763c wrote it."""
    return restore(tmp_path / "home") / "catalogue"


def columns(folder: Path) -> list[tuple[str, int, int]]:
    with contextlib.closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        return connection.execute("SELECT final_sha256, created, seed FROM pictures ORDER BY id").fetchall()


def kept(folder: Path) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        query = "SELECT id, path, width, height, metadata, words, missing, checksum FROM pictures ORDER BY id"
        return connection.execute(query).fetchall()


def test_a_file_of_version_1_is_migrated_with_every_row(old_catalogue: Path) -> None:
    before = kept(old_catalogue)
    catalogue = Catalogue(old_catalogue)
    entries = catalogue.entries()
    assert catalogue.set_aside is None
    assert kept(old_catalogue) == before
    assert [entry.id for entry in entries] == [row[0] for row in reversed(before)]
    assert columns(old_catalogue) == [columns_of(entry.metadata) for entry in reversed(entries)]
    assert len(entries) == 8
    fox = [entry.path.name for entry in catalogue.search("여우")]
    assert fox == [entry.path.name for entry in entries if "여우" in str(entry.metadata.request["prompt"])]
    assert fox == [entry.path.name for entry in catalogue.search("green 여우")]
    newest = {entry.metadata.final_sha256: entry.id for entry in reversed(entries)}
    assert catalogue.ids_by_final_hash() == newest
    with contextlib.closing(sqlite3.connect(old_catalogue / FILE_NAME)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


def test_a_new_picture_waits_for_a_migration_that_takes_longer_than_a_lock_may(
    old_catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery_database, "BUSY_TIMEOUT_S", 0.01)
    with contextlib.closing(sqlite3.connect(old_catalogue / FILE_NAME)) as migrating:
        migrating.execute("BEGIN IMMEDIATE")
        with ThreadPoolExecutor(1) as pool:
            counted = pool.submit(Catalogue(old_catalogue).count)
            with pytest.raises(TimeoutError):
                counted.result(0.2)
            migrating.execute("ROLLBACK")
            assert counted.result(10) == 8
    monkeypatch.setattr(gallery_database, "SCHEMA_TIMEOUT_S", 0.01)  # the twin, which fails
    with contextlib.closing(sqlite3.connect(old_catalogue / FILE_NAME)) as migrating:
        migrating.execute("PRAGMA user_version = 1")
        migrating.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="another program is using it"):
            Catalogue(old_catalogue).count()


def test_a_damaged_row_of_version_1_does_not_stop_the_migration(old_catalogue: Path) -> None:
    with contextlib.closing(sqlite3.connect(old_catalogue / FILE_NAME)) as connection, connection:
        connection.execute("UPDATE pictures SET metadata = '{' WHERE id = 2")
    catalogue = Catalogue(old_catalogue)
    assert catalogue.count() == 8
    assert columns(old_catalogue)[1] == ("", 0, 0)
    assert "" not in columns(old_catalogue)[0]
    catalogue.entries()
    assert catalogue.set_aside is not None


def test_the_migration_and_a_new_entry_fill_the_columns_alike(tmp_path: Path) -> None:
    store, (entry,) = filled(tmp_path, "one")
    assert columns(tmp_path / "catalogue") == [columns_of(entry.metadata)]
    assert columns_of(PictureMetadata.from_json(entry.metadata.to_json())) == columns_of(entry.metadata)
    assert columns_of(metadata(seed=5))[1:] == (1_769_860_800_123_456, 5)
    store.add(pixels(), metadata(seed=6))
    assert columns(tmp_path / "catalogue")[1][2] == 6
