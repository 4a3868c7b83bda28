"""The theme follows the system or the user's choice, and tells whoever paints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QFontDatabase, QFontInfo, QFontMetrics, QPalette
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget

from studio.ui.theme.fonts import FAMILY
from studio.ui.theme.metrics import CONTROL, GRID
from studio.ui.theme.style_sheet import style_sheet
from studio.ui.theme.theme import Theme
from studio.ui.theme.tokens import DARK, LIGHT

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


def test_where_the_system_says_nothing_it_is_dark(qapp: QApplication) -> None:
    assert qapp.styleHints().colorScheme() == Qt.ColorScheme.Unknown
    theme = Theme(qapp)
    assert theme.choice == "system"
    assert theme.dark
    assert theme.palette is DARK


def test_it_follows_the_system_while_it_runs(qapp: QApplication, qtbot: QtBot) -> None:
    theme = Theme(qapp)
    with qtbot.waitSignal(theme.changed):
        qapp.styleHints().colorSchemeChanged.emit(Qt.ColorScheme.Light)
    assert theme.palette is LIGHT
    assert qapp.palette().color(QPalette.ColorRole.Window).name() == LIGHT.window
    with qtbot.waitSignal(theme.changed):
        qapp.styleHints().colorSchemeChanged.emit(Qt.ColorScheme.Dark)
    assert theme.palette is DARK


def test_a_choice_is_kept_whatever_the_system_does(qapp: QApplication, qtbot: QtBot) -> None:
    theme = Theme(qapp, "dark")
    with qtbot.assertNotEmitted(theme.changed):
        qapp.styleHints().colorSchemeChanged.emit(Qt.ColorScheme.Light)
    assert theme.palette is DARK


def test_choosing_tells_once_and_only_when_something_changes(theme: Theme, qtbot: QtBot) -> None:
    heard: list[str] = []
    theme.changed.connect(lambda: heard.append(theme.palette.window))
    theme.choose("dark")
    theme.choose("system")  # unknown here, so dark as well
    assert heard == []
    theme.choose("light")
    theme.choose("light")
    assert heard == [LIGHT.window]
    assert theme.choice == "light"


@pytest.mark.parametrize("nonsense", ["", "Dark", "sepia"])
def test_an_unknown_choice_follows_the_system(qapp: QApplication, nonsense: str) -> None:
    theme = Theme(qapp, "light")
    theme.choose(nonsense)
    assert theme.choice == "system"
    assert Theme(qapp, nonsense).choice == "system"


def test_colours_are_of_the_palette_in_force(theme: Theme) -> None:
    for palette, choice in ((DARK, "dark"), (LIGHT, "light")):
        theme.choose(choice)
        assert theme.colour("accent").name() == palette.accent
        assert theme.noise(1).name() == palette.noise[0]
        assert theme.noise(0).name() == palette.noise[2]


def test_a_colour_that_is_painted_over_stays_itself(theme: Theme) -> None:
    theme.colour("text").setAlpha(3)
    assert theme.colour("text").alpha() == 255


def test_qts_own_widgets_get_the_colours_too(theme: Theme, qapp: QApplication) -> None:
    role, disabled = QPalette.ColorRole, QPalette.ColorGroup.Disabled
    palette = qapp.palette()
    assert palette.color(role.WindowText).name() == DARK.text
    assert palette.color(role.Highlight).name() == DARK.accent
    assert palette.color(disabled, role.Text).name() == DARK.disabled


def test_under_the_style_sheet_lies_fusion(theme: Theme, qapp: QApplication) -> None:
    qapp.setStyleSheet("")
    assert qapp.style().name() == "fusion"


@pytest.mark.layout
def test_fonts_have_the_three_sizes_two_weights_and_figures_of_one_width(theme: Theme) -> None:
    sizes = {kind: theme.font(kind).pixelSize() for kind in ("label", "body", "title")}
    assert sizes == {"label": 11, "body": 13, "title": 15}
    assert theme.font("body").weight() == QFont.Weight.Normal
    assert theme.font("body", bold=True).weight() == QFont.Weight.DemiBold
    for kind in ("label", "body", "title"):
        font = theme.font(kind)
        assert font.isFeatureSet(QFont.Tag("tnum"))
        widths = {round(QFontMetrics(font).horizontalAdvance(digit * 10)) for digit in "0123456789"}
        assert len(widths) == 1


def test_reports_are_in_the_systems_fixed_width_font_where_there_is_one(theme: Theme) -> None:
    system = QFontInfo(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
    assert QFontInfo(theme.font("mono")).fixedPitch() == system.fixedPitch()
    assert theme.font("mono").families()[-1] == FAMILY


def test_a_font_that_is_changed_stays_itself(theme: Theme) -> None:
    theme.font("body").setPixelSize(99)
    assert theme.font("body").pixelSize() == 13


def test_the_style_sheet_is_whole_and_free_of_fonts() -> None:
    for palette in (DARK, LIGHT):
        sheet = style_sheet(palette)
        assert "$" not in sheet
        assert sheet.count("{") == sheet.count("}")
        assert "font" not in sheet  # a font in a style sheet beats the one that a widget was given


@pytest.mark.layout
def test_a_line_edit_is_as_high_as_every_control(theme: Theme, qtbot: QtBot) -> None:
    edit = QLineEdit()
    qtbot.addWidget(edit)
    assert edit.sizeHint().height() == CONTROL
    assert CONTROL % GRID == 0


def test_a_focused_field_wears_a_ring_of_two_pixels(theme: Theme, qtbot: QtBot) -> None:
    window = QWidget()
    edit = QLineEdit(window)
    qtbot.addWidget(window)
    edit.setGeometry(10, 10, 100, CONTROL)
    window.resize(200, 100)
    with qtbot.waitActive(window):
        window.show()
    edit.setFocus()
    image = edit.grab().toImage()
    column = [image.pixelColor(50, y).name() for y in range(4)]
    assert column[:2] == [DARK.accent, DARK.accent]
    assert column[2] == DARK.raised


def test_a_dropped_theme_no_longer_hears_the_system(qapp: QApplication) -> None:
    theme: Any = Theme(qapp)
    heard: list[bool] = []
    theme.changed.connect(lambda: heard.append(True))
    del theme
    qapp.styleHints().colorSchemeChanged.emit(Qt.ColorScheme.Light)
    qapp.styleHints().colorSchemeChanged.emit(Qt.ColorScheme.Dark)
    assert heard == []
