"""A label above a control, as every row of a form has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout

from studio.ui.theme.metrics import GAP, GRID
from studio.ui.widgets.plain_label import PlainLabel
from studio.ui.widgets.tips import tip as set_tip

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from studio.ui.theme.theme import Theme


def labelled(theme: Theme, owner: QWidget, label: str, *, tip: str = "") -> QHBoxLayout:
    """Put ``label`` above a row in ``owner``, and return the row, to be filled."""
    column = QVBoxLayout(owner)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(GRID)
    if label:  # else what lies above says it already
        column.addWidget(PlainLabel(theme, label, kind="label", role="dim", tip=tip))
    row = QHBoxLayout()
    row.setSpacing(GAP)
    column.addLayout(row)
    return row


def named(control: QWidget, name: str, tip: str = "") -> None:
    """Tell assistive technology what ``control`` is, and give it its tooltip."""
    control.setAccessibleName(name)
    if tip:
        set_tip(control, tip)


def stand_for(owner: QWidget, control: QWidget) -> None:
    """Let whoever gives ``owner`` the focus, or a place in the order of Tab, give it to ``control``.

    It must be the first stop in ``owner``: Tab goes to it at once, and on from there.
    """
    owner.setAccessibleName(control.accessibleName())
    owner.setFocusProxy(control)
    owner.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # without one, QWidget.setTabOrder passes over it
