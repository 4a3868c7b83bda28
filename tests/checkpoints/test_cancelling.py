from __future__ import annotations

import hashlib
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import save as library_save
from torch import Tensor

from studio.checkpoints import native
from studio.checkpoints.weights import READ_CHUNK, read_weights
from studio.errors import CheckpointError
from studio.weights.files import LoadCancelled
from tests.checkpoints.models import weights, write_model

if TYPE_CHECKING:
    from pathlib import Path

    pass

Tensors = dict[str, Tensor]


class Countdown(threading.Event):
    """An event that is set once it has been looked at a number of times."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self.looks = looks

    def is_set(self) -> bool:
        self.looks -= 1
        return self.looks < 0


def test_a_load_is_dropped_at_the_next_tensor_wherever_it_is_cancelled(tmp_path: Path) -> None:
    folder = write_model(tmp_path)
    never = Countdown(10**6)
    native.load(folder, cancelled=never)
    looks = 10**6 - never.looks
    assert looks > len(weights())
    for when in range(0, looks, 7):
        event = Countdown(when)
        with pytest.raises(LoadCancelled):
            native.load(folder, cancelled=event)
        assert event.looks == -1  # it was not looked at again: nothing went on


def test_within_a_large_tensor_too_a_load_is_dropped(tmp_path: Path) -> None:
    tensors = {"a": torch.zeros(3 * READ_CHUNK // 4 + 1)}
    data = library_save(tensors)
    (tmp_path / "m").write_bytes(data)
    facts: Any = {"sha256": hashlib.sha256(data).hexdigest(), "parameters": tensors["a"].numel()}
    for when in range(4):
        with pytest.raises(LoadCancelled):
            read_weights(
                tmp_path / "m", tensors, device=torch.device("cpu"), cancelled=Countdown(when), **facts
            )
    assert torch.equal(
        read_weights(tmp_path / "m", tensors, device=torch.device("cpu"), **facts)["a"], tensors["a"]
    )


def test_a_file_that_shrinks_while_it_is_read_is_named(tmp_path: Path) -> None:
    folder = write_model(tmp_path)

    class Shrinking(Countdown):
        def is_set(self) -> bool:
            if super().is_set() and self.looks == -1:
                os.truncate(folder / "model.safetensors", 10_000)
            return False

    with pytest.raises(CheckpointError, match="became shorter while it was read"):
        native.load(folder, cancelled=Shrinking(60))
