"""The Create page: the form, the canvas and the column of pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEasingCurve, QPropertyAnimation, Qt, Slot
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from studio.ui.create.form_view import FormView
from studio.ui.gallery.page import GalleryView
from studio.ui.run.canvas import CanvasView
from studio.ui.shell.picture_stack import PictureStack
from studio.ui.theme.metrics import COLUMN, FORM, PANEL_MS
from studio.ui.welcome.view import WelcomeView
from studio.ui.widgets.cards import Ground

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent, QShowEvent, QUndoStack

    from studio.ui.shell.models import Models
    from studio.ui.theme.theme import Theme


class SidePanel(QWidget):
    """A panel of fixed width at one side of the page, which slides open and closed."""

    def __init__(self, theme: Theme, content: QWidget, width: int, *, opens_from_right: bool = False) -> None:
        """Show ``content``, ``width`` pixels wide."""
        super().__init__()
        self._theme, self._full = theme, width
        content.setFixedWidth(width)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        side = Qt.AlignmentFlag.AlignLeft if opens_from_right else Qt.AlignmentFlag.AlignRight
        layout.addWidget(content, 0, side)
        self.setFixedWidth(width)
        self._open = True
        self._slide = QPropertyAnimation(self, b"maximumWidth", self)
        self._slide.setDuration(PANEL_MS)
        self._slide.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._slide.finished.connect(self._on_finished)

    @property
    def is_open(self) -> bool:
        return self._open

    def set_open(self, open_: bool, *, at_once: bool = False) -> None:
        """Open or close the panel; ``at_once`` skips the animation."""
        if open_ == self._open:
            return
        self._open = open_
        self._slide.stop()
        self.setMinimumWidth(0)
        if at_once or self._theme.reduce_motion or (not self.isVisible() and not open_):
            self._on_finished()
            return
        self.setVisible(True)
        self._slide.setStartValue(self.width() if not open_ else 0)
        self._slide.setEndValue(self._full if open_ else 0)
        self._slide.start()

    @Slot()
    def _on_finished(self) -> None:
        self.setVisible(self._open)
        self.setFixedWidth(self._full)


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


NARROW = 1280
"""Width in pixels; a narrower window starts without the column of pictures."""
WIDTH_TO_FORK = 800
"""Width in pixels; in a narrower canvas the column, then the form, gives its space to the fork panel."""


class CreatePage(QWidget):
    """The form and the column, at the sides of the canvas, can be hidden."""

    def __init__(self, theme: Theme, models: Models, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._preferences, self._models = models.preferences, models
        self._measured = self._column_hidden_for_fork = self._form_hidden_for_fork = False
        self.form = FormView(theme, models.form, models.catalog, models.preferences, models.intents)
        self.canvas = CanvasView(
            theme,
            models.run,
            models.strip,
            models.preferences,
            models.forks,
            models.panes,
            models.keeper,
            models.exports,
            models.runs,
            models.thumbnails,
            models.intents,
        )
        self.column = GalleryView(theme, models.gallery, models.intents)
        self.place = CanvasPlace(theme, models, self.canvas)
        self.stack = PictureStack(theme, models, self.place, self.column)
        self._form_panel = SidePanel(theme, self.form, FORM)
        side = Ground(theme, "panel", lines=Qt.Edge.LeftEdge)
        beside = QVBoxLayout(side)
        beside.setContentsMargins(1, 0, 0, 0)
        beside.addWidget(self.column)
        self._column_panel = SidePanel(theme, side, COLUMN, opens_from_right=True)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._form_panel)
        layout.addWidget(self.stack, 1)
        layout.addWidget(self._column_panel)
        self._form_panel.set_open(self._preferences.form_shown, at_once=True)
        self._column_panel.set_open(self._preferences.column_shown, at_once=True)
        self.stack.currentChanged.connect(self._on_stack_changed)
        self.canvas.fork_panel_toggled.connect(self._on_fork_panel_toggled)
        self._preferences.changed.connect(self._on_preference_changed)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Start without the column in a narrow window; a window manager may narrow it once it is visible."""
        super().resizeEvent(event)
        if not self._measured and self.isVisible():
            self._measured = True
            self._fit_column()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if not self._measured:
            self._fit_column()

    def _fit_column(self) -> None:
        if self.window().width() < NARROW:
            self._measured = True
            self._column_panel.set_open(False, at_once=True)

    @Slot()
    def toggle_form(self) -> None:
        self._preferences.set("form_shown", not self._form_panel.is_open)
        self._form_panel.set_open(self._preferences.form_shown)

    def show_form(self) -> None:
        """Show the form, also where the viewer or the fork panel has taken its place, and focus its prompt."""
        self._preferences.set("form_shown", True)
        self._form_panel.set_open(True, at_once=True)
        self.form.focus_prompt()

    @Slot()
    def toggle_column(self) -> None:
        shown = not self._column_panel.is_open
        self._preferences.set("column_shown", shown)
        self._column_panel.set_open(shown)

    @property
    def undo_stack(self) -> QUndoStack:
        return self._models.form.undo_stack

    def take_keyboard(self) -> None:
        self.form.focus_prompt()

    def go_back(self) -> bool:
        """Close the viewer, the page that downloads a model, or the fork panel; False if none is open."""
        if self.stack.go_back() or self.place.go_back():
            return True
        if self.canvas.fork_panel.isVisible():
            self.canvas.close_fork()
            return True
        return False

    @Slot(bool)
    def _on_fork_panel_toggled(self, shown: bool) -> None:
        """Hide the column, then the form, while the fork panel is open and the canvas too narrow beside them."""
        if shown:
            width = self.canvas.width()
            if self._column_panel.is_open and width < WIDTH_TO_FORK:
                self._column_hidden_for_fork = True
                self._column_panel.set_open(False, at_once=True)
                width += COLUMN
            if self._form_panel.is_open and width < WIDTH_TO_FORK:
                self._form_hidden_for_fork = True
                self._form_panel.set_open(False, at_once=True)
            return
        if self._column_hidden_for_fork:
            self._column_hidden_for_fork = False
            self._column_panel.set_open(self._preferences.column_shown)
        if self._form_hidden_for_fork:
            self._form_hidden_for_fork = False
            self._restore_form()

    def _restore_form(self) -> None:
        """Show the form unless the user, the viewer or the fork panel hides it."""
        covered = self.stack.is_large or self._form_hidden_for_fork
        self._form_panel.set_open(self._preferences.form_shown and not covered)

    @Slot()
    def _on_stack_changed(self) -> None:
        """Hide the form while the viewer is open."""
        self._restore_form()

    @Slot(str)
    def _on_preference_changed(self, name: str) -> None:
        if name == "form_shown":
            self._form_panel.set_open(self._preferences.form_shown)
