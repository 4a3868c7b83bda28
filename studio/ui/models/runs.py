"""The recorded runs, for the window to open: everything that reads the disk happens in another thread."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.errors import StorageError
from studio.ui.core.background import Background
from studio.ui.models.lineage import family_of
from studio.ui.models.stored import course_of

if TYPE_CHECKING:
    from pathlib import Path

    from studio.errors import StudioError
    from studio.gallery.catalogue import Catalogue
    from studio.gallery.entry import Entry
    from studio.runs.store import RunStore
    from studio.ui.models.course import Course, Lineage

NOT_RECORDED = (
    "This picture has no recorded run: it was made without recording, or its run has made room for others."
)
GONE = "That run is not there any more: it was thrown away, or has made room for others."


class RunsModel(QObject):
    """Opens runs.

    Signals:
        opened: a run is there, a `Course`.
        failed: it cannot be opened: a sentence.
        family: a run and its relatives were found, a tuple of `Relative`.
        used: how many bytes all runs take.
        found: the run that a picture came from is known, an `Entry` and the run's id, or "" where it has none.
        pinned: a run is pinned now, or no more; carries its id.
    """

    opened = Signal(object)
    failed = Signal(str)
    family = Signal(object)
    used = Signal(object)  # an int of Qt's would end at two GiB
    found = Signal(object, str)
    pinned = Signal(str)

    def __init__(self, store: RunStore, catalogue: Catalogue, parent: QObject | None = None) -> None:
        """Read from ``store``; the pictures of runs are listed in ``catalogue``."""
        super().__init__(parent)
        self.store, self._catalogue = store, catalogue
        self._background = Background(self)

    def open_picture(self, entry: Entry) -> None:
        """Open the run that a picture of the gallery came from."""
        self._background.do(
            partial(_of_picture, self.store, entry), self._on_opened, self._on_failed, key="open"
        )

    def open_run(self, run: str) -> None:
        """Open a run by its id."""
        work = partial(_of_id, self.store, self._catalogue, run)
        self._background.do(work, self._on_opened, self._on_failed, key="open")

    def open_parent(self, lineage: Lineage) -> None:
        """Open the run that another goes on from, at the step it left it at."""
        work = partial(_of_lineage, self.store, self._catalogue, lineage)
        self._background.do(work, self._on_opened, self._on_failed, key="open")

    def find_family(self, run: str) -> None:
        """Find the runs that one was forked from, and those forked from it."""
        self._background.do(
            partial(family_of, self.store, self._catalogue, run),
            self.family.emit,
            self._on_failed,
            key="family",
        )

    def find_run(self, entry: Entry) -> None:
        """Find out which run a picture of the gallery came from."""
        work = partial(_run_of, self.store, entry)
        self._background.do(work, partial(self.found.emit, entry), self._on_failed, key="find")

    def is_pinned(self, run: str) -> bool:
        """Whether a run never gives up its steps."""
        return self.store.is_pinned(run)

    def set_pinned(self, run: str, pinned: bool) -> None:
        """Let a run never give up its steps, or let it again."""
        work = partial(self.store.pin if pinned else self.store.unpin, run)
        self._background.do(work, partial(self._on_pinned, run), self._on_failed)

    @Slot()
    def measure(self) -> None:
        """Find out how much room the runs take."""
        self._background.do(self.store.used_bytes, self.used.emit, self._on_failed, key="measure")

    def close(self) -> None:
        """Drop what was not begun."""
        self._background.close()

    def _on_opened(self, course: Course) -> None:
        self.opened.emit(course)

    def _on_pinned(self, run: str, _: None) -> None:
        self.pinned.emit(run)

    def _on_failed(self, error: StudioError) -> None:
        self.failed.emit(str(error))


class NotThereError(StorageError):
    """A run is not there."""

    def __init__(self, path: Path, sentence: str) -> None:
        """Say so in a sentence of its own."""
        super().__init__(path, "is not there")
        self._sentence = sentence

    def __str__(self) -> str:
        """Return one sentence."""
        return self._sentence


def _of_picture(store: RunStore, entry: Entry) -> Course:
    run, origin = _run_of(store, entry), entry.metadata.origin
    if not run:
        raise NotThereError(entry.path, NOT_RECORDED)
    if origin is None or origin.kind != "step":
        return course_of(store.open(run), entry)
    course = course_of(store.open(run), None)
    course.opens_at = origin.step
    return course


def _run_of(store: RunStore, entry: Entry) -> str:
    """Return the run that a picture came from, or is a step of; "" where that is not there."""
    origin = entry.metadata.origin
    if origin is not None and origin.kind == "step" and origin.run:
        return origin.run
    return store.of_picture(entry.metadata.final_sha256) or ""


def _of_lineage(store: RunStore, catalogue: Catalogue, lineage: Lineage) -> Course:
    course = _of_id(store, catalogue, lineage.run)
    course.opens_at = lineage.step
    return course


def _of_id(store: RunStore, catalogue: Catalogue, run: str) -> Course:
    if run not in store.runs():
        raise NotThereError(store.path(run), GONE)
    stored, entry = store.open(run), None
    if stored.picture is not None:
        number = catalogue.finals().get(stored.picture.final_sha256)
        entry = next(iter(catalogue.entries_of([number])), None) if number is not None else None
    return course_of(stored, entry)
