"""A picture keeps its shape, lies on whole pixels, and is filtered as well as there is time for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage

from studio.ui.widgets import picture_view as resample_module
from studio.ui.widgets.picture_view import PictureView, resample
from tests.ui.widgets.hands import colours, show

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pytestqt.qtbot import QtBot

    from studio.ui.theme.theme import Theme


def picture(pixels: NDArray[np.uint8]) -> QImage:
    """Return a picture that owns its pixels."""
    pixels = np.ascontiguousarray(pixels)
    height, width, _ = pixels.shape
    return QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()


def pixels_of(image: QImage) -> NDArray[np.uint8]:
    rgb = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(bytes(rgb.constBits()), np.uint8).reshape(rgb.height(), rgb.bytesPerLine())
    return rows[:, : 3 * rgb.width()].reshape(rgb.height(), rgb.width(), 3)


def waves(side: int) -> NDArray[np.uint8]:
    """Return a picture of waves much longer than a pixel of the smallest picture drawn of it."""
    place = (np.arange(side) + 0.5) / side
    red = 0.5 + 0.45 * np.sin(2 * np.pi * 7 * place)[None, :] * np.cos(2 * np.pi * 5 * place)[:, None]
    return np.stack([np.round(255 * channel) for channel in (red, red.T, 1 - red)], -1).astype(np.uint8)


NOISE = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)


@pytest.fixture
def view(theme: Theme, qtbot: QtBot) -> PictureView:
    view = PictureView(theme)
    view.setFixedSize(600, 400)
    show(qtbot, view, width=700)
    return view


def shown(view: PictureView) -> NDArray[np.uint8]:
    """Return the pixels of the part of the view in which its picture lies."""
    return pixels_of(view.grab(view.picture_rect().toRect()).toImage())


def test_without_a_picture_there_is_only_the_ground(view: PictureView, theme: Theme) -> None:
    assert colours(view.grab().toImage()) == {theme.palette.window}
    view.set_image(picture(NOISE))
    view.set_image(None)
    assert view.image is None
    assert view.picture_rect().isEmpty()
    view.set_image(QImage())
    assert colours(view.grab().toImage()) == {theme.palette.window}


@pytest.mark.parametrize(
    ("size", "expected"),
    [((64, 64), (400, 400)), ((64, 32), (600, 300)), ((10, 90), (44, 400)), ((900, 600), (600, 400))],
)
def test_it_keeps_the_shape_and_is_centred(
    view: PictureView, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    view.set_image(picture(np.zeros((size[1], size[0], 3), np.uint8)))
    rect = view.picture_rect()
    assert (rect.width(), rect.height()) == expected
    assert rect.center().x() == pytest.approx(300, abs=1)
    assert rect.center().y() == pytest.approx(200, abs=1)


def test_a_picture_of_the_views_own_size_is_shown_pixel_for_pixel(view: PictureView) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (400, 600, 3), np.uint8)
    view.set_image(picture(pixels))
    assert np.array_equal(shown(view), pixels)


def test_a_still_picture_is_enlarged_bicubically(view: PictureView) -> None:
    view.set_image(picture(NOISE))
    assert np.array_equal(shown(view), pixels_of(resample(picture(NOISE), 400, 400)))


def test_a_live_picture_is_enlarged_quickly_and_still_smoothly(
    view: PictureView, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resample_module, "resample", None)  # would be called for a still one
    view.set_image(picture(waves(64)), live=True)
    error = np.abs(shown(view).astype(int) - waves(400)).mean()
    assert error < 4


def test_the_still_filter_is_closer_to_the_truth_than_the_quick_one(view: PictureView) -> None:
    truth = waves(400).astype(int)
    errors = []
    for live in (False, True):
        view.set_image(picture(waves(64)), live=live)
        inside = np.s_[20:-20, 20:-20]
        errors.append(np.abs(shown(view).astype(int) - truth)[inside].mean())
    assert errors[0] < 0.5 * errors[1]


def test_reducing_averages_instead_of_leaving_pixels_out(view: PictureView) -> None:
    chess = (np.indices((800, 800)).sum(0) % 2 * 255).astype(np.uint8)
    view.set_image(picture(np.repeat(chess[:, :, None], 3, 2)))
    inside = shown(view)[5:-5, 5:-5]
    assert np.abs(inside.astype(int) - 127).max() <= 3


def test_a_still_picture_is_filtered_once_per_size(
    view: PictureView, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[tuple[int, int]] = []

    def counted(image: QImage, width: int, height: int) -> QImage:
        made.append((width, height))
        return resample(image, width, height)

    monkeypatch.setattr(resample_module, "resample", counted)
    view.set_image(picture(NOISE))
    for _ in range(3):
        view.grab()
    assert made == [(400, 400)]


def test_while_the_size_changes_the_quick_filter_serves_and_then_the_good_one(
    view: PictureView, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    def counted(image: QImage, width: int, height: int) -> QImage:
        made.append(width)
        return resample(image, width, height)

    view.set_image(picture(NOISE))
    view.grab()
    monkeypatch.setattr(resample_module, "resample", counted)
    for side in (390, 380, 370):
        view.setFixedSize(600, side)
        view.grab()
    assert made == []
    qtbot.waitUntil(lambda: made == [370])


def test_hard_pixels_are_whole_multiples(view: PictureView) -> None:
    view.set_enlarge("pixels")
    view.set_image(picture(NOISE))
    assert view.picture_rect().size().toSize() == QSize(384, 384)  # six times, the most that fits
    assert np.array_equal(shown(view), NOISE.repeat(6, 0).repeat(6, 1))
    view.set_image(picture(NOISE), live=True)
    assert np.array_equal(shown(view), NOISE.repeat(6, 0).repeat(6, 1))


def test_a_picture_too_large_for_hard_pixels_is_reduced_well(view: PictureView) -> None:
    view.set_enlarge("pixels")
    large = np.random.default_rng(3).integers(0, 256, (800, 800, 3), np.uint8)
    view.set_image(picture(large))
    assert np.array_equal(shown(view), pixels_of(resample(picture(large), 400, 400)))


@pytest.mark.parametrize("ratio", [1.0, 1.25, 1.5, 2.0])
@pytest.mark.parametrize("enlarge", ["smooth", "pixels"])
def test_on_any_screen_the_picture_lies_on_whole_pixels(
    view: PictureView, monkeypatch: pytest.MonkeyPatch, ratio: float, enlarge: str
) -> None:
    monkeypatch.setattr(view, "devicePixelRatioF", lambda: ratio)
    view.set_enlarge(enlarge)
    view.set_image(picture(NOISE))
    rect = view.picture_rect()
    for edge in (rect.left(), rect.top(), rect.right(), rect.bottom()):
        assert edge * ratio == pytest.approx(round(edge * ratio))
    if enlarge == "pixels":
        assert round(rect.width() * ratio) % 64 == 0
    else:
        assert round(rect.height() * ratio) == round(400 * ratio)


def test_what_it_is_given_is_not_changed(view: PictureView) -> None:
    image = picture(NOISE)
    before = image.copy()
    view.set_image(image)
    view.grab()
    assert image == before
    assert view.image is image


def test_odd_widths_do_not_skew() -> None:
    pixels = np.random.default_rng(4).integers(0, 256, (7, 5, 3), np.uint8)
    assert np.array_equal(pixels_of(resample(picture(pixels), 5, 7)), pixels)


def test_it_has_a_name_and_no_stop_for_the_keyboard(view: PictureView) -> None:
    assert view.accessibleName() == "Picture"
    assert view.focusPolicy() == Qt.FocusPolicy.NoFocus
