"""The engine in its thread: made when it is first asked for, and what it answers besides running jobs."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

from studio.errors import StudioError, capitalised
from studio.logs import tell_unexpected
from studio.ui.models.engine import EngineFailed, EngineReady
from studio.ui.models.job import DecodeTask, ErrandDone, FrameDecoded, StepExplained
from studio.ui.models.training import TrainingRehearsed

if TYPE_CHECKING:
    from collections.abc import Callable

    from studio.ui.models.engine import Engine
    from studio.ui.models.job import Errand, ExplainTask
    from studio.ui.models.training import RehearseTask


class NoEngineError(Exception):
    """The engine cannot be made; that was told already."""

    def __init__(self, failed: EngineFailed) -> None:
        """Take what was told."""
        super().__init__(failed.sentence)
        self.failed = failed


class HeldEngine:
    """Belongs to the engine's thread, like all that it calls."""

    def __init__(self, make_engine: Callable[[], Engine], tell: Callable[[object], None]) -> None:
        """Take what makes the engine, and what answers are given to."""
        self._make_engine, self._tell = make_engine, tell
        self._engine: Engine | None = None

    def ready(self) -> Engine:
        """Return the engine, made if need be. Raises NoEngineError, after telling, where it cannot be made."""
        if self._engine is None:
            try:
                engine = self._make_engine()
                report = engine.report()
            except BaseException as error:
                failed = EngineFailed(sentence=sentence(error), details=details(error))
                self._tell(failed)
                raise NoEngineError(failed) from error
            self._engine = engine
            self._tell(EngineReady(report=report))
        return self._engine

    def answer(self, task: DecodeTask | ExplainTask) -> None:
        """Decode a frame or explain a step."""
        answer: Any = None
        try:
            engine = self.ready()
            if isinstance(task, DecodeTask):
                answer = engine.decode(task.model, task.weights_sha256, task.latents)
            else:
                answer = engine.explain(task.request, task.weights_sha256, task.x, task.t)
        except (StudioError, NoEngineError):
            pass  # the frame stays as it was shown; that the model is gone is told when it is asked for
        except BaseException as error:  # noqa: BLE001 - extensions raise what is no Exception
            tell_unexpected(error)
        if isinstance(task, DecodeTask):
            self._tell(FrameDecoded(task=task, pixels=answer))
        else:
            self._tell(StepExplained(task=task, explained=answer))

    def do(self, errand: Errand) -> None:
        """Do an errand, unless it was stopped before."""
        done = ErrandDone(errand=errand)
        try:
            if not errand.cancelled.is_set():
                done = ErrandDone(errand=errand, answer=errand.work(errand, self.ready()))
        except BaseException as error:  # noqa: BLE001 - as above
            done = ErrandDone(errand=errand, fault=sentence(error))
        self._tell(done)

    def rehearse(self, task: RehearseTask) -> None:
        """Find out what a training takes."""
        done = TrainingRehearsed(request=task.request)
        try:
            estimate = self.ready().rehearse_training(task.request, cancelled=task.cancelled)
            done = TrainingRehearsed(request=task.request, estimate=estimate)
        except BaseException as error:  # noqa: BLE001 - as above
            if not task.cancelled.is_set():
                done = TrainingRehearsed(request=task.request, fault=sentence(error))
        self._tell(done)


def sentence(error: BaseException) -> str:
    """Return what is told of an error; of one that nobody foresaw the log has the rest."""
    if isinstance(error, NoEngineError):
        return error.failed.sentence
    if not isinstance(error, StudioError):
        return tell_unexpected(error)
    words = str(error)  # that of a request begins with a field's name
    return capitalised(words)


def details(error: BaseException) -> str:
    """Return an error's traceback."""
    if isinstance(error, NoEngineError):
        return error.failed.details
    return "".join(traceback.format_exception(error))
