from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from studio.errors import RecipeError
from studio.training.pictograms import drawing as pictograms
from studio.training.pictograms.drawing import STRIKE, compose, compose_batch, draw_pictograms, find_font
from studio.training.pictograms.pictogram_list import Pictogram, Pictograms, load_pictograms

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHIPPED = Path(__file__).parents[3] / "resources" / "recipes" / "pictograms.json"
LEVEL = 2 / 255
"""One step of an eight-bit picture, in [-1, 1]."""


@pytest.fixture(scope="module")
def listed() -> Pictograms:
    return load_pictograms(SHIPPED)


@pytest.fixture(scope="module")
def drawings(listed: Pictograms) -> NDArray[np.uint8]:
    return draw_pictograms(listed.entries, find_font())


def soft_drawing(size: int = 16) -> NDArray[np.uint8]:
    """Every alpha from 0 to 255, with premultiplied colours below it."""
    alpha = np.arange(size * size).reshape(size, size, 1)
    return np.concatenate([alpha // 3, alpha // 2, alpha, alpha], axis=2).astype(np.uint8)


# ---------------------------------------------------------------------------------------------------- drawing
def test_the_font_draws_every_pictogram_and_no_two_alike(drawings: NDArray[np.uint8]) -> None:
    assert drawings.shape[1:] == (64, 64, 4)
    assert drawings[..., 3].reshape(len(drawings), -1).max(axis=1).min() > 200
    assert len({drawing.tobytes() for drawing in drawings}) == len(drawings)


def test_drawings_are_centred_with_the_longer_side_52_of_64(drawings: NDArray[np.uint8]) -> None:
    for drawing in drawings:
        for_axis = []
        for axis in (0, 1):
            filled = np.flatnonzero(drawing[..., 3].any(axis=1 - axis))
            before, after = filled[0], 63 - filled[-1]
            # A faint first or last row can round to nothing, which moves the middle by half a pixel or so.
            assert abs(before - after) <= 2
            for_axis.append(filled[-1] - filled[0] + 1)
        assert 50 <= max(for_axis) <= 52


def test_colours_are_premultiplied(drawings: NDArray[np.uint8]) -> None:
    assert (drawings[..., :3] <= drawings[..., 3:]).all()
    assert not drawings[drawings[..., 3] == 0].any()


@pytest.mark.parametrize("color", [(255, 255, 255), (0, 0, 0), (211, 47, 47)])
def test_drawing_then_composing_equals_drawing_on_the_colour(
    listed: Pictograms, drawings: NDArray[np.uint8], color: tuple[int, int, int]
) -> None:
    """The font drawn by Pillow straight onto the colour, then made small, is the reference."""
    font = ImageFont.truetype(str(find_font()), STRIKE, layout_engine=ImageFont.Layout.BASIC)
    worst_ours, worst_straight = 0.0, 0.0
    for index in range(0, len(listed.entries), 97):
        alpha = Image.new("RGBA", (192, 192))
        ImageDraw.Draw(alpha).text((24, 24), listed.entries[index].char, font=font, embedded_color=True)
        on_color = Image.new("RGB", (192, 192), color)
        ImageDraw.Draw(on_color).text((24, 24), listed.entries[index].char, font=font, embedded_color=True)
        box = alpha.getchannel("A").getbbox()
        assert box is not None
        width, height = (
            round(side * 52 / max(box[2] - box[0], box[3] - box[1]))
            for side in (box[2] - box[0], box[3] - box[1])
        )
        small = on_color.crop(box).resize((width, height), Image.Resampling.HAMMING)
        top, left = (64 - height) // 2, (64 - width) // 2
        part = np.s_[:, top : top + height, left : left + width]
        wanted = np.asarray(small, dtype=np.float32).transpose(2, 0, 1) / 127.5 - 1
        worst_ours = max(worst_ours, np.abs(compose(drawings[index], color)[part] - wanted).max())
        # The wrong twin takes the premultiplied colours for straight ones and multiplies once more.
        twice = drawings[index].copy()
        twice[..., :3] = twice[..., :3].astype(np.uint16) * twice[..., 3:] // 255
        worst_straight = max(worst_straight, np.abs(compose(twice, color)[part] - wanted).max())
    assert worst_ours < 2.5 * LEVEL
    assert worst_straight > 20 * LEVEL


def test_other_sizes_are_drawn_too(listed: Pictograms) -> None:
    drawn = draw_pictograms(listed.entries[:3], find_font(), size=32)
    assert drawn.shape == (3, 32, 32, 4)
    assert np.flatnonzero(drawn[0, ..., 3].any(axis=1)).size <= 26


def test_no_pictograms_give_no_drawings() -> None:
    assert draw_pictograms([], find_font()).shape == (0, 64, 64, 4)


# -------------------------------------------------------------------------------------------------- composing
@pytest.mark.parametrize("color", [(255, 255, 255), (0, 0, 0), (245, 133, 22)])
def test_where_alpha_is_0_the_colour_is_exact_and_where_it_is_255_the_drawing_is(
    color: tuple[int, int, int],
) -> None:
    ground = np.asarray(color, dtype=np.float32)[:, None, None] / np.float32(127.5) - 1
    empty = compose(np.zeros((8, 8, 4), np.uint8), color)
    assert empty.dtype == np.float32
    assert np.array_equal(empty, np.broadcast_to(ground, (3, 8, 8)))
    full = np.random.default_rng(0).integers(0, 256, (8, 8, 4), dtype=np.uint8)
    full[..., 3] = 255
    wanted = full[..., :3].transpose(2, 0, 1) / 127.5 - 1
    assert np.abs(compose(full, color) - wanted).max() < 1e-6


def test_soft_edges_follow_the_closed_form_which_integers_miss() -> None:
    drawing, color = soft_drawing(), np.array([245, 133, 22])
    premultiplied, alpha = drawing[..., :3].astype(np.float64), drawing[..., 3:] / 255
    wanted = ((premultiplied + (1 - alpha) * color) / 127.5 - 1).transpose(2, 0, 1)
    assert np.abs(compose(drawing, tuple(color)) - wanted).max() < 1e-6
    integers = (drawing[..., :3] + (255 - drawing[..., 3:].astype(int)) * color // 255).astype(np.uint8)
    twin = integers.transpose(2, 0, 1) / 127.5 - 1
    assert np.abs(twin - wanted).max() > LEVEL / 2


@pytest.mark.parametrize("shift", [(3, -2), (-4, 4), (0, 1), (0, 0)])
def test_a_shift_moves_the_drawing_right_and_down(shift: tuple[int, int]) -> None:
    drawing = np.zeros((16, 16, 4), np.uint8)
    drawing[5:11, 5:11] = soft_drawing()[5:11, 5:11]
    color = (60, 180, 75)
    moved = np.roll(compose(drawing, color), (shift[1], shift[0]), axis=(1, 2))
    assert np.array_equal(compose(drawing, color, shift), moved)
    if shift != (0, 0):
        assert not np.array_equal(compose(drawing, color, (shift[1], shift[0])), moved)


def test_what_is_shifted_out_does_not_come_back_at_the_other_side() -> None:
    drawing, color = np.full((16, 16, 4), 255, np.uint8), (0, 0, 0)
    picture = compose(drawing, color, (5, 0))
    assert (picture[:, :, :5] == -1).all()
    assert np.abs(picture[:, :, 5:] - 1).max() < 1e-6
    assert not np.array_equal(picture, np.roll(compose(drawing, color), 5, axis=2))
    for far in ((16, 0), (0, -16), (999, -999)):
        assert (compose(drawing, color, far) == -1).all()


def test_a_batch_equals_its_pictures_one_by_one() -> None:
    rng = np.random.default_rng(1)
    alpha = rng.integers(0, 256, (6, 12, 12, 1))
    batch = np.concatenate([rng.integers(0, alpha + 1, (6, 12, 12, 3)), alpha], axis=3).astype(np.uint8)
    colors, shifts = rng.integers(0, 256, (6, 3)), rng.integers(-6, 7, (6, 2))
    together = compose_batch(batch, colors, shifts)
    assert together.shape == (6, 3, 12, 12)
    assert -1 - 1e-6 < together.min() < together.max() < 1 + 1e-6
    for index, picture in enumerate(together):
        right, down = shifts[index].tolist()
        assert np.array_equal(picture, compose(batch[index], colors[index].tolist(), (right, down)))


# ------------------------------------------------------------------------------------------------------- font
def test_the_font_is_found_and_an_override_is_taken(tmp_path: Path) -> None:
    assert find_font().name == "NotoColorEmoji.ttf"
    own = tmp_path / "own.ttf"
    own.write_bytes(b"")
    assert find_font(own) == own


def test_a_font_below_a_fonts_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / "fonts" / "google" / "NotoColorEmoji.ttf"
    deep.parent.mkdir(parents=True)
    deep.write_bytes(b"")
    monkeypatch.setattr(pictograms, "_font_folders", lambda: [tmp_path / "none", tmp_path])
    assert find_font() == deep


def test_a_missing_font_is_reported_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictograms, "_font_folders", lambda: [tmp_path])
    with pytest.raises(RecipeError, match="fonts-noto-color-emoji"):
        find_font()
    with pytest.raises(RecipeError, match=r"no file .*none\.ttf"):
        find_font(tmp_path / "none.ttf")


def test_a_file_that_is_no_font_and_a_character_without_a_drawing_are_refused(tmp_path: Path) -> None:
    dog = Pictogram(code="1F415", names=("dog",))
    wrong = tmp_path / "wrong.ttf"
    wrong.write_text("not a font")
    with pytest.raises(RecipeError, match=r"wrong\.ttf is not that"):
        draw_pictograms([dog], wrong)
    private = Pictogram(code="E000", names=("nothing",))
    with pytest.raises(RecipeError, match=r"'nothing' \(U\+E000\)"):
        draw_pictograms([dog, private], find_font())
