"""Pictures and captions belong together, and nothing held out is ever shown."""

from __future__ import annotations

import numpy as np
import pytest

from studio.arrays import to_uint8
from studio.evaluation.ranking import PictogramRanker, background
from studio.folders import resources_dir
from studio.training.pictograms.pictogram_list import Pictograms, load_pictograms
from studio.training.pictograms.source import PictogramSource

LIST = load_pictograms(resources_dir() / "recipes" / "pictograms.json")
FEW = Pictograms(entries=LIST.entries[::40], colors=LIST.colors, held_out=LIST.held_out)


@pytest.fixture(scope="module")
def source() -> PictogramSource:
    return PictogramSource(FEW, 64, white=0.4, shift=2)


def test_a_caption_names_what_the_picture_shows(source: PictogramSource) -> None:
    pictures, captions = source.draw(200, np.random.default_rng(0))
    judge = PictogramRanker(source.renderer.drawings)
    named = colored = 0
    for picture, caption in zip(to_uint8(pictures), captions, strict=True):
        entry = FEW.entries[judge.rank(picture)[0]]
        named += any(name in caption for name in entry.names)
        shown = background(picture, FEW.colors)
        colored += (
            f"{shown} background" in caption
            if shown != "white"
            else "background" not in caption or shown in caption
        )
    assert named >= 196  # a drawing may be close in colour to its background
    assert colored == 200


def test_pairs_held_out_of_training_never_come() -> None:
    code = FEW.entries[0].code
    others = [color for color in FEW.colors if color not in {"white", "red"}]
    strict = Pictograms(
        entries=FEW.entries[:1], colors=FEW.colors, held_out=frozenset((code, color) for color in others)
    )
    _, captions = PictogramSource(strict, 64, white=0.5, shift=0).draw(300, np.random.default_rng(1))
    assert not any(color in caption for color in others for caption in captions)
    assert any("red" in caption for caption in captions)


def test_a_batch_depends_on_the_generator_alone(source: PictogramSource) -> None:
    once, again = (source.draw(8, np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(once[0], again[0])
    assert once[1] == again[1]
    assert source.draw(8, np.random.default_rng(8))[1] != once[1]


def test_the_judge_knows_shifted_and_noisy_drawings(source: PictogramSource) -> None:
    judge = PictogramRanker(source.renderer.drawings)
    rng = np.random.default_rng(3)
    right = 0
    for index in range(len(source.renderer.drawings)):
        solo = Pictograms(entries=FEW.entries[index : index + 1], colors=FEW.colors, held_out=frozenset())
        pictures, _ = PictogramSource(solo, 64, white=1.0, shift=3).draw(1, rng)
        noisy = pictures + rng.normal(0, 0.05, pictures.shape).astype(np.float32)
        right += judge.rank(to_uint8(noisy)[0])[0] == index
    assert right >= len(source.renderer.drawings) - 1


def test_the_judge_rejects_a_mirrored_list(source: PictogramSource) -> None:
    judge = PictogramRanker(source.renderer.drawings[::-1])
    pictures, captions = source.draw(20, np.random.default_rng(4))
    right = sum(
        any(name in caption for name in FEW.entries[judge.rank(picture)[0]].names)
        for picture, caption in zip(to_uint8(pictures), captions, strict=True)
    )
    assert right <= 3


def test_an_empty_picture_is_judged_without_failing(source: PictogramSource) -> None:
    assert len(PictogramRanker(source.renderer.drawings).rank(np.full((64, 64, 3), 255, np.uint8))) == len(
        source.renderer.drawings
    )
