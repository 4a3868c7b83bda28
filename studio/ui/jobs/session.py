"""The session: submits jobs to the engine thread one at a time, and passes its events to the models.

Waiting jobs stay in the queue's model, where they can be reordered and removed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QObject, Qt, Signal, Slot

from studio.engine.events import JobCancelled, JobFailed, JobFinished, JobStarted
from studio.engine.requests.compare import CompareRequest
from studio.engine.requests.fork import ForkRequest
from studio.gallery.store import PictureSaved, PictureUnsaved, save_picture
from studio.runs.writer import RunRecorded
from studio.ui.core.background import Background
from studio.ui.core.engine_call import EngineFailed, EngineReady
from studio.ui.core.images import to_image
from studio.ui.core.job import Job
from studio.ui.core.job_state import JobEvent, JobState, is_job_event
from studio.ui.jobs import text
from studio.ui.jobs.queue_model import remove_job
from studio.ui.jobs.timings import note_pace
from studio.ui.language import tr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from PySide6.QtGui import QImage

    from studio.engine.memory_plan import DeviceMemory
    from studio.engine.requests.generate import GenerateRequest
    from studio.errors import StudioError
    from studio.gallery.index import Entry
    from studio.gallery.store import PictureStore
    from studio.ui.core.engine_thread import EngineThread
    from studio.ui.core.job import JobRequest
    from studio.ui.core.notices import Notices
    from studio.ui.core.settings import Preferences
    from studio.ui.jobs.queue_model import QueueModel
    from studio.ui.jobs.timings import Timings


@dataclass(frozen=True, eq=False)
class LiveTile:
    """The running job's picture, as the gallery shows it before all others.

    Attributes:
        job_id: the id of its job.
        prompt: its prompt.
        image: its newest preview; None before the first.
        step: the number of steps taken.
        steps: the number of all its steps.
        level: the noise level, 1 (all noise) to 0 (clean).
    """

    job_id: str
    prompt: str
    image: QImage | None
    step: int
    steps: int
    level: float


def live_tile(job_state: JobState) -> LiveTile:
    """Return the tile of the picture that a running job is making."""
    image = job_state.current_image
    picture, done = job_state.job.record.picture(image), job_state.latest(image)
    pixels = picture.latest_frame() if picture is not None else None
    return LiveTile(
        job_id=job_state.job.id,
        prompt=job_state.request_of(image).prompt,
        image=to_image(pixels) if pixels is not None else None,
        step=done.step if done is not None else 0,
        steps=job_state.steps_of(image),
        level=done.level if done is not None else 1.0,
    )


class RunSink(Protocol):
    """Shows the progress of the running job; implemented by the model of the canvas."""

    @property
    def viewed(self) -> JobState | None:
        """The job that is shown."""

    def begin(self, job_state: JobState) -> None:
        """Show a job that starts."""

    def note_steps(self, job_state: JobState) -> None:
        """Show new steps of a job."""

    def note_phase(self, job_state: JobState) -> None:
        """Show an event of a job other than a step."""

    def end(self, job_state: JobState) -> None:
        """Show that a job is over."""


class PictureSink(Protocol):
    """Shows finished pictures and the running job's; implemented by the gallery."""

    def add(self, entry: Entry) -> None:
        """Add a picture that was saved."""

    def set_live(self, tile: LiveTile | None) -> None:
        """Show the running job's picture; None if no job runs."""


class StatusSink(Protocol):
    """Shows the device and the cost of previews; implemented by the status bar."""

    def set_device(
        self,
        device: str,
        dtype: str = "",
        unused_gpu: str | None = None,
        memory: DeviceMemory | None = None,
    ) -> None:
        """Show the device."""

    def set_preview_share(self, share: float) -> None:
        """Show the share of the last job's time that previews took."""


class SavedPictures:
    """Passes finished pictures to the gallery, with notices on how they were saved."""

    def __init__(
        self, store: PictureStore, gallery: PictureSink, notices: Notices, background: Background
    ) -> None:
        self._store, self._gallery, self._notices = store, gallery, notices
        self._background = background

    def take(self, event: PictureSaved | PictureUnsaved) -> None:
        """Show a saved picture; offer to try again if it could not be saved."""
        if isinstance(event, PictureUnsaved):
            self._offer_to_save(event)
            return
        self._gallery.add(event.entry)
        if event.fault is not None:
            self._notices.post(
                tr("{reason} The picture was saved as {path}.", reason=event.fault, path=event.entry.path),
                kind="error",
            )
        for note in event.entry.notes:
            self._notices.post(tr(note), kind="warn")

    def _offer_to_save(self, event: PictureUnsaved) -> None:
        self._notices.post(
            tr(
                "The picture could not be saved: {error} It stays in memory as long as the window is open.",
                error=event.error,
            ),
            kind="error",
            action=tr("Try again"),
            act=partial(self._save_again, event),
        )

    def _save_again(self, event: PictureUnsaved) -> None:
        failed = partial(self._on_not_saved, event)
        self._background.do(partial(save_picture, event.done, self._store), self._on_saved_again, failed)

    def _on_saved_again(self, kept: PictureSaved | PictureUnsaved) -> None:
        if isinstance(kept, PictureUnsaved):
            self._offer_to_save(kept)
        else:
            self._gallery.add(kept.entry)
            self._notices.post(tr("The picture is saved as {path}.", path=kept.entry.path))

    def _on_not_saved(self, event: PictureUnsaved, error: StudioError) -> None:
        self._notices.post(tr(error.message), kind="error")
        self._offer_to_save(event)


