"""The three sizes of type, in the system's own sans, with figures of one width so that numbers change in place."""

from __future__ import annotations

from typing import Final, Literal

from PySide6.QtGui import QFont, QFontDatabase

from studio.ui.theme.metrics import BODY_PX, LABEL_PX, TITLE_PX

FontKind = Literal["label", "body", "title", "mono"]

_SIZES: Final[dict[FontKind, int]] = {
    "label": LABEL_PX,
    "body": BODY_PX,
    "title": TITLE_PX,
    "mono": LABEL_PX + 1,
}
_TABULAR = QFont.Tag("tnum")


def make_font(kind: FontKind, *, bold: bool = False) -> QFont:
    """Return a font of the program; only the weights 400 and 600 are used."""
    wanted = QFontDatabase.SystemFont.FixedFont if kind == "mono" else QFontDatabase.SystemFont.GeneralFont
    font = QFontDatabase.systemFont(wanted)
    font.setPixelSize(_SIZES[kind])
    font.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
    font.setFeature(_TABULAR, 1)
    return font
