"""The pages of the window, made when they are first opened, and where the focus goes when one is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast, runtime_checkable

from PySide6.QtCore import QObject, QPoint, Qt, Signal, Slot
from PySide6.QtWidgets import QApplication, QMainWindow, QStackedWidget, QWidget
from shiboken6 import isValid

from studio.ui.gallery.page import GalleryView
from studio.ui.models_page.view import ModelsView
from studio.ui.settings_page.view import SettingsView
from studio.ui.shell.create_page import CreatePage
from studio.ui.shell.picture_stack import PictureStack
from studio.ui.train.page import TrainPage

if TYPE_CHECKING:
    from PySide6.QtGui import QUndoStack

    from studio.gallery.index import Entry
    from studio.ui.jobs.training_session import TrainingSession
    from studio.ui.shell.compare_page import ComparePage
    from studio.ui.shell.models import Models
    from studio.ui.theme.theme import Theme


@runtime_checkable
class Starts(Protocol):
    """A page on which Ctrl+Enter starts something of its own."""

    def start(self) -> None: ...


@runtime_checkable
class GoesBack(Protocol):
    """A page that something can lie over, such as the viewer."""

    def go_back(self) -> bool:
        """Close what covers the page; return False if nothing does."""


@runtime_checkable
class HasUndo(Protocol):
    """A page whose edits can be undone."""

    @property
    def undo_stack(self) -> QUndoStack | None: ...


@runtime_checkable
class TakesKeyboard(Protocol):
    """A page that knows which of its controls is used first."""

    def take_keyboard(self) -> None: ...


def give_keyboard(page: QWidget) -> None:
    """Focus the control of a page that is used first."""
    if isinstance(page, TakesKeyboard):
        page.take_keyboard()
    else:
        for first in tab_stops(page)[:1]:
            first.setFocus(Qt.FocusReason.OtherFocusReason)


def tab_stops(part: QWidget) -> list[QWidget]:
    """Return the controls within ``part`` that can take the focus now."""
    return [
        child
        for child in part.findChildren(QWidget)
        if child.focusPolicy() & Qt.FocusPolicy.TabFocus
        and child.focusProxy() is None
        and child.isVisible()
        and child.isEnabled()
    ]


class FocusKeeper(QObject):
    """Keeps the focus near a control that is hidden or disabled while focused; on the page if an overlay closes.

    Qt would focus the next control in the tab order, which may be on the rail: Space would then leave the page.
    """

    def __init__(self, window: QMainWindow, pages: QStackedWidget) -> None:
        super().__init__(window)
        self._window, self._pages = window, pages
        QApplication.instance().focusChanged.connect(self._on_focus_changed)  # type: ignore[union-attr]

    @Slot(QWidget, QWidget)
    def _on_focus_changed(self, old: QWidget | None, new: QWidget | None) -> None:
        if old is None or not isValid(old) or old.window() is not self._window:
            return
        if old.isVisible() and old.isEnabled():
            return
        stops: list[QWidget] = []
        part = old.parentWidget()
        while part is not None and part not in (self._window, self._window.centralWidget()) and not stops:
            stops = tab_stops(part) if part.isVisible() else []
            part = part.parentWidget()
        page = self._pages.currentWidget()
        if not stops and page is not None:
            stops = tab_stops(page)
        if stops and new not in stops:
            middle = old.mapToGlobal(old.rect().center())
            nearest = min(stops, key=lambda stop: _distance(stop, middle))
            nearest.setFocus(Qt.FocusReason.OtherFocusReason)


def _distance(control: QWidget, place: QPoint) -> int:
    return int((control.mapToGlobal(control.rect().center()) - place).manhattanLength())


RAIL_PAGES = (
    ("create", "pencil", "Ctrl+1"),
    ("compare", "columns-2", "Ctrl+2"),
    ("gallery", "layout-grid", "Ctrl+3"),
    ("models", "box", "Ctrl+4"),
    ("train", "chart-line", "Ctrl+5"),
    ("", "", ""),
    ("settings", "settings", "Ctrl+,"),
)


class Pages(QStackedWidget):
    """One page at a time.

    Signals:
        opened: the key of the page that is shown now.
    """

    opened = Signal(str)

    def __init__(
        self, theme: Theme, models: Models, training: TrainingSession, parent: QWidget | None = None
    ) -> None:
        """Make the first page; the training page starts its trainings with ``training``."""
        super().__init__(parent)
        self._theme, self._models, self._training = theme, models, training
        self.create_page = CreatePage(theme, models)
        self._made: dict[str, QWidget] = {"create": self.create_page}
        self.addWidget(self.create_page)

    @Slot(str)
    def open(self, key: str) -> QWidget:
        """Show a page and return it."""
        page = self._made.get(key)
        if page is None:
            page = self._made[key] = self._make(key)
            self.addWidget(page)
        leaves = page is not self.currentWidget()
        if leaves and key == "create":
            self._models.gallery.search("")  # or new pictures would be missing from the column
        on_page = self.isAncestorOf(QApplication.focusWidget() or self)
        self.setCurrentWidget(page)
        taken = page.isAncestorOf(QApplication.focusWidget() or self)
        if leaves and on_page and not taken:  # it was on the page that is hidden now
            give_keyboard(page)
        self.opened.emit(key)
        return page

    def _make(self, key: str) -> QWidget:
        theme, models = self._theme, self._models
        match key:
            case "gallery":
                gallery = GalleryView(theme, models.gallery, models.intents)
                return PictureStack(theme, models, gallery, gallery)
            case "compare":
                # Not before it is opened: it brings numpy and Pillow.
                from studio.ui.shell.compare_page import ComparePage  # noqa: PLC0415

                return ComparePage(theme, models)
            case "train":
                return TrainPage(
                    theme,
                    models.train,
                    self._training,
                    models.form,
                    models.catalog,
                    models.preferences,
                    models.notices,
                    models.intents,
                )
            case "models":
                return ModelsView(
                    theme,
                    models.catalog,
                    models.form,
                    models.intents,
                    models.notices,
                    models.thumbnails,
                    models.store,
                )
        return SettingsView(theme, models.preferences, models.folders, models.runs)

    # ----------------------------------------------------------------------------------------------- the open page
    @property
    def is_comparing(self) -> bool:
        """Whether the page of comparisons is open."""
        return self.currentWidget() is self._made.get("compare")

    @property
    def undo_stack(self) -> QUndoStack | None:
        """The undo stack of the open page; None if it has none."""
        page: object = self.currentWidget()
        return page.undo_stack if isinstance(page, HasUndo) else None

    def start(self) -> bool:
        """Start the job that the open page sets up (a comparison, a training); return False if it sets up none."""
        page = self.currentWidget()
        if isinstance(page, Starts):
            page.start()
            return True
        return False

    def go_back(self) -> bool:
        """Close what covers the page, such as the viewer; return False if nothing does."""
        page = self.currentWidget()
        return isinstance(page, GoesBack) and page.go_back()

    # ----------------------------------------------------------------------------------------------------- intents
    @Slot()
    def show_canvas(self) -> None:
        """Show the canvas, without the viewer over it."""
        self.open("create")
        self.create_page.stack.go_back()

    @Slot()
    def go_live(self) -> None:
        """Show the running job as it forms."""
        self.show_canvas()
        self._models.run.go_live()

    @Slot(object)
    def open_picture(self, entry: Entry) -> None:
        """Show a picture in the viewer, over the open page."""
        page = self.currentWidget()
        stack = page.stack if isinstance(page, CreatePage) else page
        if isinstance(stack, PictureStack):
            stack.open(entry)

    @Slot(str)
    def use_model(self, name: str) -> None:
        """Make the next pictures with the model of this name."""
        self._models.form.edit(model=name)
        self.open("create")

    @Slot()
    def show_models(self) -> None:
        self.open("models")

    @Slot()
    def get_model(self) -> None:
        """Show the page that downloads a model, in the place of the canvas."""
        self.show_canvas()
        self.create_page.place.get_model()

    @Slot()
    def show_training(self) -> None:
        """Show the progress of the training."""
        page = self.open("train")
        assert isinstance(page, TrainPage)
        page.show_part("training")

    def open_comparison(self) -> ComparePage:
        """Show the page of comparisons, and return it."""
        return cast("ComparePage", self.open("compare"))

    @Slot()
    def leave_sweep(self) -> None:
        self.open_comparison().open_runs()

    @Slot()
    def open_sweep(self) -> None:
        self.open_comparison().open_sweep()

    @Slot()
    def show_comparison(self) -> None:
        """Show runs side by side, and nothing over them."""
        self.open_comparison().show_runs()

    @Slot()
    def offer_runs(self) -> None:
        """Show the recorded runs to choose from."""
        self.open_comparison().offer_runs()

    @Slot()
    def search(self) -> None:
        """Focus the search field of pictures: the column's if that is open, else the gallery's."""
        if self.currentWidget() is self.create_page and self.create_page.column.isVisible():
            gallery = self.create_page.column
        else:
            stack = self.open("gallery")
            assert isinstance(stack, PictureStack)
            stack.go_back()
            gallery = stack.gallery
        gallery.search_field.setFocus()
        gallery.search_field.selectAll()
