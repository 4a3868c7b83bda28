"""The current palette, fonts and icons of the window."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, get_args

from PySide6.QtCore import QObject, QRect, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QIcon, QPainter, QPalette

from studio.ui.theme.fonts import FontKind, load_fonts, make_font
from studio.ui.theme.icons import LucideEngine, icon_pixmap
from studio.ui.theme.style_sheet import style_sheet
from studio.ui.theme.tokens import DARK, LIGHT, Palette, noise_colour

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

ThemeChoice = Literal["system", "dark", "light"]
THEME_CHOICES: Final[tuple[ThemeChoice, ...]] = get_args(ThemeChoice)

_SCHEMES = {"dark": Qt.ColorScheme.Dark, "light": Qt.ColorScheme.Light}


class Theme(QObject):
    """The current theme, one for the window, passed to every widget that paints.

    Attributes:
        reduce_motion: whether animations are off, as the system's settings say.
    """

    changed = Signal()

    def __init__(self, app: QApplication, choice: str = "system") -> None:
        """Style ``app``; an unknown ``choice`` follows the system."""
        super().__init__()
        self._app = app
        self._choice: ThemeChoice = _known(choice)
        self._fonts: dict[tuple[FontKind, bool], QFont] = {}
        self._colours: dict[str, QColor] = {}
        # On other systems the flag only says that the platform has no effects of its own.
        self.reduce_motion = sys.platform == "win32" and not app.isEffectEnabled(Qt.UIEffect.UI_General)
        app.setStyle("Fusion")
        load_fonts(app)
        app.setFont(self.font("body"))
        self._system = app.styleHints().colorScheme()
        self._ask_for_scheme()
        self._palette = self._chosen_palette()
        self._apply()
        app.styleHints().colorSchemeChanged.connect(self._on_scheme_changed)

    @property
    def palette(self) -> Palette:
        return self._palette

    @property
    def choice(self) -> ThemeChoice:
        """The user's choice: "system", "dark" or "light"."""
        return self._choice

    @property
    def dark(self) -> bool:
        return self._palette is DARK

    def choose(self, choice: str) -> None:
        """Follow the system, or use "dark" or "light"; an unknown choice follows the system."""
        choice = _known(choice)
        if choice == self._choice:
            return
        self._choice = choice
        self._ask_for_scheme()
        self._follow()

    def colour(self, role: str) -> QColor:
        """Return the colour of a role of the palette ("text", "dim", "accent", ...)."""
        colour = self._colours.get(role)
        if colour is None:
            colour = self._colours[role] = QColor(getattr(self._palette, role))
        return QColor(colour)

    def noise(self, level: float) -> QColor:
        """Return the colour of a noise level: 1 is all noise, 0 is clean; clamped."""
        return QColor(noise_colour(self._palette, level))

    def font(self, kind: FontKind, bold: bool = False) -> QFont:
        """Return the font of a kind of text, with tabular figures."""
        key = (kind, bold)
        font = self._fonts.get(key)
        if font is None:
            font = self._fonts[key] = make_font(kind, bold=bold)
        return QFont(font)

    def icon(self, name: str, role: str = "text") -> QIcon:
        """Return a Lucide icon in a role's colour, which follows the theme."""
        return QIcon(LucideEngine(name, partial(self._icon_colour, role)))

    def draw_icon(self, painter: QPainter, rect: QRect, name: str, role: str = "text") -> None:
        """Draw a Lucide icon into ``rect`` (square, logical pixels)."""
        ratio = painter.device().devicePixelRatio()
        painter.drawPixmap(rect.topLeft(), icon_pixmap(name, self.colour(role), rect.width(), ratio))

    def _icon_colour(self, role: str, enabled: bool) -> QColor:
        return self.colour(role if enabled else "disabled")

    def _chosen_palette(self) -> Palette:
        if self._choice != "system":
            return DARK if self._choice == "dark" else LIGHT
        return LIGHT if self._system == Qt.ColorScheme.Light else DARK

    def _ask_for_scheme(self) -> None:
        # For what the system draws: title bars, native dialogs.
        hints = self._app.styleHints()
        if self._choice == "system":
            hints.unsetColorScheme()
            self._system = hints.colorScheme()
        else:
            hints.setColorScheme(_SCHEMES[self._choice])

    @Slot(Qt.ColorScheme)
    def _on_scheme_changed(self, scheme: Qt.ColorScheme) -> None:
        if self._choice == "system":
            self._system = scheme
            self._follow()

    def _follow(self) -> None:
        wanted = self._chosen_palette()
        if wanted is self._palette:
            return
        self._palette = wanted
        self._colours.clear()
        self._apply()
        self.changed.emit()

    def _apply(self) -> None:
        self._app.setPalette(_qt_palette(self._palette))
        self._app.setStyleSheet(style_sheet(self._palette))


def _known(choice: str) -> ThemeChoice:
    for known in THEME_CHOICES:
        if choice == known:
            return known
    return "system"


def _qt_palette(palette: Palette) -> QPalette:
    role, disabled = QPalette.ColorRole, QColor(palette.disabled)
    colours = {
        role.Window: palette.window,
        role.WindowText: palette.text,
        role.Base: palette.raised,
        role.AlternateBase: palette.panel,
        role.ToolTipBase: palette.floating,
        role.ToolTipText: palette.text,
        role.PlaceholderText: palette.faint,
        role.Text: palette.text,
        role.Button: palette.raised,
        role.ButtonText: palette.text,
        role.BrightText: palette.bad,
        role.Light: palette.hover,
        role.Midlight: palette.raised,
        role.Mid: palette.line,
        role.Dark: palette.line,
        role.Shadow: palette.window,
        role.Link: palette.accent,
        role.LinkVisited: palette.accent,
        role.Highlight: palette.accent,
        role.HighlightedText: palette.on_accent,
        role.Accent: palette.accent,
    }
    made = QPalette()
    for name, colour in colours.items():
        made.setColor(name, QColor(colour))
    for name in (role.WindowText, role.Text, role.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, name, disabled)
    return made
