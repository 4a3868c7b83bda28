"""The page of trainings in its place: what it wants goes to the training session and to the other pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.errors import RequestError, capitalised
from studio.ui.models.train_checkpoints import checkpoints_of, compare_checkpoints
from studio.ui.views.train import TrainPage

if TYPE_CHECKING:
    from studio.ui.models.models import Models
    from studio.ui.theme.theme import Theme
    from studio.ui.training_session import TrainingSession


class TrainPlace(QObject):
    """Holds the page.

    Attributes:
        page: the page.

    Signals:
        use_requested: pictures are to be made with the model of this name.
        compare_requested: a `CompareRequest` is to be run, and looked at.
    """

    use_requested = Signal(str)
    compare_requested = Signal(object)

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

    @Slot()
    def _on_compare(self) -> None:
        models, run = self._models, self._models.train.run
        if run.training is None:
            return
        names = checkpoints_of(run.training.request.name, [model.name for model in models.catalog.models])
        prompts = [sampled.prompts[0] for sampled in run.samples if sampled.what == "sample"]
        prompt = prompts[-1] if prompts else models.form.values.prompt
        try:
            request = compare_checkpoints(names, prompt, models.form, models.catalog)
        except RequestError as error:
            models.notices.post(capitalised(str(error)), kind="warn")
            return
        self.compare_requested.emit(request)
