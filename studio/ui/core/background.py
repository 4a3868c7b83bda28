"""Work that the window must not wait for: done in a thread, one piece after another, answered in the window's."""

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
    """What nobody foresaw, such as a MemoryError or a fault of the program; its traceback is in the log file."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(report_unexpected(error))


@dataclass(frozen=True, eq=False)
class _Work:
    work: Callable[[], Any]
    then: Answered
    failed: Callable[[StudioError], None]


class Background(QObject):
    """One thread for pieces of work that read or write files. It ends by itself when nothing is to do."""

    _answered = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = QThreadPool()
        self._pool.setMaxThreadCount(1)
        self._lock = threading.Lock()
        self._waiting: dict[object, _Work] = {}
        self._closed = False
        # Answers of another thread must come to a slot of an object of this one.
        self._answered.connect(self._on_answered, Qt.ConnectionType.QueuedConnection)

    def do(
        self,
        work: Callable[[], Answer],
        then: Callable[[Answer], None],
        failed: Callable[[StudioError], None],
        *,
        key: str | None = None,
    ) -> None:
        """Have ``work`` done after what was asked for before.

        Args:
            work: called in the other thread.
            then: called here with what ``work`` returned.
            failed: called here with the error that ``work`` raised, an `UnexpectedError` where it is none of ours.
            key: work of the same key that was not begun yet is dropped: this replaces it.
        """
        with self._lock:
            if self._closed:
                return
            name: object = key if key is not None else object()
            self._waiting.pop(name, None)
            self._waiting[name] = _Work(work, then, failed)
        self._pool.start(self._run_next)

    def close(self) -> bool:
        """Drop what was not begun, and return once the rest is done; False where that takes too long."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
        return self._pool.waitForDone(CLOSE_MS)

    def _run_next(self) -> None:
        with self._lock:
            if not self._waiting:  # another took its place
                return
            piece = self._waiting.pop(next(iter(self._waiting)))
        try:
            answer, then = piece.work(), piece.then
        except StudioError as error:
            answer, then = error, piece.failed
        except BaseException as error:  # noqa: BLE001 - whatever it is, who asked must hear that this piece is over
            answer, then = UnexpectedError(error), piece.failed
        if not self._closed:
            self._answered.emit((then, answer))

    @Slot(object)
    def _on_answered(self, pair: tuple[Answered, object]) -> None:
        then, answer = pair
        if not self._closed:
            then(answer)
