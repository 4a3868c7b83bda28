"""How soon after a run every frame in sight is the full one: the real window and the shipped model, at each budget.

Once on an idle machine, and once with every core kept busy by another process.

In a process of its own, offscreen. ``python -m tests.bench.filmstrip`` prints one line of JSON.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tests.bench.measure import every_core_busy, offscreen, say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from PySide6.QtWidgets import QApplication

    from studio.ui.app import Program

STEPS = 60
BUDGETS = (0.0, 0.02, 0.1)
BAR_S = 2.0
PATIENCE_S = 120


def bench() -> Mapping[str, object]:
    """Return the seconds from the end of a run until no frame in sight is a draft, for each preview budget."""
    say("filmstrip: on an idle machine")
    figures = {"idle": judged(offscreen(__name__))}
    say("filmstrip: with every core kept busy")
    with every_core_busy():
        figures["busy"] = judged(offscreen(__name__))
    return figures


def judged(figures: dict[str, Any]) -> dict[str, object]:
    """Return figures with the slowest of them and its bar."""
    slowest = max(run["seconds_until_full"] for run in figures["runs"])
    return figures | {"slowest_s": slowest, "bar_s": BAR_S, "holds": slowest <= BAR_S}


def measure(home: Path) -> dict[str, object]:
    """Make one run at each budget, and wait after each until what is in sight is full."""
    # Here and not above: a bench that only starts this process needs no Qt.
    from PySide6.QtWidgets import QApplication  # noqa: PLC0415

    from studio.folders import Folders  # noqa: PLC0415
    from studio.ui.app import build  # noqa: PLC0415
    from studio.ui.shell.main_window import USUAL  # noqa: PLC0415

    app = QApplication([])
    assert isinstance(app, QApplication)
    program = build(app, Folders.under(home))
    program.window.resize(*USUAL)
    program.window.show()
    _until(app, lambda: program.models.catalog.listed)
    runs = [_run(app, program, budget) for budget in BUDGETS]
    program.window.close()
    assert program.close()
    return {"steps": STEPS, "window": "x".join(map(str, program.window.size().toTuple())), "runs": runs}


def _run(app: QApplication, program: Program, budget: float) -> dict[str, object]:
    models = program.models
    models.preferences.set("preview_budget", budget)
    models.form.edit(prompt="a tiger face on a blue background", steps=STEPS, seed=3, count=1)
    program.window.generate()
    _until(app, lambda: models.run.running is not None)
    state = models.run.running
    assert state is not None
    _until(app, lambda: state.over)
    began = time.perf_counter()
    strip = program.window.pages.create_page.canvas.timeline.filmstrip
    places = [step for _, step in strip.slots]
    drafts = sum(not models.frames.is_full(state, 0, step, "x0") for step in places)
    _until(app, lambda: all(models.frames.is_full(state, 0, step, "x0") for step in places))
    return {
        "budget": budget,
        "frames_in_sight": len(places),
        "not_full_at_the_end": drafts,
        "seconds_until_full": round(time.perf_counter() - began, 2),
    }


def _until(app: QApplication, condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < until, "it takes too long"
        app.processEvents()


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        print(json.dumps(measure(Path(folder))))
