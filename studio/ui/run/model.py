"""The state of the canvas: the shown job, its shown picture and step, and which quantity of that step, x0_hat or x_t.

The shown job and the running job may differ: while a step was chosen, the next job does not replace it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, Signal

from studio.runs.memory import is_available
from studio.ui.core.engine_call import Priority
from studio.ui.core.images import to_image

if TYPE_CHECKING:
    from collections.abc import Hashable

    import numpy as np
    from numpy.typing import NDArray
    from PySide6.QtGui import QImage

    from studio.engine.events import StepDone
    from studio.engine.requests.previews import Quantity
    from studio.runs.memory import PictureRecord
    from studio.ui.core.frame_service import FrameService
    from studio.ui.core.job_state import JobState

_TOKEN: Final = "canvas"


class RunModel(QObject):
    """The shown job, picture and step.

    Attributes:
        running: the running job; None if there is none.
        viewed: the shown job; None before the first.
        step: the chosen step; None is the newest.
        quantity: which quantity of the step is shown.
        fault: why the shown step cannot be decoded, a translated sentence; "" if it can, or is not known yet.

    Signals:
        changed: another job or picture is shown, or the phase of the job has changed.
        frame_changed: `frame` has changed.
        frame_decoded: a better frame of this step of the shown picture is available.
        frame_failed: the shown step cannot be decoded; see `fault`.
        steps_changed: the steps of the shown picture have changed.
        selection_changed: another step is shown, or another quantity.
        step_wanted: recompute this step, which has no arrays.
    """

    changed = Signal()
    frame_changed = Signal()
    frame_decoded = Signal(int)
    frame_failed = Signal()
    steps_changed = Signal()
    selection_changed = Signal()
    step_wanted = Signal(int)

    def __init__(self, frames: FrameService, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._frames = frames
        self.running: JobState | None = None
        self.viewed: JobState | None = None
        self.step: int | None = None
        self.quantity: Quantity = "x0"
        self.fault = ""
        self._image: int | None = None

    # -------------------------------------------------------------------------------------------------- what is shown
    @property
    def live(self) -> bool:
        """Whether the canvas follows the newest step."""
        return self.step is None and self._image is None and self.viewed is (self.running or self.viewed)

    @property
    def image(self) -> int:
        """The number of the shown picture of the job, from 0."""
        if self._image is not None:
            return self._image
        return self.viewed.current_image if self.viewed is not None else 0

    @property
    def picture(self) -> PictureRecord | None:
        """The record of the shown picture."""
        return self.viewed.job.record.picture(self.image) if self.viewed is not None else None

    @property
    def shown_step(self) -> StepDone | None:
        """The chosen step, or the newest; before the first step the state that the run starts from."""
        picture = self.picture
        if picture is None:
            return None
        return picture.find(self.step) if self.step is not None else (picture.last or picture.start)

    @property
    def frame(self) -> QImage | None:
        """The best frame of the shown step so far; never waits for a file."""
        if self.viewed is None:
            return None
        pixels = self._frames.best(self.viewed, self.image, self.step, self.quantity)
        return to_image(pixels) if pixels is not None else None

    @property
    def waits_for_step(self) -> bool:
        """Whether the shown step has no arrays, and must be recomputed."""
        done = self.shown_step
        return self.step is not None and done is not None and not is_available(done)

    @property
    def was_recomputed(self) -> bool:
        """Whether the shown step was recomputed."""
        return self.picture is not None and self.step in self.picture.recomputed and not self.is_stored

    @property
    def is_stored(self) -> bool:
        """Whether the shown step can be read from the disk."""
        viewed, step = self.viewed, self.step
        return viewed is not None and step is not None and viewed.is_stored(self.image, step)

    # ------------------------------------------------------------------------------------------------- intents
    def select(self, step: int | None) -> None:
        """Show a step, or the state that the run starts from, by its number; None shows the newest."""
        if self.viewed is None or step == self.step:
            return
        # A chosen step belongs to its picture: the canvas does not move on to the next picture of the job.
        self._image = self.image if step is not None else self._image
        self.step = step
        self._announce_selection()

    def select_image(self, image: int) -> None:
        """Show another picture of the job, from 0."""
        if self.viewed is None or (image == self.image and self._image is not None):
            return
        self._image, self.step = image, None
        self._announce_all()

    def go_live(self) -> None:
        """Show the newest step of the running job, or of the last one."""
        if self.live and self.viewed is not None:
            return
        job_state = self.running or self.viewed
        if job_state is not None:
            self.watch(job_state)

    def watch(self, job_state: JobState) -> None:
        """Show another job, for example a recorded run."""
        self.viewed, self._image, self.step = job_state, None, None
        self._announce_all()

    def set_quantity(self, quantity: Quantity) -> None:
        """Show the predicted clean image (x0_hat), or the noisy state (x_t)."""
        if quantity == self.quantity:
            return
        self.quantity = quantity
        for job_state in {self.viewed, self.running} - {None}:
            if job_state is not None:
                job_state.job.preview_target.quantity = quantity
        self._announce_selection()

    def request_frame(
        self,
        step: int,
        quantity: Quantity | None = None,
        *,
        priority: Priority = Priority.INTERACTIVE,
        token: Hashable | None = None,
    ) -> bool:
        """Decode a frame of the shown picture in full; `frame_decoded` is emitted when it is done.

        Args:
            step: the step.
            quantity: which quantity of it; None is the shown one.
            priority: the priority of the decoding.
            token: see `FrameService.get`.

        Returns:
            Whether the frame is available already.
        """
        job_state, image = self.viewed, self.image
        if job_state is None:
            return False
        then = partial(self._on_frame, job_state, image, step)
        pixels = self._frames.get(
            job_state, image, step, quantity or self.quantity, then, priority=priority, token=token
        )
        return pixels is not None

    # ----------------------------------------------------------------------------------------------- from the session
    def begin(self, job_state: JobState) -> None:
        """A job begins; it is shown unless a step or picture of another job was chosen."""
        chosen = self.step is not None or self._image is not None
        follows = self.live or self.viewed is None or (not chosen and self.viewed.over)
        self.running = job_state
        job_state.job.preview_target.quantity = self.quantity
        if follows:
            self.watch(job_state)

    def note_phase(self, job_state: JobState) -> None:
        """The phase of the job may have changed."""
        if job_state is self.viewed:
            if (done := self.shown_step) is not None and done.model_calls == 0:
                # x_T, until the first step
                self._frames.at_once(job_state, self.image, done.step, self.quantity)
            self.changed.emit()
            self._stay_on_recorded_step()
            if job_state.over:
                self._request_shown()
            self.frame_changed.emit()
            self.steps_changed.emit()

    def note_steps(self, job_state: JobState) -> None:
        """The job has new steps."""
        if job_state is self.viewed:
            self._stay_on_recorded_step()
            self.steps_changed.emit()
            if self.step is None:
                self.frame_changed.emit()

    def end(self, job_state: JobState) -> None:
        """The job is over; it stays on the canvas until another begins."""
        if self.running is job_state:
            self.running = None
        self.note_phase(job_state)

    def note_recomputed(self, job_state: JobState, image: int) -> None:
        """Steps of a picture were read or recomputed."""
        if job_state is self.viewed and image == self.image and self.step is not None:
            self._announce_selection()

    def _stay_on_recorded_step(self) -> None:
        """Show the nearest recorded step if thinning has removed the chosen one from the record."""
        if self.step is None:
            return
        near = self.picture.nearest(self.step) if self.picture is not None else None
        step = near.step if near is not None else None
        if step != self.step:
            self.step = step
            self._announce_selection()

    def _request_shown(self) -> None:
        """Decode the shown step in full, or the nearest step with arrays if it has none."""
        job_state, image = self.viewed, self.image
        if job_state is None:
            return
        if self.step is None and image in job_state.pictures:
            then = partial(self._on_frame, job_state, image, None)
            failed = partial(self._on_picture_missing, job_state, image)
            self.fault = ""
            self._frames.get(job_state, image, None, self.quantity, then, failed, token=_TOKEN)
            return
        done, picture = self.shown_step, self.picture
        newest = self.step is None and not job_state.over
        if done is None or picture is None or (newest and picture.frame(done, self.quantity) is not None):
            self._frames.drop(_TOKEN)
            self.fault = ""
            return  # the newest step of a running job is shown as its preview
        near = picture.nearest_available(done.step) if self.waits_for_step else done
        if near is not None:
            self._request_full(job_state, near.step)

    def _request_full(self, job_state: JobState, step: int) -> bool:
        """Decode a step for the canvas; return whether its frame is available already.

        The fault of the step before stays until then: its line would vanish and return at every step.
        """
        image = self.image
        then = partial(self._on_full, job_state, image, step)
        pixels = self._frames.get(
            job_state, image, step, self.quantity, then, self._on_undecoded, token=_TOKEN
        )
        if pixels is not None:
            self.fault = ""
        return pixels is not None

    def _on_full(self, job_state: JobState, image: int, step: int, pixels: NDArray[np.uint8]) -> None:
        self.fault = ""
        self._on_frame(job_state, image, step, pixels)

    def _on_undecoded(self, sentence: str) -> None:
        self.fault = sentence
        self.frame_failed.emit()

    def _on_picture_missing(self, job_state: JobState, image: int, _: str) -> None:
        """Show the last step in place of a picture whose file cannot be read."""
        if job_state is self.viewed and image == self.image and self.step is None:
            done = self.shown_step
            if done is not None and self._request_full(job_state, done.step):
                self.frame_changed.emit()

    def _on_frame(self, job_state: JobState, image: int, step: int | None, _: NDArray[np.uint8]) -> None:
        if job_state is not self.viewed or image != self.image:
            return
        if step is not None:
            self.frame_decoded.emit(step)
        if self.step is None or step == self.step or self.waits_for_step:
            self.frame_changed.emit()

    def _announce_selection(self) -> None:
        self._request_shown()
        self.selection_changed.emit()
        self.frame_changed.emit()

    def _announce_all(self) -> None:
        self.fault = ""
        self._request_shown()
        self.changed.emit()
        self.steps_changed.emit()
        self.selection_changed.emit()
        self.frame_changed.emit()
