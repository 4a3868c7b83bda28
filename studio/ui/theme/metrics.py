"""Sizes of the layout, in logical pixels."""

from __future__ import annotations

from typing import Final

GRID: Final = 4
CONTROL: Final = 32  # height of a field, a button, a row of a list
GAP: Final = 8  # between things that belong together
SECTION: Final = 24  # between things that do not
PADDING: Final = 16  # between a panel's edge and its content
INSET: Final = 12  # between a field's edge and its text
RADIUS: Final = 6
CARD_RADIUS: Final = 8
RING: Final = 2  # the focus ring's width
ICON: Final = 20
SMALL_ICON: Final = 16  # beside a text, and for arrows

FORM: Final = 320  # widths of the window's parts
COLUMN: Final = 320
RAIL: Final = 56
PAGE_HEAD: Final = 56  # height of the title line of a page without a margin
FIELD: Final = 72  # width of the number beside a slider

LABEL_PX: Final = 11
BODY_PX: Final = 13
TITLE_PX: Final = 15

PANEL_MS: Final = 120  # how long a panel takes to open
