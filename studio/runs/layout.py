"""Which files make up a recorded run, and where in them each number lies. Standard library only.

A run is a folder: ``run.json`` (what it is of), ``states.safetensors`` (its arrays), ``journal.jsonl`` (one line a
step), ``picture.json`` (how it ended) and, where it shall never be given up, ``pinned``. The table of contents of a
file of arrays follows from ``run.json`` alone, so a reader knows it to the byte, and takes no other.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

RUN_FILE = "run.json"
STATES_FILE = "states.safetensors"
JOURNAL_FILE = "journal.jsonl"
PICTURE_FILE = "picture.json"
PIN_FILE = "pinned"

MAX_KEPT = 128
"""Of a run of more steps than this, so many states are kept."""
MAX_NUMBERS = 2**25
"""Numbers in one state, at most."""
MAX_HISTORY = 16
_NUMBER_BYTES = 4
_LINE_BYTES, _FILES_BYTES = 300, 4 * 4096
_ALIGNMENT = 8


def history_file(place: int) -> str:
    """Return the name of the file for array number ``place`` of what a multistep sampler keeps."""
    return f"history-{place}.safetensors"


def kept_steps(first: int, last: int) -> tuple[int, ...]:
    """Return the steps whose states are kept: the first and the last and, evenly chosen, up to `MAX_KEPT` in all."""
    steps = last - first
    parts = min(steps, MAX_KEPT)
    return tuple(first + round(part * steps / parts) for part in range(parts + 1))


def shape_fits(shape: Sequence[int]) -> bool:
    """Whether states of a shape can be recorded: (C, h, w), none of them zero, and not too large."""
    return len(shape) == 3 and min(shape) >= 1 and math.prod(shape) <= MAX_NUMBERS


def bytes_needed(first: int, last: int, shape: tuple[int, ...]) -> int:
    """Return about how much room a run takes: arrays, journal and what small files take of a disk."""
    arrays = Table.of_states(kept_steps(first, last), shape).bytes_in_all()
    return arrays + _LINE_BYTES * (last - first) + _FILES_BYTES


@dataclass(frozen=True)
class Table:
    """A safetensors file of float32 arrays that all have one shape, in a given order.

    Attributes:
        names: of the arrays.
        shape: of each.
    """

    names: tuple[str, ...]
    shape: tuple[int, ...]

    @classmethod
    def of_states(cls, kept: Sequence[int], shape: tuple[int, ...]) -> Table:
        """Return the table of ``states.safetensors``: x of the first step, then x0_hat and x of each later one.

        What one step adds lies together, so that it is written at once and a file that ends early lacks whole steps.
        """
        later = [name for step in kept[1:] for name in (f"x0_hat.{step}", f"x.{step}")]
        return cls((f"x.{kept[0]}", *later), shape)

    @classmethod
    def of_history(cls, kept: Sequence[int], shape: tuple[int, ...]) -> Table:
        """Return the table of a history file: one array for each kept step."""
        return cls(tuple(f"history.{step}" for step in kept), shape)

    @property
    def array_bytes(self) -> int:
        """How many bytes one array takes."""
        return math.prod(self.shape) * _NUMBER_BYTES

    def head(self) -> bytes:
        """Return the file's first bytes, up to its first array."""
        size = self.array_bytes
        listed = {
            name: {
                "dtype": "F32",
                "shape": list(self.shape),
                "data_offsets": [place * size, (place + 1) * size],
            }
            for place, name in enumerate(self.names)
        }
        text = json.dumps(listed, separators=(",", ":")).encode("ascii")
        text += b" " * (-len(text) % _ALIGNMENT)
        return len(text).to_bytes(8, "little") + text

    def bytes_in_all(self) -> int:
        """Return how long the file is."""
        return len(self.head()) + len(self.names) * self.array_bytes
