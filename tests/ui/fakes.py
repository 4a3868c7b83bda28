"""A scripted engine, a store that fails on demand, and ears for what a thread tells. No torch."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QMimeData, QObject, QPoint, QPointF, Qt, QThread, QUrl, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication

from studio.engine.events import (
    EngineReport,
    Explained,
    JobCancelled,
    JobFinished,
    JobStarted,
    ModelLoading,
    PictureDone,
    PictureStarted,
)
from studio.engine.requests.compare import CompareRequest
from studio.engine.requests.fork import ForkRequest, StartState
from studio.engine.requests.generate import GenerateRequest
from studio.errors import StorageError
from studio.gallery.store import PictureStore
from studio.ui.core.engine_call import EngineCall
from tests.runs.steps import frame, step_done
from tests.ui.teaching import ESTIMATE, Lesson, Teaching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from PySide6.QtWidgets import QWidget

    from studio.engine.events import Event, StepDone
    from studio.engine.requests.previews import Previews
    from studio.engine.training.events import TrainEvent
    from studio.engine.training.request import TrainEstimate, TrainRequest
    from studio.gallery.index import Entry
    from studio.gallery.metadata import PictureMetadata
    from studio.ui.core.engine_thread import EngineThread
    from studio.ui.core.job import JobRequest

    Script = Callable[["Take"], Iterator[Event]]
    Point = str | tuple[int, int]
    Action = BaseException | Callable[[], object]

WAIT_S = 10
WEIGHTS, OTHER_WEIGHTS = "ab" * 32, "cd" * 32
REPORT = EngineReport(device="cpu (a fake)", dtype="float32", unused_gpu=None)


def drag_enter(x: int, y: int, *usual: Any) -> QDragEnterEvent:  # noqa: ANN401
    """Return the event of a drag that comes in at a point; since Qt 6.12 points of such events are real."""
    try:
        return QDragEnterEvent(QPointF(x, y), *usual)
    except TypeError:
        return QDragEnterEvent(QPoint(x, y), *usual)


def drop(widget: QWidget, *paths: Path) -> None:
    """Drag files onto the middle of a widget and drop them there."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    middle = widget.rect().center()
    usual = Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(widget, drag_enter(middle.x(), middle.y(), *usual))
    QApplication.sendEvent(widget, QDropEvent(QPointF(middle), *usual))


def asking(prompt: str = "a fox", **fields: Any) -> GenerateRequest:  # noqa: ANN401
    """Return a resolved request of a model that does not exist."""
    usual = {
        "model": "fake",
        "sampler": "ddim",
        "options": {"eta": 0.0},
        "steps": 4,
        "spacing": "trailing",
        "guidance": 3.0,
        "seed": 7,
        "width": 8,
        "height": 8,
    }
    return GenerateRequest(prompt=prompt, **{**usual, **fields})


class Gate:
    """A place in a script where it waits until the test lets it go on."""

    def __init__(self) -> None:
        self.reached, self._open = threading.Event(), threading.Event()

    def open(self) -> None:
        self._open.set()

    def __call__(self) -> None:
        self.reached.set()
        if not self._open.wait(WAIT_S):
            raise AssertionError("nobody opened the gate")


