"""Keeping the step that is looked at as a picture of its own, which says which step of which run it is.

Steps that a long run did not keep, made again when they are looked at: a few model calls from the nearest before.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from studio import __version__
from studio.engine.events import PictureDone, StepDone
from studio.gallery.keeping import PictureKept, PictureUnsaved, keep_one
from studio.gallery.origin import Origin
from studio.runs.picture_record import is_held
from studio.runs.replay import steps_again
from studio.ui.core.background import Background
from studio.ui.core.job import Errand

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from studio.engine.fork import StartState
    from studio.engine.requests import GenerateRequest
    from studio.errors import StudioError
    from studio.gallery.store import PictureStore
    from studio.runs.picture_record import PictureRecord
    from studio.ui.core.engine_protocol import Engine
    from studio.ui.core.job import ErrandDone, FrameDecoded
    from studio.ui.core.notices import Notices
    from studio.ui.gallery.model import GalleryModel
    from studio.ui.jobs.job_state import Course
    from studio.ui.run.model import RunModel


class StepKeeper(QObject):
    """Keeps steps. What was shown coarsely is decoded in full before."""

    def __init__(
        self,
        run: RunModel,
        store: PictureStore,
        gallery: GalleryModel,
        notices: Notices,
        parent: QObject | None = None,
    ) -> None:
        """Keep steps of ``run`` in ``store``."""
        super().__init__(parent)
        self._run, self._store, self._gallery, self._notices = run, store, gallery, notices
        self._background = Background(self)
        self._waits: tuple[Course, StepDone, str] | None = None
        self._waits_for_step: tuple[Course, int] | None = None
        run.selection_changed.connect(self._on_selection_changed)

    @Slot()
    def keep(self) -> None:
        """Keep the step that is looked at, as it is looked at."""
        course, done, picture = self._run.viewed, self._run.shown_step, self._run.picture
        if course is None or done is None or picture is None or picture.began is None:
            return
        self._waits_for_step = None
        if self._run.waits_for_step:
            if course.gaps_stay:
                self._notices.post("This step was not kept, and cannot be made again.", kind="warn")
            else:
                self._waits_for_step = course, done.step  # it is being made again
            return
        side = picture.side_of(done, self._run.what)
        if done.step == done.steps and side == "x0" and done.image in course.pictures:
            self._notices.post("The last step is the finished picture, and that is in the gallery already.")
            return
        if not picture.is_full(done, side):
            self._waits = (course, done, side)
            self._run.frames.request(done)
        if picture.is_full(done, side):  # it takes no time where states are pictures
            self._waits = None
            self._write(course, picture, done, side)

    @Slot()
    def _on_selection_changed(self) -> None:
        """Go on where a step was made again; who looks at another one wants that no more."""
        if self._waits_for_step is None:
            return
        if (self._run.viewed, self._run.step) != self._waits_for_step:
            self._waits_for_step = None
        elif not self._run.waits_for_step:
            self.keep()

    @Slot(object)
    def on_decoded(self, event: FrameDecoded) -> None:
        """Go on where a frame was waited for."""
        if self._waits is None:
            return
        course, done, side = self._waits
        task = event.task
        if (task.job_id, task.image, task.step, task.what) != (course.job.id, done.image, done.step, side):
            return
        self._waits = None
        picture = course.job.record.picture(done.image)
        if event.pixels is None or picture is None:
            self._notices.post(
                "This step cannot be kept: its model is gone, or is another by now.", kind="error"
            )
        else:
            self._write(course, picture, done, side, event.pixels)

    def close(self) -> None:
        """Return once what was begun is written."""
        self._background.close()

    def _write(
        self,
        course: Course,
        picture: PictureRecord,
        done: StepDone,
        side: str,
        pixels: NDArray[np.uint8] | None = None,
    ) -> None:
        if pixels is None:
            pixels = picture.frame(done, "x0" if side == "x0" else "x_t")
        if pixels is None or done.state is None:
            return
        origin = Origin(run=course.run_ids.get(done.image, ""), step=done.step, of=done.steps, kind="step")
        made = _as_picture(course, picture, done, pixels)
        self._background.do(
            partial(keep_one, made, self._store, origin=origin), self._on_kept, self._on_failed
        )

    def _on_kept(self, kept: PictureKept | PictureUnsaved) -> None:
        if isinstance(kept, PictureUnsaved):
            self._notices.post(f"The step could not be kept: {kept.error}", kind="error")
            return
        self._gallery.add(kept.entry)
        origin = kept.entry.metadata.origin
        self._notices.post(
            f"Kept in the gallery: {origin}." if origin is not None else "Kept in the gallery."
        )

    def _on_failed(self, error: StudioError) -> None:
        self._notices.post(str(error), kind="error")


def _as_picture(
    course: Course, picture: PictureRecord, done: StepDone, pixels: NDArray[np.uint8]
) -> PictureDone:
    """Return a step as the picture it is kept as."""
    began, started = picture.began, course.started
    assert began is not None
    assert started is not None
    assert done.state is not None
    request = course.request_of(done.image)
    finished = next(iter(course.pictures.values()), None)
    return PictureDone(
        job_id=course.job.id,
        request=request,
        image=done.image,
        seed=began.seed,
        pixels=pixels,
        model_sha256=course.weights_of(done.image),
        device=started.device,
        dtype=started.dtype,
        versions=finished.done.versions if finished is not None else {"stepwise-studio": __version__},
        x_T_sha256=began.x_T_sha256,
        final_sha256=hashlib.sha256(done.state.astype("<f4").tobytes()).hexdigest(),
        model_calls=done.model_calls,
        seconds=done.seconds,
    )


SETTLE_MS = 60
"""How long a step must be looked at before it is made again: who scrubs on does not wait for it."""


@dataclass(frozen=True, eq=False)
class _Asked:
    course: Course
    image: int
    step: int
    errand: Errand


class RemakingModel(QObject):
    """Has the step that is looked at made again where it was not kept.

    Signals:
        errand_requested: an `Errand` is to be done with the engine.
        failed: steps of the run that is looked at cannot be made again: a sentence, once for each run.
    """

    errand_requested = Signal(object)
    failed = Signal(str)

    def __init__(self, run: RunModel, parent: QObject | None = None) -> None:
        """Follow ``run``."""
        super().__init__(parent)
        self._run = run
        self._wanted: int | None = None
        self._asked: _Asked | None = None
        self._settled = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settled.timeout.connect(self._ask)
        run.selection_changed.connect(self._on_selection_changed)
        run.step_wanted.connect(self.want)

    @Slot(int)
    def want(self, step: int) -> None:
        """Have a step of the picture that is looked at made again, once nothing else is looked at for a moment."""
        course, picture = self._run.viewed, self._run.picture
        done = picture.find(step) if picture is not None else None
        if course is None or course.gaps_stay or done is None or is_held(done):
            return
        self._wanted = step
        self._settled.start()

    @Slot(object)
    def take(self, event: ErrandDone) -> None:
        """An errand is done, perhaps one of this."""
        asked = self._asked
        if asked is None or event.errand is not asked.errand:
            return
        self._asked = None
        course, record = asked.course, asked.course.job.record
        if event.answer:
            record.put_again(asked.image, event.answer)
            picture = record.picture(asked.image)
            course.gaps_stay = (
                picture is None or asked.step not in picture.again
            )  # there is no room in memory
        elif event.fault:
            course.gaps_stay = True
            self.failed.emit(f"The steps between those that were kept cannot be made again: {event.fault}")
        self._run.take_again(course, asked.image)

    @Slot()
    def _on_selection_changed(self) -> None:
        if self._run.waits_for_step and self._run.step is not None:
            self.want(self._run.step)

    @Slot()
    def _ask(self) -> None:
        course, picture, step = self._run.viewed, self._run.picture, self._wanted
        if course is None or picture is None or picture.began is None or step is None:
            return
        image = self._run.image
        if self._asked is not None:
            if (self._asked.course, self._asked.image, self._asked.step) == (course, image, step):
                return
            self._asked.errand.cancelled.set()
            self._asked = None
        start = picture.standing_before(step)
        if start is None or start.index >= step:
            return
        request = replace(course.request_of(image), seed=picture.began.seed, count=1)
        errand = Errand(work=partial(_make, request, course.weights_of(image), start, step))
        self._asked = _Asked(course, image, step, errand)
        self.errand_requested.emit(errand)


def _make(
    request: GenerateRequest,
    weights_sha256: str,
    start: StartState,
    step: int,
    errand: Errand,
    engine: Engine,
) -> tuple[StepDone, ...]:
    """Return the steps from ``start`` on; none where that was stopped."""
    made = tuple(steps_again(request, weights_sha256, start, step, engine, errand.cancelled))
    return made if made and made[-1].step == step else ()
