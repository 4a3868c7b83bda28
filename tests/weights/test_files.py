from __future__ import annotations

import errno
import os
import socket
import sys
import time
from pathlib import Path

import pytest

from studio.errors import CheckpointError, StorageError
from studio.storage import write_files
from studio.weights.files import open_regular, read_small

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")


def refused(path: Path) -> str:
    begun = time.perf_counter()
    with pytest.raises(CheckpointError) as error:
        open_regular(path)
    assert time.perf_counter() - begun < 5  # nor does it wait
    return str(error.value)


def test_a_regular_file_is_opened(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"whole")
    with open_regular(tmp_path / "a") as file:
        assert file.read() == b"whole"


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path / "nothing").endswith("nothing is missing.")
    assert refused(tmp_path / "nowhere" / "nothing").endswith("nothing is missing.")
    assert "is a folder, not a file" in refused(tmp_path)
    assert "cannot be used" in refused(Path("a\0b"))
    assert "name is too long" in refused(tmp_path / ("x" * 5000))


@needs_posix
def test_a_pipe_a_device_and_a_socket_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "is not a regular file" in refused(tmp_path / "pipe")
    assert "is not a regular file" in refused(Path("/dev/zero"))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(tmp_path / "socket"))
        assert "is not a regular file" in refused(tmp_path / "socket")


@needs_posix
def test_a_link_is_followed_within_its_folder_and_not_out_of_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    (home / "real").write_bytes(b"mine")
    (home / "near").symlink_to("real")
    (home / "far").symlink_to(tmp_path / "secret")
    (home / "zero").symlink_to("/dev/zero")
    (home / "round").symlink_to("round")
    (home / "gone").symlink_to("nothing")
    with open_regular(home / "near") as file:
        assert file.read() == b"mine"
    assert "is a link that leads out of its folder" in refused(home / "far")
    assert "is a link that leads out of its folder" in refused(home / "zero")
    assert "symbolic links form a loop" in refused(home / "round")
    assert "is missing" in refused(home / "gone")


def test_a_file_without_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"")

    def denied(*_: object) -> int:
        raise PermissionError(errno.EACCES, "denied")

    monkeypatch.setattr(os, "open", denied)  # root may read everything, so permission is not really taken
    assert "cannot be read: this user has no permission" in refused(tmp_path / "a")


def test_a_small_file_that_is_not_small_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert read_small(tmp_path / "a", 5) == b"12345"
    with pytest.raises(CheckpointError, match="is larger than 4 bytes"):
        read_small(tmp_path / "a", 4)


def test_all_files_are_safe_on_disk_before_the_first_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, calls = tmp_path / "a", tmp_path / "b", []
    first.write_bytes(b"old")
    sync, move = os.fsync, Path.replace

    def fsync(descriptor: int) -> None:
        calls.append("fsync")
        sync(descriptor)

    def replace(self: Path, target: Path) -> Path:
        calls.append(f"rename {target.name}")
        assert self.read_bytes() == b"new"
        return move(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    write_files({first: b"new", second: b"new"})
    assert first.read_bytes() == second.read_bytes() == b"new"
    assert calls[:4] == ["fsync", "fsync", "rename a", "rename b"]
    assert calls[4:] == (["fsync"] if os.name == "posix" else [])  # of the folder
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


@pytest.mark.parametrize(
    ("code", "reason"), [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "the file system is read-only")]
)
def test_a_full_or_read_only_disk_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, reason: str
) -> None:
    def failing(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", failing)
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(StorageError, match=reason):
        write_files({tmp_path / "a": b"new", tmp_path / "b": b"new"})
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]
