"""How smoothly a comparison is scrubbed: four panes of 768 by 768, each frame another picture in each.

In a process of its own, offscreen: what is counted is the work of the window's thread from the key to the painted
frame, without waiting for any screen. ``python -m tests.bench.compare`` prints one line of JSON.
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import numpy as np

from tests.bench.measure import offscreen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

SIDE, PANES, STEPS = 768, 4, 30
ROUNDS = 4
BAR = 30.0
"""Frames a second, at least, in every layout."""


def bench() -> Mapping[str, object]:
    """Return the frames a second in each layout, and the slowest."""
    figures = offscreen(__name__)
    slowest = min(figures["frames_a_second"].values())
    return figures | {"slowest": slowest, "bar": BAR, "holds": slowest >= BAR}


def measure() -> dict[str, object]:
    """Scrub through a comparison in every layout."""
    # Here and not above: a bench that only starts this process needs no Qt.
    from PySide6.QtWidgets import QApplication  # noqa: PLC0415

    from studio.folders import Folders  # noqa: PLC0415
    from studio.ui.app import make_models  # noqa: PLC0415
    from studio.ui.compare.runs_view import RunsView  # noqa: PLC0415
    from studio.ui.compare.text import modes  # noqa: PLC0415
    from studio.ui.shell.main_window import USUAL  # noqa: PLC0415
    from studio.ui.theme.theme import Theme  # noqa: PLC0415
    from tests.ui.compared import Compared  # noqa: PLC0415

    app = QApplication([])
    models = make_models(Folders.under(Path(mkdtemp())))
    model = models.compare
    view = RunsView(Theme(app, "dark"), model, models.reference, models.batching_error, models.preferences)
    view.resize(*USUAL)
    view.show()
    # All of it is kept, so that every frame is another picture.
    played = Compared(
        model, *[{"steps": STEPS, "width": SIDE, "height": SIDE}] * PANES, max_bytes=2**30
    ).begin()
    for step in range(1, STEPS + 1):
        for image in range(PANES):
            done = played.take.step(image, step, preview=_picture(image, step))
            played.job.record.add(done)
            played.job_state.take_step(done)
    model.follow(played.job_state)
    played.keep().end()
    app.processEvents()
    figures: dict[str, float] = {}
    slowest: dict[str, float] = {}
    for mode, *_ in modes():
        view.set_mode(mode)  # type: ignore[arg-type]
        app.processEvents()
        frames = []
        for _ in range(ROUNDS):
            for place in range(STEPS):
                began = time.perf_counter()
                view.scrubber.go_to(place)
                view.canvas.repaint()
                app.processEvents()
                frames.append(time.perf_counter() - began)
        figures[mode] = round(len(frames) / sum(frames), 1)
        slowest[mode] = round(1e3 * sorted(frames)[int(0.99 * len(frames))], 1)
    return {
        "panes": PANES,
        "side": SIDE,
        "window": "x".join(map(str, view.size().toTuple())),
        "frames_a_second": figures,
        "p99_frame_ms": slowest,
        "median_of_layouts": round(statistics.median(figures.values()), 1),
    }


def _picture(image: int, step: int) -> NDArray[np.uint8]:
    """Return pixels that are noisy as an early step's are."""
    pixels = np.random.default_rng(100 * image + step).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    pixels.setflags(write=False)
    return pixels


if __name__ == "__main__":
    print(json.dumps(measure()))
