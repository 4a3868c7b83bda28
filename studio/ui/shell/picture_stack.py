"""A page, or one picture large in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QStackedWidget, QWidget

from studio.gallery.index import Entry
from studio.ui.gallery.page import GalleryView
from studio.ui.gallery.viewer import Viewer

if TYPE_CHECKING:
    from studio.ui.shell.models import Models
    from studio.ui.theme.theme import Theme


class PictureStack(QStackedWidget):
    """Shows ``under``, and over it the picture that is opened, until that is closed.

    Signals:
        live_requested: the running job's tile was opened.
        settings_requested: a `GenerateRequest` is to fill the form.
    """

    live_requested = Signal()
    settings_requested = Signal(object)

    def __init__(self, theme: Theme, models: Models, under: QWidget, parent: QWidget | None = None) -> None:
        """Take the page beneath."""
        super().__init__(parent)
        self.under = under
        self.large = Viewer(theme, models.gallery, models.verifier, models.runs, models.catalog)
        self.addWidget(under)
        self.addWidget(self.large)
        self._preferences = models.preferences
        self._on_preference_changed("enlarge")
        self._preferences.changed.connect(self._on_preference_changed)
        self.large.closed.connect(self.go_back)
        self.large.settings_requested.connect(self.settings_requested)
        self.large.watch_requested.connect(models.runs.open_picture)
        self.large.compare_requested.connect(models.library.open_pictures)

    @property
    def is_large(self) -> bool:
        """Whether a picture is open."""
        return self.currentWidget() is self.large

    @Slot(object)
    def open(self, tile: object) -> None:
        """Open a picture large; the running job's tile goes to where it forms."""
        if isinstance(tile, Entry):
            self.large.show_entry(tile)
            self.setCurrentWidget(self.large)
            self.large.setFocus()
        else:
            self.live_requested.emit()

    @Slot()
    def go_back(self) -> None:
        """Show the page again."""
        if self.is_large:
            self.setCurrentWidget(self.under)
            if isinstance(self.under, GalleryView):
                self.under.take_keyboard()

    @Slot(str)
    def _on_preference_changed(self, name: str) -> None:
        if name == "enlarge":
            self.large.picture.set_enlarge(self._preferences.enlarge)
