"""Moving pictures to the system's trash, and back. Nothing here ever deletes a picture.

The recorded run of a picture stays in its own folder, put aside, until it is brought back or its room is needed.

Throwing pictures of the gallery away, with a way back, and telling of it.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QFile, QObject, QStandardPaths, Signal

from studio.errors import StorageError
from studio.storage import ensure_folder, rename_new, storage_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from studio.errors import StudioError
    from studio.gallery.index import Catalogue, Entry
    from studio.runs.store import RunStore
    from studio.ui.core.background import Background
    from studio.ui.core.notices import Notices


@dataclass(frozen=True, kw_only=True, eq=False)
class Thrown:
    """One picture that is in the trash.

    Attributes:
        entry: as it was listed.
        place: where its file is now; None where there was no file any more, or the system does not say.
        returnable: it can be brought back.
        run: its recorded run, which was put aside; None where it has none, or another picture has it too.
    """

    entry: Entry
    place: Path | None
    returnable: bool
    run: str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """What became of several pictures.

    Attributes:
        thrown: those moved to the trash; none where they were brought back.
        back: those brought back, as the catalogue lists them now.
        faults: one sentence for each of the others, which stay as they were.
    """

    thrown: tuple[Thrown, ...] = ()
    back: tuple[Entry, ...] = ()
    faults: tuple[str, ...] = ()


def throw_away(catalogue: Catalogue, entries: Sequence[Entry], runs: RunStore | None = None) -> Outcome:
    """Move files to the trash, and then take their entries out of the catalogue. Files that stay keep theirs.

    Args:
        catalogue: where they are listed.
        entries: the pictures.
        runs: where their recorded runs are, which go with them.
    """
    thrown: list[Thrown] = []
    faults: list[str] = []
    for entry in entries:
        try:
            thrown.append(_throw(entry))
        except StorageError as error:
            faults.append(str(error))
    try:
        catalogue.remove([item.entry for item in thrown])
    except StorageError as error:
        # The catalogue would go on listing them: put them back where it says they are.
        undone = bring_back(None, thrown)
        return Outcome(faults=(*faults, str(error), *undone.faults))
    if runs is not None:
        thrown = _without_runs(catalogue, thrown, runs, faults)
    return Outcome(thrown=tuple(thrown), faults=tuple(faults))


def bring_back(
    catalogue: Catalogue | None, thrown: Sequence[Thrown], runs: RunStore | None = None
) -> Outcome:
    """Move files back from the trash to where they were, and enter them in the catalogue at their old places.

    Args:
        catalogue: where they were listed; None where they still are.
        thrown: the pictures.
        runs: where their recorded runs are, which come back with them.
    """
    back: list[Entry] = []
    faults: list[str] = []
    for item in thrown:
        entry = item.entry
        try:
            if item.place is not None:
                _return(item.place, entry.path)
        except StorageError as error:
            faults.append(str(error))
            continue
        try:
            if catalogue is not None:
                entry = replace(entry, id=catalogue.add(entry))
        except StorageError as error:
            faults.append(f"{entry.path} is back, but the catalogue does not list it yet: {error}")
            entry = replace(entry, id=None)
        back.append(entry)
        if runs is not None and item.run is not None:
            try:
                runs.restore(item.run)
            except StorageError:
                faults.append(
                    f"{entry.path.name} is back; its recorded run has made room for others meanwhile."
                )
    return Outcome(back=tuple(back), faults=tuple(faults))


def _without_runs(
    catalogue: Catalogue, thrown: Sequence[Thrown], runs: RunStore, faults: list[str]
) -> list[Thrown]:
    """Put the runs of pictures aside, but for those that another picture that is still listed came from."""
    parted: list[Thrown] = []
    listed: Mapping[str, int] | None = None
    for item in thrown:
        metadata, run = item.entry.metadata, None
        try:
            if metadata.origin is None or metadata.origin.kind != "step":  # else the run is another picture's
                run = runs.of_picture(metadata.final_sha256)
            if run is not None:
                listed = catalogue.ids_by_final_hash() if listed is None else listed
                if metadata.final_sha256 in listed:
                    run = None
                else:
                    runs.remove(run)
        except StorageError as error:
            faults.append(f"{item.entry.path.name} is in the trash, but its recorded run stays: {error}")
            run = None
        parted.append(replace(item, run=run))
    return parted


def _throw(entry: Entry) -> Thrown:
    if not os.path.lexists(entry.path):
        return Thrown(entry=entry, place=None, returnable=True)
    with contextlib.suppress(StorageError):
        # Qt makes the trash inside, but not this folder itself, which a new user may not have yet.
        ensure_folder(
            Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericDataLocation))
        )
    file = QFile(str(entry.path))
    if not file.moveToTrash():
        # What Qt says of the cause is an errno of its last attempt, and misleads.
        reason = "could not be moved to the trash and stays where it is; its drive may have no trash"
        raise StorageError(entry.path, reason)
    place = Path(file.fileName())
    known = bool(file.fileName()) and place != entry.path and os.path.lexists(place)
    return Thrown(entry=entry, place=place if known else None, returnable=known)


def _return(place: Path, path: Path) -> None:
    ensure_folder(path.parent)
    try:
        rename_new(place, path)  # never in the place of another file
    except OSError as error:
        raise storage_error(path, error) from error
    # On Linux a note beside the trash says where the file came from; without the file it would be a ghost there.
    if place.parent.name == "files":
        with contextlib.suppress(OSError):
            os.unlink(place.parent.parent / "info" / f"{place.name}.trashinfo")


class GalleryTrash(QObject):
    """The trash, as far as pictures came there from here.

    Signals:
        thrown: pictures are in the trash; carries their entries.
        back: a picture is back; carries its entry.
    """

    thrown = Signal(object)
    back = Signal(object)

    def __init__(
        self,
        catalogue: Catalogue,
        runs: RunStore | None,
        notices: Notices,
        background: Background,
        parent: QObject | None = None,
    ) -> None:
        """Take where pictures and runs are listed, where to tell of it, and whose thread moves them."""
        super().__init__(parent)
        self._catalogue, self._runs = catalogue, runs
        self._notices, self._background = notices, background

    def throw(self, entries: Sequence[Entry]) -> None:
        """Move pictures and their recorded runs to the trash; a notice offers to undo it."""
        if entries:
            work = partial(throw_away, self._catalogue, tuple(entries), self._runs)
            self._background.do(work, self._on_thrown, self._on_failed)

    def _on_thrown(self, outcome: Outcome) -> None:
        self.thrown.emit(tuple(item.entry for item in outcome.thrown))
        self._tell_faults(outcome)
        returnable = tuple(item for item in outcome.thrown if item.returnable)
        if outcome.thrown:
            count = len(outcome.thrown)
            said = "Moved to the trash." if count == 1 else f"{count} pictures moved to the trash."
            if returnable:
                self._notices.post(said, action="Undo", act=partial(self._bring_back, returnable))
            else:
                self._notices.post(said)

    def _bring_back(self, thrown: Sequence[Thrown]) -> None:
        work = partial(bring_back, self._catalogue, thrown, self._runs)
        self._background.do(work, self._on_back, self._on_failed)

    def _on_back(self, outcome: Outcome) -> None:
        for entry in outcome.back:
            self.back.emit(entry)
        self._tell_faults(outcome)

    def _tell_faults(self, outcome: Outcome) -> None:
        if outcome.faults:
            others = len(outcome.faults) - 1
            more = f" {others} more could not be moved either." if others else ""
            self._notices.post(
                f"{outcome.faults[0]}{more}",
                kind="error",
                details="\n".join(outcome.faults) if others else "",
            )

    def _on_failed(self, error: StudioError) -> None:
        self._notices.post(str(error), kind="error")
