"""What the user decides about models is stored by file, follows renames, and survives what it cannot read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from studio.checkpoints.choices import (
    FILE_NAME,
    NO_CHOICES,
    ChoiceKey,
    ModelChoices,
    read_choices,
    write_choices,
)
from studio.errors import StorageError
from studio.folders import Folders

INK = ChoiceKey(path=Path("/models/ink.safetensors"), signature="10-20-30", sha256="a" * 64)
MOSS = ChoiceKey(path=Path("/models/moss.safetensors"), signature="11-21-31")
CHOSEN = ModelChoices(prediction="v", zero_terminal_snr=True, vae="/vae/mse.safetensors", title="잉크")


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    return Folders.under(tmp_path)


def test_choices_are_read_as_they_were_written_and_others_stay(folders: Folders) -> None:
    write_choices(folders, {INK: CHOSEN, MOSS: ModelChoices(favourite=True)})
    write_choices(folders, {MOSS: ModelChoices(hidden=True)})
    stored = read_choices(folders)
    assert stored.of(INK) == CHOSEN
    assert stored.of(MOSS) == ModelChoices(hidden=True)
    write_choices(folders, {MOSS: NO_CHOICES})
    assert len(read_choices(folders).entries) == 1, "nothing is kept of a model without choices"


@pytest.mark.parametrize(
    ("key", "follows"),
    [
        (ChoiceKey(path=INK.path, signature="1-2-3"), True),
        (ChoiceKey(path=Path("/moved/ink 2.safetensors"), signature="10-20-30"), True),
        (ChoiceKey(path=Path("/moved/ink 2.safetensors"), signature="10-20-30+5-6-7"), True),
        (ChoiceKey(path=Path("/copied/ink.safetensors"), signature="9-9-9", sha256="a" * 64), True),
        (ChoiceKey(path=Path("/copied/ink.safetensors"), signature="9-9-9"), False),
        (ChoiceKey(path=Path("/copied/ink.safetensors")), False),
    ],
)
def test_choices_follow_a_file_that_is_replaced_renamed_or_copied(
    key: ChoiceKey, follows: bool, folders: Folders
) -> None:
    write_choices(folders, {INK: CHOSEN, MOSS: ModelChoices(favourite=True)})
    assert (read_choices(folders).of(key) == CHOSEN) == follows


def test_a_renamed_file_keeps_one_entry(folders: Folders) -> None:
    write_choices(folders, {INK: CHOSEN})
    moved = ChoiceKey(path=Path("/moved/ink.safetensors"), signature=INK.signature)
    write_choices(folders, {moved: ModelChoices(favourite=True)})
    stored = read_choices(folders)
    assert len(stored.entries) == 1
    assert stored.of(moved) == ModelChoices(favourite=True)


@pytest.mark.parametrize(
    ("content", "kept_as"),
    [
        (b'{"version": 2, "models": [], "new": 1}', "newer"),
        (b'{"version": 1, "models": [{"path": 3}]}', "broken"),
        (b"\x00\xff", "broken"),
    ],
)
def test_a_file_that_is_not_understood_is_kept_aside_when_the_next_choice_is_written(
    content: bytes, kept_as: str, folders: Folders
) -> None:
    path = folders.settings / FILE_NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert read_choices(folders).of(INK) == NO_CHOICES
    assert path.read_bytes() == content, "reading changes nothing"
    write_choices(folders, {INK: CHOSEN})
    assert read_choices(folders).of(INK) == CHOSEN
    (aside,) = path.parent.glob(f"*{kept_as}*")
    assert aside.read_bytes() == content
    assert json.loads(path.read_bytes())["version"] == 1


def test_a_file_that_cannot_be_written_is_said_and_the_old_one_stays(
    folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_choices(folders, {INK: CHOSEN})

    def full(*_: object) -> None:
        raise StorageError(folders.settings, "is full")

    monkeypatch.setattr("studio.checkpoints.choices.write_file", full)
    with pytest.raises(StorageError):
        write_choices(folders, {INK: NO_CHOICES})
    assert read_choices(folders).of(INK) == CHOSEN


def test_a_name_that_is_not_utf_8_can_be_a_key(folders: Folders) -> None:
    key = ChoiceKey(path=Path("/models/\udcff.safetensors"))
    write_choices(folders, {key: CHOSEN})
    assert read_choices(folders).of(key) == CHOSEN
