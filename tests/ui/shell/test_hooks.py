"""What nobody caught becomes a notice and a line in the log, whichever thread it happened in."""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QTimer, qWarning

from studio.errors import StorageError
from studio.ui.core.notices import Notice, Notices
from studio.ui.shell.hooks import Hooks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot


@pytest.fixture
def posted() -> list[Notice]:
    return []


@pytest.fixture
def hooks(stepwise_home: Path, posted: list[Notice]) -> Iterator[Hooks]:
    notices = Notices()
    notices.posted.connect(posted.append)
    hooks = Hooks(notices, stepwise_home / "logs")
    before = sys.excepthook
    hooks.install()
    yield hooks
    hooks.uninstall()
    assert sys.excepthook is before


def test_an_error_in_a_thread_is_reported_in_one_sentence(
    hooks: Hooks, posted: list[Notice], qtbot: QtBot, stepwise_home: Path
) -> None:
    error = ZeroDivisionError("one by nothing")

    def broken() -> None:
        raise error

    thread = threading.Thread(target=broken)
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: bool(posted))
    assert posted[0].kind == "error"
    assert f"{type(error).__name__} ({error})" in posted[0].sentence
    assert str(stepwise_home / "logs" / "errors.log") in posted[0].sentence
    assert "Traceback" in posted[0].details
    assert "ZeroDivisionError" in (stepwise_home / "logs" / "errors.log").read_text()


def test_an_error_with_a_sentence_of_its_own_keeps_it(
    hooks: Hooks, posted: list[Notice], qtbot: QtBot
) -> None:
    error = StorageError("/pictures", "cannot be written: the disk is full")
    sys.excepthook(type(error), error, None)
    qtbot.waitUntil(lambda: bool(posted))
    assert posted[0].sentence == str(error)


def test_nothing_is_reported_before_the_event_loop_runs_again(
    hooks: Hooks, posted: list[Notice], qtbot: QtBot
) -> None:
    sys.excepthook(ValueError, ValueError("x"), None)
    assert not posted, "a hook may be called while a widget paints"
    qtbot.waitUntil(lambda: bool(posted))


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_of_the_system_asks_to_end(hooks: Hooks, qtbot: QtBot, number: signal.Signals) -> None:
    with qtbot.waitSignal(hooks.end_requested, timeout=2000):
        QTimer.singleShot(0, _Raise(number))


class _Raise:
    def __init__(self, number: signal.Signals) -> None:
        self._number = number

    def __call__(self) -> None:
        signal.raise_signal(self._number)


def test_messages_of_qt_go_to_the_log(hooks: Hooks, stepwise_home: Path) -> None:
    qWarning("a warning of Qt")
    assert "Qt: a warning of Qt" in (stepwise_home / "logs" / "errors.log").read_text()
