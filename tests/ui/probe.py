"""The program as it is started, with a probe that tells where on the screen its controls are.

``python -m tests.ui.probe``: the variable `SOCKET` names a socket in the file system. A line with an accessible name
sent there is answered with a line of JSON: every control of that name that can be seen; an empty line asks for all.
Tests move the real mouse by it, so that they depend on no font, no size and no place.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import Any

from PySide6.QtCore import QObject, QPoint, QSocketNotifier, Qt, Slot
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication, QWidget

from studio.__main__ import main

SOCKET = "STEPWISE_TEST_PROBE"


class Probe(QObject):
    """Answers one line a connection, in the program's own thread."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(path)
        self._server.listen()
        self._notifier = QSocketNotifier(self._server.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._on_connection)

    def close(self) -> None:
        self._notifier.setEnabled(False)
        self._server.close()

    @Slot()
    def _on_connection(self) -> None:
        line, _ = self._server.accept()
        with line:
            line.settimeout(5)
            name = line.makefile("rb").readline().decode().removesuffix("\n")
            line.sendall(json.dumps(controls(name)).encode() + b"\n")


def controls(name: str) -> list[dict[str, Any]]:
    """Return all controls that can be seen, or those of one accessible name, as JSON values, from top to bottom."""
    found = map(describe, filter(is_control, QApplication.allWidgets()))
    there = (control for control in found if control["width"] and name in ("", control["name"]))
    return sorted(there, key=lambda control: (control["y"], control["x"]))


def is_control(widget: QWidget) -> bool:
    """Whether a widget takes the focus itself, not for another."""
    return widget.isVisible() and widget.focusPolicy() != Qt.FocusPolicy.NoFocus and not widget.focusProxy()


def describe(widget: QWidget) -> dict[str, Any]:
    """Return what a test needs to know of a control; places are of its visible part, in pixels of the screen."""
    seen = widget.visibleRegion().boundingRect()
    corner, ratio = widget.mapToGlobal(seen.topLeft()), widget.devicePixelRatio()
    middle = QApplication.widgetAt(corner + QPoint(seen.width() // 2, seen.height() // 2))
    read = QAccessible.queryAccessibleInterface(widget)
    return {
        "name": widget.accessibleName() or read.text(QAccessible.Text.Name),
        "description": read.text(QAccessible.Text.Description),
        "role": read.role().name,
        "x": round(corner.x() * ratio),
        "y": round(corner.y() * ratio),
        "width": round(seen.width() * ratio),
        "height": round(seen.height() * ratio),
        "enabled": widget.isEnabled(),
        "covered": middle is None or not (middle is widget or widget.isAncestorOf(middle)),
        "focused": widget.hasFocus(),
    }


def start() -> int:
    """Start the program; the probe is made once its event loop is to begin."""
    run = QApplication.exec

    def run_with_probe(*_: object) -> int:
        probe = Probe(os.environ[SOCKET])
        try:
            return run()
        finally:
            probe.close()

    QApplication.exec = run_with_probe  # type: ignore[method-assign]
    return main()


if __name__ == "__main__":
    sys.exit(start())
