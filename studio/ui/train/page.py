"""The training page: the form, and beside it the pictures, the training, or a picture dissolving into noise."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QStandardPaths, Qt, Slot
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from studio.errors import RequestError, capitalised
from studio.ui.jobs.sheet_writer import ask_for_sheet
from studio.ui.language import tr
from studio.ui.theme.metrics import FORM, GAP, GRID, PADDING
from studio.ui.train import text
from studio.ui.train.checkpoints import compare_checkpoints
from studio.ui.train.data_view import TrainPicturesView
from studio.ui.train.form_view import TrainFormView
from studio.ui.train.noise_view import ForwardView
from studio.ui.train.progress_view import TrainProgressView
from studio.ui.widgets.buttons import TextButton
from studio.ui.widgets.cards import EmptyPage, Ground
from studio.ui.widgets.choice import SegmentedSwitch
from studio.ui.widgets.labels import PlainLabel
from studio.ui.widgets.page import dropped_file

if TYPE_CHECKING:
    from PySide6.QtGui import QDragEnterEvent, QDropEvent, QShowEvent, QUndoStack

    from studio.engine.requests.compare import CompareRequest
    from studio.engine.training.resumable import ResumableTraining
    from studio.ui.core.catalog import Catalog
    from studio.ui.core.intents import Intents
    from studio.ui.core.notices import Notices
    from studio.ui.core.settings import Preferences
    from studio.ui.jobs.run_settings import RunSettings
    from studio.ui.jobs.training_session import TrainingSession
    from studio.ui.theme.theme import Theme
    from studio.ui.train.model import TrainModels


class TrainPage(Ground):
    """Shows `TrainModels`, and has the training session train."""

    def __init__(
        self,
        theme: Theme,
        models: TrainModels,
        training: TrainingSession,
        settings: RunSettings,
        catalog: Catalog,
        preferences: Preferences,
        notices: Notices,
        intents: Intents,
        parent: QWidget | None = None,
    ) -> None:
        """Build the page; ``settings`` are those of the form, with which checkpoints are compared."""
        super().__init__(theme, "window", parent=parent)
        self._models, self._training, self._settings = models, training, settings
        self._catalog, self._notices, self._intents = catalog, notices, intents
        self.setAcceptDrops(True)
        self.form = TrainFormView(theme, models, catalog)
        self.form.setFixedWidth(FORM)
        self.parts = SegmentedSwitch(theme, tr("View"), text.tabs())
        self.title = PlainLabel(theme, kind="title", elide=True)
        self.pictures = TrainPicturesView(theme, models.folder, models.tiles)
        self.choose = TextButton(theme, tr("Choose a folder"), kind="primary", icon="folder-open")
        self.empty = EmptyPage(theme, "folder-open", text.empty(), text.empty_how())
        self.drawn = EmptyPage(theme, "sparkles", text.pictograms(), text.pictograms_how())
        self.progress = TrainProgressView(theme, models.run, catalog, preferences, intents)
        self.noise = ForwardView(theme, models.forward, preferences)
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
        form.choose.clicked.connect(self.ask_for_folder)
        self.choose.clicked.connect(self.ask_for_folder)
        form.train_requested.connect(self.start)
        form.resumables.resume_requested.connect(self._on_resume)
        self.parts.edited.connect(self.show_part)
        self.pictures.picture_chosen.connect(self._on_picture_chosen)
        self.pictures.noise_requested.connect(self._on_noise_requested)
        self.noise.picture_chosen.connect(self._on_picture_chosen)
        progress.pause.clicked.connect(self._training.toggle_pause)
        progress.stop.clicked.connect(self._training.stop)
        progress.resume.clicked.connect(self._on_resume_last)
        progress.waiting.removed.connect(self._training.remove)
        progress.compare.clicked.connect(self._on_compare)
        progress.sheet.clicked.connect(self._on_sheet)
        self._models.form.changed.connect(self._on_changed)

    # ----------------------------------------------------------------------------------------------------- intents
    @Slot()
    def ask_for_folder(self) -> None:
        """Open the dialog that chooses a folder of pictures."""
        known = self._models.form.from_folder
        pictures = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation)
        start = str(known.parent) if known is not None else pictures
        chosen = QFileDialog.getExistingDirectory(self, tr("Choose a folder of pictures"), start)
        if chosen:
            self.learn_from(Path(chosen))

    def learn_from(self, folder: Path) -> None:
        """Choose ``folder``, and show its pictures."""
        self._models.form.choose(folder)
        self.show_part("pictures")

    @Slot()
    def start(self) -> None:
        """Train with the settings of the form."""
        try:
            request = self._models.form.take_request()
        except RequestError as error:
            self._notices.post(capitalised(tr(error.message)), kind="warn")
            return
        self._training.train(request)
        self.show_part("training")

    @Slot(str)
    def show_part(self, key: str) -> None:
        """Show the tab ``key``."""
        self.parts.set_value(key)
        self._on_changed()

    @property
    def undo_stack(self) -> QUndoStack:
        return self._models.form.undo_stack

    def go_back(self) -> bool:
        """Close the enlarged sample; return False if none is open."""
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
        elif part == "pictures" and self._models.folder.is_empty:
            page = self.empty
        self._stack.setCurrentWidget(page)
        folder = form.from_folder
        shown = folder.name if folder is not None else ""
        self.title.setText(shown if page is self.pictures or page is self.empty else "")
        if part == "noise" and self._models.forward.path is None and self._models.folder.count:
            self._on_picture_chosen(self._models.folder.found[0].path)

    @Slot(object)
    def _on_picture_chosen(self, path: Path) -> None:
        self._models.forward.set_picture(path, self._models.form.values.size)

    @Slot(object)
    def _on_noise_requested(self, path: Path) -> None:
        self._on_picture_chosen(path)
        self.show_part("noise")

    @Slot(object)
    def _on_resume(self, training: ResumableTraining) -> None:
        self._training.train(training.request)
        self.show_part("training")
        self.progress.take_focus()  # the row with the button is gone

    @Slot()
    def _on_resume_last(self) -> None:
        training = self._models.run.training
        if training is not None:
            self._training.train(training.request)

    @Slot()
    def _on_compare(self) -> None:
        request = self._comparison()
        if request is not None:
            self._intents.compare.emit(request)

    @Slot()
    def _on_sheet(self) -> None:
        request = self._comparison()
        if request is None:
            return
        path = ask_for_sheet(self, text.checkpoints_file(request.requests[-1].model))
        if path is not None:
            self._models.sheet.begin(request, path)
            self._intents.run_comparison.emit(request)

    def _comparison(self) -> CompareRequest | None:
        """Return the comparison of the training's checkpoints; None, with a notice, if there can be none."""
        run = self._models.run
        if run.training is None:
            return None
        prompts = [sampled.prompts[0] for sampled in run.samples if sampled.what == "sample"]
        prompt = prompts[-1] if prompts else self._settings.values.prompt
        try:
            return compare_checkpoints(self.progress.saved_models, prompt, self._settings, self._catalog)
        except RequestError as error:
            self._notices.post(capitalised(tr(error.message)), kind="warn")
            return None

    # ----------------------------------------------------------------------------------------------------- Qt's side
    def showEvent(self, event: QShowEvent) -> None:
        """Read again what may have changed while the page was hidden."""
        super().showEvent(event)
        self._models.resumables.reload()
        self._models.form.open()
        self._on_changed()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Accept one folder or one file."""
        if dropped_file(event.mimeData()) is not None:
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()

    def dropEvent(self, event: QDropEvent) -> None:
        """Train on a dropped folder; show a dropped picture on the Noise tab."""
        path = dropped_file(event.mimeData())
        if path is not None:
            on_file = partial(self._on_noise_requested, path)
            self._models.background.do(
                path.is_dir, partial(self._on_dropped, path), lambda _: on_file(), key="dropped"
            )

    def _on_dropped(self, path: Path, is_folder: bool) -> None:
        self.learn_from(path) if is_folder else self._on_noise_requested(path)
