"""PySide6 6.12 loses references to True and None on Python 3.11, and aborts the process once they are gone.

From Python 3.12 on both are immortal.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QLineEdit

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot

pytestmark = pytest.mark.skipif(sys.version_info >= (3, 12), reason="True and None are immortal")

CALLS, SLACK = 500, 20


class Sender(QObject):
    sent = Signal()
    carried = Signal(object)


def lost(call: Callable[[], object]) -> tuple[int, int]:
    """Return how many references to True and to None are gone after many calls."""
    before = sys.getrefcount(True), sys.getrefcount(None)
    for _ in range(CALLS):
        call()
    return before[0] - sys.getrefcount(True), before[1] - sys.getrefcount(None)


def test_emitting_a_signal_loses_no_references() -> None:
    sender = Sender()
    assert max(lost(sender.sent.emit)) <= SLACK
    assert max(lost(lambda: sender.carried.emit(None))) <= SLACK


def test_calling_what_returns_nothing_loses_no_references(qtbot: QtBot) -> None:
    field = QLineEdit()
    qtbot.addWidget(field)
    assert max(lost(lambda: field.setText("a fox"))) <= SLACK
    assert max(lost(lambda: field.setEnabled(True))) <= SLACK


def test_a_lost_reference_is_counted() -> None:
    spare = [None] * 2 * CALLS
    assert lost(spare.pop)[1] >= CALLS - SLACK