CLOSE_MS = 60_000
"""The longest time that closing waits for the running model call; finished pictures are saved long before."""


class Session(QObject):
    """Connects the models of the window to the engine.

    Signals:
        running_changed: whether a job is running or waiting.
        picture_saved: a finished picture was saved, a `PictureSaved`.
        step_taken: the newest step of the running job was passed to the models, a `StepDone`.
        job_changed: a `JobState` started, or received a step or another event, including its last one.
    """

    running_changed = Signal(bool)
    picture_saved = Signal(object)
    step_taken = Signal(object)
    job_changed = Signal(object)

    def __init__(
        self,
        thread: EngineThread,
        store: PictureStore,
        *,
        queue: QueueModel,
        run: RunSink,
        gallery: PictureSink,
        status: StatusSink,
        notices: Notices,
        preferences: Preferences,
        timings: Timings,
        parent: QObject | None = None,
    ) -> None:
        """Connect the thread and the models; `start` starts the thread."""
        super().__init__(parent)
        self._thread = thread
        self._background = Background(self)
        self._saved_pictures = SavedPictures(store, gallery, notices, self._background)
        self._queue, self._run, self._gallery = queue, run, gallery
        self._status, self._notices = status, notices
        self._preferences, self._timings = preferences, timings
        self._job_state: JobState | None = None
        self._writing: dict[str, JobState] = {}  # earlier jobs whose last pictures are being written
        self._busy = False
        # Slots of a QObject in this thread: a plain function would run in the engine thread, or never.
        thread.engine_event.connect(self._on_engine_event, Qt.ConnectionType.QueuedConnection)
        thread.steps_ready.connect(self._on_steps_ready, Qt.ConnectionType.QueuedConnection)
        thread.device_free.connect(self._on_device_free, Qt.ConnectionType.QueuedConnection)

    # --------------------------------------------------------------------------------------------------- intents
    def start(self) -> None:
        """Start the thread; it imports nothing heavy until the first job."""
        self._thread.start()

    @Slot()
    def warm_up(self) -> None:
        """Create the engine, so that the first job need not wait for it."""
        self._thread.warm_up()

    def generate(self, request: GenerateRequest) -> Job:
        """Queue a request for pictures."""
        return self._add(request)

    def fork(self, request: ForkRequest, parent: tuple[JobState, int] | None = None) -> Job:
        """Queue a fork; ``parent`` is the job and the index of the picture that it continues, if known."""
        return self._add(request, (parent[0].run_ids, parent[1]) if parent is not None else None)

    def compare(self, request: CompareRequest) -> Job:
        """Queue several runs in lockstep; the index of a run is that of its picture."""
        return self._add(request)

    def _add(self, request: JobRequest, parent: tuple[Mapping[int, str], int] | None = None) -> Job:
        budget = self._preferences.preview_budget
        recorded = self._preferences.record_runs
        limit = None if budget >= 1 else budget
        headroom = round(self._preferences.headroom_gb * 1e9)
        job = Job(request=request, budget=limit, recorded=recorded, parent=parent, headroom=headroom)
        self._queue.add(job)
        self._start_next()
        return job

    @Slot()
    def cancel(self) -> None:
        """Cancel the running job; the next one starts."""
        if (running := self._queue.running) is not None:
            self.cancel_job(running)

    def cancel_job(self, job: Job) -> None:
        """Cancel a job, or remove it from the queue."""
        if not remove_job(job, self._queue, self._notices, self._start_next):
            self._thread.cancel(job)
            if self._job_state is not None:
                self._run.note_phase(self._job_state)  # so that it is shown as being cancelled

    def close(self) -> bool:
        """End the thread after the running model call; return False if it did not end within a minute."""
        self._queue.clear_waiting()
        self._thread.stop()
        ended = self._thread.wait(CLOSE_MS)
        self._background.close()
        return ended

    # ------------------------------------------------------------------------------------------- from the thread
    @Slot(object)
    def _on_engine_event(self, event: object) -> None:
        match event:
            case EngineReady():
                report = event.report
                self._status.set_device(report.device, report.dtype, report.unused_gpu, report.memory)
            case EngineFailed():
                self._status.set_device(tr("No device"))
                if self._job_state is None:  # or the job shows the error
                    self._notices.post(event.sentence, kind="error", details=event.details)
            case _ if is_job_event(event):
                self._on_event(event)

    @Slot()
    def _on_steps_ready(self) -> None:
        """Pass on the newest steps, which are in the record already."""
        job_state = self._job_state
        steps = [done for done in self._thread.mailbox.take().values() if self._is_current(done.job_id)]
        if job_state is None or not steps:
            return
        for done in steps:
            job_state.take_step(done)
        self._run.note_steps(job_state)
        self._gallery.set_live(live_tile(job_state))
        self.job_changed.emit(job_state)
        self.step_taken.emit(steps[-1])

    @Slot(str)
    def _on_device_free(self, job_id: str) -> None:
        """Begin the next job while the last picture of this one is written."""
        self._on_steps_ready()
        waiting = self._queue.waiting
        if self._job_state is None or not self._is_current(job_id) or not waiting:
            return
        if waiting[0].needs_parent:
            return  # its run is known once it has been recorded
        self._writing[job_id] = self._job_state
        self._job_state = None
        self._queue.finish()
        self._start_next()

    def _on_event(self, event: JobEvent) -> None:
        job_state = self._writing.get(event.job_id)
        if job_state is None and self._is_current(event.job_id):
            job_state = self._job_state
        if job_state is None:
            return
        self._on_steps_ready()  # earlier steps come first
        job_state.take(event)
        match event:
            case JobStarted():
                for note in event.notes:
                    self._notices.post(note)
            case RunRecorded() if event.fault is not None:
                self._notices.post(
                    tr("{reason} The run is not recorded completely.", reason=event.fault), kind="warn"
                )
            case PictureSaved() | PictureUnsaved():
                self._saved_pictures.take(event)
                if isinstance(event, PictureSaved):
                    self.picture_saved.emit(event)
            case JobFinished() | JobCancelled() | JobFailed():
                self._end(job_state)
                return
        if job_state is not self._job_state:
            return
        self._run.note_phase(job_state)
        self._gallery.set_live(live_tile(job_state))  # it may be the next picture's
        self.job_changed.emit(job_state)

    def _offer(self, action: str, request: JobRequest, job: Job, failure: JobFailed) -> None:
        """Show a failure with a button that queues another request in the place of its job."""

        def act() -> None:
            self._add(request, job.parent)

        self._notices.post(failure.sentence, kind="error", details=failure.details, action=action, act=act)

    def _is_current(self, job_id: str) -> bool:
        return self._job_state is not None and self._job_state.job.id == job_id

    def _start_next(self) -> None:
        job = self._queue.start_next()
        if job is None:
            return
        job = job.with_parent_id()
        self._job_state = JobState(job)
        self._run.begin(self._job_state)
        self._gallery.set_live(live_tile(self._job_state))
        self._set_busy(True)
        self.job_changed.emit(self._job_state)
        self._thread.submit(job)

    def _end(self, job_state: JobState) -> None:
        if job_state.preview_share is not None:
            self._status.set_preview_share(job_state.preview_share)
        note_pace(job_state, self._timings)
        failure = job_state.failure
        if failure is not None and (smaller := _smaller(job_state.job.request, failure)) is not None:
            self._offer(*smaller, job_state.job, failure)
        elif failure is not None and job_state is not self._run.viewed:
            # The canvas shows another job, so the error needs a notice.
            self._notices.post(failure.sentence, kind="error", details=failure.details)
        if self._writing.pop(job_state.job.id, None) is not None:
            self._run.end(job_state)
            self.job_changed.emit(job_state)
            return
        self._job_state = None
        self._queue.finish()
        self._gallery.set_live(None)
        self._run.end(job_state)
        self.job_changed.emit(job_state)
        self._start_next()
        if self._job_state is None:
            self._set_busy(False)

    def _set_busy(self, busy: bool) -> None:
        if busy != self._busy:
            self._busy = busy
            self.running_changed.emit(busy)


def _smaller(request: JobRequest, failure: JobFailed) -> tuple[str, JobRequest] | None:
    """Return what a job that ran out of memory is offered, and its request; None: nothing makes it need less."""
    plan = failure.smaller
    if plan is None:
        return None
    if plan.measure is not None:  # the engine takes it when the same request runs again
        return text.try_with_less_memory(plan.measure), request
    if plan.size is None or isinstance(request, ForkRequest):
        return None
    width, height = plan.size
    action = text.try_at_size(width, height)
    if isinstance(request, CompareRequest):
        panes = tuple(replace(pane, width=width, height=height) for pane in request.requests)
        return action, replace(request, requests=panes)
    return action, replace(request, width=width, height=height)
