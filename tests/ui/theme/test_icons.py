"""The icons are Lucide's, drawn sharp at any density and in the palette's colours."""

from __future__ import annotations

import gc
import re
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QIcon, QImage, QPixmap
from PySide6.QtWidgets import QPushButton

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
    assert inked(pixmap.toImage()) == {theme.palette.faint}


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
