"""One measurement of the real window, in a process of its own: ``python -m tests.bench.window_child WHAT``.

Prints one line of JSON. ``STEPWISE_BENCH_STARTED`` holds the time (`time.time`) the process was started at.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QElapsedTimer, QEvent, QEventLoop, QObject, Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from studio.folders import Folders
from studio.ui.app import Program, build
from studio.ui.shell.garbage import GarbageCollector
from tests.bench.measure import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from studio.ui.core.job_state import JobState

HEARTBEAT_MS = 5
STEPS = 30
PICTURES = 20
WARM_UPS, ROUNDS = 2, 8
"""Of the measurement of memory."""
PICTURES_IN_ROUND, STEPS_OF_PICTURE = 5, 50
"""Every step shows a preview: the budget is lifted, and without guidance a step is cheap."""


NEWEST = 100
"""More than the pictures of all rounds."""


class Heartbeat(QObject):
    """Notes how late a timer of the window's thread is."""

    def __init__(self) -> None:
        super().__init__()
        self.gaps: list[float] = []
        self._clock = QElapsedTimer()
        self._timer = QTimer(self, interval=HEARTBEAT_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)

    def start(self) -> None:
        self.gaps = []
        self._clock.start()
        self._timer.start()

    def stop(self) -> dict[str, float]:
        self._timer.stop()
        late = sorted(max(gap - HEARTBEAT_MS, 0.0) for gap in self.gaps)
        return {
            "beats": len(late),
            "longest_gap_ms": round(max(self.gaps), 1),
            "p99_lateness_ms": round(late[int(0.99 * (len(late) - 1))], 1),
            "median_lateness_ms": round(statistics.median(late), 2),
        }

    def _beat(self) -> None:
        self.gaps.append(self._clock.nsecsElapsed() / 1e6)
        self._clock.start()


