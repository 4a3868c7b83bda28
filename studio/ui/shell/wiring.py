"""Connects the models, the sessions and the intents that no page is needed for."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Slot

from studio.engine.requests.compare import CompareRequest
from studio.ui.jobs.cancelled_job import remaining_work
from studio.ui.jobs.recorded_runs import NOT_RECORDED
from studio.ui.language import tr
from studio.ui.shell import text

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from studio.engine.requests.generate import GenerateRequest
    from studio.gallery.store import PictureSaved
    from studio.ui.core.job_state import JobState
    from studio.ui.jobs.cancelled_job import RemainingWork
    from studio.ui.jobs.session import Session
    from studio.ui.jobs.training_session import TrainingSession
    from studio.ui.shell.models import Models
    from studio.ui.sweep.plan import BatchRequest
    from studio.ui.theme.theme import Theme

WARM_UP_MS = 700
"""Delay of the engine after the first paint: importing torch blocks typing."""


class Wiring(QObject):
    """Connects them for as long as it exists."""

    def __init__(
        self,
        app: QApplication,
        theme: Theme,
        models: Models,
        session: Session,
        training: TrainingSession,
    ) -> None:
        super().__init__()
        self._theme, self._models, self._session = theme, models, session
        intents = models.intents
        intents.cancel.connect(session.cancel)
        intents.compare.connect(session.compare)
        intents.run_comparison.connect(session.compare)
        intents.compare_runs.connect(models.library.open_runs)
        intents.compare_pictures.connect(models.library.open_pictures)
        intents.compare_shown.connect(self._on_compare_shown)
        models.preferences.changed.connect(self._on_preference_changed)
        models.preferences.unsaved.connect(self._on_unsaved)
        models.status.changed.connect(self._on_status_changed)
        session.picture_saved.connect(self._on_picture_saved)
        models.recompute.failed.connect(self._on_unopened)
        session.job_changed.connect(self._on_job_changed)
        models.reference.run_requested.connect(self._on_reference_wanted)
        models.reference.stop_requested.connect(session.cancel_job)
        models.library.opened.connect(self._on_comparison_opened)
        models.library.failed.connect(self._on_unopened)
        models.catalog.failed.connect(self._on_unopened)
        # Queued: the sweep requests its next job while the session is still ending the one before.
        models.sweep.job_requested.connect(self._on_cells_wanted, Qt.ConnectionType.QueuedConnection)
        models.sweep.stop_requested.connect(session.cancel_job)
        models.runs.used.connect(models.status.set_runs_bytes)
        models.gallery.trashed.connect(models.runs.measure)
        models.runs.opened.connect(self._on_run_opened)
        models.runs.failed.connect(self._on_unopened)
        session.job_changed.connect(models.train.sheet.follow)
        training.ended.connect(models.train.resumables.reload)
        training.ended.connect(models.train.form.rename)
        training.ended.connect(models.train.form.costs.forget)
        app.applicationStateChanged.connect(self._on_state_changed)

    @Slot()
    def on_first_paint(self) -> None:
        """Load what the first paint need not wait for."""
        self._models.gallery.reload()
        self._models.runs.measure()
        if fault := self._models.preferences.fault:
            self._models.notices.post(tr(fault), kind="warn")
        QTimer.singleShot(WARM_UP_MS, self._session.warm_up)

    @Slot(str)
    def _on_preference_changed(self, name: str) -> None:
        if name == "theme":
            self._theme.choose(self._models.preferences.theme)
        elif name == "runs_gib":
            self._models.runs.store.budget_bytes = round(self._models.preferences.runs_gib * 2**30)

    @Slot()
    def _on_compare_shown(self) -> None:
        run = self._models.run
        recorded = run.viewed.run_ids.get(run.image) if run.viewed is not None else None
        if recorded is not None:
            self._models.library.open_runs([recorded])
        else:
            over = run.viewed is not None and run.viewed.over
            self._models.notices.post(tr(NOT_RECORDED) if over else text.not_yet_comparable(), kind="warn")

    @Slot(object)
    def _on_cells_wanted(self, request: BatchRequest) -> None:
        """Run cells of the sweep: several in lockstep, or a single one."""
        sweep, session = self._models.sweep, self._session
        if isinstance(request, CompareRequest):
            sweep.job = session.compare(request)
        else:
            sweep.job = session.generate(request)

    @Slot(object)
    def _on_reference_wanted(self, request: GenerateRequest) -> None:
        """Run the long reference of a comparison."""
        self._models.reference.job = self._session.generate(request)

    @Slot(object)
    def _on_job_changed(self, job_state: JobState) -> None:
        """Pass a job to the model that requested it, and offer to resume one that was cancelled."""
        if job_state.over:
            self._models.runs.measure()
        if job_state.started is not None:
            self._models.catalog.expect((job_state.started.weights_sha256, *job_state.started.weights))
        if not self._models.sweep.follow(job_state) and not self._models.reference.follow(job_state):
            self._models.compare.follow(job_state)
            if (left := remaining_work(job_state)) is not None:
                act = partial(self._resume, job_state, left)
                self._models.notices.post(left.sentence, action=tr("Resume"), act=act)

    def _resume(self, job_state: JobState, left: RemainingWork) -> None:
        """Queue what is left of a cancelled job."""
        for fork, image in left.forks:
            self._session.fork(fork, (job_state, image))
        if left.rest is not None:
            self._session.generate(left.rest)
        self._models.run.go_live()

    @Slot(object)
    def _on_run_opened(self, job_state: JobState) -> None:
        """Show a recorded run on the canvas."""
        self._models.run.watch(job_state)
        self._models.run.select(job_state.opens_at)
        if job_state.note:
            self._models.notices.post(job_state.note, kind="warn")

    @Slot(object)
    def _on_comparison_opened(self, job_state: JobState) -> None:
        """Show recorded runs side by side."""
        self._models.compare.show(job_state)
        if job_state.note:
            self._models.notices.post(job_state.note, kind="warn")

    @Slot(str)
    def _on_unopened(self, sentence: str) -> None:
        self._models.notices.post(sentence, kind="warn")

    @Slot(str)
    def _on_unsaved(self, sentence: str) -> None:
        self._models.notices.post(sentence, kind="warn")

    @Slot()
    def _on_status_changed(self) -> None:
        if self._models.status.dtype:
            self._models.form.set_device(self._models.status.device, self._models.status.memory)

    @Slot(object)
    def _on_picture_saved(self, event: PictureSaved) -> None:
        del event
        self._models.form.refresh_estimate()

    @Slot(Qt.ApplicationState)
    def _on_state_changed(self, state: Qt.ApplicationState) -> None:
        """Look for pictures and models of other programs when the window is activated."""
        if state == Qt.ApplicationState.ApplicationActive and self._models.gallery.loaded:
            self._models.gallery.reload()
            self._models.catalog.reload()
