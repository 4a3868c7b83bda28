"""Making a picture of the gallery again, to see whether it comes out the same: asked of the engine, and remembered."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from studio.gallery import png
from studio.runs.verifying import verify
from studio.ui.core.job import Errand

if TYPE_CHECKING:
    from pathlib import Path

    from studio.engine.events import StepDone
    from studio.folders import Folders
    from studio.gallery.entry import Entry
    from studio.runs.store import RunStore
    from studio.runs.verifying import Verdict
    from studio.ui.core.engine_protocol import Engine
    from studio.ui.core.job import ErrandDone

LOOK_MS = 100
"""How often it is looked how far a check has come."""
MOST_KEPT = 200
WAITING = "Waits for the device"
_RUNNING = "Being made again, step {step} of {steps}"

Outcome = Literal["running", "same", "different", "failed"]


@dataclass(frozen=True)
class Check:
    """What is known of one picture.

    Attributes:
        outcome: how it came out, or that it is under way.
        words: the same for people.
        fraction: how far it has come, 0 to 1.
        level: the noise that is left there, 0 to 1.
    """

    outcome: Outcome
    words: str
    fraction: float = 0.0
    level: float = 1.0


class _Progress:
    """The newest step; written by the engine's thread, read by the window's."""

    newest: StepDone | None = None

    def note(self, done: StepDone) -> None:
        self.newest = done


class VerifyModel(QObject):
    """Checks one picture at a time.

    Signals:
        changed: something else is known of a picture.
        errand_requested: an `Errand` is to be done with the engine.
    """

    changed = Signal()
    errand_requested = Signal(object)

    def __init__(self, store: RunStore, folders: Folders, parent: QObject | None = None) -> None:
        """Make forks again from the runs of ``store``, with the models in ``folders``."""
        super().__init__(parent)
        self._store, self._folders = store, folders
        self._known: dict[Path, Check] = {}
        self._running: tuple[Path, Errand, _Progress] | None = None
        self._timer = QTimer(self, interval=LOOK_MS)
        self._timer.timeout.connect(self._look)

    def of(self, entry: Entry) -> Check | None:
        """Return what is known of a picture."""
        return self._known.get(entry.path)

    def begin(self, entry: Entry) -> None:
        """Make a picture again; another that is under way is stopped."""
        self.stop()
        progress = _Progress()
        errand = Errand(work=partial(_check, entry.path, self._store, self._folders, progress))
        self._running = entry.path, errand, progress
        self._note(entry.path, Check("running", WAITING))
        self._timer.start()
        self.errand_requested.emit(errand)

    @Slot()
    def stop(self) -> None:
        """Stop what is under way; nothing is known then."""
        if self._running is not None:
            path, errand, _ = self._running
            errand.cancelled.set()
            self._end()
            self._known.pop(path, None)
            self.changed.emit()

    @Slot(object)
    def take(self, done: ErrandDone) -> None:
        """An errand is done, perhaps one of this."""
        if self._running is None or done.errand is not self._running[1]:
            return
        path = self._running[0]
        self._end()
        if done.fault:
            self._note(path, Check("failed", f"It cannot be made again: {done.fault}"))
        elif done.answer is not None:
            verdict: Verdict = done.answer
            self._note(path, Check("same" if verdict.identical else "different", str(verdict)))
        else:
            self._known.pop(path, None)
            self.changed.emit()

    @Slot()
    def _look(self) -> None:
        if self._running is None or (done := self._running[2].newest) is None:
            return
        words = _RUNNING.format(step=done.step, steps=done.steps)
        check = Check("running", words, done.step / max(done.steps, 1), done.sigma)
        if check != self._known.get(self._running[0]):
            self._note(self._running[0], check)

    def _note(self, path: Path, check: Check) -> None:
        self._known.pop(path, None)
        self._known[path] = check
        while len(self._known) > MOST_KEPT:
            del self._known[next(iter(self._known))]
        self.changed.emit()

    def _end(self) -> None:
        self._timer.stop()
        self._running = None


def _check(
    path: Path, store: RunStore, folders: Folders, progress: _Progress, errand: Errand, engine: Engine
) -> Verdict | None:
    from studio.gallery.pixels import read_pixels  # noqa: PLC0415 - the window opens before numpy is there

    metadata = png.memory_of(path)
    return verify(read_pixels(path), metadata, engine, store, folders, errand.cancelled, progress.note)
