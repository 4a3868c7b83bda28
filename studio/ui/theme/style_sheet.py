"""The style sheet, made from the palette. It styles Qt's widgets; our own paint themselves.

A focused field has a ring of 2 px in the accent colour, drawn in its own border so that nothing can clip it.
"""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING

from studio.ui.theme.metrics import CONTROL, INSET, RADIUS, RING

if TYPE_CHECKING:
    from studio.ui.theme.tokens import Palette

_LINE_EDIT_MARGIN = 2  # what a line edit keeps free beside its text, whatever the style

_SHEET = Template("""
QToolTip { color: $text; background: $floating; border: 1px solid $line; padding: 4px 6px; }

QLineEdit, QPlainTextEdit {
    color: $text; background: $raised; border: ${ring}px solid $raised; border-radius: ${radius}px;
    selection-color: $on_accent; selection-background-color: $accent; placeholder-text-color: $faint;
}
QLineEdit { padding: 0 ${pad}px; min-height: ${inner}px; max-height: ${inner}px; }
QLineEdit:hover:!focus, QPlainTextEdit:hover:!focus { border-color: $hover; }
QLineEdit:focus, QPlainTextEdit:focus { border-color: $accent; }
QLineEdit:disabled, QPlainTextEdit:disabled { color: $disabled; }

QAbstractItemView { color: $text; background: transparent; border: none; outline: none; }
QAbstractItemView::item:selected { color: $text; background: $raised; }
QComboBox { combobox-popup: 0; }
QComboBox QAbstractItemView { background: $floating; border: 1px solid $line; padding: 4px; }
QHeaderView::section { color: $dim; background: transparent; border: none; padding: 4px 8px; }
QTableView, QTreeView { gridline-color: $line; }
QTableCornerButton::section { background: transparent; border: none; }

QMenu { color: $text; background: $floating; border: 1px solid $line; padding: 4px; }
QMenu::item { padding: 6px 24px 6px 8px; border-radius: 4px; }
QMenu::item:selected { background: $line; }
QMenu::item:disabled { color: $disabled; }
QMenu::icon { padding-left: 8px; }
QMenu::separator { height: 1px; background: $line; margin: 4px 8px; }

QScrollArea { background: transparent; border: none; }
QScrollBar:vertical { background: transparent; width: 12px; margin: 0; }
QScrollBar:horizontal { background: transparent; height: 12px; margin: 0; }
QScrollBar::handle { background: $line; border-radius: 4px; margin: 2px; }
QScrollBar::handle:vertical { min-height: 32px; }
QScrollBar::handle:horizontal { min-width: 32px; }
QScrollBar::handle:hover, QScrollBar::handle:pressed { background: $disabled; }
QScrollBar::add-line, QScrollBar::sub-line { width: 0; height: 0; }
QScrollBar::add-page, QScrollBar::sub-page { background: transparent; }

QSplitter::handle { background: $line; }
""")


def style_sheet(palette: Palette) -> str:
    """Return the style sheet of ``palette``."""
    return _SHEET.substitute(
        text=palette.text,
        dim=palette.dim,
        faint=palette.faint,
        disabled=palette.disabled,
        raised=palette.raised,
        hover=palette.hover,
        floating=palette.floating,
        line=palette.line,
        accent=palette.accent,
        on_accent=palette.on_accent,
        ring=RING,
        radius=RADIUS,
        inner=CONTROL - 2 * RING,
        pad=INSET - RING - _LINE_EDIT_MARGIN,
    )