@dataclass(kw_only=True)
class Take:
    """One call of `FakeEngine.run`, with what belongs to it.

    Attributes:
        request: what was asked for; of a comparison the first run's, of a fork how it goes on.
        asked: the same as it was handed in.
        model_calls: how many were made.
        thread: which thread it ran in.
    """

    request: GenerateRequest
    job_id: str
    previews: Previews
    cancelled: threading.Event
    asked: JobRequest | None = None
    thread: int = field(default_factory=threading.get_ident)
    model_calls: int = 0
    calls_after_cancel: int = 0
    over: bool = False

    @property
    def steps(self) -> int:
        return self.request.steps or 0

    @property
    def runs(self) -> tuple[GenerateRequest, ...]:
        """Those of a comparison, else the one there is."""
        return self.asked.requests if isinstance(self.asked, CompareRequest) else (self.request,)

    def loading(self) -> ModelLoading:
        return ModelLoading(job_id=self.job_id, model=self.request.model)

    def started(self, **fields: Any) -> JobStarted:  # noqa: ANN401
        usual = {
            "model_title": "Fake",
            "device": REPORT.device,
            "dtype": "float32",
            "weights_sha256": WEIGHTS,
            "requests": self.runs,
            "weights": (WEIGHTS,) * len(self.runs),
        }
        named = {**usual, **fields}
        return JobStarted(job_id=self.job_id, request=self.request, steps=self.steps, **named)

    def step(self, image: int, step: int, **fields: Any) -> StepDone:  # noqa: ANN401
        """Make a model call, and return the step it took."""
        self.model_calls += 1
        self.calls_after_cancel += self.cancelled.is_set()
        what = self.previews.target.quantity
        steps = self.request_of(image).steps or 0
        shown = {"preview_of": what} if self.previews.wanted(step, steps) else {"preview": None, "tier": None}
        known = {"steps": steps, "image": image, "job_id": self.job_id}
        return step_done(step, **{**known, **shown, **fields})

    def began(self, image: int, index: int = 0) -> PictureStarted:
        """Return where a picture starts: a state that is a picture already, of value 0.25."""
        request = self.request_of(image)
        x = self.pixel_state(image, 0.25)
        steps = request.steps or 0
        times = (*(999 - step * 1000 // steps for step in range(index, steps)), -1)
        return PictureStarted(
            job_id=self.job_id,
            image=image,
            seed=request.seed + image,
            request=request,
            start=StartState(x=x, index=index, times=times),
            steps=steps,
            x_T_sha256="ef" * 32,
            sigma=1 - index / max(steps, 1),
            level=1 - index / max(steps, 1),
        )

    def pixel_state(self, image: int, value: float) -> NDArray[np.float32]:
        """Return a state that is a picture already."""
        request = self.request_of(image)
        x = np.full((3, request.height or 8, request.width or 8), value, dtype=np.float32)
        x.setflags(write=False)
        return x

    def request_of(self, image: int) -> GenerateRequest:
        return self.runs[image] if len(self.runs) > 1 else self.request

    def picture(self, image: int) -> PictureDone:
        request = self.request_of(image)
        seed = request.seed if len(self.runs) > 1 else request.seed + image
        digest = hashlib.sha256(f"{request.prompt} {seed}".encode()).hexdigest()
        return PictureDone(
            job_id=self.job_id,
            request=request,
            image=image,
            seed=seed,
            pixels=frame(100 + image, request.width or 8),
            model_sha256=WEIGHTS,
            device=REPORT.device,
            dtype=REPORT.dtype,
            versions={"stepwise-studio": "0"},
            x_T_sha256=digest,
            final_sha256=digest,
            model_calls=2 * (request.steps or 0),
            seconds=2.0,
            preview_seconds=0.5,
        )

    def finished(self) -> JobFinished:
        pictures = max(self.request.count, len(self.runs))
        return JobFinished(
            job_id=self.job_id, pictures=pictures, seconds=2.0 * pictures, preview_seconds=0.5 * pictures
        )


@dataclass(frozen=True, kw_only=True)
class Forming:
    """The usual script, with something happening at points of it.

    Attributes:
        loads: whether the model is loaded first.
        at: what happens before a step (image from 0, step from 1) or at "call" (before the first event), "load",
            "start" or "end": a gate is waited at, an error raised, anything else called.
        notes: of the start.
        pixels: whether its states are pictures, and it tells where each starts, as an engine does.
    """

    loads: bool = False
    pixels: bool = False
    at: Mapping[Point, Action] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __call__(self, take: Take) -> Iterator[Event]:
        self.do("call")
        if self.loads:
            yield take.loading()
            self.do("load")
            if take.cancelled.is_set():
                yield JobCancelled(job_id=take.job_id, pictures=0)
                return
        self.do("start")
        yield take.started(notes=self.notes)
        first = take.asked.start.index if isinstance(take.asked, ForkRequest) else 0
        for image in range(take.request.count):
            if self.pixels:
                yield take.began(image, first)
            for step in range(first + 1, take.steps + 1):
                if take.cancelled.is_set():
                    yield JobCancelled(job_id=take.job_id, pictures=image)
                    return
                self.do((image, step))
                arrays = {
                    name: take.pixel_state(image, sign * step / 100)
                    for name, sign in (("x0_hat", 1), ("state", -1))
                }
                times = {"t": 999 - (step - 1) * 1000 // take.steps, "s": 999 - step * 1000 // take.steps}
                yield take.step(image, step, **({**arrays, **times} if self.pixels else {}))
            yield take.picture(image)
        self.do("end")
        yield take.finished()

    def do(self, point: Point) -> None:
        action = self.at.get(point)
        if isinstance(action, BaseException):
            raise action
        if action is not None:
            action()


@dataclass(frozen=True, kw_only=True)
class Lockstep:
    """The script of a comparison: each run takes its next step before any takes the one after.

    Attributes:
        at: what happens before a run's step, as in `Forming`.
    """

    at: Mapping[Point, Action] = field(default_factory=dict)

    def __call__(self, take: Take) -> Iterator[Event]:
        yield take.started()
        forming = Forming(at=self.at)
        for step in range(1, max(request.steps or 0 for request in take.runs) + 1):
            for image, request in enumerate(take.runs):
                if take.cancelled.is_set():
                    yield JobCancelled(job_id=take.job_id, pictures=0)
                    return
                if step <= (request.steps or 0):
                    forming.do((image, step))
                    yield take.step(image, step)
                if step == request.steps:
                    yield take.picture(image)
        yield take.finished()


class FakeEngine:
    """Runs scripts instead of models: the first for the first job, and so on; the last one for all that follow.

    Attributes:
        scripts: of jobs: the first for the first, and so on; the last for all that follow. May be replaced.
        takes: the calls of `run`.
        decoded: the calls of `decode`: the model, the hash of its weights, and the latents' value.
        explained: the calls of `explain`: the hash, the state's value and its time.
        threads: in which threads it was called.
        answer: what `report` returns.
        decode_error: what `decode` raises from now on.
        loading: what `decode` does first, with the event that cancels it.
        lessons: the calls of `train`.
        teaching: the scripts of trainings: the first for the first, and so on; the last for all that follow.
        rehearsed: the calls of `rehearse_training`.
        rehearsal: what happens in them.
    """

    def __init__(self, *scripts: Script, report: EngineReport = REPORT) -> None:
        self.takes: list[Take] = []
        self.decoded: list[tuple[str, str, float]] = []
        self.explained: list[tuple[str, float, int]] = []
        self.threads: set[int] = set()
        self.decode_error: BaseException | None = None
        self.loading: Callable[[threading.Event | None], object] | None = None
        self.lessons: list[Lesson] = []
        self.teaching: tuple[Teaching, ...] = (Teaching(),)
        self.rehearsed: list[TrainRequest] = []
        self.rehearsal: Callable[[threading.Event], object] | None = None
        self.scripts: tuple[Script, ...] = scripts or (Forming(),)
        self.answer = report

    def run(
        self,
        request: JobRequest,
        *,
        cancelled: threading.Event | None,
        previews: Previews,
        job_id: str | None,
        secondary: bool = False,
    ) -> Iterator[Event]:
        assert cancelled is not None
        assert job_id is not None
        self.threads.add(threading.get_ident())
        match request:
            case CompareRequest():
                lead = request.requests[0]
            case ForkRequest():
                lead = request.request
            case _:
                lead = request
        take = Take(request=lead, asked=request, job_id=job_id, previews=previews, cancelled=cancelled)
        script = self.scripts[min(len(self.takes), len(self.scripts) - 1)]
        self.takes.append(take)
        try:
            yield from script(take)
        finally:
            take.over = True

    def decode(
        self,
        model: str,
        weights_sha256: str,
        latents: NDArray[np.float32],
        *,
        cancelled: threading.Event | None = None,
    ) -> NDArray[np.uint8]:
        """Return pixels of the latents' value, 200 more where it is below zero."""
        self.threads.add(threading.get_ident())
        value = float(latents.flat[0])
        self.decoded.append((model, weights_sha256, value))
        if self.loading is not None:
            self.loading(cancelled)
        if self.decode_error is not None:
            raise self.decode_error
        return frame(int(value) if value >= 0 else 200 - int(value), side=16)

    def explain(
        self,
        request: GenerateRequest,
        weights_sha256: str,
        x: NDArray[np.float32],
        t: int,
        *,
        cancelled: threading.Event | None = None,
        adapters: object = None,
    ) -> Explained:
        """Return what is easily told apart: the two sides are pixels of value 10 and 20."""
        self.threads.add(threading.get_ident())
        self.explained.append((weights_sha256, float(x.flat[0]), t))
        if self.decode_error is not None:
            raise self.decode_error
        guided = request.guidance != 1
        field = np.linspace(-0.8, 0.8, 12, dtype=np.float32).reshape(2, 2, 3).transpose(2, 0, 1).copy()
        pictures = {"x0_hat": frame(30)} | ({"cond": frame(10), "uncond": frame(20)} if guided else {})
        return Explained(
            x0_hat=field,
            cond=field if guided else None,
            uncond=field if guided else None,
            difference=field if guided else None,
            score_norm=abs(field[0]),
            pictures=pictures,
            model_calls=2 if guided else 1,
        )

    def train(
        self, request: TrainRequest, *, cancelled: threading.Event | None, job_id: str | None
    ) -> Iterator[TrainEvent]:
        assert cancelled is not None
        assert job_id is not None
        self.threads.add(threading.get_ident())
        lesson = Lesson(request=request, job_id=job_id, cancelled=cancelled)
        script = self.teaching[min(len(self.lessons), len(self.teaching) - 1)]
        self.lessons.append(lesson)
        try:
            yield from script(lesson)
        finally:
            lesson.over = True

    def rehearse_training(self, request: TrainRequest, *, cancelled: threading.Event | None) -> TrainEstimate:
        assert cancelled is not None
        self.threads.add(threading.get_ident())
        self.rehearsed.append(request)
        if self.rehearsal is not None:
            self.rehearsal(cancelled)
        return ESTIMATE

    def report(self) -> EngineReport:
        self.threads.add(threading.get_ident())
        return self.answer


class Maker:
    """Makes an engine, or raises an error.

    Attributes:
        threads: in which thread it was asked, each time.
        errors: what it raises, each once, before it makes the engine.
    """

    def __init__(self, engine: FakeEngine, *errors: BaseException) -> None:
        """Raise each of ``errors`` once before the engine is made."""
        self.threads: list[int] = []
        self._engine, self.errors = engine, list(errors)

    def __call__(self) -> FakeEngine:
        self.threads.append(threading.get_ident())
        if self.errors:
            raise self.errors.pop(0)
        return self._engine


FULL = "cannot be written: the disk is full"


class FailingStore(PictureStore):
    """A real store whose disk can be filled.

    Attributes:
        full: whether the usual folder takes nothing.
        rescue_full: whether the second choice takes nothing either.
    """

    full = rescue_full = False

    def add(self, pixels: NDArray[np.uint8], metadata: PictureMetadata, out: Path | None = None) -> Entry:
        if self.full if out is None else self.rescue_full:
            raise StorageError(out or self._outputs, FULL)
        return super().add(pixels, metadata, out)


def make_store(home: Path) -> FailingStore:
    return FailingStore(home / "outputs", home / "catalogue", rescued=home / "rescued")


@dataclass(frozen=True, kw_only=True, eq=False)
class Answered:
    """A call was answered: with a value, with an error's sentence, or not at all."""

    call: EngineCall[Any]
    value: Any = None
    fault: str = ""
    dropped: bool = False


class Ears(QObject):
    """Hears what a thread tells, in the thread of the window, and draws its mailbox as the session does.

    Attributes:
        heard: the events in their order; steps are those that the mailbox held.
        order: the kinds of all of them, and where between them the device was done with a job.
        woken: how often there was a call to look into the mailbox.
        threads: the Qt threads in which it heard.
    """

    def __init__(self, thread: EngineThread) -> None:
        super().__init__()
        self.heard: list[Any] = []
        self.order: list[str] = []
        self.woken = 0
        self.threads: set[QThread] = set()
        self._thread = thread
        thread.engine_event.connect(self.on_told, Qt.ConnectionType.QueuedConnection)
        thread.steps_ready.connect(self.on_woken, Qt.ConnectionType.QueuedConnection)
        thread.device_free.connect(self.on_device_free, Qt.ConnectionType.QueuedConnection)

    @Slot(object)
    def on_told(self, event: object) -> None:
        self.threads.add(QThread.currentThread())
        self.heard.append(event)
        self.order.append(type(event).__name__)

    @Slot(str)
    def on_device_free(self, _: str) -> None:
        self.order.append("DeviceFree")

    def call(self, work: Callable[..., Any], **fields: Any) -> EngineCall[Any]:  # noqa: ANN401
        """Make a call whose answer is heard."""
        call: EngineCall[Any] = EngineCall(work=work, **fields)
        call.then = lambda value: self.on_told(Answered(call=call, value=value))
        call.failed = lambda fault: self.on_told(Answered(call=call, fault=fault))
        call.dropped = lambda: self.on_told(Answered(call=call, dropped=True))
        self._thread.call(call)
        return call

    @Slot()
    def on_woken(self) -> None:
        self.threads.add(QThread.currentThread())
        self.woken += 1
        self.heard.extend(self._thread.mailbox.take().values())

    def of(self, *kinds: type) -> list[Any]:
        return [event for event in self.heard if isinstance(event, kinds)]

    @property
    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.heard]
