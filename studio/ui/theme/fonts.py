"""The fonts of the window, in the family that ships with the program; tabular figures keep numbers in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from PySide6.QtGui import QFont, QFontDatabase, QFontInfo

from studio.folders import interface_font
from studio.ui.theme.metrics import BODY_PX, LABEL_PX, TITLE_PX

if TYPE_CHECKING:
    from PySide6.QtCore import QCoreApplication

FontKind = Literal["label", "body", "title", "mono"]

FAMILY: Final = "Pretendard"
_SIZES: Final[dict[FontKind, int]] = {
    "label": LABEL_PX,
    "body": BODY_PX,
    "title": TITLE_PX,
    "mono": LABEL_PX + 1,
}
_TABULAR = QFont.Tag("tnum")
_LOADED: Final = "interfaceFontLoaded"


def load_fonts(app: QCoreApplication) -> None:
    """Register the shipped font with ``app``, once. If it cannot be read, the system's sans-serif font is used."""
    if app.property(_LOADED):
        return
    app.setProperty(_LOADED, True)
    for bold in (False, True):
        QFontDatabase.addApplicationFont(str(interface_font(bold=bold)))


def make_font(kind: FontKind, *, bold: bool = False) -> QFont:
    """Return the font of a kind of text, in weight 400, or 600 if ``bold``.

    Glyphs that the shipped font lacks, such as Chinese and emoji, come from the system's fonts. Reports ("mono") use
    the system's fixed-width font if there is one.
    """
    if kind == "mono":
        found = QFontInfo(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        font = QFont([found.family(), FAMILY] if found.fixedPitch() else [FAMILY])
        font.setStyleHint(QFont.StyleHint.Monospace)
    else:
        font = QFont(FAMILY)
        font.setStyleHint(QFont.StyleHint.SansSerif)
    # The system's preference would make texts wider on some machines.
    font.setHintingPreference(QFont.HintingPreference.PreferVerticalHinting)
    font.setPixelSize(_SIZES[kind])
    font.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
    font.setFeature(_TABULAR, 1)
    return font
