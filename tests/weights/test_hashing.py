from __future__ import annotations

import hashlib
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from studio.errors import CheckpointError, StorageError
from studio.weights import hashing
from studio.weights.files import LoadCancelled
from studio.weights.hashing import CACHE_NAME, HashCache, hash_file

if TYPE_CHECKING:
    from pathlib import Path

DATA = bytes(range(256)) * 40


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    path.write_bytes(DATA)
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_it_is_the_hash_of_the_whole_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "_CHUNK", 1000)
    assert hash_file(path) == hashlib.sha256(DATA).hexdigest()
    path.write_bytes(b"")
    assert hash_file(path) == hashlib.sha256(b"").hexdigest()


def no_hashing(*_: object) -> object:
    pytest.fail("it was hashed twice")


def test_an_unchanged_file_is_never_hashed_twice(
    path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = HashCache(cache).hash_of(path)
    again = HashCache(cache)
    with monkeypatch.context() as patched:
        patched.setattr(hashing, "_hash", no_hashing)
        assert again.hash_of(path) == again.known(path) == first
        renamed = path.rename(path.with_name("renamed.safetensors"))
        assert again.hash_of(renamed) == first


def test_two_threads_hash_a_file_once_and_a_caller_in_a_hurry_ends_the_pause(
    path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes, paused, begun = HashCache.of(cache), threading.Event(), threading.Event()
    read: list[object] = []
    whole = hashing._hash_open

    def counted(*arguments: object) -> str:
        read.append(arguments)
        begun.set()
        return whole(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(hashing, "_hash_open", counted)
    paused.set()
    with ThreadPoolExecutor(1) as pool:
        background = pool.submit(hashes.hash_of, path, paused=paused)
        assert begun.wait(5)
        assert HashCache.of(cache).hash_of(path) == background.result(5) == hashlib.sha256(DATA).hexdigest()
    assert len(read) == 1


def test_a_caller_takes_over_from_one_that_was_cancelled(path: Path, cache: Path) -> None:
    hashes, paused, cancelled = HashCache(cache), threading.Event(), threading.Event()
    paused.set()
    with ThreadPoolExecutor(1) as pool:
        background = pool.submit(hashes.hash_of, path, paused=paused, cancelled=cancelled)
        threading.Timer(0.02, cancelled.set).start()
        assert isinstance(background.exception(5), LoadCancelled)
        with pytest.raises(LoadCancelled):
            hashes.hash_of(path, cancelled=cancelled)
    assert hashes.hash_of(path) == hashlib.sha256(DATA).hexdigest()


def test_two_processes_keep_the_hashes_of_both(path: Path, cache: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"other")
    one, two = HashCache(cache), HashCache(cache)
    one.hash_of(path)
    two.hash_of(other)
    again = HashCache(cache)
    assert None not in (again.known(path), again.known(other), one.known(other))


def test_files_are_hashed_beside_other_work_and_no_longer_than_it_lasts(path: Path, cache: Path) -> None:
    cancelled = threading.Event()
    with hashing.hashing([path, path], HashCache(cache), cancelled) as hashes:
        assert hashes() == [hashlib.sha256(DATA).hexdigest()] * 2
    cache.joinpath(CACHE_NAME).unlink()
    cancelled.set()
    with hashing.hashing([path], HashCache(cache / "2"), cancelled) as hashes, pytest.raises(LoadCancelled):
        hashes()
    missing = [path.with_name("nothing")]
    with (
        hashing.hashing(missing, HashCache(cache / "3")) as hashes,
        pytest.raises(CheckpointError, match="is missing"),
    ):
        hashes()


def test_a_hash_that_cannot_be_stored_is_known_until_the_program_ends(path: Path, cache: Path) -> None:
    cache.write_bytes(b"a file where the folder should be")
    hashes = HashCache(cache)
    assert hashes.hash_of(path, must_store=False) == hashes.known(path) == hashlib.sha256(DATA).hexdigest()


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    os.utime(path, ns=(1, 1))


def test_a_changed_or_replaced_file_is_hashed_again(path: Path, cache: Path) -> None:
    hashes = HashCache(cache)
    _write(path, DATA)
    first = hashes.hash_of(path)
    path.write_bytes(DATA[::-1])  # of the same size, at another time
    assert hashes.known(path) is None
    second = hashes.hash_of(path)
    assert second != first
    other = path.with_name("other")
    other.write_bytes(DATA)
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)  # of the same size and time
    assert hashes.known(path) is None
    assert HashCache(cache).hash_of(path) == first


def test_hashing_stops_when_it_is_cancelled_also_while_it_is_paused(path: Path) -> None:
    cancelled, paused = threading.Event(), threading.Event()
    paused.set()
    ended: list[BaseException] = []

    def work() -> None:
        try:
            hash_file(path, cancelled=cancelled, paused=paused)
        except LoadCancelled as error:
            ended.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.02)
    assert thread.is_alive()  # paused
    cancelled.set()
    thread.join(5)
    assert len(ended) == 1


def test_hashing_goes_on_after_a_pause(path: Path) -> None:
    paused = threading.Event()
    paused.set()
    threading.Timer(0.02, paused.clear).start()
    assert hash_file(path, paused=paused) == hashlib.sha256(DATA).hexdigest()


def test_a_file_that_changes_while_it_is_hashed_has_no_hash(
    path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = hashing._hash_open

    def slow(*arguments: object) -> str:
        made = whole(*arguments)  # type: ignore[arg-type]
        path.write_bytes(DATA + b"more")
        return made

    monkeypatch.setattr(hashing, "_hash_open", slow)
    with pytest.raises(CheckpointError, match="was replaced or changed while it was in use"):
        HashCache(cache).hash_of(path)
    assert HashCache(cache).known(path) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'[{"path": "x"}]', b"\xff"])
def test_a_damaged_cache_counts_as_empty(path: Path, cache: Path, content: bytes) -> None:
    cache.mkdir()
    (cache / CACHE_NAME).write_bytes(content)
    hashes = HashCache(cache)
    assert hashes.known(path) is None
    assert hashes.hash_of(path) == HashCache(cache).known(path)


def test_the_oldest_hashes_are_forgotten(path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "MAX_FILES", 2)
    files = [path.with_name(f"{number}.safetensors") for number in range(3)]
    hashes = HashCache(cache)
    for number, file in enumerate(files):
        file.write_bytes(bytes([number]))
        hashes.hash_of(file)
    assert [HashCache(cache).known(file) is None for file in files] == [True, False, False]


def test_faults_are_named(path: Path, cache: Path) -> None:
    with pytest.raises(CheckpointError, match="is missing"):
        HashCache(cache).hash_of(path.with_name("nothing"))
    with pytest.raises(CheckpointError, match="is missing"):
        hash_file(path.with_name("nothing"))
    cache.write_bytes(b"a file where the folder should be")
    with pytest.raises(StorageError, match="there is a file in the place of a folder"):
        HashCache(cache).hash_of(path)
