"""What becomes of a picture that is finished: it is shown, what was unusual is told, and what failed is tried again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from studio.gallery.keeping import PictureKept, PictureUnsaved, keep_one

if TYPE_CHECKING:
    from studio.gallery.store import PictureStore
    from studio.ui.core.notices import Notices
    from studio.ui.models.gallery import GalleryModel


class KeptPictures:
    """Leads finished pictures to the gallery and the notices."""

    def __init__(self, store: PictureStore, gallery: GalleryModel, notices: Notices) -> None:
        """Take where pictures are written, where they are shown, and where things are told."""
        self._store, self._gallery, self._notices = store, gallery, notices

    def take(self, event: PictureKept | PictureUnsaved) -> None:
        """Show a picture that was kept, and say how; offer to try again where it was not."""
        if isinstance(event, PictureUnsaved):
            self._offer_to_save(event)
            return
        self._gallery.add(event.entry)
        if event.fault is not None:
            self._notices.post(f"{event.fault} The picture was kept as {event.entry.path}.", kind="error")
        for note in event.entry.notes:
            self._notices.post(note, kind="warn")

    def _offer_to_save(self, event: PictureUnsaved) -> None:
        self._notices.post(
            f"The picture could not be saved: {event.error} It is kept in memory as long as the window is open.",
            kind="error",
            action="Try again",
            act=partial(self._save_again, event),
        )

    def _save_again(self, event: PictureUnsaved) -> None:
        kept = keep_one(event.done, self._store)
        if isinstance(kept, PictureUnsaved):
            self._offer_to_save(kept)
        else:
            self._gallery.add(kept.entry)
            self._notices.post(f"The picture is saved as {kept.entry.path}.")
