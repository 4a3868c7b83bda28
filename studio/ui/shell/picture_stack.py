"""A page with the viewer over it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QStackedWidget, QWidget

from studio.ui.gallery.viewer import Viewer

if TYPE_CHECKING:
    from studio.gallery.index import Entry
    from studio.ui.gallery.page import GalleryView
    from studio.ui.shell.models import Models
    from studio.ui.theme.theme import Theme


class PictureStack(QStackedWidget):
    """Shows ``under``, and in its place the picture that is opened, until the viewer is closed."""

    def __init__(
        self,
        theme: Theme,
        models: Models,
        under: QWidget,
        gallery: GalleryView,
        parent: QWidget | None = None,
    ) -> None:
        """Show the page ``under``; in ``gallery`` the picture that the viewer shows is selected."""
        super().__init__(parent)
        self.under, self.gallery = under, gallery
        self.large = Viewer(
            theme, models.gallery, models.verifier, models.runs, models.catalog, models.intents
        )
        self.addWidget(under)
        self.addWidget(self.large)
        self._preferences = models.preferences
        self._on_preference_changed("enlarge")
        self._preferences.changed.connect(self._on_preference_changed)
        self.large.shown.connect(gallery.select)
        self.large.closed.connect(self.go_back)

    @property
    def is_large(self) -> bool:
        """Whether a picture is open."""
        return self.currentWidget() is self.large

    def open(self, entry: Entry) -> None:
        """Show a picture in the viewer."""
        self.large.show_entry(entry)
        self.setCurrentWidget(self.large)
        self.large.setFocus()

    @Slot()
    def go_back(self) -> bool:
        """Show the page again; return False if it is already shown."""
        if not self.is_large:
            return False
        self.setCurrentWidget(self.under)
        if self.under is self.gallery:
            self.gallery.take_keyboard()
        return True

    def take_keyboard(self) -> None:
        """Focus the viewer if it is open, else the pictures."""
        if self.is_large:
            self.large.setFocus()
        else:
            self.gallery.take_keyboard()

    @Slot(str)
    def _on_preference_changed(self, name: str) -> None:
        if name == "enlarge":
            self.large.picture.set_enlarge(self._preferences.enlarge)
