"""The accessible role and value of widgets that paint their content.

Qt knows the role of its own controls only; any other widget has the role of a plain area, and no value.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from PySide6.QtGui import QAccessible, QAccessibleValueChangeEvent
from PySide6.QtWidgets import QAccessibleWidget, QWidget

if TYPE_CHECKING:
    from PySide6.QtCore import QObject

_roles: Final[WeakKeyDictionary[QWidget, QAccessible.Role]] = WeakKeyDictionary()
_values: Final[WeakKeyDictionary[QWidget, str]] = WeakKeyDictionary()


class _PaintedWidget(QAccessibleWidget):
    """The accessible interface of a widget with a role of its own."""

    def text(self, which: QAccessible.Text) -> str:
        if which == QAccessible.Text.Value and self.isValid():
            return _values.get(self.widget(), "")
        return super().text(which)


def set_accessible_role(widget: QWidget, role: QAccessible.Role) -> None:
    """Give ``widget`` a role.

    Call this first in its constructor: a screen reader that runs asks as soon as the widget has a name, and Qt keeps
    the first answer.
    """
    _install()
    _roles[widget] = role


def set_accessible_value(widget: QWidget, value: str) -> None:
    """Set the value of a widget that has a role from `set_accessible_role`, and notify screen readers."""
    if _values.get(widget, "") != value:
        _values[widget] = value
        QAccessible.updateAccessibility(QAccessibleValueChangeEvent(widget, value))


@cache
def _install() -> None:
    QAccessible.installFactory(_interface_of)


def _interface_of(_: str, found: QObject) -> _PaintedWidget | None:
    """Return the interface of a widget that has a role here; None leaves the widget to Qt."""
    if isinstance(found, QWidget) and found in _roles:
        return _PaintedWidget(found, _roles[found], "")
    return None
