from __future__ import annotations

import errno
import os
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import studio
from studio import folders
from studio.errors import StorageError
from studio.folders import Folders, resources_dir
from studio.storage import absolute, ensure_folder, storage_error


def all_of(found: Folders) -> dict[str, Path]:
    return {item.name: getattr(found, item.name) for item in fields(found)}


def test_one_variable_puts_every_folder_under_it(stepwise_home: Path) -> None:
    found = all_of(Folders.find())
    assert set(found) == {"models", "outputs", "catalogue", "runs", "cache", "logs", "settings"}
    assert all(path.parent == stepwise_home for path in found.values())
    assert len(set(found.values())) == len(found)


def test_finding_the_folders_creates_nothing(stepwise_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Folders.find()
    assert not stepwise_home.exists()
    monkeypatch.setenv("STEPWISE_HOME", "")
    monkeypatch.setenv("HOME", str(stepwise_home))
    Folders.find()
    assert not stepwise_home.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="the folders of the XDG standard")
def test_without_the_variable_the_systems_own_folders_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("STEPWISE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "XDG_PICTURES_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    found = Folders.find()
    assert found.outputs == tmp_path / "Pictures" / "Stepwise"
    assert found.models == tmp_path / "data" / "stepwise-studio" / "models"
    assert found.cache == tmp_path / ".cache" / "stepwise-studio"
    paths = list(all_of(found).values())
    assert len(set(paths)) == len(paths)
    assert all(path.is_absolute() for path in paths)


def test_a_relative_home_and_a_tilde_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "me"))
    assert Folders.under(Path("here")).models == tmp_path / "here" / "models"
    assert Folders.under(Path("~/there")).models == tmp_path / "me" / "there" / "models"


def test_ensure_makes_the_folder_and_those_above_it_and_may_be_asked_twice(tmp_path: Path) -> None:
    wanted = tmp_path / "a" / "b" / "ü 🍎"
    assert ensure_folder(ensure_folder(wanted)) == wanted
    assert wanted.is_dir()


@pytest.mark.parametrize("name", ["file", "file/below", "nul\0byte", "x" * 300])
def test_an_impossible_folder_is_rejected_in_one_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError) as caught:
        ensure_folder(tmp_path / name)
    sentence = str(caught.value)
    assert str(tmp_path) in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert "Errno" not in sentence


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "no permission"),
        (errno.EIO, "input/output error"),
        (errno.ENOENT, "unplugged"),
        (errno.ENODEV, "unplugged"),
    ],
)
def test_every_fault_of_a_disk_names_the_path_and_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "mkdir", fail)
    if sys.platform != "win32" and code == errno.ENOENT:
        wanted = Path("/") / "nothing of this name"
    else:
        wanted = tmp_path / "new"
    with pytest.raises(StorageError, match=words) as caught:
        ensure_folder(wanted)
    assert str(wanted) in str(caught.value)


def test_an_unknown_error_is_reported_in_the_systems_words() -> None:
    said = str(storage_error("here", OSError(errno.EDOM, "Numerical argument out of domain")))
    assert said == "here cannot be used: numerical argument out of domain."


def test_windows_faults_are_told_apart() -> None:
    error = OSError(errno.EACCES, "Access is denied")
    error.winerror = 21
    assert "not ready" in str(storage_error("E:", error))


@pytest.mark.skipif(sys.platform == "win32", reason="a folder in use cannot be removed there")
def test_a_deleted_working_folder_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(StorageError, match="cannot be found"):
        absolute(Path("pictures"))
    assert absolute(tmp_path) == tmp_path


def test_resources_are_beside_the_package_or_inside_it_once_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert resources_dir() == Path(studio.__file__).parents[1] / "resources"
    monkeypatch.setattr(folders, "__file__", str(tmp_path / "studio" / "folders.py"))
    assert resources_dir() == tmp_path / "resources"
    (tmp_path / "studio" / "_resources").mkdir(parents=True)
    assert resources_dir() == tmp_path / "studio" / "_resources"
