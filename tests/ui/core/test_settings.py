from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING

import pytest

from studio.errors import StorageError
from studio.ui.core import settings
from studio.ui.core.settings import MAX_ASIDE, SettingsFile

if TYPE_CHECKING:
    from pathlib import Path

BROKEN = [
    b"",
    b"{",
    b"[1, 2]",
    b"null",
    b'{"theme": NaN}',
    b'{"theme": "dark", "theme": "light"}',
    b"\xff\xfe",
    b'{"deep": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    b'{"number": ' + b"9" * 5000 + b"}",
    b" " * (settings.MAX_BYTES + 1),
]


def test_no_file_is_no_fault(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "none" / "settings.json")
    assert file.load() == {}
    assert not file.fault
    assert list(tmp_path.iterdir()) == []


def test_saved_values_are_loaded(tmp_path: Path) -> None:
    values = {"theme": "dark", "form": {"prompt": 'ünï "<b>" \u2028 🦊', "steps": 30, "guidance": 3.5}}
    path = tmp_path / "new" / "settings.json"
    assert SettingsFile(path).save(values) is None
    file = SettingsFile(path)
    assert file.load() == values
    assert not file.fault
    assert [found.name for found in path.parent.iterdir()] == ["settings.json"]


@pytest.mark.parametrize("data", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_file_is_kept_aside(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(data)
    file = SettingsFile(path)
    assert file.load() == {}
    assert str(path) in file.fault
    assert "settings.broken-1.json" in file.fault
    assert (tmp_path / "settings.broken-1.json").read_bytes() == data
    assert file.save({"theme": "dark"}) is None
    assert file.load() == {"theme": "dark"}
    assert not file.fault


def test_a_file_of_a_newer_version_is_kept_aside_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    newer = b'{"version": 2, "theme": "plaid"}'
    path.write_bytes(newer)
    assert SettingsFile(path, version=2).load() == {"version": 2, "theme": "plaid"}, "who can read it does"
    file = SettingsFile(path)
    assert file.load() == {}
    assert "settings.newer-1.json" in file.fault
    assert file.save({"theme": "dark"}) is None
    assert (tmp_path / "settings.newer-1.json").read_bytes() == newer
    assert file.load() == {"theme": "dark"}


@pytest.mark.parametrize("version", [0, -1, True, "1", 1.0, None])
def test_a_file_whose_version_is_none_is_broken(version: object, tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(json.dumps({"version": version}))
    file = SettingsFile(path)
    assert file.load() == {}
    assert "settings.broken-1.json" in file.fault


def test_several_broken_files_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    for number in range(MAX_ASIDE + 2):
        path.write_text(f"broken {number}")
        assert SettingsFile(path).load() == {}
    kept = sorted(tmp_path.iterdir())
    assert [found.name for found in kept] == [f"settings.broken-{n}.json" for n in range(1, MAX_ASIDE + 1)]
    assert kept[0].read_text() == "broken 0"
    assert kept[-1].read_text() == f"broken {MAX_ASIDE + 1}"


def test_a_folder_in_its_place_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.mkdir()
    (path / "mine.txt").write_text("dear")
    file = SettingsFile(path)
    assert file.load() == {}
    assert "settings.broken-1.json" in file.fault
    assert (tmp_path / "settings.broken-1.json" / "mine.txt").read_text() == "dear"


@pytest.mark.usefixtures("no_rename")
def test_a_file_that_cannot_be_set_aside_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text("broken")
    file = SettingsFile(path)
    assert file.load() == {}
    assert str(path) in file.fault
    assert "settings.broken-1.json" not in file.fault
    assert isinstance(file.save({"theme": "dark"}), StorageError)
    assert path.read_text() == "broken"


def test_an_invalid_path_is_reported(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "a\0b")
    assert file.load() == {}
    assert file.fault
    assert isinstance(file.save({}), StorageError)


def test_a_full_disk_is_reported_and_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "settings.json"
    file = SettingsFile(path)
    assert file.save({"theme": "dark"}) is None

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    error = file.save({"theme": "light"})
    assert isinstance(error, StorageError)
    assert str(path) in str(error)
    assert json.loads(path.read_text()) == {"theme": "dark"}
    assert [found.name for found in tmp_path.iterdir()] == ["settings.json"]


def test_a_linked_file_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "elsewhere" / "mine.json"
    real.parent.mkdir()
    real.write_text('{"theme": "dark"}')
    path = tmp_path / "settings.json"
    try:
        path.symlink_to(real)
    except OSError:
        pytest.skip("this system makes no links")
    file = SettingsFile(path)
    assert file.load() == {"theme": "dark"}
    assert file.save({"theme": "light"}) is None
    assert path.is_symlink()
    assert json.loads(real.read_text()) == {"theme": "light"}


def test_values_that_are_not_json_are_rejected_without_damage(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    file = SettingsFile(path)
    assert file.save({"share": 0.5}) is None
    assert isinstance(file.save({"share": float("nan")}), StorageError)
    assert json.loads(path.read_text()) == {"share": 0.5}


def test_savers_on_several_threads_leave_a_whole_file(tmp_path: Path) -> None:
    file = SettingsFile(tmp_path / "settings.json")
    found: list[StorageError | None] = []

    def save(number: int) -> None:
        found.extend(file.save({"number": number, "text": "x" * 1000 * number}) for _ in range(10))

    threads = [threading.Thread(target=save, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [None] * 40
    values = file.load()
    assert len(values["text"]) == 1000 * values["number"]
