"""The page of trainings: the form, and beside it the pictures, the training, or a picture on its way into noise.

The page of trainings in its place: what it wants goes to the training session and to the other pages.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QStandardPaths, Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from studio.errors import RequestError, capitalised
from studio.ui.core.save_sheet import ask_for_sheet
from studio.ui.theme.metrics import FORM, GAP, GRID, PADDING
from studio.ui.train import text as words
from studio.ui.train.checkpoints import checkpoints_of, compare_checkpoints
from studio.ui.train.data_view import TrainPicturesView
from studio.ui.train.form_view import TrainFormView
from studio.ui.train.noise_view import ForwardView
from studio.ui.train.progress_view import TrainProgressView
from studio.ui.widgets.buttons import TextButton
from studio.ui.widgets.cards import EmptyPage, Ground
from studio.ui.widgets.choice import SegmentedSwitch
from studio.ui.widgets.labels import PlainLabel

if TYPE_CHECKING:
    from PySide6.QtCore import QMimeData
    from PySide6.QtGui import QDragEnterEvent, QDropEvent, QShowEvent

    from studio.engine.compare import CompareRequest
    from studio.engine.training.resumable import ResumableTraining
    from studio.ui.jobs.training_session import TrainingSession
    from studio.ui.shell.models import Models
    from studio.ui.theme.theme import Theme


PARTS = (
    ("pictures", "Pictures", "What was found in the folder, and what was refused."),
    ("training", "Training", "Curves, samples and checkpoints."),
    ("noise", "Noise", "How a picture dissolves into noise under two schedules."),
)


class TrainPage(Ground):
    """Shows `TrainModels`.

    Signals:
        train_requested: this `TrainRequest` is to be trained, or trained on.
        pause_requested: the training is to rest, or to go on.
        stop_requested: it is to stop.
        remove_requested: this waiting `Training` is not wanted any more.
        use_requested: pictures are to be made with the model of this name.
        compare_requested: the checkpoints of the training are to be compared.
        sheet_requested: a sheet of them is to be saved.
    """

    train_requested = Signal(object)
    pause_requested = Signal(bool)
    stop_requested = Signal()
    remove_requested = Signal(object)
    use_requested = Signal(str)
    compare_requested = Signal()
    sheet_requested = Signal()

    def __init__(self, theme: Theme, models: Models, parent: QWidget | None = None) -> None:
        """Build it."""
        super().__init__(theme, "window", parent=parent)
        self._models, self._notices = models.train, models.notices
        self.setAcceptDrops(True)
        self.form = TrainFormView(theme, models.train, models.catalog)
        self.form.setFixedWidth(FORM)
        self.parts = SegmentedSwitch(theme, "What to look at", list(PARTS))
        self.title = PlainLabel(theme, kind="title", elide=True)
        self.pictures = TrainPicturesView(theme, models.train.folder, models.train.tiles)
        self.choose = TextButton(theme, "Choose a folder", kind="primary", icon="folder-open")
        self.empty = EmptyPage(theme, "folder-open", words.EMPTY, words.EMPTY_HOW)
        self.drawn = EmptyPage(theme, "sparkles", words.PICTOGRAMS, words.PICTOGRAMS_HOW)
        self.progress = TrainProgressView(theme, models.train.run, models.catalog, models.preferences)
        self.noise = ForwardView(theme, models.train.forward, models.preferences)
        self._stack = QStackedWidget()
        self._lay_out()
        self._connect()
        self._on_changed()

    def _lay_out(self) -> None:
        for part in (self.empty, self.drawn, self.pictures, self.progress, self.noise):
            self._stack.addWidget(part)
        self.empty.add_action(self.choose)
        head = QHBoxLayout()
        head.setSpacing(GAP)
        head.addWidget(self.title, 1)
        head.addWidget(self.parts)
        beside = QVBoxLayout()
        beside.setContentsMargins(PADDING + GRID, PADDING, PADDING + GRID, PADDING)
        beside.setSpacing(GAP + GRID)
        beside.addLayout(head)
        beside.addWidget(self._stack, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.form)
        row.addLayout(beside, 1)

    def _connect(self) -> None:
        form, progress = self.form, self.progress
        form.folder_requested.connect(self.ask_for_folder)
        self.choose.clicked.connect(self.ask_for_folder)
        form.train_requested.connect(self.start)
        form.resume_requested.connect(self._on_resume)
        self.parts.edited.connect(self.show_part)
        self.pictures.picture_chosen.connect(self._on_picture_chosen)
        self.pictures.noise_requested.connect(self._on_noise_requested)
        self.noise.picture_chosen.connect(self._on_picture_chosen)
        progress.pause_requested.connect(self.pause_requested)
        progress.stop_requested.connect(self.stop_requested)
        progress.resume_requested.connect(self._on_resume_last)
        progress.remove_requested.connect(self.remove_requested)
        progress.use_requested.connect(self.use_requested)
        progress.compare_requested.connect(self.compare_requested)
        progress.sheet_requested.connect(self.sheet_requested)
        self._models.form.changed.connect(self._on_changed)

    # ----------------------------------------------------------------------------------------------------- intents
    @Slot()
    def ask_for_folder(self) -> None:
        """Let a folder be chosen."""
        known = self._models.form.from_folder
        pictures = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation)
        start = str(known.parent) if known is not None else pictures
        chosen = QFileDialog.getExistingDirectory(self, "Choose a folder of pictures", start)
        if chosen:
            self.learn_from(Path(chosen))

    def learn_from(self, folder: Path) -> None:
        """Take a folder, and show what is in it."""
        self._models.form.choose(folder)
        self.show_part("pictures")

    @Slot()
    def start(self) -> None:
        """Train what the form says."""
        try:
            request = self._models.form.take_request()
        except RequestError as error:
            self._notices.post(str(error), kind="warn")
            return
        self.train_requested.emit(request)
        self.show_part("training")

    @Slot(str)
    def show_part(self, key: str) -> None:
        """Look at something else."""
        self.parts.set_value(key)
        self._on_changed()

    def toggle_pause(self) -> None:
        """Have the training rest, or go on."""
        self.progress.toggle_pause()

    def go_back(self) -> bool:
        """Close the sample that is open large; False where none is."""
        if self._stack.currentWidget() is not self.progress or not self.progress.is_large:
            return False
        self.progress.close_large()
        return True

    # -------------------------------------------------------------------------------------------------------- facts
    @Slot()
    def _on_changed(self) -> None:
        part, form = self.parts.value, self._models.form
        page: QWidget = {"training": self.progress, "noise": self.noise}.get(part, self.pictures)
        if part == "pictures" and form.from_folder is None:
            page = self.drawn if form.has_source else self.empty
        elif part == "pictures" and self._models.folder.is_bare:
            page = self.empty
        self._stack.setCurrentWidget(page)
        folder = form.from_folder
        shown = folder.name if folder is not None else ""
        self.title.setText(shown if page is self.pictures or page is self.empty else "")
        if part == "noise" and self._models.forward.path is None and self._models.folder.count:
            self._on_picture_chosen(self._models.folder.found[0].path)

    @Slot(object)
    def _on_picture_chosen(self, path: Path) -> None:
        self._models.forward.look_at(path, self._models.form.request.size)

    @Slot(object)
    def _on_noise_requested(self, path: Path) -> None:
        self._on_picture_chosen(path)
        self.show_part("noise")

    @Slot(object)
    def _on_resume(self, training: ResumableTraining) -> None:
        self.train_requested.emit(training.request)
        self.show_part("training")

    @Slot()
    def _on_resume_last(self) -> None:
        training = self._models.run.training
        if training is not None:
            self.train_requested.emit(training.request)

    # ----------------------------------------------------------------------------------------------------- Qt's side
    def showEvent(self, event: QShowEvent) -> None:
        """Look again at what may have changed meanwhile."""
        super().showEvent(event)
        self._models.resumables.reload()
        self._models.form.open()
        self._on_changed()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take a folder, or a picture."""
        if _dropped(event.mimeData()) is not None:
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()

    def dropEvent(self, event: QDropEvent) -> None:
        """Learn from the folder; see the picture dissolve."""
        path = _dropped(event.mimeData())
        if path is not None and path.is_dir():
            self.learn_from(path)
        elif path is not None:
            self._on_noise_requested(path)


