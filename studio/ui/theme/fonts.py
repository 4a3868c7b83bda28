"""The three sizes of type, in the font that ships with the program; figures have one width, so numbers stay put."""

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
    """Register the shipped font with ``app``, once. Where it cannot be read the system's sans stands in."""
    if app.property(_LOADED):
        return
    app.setProperty(_LOADED, True)
    for bold in (False, True):
        QFontDatabase.addApplicationFont(str(interface_font(bold=bold)))


def make_font(kind: FontKind, *, bold: bool = False) -> QFont:
    """Return a font of the program; only the weights 400 and 600 are used.

    What the shipped font lacks, Chinese and emoji among them, Qt takes from the system's fonts. Reports ("mono") are
    in the system's fixed-width font where there is one.
    """
    if kind == "mono":
        found = QFontInfo(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        font = QFont([found.family(), FAMILY] if found.fixedPitch() else [FAMILY])
        font.setStyleHint(QFont.StyleHint.Monospace)
    else:
        font = QFont(FAMILY)
        font.setStyleHint(QFont.StyleHint.SansSerif)
    # The system's own preference would make texts wider on one machine than on another.
    font.setHintingPreference(QFont.HintingPreference.PreferVerticalHinting)
    font.setPixelSize(_SIZES[kind])
    font.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
    font.setFeature(_TABULAR, 1)
    return font
