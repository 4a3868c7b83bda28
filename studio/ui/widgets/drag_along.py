"""The hand on a widget that is an axis: a press goes there, and a drag goes along."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QMouseEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtWidgets import QWidget

_PRESSES = (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick)


class DragAlong(QObject):
    """Takes the mouse of one widget; other buttons than the left are its parent's."""

    def __init__(self, widget: QWidget, go_to: Callable[[float], None]) -> None:
        """Call ``go_to`` with where the mouse is, in pixels from the widget's left."""
        super().__init__(widget)
        self._widget, self._go_to, self._held = widget, go_to, False
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Press, drag, let go."""
        if not isinstance(event, QMouseEvent) or not self._widget.isEnabled():
            return False
        if event.type() in _PRESSES:
            self._held = event.button() == Qt.MouseButton.LeftButton
            event.setAccepted(self._held)
            if self._held:
                self._go_to(event.position().x())
        elif event.type() == QEvent.Type.MouseMove and self._held:
            self._go_to(event.position().x())
        elif event.type() == QEvent.Type.MouseButtonRelease:
            self._held = False
            self._widget.update()
        return True
