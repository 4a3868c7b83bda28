"""How devices say that their memory is full."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import torch

from studio.errors import MemoryShortError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextlib.contextmanager
def wording_full_memory(device: str, give_back: Callable[[], None], panes: int = 1) -> Iterator[None]:
    """Turn a device's complaint of a full memory into a sentence, and give its memory back.

    Args:
        device: the device's name.
        give_back: drops what can be dropped.
        panes: how many pictures were to be compared.

    Raises:
        MemoryShortError: the device's memory was full.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        give_back()
        raise MemoryShortError(device, panes) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error is some device's way of saying that its memory is full."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    said = str(error).lower()
    return "out of memory" in said or "can't allocate memory" in said or "not enough memory" in said
