"""What the canvas shows: which job and picture are looked at, which step, and which side of it.

The job that runs and the one that is looked at may differ: who looks at an old step is not thrown out of it when the
next job begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from studio.ui.images import to_image
from studio.ui.models.frames import decode_task, direct_pixels, finished_image

if TYPE_CHECKING:
    from PySide6.QtGui import QImage

    from studio.engine.events import StepDone
    from studio.runs.record import PictureRecord, What
    from studio.ui.models.course import Course
    from studio.ui.models.job import FrameDecoded


class RunModel(QObject):
    """The job, the picture and the step that are looked at.

    Signals:
        changed: another job or picture is looked at, or the job's phase is another.
        frame_changed: `frame` is another.
        steps_changed: the picture has more steps, or other ones.
        selection_changed: another step is looked at, or another side of it.
        frame_decoded: the frame of this step is better than before.
        decode_requested: a `DecodeTask` is to be done.
    """

    changed = Signal()
    frame_changed = Signal()
    steps_changed = Signal()
    selection_changed = Signal()
    frame_decoded = Signal(int)
    decode_requested = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        """Begin with no job."""
        super().__init__(parent)
        self.running: Course | None = None
        self.viewed: Course | None = None
        self.step: int | None = None
        self.what: What = "x0"
        self._image: int | None = None
        self._asked: set[tuple[str, int, int, What]] = set()

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
        if self.viewed is None:
            return None
        finished = self.viewed.pictures.get(self.image)
        if finished is not None and self.step is None:
            return finished_image(finished)
        picture = self.picture
        if picture is None:
            return None
        if self.step is None:
            pixels = picture.latest_frame(self.what)
            if pixels is None:  # only the other side was shown so far; this one is on its way
                pixels = picture.latest_frame()
            if pixels is None and picture.start is not None:
                pixels = picture.frame(picture.start, self.what)
        else:
            done = picture.find(self.step)
            pixels = picture.frame(done, self.what) if done is not None else None
        return to_image(pixels) if pixels is not None else None

    # ------------------------------------------------------------------------------------------------- intents
    def select(self, step: int | None) -> None:
        """Look at a step, the start by its own number; None looks at the newest."""
        if self.viewed is None or step == self.step:
            return
        # Who looks at a step of one picture stays with that picture.
        self._image = self.image if step is not None else self._image
        self.step = step
        if step is not None:
            self._decode_shown()
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
        self.viewed = self.running or self.viewed
        self._image = self.step = None
        self._announce_all()

    def watch(self, course: Course) -> None:
        """Look at another job, such as a recorded run."""
        self.viewed, self._image, self.step = course, None, None
        self._asked.clear()
        self._announce_all()

    def set_what(self, what: What) -> None:
        """Look at the idea of the finished picture, or at the state itself."""
        if what == self.what:
            return
        self.what = what
        for course in {self.viewed, self.running} - {None}:
            if course is not None:
                course.job.shown.what = what
        if self.step is not None or self._lacks_frame():
            self._decode_shown()
        self.selection_changed.emit()
        self.frame_changed.emit()

    def request_frame(self, done: StepDone, *, at_once: bool = False) -> None:
        """Have a frame decoded in full, unless it was asked for before; ``at_once`` only where it takes no time."""
        self.request_side(done, self.what, at_once=at_once)

    def request_side(self, done: StepDone, side: What, *, at_once: bool = False) -> None:
        """Have either side of a step decoded, likewise."""
        course, picture = self.viewed, self.picture
        if course is None or picture is None or course.started is None or picture.is_full(done, side):
            return
        what, latents = picture.side_of(done, side), picture.latents(done, side)
        key = (course.job.id, done.image, done.step, what)
        if latents is None or key in self._asked:
            return
        pixels = direct_pixels(latents, course.request_of(done.image))
        if pixels is not None:
            course.job.record.put_frame(done.image, done.step, what, pixels)
        elif not at_once:
            self._asked.add(key)
            self.decode_requested.emit(decode_task(course, done, what, latents))

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
                self.request_frame(done, at_once=True)  # x_T, until the first step
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

    def take_decoded(self, event: FrameDecoded) -> None:
        """A frame is decoded."""
        task = event.task
        if self.viewed is None or task.job_id != self.viewed.job.id or event.pixels is None:
            return
        record = self.viewed.job.record
        if record.put_frame(task.image, task.step, task.what, event.pixels):
            # It may be given up for others later; then it can be asked for again.
            self._asked.discard((task.job_id, task.image, task.step, task.what))
        if task.image != self.image:
            return
        self.frame_decoded.emit(task.step)
        start = self.picture.start if self.picture is not None else None
        in_view = task.what == self.what or (start is not None and task.step == start.step)
        if in_view and self.step in (None, task.step):
            self.frame_changed.emit()

    def _decode_shown(self) -> None:
        if (done := self.shown_step) is not None:
            self.request_frame(done)

    def _lacks_frame(self) -> bool:
        """Whether the newest step was shown from the other side only."""
        picture, done = self.picture, self.shown_step
        return picture is not None and done is not None and picture.frame(done, self.what) is None

    def _stay_near(self) -> None:
        """Where the record gave up the step that is looked at, look at the nearest it kept."""
        if self.step is None:
            return
        near = self.picture.nearest(self.step) if self.picture is not None else None
        step = near.step if near is not None else None
        if step != self.step:
            self.step = step
            self._decode_shown()
            self.selection_changed.emit()
            self.frame_changed.emit()

    def _announce_all(self) -> None:
        self.changed.emit()
        self.steps_changed.emit()
        self.selection_changed.emit()
        self.frame_changed.emit()
