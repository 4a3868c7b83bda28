"""Draw the pictures that the README shows: a contact sheet of each model, and one picture forming.

    .venv/bin/python packaging/readme_pictures.py

Everything comes from the shipped models through the engine, so anyone can draw them again.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from studio.engine.engine import Engine
from studio.engine.events import PictureDone, StepDone
from studio.engine.requests.generate import GenerateRequest
from studio.engine.requests.previews import EVERY_STEP, NO_PREVIEWS
from studio.folders import Folders, resources_dir

if TYPE_CHECKING:
    from pathlib import Path

SHEET = [
    *("dog", "cat face", "panda", "fox", "lion", "octopus", "butterfly", "bee", "pizza", "apple"),
    *(
        "strawberry",
        "birthday cake",
        "donut",
        "rocket",
        "bicycle",
        "sailboat",
        "castle",
        "guitar",
        "trophy",
        "문어",
    ),
    "a rose on a black background",
    "a panda on a pink background",
    "a rocket on a purple background",
    "a snowman on a teal background",
    "a cactus on an orange background",
    "a whale on a cyan background",
    "빨간색 배경의 여우",
    "파란색 배경의 토끼",
    "a small pizza",
    "a large butterfly",
    "two dogs",
    "two tulips on a green background",
    "a fox and an apple",
    "a robot and a balloon on a yellow background",
    "a penguin on the left",
    "a rocket on the right on a black background",
    "a small panda on a teal background",
    "강아지 두 개",
    "고양이와 사과",
    "왼쪽에 있는 피자",
]
COLUMNS = 10
STRIP_PROMPT, STRIP_STEPS, STRIP_SHOWN = "a fox on a teal background", 30, (1, 3, 5, 8, 11, 15, 20, 30)
GAP = 4
GROUND = 232
Pixels = NDArray[np.uint8]


def sheet(engine: Engine, model: str) -> Pixels:
    """Make one picture of every prompt of the sheet, seed 0."""
    pictures = []
    for prompt in SHEET:
        request = GenerateRequest(prompt=prompt, model=model)
        pictures += [
            event.pixels
            for event in engine.run(request, previews=NO_PREVIEWS)
            if isinstance(event, PictureDone)
        ]
    rows = [tiled(pictures[start : start + COLUMNS], axis=1) for start in range(0, len(pictures), COLUMNS)]
    return tiled(rows, axis=0)


def strip(engine: Engine, model: str) -> Pixels:
    """Show x0_hat of some steps of one picture."""
    request = GenerateRequest(prompt=STRIP_PROMPT, model=model, steps=STRIP_STEPS)
    shown = [
        event.preview
        for event in engine.run(request, previews=EVERY_STEP)
        if isinstance(event, StepDone) and event.step in STRIP_SHOWN and event.preview is not None
    ]
    return tiled(shown, axis=1)


def tiled(pictures: list[Pixels], axis: int) -> Pixels:
    """Lay pictures in a row (axis 1) or a column (axis 0) with a gap between."""
    first = pictures[0]
    shape = (GAP, first.shape[1], 3) if axis == 0 else (first.shape[0], GAP, 3)
    parts = [first]
    for picture in pictures[1:]:
        parts += [np.full(shape, GROUND, np.uint8), picture]
    return np.concatenate(parts, axis=axis)


def save(pixels: Pixels, path: Path, scale: int) -> None:
    """Write pixels, enlarged smoothly."""
    image = Image.fromarray(pixels)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.resize((image.width * scale, image.height * scale), Image.Resampling.BICUBIC).save(
        path, optimize=True
    )


def main() -> None:
    """Draw them all."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    engine, out = Engine(Folders.find()), resources_dir() / "readme"
    for model, name in (("starter", "contact-sheet.png"), ("starter-dit", "contact-sheet-dit.png")):
        save(sheet(engine, model), out / name, 2)
    save(strip(engine, "starter"), out / "forming.png", 2)


if __name__ == "__main__":
    main()
