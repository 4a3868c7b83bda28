"""The pages of the window, made when they are first opened, and where the focus goes when one is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, Qt, Signal, Slot
from PySide6.QtWidgets import QApplication, QStackedWidget, QWidget
from shiboken6 import isValid

from studio.ui.gallery.page import GalleryView
from studio.ui.models_page.view import ModelsView
from studio.ui.settings_page.view import SettingsView
from studio.ui.shell.create_page import CreatePage
from studio.ui.shell.picture_stack import PictureStack
from studio.ui.train.page import TrainPage

if TYPE_CHECKING:
    from studio.ui.jobs.training_session import TrainingSession
    from studio.ui.shell.compare_page import ComparePage
    from studio.ui.shell.models import Models
    from studio.ui.theme.theme import Theme


def give_keyboard(page: QWidget) -> None:
    """Put the keyboard where a page is worked with first."""
    if isinstance(page, CreatePage):
        page.form.focus_prompt()
    elif isinstance(page, PictureStack) and isinstance(page.under, GalleryView):
        page.under.take_keyboard()
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
    """Keeps the focus near a control that was hidden or disabled while it had it.

    Qt moves on to the next stop of Tab, which may be on the rail: Space would then leave the page.
    """

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        QApplication.instance().focusChanged.connect(self._on_focus_changed)  # type: ignore[union-attr]

    @Slot(QWidget, QWidget)
    def _on_focus_changed(self, old: QWidget | None, new: QWidget | None) -> None:
        if old is None or not isValid(old) or old.window() is not self._window:
            return
        if old.isVisible() and old.isEnabled():
            return
        middle = old.mapToGlobal(old.rect().center())
        part = old.parentWidget()
        while part is not None and part is not self._window:
            if part.isVisible() and (stops := tab_stops(part)):
                if new not in stops:
                    nearest = min(stops, key=lambda stop: _distance(stop, middle))
                    nearest.setFocus(Qt.FocusReason.OtherFocusReason)
                return
            part = part.parentWidget()


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
        settings_requested: a `GenerateRequest` is to fill the form.
        compare_requested: a `CompareRequest` is to be run.
        cancel_requested: the running job is to stop.
    """

    opened = Signal(str)
    settings_requested = Signal(object)
    compare_requested = Signal(object)
    cancel_requested = Signal()

    def __init__(
        self, theme: Theme, models: Models, training: TrainingSession, parent: QWidget | None = None
    ) -> None:
        """Make the first page; what the one of trainings wants goes to ``training``."""
        super().__init__(parent)
        self._theme, self._models, self._training = theme, models, training
        self.create_page = CreatePage(theme, models)
        self.create_page.settings_requested.connect(self.settings_requested)
        self._made: dict[str, QWidget] = {"create": self.create_page}
        self._compare_page: ComparePage | None = None
        self._train_page: TrainPage | None = None
        self.addWidget(self.create_page)

    @Slot(str)
    def open(self, key: str) -> None:
        """Show a page."""
        page = self._made.get(key)
        if page is None:
            page = self._made[key] = self._make(key)
            self.addWidget(page)
        leaves = page is not self.currentWidget()
        if leaves and key == "create":
            self._models.gallery.search("")  # or what is made now would be missing from the column
        on_page = self.isAncestorOf(QApplication.focusWidget() or self)
        self.setCurrentWidget(page)
        taken = page.isAncestorOf(QApplication.focusWidget() or self)
        if leaves and on_page and not taken:  # it was on what is hidden now
            give_keyboard(page)
        self.opened.emit(key)

    @Slot()
    def open_create(self) -> None:
        """Show where pictures are made."""
        self.open("create")

    @Slot()
    def open_compare(self) -> None:
        """Show runs side by side."""
        self.open("compare")

    @Slot()
    def open_gallery(self) -> None:
        """Show all pictures."""
        self.open("gallery")

    @Slot()
    def open_models(self) -> None:
        """Show the models there are."""
        self.open("models")

    @Slot()
    def open_train(self) -> None:
        """Show trainings."""
        self.open("train")

    @Slot()
    def show_training(self) -> None:
        """Show how the training goes."""
        self.open("train")
        if self._train_page is not None:
            self._train_page.show_part("training")

    @Slot()
    def open_settings(self) -> None:
        """Show the settings."""
        self.open("settings")

    @Slot()
    def open_live(self) -> None:
        """Show the running job as it forms."""
        self.open("create")
        self.create_page.show_canvas()
        self._models.run.go_live()

    @property
    def is_comparing(self) -> bool:
        """Whether the page of comparisons is open."""
        return self._compare_page is not None and self.currentWidget() is self._compare_page

    @Slot()
    def show_comparison(self) -> None:
        """Show runs side by side, and nothing before them."""
        self.open("compare")
        if self._compare_page is not None:
            self._compare_page.show_runs()

    @Slot()
    def offer_runs(self) -> None:
        """Show the recorded runs to choose from."""
        self.open("compare")
        if self._compare_page is not None:
            self._compare_page.offer_runs()

    @property
    def is_training(self) -> bool:
        """Whether the page of trainings is open."""
        return self._train_page is not None and self.currentWidget() is self._train_page

    @Slot()
    def toggle_training(self) -> None:
        """Have the training that runs rest, or go on, whichever page is open."""
        run = self._models.train.run
        if not run.over:
            self._training.pause(not run.paused)

    def start_here(self) -> bool:
        """Start what the open page is there to start: a comparison, a training; False on every other page."""
        if self._compare_page is not None and self.is_comparing:
            self._compare_page.start()
            return True
        if self._train_page is not None and self.is_training:
            self._train_page.start()
            return True
        return False

    @Slot()
    def search(self) -> None:
        """Go to the field that searches pictures: the column's where it is open, else the gallery's."""
        if self.currentWidget() is self.create_page and self.create_page.column.isVisible():
            field = self.create_page.column.search_field
        else:
            self.open("gallery")
            stack = self._made["gallery"]
            assert isinstance(stack, PictureStack)
            assert isinstance(stack.under, GalleryView)
            stack.go_back()
            field = stack.under.search_field
        field.setFocus()
        field.selectAll()

    def go_back(self) -> bool:
        """Close what lies on top of the page, as a picture that is open large; False where nothing does."""
        if self._train_page is not None and self.is_training:
            return self._train_page.go_back()
        if self._compare_page is not None and self.is_comparing:
            return self._compare_page.go_back()
        page = self.currentWidget()
        if page is self.create_page:
            return self.create_page.go_back()
        if not isinstance(page, PictureStack) or not page.is_large:
            return False
        page.go_back()
        return True

    def _make(self, key: str) -> QWidget:
        theme, models = self._theme, self._models
        if key == "gallery":
            grid = GalleryView(theme, models.gallery)
            stack = PictureStack(theme, models, grid)
            grid.open_requested.connect(stack.open)
            stack.large.shown.connect(grid.select)
            grid.settings_requested.connect(self.settings_requested)
            grid.compare_requested.connect(self._models.library.open_pictures)
            stack.live_requested.connect(self.open_live)
            stack.settings_requested.connect(self.settings_requested)
            return stack
        if key == "compare":
            self._compare_page = self._make_compare()
            return self._compare_page
        if key == "train":
            return self._make_train()
        if key == "models":
            page = ModelsView(theme, models.catalog)
            page.use_requested.connect(self.use_model)
            models.form.changed.connect(self._on_form_changed)
            page.set_in_use(models.form.values.model)
            return page
        return SettingsView(theme, models.preferences, models.folders, models.runs)

    def _make_compare(self) -> ComparePage:
        # Not before it is opened: it brings numpy and Pillow.
        from studio.ui.shell.compare_page import ComparePage  # noqa: PLC0415

        page = ComparePage(self._theme, self._models)
        page.compare_requested.connect(self.compare_requested)
        page.cancel_requested.connect(self.cancel_requested)
        return page

    def _make_train(self) -> TrainPage:
        self._train_page = page = TrainPage(self._theme, self._models, self._training)
        page.use_requested.connect(self.use_model)
        page.compare_requested.connect(self.compare_requested)
        page.compare_requested.connect(self.show_comparison)
        page.sheet_requested.connect(self.compare_requested)
        return page

    @Slot()
    def _on_form_changed(self) -> None:
        page = self._made["models"]
        assert isinstance(page, ModelsView)
        page.set_in_use(self._models.form.values.model)

    @Slot(str)
    def use_model(self, name: str) -> None:
        """Make the next pictures with the model of this name."""
        self._models.form.edit(model=name)
        self.open("create")
