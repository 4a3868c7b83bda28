"""Collects cyclic garbage in the GUI thread only.

Python collects cycles in whichever thread happens to allocate. A QObject that is part of a cycle would then be
destroyed in the engine thread, say, and Qt aborts: its timers and events belong to another thread.
"""

from __future__ import annotations

import gc
from typing import Final

from PySide6.QtCore import QObject, QTimer, Slot

from studio.ui.core.engine_call import EngineReady

INTERVAL_MS: Final = 100
"""Short, so that little was allocated since the last time: an import allocates thousands of objects a second."""


class GarbageCollector(QObject):
    """Replaces Python's automatic collection by a timer of the thread that creates this object.

    A generation is collected once its count exceeds Python's own threshold. What exists when PyTorch was imported (the
    program's modules, PyTorch, the window) is never examined again: it stays until the end, and examining its 200,000
    objects would delay the window by more than 100 ms each time.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._was_enabled = gc.isenabled()
        self._frozen = False
        self._timer = QTimer(self)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self.collect_if_due)

    def start(self) -> None:
        """Disable the automatic collection and start the timer."""
        gc.disable()
        self._timer.start()

    def stop(self) -> None:
        """Stop the timer and restore the automatic collection."""
        self._timer.stop()
        if self._was_enabled:
            gc.enable()

    @Slot()
    def collect_if_due(self) -> None:
        """Collect the oldest generation whose count exceeds its threshold, and the younger ones with it."""
        counts, thresholds = gc.get_count(), gc.get_threshold()
        for generation in (2, 1, 0):
            if counts[generation] > thresholds[generation]:
                gc.collect(generation)
                return

    @Slot(object)
    def on_engine_event(self, event: object) -> None:
        """Exclude what exists from later collections once PyTorch was imported."""
        if isinstance(event, EngineReady) and not self._frozen:
            self._frozen = True
            gc.collect(0)
            gc.freeze()
