"""Actions on a step of a run: "Keep this step", and recomputing a step that was not kept.

`StepSaver` saves the shown step as a picture in the gallery; its metadata name the run and the step. `StepRecompute`
gets a shown step that has no arrays in memory: it is read from the recorded run, or if the run did not keep it, it is
recomputed by a few model calls from the nearest recorded state before it.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from studio import __version__
from studio.engine.events import PictureDone, StepDone
from studio.gallery.metadata import Origin
from studio.gallery.store import PictureSaved, PictureUnsaved, save_picture
from studio.runs.memory import is_available
from studio.runs.replay import recompute_steps
from studio.ui.core.background import Background
from studio.ui.core.engine_call import EngineCall, Priority
from studio.ui.jobs.recorded_runs import read_step
from studio.ui.language import tr
from studio.ui.run import text

if TYPE_CHECKING:
    from collections.abc import Container

    import numpy as np
    from numpy.typing import NDArray

    from studio.engine.protocol import Engine
    from studio.engine.requests.adapters import AdapterRecord
    from studio.engine.requests.fork import StartState
    from studio.engine.requests.generate import GenerateRequest
    from studio.errors import StudioError
    from studio.gallery.store import PictureStore
    from studio.runs.memory import PictureRecord
    from studio.ui.core.engine_call import EngineCaller
    from studio.ui.core.frame_service import FrameService
    from studio.ui.core.job_state import JobState
    from studio.ui.core.notices import Notices
    from studio.ui.jobs.session import PictureSink
    from studio.ui.run.model import RunModel


class StepSaver(QObject):
    """Saves steps. What was shown coarsely is decoded in full before."""

    def __init__(
        self,
        run: RunModel,
        frames: FrameService,
        store: PictureStore,
        gallery: PictureSink,
        notices: Notices,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._run, self._frames = run, frames
        self._store, self._gallery, self._notices = store, gallery, notices
        self._background = Background(self)
        self._waits_for_step: tuple[JobState, int] | None = None
        run.selection_changed.connect(self._on_selection_changed)

    @Slot()
    def keep(self) -> None:
        """Save the shown step as it is shown, as x0_hat or x_t."""
        job_state, done, picture = self._run.viewed, self._run.shown_step, self._run.picture
        if job_state is None or done is None or picture is None or picture.began is None:
            return
        self._waits_for_step = None
        if self._run.waits_for_step:
            if job_state.cannot_recompute:
                self._notices.post(text.step_not_kept(), kind="warn")
            else:
                self._waits_for_step = job_state, done.step  # it is being recomputed
            return
        quantity = picture.quantity_of(done, self._run.quantity)
        if done.step == done.steps and quantity == "x0" and done.image in job_state.pictures:
            self._notices.post(text.step_is_the_picture())
            return
        save = partial(self._write, job_state, picture, done)
        pixels = self._frames.get(
            job_state, done.image, done.step, quantity, save, self._on_undecoded, token="the step to save"
        )
        if pixels is not None:
            save(pixels)

    @Slot()
    def _on_selection_changed(self) -> None:
        """Save the step that had to be recomputed first, unless another step was chosen meanwhile."""
        if self._waits_for_step is None:
            return
        if (self._run.viewed, self._run.step) != self._waits_for_step:
            self._waits_for_step = None
        elif not self._run.waits_for_step:
            self.keep()

    def _on_undecoded(self, sentence: str) -> None:
        self._notices.post(text.step_undecoded(sentence), kind="error")

    def close(self) -> None:
        """Wait until the current step is written."""
        self._background.close()

    def _write(
        self, job_state: JobState, picture: PictureRecord, done: StepDone, pixels: NDArray[np.uint8]
    ) -> None:
        if done.state is None:
            return
        origin = Origin(run=job_state.run_ids.get(done.image, ""), step=done.step, of=done.steps, kind="step")
        made = _as_picture(job_state, picture, done, pixels)
        self._background.do(
            partial(save_picture, made, self._store, origin=origin), self._on_saved, self._on_failed
        )

    def _on_saved(self, saved: PictureSaved | PictureUnsaved) -> None:
        if isinstance(saved, PictureUnsaved):
            self._notices.post(text.step_unsaved(saved.error), kind="error")
            return
        self._gallery.add(saved.entry)
        self._notices.post(text.step_saved(saved.entry.metadata.origin))

    def _on_failed(self, error: StudioError) -> None:
        self._notices.post(tr(error.message), kind="error")


def _as_picture(
    job_state: JobState, picture: PictureRecord, done: StepDone, pixels: NDArray[np.uint8]
) -> PictureDone:
    """Return a step in the form in which finished pictures are saved."""
    from studio.arrays import sha256_of  # noqa: PLC0415 - the window opens before numpy is there

    began, started = picture.began, job_state.started
    assert began is not None
    assert started is not None
    assert done.state is not None
    request = job_state.request_of(done.image)
    finished = next(iter(job_state.pictures.values()), None)
    return PictureDone(
        job_id=job_state.job.id,
        request=request,
        image=done.image,
        seed=began.seed,
        pixels=pixels,
        model_sha256=job_state.weights_of(done.image),
        device=started.device,
        dtype=started.dtype,
        versions=finished.done.versions if finished is not None else {"stepwise-studio": __version__},
        x_T_sha256=began.x_T_sha256,
        final_sha256=sha256_of(done.state),
        model_calls=done.model_calls,
        seconds=done.seconds,
        adapters=began.adapters,
        precisions=began.precisions,
    )


SETTLE_MS = 60
"""How long a step must be shown before it is recomputed, so that scrubbing recomputes none."""


class StepRecompute(QObject):
    """Reads or recomputes the shown step if it has no arrays in memory.

    Signals:
        failed: steps of the shown run cannot be recomputed: a translated sentence, once for each run.
    """

    failed = Signal(str)

    def __init__(self, run: RunModel, engine: EngineCaller, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._run, self._engine = run, engine
        self._background = Background(self)
        self._wanted: int | None = None
        self._asked: tuple[JobState, int, int] | None = None
        self._settled = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settled.timeout.connect(self._ask)
        run.selection_changed.connect(self._on_selection_changed)
        run.step_wanted.connect(self.want)

    @Slot(int)
    def want(self, step: int) -> None:
        """Get a step of the shown picture, once no other was asked for during `SETTLE_MS`."""
        job_state, picture = self._run.viewed, self._run.picture
        done = picture.find(step) if picture is not None else None
        if job_state is None or done is None or is_available(done):
            return
        stored = job_state.is_stored(self._run.image, step)
        if stored or not job_state.cannot_recompute:
            self._wanted = step
            self._settled.start(0 if stored else SETTLE_MS)

    def close(self) -> None:
        """Wait for pending reads."""
        self._background.close()

    @Slot()
    def _on_selection_changed(self) -> None:
        if self._run.waits_for_step and self._run.step is not None:
            self.want(self._run.step)

    @Slot()
    def _ask(self) -> None:
        job_state, picture, step = self._run.viewed, self._run.picture, self._wanted
        done = picture.find(step) if picture is not None and step is not None else None
        if job_state is None or picture is None or step is None or done is None or is_available(done):
            return
        asked = job_state, self._run.image, step
        start = picture.latest_state_before(step)
        if asked == self._asked or start is None or start.index >= step:
            return
        self._asked = asked
        if not self._read(asked, picture, start):
            self._recompute(asked, picture, start)

    def _read(self, asked: tuple[JobState, int, int], picture: PictureRecord, start: StartState) -> bool:
        """Read the nearest recorded step; return False if none is nearer than ``start``."""
        job_state, image, step = asked
        stored = job_state.stored_runs.get(image)
        done = picture.find(stored.kept_before(step)) if stored is not None else None
        if stored is None or done is None or done.step <= start.index:
            return False
        self._background.do(
            partial(read_step, stored, done),
            partial(self._on_read, asked),
            partial(self._on_unreadable, asked),
            key="read",  # replaces the reading of a step that is no longer shown
        )
        return True

    def _recompute(self, asked: tuple[JobState, int, int], picture: PictureRecord, start: StartState) -> None:
        job_state, image, step = asked
        assert picture.began is not None, "it has a state"
        request = replace(job_state.request_of(image), seed=picture.began.seed, count=1)
        self._engine.call(
            EngineCall(
                work=partial(
                    _recompute,
                    request,
                    job_state.weights_of(image),
                    start,
                    step,
                    adapters=picture.began.adapters,
                ),
                then=partial(self._take, asked),
                failed=partial(self._fail, asked),
                dropped=partial(self._forget, asked),
                token="recompute",
                priority=Priority.INTERACTIVE,
                gives_way=True,
            )
        )

    def _on_read(self, asked: tuple[JobState, int, int], done: StepDone) -> None:
        self._forget(asked)
        job_state, image, step = asked
        if done.step == step:
            self._put(asked, (done,))
            return
        job_state.job.record.put_recomputed(image, (done,))
        if done.step in _recomputed(job_state, image):
            self._ask()  # for the steps after it
        else:
            self._put(asked, ())

    def _on_unreadable(self, asked: tuple[JobState, int, int], _: StudioError) -> None:
        """A damaged step is recomputed, as one that was not kept."""
        self._forget(asked)
        asked[0].stored_runs.pop(asked[1], None)
        self._run.note_recomputed(asked[0], asked[1])
        self._ask()

    def _take(self, asked: tuple[JobState, int, int], steps: tuple[StepDone, ...]) -> None:
        self._forget(asked)
        self._put(asked, steps)

    def _put(self, asked: tuple[JobState, int, int], steps: tuple[StepDone, ...]) -> None:
        job_state, image, step = asked
        job_state.job.record.put_recomputed(image, steps)
        if step not in _recomputed(job_state, image):  # the memory for recomputed steps is too small for it
            job_state.cannot_recompute = True
            job_state.stored_runs.pop(image, None)
        self._run.note_recomputed(job_state, image)

    def _fail(self, asked: tuple[JobState, int, int], sentence: str) -> None:
        self._forget(asked)
        asked[0].cannot_recompute = True
        self.failed.emit(text.cannot_recompute(sentence))
        self._run.note_recomputed(asked[0], asked[1])

    def _forget(self, asked: tuple[JobState, int, int]) -> None:
        self._asked = None if self._asked == asked else self._asked


def _recomputed(job_state: JobState, image: int) -> Container[int]:
    picture = job_state.job.record.picture(image)
    return picture.recomputed if picture is not None else ()


def _recompute(
    request: GenerateRequest,
    weights_sha256: str,
    start: StartState,
    step: int,
    call: EngineCall[tuple[StepDone, ...]],
    engine: Engine,
    *,
    adapters: tuple[AdapterRecord, ...] = (),
) -> tuple[StepDone, ...]:
    """Return the steps from ``start`` up to ``step``; fewer if the call was cancelled."""
    steps = recompute_steps(request, weights_sha256, start, step, engine, call.cancelled, adapters=adapters)
    return tuple(steps)
