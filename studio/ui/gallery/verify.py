"""Making a picture of the gallery again, to see whether it comes out the same: asked of the engine, and remembered."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from studio.gallery import png
from studio.runs.replay import verify
from studio.ui.core.engine_call import EngineCall

if TYPE_CHECKING:
    from pathlib import Path

    from studio.engine.events import StepDone
    from studio.engine.protocol import Engine
    from studio.folders import Folders
    from studio.gallery.index import Entry
    from studio.runs.replay import Verdict
    from studio.runs.store import RunStore
    from studio.ui.core.engine_call import EngineCaller

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
    """

    changed = Signal()

    def __init__(
        self, store: RunStore, folders: Folders, engine: EngineCaller, parent: QObject | None = None
    ) -> None:
        """Make forks again from the runs of ``store``, with the models in ``folders``, by ``engine``."""
        super().__init__(parent)
        self._store, self._folders, self._engine = store, folders, engine
        self._known: dict[Path, Check] = {}
        self._running: tuple[Path, EngineCall[Verdict | None], _Progress] | None = None
        self._timer = QTimer(self, interval=LOOK_MS)
        self._timer.timeout.connect(self._look)

    def of(self, entry: Entry) -> Check | None:
        """Return what is known of a picture."""
        return self._known.get(entry.path)

    def begin(self, entry: Entry) -> None:
        """Make a picture again; another that is under way is stopped."""
        self.stop()
        progress = _Progress()
        call = EngineCall(
            work=partial(_check, entry.path, self._store, self._folders, progress),
            then=self._take,
            failed=self._fail,
        )
        self._running = entry.path, call, progress
        self._note(entry.path, Check("running", WAITING))
        self._timer.start()
        self._engine.call(call)

    @Slot()
    def stop(self) -> None:
        """Stop what is under way; nothing is known then."""
        if self._running is not None:
            path, call, _ = self._running
            call.cancel()
            self._end()
            self._known.pop(path, None)
            self.changed.emit()

    def _take(self, verdict: Verdict | None) -> None:
        if self._running is not None and verdict is not None:
            path = self._running[0]
            self._end()
            self._note(path, Check("same" if verdict.identical else "different", str(verdict)))

    def _fail(self, sentence: str) -> None:
        if self._running is not None:
            path = self._running[0]
            self._end()
            self._note(path, Check("failed", f"It cannot be made again: {sentence}"))

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
    path: Path,
    store: RunStore,
    folders: Folders,
    progress: _Progress,
    call: EngineCall[Verdict | None],
    engine: Engine,
) -> Verdict | None:
    from studio.gallery.images import read_pixels  # noqa: PLC0415 - the window opens before numpy is there

    metadata = png.metadata_of(path)
    return verify(read_pixels(path), metadata, engine, store, folders, call.cancelled, progress.note)
