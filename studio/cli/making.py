"""Shared by the commands that make pictures: running a request, saving and reporting pictures, and Ctrl+C."""

from __future__ import annotations

import contextlib
import json
import signal
import tempfile
import threading
from typing import TYPE_CHECKING, TextIO

from studio.cli.output import StatusLine
from studio.engine.events import JobCancelled, JobStarted, ModelLoading, StepDone
from studio.engine.requests.previews import NO_PREVIEWS, Previews
from studio.format import time_left
from studio.storage import ensure_folder, storage_error

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from studio.engine.engine import Engine
    from studio.engine.events import Event, PictureDone
    from studio.engine.requests.plan import Request
    from studio.gallery.metadata import Origin
    from studio.gallery.store import PictureSaved, PictureStore, PictureUnsaved
    from studio.runs.store import RunStore
    from studio.runs.writer import RunRecorded

DONE, FAILED, INTERRUPTED = 0, 2, 130
BAR = 24


def run_request(
    engine: Engine,
    request: Request,
    cancelled: threading.Event,
    runs: RunStore | None,
    *,
    parent: str | None = None,
    parent_step: int | None = None,
) -> Iterator[Event | RunRecorded]:
    """Run a request and record it.

    Args:
        engine: runs it.
        request: what to make.
        cancelled: stops it when set.
        runs: the store that records it; None to record nothing.
        parent: of a fork, the id of the run that it continues.
        parent_step: the step of that run.
    """
    from studio.runs.writer import record

    previews = NO_PREVIEWS if runs is None else Previews(every=0, arrays=True)  # arrays are what is recorded
    events = engine.run(request, cancelled=cancelled, previews=previews)
    return events if runs is None else record(events, runs, parent=parent, parent_step=parent_step)


def report(
    events: Iterator[Event | RunRecorded],
    count: int,
    store: PictureStore,
    out: Path | None,
    *,
    as_json: bool,
    origin: Origin | None = None,
) -> int:
    """Save every picture, print a line for each, and return the exit code."""
    from studio.gallery.store import PictureSaved
    from studio.runs.writer import RunRecorded

    lines, code = _Lines(as_json=as_json), DONE
    reported = save_and_show(events, count, store, out, origin, name_runs=True)
    try:
        with contextlib.closing(reported):
            for event in reported:
                match event:
                    case ModelLoading() | JobStarted() | StepDone():
                        pass
                    case PictureSaved():
                        lines.add(event)
                        if event.fault is not None:
                            return FAILED
                    case RunRecorded():
                        lines.finish(event.run_id)
                    case JobCancelled():
                        code = INTERRUPTED
                    case _:
                        lines.finish()
    finally:
        lines.finish()
    return code


def save_and_show(
    events: Iterator[Event | RunRecorded],
    count: int,
    store: PictureStore,
    out: Path | None = None,
    origin: Origin | None = None,
    *,
    name_runs: bool = False,
) -> Generator[Event | RunRecorded | PictureSaved | PictureUnsaved, None, None]:
    """Save every picture of a job and show its progress on stderr; pass all events on.

    Args:
        events: of the job.
        count: how many pictures it makes.
        store: where pictures are saved.
        out: a folder to save them in instead.
        origin: of forks, what they were forked from.
        name_runs: whether to show the id of every recorded run.

    Yields:
        The events, with a `PictureSaved` in place of each `PictureDone`, each after it was shown.

    Raises:
        StorageError: a picture could not be written anywhere.
    """
    from studio.gallery.store import PictureSaved, save_pictures
    from studio.runs.writer import RunRecorded

    progress = Progress(count)
    try:
        for event in save_pictures(events, store, out, origin):
            match event:
                case ModelLoading() | JobStarted() | StepDone():
                    progress.show(event)
                case PictureSaved():
                    progress.picture(event.done)
                    for note in event.entry.notes:
                        progress.say(f"Note: {note}")
                    if event.fault is not None:
                        progress.say(f"stepwise: {event.fault} The picture was saved as {event.entry.path}.")
                case RunRecorded():
                    if event.run_id is not None and name_runs:
                        whole = "" if event.complete else ", incompletely"
                        progress.say(f"Recorded as run {event.run_id}{whole}")
                    if event.fault is not None:
                        progress.say(f"Note: The run could not be recorded completely. {event.fault}")
                case JobCancelled():
                    progress.say(f"Interrupted; {event.pictures} of {count} pictures are saved.")
            yield event
    finally:
        progress.clear()


class Progress(StatusLine):
    """Progress of a job on stderr: a bar on a terminal, a line for each picture elsewhere."""

    def __init__(self, count: int, stream: TextIO | None = None) -> None:
        """Report on ``count`` pictures, on ``stream`` (None: stderr)."""
        super().__init__(stream)
        self._count, self._converting = count, False

    def show(self, event: ModelLoading | JobStarted | StepDone) -> None:
        """Show that a model is loaded or a job starts, with its notes, or redraw the bar."""
        match event:
            case ModelLoading() if event.converted is not None:
                self.convert(event.model, event.converted)
            case ModelLoading():
                self.say(f"Loading the model {event.model} ...")
            case JobStarted():
                self.say(f"{event.model_title} on {event.device}, {event.dtype}")
                for note in event.notes:
                    self.say(f"Note: {note}")
            case StepDone():
                self.step(event)

    def convert(self, model: str, fraction: float) -> None:
        """Show how much of a model's file is converted."""
        if not self._converting:
            self.say(f"Converting the PyTorch file of the model {model}, which is done once ...")
            self._converting = True
        filled = int(BAR * fraction)
        self.draw(f"[{'#' * filled}{'.' * (BAR - filled)}] {fraction:.0%}")

    def step(self, done: StepDone) -> None:
        filled = BAR * done.step // done.steps
        left = done.seconds / done.step * (done.steps - done.step)
        which = f"picture {done.image + 1} of {self._count}, " if self._count > 1 else ""
        bar = f"{'#' * filled}{'.' * (BAR - filled)}"
        self.draw(f"[{bar}] {which}step {done.step} of {done.steps}, {time_left(left)}")

    def picture(self, done: PictureDone) -> None:
        """Show that a picture is finished."""
        which = f"picture {done.image + 1} of {self._count}: " if self._count > 1 else ""
        self.say(f"{which}seed {done.seed}, {done.model_calls} model calls, {done.seconds:.1f} s")


class _Lines:
    """Prints a line for each picture; as JSON together with its run, which is reported right after the picture."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._pending: PictureSaved | None = None

    def add(self, saved: PictureSaved) -> None:
        if self._as_json:
            self.finish()
            self._pending = saved
        else:
            print(saved.entry.path, flush=True)

    def finish(self, run: str | None = None) -> None:
        saved, self._pending = self._pending, None
        if saved is not None:
            print(_as_json(saved, run), flush=True)


def check_writable(folder: Path) -> None:
    """Create the folder and check that files can be written there, before anyone has waited for a picture.

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
    """Provide an event that Ctrl+C sets, so that a job ends between two model calls and no picture is lost.

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


def _as_json(saved: PictureSaved, run: str | None) -> str:
    done = saved.done
    return json.dumps(
        {
            "path": str(saved.entry.path),
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
