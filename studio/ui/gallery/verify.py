"""Verification: generating a picture of the gallery again, and comparing every pixel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from studio.gallery import png
from studio.runs.replay import verify
from studio.ui.core.engine_call import EngineCall
from studio.ui.gallery import text
from studio.ui.language import tr

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
"""The interval at which progress is read."""
MAX_RESULTS = 200

Outcome = Literal["running", "same", "different", "failed"]


@dataclass(frozen=True)
class Check:
    """The verification of one picture.

    Attributes:
        outcome: the result, or "running".
        sentence: the same as text.
        fraction: progress, 0 to 1.
        level: the noise level reached, 0 to 1.
    """

    outcome: Outcome
    sentence: str
    fraction: float = 0.0
    level: float = 1.0


class _Progress:
    """The newest step; written by the engine thread, read by the GUI thread."""

    newest: StepDone | None = None

    def note(self, done: StepDone) -> None:
        self.newest = done


class VerifyModel(QObject):
    """Verifies one picture at a time, and remembers the results.

    Signals:
        changed: the result or the progress of a picture has changed.
    """

    changed = Signal()

    def __init__(
        self, store: RunStore, folders: Folders, engine: EngineCaller, parent: QObject | None = None
    ) -> None:
        """Verify with ``engine`` and the models in ``folders``; forks start from the runs of ``store``."""
        super().__init__(parent)
        self._store, self._folders, self._engine = store, folders, engine
        self._known: dict[Path, Check] = {}
        self._running: tuple[Path, EngineCall[Verdict | None], _Progress] | None = None
        self._timer = QTimer(self, interval=LOOK_MS)
        self._timer.timeout.connect(self._look)

    def of(self, entry: Entry) -> Check | None:
        """Return the verification of a picture; None if there was none."""
        return self._known.get(entry.path)

    def begin(self, entry: Entry) -> None:
        """Verify a picture; a running verification of another is stopped."""
        self.stop()
        progress = _Progress()
        call = EngineCall(
            work=partial(_check, entry.path, self._store, self._folders, progress),
            then=self._take,
            failed=self._fail,
        )
        self._running = entry.path, call, progress
        self._note(entry.path, Check("running", text.verify_waiting()))
        self._timer.start()
        self._engine.call(call)

    @Slot()
    def stop(self) -> None:
        """Stop the running verification, and forget it."""
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
            self._note(path, Check("same" if verdict.identical else "different", tr(verdict.sentence)))

    def _fail(self, sentence: str) -> None:
        if self._running is not None:
            path = self._running[0]
            self._end()
            self._note(path, Check("failed", text.verify_failed(sentence)))

    @Slot()
    def _look(self) -> None:
        if self._running is None or (done := self._running[2].newest) is None:
            return
        sentence = text.verify_step(done.step, done.steps)
        check = Check("running", sentence, done.step / max(done.steps, 1), done.level)
        if check != self._known.get(self._running[0]):
            self._note(self._running[0], check)

    def _note(self, path: Path, check: Check) -> None:
        self._known.pop(path, None)
        self._known[path] = check
        while len(self._known) > MAX_RESULTS:
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
