"""Take pictures of the real window in every state, and films of a picture forming and of a comparison.

    .venv/bin/python packaging/screenshots.py FOLDER [--scale 1] [--theme dark] [--size 1440x900] [--film]

The program runs with the shipped model in user folders of its own, so anyone can take them again. Without a display
Qt's offscreen platform draws the same.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from studio.engine.requests.generate import GenerateRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from PIL.Image import Image
    from PySide6.QtGui import QImage

    from studio.ui.app import Program

GALLERY = (
    *("an elephant", "a red apple on a pink background", "a ghost on a black background", "a sunflower"),
    *("a rocket on a purple background", "an octopus on a yellow background", "a hamburger", "a guitar"),
    *("a bicycle on a teal background", "a snowman on a blue background", "a strawberry", "a panda"),
    *("a lemon on a gray background", "a whale on a cyan background", "a cactus on an orange background"),
    *("a dog", "a castle on a pink background", "a butterfly on a green background", "a pizza", "a crown"),
)
PROMPT = "a tiger face on a blue background"
FILM_WIDTH = 840
COMPARED_WIDTH = 760
COMPARED = (
    {"sampler": "ddim", "steps": 40},
    {"sampler": "ddpm", "steps": 40},
    {"sampler": "ddim", "steps": 8},
    {"sampler": "pc", "steps": 40},
)


class Photographer:
    """Drives one program and takes its pictures."""

    def __init__(self, program: Program, folder: Path, suffix: str) -> None:
        """Take the program, where pictures go and what their names end in."""
        self.program, self.folder, self.suffix = program, folder, suffix
        self.window = program.window

    def take(self, name: str) -> None:
        """Keep a picture of the window as it stands."""
        self.settle()
        self.window.grab().save(str(self.folder / f"{name}{self.suffix}.png"))

    def settle(self, ms: int = 200) -> None:
        """Let the window come to rest."""
        from PySide6.QtCore import QEventLoop, QTimer

        loop = QEventLoop()
        QTimer.singleShot(ms, loop.quit)
        loop.exec()

    def until(self, true: Callable[[], bool], seconds: float = 120) -> None:
        """Let the window run until something holds."""
        end = time.monotonic() + seconds
        while not true():
            self.settle(2)
            if time.monotonic() > end:
                raise TimeoutError

    def make(self, **values: object) -> None:
        """Have the form's picture made, with these values."""
        self.program.models.form.edit(**values)
        self.window.generate()

    def finish(self) -> None:
        """Wait for every job."""
        self.until(lambda: self.program.models.queue.rowCount() == 0)

    def at_step(self, step: int) -> None:
        """Wait until the running job's picture has come so far."""
        run = self.program.models.run
        self.until(lambda: (done := run.shown_step) is not None and done.step >= step)

    def press(self, text: str) -> None:
        """Press the button that says this."""
        from PySide6.QtWidgets import QAbstractButton

        buttons = self.window.findChildren(QAbstractButton)
        next(button for button in buttons if button.isVisible() and button.text() == text).click()

    def film(self, name: str) -> None:
        """Keep a film of a picture forming: a frame for each step that the window showed."""
        frames: list[Image] = []

        def shoot(_: object = None) -> None:
            frames.append(small(self.window.grab().toImage()))

        self.program.session.step_taken.connect(shoot)
        self.make(prompt=PROMPT, steps=30, seed=3, count=1)
        self.finish()
        self.program.session.step_taken.disconnect(shoot)
        self.settle()
        shoot()
        shown = [*frames[:-1:2], frames[-1]]
        write_film(self.folder / f"{name}.gif", shown, [180] * (len(shown) - 1) + [2500])

    def film_comparison(self, name: str) -> None:
        """Keep a film of runs in lockstep: as they form, gone through again, wiped, and subtracted."""
        models, pages = self.program.models, self.window.pages
        frames: list[Image] = []
        pauses: list[int] = []

        def shoot(pause: int, rest: int = 170) -> None:
            self.settle(rest)  # until pictures are filtered well
            frames.append(small(self.window.grab().toImage(), COMPARED_WIDTH))
            pauses.append(pause)

        models.form.edit(prompt=PROMPT, seed=3, count=1)
        pages.open("compare")
        page, compare = pages.currentWidget(), models.compare
        for column, changes in enumerate(COMPARED):
            page.columns.edit(column, **changes)
        self.window.generate()
        self.until(lambda: compare.job_state is not None and bool(compare.positions))
        seen = 0
        while not compare.job_state.over:
            self.settle(5)
            if len(compare.positions) >= seen + 4:
                seen = len(compare.positions)
                shoot(180, rest=1)
        self.finish()
        self.until(lambda: models.batching_error.current.status != "measuring")
        shoot(1500)
        for share in (0.8, 0.6, 0.42, 0.26):
            compare.select(round(share * (len(compare.positions) - 1)))
            self.until(
                lambda: all(compare.record(run.place).is_full(run.shown, "x0") for run in compare.runs())
            )
            shoot(280)
        pauses[-1] = 1500
        compare.select(None)
        page.view.set_mode("wipe")
        for share in (0.3, 0.45, 0.6, 0.75, 0.5):
            page.view.runs.canvas.set_wipe(share)
            shoot(240)
        page.view.set_mode("difference")
        shoot(1800)
        page.view.set_mode("side")
        shoot(1200)
        write_film(self.folder / f"{name}.gif", frames, pauses)
        pages.open("create")


