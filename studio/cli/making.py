"""What commands that make pictures share: telling of a job, keeping its pictures, ending it with Ctrl+C."""

from __future__ import annotations

import contextlib
import json
import signal
import tempfile
import threading
from typing import TYPE_CHECKING

from studio.engine.requests.previews import Previews
from studio.storage import ensure_folder, storage_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from studio.engine.events import Event
    from studio.gallery.metadata import Origin
    from studio.gallery.store import PictureSaved, PictureStore
    from studio.runs.writer import RunRecorded

RECORDED = Previews(every=0, arrays=True)
"""What a run that is recorded needs of the engine: its numbers, and nothing to see."""

DONE, FAILED, INTERRUPTED = 0, 2, 130


def report(
    events: Iterator[Event | RunRecorded],
    count: int,
    store: PictureStore,
    out: Path | None,
    *,
    as_json: bool,
    origin: Origin | None = None,
) -> int:
    """Keep every picture, tell of everything, and return the exit code."""
    from studio.cli.progress import Progress
    from studio.engine.events import JobCancelled, JobStarted, ModelLoading, StepDone
    from studio.gallery.store import PictureSaved, save_pictures
    from studio.runs.writer import RunRecorded

    progress, code = Progress(count), DONE
    lines = _Lines(as_json=as_json)
    try:
        for event in save_pictures(events, store, out, origin):
            match event:
                case ModelLoading() | JobStarted() | StepDone():
                    progress.tell(event)
                case PictureSaved():
                    progress.picture(event.done)
                    for note in event.entry.notes:
                        progress.say(f"Note: {note}")
                    lines.add(event)
                    if event.fault is not None:
                        lines.finish()
                        progress.say(f"stepwise: {event.fault} The picture was kept as {event.entry.path}.")
                        return FAILED
                case RunRecorded():
                    lines.finish(event.run_id)
                    if event.run_id is not None:
                        whole = "" if event.complete else ", as far as it went"
                        progress.say(f"Recorded as run {event.run_id}{whole}")
                    if event.fault is not None:
                        progress.say(f"Note: The run could not be recorded whole. {event.fault}")
                case JobCancelled():
                    progress.say(f"Interrupted; {event.pictures} of {count} pictures are saved.")
                    code = INTERRUPTED
                case _:
                    lines.finish()
    finally:
        lines.finish()
        progress.clear()
    return code


class _Lines:
    """Prints a line for each picture; as JSON together with its run, of which is told right after it."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._waiting: PictureSaved | None = None

    def add(self, kept: PictureSaved) -> None:
        if self._as_json:
            self.finish()
            self._waiting = kept
        else:
            print(kept.entry.path, flush=True)

    def finish(self, run: str | None = None) -> None:
        kept, self._waiting = self._waiting, None
        if kept is not None:
            print(_as_json(kept, run), flush=True)


def check_writable(folder: Path) -> None:
    """Create the folder, and refuse one that takes no files before anyone has waited for a picture.

    Raises:
        StorageError: it cannot be created or written.
    """
    ensure_folder(folder)
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise storage_error(folder, error) from error


@contextlib.contextmanager
def cancelled_by_interrupt() -> Iterator[threading.Event]:
    """Give an event that Ctrl+C sets, so that a job ends between two model calls and no picture is lost.

    A second Ctrl+C interrupts at once.
    """
    cancelled = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield cancelled
        return

    def interrupt(*_: object) -> None:
        signal.signal(signal.SIGINT, before)
        cancelled.set()

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield cancelled
    finally:
        signal.signal(signal.SIGINT, before)


def _as_json(kept: PictureSaved, run: str | None) -> str:
    done = kept.done
    return json.dumps(
        {
            "path": str(kept.entry.path),
            "run": run,
            "seed": done.seed,
            "sampler": done.request.sampler,
            "steps": done.request.steps,
            "model_calls": done.model_calls,
            "seconds": round(done.seconds, 3),
            "x_T_sha256": done.x_T_sha256,
            "final_sha256": done.final_sha256,
        }
    )
