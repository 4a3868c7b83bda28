"""What every test of the window shares: nothing may outlive a test, and Qt's warnings are failures."""

from __future__ import annotations

import gc
import threading
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QThread, qVersion
from PySide6.QtWidgets import QApplication

if TYPE_CHECKING:
    from collections.abc import Iterator


assert qVersion() >= "6.10"


@pytest.fixture(autouse=True)
def nothing_outlives_its_test(qapp: QApplication) -> Iterator[None]:
    """Fail a test that leaves a thread running or a window behind."""
    before = {id(widget) for widget in QApplication.topLevelWidgets()}
    threads = set(threading.enumerate())
    yield
    for _ in range(3):
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        qapp.processEvents()
    gc.collect()
    left = [widget for widget in QApplication.topLevelWidgets() if id(widget) not in before]
    shown = [f"{type(widget).__name__} {widget.objectName()!r}" for widget in left if widget.parent() is None]
    running = [thread for thread in gc.get_objects() if isinstance(thread, QThread) and _runs(thread)]
    others = [thread.name for thread in set(threading.enumerate()) - threads if not thread.daemon]
    for widget in left:
        widget.close()
        widget.deleteLater()
    assert not shown, f"left behind: {shown}"
    assert not running, f"still running: {running}"
    assert not others, f"still running: {others}"


def _runs(thread: QThread) -> bool:
    try:
        return thread.isRunning()
    except RuntimeError:  # its C++ half is gone, so it runs no more
        return False