def write_film(path: Path, frames: Sequence[Image], pauses: Sequence[int]) -> None:
    """Write frames as a GIF that begins anew at its end.

    Args:
        path: where.
        frames: RGB, of one size.
        pauses: how long each is seen, in milliseconds.
    """
    from PIL import Image as pillow

    # Against a palette of its own each frame is dithered; quantised by itself its smooth parts would have steps.
    dither = pillow.Dither.FLOYDSTEINBERG
    colours = [frame.quantize(palette=frame.quantize(255), dither=dither) for frame in frames]
    colours[0].save(path, save_all=True, append_images=colours[1:], duration=list(pauses), loop=0)


def small(image: QImage, width: int = FILM_WIDTH) -> Image:
    """Return a picture of the window at a film's width."""
    from PIL import Image as pillow
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QImage

    mode = Qt.TransformationMode.SmoothTransformation
    shrunk = image.scaledToWidth(width, mode).convertToFormat(QImage.Format.Format_RGB888)
    return pillow.frombuffer(
        "RGB",
        (shrunk.width(), shrunk.height()),
        bytes(shrunk.constBits()),
        "raw",
        "RGB",
        shrunk.bytesPerLine(),
    )


def states(camera: Photographer) -> Iterator[None]:
    """Bring the window into every state and take its picture; ends a state at each yield."""
    program, window = camera.program, camera.window
    form, run, pages = program.models.form, program.models.run, window.pages
    camera.settle(500)
    camera.take("1-first-start")
    yield
    for seed, prompt in enumerate(GALLERY):
        camera.make(prompt=prompt, seed=seed, count=1)
        camera.finish()
    camera.make(prompt=PROMPT, seed=3, steps=120)
    camera.at_step(52)
    camera.take("2-forming")
    yield
    camera.finish()
    camera.take("3-done")
    yield
    run.select(20)
    run.set_quantity("x_t")
    camera.take("4-step-as-x_t")
    run.set_quantity("x0")
    run.go_live()
    yield
    camera.make(prompt=PROMPT, seed=5, steps=400, count=2)
    for prompt in ("a fox on a teal background", "a rose on a black background", "two cats"):
        camera.make(prompt=prompt, steps=30, count=4)
    window.overlays.toggle_queue()
    camera.at_step(60)
    camera.take("5-queue")
    window.overlays.toggle_queue()
    for job in program.models.queue.waiting:
        program.session.cancel_job(job)
    program.session.cancel()
    camera.finish()
    yield
    pages.open("gallery")
    camera.settle(600)
    camera.take("6-gallery")
    yield
    entry = camera.program.models.gallery.entry_at(0)
    pages.currentWidget().open(entry)
    camera.settle(400)
    camera.take("7-large")
    yield
    pages.open("models")
    camera.settle(400)
    camera.take("8-models")
    pages.open("settings")
    camera.settle(400)
    camera.take("9-settings")
    yield
    pages.open("create")
    pages.create_page.show_canvas()
    window.overlays.toggle_shortcuts()
    camera.take("10-keys")
    window.overlays.toggle_shortcuts()
    yield
    form.edit(prompt=PROMPT, steps=30, count=1)
    pages.open("compare")
    camera.press("Compare samplers")
    window.generate()
    camera.finish()
    program.models.compare.select(20)
    camera.take("13-compare")
    camera.press("Wipe")
    camera.take("14-wipe")
    camera.press("Side by side")
    pages.open("create")
    yield
    form.edit(prompt="a fox", steps=30, count=1)
    program.session.generate(GenerateRequest(prompt="a fox", model="a-model-that-is-gone"))
    camera.finish()
    camera.take("11-error")
    yield
    program.models.gallery.trash([entry])
    camera.settle(600)
    camera.take("12-notice")
    window.overlays.toast.close_button.click()
    yield


def main() -> int:
    """Take them all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scale", default="1")
    parser.add_argument("--theme", default="dark", choices=("dark", "light"))
    parser.add_argument("--size", default="1440x900")
    parser.add_argument(
        "--film", action="store_true", help="also films of a picture forming and of a comparison"
    )
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    os.environ["QT_SCALE_FACTOR"] = asked.scale
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory() as home:
        os.environ["STEPWISE_HOME"] = home
        return photograph(asked)


def photograph(asked: argparse.Namespace) -> int:
    """Open the window and take its pictures."""
    from PySide6.QtWidgets import QApplication

    from studio.folders import Folders
    from studio.ui.app import build

    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    program = build(app, Folders.find())
    program.models.preferences.set("theme", asked.theme)
    program.window.resize(*map(int, asked.size.split("x")))
    program.window.show()
    suffix = f"-{asked.theme}" + ("" if asked.scale == "1" else f"@{asked.scale}x")
    camera = Photographer(program, asked.folder, suffix)
    try:
        for _ in states(camera):
            pass
        if asked.film:
            camera.film("forming")
            camera.film_comparison("window-compare")
    finally:
        program.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
