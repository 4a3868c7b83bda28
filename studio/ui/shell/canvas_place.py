"""The canvas, and in its place the first start while there is nothing to show, or the page that downloads a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QStackedWidget, QWidget

from studio.ui.welcome.view import WelcomeView

if TYPE_CHECKING:
    from studio.ui.run.canvas import CanvasView
    from studio.ui.shell.models import Models
    from studio.ui.theme.theme import Theme


class CanvasPlace(QStackedWidget):
    """Shows the canvas, unless the first start is offered or the page that downloads a model was opened.

    The first start is offered while nothing was made, no model was added, and it was not skipped. Its view is built
    when it is first shown.
    """

    def __init__(
        self, theme: Theme, models: Models, canvas: CanvasView, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._theme, self._models, self._canvas = theme, models, canvas
        self._view: WelcomeView | None = None
        self._opened = False  # by somebody, in the place of whatever the canvas shows
        self._viewed: object = None
        self.addWidget(canvas)
        self.setFocusProxy(canvas)
        models.run.changed.connect(self._on_run_changed)
        models.catalog.changed.connect(self._update)
        models.gallery.state_changed.connect(self._update)
        models.gallery.count_changed.connect(self._update)
        models.preferences.changed.connect(self._update)
        self._update()

    @property
    def is_welcome(self) -> bool:
        """Whether the canvas is covered."""
        return self.currentWidget() is not self._canvas

    @Slot()
    def get_model(self) -> None:
        """Show the page that downloads a model."""
        self._opened = True
        self._update()
        self._welcome().show_get()

    @Slot()
    def go_back(self) -> bool:
        """Leave the page that downloads a model; return False if it is not shown."""
        if not self.is_welcome or not self._welcome().is_getting:
            return False
        self._opened = False
        if self._is_offered():
            self._welcome().show_ways()
        self._update()
        return True

    def _is_offered(self) -> bool:
        models = self._models
        return (
            models.preferences.welcome
            and models.run.viewed is None
            and models.gallery.loaded
            and not models.gallery.text
            and models.gallery.rowCount() == 0
            and models.catalog.listed
            and all(model.shipped for model in models.catalog.models)
        )

    def _welcome(self) -> WelcomeView:
        if self._view is None:
            models = self._models
            self._view = WelcomeView(
                self._theme, models.catalog, models.downloads, models.background, models.intents
            )
            self._view.skipped.connect(self._on_skipped)
            self._view.left.connect(self.go_back)
            self.addWidget(self._view)
        return self._view

    @Slot()
    def _on_run_changed(self) -> None:
        if self._models.run.viewed is not self._viewed:
            self._viewed = self._models.run.viewed
            self._opened = self._opened and self._viewed is None  # who makes a picture wants to see it
        self._update()

    @Slot()
    def _update(self) -> None:
        if not self._opened and not self._is_offered():
            self.setCurrentWidget(self._canvas)
            return
        if not self.is_welcome:
            welcome = self._welcome()
            if not self._opened:
                welcome.show_ways()
            self.setCurrentWidget(welcome)

    @Slot()
    def _on_skipped(self) -> None:
        self._models.preferences.set("welcome", False)
