"""What every test of the window shares: nothing may outlive a test, and Qt's warnings are failures."""

from __future__ import annotations

import gc
import threading
from typing import TYPE_CHECKING, Any

import pytest
import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, QThread, QThreadPool, qVersion
from PySide6.QtWidgets import QApplication

from tests.ui.program import make_models, make_page, make_program  # noqa: F401 - fixtures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PySide6.QtWidgets import QWidget


assert qVersion() >= "6.10"

_start = QThread.start
_forgotten: list[QThread] = []
"""Threads that were left running: dropping one of them would take the whole process with it."""


@pytest.fixture(autouse=True)
def nothing_outlives_its_test(qapp: QApplication) -> Iterator[None]:
    """Fail a test that leaves a thread running or a window behind."""
    started: list[QThread] = []

    def start(thread: QThread, *priority: Any) -> None:  # noqa: ANN401 - Qt's
        started.append(thread)
        _start(thread, *priority)

    before = set(map(_address, QApplication.topLevelWidgets()))
    threads = set(threading.enumerate())
    QThread.start = start  # type: ignore[method-assign]
    try:
        yield
    finally:
        QThread.start = _start  # type: ignore[method-assign]
    _settle(qapp)
    if _new_windows(before):
        gc.collect()  # dear beside torch: only to tell what is left from what is merely not collected yet
        _settle(qapp)
    left = _new_windows(before)
    shown = [f"{type(widget).__name__} {widget.objectName()!r}" for widget in left]
    running = list(filter(_runs, started))
    _forgotten.extend(running)
    names = [f"{type(thread).__name__} {thread.objectName()!r}" for thread in running]
    others = [thread.name for thread in set(threading.enumerate()) - threads if not thread.daemon]
    pool = QThreadPool.globalInstance()
    for widget in left:
        widget.close()
        widget.deleteLater()
    assert not shown, f"left behind: {shown}"
    assert not names, f"still running: {names}"
    assert not others, f"still running: {others}"
    assert pool.waitForDone(200), f"still running: {pool.activeThreadCount()} threads of Qt's pool"


def _settle(qapp: QApplication) -> None:
    for _ in range(3):
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        qapp.processEvents()


def _new_windows(before: set[int]) -> list[QWidget]:
    found = [widget for widget in QApplication.topLevelWidgets() if widget.parent() is None]
    return [widget for widget in found if _address(widget) not in before]


def _address(widget: QWidget) -> int:
    return int(shiboken6.getCppPointer(widget)[0])


def _runs(thread: QThread) -> bool:
    try:
        return thread.isRunning()
    except RuntimeError:  # its C++ half is gone, so it runs no more
        return False
