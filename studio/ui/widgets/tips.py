"""Tooltips that show any text as it is: Qt would read some of it as HTML, and fetch what it names."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget


def plain_tip(text: str) -> str:
    """Return what a tooltip is given so that it shows ``text``, letter for letter, and wraps long lines."""
    if not text:
        return ""
    escaped = html.escape(text.replace("\0", "\ufffd"))
    return f'<qt><p style="white-space: pre-wrap">{escaped}</p></qt>'


def tip(widget: QWidget, text: str) -> None:
    """Give ``widget`` a tooltip of plain text, and the same as its accessible description."""
    widget.setToolTip(plain_tip(text))
    widget.setAccessibleDescription(text)
