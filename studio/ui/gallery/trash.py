"""Moving pictures to the system's trash and back. Nothing here ever deletes a picture.

The recorded run of a picture is set aside in its own folder until the picture is restored or the space is needed.
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
from studio.messages import message
from studio.storage import ensure_folder, rename_new, storage_error
from studio.ui.gallery import text
from studio.ui.language import tr

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from studio.errors import StudioError
    from studio.gallery.index import Catalogue, Entry
    from studio.runs.store import RunStore
    from studio.ui.core.background import Background
    from studio.ui.core.notices import Notices


@dataclass(frozen=True, kw_only=True, eq=False)
class Thrown:
    """A picture in the trash.

    Attributes:
        entry: as it was listed.
        place: where its file is now; None if the file was missing, or the system does not say.
        returnable: whether it can be restored.
        run: its recorded run, which was set aside; None without one, or if another picture shares it.
    """

    entry: Entry
    place: Path | None
    returnable: bool
    run: str | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """The result of moving several pictures.

    Attributes:
        thrown: those moved to the trash.
        back: those restored, as the catalogue lists them now.
        faults: a translated error for each of the others, which stay where they were.
    """

    thrown: tuple[Thrown, ...] = ()
    back: tuple[Entry, ...] = ()
    faults: tuple[str, ...] = ()


def throw_away(catalogue: Catalogue, entries: Sequence[Entry], runs: RunStore | None = None) -> Outcome:
    """Move pictures to the trash, and remove those that were moved from the catalogue.

    Args:
        catalogue: lists the pictures.
        entries: the pictures.
        runs: the store whose runs go with them.
    """
    thrown: list[Thrown] = []
    faults: list[str] = []
    for entry in entries:
        try:
            thrown.append(_throw(entry))
        except StorageError as error:
            faults.append(tr(error.message))
    try:
        catalogue.remove([item.entry for item in thrown])
    except StorageError as error:
        # The catalogue still lists them, so the files must be where it says.
        undone = bring_back(None, thrown)
        return Outcome(faults=(*faults, tr(error.message), *undone.faults))
    if runs is not None:
        thrown = _without_runs(catalogue, thrown, runs, faults)
    return Outcome(thrown=tuple(thrown), faults=tuple(faults))


def bring_back(
    catalogue: Catalogue | None, thrown: Sequence[Thrown], runs: RunStore | None = None
) -> Outcome:
    """Move pictures back from the trash, and add them to the catalogue at their old places.

    Args:
        catalogue: the catalogue; None if it still lists them.
        thrown: the pictures.
        runs: the store whose runs come back with them.
    """
    back: list[Entry] = []
    faults: list[str] = []
    for item in thrown:
        entry = item.entry
        try:
            if item.place is not None:
                _return(item.place, entry.path)
        except StorageError as error:
            faults.append(tr(error.message))
            continue
        try:
            if catalogue is not None:
                entry = replace(entry, id=catalogue.add(entry))
        except StorageError as error:
            faults.append(text.restored_unlisted(entry.path, error))
            entry = replace(entry, id=None)
        back.append(entry)
        if runs is not None and item.run is not None:
            try:
                runs.restore(item.run)
            except StorageError:
                faults.append(text.restored_without_run(entry.path))
    return Outcome(back=tuple(back), faults=tuple(faults))


def _without_runs(
    catalogue: Catalogue, thrown: Sequence[Thrown], runs: RunStore, faults: list[str]
) -> list[Thrown]:
    """Set the runs of the pictures aside, except those that a listed picture also comes from."""
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
            faults.append(text.run_not_trashed(item.entry.path, error))
            run = None
        parted.append(replace(item, run=run))
    return parted


def _throw(entry: Entry) -> Thrown:
    if not os.path.lexists(entry.path):
        return Thrown(entry=entry, place=None, returnable=True)
    with contextlib.suppress(StorageError):
        # Qt creates the trash inside it, but not this folder, which a new user may not have yet.
        ensure_folder(
            Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.GenericDataLocation))
        )
    file = QFile(str(entry.path))
    if not file.moveToTrash():
        # Qt reports the errno of its last attempt, which misleads.
        reason = message("could not be moved to the trash and stays where it is; its drive may have no trash")
        raise StorageError(entry.path, reason)
    place = Path(file.fileName())
    known = bool(file.fileName()) and place != entry.path and os.path.lexists(place)
    return Thrown(entry=entry, place=place if known else None, returnable=known)


def _return(place: Path, path: Path) -> None:
    ensure_folder(path.parent)
    try:
        rename_new(place, path)  # never overwrites another file
    except OSError as error:
        raise storage_error(path, error) from error
    # On Linux a .trashinfo file says where the file came from; left behind, it would show a ghost in the trash.
    if place.parent.name == "files":
        with contextlib.suppress(OSError):
            os.unlink(place.parent.parent / "info" / f"{place.name}.trashinfo")


class GalleryTrash(QObject):
    """Moves pictures of the gallery to the trash in another thread, and offers to undo it.

    Signals:
        thrown: pictures were moved to the trash; carries their entries.
        back: a picture was restored; carries its entry.
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
            if returnable:
                self._notices.post(
                    text.trashed(count), action=tr("Undo"), act=partial(self._bring_back, returnable)
                )
            else:
                self._notices.post(text.trashed(count))

    def _bring_back(self, thrown: Sequence[Thrown]) -> None:
        work = partial(bring_back, self._catalogue, thrown, self._runs)
        self._background.do(work, self._on_back, self._on_failed)

    def _on_back(self, outcome: Outcome) -> None:
        for entry in outcome.back:
            self.back.emit(entry)
        self._tell_faults(outcome)

    def _tell_faults(self, outcome: Outcome) -> None:
        if outcome.faults:
            details = "\n".join(outcome.faults) if len(outcome.faults) > 1 else ""
            self._notices.post(text.errors(outcome.faults), kind="error", details=details)

    def _on_failed(self, error: StudioError) -> None:
        self._notices.post(tr(error.message), kind="error")
