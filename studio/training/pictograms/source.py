"""Captioned pictures of pictograms, drawn as they are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.training.pictograms.captions import word
from studio.training.pictograms.drawing import find_font
from studio.training.pictograms.scenes import SceneRenderer, draw_scene

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from studio.training.pictograms.pictogram_list import Pictograms


class PictogramSource:
    """Pictograms on plain backgrounds, shifted a little, called by one of their names."""

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
        """Draw every pictogram in every size that is needed.

        Args:
            pictograms: the list.
            size: side of the pictures in pixels.
            white: share of pictures on white, 0 to 1; the others take one of the other colours.
            shift: pixels by which a plain drawing is moved at most, along each axis.
            layouts: show other sizes and places and two things too, see ``studio.training.pictograms.scenes``.
            korean: share of captions in Korean, 0 to 1; the others are English. A thing without a Korean name is named
                in English.

        Raises:
            RecipeError: the font is not there.
        """
        self.white, self.shift, self.layouts, self.korean = white, shift, layouts, korean
        self.stage = SceneRenderer(pictograms, find_font(), size, layouts=layouts)

    def draw(self, count: int, rng: np.random.Generator) -> tuple[NDArray[np.float32], list[str]]:
        """Draw pictures; what is held out never comes."""
        pictograms = self.stage.pictograms
        scenes = [draw_scene(pictograms, rng, white=self.white, layouts=self.layouts) for _ in range(count)]
        captions = []
        for scene in scenes:
            known = all(pictograms.entries[thing].ko for thing in scene.things)
            language = "ko" if known and rng.random() < self.korean else "en"
            captions.append(word(scene, pictograms, language, rng))
        return self.stage.compose(scenes, self.shift, rng), captions
