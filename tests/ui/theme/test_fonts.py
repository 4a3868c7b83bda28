"""The window is lettered in the font that ships with the program: in both weights, in Latin and in Korean."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest
from PySide6.QtGui import QFont, QFontDatabase, QFontInfo, QRawFont
from PySide6.QtWidgets import QWidget

from studio.ui.theme.fonts import FAMILY, FontKind, load_fonts
from tests.ui.widgets.hands import lettered

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from studio.ui.theme.theme import Theme
    from tests.ui.program import MakeProgram

KOREAN = "빨간 고양이가 창가에 앉아 있다. 뷁쀍힣 ㅋㅋ"
KINDS = [kind for kind in get_args(FontKind) if kind != "mono"]


@pytest.mark.layout
@pytest.mark.parametrize("bold", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_shipped_font_draws_latin_and_korean(theme: Theme, kind: FontKind, bold: bool) -> None:
    font = theme.font(kind, bold)
    info = QFontInfo(font)
    assert (info.family(), info.exactMatch()) == (FAMILY, True)
    assert info.weight() == (QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
    for text in ("A red cat at the window, 30 steps", KOREAN):
        drawn = lettered(text, font)
        assert {family for family, _ in drawn} == {FAMILY}
        assert all(glyph for _, glyph in drawn)
    assert not QRawFont.fromFont(font).supportsCharacter(ord("狐"))  # the twin: what it lacks is found out


@pytest.mark.layout
def test_reports_have_korean_glyphs_too(theme: Theme) -> None:
    assert all(glyph for _, glyph in lettered(KOREAN, theme.font("mono")))


@pytest.mark.layout
def test_it_is_the_applications_font(theme: Theme, qapp: QApplication) -> None:
    assert QFontInfo(qapp.font()).family() == FAMILY


@pytest.mark.layout
def test_every_widget_of_the_window_is_lettered_in_it(make_program: MakeProgram) -> None:
    window = make_program().window
    widgets = [window, *window.findChildren(QWidget)]
    assert len(widgets) > 200
    reports = {widget for widget in widgets if widget.accessibleName() == "Details"}  # in a fixed width
    reports |= {child for report in reports for child in report.findChildren(QWidget)}
    others = {QFontInfo(widget.font()).family() for widget in widgets if widget not in reports}
    assert others == {FAMILY}


def test_the_fonts_are_loaded_once(theme: Theme, qapp: QApplication) -> None:
    before = QFontDatabase.families()
    load_fonts(qapp)
    assert QFontDatabase.families() == before


def test_the_systems_settings_change_no_width(theme: Theme) -> None:
    assert theme.font("body").hintingPreference() == QFont.HintingPreference.PreferVerticalHinting
