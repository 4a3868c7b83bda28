"""The keys of the page of comparisons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from PySide6.QtCore import Qt

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtGui import QKeyEvent

    from studio.ui.models.compare import CompareModel
    from studio.ui.views.compare_panes import PanesView
    from studio.ui.views.compare_stage import Mode

_MODES: dict[int, Mode] = {
    Qt.Key.Key_S: "side",
    Qt.Key.Key_W: "wipe",
    Qt.Key.Key_D: "difference",
    Qt.Key.Key_T: "tile",
}
_NUDGE: Final = 0.05
"""How far a key moves the line of the wipe."""


class CompareKeys:
    """Changes the layout, the candidate or the scale."""

    def __init__(self, model: CompareModel, panes: PanesView, set_mode: Callable[[Mode], None]) -> None:
        """Act on these."""
        self._model, self._panes, self._set_mode = model, panes, set_mode

    def take(self, event: QKeyEvent) -> bool:
        """Do what a key says; False where it says nothing."""
        key, panes = event.key(), self._panes
        if self._model.course is None:
            return False
        if key in _MODES:
            self._set_mode(_MODES[key])
        elif key == Qt.Key.Key_B:
            if not event.isAutoRepeat():
                self._set_mode("blink")
                panes.set_peeking(True)
        elif key == Qt.Key.Key_X:
            panes.turn()
        elif key == Qt.Key.Key_Z:
            panes.toggle_scale()
        elif key in (Qt.Key.Key_Comma, Qt.Key.Key_Period):
            panes.set_wipe(panes.wipe + (_NUDGE if key == Qt.Key.Key_Period else -_NUDGE))
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Down):
            self._model.step_candidate(1 if key == Qt.Key.Key_Down else -1)
        else:
            return False
        return True
