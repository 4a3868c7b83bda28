"""Handlers for uncaught exceptions, and for the signals with which the system asks the program to quit."""

from __future__ import annotations

import contextlib
import faulthandler
import signal
import socket
import sys
import threading
import traceback
from typing import IO, TYPE_CHECKING

from PySide6.QtCore import QObject, QSocketNotifier, Qt, QtMsgType, Signal, Slot, qInstallMessageHandler

from studio.errors import StudioError
from studio.logs import report_unexpected, write_log
from studio.storage import ensure_folder
from studio.ui.language import tr

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from PySide6.QtCore import QMessageLogContext

    from studio.ui.core.notices import Notices

CRASH_LOG = "crash.log"


class Hooks(QObject):
    """Reports uncaught exceptions of every thread as notices and in the log.

    Signals:
        end_requested: the system asks the program to quit (SIGINT, SIGTERM).
    """

    end_requested = Signal()
    _caught = Signal(str, str)

    def __init__(self, notices: Notices, logs: Path) -> None:
        """Change nothing until `install`.

        Args:
            notices: where to post notices.
            logs: the folder of the log files.
        """
        super().__init__()
        self._notices, self._logs = notices, logs
        self._crashes: IO[str] | None = None
        self._sockets: tuple[socket.socket, socket.socket] | None = None
        # Queued: the hook may be called in any thread, and during painting.
        self._caught.connect(self._on_caught, Qt.ConnectionType.QueuedConnection)

    def install(self) -> None:
        """Replace the hooks of Python and Qt."""
        self._before = sys.excepthook, threading.excepthook, sys.unraisablehook
        sys.excepthook = self._on_exception
        threading.excepthook = self._on_thread_exception
        sys.unraisablehook = self._on_unraisable
        self._handler_before = qInstallMessageHandler(_write_message)
        with contextlib.suppress(OSError, StudioError):
            self._crashes = (ensure_folder(self._logs) / CRASH_LOG).open("w", encoding="utf-8")
            faulthandler.enable(self._crashes)
        self._listen()

    def uninstall(self) -> None:
        """Restore the previous hooks."""
        sys.excepthook, threading.excepthook, sys.unraisablehook = self._before
        qInstallMessageHandler(self._handler_before)
        if self._sockets is not None:
            self._notifier.setEnabled(False)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            for end in self._sockets:
                end.close()
            self._sockets = None
        if self._crashes is not None:
            faulthandler.disable()
            self._crashes.close()

    def _listen(self) -> None:
        """Wake Qt's event loop for signals of the system, which Python handles only once it runs again."""
        mine, theirs = socket.socketpair()
        mine.setblocking(False)
        theirs.setblocking(False)
        self._sockets = mine, theirs
        signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _nothing)
        self._notifier = QSocketNotifier(mine.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._on_signal)

    @Slot()
    def _on_signal(self) -> None:
        if self._sockets is not None:
            with contextlib.suppress(OSError):
                self._sockets[0].recv(64)
        self.end_requested.emit()

    def _on_exception(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        if issubclass(kind, KeyboardInterrupt):
            self.end_requested.emit()
            return
        details = "".join(traceback.format_exception(kind, error, trace))
        sentence = tr(error.message if isinstance(error, StudioError) else report_unexpected(error))
        self._caught.emit(sentence, details)

    def _on_thread_exception(self, args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            self._on_exception(args.exc_type, args.exc_value, args.exc_traceback)

    def _on_unraisable(self, args: sys.UnraisableHookArgs) -> None:
        if args.exc_value is not None:
            report_unexpected(args.exc_value)

    @Slot(str, str)
    def _on_caught(self, sentence: str, details: str) -> None:
        self._notices.post(sentence, kind="error", details=details)


def _nothing(*_: object) -> None:
    """Do nothing: the signal only has to wake the event loop."""


def _write_message(kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
    del context
    if kind != QtMsgType.QtDebugMsg:
        write_log(f"Qt: {message}")
