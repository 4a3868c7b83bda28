"""Requests to the engine that are not jobs.

Decoding, explaining or recomputing a step, verifying a picture and estimating a training are calls. A call's work runs
in the engine's thread; its result goes only to the caller, in the GUI thread.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from studio.engine.events import EngineReport
    from studio.engine.protocol import Engine

Answer = TypeVar("Answer")


class Priority(IntEnum):
    """When a call runs. The highest priority runs first; among equal ones, the oldest."""

    IDLE = 0
    """While neither a job nor a training runs."""
    BACKGROUND = 1
    """As IDLE, and between two steps of a training."""
    NORMAL = 2
    """As BACKGROUND, and between two steps of a job that uses the model of this call."""
    INTERACTIVE = 3
    """As NORMAL, but first: the user is waiting."""


@dataclass(frozen=True, kw_only=True)
class EngineReady:
    """The engine was created."""

    report: EngineReport


@dataclass(frozen=True, kw_only=True)
class EngineFailed:
    """The engine could not be created; the next job or call tries again."""

    sentence: str
    details: str


def _ignore(_: object) -> None:
    pass


def _do_nothing() -> None:
    pass


@dataclass(kw_only=True, eq=False)
class EngineCall(Generic[Answer]):
    """One request to the engine.

    Exactly one of ``then``, ``failed`` and ``dropped`` is called, in the GUI thread.

    Attributes:
        work: called with this call and the engine, in the engine's thread. If it takes long, it should check
            ``cancelled`` and return early; its result is then ignored.
        then: called with the result of ``work``.
        failed: called with one sentence, in the language of the window, if ``work`` raised an error.
        dropped: called if the call was cancelled or replaced by a newer one with the same token.
        token: a waiting or running call is dropped when another with an equal token is added; None is never equal.
        priority: when it runs. May be changed while it waits.
        weights_sha256: hash of the only model needed; the call must take about as long as a step. "" if unknown: the
            call then runs only between jobs, and a training pauses for it.
        gives_way: whether it is interrupted when a job is submitted, and restarted later.
        cancelled: set to stop ``work``.
    """

    work: Callable[[EngineCall[Answer], Engine], Answer]
    then: Callable[[Answer], None] = _ignore
    failed: Callable[[str], None] = _ignore
    dropped: Callable[[], None] = _do_nothing
    token: Hashable | None = None
    priority: Priority = Priority.NORMAL
    weights_sha256: str = ""
    gives_way: bool = False
    cancelled: threading.Event = field(default_factory=threading.Event)
    _unwanted: bool = False

    @property
    def unwanted(self) -> bool:
        """Whether the call was cancelled."""
        return self._unwanted

    def cancel(self) -> None:
        """Drop the call, and stop its work if that has begun. Thread-safe."""
        self._unwanted = True
        self.cancelled.set()

    def interrupt(self) -> None:
        """Stop the work; it is restarted later."""
        self.cancelled.set()


class EngineCaller(Protocol):
    """Accepts calls: `studio.ui.core.engine_thread.EngineThread`, or a substitute in a test."""

    def call(self, call: EngineCall[Any]) -> None:
        """Queue a call; returns immediately."""