def _dropped(data: QMimeData) -> Path | None:
    """Return the one local file or folder that is being dragged, or None."""
    urls = [url for url in data.urls() if url.isLocalFile()]
    return Path(urls[0].toLocalFile()) if len(urls) == 1 else None


class TrainPlace(QObject):
    """Holds the page.

    Attributes:
        page: the page.

    Signals:
        use_requested: pictures are to be made with the model of this name.
        compare_requested: a `CompareRequest` is to be run, and looked at.
        sheet_requested: a `CompareRequest` is to be run for the sheet that waits for it.
    """

    use_requested = Signal(str)
    compare_requested = Signal(object)
    sheet_requested = Signal(object)

    def __init__(self, theme: Theme, models: Models, training: TrainingSession, parent: QObject) -> None:
        """Make the page and connect it."""
        super().__init__(parent)
        self._models = models
        self.page = page = TrainPage(theme, models)
        page.train_requested.connect(training.train)
        page.pause_requested.connect(training.pause)
        page.stop_requested.connect(training.stop)
        page.remove_requested.connect(training.take_out)
        page.use_requested.connect(self.use_requested)
        page.compare_requested.connect(self._on_compare)
        page.sheet_requested.connect(self._on_sheet)

    @Slot()
    def _on_compare(self) -> None:
        request = self._comparison()
        if request is not None:
            self.compare_requested.emit(request)

    @Slot()
    def _on_sheet(self) -> None:
        request = self._comparison()
        path = ask_for_sheet(self.page, f"{request.requests[-1].model} checkpoints") if request else None
        if request is not None and path is not None:
            self._models.train.sheet.begin(request, path)
            self.sheet_requested.emit(request)

    def _comparison(self) -> CompareRequest | None:
        """Return what lays the checkpoints of the training side by side; None, after telling, where that cannot be."""
        models, run = self._models, self._models.train.run
        if run.training is None:
            return None
        names = checkpoints_of(run.training.request.name, [model.name for model in models.catalog.models])
        prompts = [sampled.prompts[0] for sampled in run.samples if sampled.what == "sample"]
        prompt = prompts[-1] if prompts else models.form.values.prompt
        try:
            return compare_checkpoints(names, prompt, models.form, models.catalog)
        except RequestError as error:
            models.notices.post(capitalised(str(error)), kind="warn")
            return None
