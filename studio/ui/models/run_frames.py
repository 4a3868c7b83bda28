"""The frames of the job that is looked at: which one is shown, and which have to be decoded for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from studio.ui.core.frames import Decoding, frame_of

if TYPE_CHECKING:
    from PySide6.QtGui import QImage

    from studio.engine.events import StepDone
    from studio.runs.picture_record import What
    from studio.ui.core.job import FrameDecoded
    from studio.ui.jobs.job_state import Course
    from studio.ui.models.run import RunModel


class RunFrames(QObject):
    """Frames of what `RunModel` looks at.

    Signals:
        changed: the frame that is shown is better than before.
        decoded: the frame of this step is.
        requested: a `DecodeTask` is to be done.
    """

    changed = Signal()
    decoded = Signal(int)
    requested = Signal(object)

    def __init__(self, run: RunModel) -> None:
        """Begin with no job."""
        super().__init__(run)
        self._run = run
        self._decoding: Decoding | None = None

    @property
    def shown(self) -> QImage | None:
        """The best picture there is of what is looked at."""
        run = self._run
        return frame_of(run.viewed, run.image, run.step, run.what) if run.viewed is not None else None

    def follow(self, course: Course) -> None:
        """Another job is looked at."""
        self._decoding = Decoding(course)

    def request(self, done: StepDone, side: What | None = None, *, at_once: bool = False) -> None:
        """Have a frame decoded in full, unless it was asked for before.

        Args:
            done: the step.
            side: which side of it; None is the one that is looked at.
            at_once: only where it takes no time.
        """
        if self._decoding is not None:
            task = self._decoding.want(done, side or self._run.what, at_once=at_once)
            if task is not None:
                self.requested.emit(task)

    def request_shown(self) -> None:
        """Have what is looked at decoded; where that was not kept, the nearest that was."""
        run = self._run
        done, picture = run.shown_step, run.picture
        if done is not None and picture is not None:
            near = picture.nearest_held(done.step) if run.waits_for_step else done
            if near is not None:
                self.request(near)

    def lacks_newest(self) -> bool:
        """Whether the newest step was shown from the other side only."""
        picture, done = self._run.picture, self._run.shown_step
        return picture is not None and done is not None and picture.frame(done, self._run.what) is None

    def take(self, event: FrameDecoded) -> None:
        """A frame is decoded."""
        run, task = self._run, event.task
        if run.viewed is None or task.job_id != run.viewed.job.id or event.pixels is None:
            return
        if self._decoding is not None:
            self._decoding.take(event)
        if task.image != run.image:
            return
        self.decoded.emit(task.step)
        start = run.picture.start if run.picture is not None else None
        in_view = task.what == run.what or (start is not None and task.step == start.step)
        if in_view and (run.step in (None, task.step) or run.waits_for_step):
            self.changed.emit()
