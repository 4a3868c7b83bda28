"""Take pictures of the window while a model really learns from a folder of drawings.

    .venv/bin/python packaging/training_pictures.py FOLDER [--minutes 10] [--side 64] [--theme dark] [--scale 1]

The drawings are pictograms, written into a folder as anybody's pictures would be; the window then does the rest, in
user folders of its own. Longer trainings give better samples.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from screenshots import Photographer

DRAWINGS = 48
GROUNDS = ("#c8dcff", "#fff0c8", "#dcffdc", "#ffdce6", "#ffffff")


def draw(folder: Path) -> None:
    """Write drawings with their names, a caption in a text file, and two files that cannot be used."""
    from PIL import Image, ImageColor

    from studio.folders import resources_dir
    from studio.training.pictograms.drawing import draw_pictograms, find_font
    from studio.training.pictograms.pictogram_list import load_pictograms

    entries = load_pictograms(resources_dir() / "recipes" / "pictograms.json").entries[:DRAWINGS]
    for number, (entry, drawing) in enumerate(
        zip(entries, draw_pictograms(entries, find_font(), 256), strict=True)
    ):
        name = entry.names[0].replace(" ", "_")
        ground = Image.new("RGBA", (256, 256), ImageColor.getrgb(GROUNDS[number % len(GROUNDS)]))
        ground.alpha_composite(Image.frombytes("RGBa", (256, 256), drawing.tobytes()).convert("RGBA"))
        ground.convert("RGB").save(folder / f"{name}.png")
        if number == 0:
            (folder / f"{name}.txt").write_text(f"a drawing of {entry.names[0]}", encoding="utf-8")
    (folder / "cut off.jpg").write_bytes(b"\xff\xd8\xff")
    (folder / "from a telephone.heic").write_bytes(b"not read")


def photograph(asked: argparse.Namespace, home: Path) -> None:
    """Train, and take a picture of each part of the page."""
    from PySide6.QtWidgets import QApplication

    from studio.folders import Folders
    from studio.ui.app import build

    drawings = home / "My drawings"
    drawings.mkdir()
    draw(drawings)
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    program = build(app, Folders.find())
    program.models.preferences.set("theme", asked.theme)
    program.window.resize(1440, 900)
    program.window.show()
    suffix = f"-{asked.theme}" + ("" if asked.scale == "1" else f"@{asked.scale}x")
    camera = Photographer(program, asked.folder, suffix)
    window, models = program.window, program.models.train
    try:
        window.pages.open("train")
        page = window.pages.currentWidget()
        camera.take("train-1-empty")
        models.form.edit(size=asked.side)
        page.learn_from(drawings)
        camera.until(lambda: not models.folder.reading and models.form.estimate().seconds is not None)
        camera.settle(1500)
        camera.take("train-2-pictures")
        page.show_part("noise")
        camera.until(lambda: models.forward.size > 0)
        camera.take("train-3-noise")
        page.start()
        end = time.monotonic() + 60 * asked.minutes
        camera.until(lambda: time.monotonic() > end or models.run.over, 60 * asked.minutes + 60)
        window.overlays.toast.close_button.click()
        camera.take("train-4-training")
        if models.run.samples:
            page.progress.strip.opened.emit((len(models.run.samples) - 1, 0))
            camera.take("train-5-sample")
            page.go_back()
        program.training.stop()
        camera.until(lambda: models.run.over)
        if page.progress.compare.isEnabled():
            page.progress.compare.click()
            camera.finish()
            camera.take("train-6-checkpoints")
    finally:
        program.close()


def main() -> int:
    """Take them all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--side", type=int, default=64, help="of the pictures that are learned")
    parser.add_argument("--scale", default="1")
    parser.add_argument("--theme", default="dark", choices=("dark", "light"))
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    os.environ["QT_SCALE_FACTOR"] = asked.scale
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory() as home:
        os.environ["STEPWISE_HOME"] = home
        photograph(asked, Path(home))
    return 0


if __name__ == "__main__":
    sys.exit(main())
