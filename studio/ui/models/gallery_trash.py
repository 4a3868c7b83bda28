"""Throwing pictures of the gallery away, with a way back, and telling of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from studio.ui.models.trash import bring_back, throw_away

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studio.errors import StudioError
    from studio.gallery.catalogue import Catalogue
    from studio.gallery.entry import Entry
    from studio.runs.store import RunStore
    from studio.ui.core.background import Background
    from studio.ui.core.notices import Notices
    from studio.ui.models.trash import Outcome, Thrown


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
