"""Keeping the step that is looked at as a picture of its own, which says which step of which run it is."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from studio import __version__
from studio.engine.events import PictureDone, StepDone
from studio.gallery.keeping import PictureKept, PictureUnsaved, keep_one
from studio.gallery.origin import Origin
from studio.ui.core.background import Background

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from studio.errors import StudioError
    from studio.gallery.store import PictureStore
    from studio.runs.picture_record import PictureRecord
    from studio.ui.core.job import FrameDecoded
    from studio.ui.core.notices import Notices
    from studio.ui.jobs.job_state import Course
    from studio.ui.models.gallery import GalleryModel
    from studio.ui.models.run import RunModel


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
