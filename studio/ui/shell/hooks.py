"""What happens to errors that nobody caught, and to the signals of the system that ask the program to end."""

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
    """Leads what nobody caught, in whichever thread, to a notice and to the log.

    Signals:
        end_requested: the system asks the program to end (SIGINT, SIGTERM).
    """

    end_requested = Signal()
    _caught = Signal(str, str)

    def __init__(self, notices: Notices, logs: Path) -> None:
        """Take where to tell, and the folder of the logs. Nothing is changed until `install`."""
        super().__init__()
        self._notices, self._logs = notices, logs
        self._crashes: IO[str] | None = None
        self._sockets: tuple[socket.socket, socket.socket] | None = None
        # Queued: the hook may be called in any thread, and in the middle of painting.
        self._caught.connect(self._on_caught, Qt.ConnectionType.QueuedConnection)

    def install(self) -> None:
        """Take over from Python's and Qt's own."""
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
        """Give back what `install` took."""
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
        """Have signals of the system wake Qt's loop, which would not look at them by itself."""
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

    def _on_thread_exception(self, told: threading.ExceptHookArgs) -> None:
        if told.exc_value is not None:
            self._on_exception(told.exc_type, told.exc_value, told.exc_traceback)

    def _on_unraisable(self, told: sys.UnraisableHookArgs) -> None:
        if told.exc_value is not None:
            report_unexpected(told.exc_value)

    @Slot(str, str)
    def _on_caught(self, sentence: str, details: str) -> None:
        self._notices.post(sentence, kind="error", details=details)


def _nothing(*_: object) -> None:
    """Handle a signal by doing nothing: the wake-up is what counts."""


def _write_message(kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
    del context
    if kind != QtMsgType.QtDebugMsg:
        write_log(f"Qt: {message}")
