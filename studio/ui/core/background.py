"""Background work: runs in one thread, in order, and delivers its results in the GUI thread."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from PySide6.QtCore import QObject, Qt, QThreadPool, Signal, Slot

from studio.errors import StudioError
from studio.logs import report_unexpected

if TYPE_CHECKING:
    from collections.abc import Callable

    Answered = Callable[[Any], None]

Answer = TypeVar("Answer")

CLOSE_MS = 10_000


class UnexpectedError(StudioError):
    """An unexpected error, such as MemoryError or a bug; its traceback is in the log file."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(report_unexpected(error))


@dataclass(frozen=True, eq=False)
class _Work:
    work: Callable[[], Any]
    then: Answered
    failed: Callable[[StudioError], None]


class Background(QObject):
    """A single worker thread for reading and writing files. It ends when idle."""

    _answered = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = QThreadPool()
        self._pool.setMaxThreadCount(1)
        self._lock = threading.Lock()
        self._waiting: dict[object, _Work] = {}
        self._closed = False
        # A result from another thread must be delivered to a slot of an object that lives in this one.
        self._answered.connect(self._on_answered, Qt.ConnectionType.QueuedConnection)

    def do(
        self,
        work: Callable[[], Answer],
        then: Callable[[Answer], None],
        failed: Callable[[StudioError], None],
        *,
        key: str | None = None,
    ) -> None:
        """Queue ``work``.

        Args:
            work: called in the worker thread.
            then: called in the GUI thread with the result of ``work``.
            failed: called in the GUI thread with the error that ``work`` raised; `UnexpectedError` if it is not a
                `StudioError`.
            key: replaces waiting work of the same key.
        """
        with self._lock:
            if self._closed:
                return
            name: object = key if key is not None else object()
            self._waiting.pop(name, None)
            self._waiting[name] = _Work(work, then, failed)
        self._pool.start(self._run_next)

    def close(self) -> bool:
        """Drop the work that has not begun, and wait for the rest; return False if that takes too long."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
        return self._pool.waitForDone(CLOSE_MS)

    def _run_next(self) -> None:
        with self._lock:
            if not self._waiting:  # it was replaced
                return
            piece = self._waiting.pop(next(iter(self._waiting)))
        try:
            answer, then = piece.work(), piece.then
        except StudioError as error:
            answer, then = error, piece.failed
        except BaseException as error:  # noqa: BLE001 - the caller must learn that this work has ended
            answer, then = UnexpectedError(error), piece.failed
        if not self._closed:
            self._answered.emit((then, answer))

    @Slot(object)
    def _on_answered(self, pair: tuple[Answered, object]) -> None:
        then, answer = pair
        if not self._closed:
            then(answer)
