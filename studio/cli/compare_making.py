"""Making the panes of ``stepwise compare``: each is kept and recorded like any picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from studio.cli.progress import Progress
from studio.engine.events import JobCancelled, JobStarted, ModelLoading, StepDone
from studio.gallery.store import PictureSaved, save_pictures
from studio.runs.writer import RunRecorded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from studio.engine.events import Event, PictureDone
    from studio.gallery.store import PictureStore


@dataclass(frozen=True, kw_only=True, eq=False)
class Pane:
    """One finished pane.

    Attributes:
        done: its picture.
        path: where that is kept.
        run: its recorded run; None where it is not recorded.
        fault: whether the picture is not where it should be.
    """

    done: PictureDone
    path: Path
    run: str | None = None
    fault: bool = False


def made(events: Iterator[Event | RunRecorded], count: int, store: PictureStore) -> list[Pane] | None:
    """Keep every picture, tell of everything, and return the panes; None where it was interrupted.

    Raises:
        StorageError: a picture could be written nowhere.
    """
    progress, found = Progress(count), dict[int, Pane]()
    try:
        for event in save_pictures(events, store):
            match event:
                case ModelLoading() | JobStarted() | StepDone():
                    progress.tell(event)
                case PictureSaved():
                    progress.picture(event.done)
                    for note in event.entry.notes:
                        progress.say(f"Note: {note}")
                    faulty = event.fault is not None
                    found[event.done.image] = Pane(done=event.done, path=event.entry.path, fault=faulty)
                    if faulty:
                        progress.say(f"stepwise: {event.fault} The picture was kept as {event.entry.path}.")
                case RunRecorded():
                    if event.image in found:
                        found[event.image] = replace(found[event.image], run=event.run_id)
                    if event.fault is not None:
                        progress.say(f"Note: The run could not be recorded whole. {event.fault}")
                case JobCancelled():
                    progress.say(f"Interrupted; {event.pictures} of {count} pictures are saved.")
                    return None
    finally:
        progress.clear()
    return [found[place] for place in range(count)]
