"""One form for everything that is asked of the engine and is no job: an `EngineCall`.

Decoding a step, explaining it, recomputing one, verifying a picture, estimating a training: each is a call. Its work is
done in the engine's thread, and its answer goes to whoever asked, in the thread of the window, and to nobody else.
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
    """When a call is done, and which one first; of equally urgent ones the oldest."""

    IDLE = 0
    """While neither a job nor a training runs."""
    BACKGROUND = 1
    """Likewise, and between two steps of a training."""
    NORMAL = 2
    """Likewise, and between two steps of a job that has the model of this call in use anyway."""
    INTERACTIVE = 3
    """Likewise, before all others: somebody waits for it."""


@dataclass(frozen=True, kw_only=True)
class EngineReady:
    """The engine was made."""

    report: EngineReport


@dataclass(frozen=True, kw_only=True)
class EngineFailed:
    """The engine could not be made; the next job or call tries again."""

    sentence: str
    details: str


def _ignore(_: object) -> None:
    pass


def _do_nothing() -> None:
    pass


@dataclass(kw_only=True, eq=False)
class EngineCall(Generic[Answer]):
    """One question to the engine.

    Exactly one of ``then``, ``failed`` and ``dropped`` is called, in the thread of the window.

    Attributes:
        work: called with this call and the engine, in the engine's thread. Work that takes a while looks at
            ``cancelled`` and returns early; what it returns then is ignored.
        then: called with what ``work`` returned.
        failed: called with one sentence, in the language of the window, where ``work`` raised an error.
        dropped: called where the call was cancelled, or a newer one with its token took its place.
        token: a call that is begun or waits is dropped where another with an equal token is made; None never is.
        priority: when it is done. May be changed while it waits.
        weights_sha256: the model whose weights have this hash is needed, and no other, and it takes about as long as a
            step. "" where that is not known: such a call is done between jobs only, and a training pauses for it.
        gives_way: where a job is submitted while it is being done, ``cancelled`` is set, and it is begun anew later.
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
        """Whether nobody waits for the answer any more."""
        return self._unwanted

    def cancel(self) -> None:
        """Drop the call; work that was begun is stopped. From any thread."""
        self._unwanted = True
        self.cancelled.set()

    def interrupt(self) -> None:
        """Stop the work for now; it is begun anew."""
        self.cancelled.set()


class EngineCaller(Protocol):
    """What takes calls: `studio.ui.core.engine_thread.EngineThread`, or a test."""

    def call(self, call: EngineCall[Any]) -> None:
        """Have a call done; returns at once."""