class Painted(QObject):
    """Notes which steps were painted."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self._run, self.steps = program.models.run, set[tuple[str, int, int]]()
        program.window.pages.create_page.canvas.picture.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint and (done := self._run.shown_step) is not None:
            self.steps.add((done.job_id, done.image, done.step))
        return super().eventFilter(watched, event)


def wait(ms: int) -> None:
    """Run the window for a while; unlike `QTest.qWait` this lets other threads have the interpreter."""
    loop = QEventLoop()
    QTimer.singleShot(ms, loop.quit)
    loop.exec()


def until(true: Callable[[], bool], seconds: float = 120) -> None:
    """Run the window until something holds."""
    end = time.monotonic() + seconds
    while not true():
        wait(2)
        if time.monotonic() > end:
            raise TimeoutError


def opened() -> Program:
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    collector = GarbageCollector(app)  # as the program does
    collector.start()
    program = build(app, Folders.find())
    program.models.engine.engine_event.connect(collector.on_engine_event)
    program.window.show()
    QTest.qWaitForWindowExposed(program.window)
    return program


def start_up() -> dict[str, Any]:
    """From the start of the process to a typed character in the prompt."""
    program = opened()
    editor = program.window.pages.create_page.form.texts.prompt.editor
    until(lambda: program.window.isActiveWindow() or time.monotonic() > 0)
    editor.selectAll()
    QTest.keyClicks(editor, "x")
    until(lambda: program.models.form.values.prompt == "x")
    editor.repaint()
    seconds = time.time() - float(os.environ["STEPWISE_BENCH_STARTED"])
    answer = {"seconds": round(seconds, 3), "torch_imported": "torch" in sys.modules}
    program.close()
    return answer


def sampling() -> dict[str, Any]:
    """The heartbeat while a model loads and while pictures form; previews; cancelling."""
    program = opened()
    heartbeat = Heartbeat()
    until(lambda: program.models.gallery.loaded)
    wait(300)
    painted = Painted(program)
    heartbeat.start()
    job_state = begun(
        program, prompt="a fox on a teal background", count=PICTURES, steps=STEPS, sampler="ddim"
    )
    until(lambda: job_state.phase == "running")
    loading = heartbeat.stop()
    heartbeat.start()
    until(lambda: job_state.over)
    beats = heartbeat.stop()
    assert job_state.finished is not None, job_state.failure
    finished = job_state.finished
    answer = {
        "while_loading": loading,
        "while_sampling": beats,
        "pictures_in_gallery": program.models.gallery.rowCount(),
        "steps": STEPS * PICTURES,
        "steps_painted": round(len(painted.steps) / (STEPS * PICTURES), 4),
        "ms_per_step": round(1000 * finished.seconds / (STEPS * PICTURES), 2),
        "previews_share": round(finished.preview_seconds / finished.seconds, 4),
        "preview_budget": program.models.preferences.preview_budget,
        "cancelling": cancelling(program),
    }
    program.close()
    return answer


def begun(program: Program, **values: object) -> JobState:
    """Have the form's picture made, with these values, and return the job's state."""
    program.models.form.edit(**values)
    program.window.generate()
    job_state = program.models.run.running
    assert job_state is not None
    return job_state


def cancelling(program: Program) -> dict[str, float]:
    """From Esc to the word on the screen, and to the end of the job."""
    canvas, times = program.window.pages.create_page.canvas, list[tuple[float, float]]()

    def once(job_state: JobState) -> None:
        until(lambda: (done := job_state.latest(0)) is not None and done.step > 5)
        start = time.perf_counter()
        QTest.keyClick(program.window, Qt.Key.Key_Escape)
        until(lambda: canvas.time_left == "Stopping" or job_state.over)
        said = time.perf_counter() - start
        until(lambda: job_state.over)
        times.append((1000 * said, 1000 * (time.perf_counter() - start)))

    for _ in range(5):
        once(begun(program, count=1, steps=200))
    return {
        "acknowledged_ms": round(max(said for said, _ in times), 1),
        "ended_ms": round(max(ended for _, ended in times), 1),
    }


def memory() -> dict[str, Any]:
    """The memory after each of several equal rounds, after as many warm-ups as fill every cache."""
    program = opened()
    program.models.preferences.set("preview_budget", 1.0)
    rounds, thumbnails, previews = list[float](), list[float](), set[int]()
    for _ in range(WARM_UPS + ROUNDS):
        job_state = begun(
            program, count=PICTURES_IN_ROUND, steps=STEPS_OF_PICTURE, sampler="ddim", guidance=1.0
        )
        until(lambda job_state=job_state: job_state.over, 300)
        previews.add(previews_of(job_state))
        gc.collect()
        rounds.append(round(resident_mb(), 2))
        thumbnails.append(round(thumbnails_mb(program), 2))
        say(
            f"window: {previews_of(job_state)} previews, {rounds[-1]} MB, of these {thumbnails[-1]} thumbnails"
        )
    program.close()
    return {
        "previews_in_a_round": min(previews),
        "resident_mb_after_each_round": rounds[WARM_UPS:],
        "of_these_thumbnails_mb": thumbnails[WARM_UPS:],
    }


def previews_of(job_state: JobState) -> int:
    record = job_state.job.record
    pictures = filter(None, map(record.picture, record.images()))
    return sum(done.preview is not None for picture in pictures for done in picture.steps)


def thumbnails_mb(program: Program) -> float:
    """The thumbnails of the newest pictures, whose cache takes long to fill: it holds about two thousand."""
    gallery = program.models.gallery
    entries = filter(None, map(gallery.entry_at, range(min(gallery.rowCount(), NEWEST))))
    images = (program.models.thumbnails.image(entry.path, 0) for entry in entries)
    return sum(image.sizeInBytes() for image in images if image is not None) / 2**20


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    print(
        json.dumps({"start_up": start_up, "sampling": sampling, "memory": memory}[sys.argv[1]]()), flush=True
    )
