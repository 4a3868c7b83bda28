"""Leaves a model call between two of its blocks once the job is cancelled.

A call of a large model takes seconds, and decoding a large picture too. Hooks on the blocks of the networks look
whether the job was cancelled and leave the call by an exception. They change no values: a job that is not cancelled
gives the same bits with and without them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from typing import TYPE_CHECKING, TypeVar

from torch import nn

from studio.weights.files import LoadCancelled

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Iterator


T = TypeVar("T")


class CallCancelled(LoadCancelled):
    """The job was cancelled during a model call; what the call has computed is lost, and nothing else."""


class Interrupter:
    """Leaves the calls of an engine's models, in the thread that makes them.

    Attributes:
        cancelled: of the work that runs now; None: nothing leaves its calls.
    """

    def __init__(self) -> None:
        self.cancelled: threading.Event | None = None

    def attach(self, networks: Iterable[nn.Module]) -> None:
        """Look before each block of the networks whether the work was cancelled."""
        for network in networks:
            for block in blocks_of(network):
                block.register_forward_pre_hook(self._check)

    @contextlib.contextmanager
    def watch(self, cancelled: threading.Event | None) -> Iterator[None]:
        """Leave calls once ``cancelled`` is set; afterwards, as before.

        Raises:
            CallCancelled: from within the block, out of a model call.
        """
        before, self.cancelled = self.cancelled, cancelled
        try:
            yield
        finally:
            self.cancelled = before

    def watched(self, events: Iterator[T], cancelled: threading.Event) -> Iterator[T]:
        """Yield events, whose making is left once ``cancelled`` is set; what happens between two of them is not."""
        try:
            while True:
                with self.watch(cancelled):
                    try:
                        event = next(events)
                    except StopIteration:
                        return
                yield event
        finally:
            if isinstance(events, Generator):
                events.close()

    def _check(self, _module: nn.Module, _inputs: object) -> None:
        if self.cancelled is not None and self.cancelled.is_set():
            raise CallCancelled


def blocks_of(network: nn.Module) -> Iterator[nn.Module]:
    """Yield the smallest modules that have layers of their own, such as residual blocks, and all convolutions.

    Each is a small part of a network's work, and there are few enough that a look before each costs nothing.
    """
    for module in network.modules():
        layers = list(_called_children(module))
        is_block = bool(layers) and not any(list(_called_children(layer)) for layer in layers)
        if not isinstance(module, nn.ModuleList) and (is_block or isinstance(module, nn.Conv2d)):
            yield module


def _called_children(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the modules below one, those in lists included."""
    for child in module.children():
        if isinstance(child, nn.ModuleList):
            yield from _called_children(child)
        else:
            yield child
