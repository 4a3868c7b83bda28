from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from studio.ui.core.settings import Preferences, SettingsFile

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

DEFAULTS = {
    "theme": "system",
    "enlarge": "smooth",
    "preview_budget": 0.10,
    "form_shown": True,
    "column_shown": True,
    "geometry": "",
    "form": {},
}
OTHERS = {
    "theme": "light",
    "enlarge": "pixels",
    "preview_budget": 1.0,
    "form_shown": False,
    "column_shown": False,
    "geometry": "AdnQywADAAA=",
    "form": {"prompt": "a fox", "options": {"ddim": {"eta": 0.5}}},
}
OUT_OF_RANGE: dict[str, list[object]] = {
    "theme": ["blue", 1, None, ["dark"]],
    "enlarge": ["bicubic", True],
    "preview_budget": [-0.1, 1.5, True, "0.1", float("nan")],
    "form_shown": [1, "yes", None],
    "column_shown": [0],
    "geometry": [1, "x" * 100_000, "ü"],
    "form": [[], "x", None],
}


@pytest.fixture
def path(stepwise_home: Path) -> Path:
    return stepwise_home / "settings" / "settings.json"


def values_of(preferences: Preferences) -> dict[str, Any]:
    return {name: getattr(preferences, name) for name in DEFAULTS}


def test_without_a_file_all_are_defaults(path: Path) -> None:
    preferences = Preferences(SettingsFile(path))
    assert values_of(preferences) == DEFAULTS
    assert not preferences.fault
    assert preferences.save() == ""
    assert not path.exists()


def test_values_are_restored_at_the_next_start(path: Path) -> None:
    preferences = Preferences(SettingsFile(path))
    for name, value in OTHERS.items():
        preferences.set(name, value)
    assert preferences.save() == ""
    assert values_of(Preferences(SettingsFile(path))) == OTHERS


def test_changed_is_emitted_once_for_each_change(path: Path) -> None:
    preferences = Preferences(SettingsFile(path))
    told: list[str] = []
    preferences.changed.connect(told.append)
    for _ in range(2):
        for name, value in OTHERS.items():
            preferences.set(name, value)
    assert told == list(OTHERS)
    preferences.save()


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in OUT_OF_RANGE.items() for value in values]
)
def test_a_value_out_of_range_falls_back_to_the_default(name: str, value: object, path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(OTHERS | {name: value}).replace("NaN", '"NaN"'))
    preferences = Preferences(SettingsFile(path))
    assert values_of(preferences) == OTHERS | {name: DEFAULTS[name]}
    with pytest.raises(ValueError, match=name):
        preferences.set(name, value)
    assert values_of(preferences) == OTHERS | {name: DEFAULTS[name]}


def test_a_broken_file_never_blocks_the_start(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("{")
    preferences = Preferences(SettingsFile(path))
    assert values_of(preferences) == DEFAULTS
    assert "kept as" in preferences.fault
    preferences.set("theme", "dark")
    assert preferences.save() == ""
    assert Preferences(SettingsFile(path)).theme == "dark"


def test_unknown_values_of_another_version_are_kept(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text('{"future": {"a": 1}}')
    preferences = Preferences(SettingsFile(path))
    preferences.set("theme", "dark")
    preferences.save()
    assert json.loads(path.read_text())["future"] == {"a": 1}


def test_the_file_says_of_which_version_it_is_and_one_of_a_newer_is_never_overwritten(path: Path) -> None:
    preferences = Preferences(SettingsFile(path))
    preferences.set("theme", "dark")
    preferences.save()
    assert json.loads(path.read_text())["version"] == 1
    path.write_text('{"version": 2, "theme": "light"}')
    later = Preferences(SettingsFile(path))
    assert values_of(later) == DEFAULTS
    kept = path.with_name("settings.newer-1.json")
    assert kept.name in later.fault
    later.set("theme", "dark")
    assert later.save() == ""
    assert json.loads(kept.read_text()) == {"version": 2, "theme": "light"}


def test_changes_are_saved_automatically(path: Path, qtbot: QtBot) -> None:
    preferences = Preferences(SettingsFile(path))
    preferences.set("theme", "light")
    preferences.set("theme", "dark")
    assert not path.exists()
    qtbot.waitUntil(path.exists)
    assert json.loads(path.read_text())["theme"] == "dark"
    before = path.stat()
    assert preferences.save() == ""
    assert path.stat().st_mtime_ns == before.st_mtime_ns  # nothing was left to write


def test_the_form_is_copied_when_it_is_set_and_read(path: Path) -> None:
    preferences = Preferences(SettingsFile(path))
    form: dict[str, Any] = {"options": {"ddim": {"eta": 0.5}}}
    preferences.set("form", form)
    form["options"]["ddim"]["eta"] = 1.0
    preferences.form["prompt"] = "x"
    assert preferences.form == {"options": {"ddim": {"eta": 0.5}}}
    preferences.save()


def test_a_full_disk_is_reported_once_and_saving_is_tried_again(
    path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[int] = []

    def full(descriptor: int) -> None:
        tries.append(descriptor)
        raise OSError(28, "No space left on device")

    preferences = Preferences(SettingsFile(path))
    told: list[str] = []
    preferences.unsaved.connect(told.append)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with qtbot.waitSignal(preferences.unsaved):
            preferences.set("theme", "light")
        preferences.set("theme", "dark")
        qtbot.waitUntil(lambda: len(tries) == 2)
        assert told == [preferences.save()], "once, and the same sentence as before"
    preferences.set("enlarge", "pixels")
    assert preferences.save() == ""
    assert json.loads(path.read_text())["theme"] == "dark"


def test_an_unknown_preference_is_a_mistake_of_the_program(path: Path) -> None:
    with pytest.raises(KeyError):
        Preferences(SettingsFile(path)).set("colour", "red")
