"""Every key does one thing."""

from __future__ import annotations

from collections import Counter

import pytest
from PySide6.QtGui import QKeySequence

from studio.ui.shell import text
from studio.ui.shell.actions import ACTIONS, ActionInfo


def collisions(actions: tuple[ActionInfo, ...]) -> list[str]:
    """Keys that would mean two things in one place: the window's count in every part of it."""
    found = []
    parts = {action.where for action in actions} - {"window"}
    for part in parts or {"window"}:
        keys = Counter(
            QKeySequence(key).toString()
            for action in actions
            if action.where in ("window", part)
            for key in action.keys
        )
        found += [f"{key} in {part}" for key, count in keys.items() if count > 1]
    return found


def test_no_two_keys_collide() -> None:
    assert collisions(ACTIONS) == []


def test_a_collision_is_seen() -> None:
    twin = ActionInfo(name="twin", keys=("Ctrl+Z",), group="Make")
    assert collisions((*ACTIONS, twin))
    inside = ActionInfo(name="inside", keys=("Ctrl+Z",), group="Make", where="gallery")
    assert collisions((*ACTIONS, inside)) == ["Ctrl+Z in gallery"]


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_every_key_is_one_that_qt_knows(action: ActionInfo) -> None:
    assert all(QKeySequence(key).toString() for key in action.keys)
    assert text.action(action.name)[0].isupper()
    assert text.group(action.group)[0].isupper()
