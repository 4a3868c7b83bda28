"""Scenes: one or two pictograms with their positions and sizes, and the colour of the background.

Scenes are sampled at random, rendered here and described by ``studio.training.pictograms.captions``. Held-out
combinations are never sampled, so that an evaluation can prompt for them. Needs numpy, not torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from studio.training.pictograms.drawing import compose_batch, draw_pictograms

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from studio.training.pictograms.pictogram_list import Pictograms

SHARES = {"plain": 0.4, "small": 0.1, "large": 0.1, "left": 0.1, "right": 0.1, "two": 0.08, "pair": 0.12}
"""Probability of each layout."""
LARGE_FILL = 62 / 64
"""The longer side of a large drawing as a fraction of the picture's side; a small one is half of a plain one."""
CENTERS = {"left": (0.25,), "right": (0.75,), "two": (0.25, 0.75), "pair": (0.25, 0.75)}
"""Horizontal positions of the drawings as fractions of the width; in other layouts there is one in the middle."""
SMALL_SHIFT = 1
"""The largest random shift of a small drawing, in pixels; large ones are not shifted."""
TRIES = 100


@dataclass(frozen=True)
class Scene:
    """The content of a picture.

    Attributes:
        things: indices of its pictograms in the list: one; two for "pair", the left one first.
        layout: one of ``LAYOUTS``. "plain" is one drawing in the middle, "small" and "large" are other sizes of it,
            "left" and "right" a small one on that side, "two" the same small one on both, "pair" two different ones.
        color: name of the background colour.
    """

    things: tuple[int, ...]
    layout: str = "plain"
    color: str = "white"


def is_held_out(scene: Scene, pictograms: Pictograms) -> bool:
    """Whether a scene is held out of training."""
    codes = [pictograms.entries[thing].code for thing in scene.things]
    if any((code, scene.color) in pictograms.held_out for code in codes):
        return True
    if scene.layout == "pair":
        pairs = pictograms.held_out_pairs
        return (codes[0], codes[1]) in pairs or (codes[1], codes[0]) in pairs
    return (codes[0], scene.layout) in pictograms.held_out_layouts


def draw_scene(
    pictograms: Pictograms, rng: np.random.Generator, *, white: float, layouts: bool = True
) -> Scene:
    """Sample a scene that is not held out.

    Args:
        pictograms: the list.
        rng: the random generator.
        white: probability of a white background, 0 to 1; the other colours are equally likely.
        layouts: whether all layouts are sampled, with the probabilities in ``SHARES``; otherwise only "plain".
    """
    colors = [name for name in pictograms.colors if name != "white"]
    shares = SHARES if layouts and len(pictograms.entries) > 1 else {"plain": 1.0}
    for _ in range(TRIES):
        layout = tuple(shares)[int(rng.choice(len(shares), p=tuple(shares.values())))]
        things = rng.choice(len(pictograms.entries), size=2 if layout == "pair" else 1, replace=False)
        color = "white" if rng.random() < white else colors[int(rng.integers(len(colors)))]
        scene = Scene(tuple(things.tolist()), layout, color)
        if not is_held_out(scene, pictograms):
            return scene
    return Scene(scene.things[:1])  # the plain layout on white is never held out


class SceneRenderer:
    """Renders scenes from drawings of every pictogram in every size."""

    def __init__(self, pictograms: Pictograms, font: Path, size: int, *, layouts: bool = True) -> None:
        """Render the drawings.

        Args:
            pictograms: the list.
            font: the font file, as ``find_font`` returns it.
            size: side of the pictures in pixels, even.
            layouts: whether the sizes for layouts other than "plain" are needed.

        Raises:
            RecipeError: the file is no font of the right kind, or lacks one of the pictograms.
        """
        self.pictograms, self.size = pictograms, size
        self.drawings = draw_pictograms(pictograms.entries, font, size)  # (N, size, size, 4), premultiplied
        self.large = self.small = self.drawings[:0]
        if layouts:
            self.large = draw_pictograms(pictograms.entries, font, size, fill=LARGE_FILL)
            self.small = draw_pictograms(pictograms.entries, font, size // 2)

    def compose(self, scenes: Sequence[Scene], shift: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """Render B scenes.

        Args:
            scenes: their content.
            shift: the largest random shift of a plain drawing along each axis, in pixels.
            rng: the random generator of the shifts.

        Returns:
            (B, 3, size, size) in [-1, 1].
        """
        size, margin = self.size, max(shift, SMALL_SHIFT)
        canvas = np.zeros((len(scenes), size + 2 * margin, size + 2 * margin, 4), dtype=np.uint8)
        for target, scene in zip(canvas, scenes, strict=True):
            for center, thing in zip(CENTERS.get(scene.layout, (0.5,)), scene.things * 2, strict=False):
                drawing, max_shift = self._drawing(scene.layout, thing, shift)
                down, right = rng.integers(-max_shift, max_shift + 1, size=2).tolist()
                side = drawing.shape[0]
                top = margin + (size - side) // 2 + down
                left = margin + round(center * size) - side // 2 + right
                target[top : top + side, left : left + side] = drawing
        cropped = canvas[:, margin : margin + size, margin : margin + size]
        colors = np.asarray([self.pictograms.colors[scene.color] for scene in scenes])
        return compose_batch(cropped, colors, np.zeros((len(scenes), 2), dtype=np.int64))

    def _drawing(self, layout: str, thing: int, shift: int) -> tuple[NDArray[np.uint8], int]:
        """Return a drawing in the size of a layout, and its largest shift in pixels."""
        match layout:
            case "plain":
                return self.drawings[thing], shift
            case "large":
                return self.large[thing], 0
            case _:
                return self.small[thing], SMALL_SHIFT
