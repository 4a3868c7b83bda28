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
    from collections.abc import Collection, Sequence

    from studio.errors import StudioError
    from studio.gallery.index import Catalogue, Entry
    from studio.runs.store import RunStore
    from studio.ui.core.background import Background
    from studio.ui.core.notices import Notices


@dataclass(frozen=True, kw_only=True, eq=False)
class TrashedPicture:
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
        trashed: those moved to the trash.
        restored: those moved back, as the catalogue lists them now.
        faults: a translated error for each of the others, which stay where they were.
    """

    trashed: tuple[TrashedPicture, ...] = ()
    restored: tuple[Entry, ...] = ()
    faults: tuple[str, ...] = ()


def move_to_trash(catalogue: Catalogue, entries: Sequence[Entry], runs: RunStore | None = None) -> Outcome:
    """Move pictures to the trash, and remove those that were moved from the catalogue.

    Args:
        catalogue: lists the pictures.
        entries: the pictures.
        runs: the store whose runs go with them.
    """
    trashed: list[TrashedPicture] = []
    faults: list[str] = []
    for entry in entries:
        try:
            trashed.append(_trash_file(entry))
        except StorageError as error:
            faults.append(tr(error.message))
    try:
        catalogue.remove([item.entry for item in trashed])
    except StorageError as error:
        # The catalogue still lists them, so the files must be where it says.
        undone = restore(None, trashed)
        return Outcome(faults=(*faults, tr(error.message), *undone.faults))
    if runs is not None:
        trashed = _trash_runs(catalogue, trashed, runs, faults)
    return Outcome(trashed=tuple(trashed), faults=tuple(faults))


def restore(
    catalogue: Catalogue | None, trashed: Sequence[TrashedPicture], runs: RunStore | None = None
) -> Outcome:
    """Move pictures back from the trash, and add them to the catalogue at their old places.

    Args:
        catalogue: the catalogue; None if it still lists them.
        trashed: the pictures.
        runs: the store whose runs are restored with them.
    """
    restored: list[Entry] = []
    faults: list[str] = []
    for item in trashed:
        entry = item.entry
        try:
            if item.place is not None:
                _restore_file(item.place, entry.path)
        except StorageError as error:
            faults.append(tr(error.message))
            continue
        try:
            if catalogue is not None:
                entry = replace(entry, id=catalogue.add(entry))
        except StorageError as error:
            faults.append(text.restored_unlisted(entry.path, error))
            entry = replace(entry, id=None)
        restored.append(entry)
        if runs is not None and item.run is not None:
            try:
                runs.restore(item.run)
            except StorageError:
                faults.append(text.restored_without_run(entry.path))
    return Outcome(restored=tuple(restored), faults=tuple(faults))


def _trash_runs(
    catalogue: Catalogue, trashed: Sequence[TrashedPicture], runs: RunStore, faults: list[str]
) -> list[TrashedPicture]:
    """Set the runs of the pictures aside, except those shared with a picture that is still listed."""
    parted: list[TrashedPicture] = []
    listed: Collection[str] | None = None
    finals = {item.entry.metadata.final_sha256 for item in trashed}
    for item in trashed:
        metadata, run = item.entry.metadata, None
        try:
            if metadata.origin is None or metadata.origin.kind != "step":  # else the run is another picture's
                run = runs.of_picture(metadata.final_sha256)
            if run is not None:
                listed = catalogue.ids_by_final_hash(finals) if listed is None else listed
                if metadata.final_sha256 in listed:
                    run = None
                else:
                    runs.remove(run)
        except StorageError as error:
            faults.append(text.run_not_trashed(item.entry.path, error))
            run = None
        parted.append(replace(item, run=run))
    return parted


def _trash_file(entry: Entry) -> TrashedPicture:
    if not os.path.lexists(entry.path):
        return TrashedPicture(entry=entry, place=None, returnable=True)
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
    return TrashedPicture(entry=entry, place=place if known else None, returnable=known)


def _restore_file(place: Path, path: Path) -> None:
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
        trashed: pictures were moved to the trash; carries their entries.
        restored: a picture was restored; carries its entry.
    """

    trashed = Signal(object)
    restored = Signal(object)

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

    def trash(self, entries: Sequence[Entry]) -> None:
        """Move pictures and their recorded runs to the trash; a notice offers to undo it."""
        if entries:
            work = partial(move_to_trash, self._catalogue, tuple(entries), self._runs)
            self._background.do(work, self._on_trashed, self._on_failed)

    def _on_trashed(self, outcome: Outcome) -> None:
        self.trashed.emit(tuple(item.entry for item in outcome.trashed))
        self._post_faults(outcome)
        returnable = tuple(item for item in outcome.trashed if item.returnable)
        if outcome.trashed:
            count = len(outcome.trashed)
            if returnable:
                self._notices.post(
                    text.trashed(count), action=tr("Undo"), act=partial(self._restore, returnable)
                )
            else:
                self._notices.post(text.trashed(count))

    def _restore(self, trashed: Sequence[TrashedPicture]) -> None:
        work = partial(restore, self._catalogue, trashed, self._runs)
        self._background.do(work, self._on_restored, self._on_failed)

    def _on_restored(self, outcome: Outcome) -> None:
        for entry in outcome.restored:
            self.restored.emit(entry)
        self._post_faults(outcome)

    def _post_faults(self, outcome: Outcome) -> None:
        if outcome.faults:
            details = "\n".join(outcome.faults) if len(outcome.faults) > 1 else ""
            self._notices.post(text.errors(outcome.faults), kind="error", details=details)

    def _on_failed(self, error: StudioError) -> None:
        self._notices.post(tr(error.message), kind="error")
