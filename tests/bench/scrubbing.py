"""How soon a step of a stored run is on screen: the real window, the shipped model, a run read from the disk.

In a process of its own, offscreen: from the key to the painted frame, decoded in full, without waiting for any screen.
``python -m tests.bench.scrubbing`` prints one line of JSON.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tests.bench.measure import offscreen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from PySide6.QtWidgets import QApplication

STEPS = 60
BAR_MS = 50.0
"""Until a stored step is on screen, at most."""
PATIENCE_S = 120


def bench() -> Mapping[str, object]:
    """Return milliseconds until a step is on screen, looked at for the first time and again."""
    figures = offscreen(__name__)
    worst = max(figures["first_look_ms"]["p99"], figures["again_ms"]["p99"])
    return figures | {"bar_ms": BAR_MS, "holds": worst <= BAR_MS}


def measure(home: Path) -> dict[str, object]:
    """Make a run, open it from the disk, and scrub."""
    # Here and not above: a bench that only starts this process needs no Qt.
    from PySide6.QtWidgets import QApplication  # noqa: PLC0415

    from studio.folders import Folders  # noqa: PLC0415
    from studio.ui.app import build  # noqa: PLC0415
    from studio.ui.shell.main_window import USUAL  # noqa: PLC0415

    app = QApplication([])
    assert isinstance(app, QApplication)
    program = build(app, Folders.under(home))
    window, models = program.window, program.models
    window.resize(*USUAL)
    window.show()
    _until(app, lambda: models.catalog.listed)
    models.form.edit(prompt="a tiger face on a blue background", steps=STEPS, seed=3, count=1)
    window.generate()
    _until(app, lambda: models.queue.rowCount() == 0 and models.gallery.pictures == 1)
    made = models.run.viewed
    began = time.perf_counter()
    models.runs.open_run(models.runs.store.runs()[0])
    _until(app, lambda: models.run.viewed is not made and models.run.frame is not None)
    opened_ms = 1e3 * (time.perf_counter() - began)
    canvas = window.pages.create_page.canvas
    places = list(range(STEPS + 1))
    random.Random(0).shuffle(places)
    looks = []
    for _ in range(2):
        taken = []
        for place in places:
            began = time.perf_counter()
            canvas.timeline.scrubber.go_to(place)
            _until(app, lambda: _is_shown(program))
            canvas.picture.repaint()
            taken.append(1e3 * (time.perf_counter() - began))
        looks.append(_figures(taken))
    size = window.size().toTuple()
    program.close()
    return {
        "steps": STEPS,
        "window": "x".join(map(str, size)),
        "opened_ms": round(opened_ms, 1),
        "first_look_ms": looks[0],
        "again_ms": looks[1],
    }


def _is_shown(program: Any) -> bool:  # noqa: ANN401 - Qt is not there above
    run = program.models.run
    done, picture = run.shown_step, run.picture
    return done is not None and picture is not None and picture.is_full(done, run.quantity)


def _until(app: QApplication, true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while True:
        app.processEvents()
        if true():
            return
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.0002)


def _figures(taken: list[float]) -> dict[str, float]:
    ranked = sorted(taken)
    return {
        "median": round(statistics.median(ranked), 1),
        "p99": round(ranked[int(0.99 * (len(ranked) - 1))], 1),
        "most": round(ranked[-1], 1),
    }


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder))))
