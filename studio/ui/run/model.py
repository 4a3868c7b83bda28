"""The frames of the job that is looked at: which one is shown, and which have to be decoded for that.

What the canvas shows: which job and picture are looked at, which step, and which side of it.

The job that runs and the one that is looked at may differ: who looks at an old step is not thrown out of it when the
next job begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from studio.runs.picture_record import is_held
from studio.ui.core.frames import Decoding, frame_of

if TYPE_CHECKING:
    from PySide6.QtGui import QImage

    from studio.engine.events import StepDone
    from studio.runs.picture_record import PictureRecord, What
    from studio.ui.core.job import FrameDecoded
    from studio.ui.jobs.job_state import Course


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


class RunModel(QObject):
    """The job, the picture and the step that are looked at.

    Attributes:
        running: the job that runs; None where none does.
        viewed: the job that is looked at.
        step: the step that was chosen; None is the newest.
        what: which side of it.
        frames: how it looks.

    Signals:
        changed: another job or picture is looked at, or the job's phase is another.
        frame_changed: `frame` is another.
        steps_changed: the picture has more steps, or other ones.
        selection_changed: another step is looked at, or another side of it.
        step_wanted: a step that was not kept is needed, by its number.
    """

    changed = Signal()
    frame_changed = Signal()
    steps_changed = Signal()
    selection_changed = Signal()
    step_wanted = Signal(int)

    def __init__(self, parent: QObject | None = None) -> None:
        """Begin with no job."""
        super().__init__(parent)
        self.running: Course | None = None
        self.viewed: Course | None = None
        self.step: int | None = None
        self.what: What = "x0"
        self._image: int | None = None
        self.frames = RunFrames(self)
        self.frames.changed.connect(self.frame_changed)

    # ------------------------------------------------------------------------------------------ what is looked at
    @property
    def live(self) -> bool:
        """Whether the newest is looked at, whatever comes."""
        return self.step is None and self._image is None and self.viewed is (self.running or self.viewed)

    @property
    def image(self) -> int:
        """Which picture of the job is looked at, from 0."""
        if self._image is not None:
            return self._image
        return self.viewed.current_image if self.viewed is not None else 0

    @property
    def picture(self) -> PictureRecord | None:
        """The steps of the picture that is looked at."""
        return self.viewed.job.record.picture(self.image) if self.viewed is not None else None

    @property
    def shown_step(self) -> StepDone | None:
        """The step that is looked at: the chosen one, or the newest; before the first one where it starts from."""
        picture = self.picture
        if picture is None:
            return None
        return picture.find(self.step) if self.step is not None else (picture.last or picture.start)

    @property
    def frame(self) -> QImage | None:
        """The best picture there is of what is looked at."""
        return self.frames.shown

    @property
    def waits_for_step(self) -> bool:
        """Whether the step that is looked at was not kept, and has to be made again."""
        done = self.shown_step
        return self.step is not None and done is not None and not is_held(done)

    @property
    def was_made_again(self) -> bool:
        """Whether it was not kept, and was made again."""
        return self.picture is not None and self.step in self.picture.again

    # ------------------------------------------------------------------------------------------------- intents
    def select(self, step: int | None) -> None:
        """Look at a step, the start by its own number; None looks at the newest."""
        if self.viewed is None or step == self.step:
            return
        # Who looks at a step of one picture stays with that picture.
        self._image = self.image if step is not None else self._image
        self.step = step
        if step is not None:
            self.frames.request_shown()
        self.selection_changed.emit()
        self.frame_changed.emit()

    def select_image(self, image: int) -> None:
        """Look at another picture of the job, from 0."""
        if self.viewed is None or (image == self.image and self._image is not None):
            return
        self._image, self.step = image, None
        self._announce_all()

    def go_live(self) -> None:
        """Look at what forms now, or was made last."""
        if self.live and self.viewed is not None:
            return
        course = self.running or self.viewed
        if course is not None:
            self.watch(course)

    def watch(self, course: Course) -> None:
        """Look at another job, such as a recorded run."""
        self.viewed, self._image, self.step = course, None, None
        self.frames.follow(course)
        self._announce_all()

    def set_what(self, what: What) -> None:
        """Look at the idea of the finished picture, or at the state itself."""
        if what == self.what:
            return
        self.what = what
        for course in {self.viewed, self.running} - {None}:
            if course is not None:
                course.job.shown.what = what
        if self.step is not None or self.frames.lacks_newest():
            self.frames.request_shown()
        self.selection_changed.emit()
        self.frame_changed.emit()

    # --------------------------------------------------------------------------------------- facts, from the session
    def begin(self, course: Course) -> None:
        """A job begins; it is looked at, unless an old one is looked at more closely."""
        chosen = self.step is not None or self._image is not None
        follows = self.live or self.viewed is None or (not chosen and self.viewed.over)
        self.running = course
        course.job.shown.what = self.what
        if follows:
            self.watch(course)

    def note_phase(self, course: Course) -> None:
        """The job went on by an event."""
        if course is self.viewed:
            if (done := self.shown_step) is not None and done.model_calls == 0:
                self.frames.request(done, at_once=True)  # x_T, until the first step
            self.changed.emit()
            self._stay_near()
            self.frame_changed.emit()
            self.steps_changed.emit()

    def note_steps(self, course: Course) -> None:
        """The job went on by a step or more."""
        if course is self.viewed:
            self._stay_near()
            self.steps_changed.emit()
            if self.step is None:
                self.frame_changed.emit()

    def end(self, course: Course) -> None:
        """The job is over; it stays in view until another begins."""
        if self.running is course:
            self.running = None
        self.note_phase(course)

    def take_again(self, course: Course, image: int) -> None:
        """Steps of a picture that were not kept are made again."""
        if course is self.viewed and image == self.image and self.step is not None:
            self.frames.request_shown()
            self.selection_changed.emit()
            self.frame_changed.emit()

    def _stay_near(self) -> None:
        """Where the record gave up the step that is looked at, look at the nearest it kept."""
        if self.step is None:
            return
        near = self.picture.nearest(self.step) if self.picture is not None else None
        step = near.step if near is not None else None
        if step != self.step:
            self.step = step
            self.frames.request_shown()
            self.selection_changed.emit()
            self.frame_changed.emit()

    def _announce_all(self) -> None:
        self.changed.emit()
        self.steps_changed.emit()
        self.selection_changed.emit()
        self.frame_changed.emit()
