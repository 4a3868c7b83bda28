"""The pictograms as a source of captioned training pictures, rendered on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.training.pictograms.captions import random_caption
from studio.training.pictograms.drawing import find_font
from studio.training.pictograms.scenes import SceneRenderer, draw_scene

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from studio.training.pictograms.pictogram_list import Pictograms


class PictogramSource:
    """Samples pictures of pictograms on plain backgrounds, with captions."""

    def __init__(
        self,
        pictograms: Pictograms,
        size: int,
        *,
        white: float,
        shift: int,
        layouts: bool = False,
        korean: float = 0.0,
    ) -> None:
        """Render every pictogram in every size that is needed.

        Args:
            pictograms: the list.
            size: side of the pictures in pixels.
            white: probability of a white background, 0 to 1; the other colours are equally likely.
            shift: the largest random shift of a plain drawing along each axis, in pixels.
            layouts: whether other sizes, positions and two pictograms at once are shown, see
                ``studio.training.pictograms.scenes``.
            korean: probability of a Korean caption, 0 to 1. Pictograms without a Korean name get English captions.

        Raises:
            RecipeError: the font is missing.
        """
        self.white, self.shift, self.layouts, self.korean = white, shift, layouts, korean
        self.renderer = SceneRenderer(pictograms, find_font(), size, layouts=layouts)

    def draw(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], list[str]]:
        """Sample pictures (count, 3, size, size) in [-1, 1] with captions; held-out scenes are never sampled."""
        pictograms = self.renderer.pictograms
        scenes = [draw_scene(pictograms, rng, white=self.white, layouts=self.layouts) for _ in range(count)]
        captions = []
        for scene in scenes:
            known = all(pictograms.entries[thing].ko for thing in scene.things)
            language = "ko" if known and rng.random() < self.korean else "en"
            captions.append(random_caption(scene, pictograms, language, rng))
        return self.renderer.compose(scenes, self.shift, rng), captions
