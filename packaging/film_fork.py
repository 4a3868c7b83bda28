"""Take a film of a fork: back to an early step, another prompt from there on, and the family that comes of it.

    .venv/bin/python packaging/film_fork.py FILE.gif [--theme dark]

The program runs with the shipped model in user folders of its own, as for the screenshots.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from screenshots import Photographer, small

if TYPE_CHECKING:
    from PIL.Image import Image

    from studio.ui.app import Program

GROUND = " on a teal background"
STEPS, AT, SEED = 30, 8, 0
SIZE, WIDTH = (1180, 760), 944
COLOURS = 255


class ForkFilm:
    """The film as it is taken: frames, and how long each is seen."""

    def __init__(self, program: Program, camera: Photographer) -> None:
        """Begin without a frame."""
        self._program, self._camera = program, camera
        self._frames: list[Image] = []
        self._pauses: list[int] = []

    def shoot(self, pause_ms: int = 110) -> None:
        """Take the window as it stands."""
        self._frames.append(small(self._camera.window.grab().toImage(), WIDTH))
        self._pauses.append(pause_ms)

    def take(self) -> None:
        """Play the story."""
        camera, models, window = self._camera, self._program.models, self._camera.window
        canvas, forks = window.pages.create_page.canvas, models.forks
        camera.make(prompt=f"a fox{GROUND}", steps=STEPS, seed=SEED, count=1)
        camera.finish()
        canvas.setFocus()
        camera.settle(400)
        self.shoot(1300)
        for step in range(STEPS - 2, AT - 1, -2):
            models.run.select(step)
            camera.settle(60)
            self.shoot(400 if step == AT else 90)
        canvas.toggle_fork()
        camera.settle(200)
        self.shoot(500)
        for animal in ("", "w", "wo", "wol", "wolf"):
            forks.edit(prompt=f"a {animal}{GROUND}")
            camera.settle(40)
            self.shoot(120)
        self.shoot(600)
        window.fork()
        for step in range(AT + 2, STEPS, 3):
            camera.at_step(step)
            self.shoot(130)
        camera.finish()
        camera.settle(300)
        self.shoot(1200)
        canvas.head.family.click()
        camera.settle(500)
        self.shoot(3200)

    def write(self, path: Path) -> None:
        """Write the GIF: one palette for all frames, so that what stays the same costs nothing."""
        from PIL import Image as pillow

        some = [self._frames[0], self._frames[len(self._frames) // 3], self._frames[-1]]
        width, height = some[0].size
        board = pillow.new("RGB", (width, height * len(some)))
        for place, frame in enumerate(some):
            board.paste(frame, (0, place * height))
        palette = board.quantize(COLOURS, kmeans=3)
        dither = pillow.Dither.FLOYDSTEINBERG
        frames = [frame.quantize(palette=palette, dither=dither) for frame in self._frames]
        frames[0].save(path, save_all=True, append_images=frames[1:], duration=self._pauses, loop=0)


def main() -> int:
    """Take and write it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--theme", default="dark", choices=("dark", "light"))
    asked = parser.parse_args()
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory() as home:
        os.environ["STEPWISE_HOME"] = home
        return film(asked)


def film(asked: argparse.Namespace) -> int:
    """Open the window and take the film."""
    from PySide6.QtWidgets import QApplication

    from studio.folders import Folders
    from studio.ui.app import build

    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    program = build(app, Folders.find())
    program.models.preferences.set("theme", asked.theme)
    program.window.resize(*SIZE)
    program.window.show()
    if program.models.preferences.column_shown:
        program.window.pages.create_page.toggle_column()
    camera = Photographer(program, asked.file.parent, "")
    taken = ForkFilm(program, camera)
    try:
        camera.settle(1200)
        taken.take()
    finally:
        program.close()
    taken.write(asked.file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
