"""How much room folders take, and how they give it up. Standard library only; nothing here fails."""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING

from studio.checkpoints.files import read_small
from studio.errors import CheckpointError
from studio.runs.layout import RUN_FILE, STATES_FILE

if TYPE_CHECKING:
    from pathlib import Path

BUDGET_FILE = "budget"
_MAX_DIGITS = 20
_BLOCK = 512  # of st_blocks, whatever the disk's own are


def size_of(path: Path) -> int:
    """Return the room that a folder's files take."""
    total = 0
    with contextlib.suppress(OSError), os.scandir(path) as found:
        for item in found:
            total += _room(item.stat(follow_symlinks=False))
    return total


def _room(status: os.stat_result) -> int:
    # What was made at full length and never filled takes no room.
    return status.st_blocks * _BLOCK if hasattr(status, "st_blocks") else status.st_size


def delete(path: Path) -> int:
    """Delete a folder, as far as that can be done; return the room that this freed."""
    size = size_of(path)
    shutil.rmtree(path, ignore_errors=True)
    return size - size_of(path)


def delete_states(path: Path) -> int:
    """Delete the arrays of a run, all but what it is of and how it went; of what is no run, everything.

    Returns the room that this freed.
    """
    if not (path / RUN_FILE).is_file():
        return delete(path)
    size = size_of(path)
    for file in [path / STATES_FILE, *path.glob("history-*.safetensors")]:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)
    return size - size_of(path)


def read_budget(folder: Path, otherwise: int) -> int:
    """Return the budget that was remembered in a folder of runs."""
    with contextlib.suppress(OSError, ValueError, CheckpointError):
        text = read_small(folder / BUDGET_FILE, _MAX_DIGITS)
        if text.isdigit():
            return int(text)
    return otherwise


def remember_budget(folder: Path, budget_bytes: int) -> None:
    """Let every program that keeps runs in a folder keep to one budget."""
    with contextlib.suppress(OSError):
        (folder / BUDGET_FILE).write_text(str(budget_bytes), encoding="ascii")
