"""The main window: lays out pages, rail and status bar, and connects actions to what they do."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QObject, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QApplication, QHBoxLayout, QMainWindow, QStyle, QVBoxLayout, QWidget

from studio.checkpoints.library.scan import WEIGHTS
from studio.errors import RequestError, StorageError, capitalised
from studio.gallery import png
from studio.ui.language import tr
from studio.ui.shell import text
from studio.ui.shell.actions import ACTIONS
from studio.ui.shell.overlays import Overlays
from studio.ui.shell.pages import RAIL_PAGES, FocusKeeper, Pages
from studio.ui.shell.rail import Rail
from studio.ui.shell.status_bar import StatusBar
from studio.ui.widgets.cards import Banner
from studio.ui.widgets.page import dropped_files

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QPaintEvent, QUndoStack

    from studio.engine.requests.generate import GenerateRequest
    from studio.errors import StudioError
    from studio.ui.jobs.session import Session
    from studio.ui.jobs.training_session import TrainingSession
    from studio.ui.shell.models import Models
    from studio.ui.shell.status_bar import StatusModel
    from studio.ui.theme.theme import Theme


class BannerPlace(QWidget):
    """Shows a banner if a graphics card cannot be used."""

    def __init__(self, theme: Theme, status: StatusModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._status = theme, status
        self.banner: Banner | None = None
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        status.changed.connect(self._on_changed)

    @Slot()
    def _on_changed(self) -> None:
        if self._status.unused_gpu and self.banner is None:
            self.banner = Banner(self._theme, self._status.unused_gpu)
            self.banner.closed.connect(self.banner.hide)
            self._layout.addWidget(self.banner)


def read_dropped(paths: Sequence[Path]) -> GenerateRequest | list[Path] | str:
    """Return the request that makes the dropped picture again, or the dropped models, or a sentence on why neither."""
    models = [path for path in paths if path.is_dir() or path.suffix.lower() in WEIGHTS]
    if models or len(paths) != 1:
        return models or tr("Drop one picture, or files and folders of models.")
    return read_request(paths[0])


def read_request(path: Path) -> GenerateRequest | str:
    """Return the request that makes a picture again, or a sentence on why it cannot be read.

    The file may come from a stranger: only its metadata is read, within the usual limits.
    """
    try:
        metadata = png.read(path).metadata
        if metadata is None:
            return tr("{file} contains no Stepwise settings.", file=path.name)
        return metadata.generate_request()
    except StorageError as error:
        return tr(error.message)
    except RequestError as error:
        return tr("The settings in {file} cannot be used: {reason}", file=path.name, reason=error.message)


class Undoing(QObject):
    """Undo and Redo of the window: those of the open page, or else of the last notice that offers Undo."""

    def __init__(self, models: Models, pages: Pages, overlays: Overlays, parent: QObject) -> None:
        super().__init__(parent)
        self._models, self._pages, self._overlays = models, pages, overlays

    @Slot()
    def undo(self) -> None:
        stack = self._stack()
        if stack is not None and (stack.canUndo() or not self._pages.is_comparing):
            stack.undo()
        else:
            self._overlays.board.undo()

    @Slot()
    def redo(self) -> None:
        """Redo on the open page, or else in the form."""
        (self._stack() or self._models.form.undo_stack).redo()

    def _stack(self) -> QUndoStack | None:
        focus, page = QApplication.focusWidget(), self._pages.create_page
        overlays = (self._overlays.queue, self._overlays.toast)
        elsewhere = (page.column, page.stack.large, *overlays)
        if any(part.isVisible() and focus is not None and part.isAncestorOf(focus) for part in elsewhere):
            return None
        return self._pages.undo_stack


SMALLEST, USUAL = (1012, 592), (1440, 900)
"""Sizes in logical pixels; the smallest fits a screen of 1024 by 640 with a title bar."""


FRAME = 8
"""Assumed width of the window frame in pixels, until the real one is known."""


class MainWindow(QMainWindow):
    """Stepwise Studio's window.

    Signals:
        painted: the first paint is done.
        closing: the window is being closed.
    """

    painted = Signal()
    closing = Signal()

    def __init__(self, theme: Theme, models: Models, session: Session, training: TrainingSession) -> None:
        """Build the window; jobs go to ``session``, and ``training`` is paused and resumed."""
        super().__init__()
        self._models, self._session, self._training = models, session, training
        self._is_painted = False
        self.setWindowTitle(tr("Stepwise Studio"))
        title = self.style().pixelMetric(QStyle.PixelMetric.PM_TitleBarHeight)
        available = self.screen().availableSize() - QSize(2 * FRAME, title + FRAME)
        self.setMinimumSize(QSize(*SMALLEST).boundedTo(available))
        self.resize(QSize(*USUAL).boundedTo(available))
        self.setAcceptDrops(True)
        self.pages = Pages(theme, models, training)
        self.rail = Rail(theme, RAIL_PAGES)
        self.status = StatusBar(
            theme, models.status, models.queue, models.preferences, models.train.run, models.downloads
        )
        self.banners = BannerPlace(theme, models.status)
        self.overlays = Overlays(theme, models, self._lay_out(), self.status)
        FocusKeeper(self, self.pages)
        self._undoing = Undoing(models, self.pages, self.overlays, self)
        self.actions_by_name = self._make_actions()
        self._connect()
        self.pages.open("create")
        self.pages.create_page.form.focus_prompt()
        self.restoreGeometry(QByteArray.fromBase64(models.preferences.geometry.encode()))
        self._first_size = self.size()

    def _lay_out(self) -> QWidget:
        beside = QVBoxLayout()
        beside.setSpacing(0)
        beside.addWidget(self.banners)
        beside.addWidget(self.pages, 1)
        upper = QHBoxLayout()
        upper.setSpacing(0)
        upper.addWidget(self.rail)
        upper.addLayout(beside, 1)
        ground = QWidget()
        layout = QVBoxLayout(ground)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(upper, 1)
        layout.addWidget(self.status)
        self.setCentralWidget(ground)
        return ground

    def _connect(self) -> None:
        models, pages, intents = self._models, self.pages, self._models.intents
        self.rail.chosen.connect(pages.open)
        pages.opened.connect(self.rail.set_current)
        intents.generate.connect(self.generate)
        intents.fork.connect(self.fork)
        intents.use_settings.connect(self.use_settings)
        intents.use_model.connect(pages.use_model)
        intents.show_models.connect(pages.show_models)
        intents.get_model.connect(pages.get_model)
        intents.open_picture.connect(pages.open_picture)
        intents.go_live.connect(pages.go_live)
        intents.compare.connect(pages.show_comparison)
        intents.open_sweep.connect(pages.open_sweep)
        intents.open_comparison.connect(pages.leave_sweep)
        models.runs.opened.connect(self._watch)
        models.library.opened.connect(pages.show_comparison)
        models.library.offered.connect(pages.offer_runs)
        self._session.running_changed.connect(pages.create_page.form.foot.set_running)
        self.status.queue_button.clicked.connect(self.overlays.toggle_queue)
        self.status.training.clicked.connect(pages.show_training)
        self.status.download.clicked.connect(pages.get_model)
        self.overlays.queue.cancel_requested.connect(self._session.cancel_job)

    def _make_actions(self) -> dict[str, QAction]:
        pages, create, models = self.pages, self.pages.create_page, self._models
        slots: dict[str, Callable[[], object]] = {
            "generate": self.generate,
            "cancel": self.go_back,
            "roll": models.form.roll_seed,
            "undo": self._undoing.undo,
            "redo": self._undoing.redo,
            "prompt": self._on_prompt,
            "quantity": self._on_other_side,
            "live": pages.go_live,
            "steps": create.canvas.timeline.scrubber.setFocus,
            "queue": self.overlays.toggle_queue,
            "pause_training": self._training.toggle_pause,
            "search": pages.search,
            "form": create.toggle_form,
            "column": create.toggle_column,
            "shortcuts": self.overlays.toggle_shortcuts,
            "quit": self.close,
        }
        made: dict[str, QAction] = {}
        for info in ACTIONS:
            if info.where == "window":
                action = made[info.name] = QAction(text.action(info.name), self)
                action.setShortcuts([QKeySequence(keys) for keys in info.keys])
                action.triggered.connect(slots.get(info.name, self._on_page_action))
                self.addAction(action)
        return made

    @Slot()
    def _on_page_action(self) -> None:
        """Open the page that the shortcut is named after."""
        sender = self.sender()
        self.pages.open(next(name for name, action in self.actions_by_name.items() if action is sender))

    @Slot()
    def _fit_at_start(self) -> None:
        """Fit the window once its frame is known, unless it was resized by then."""
        if self.size() == self._first_size:
            self.fit_to_screen()

    @Slot()
    def fit_to_screen(self) -> None:
        """Shrink and move the window so that its frame, too, lies within the screen's available area."""
        room, outer, inner = self.screen().availableGeometry(), self.frameGeometry(), self.geometry()
        if self.isMaximized() or self.isFullScreen() or room.contains(outer):
            return
        fitted = (room.size() - (outer.size() - inner.size())).boundedTo(inner.size())
        self.resize(fitted)
        right = max(room.right() - (outer.width() - inner.width()) - fitted.width() + 1, room.left())
        bottom = max(room.bottom() - (outer.height() - inner.height()) - fitted.height() + 1, room.top())
        self.move(max(room.left(), min(outer.left(), right)), max(room.top(), min(outer.top(), bottom)))

    # -------------------------------------------------------------------------------------------------- intents
    @Slot()
    def generate(self) -> None:
        """Start what the open page sets up: a comparison, a training, a fork or the form's pictures."""
        if self.pages.start():
            return
        if self.pages.create_page.canvas.fork_panel.has_keyboard:
            self.fork()
            return
        try:
            request = self._models.form.take_request()
        except RequestError as error:
            self._models.notices.post(tr(error.message), kind="warn")
            return
        self.pages.show_canvas()
        if self._models.queue.running is None:
            self._models.run.go_live()  # whatever was shown: who generates a picture wants to see it
        self._session.generate(request)

    @Slot()
    def fork(self) -> None:
        """Fork from the shown step with the settings of the fork panel."""
        forks = self._models.forks
        try:
            request = forks.request()
        except RequestError as error:
            self._models.notices.post(forks.fault or capitalised(tr(error.message)), kind="warn")
            return
        self.pages.create_page.canvas.close_fork()
        self._session.fork(request, forks.parent_run)
        self._models.run.go_live()

    @Slot()
    def go_back(self) -> None:
        """Close the topmost overlay or panel, or cancel the running job if none is open."""
        if not self.overlays.close_one() and not self.pages.go_back():
            self._session.cancel()

    @Slot(object)
    def use_settings(self, request: GenerateRequest) -> None:
        """Fill the form with the settings of a picture; nothing starts."""
        try:
            sentence = self._models.form.load_request(request)
        except RequestError as error:
            self._models.notices.post(tr(error.message), kind="warn")
            return
        self.pages.show_canvas()
        self._models.notices.post(
            sentence or tr("The form now has that picture's settings; Ctrl+Z restores yours.")
        )

    @Slot()
    def _watch(self) -> None:
        self.pages.show_canvas()
        self.pages.create_page.canvas.timeline.scrubber.setFocus()  # for its keys

    @Slot()
    def _on_prompt(self) -> None:
        self.pages.open("create")
        self.pages.create_page.show_form()

    @Slot()
    def _on_other_side(self) -> None:
        model = self._models.compare if self.pages.is_comparing else self._models.run
        model.set_quantity("x_t" if model.quantity == "x0" else "x0")

    # ------------------------------------------------------------------------------------------------ Qt's side
    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Accept files from outside the program."""
        if event.source() is None and dropped_files(event.mimeData()):
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()

    def dropEvent(self, event: QDropEvent) -> None:
        """Fill the form with the settings of the dropped picture, or add the dropped models."""
        paths = dropped_files(event.mimeData())
        if paths:
            self._models.background.do(
                partial(read_dropped, paths), self._on_dropped_read, self._on_dropped_unread, key="dropped"
            )

    def _on_dropped_read(self, answer: GenerateRequest | list[Path] | str) -> None:
        if isinstance(answer, str):
            self._models.notices.post(answer, kind="warn")
        elif isinstance(answer, list):
            self.pages.open("models")
            self._models.catalog.add(answer)
        else:
            self.use_settings(answer)

    def _on_dropped_unread(self, error: StudioError) -> None:
        self._models.notices.post(tr(error.message), kind="error")

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._is_painted:
            self._is_painted = True
            QTimer.singleShot(0, self._fit_at_start)
            self.painted.emit()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Close without asking: finished pictures are saved already."""
        self._models.preferences.set("geometry", self.saveGeometry().toBase64().toStdString())
        self.hide()
        self.closing.emit()
        event.accept()
