"""The icons are Lucide's, drawn sharp at any density and in the palette's colours."""

from __future__ import annotations

import ast
import gc
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QIcon, QImage, QPixmap
from PySide6.QtWidgets import QPushButton

import studio.ui
from studio.folders import resources_dir
from studio.ui.theme.icons import icon_pixmap

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from studio.ui.theme.theme import Theme

FOLDER = resources_dir() / "icons"
NAMES = sorted(path.stem for path in FOLDER.glob("*.svg"))


def inked(image: QImage) -> set[str]:
    """Return the colours of those pixels that are wholly covered."""
    pixels = (image.pixelColor(x, y) for x in range(image.width()) for y in range(image.height()))
    return {pixel.name() for pixel in pixels if pixel.alpha() == 255}


def edge_pixels(image: QImage) -> int:
    """Return how many pixels are half covered: a picture that was enlarged has many of them."""
    return sum(
        0 < image.pixelColor(x, y).alpha() < 255 for x in range(image.width()) for y in range(image.height())
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_icon_that_ships_draws_something(name: str, theme: Theme) -> None:
    image = icon_pixmap(name, theme.colour("text"), 20, 1.0).toImage()
    assert any(image.pixelColor(x, y).alpha() > 128 for x in range(20) for y in range(20))


@pytest.mark.parametrize("name", NAMES)
def test_every_icon_that_ships_is_a_lucide_drawing_with_nothing_fetched(name: str) -> None:
    text = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert "lucide-static v1.62.0 - ISC" in text
    assert not re.search(r"<(image|use|script|style|foreignObject)|href=|url\(", text)


def test_the_licence_ships_with_them() -> None:
    assert "ISC License" in (resources_dir() / "licences" / "lucide.txt").read_text(encoding="utf-8")


def test_an_icon_that_does_not_ship_is_an_error(theme: Theme) -> None:
    with pytest.raises(FileNotFoundError):
        icon_pixmap("no-such-icon", theme.colour("text"), 20, 1.0)


@pytest.mark.parametrize("ratio", [1.0, 1.25, 1.5, 2.0, 3.0])
def test_an_icon_has_the_pixels_of_its_screen(theme: Theme, ratio: float) -> None:
    pixmap = theme.icon("dices").pixmap(QSize(20, 20), ratio)
    assert pixmap.size() == QSize(round(20 * ratio), round(20 * ratio))
    assert pixmap.devicePixelRatio() == ratio


def test_at_twice_the_density_an_icon_is_drawn_anew_not_enlarged(theme: Theme) -> None:
    once = icon_pixmap("box", theme.colour("text"), 20, 1.0).toImage()
    twice = icon_pixmap("box", theme.colour("text"), 20, 2.0).toImage()
    enlarged = once.scaled(40, 40)
    assert edge_pixels(twice) < 0.6 * edge_pixels(enlarged)


def test_an_icon_follows_the_theme(theme: Theme) -> None:
    icon = theme.icon("square")
    assert inked(icon.pixmap(QSize(80, 80), 1.0).toImage()) == {theme.palette.text}
    theme.choose("light")
    assert inked(icon.pixmap(QSize(80, 80), 1.0).toImage()) == {theme.palette.text}


def test_a_disabled_icon_is_faint(theme: Theme) -> None:
    pixmap = theme.icon("square", "accent").pixmap(QSize(80, 80), 1.0, QIcon.Mode.Disabled)
    assert inked(pixmap.toImage()) == {theme.palette.disabled}


def test_an_icon_is_drawn_only_when_it_is_shown(theme: Theme, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    monkeypatch.setattr("studio.ui.theme.icons._render", lambda name, *_: drawn.append(name) or QPixmap(1, 1))
    icon = theme.icon("grip-vertical", "bad")
    assert drawn == []
    icon.pixmap(QSize(23, 23), 1.0)
    icon.pixmap(QSize(23, 23), 1.0)
    assert drawn == ["grip-vertical"]


def test_an_icon_outlives_its_copies_and_changes(theme: Theme, qtbot: QtBot) -> None:
    button = QPushButton()
    qtbot.addWidget(button)
    icon = theme.icon("copy")
    copied = QIcon(icon)
    copied.addPixmap(QPixmap(3, 3))  # detaches: Qt asks the engine for a twin
    button.setIcon(copied)
    del copied
    gc.collect()
    assert not button.grab().isNull()
    assert inked(icon.pixmap(QSize(80, 80), 1.0).toImage()) == {QColor(theme.palette.text).name()}


def icons_named_in(source: str) -> set[str]:
    """Return the icons that a file asks for by a name written in it."""
    places = {"icon": 0, "set_icon": 0, "IconButton": 1, "IconView": 1, "draw_icon": 2}  # of which argument
    named: list[ast.expr] = []
    for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        place = places.get(name)
        if place is not None and len(call.args) > place:
            named.append(call.args[place])
        named += [keyword.value for keyword in call.keywords if keyword.arg == "icon"]
    constants = (
        node for expression in named for node in ast.walk(expression) if isinstance(node, ast.Constant)
    )
    return {constant.value for constant in constants if isinstance(constant.value, str) and constant.value}


def test_every_icon_that_the_window_names_ships() -> None:
    named = {
        (path.name, icon)
        for path in Path(studio.ui.__file__).parent.rglob("*.py")
        for icon in icons_named_in(path.read_text(encoding="utf-8"))
    }
    assert {"dices", "x", "copy", "chevron-down"} <= {icon for _, icon in named}
    assert sorted(use for use in named if use[1] not in NAMES) == []


def test_an_icon_is_found_however_it_is_asked_for() -> None:
    source = 'IconButton(t, "a", "x"); t.icon("b", "text"); TextButton(t, icon="c" if y else "d")'
    source += '; t.draw_icon(p, r, "e")'
    assert icons_named_in(source) == {"a", "b", "c", "d", "e"}
