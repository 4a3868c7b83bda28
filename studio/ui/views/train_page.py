"""The page of trainings in its place: what it wants goes to the training session and to the other pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.errors import RequestError, capitalised
from studio.ui.core.save_sheet import ask_for_sheet
from studio.ui.models.train_checkpoints import checkpoints_of, compare_checkpoints
from studio.ui.views.train import TrainPage

if TYPE_CHECKING:
    from studio.engine.compare import CompareRequest
    from studio.ui.jobs.training_session import TrainingSession
    from studio.ui.models.models import Models
    from studio.ui.theme.theme import Theme


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
