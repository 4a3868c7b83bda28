"""A scripted training: every event in its order, at the pace that a test wants. No torch."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from studio.engine.training.events import (
    CheckpointSaved,
    TrainingFinished,
    TrainingPreparing,
    TrainingSampled,
    TrainingStarted,
    TrainingStepped,
    TrainingStopped,
)
from studio.engine.training.request import TrainEstimate, TrainRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from studio.engine.training.events import StageName, TrainEvent, TrainingHistory

ESTIMATE = TrainEstimate(seconds=600.0, memory_bytes=800 * 2**20, parameters=4_200_000)
STAGES: tuple[StageName, ...] = ("codec", "backbone")


def to_train(**fields: Any) -> TrainRequest:  # noqa: ANN401
    """Return a request for a model that nobody has."""
    return TrainRequest(**{"source": "/pictures", "name": "foxes", "title": "Foxes", "steps": 6, **fields})


@dataclass(kw_only=True)
class Lesson:
    """One call of `FakeEngine.train`."""

    request: TrainRequest
    job_id: str
    cancelled: threading.Event
    thread: int = field(default_factory=threading.get_ident)
    steps: int = 0
    over: bool = False

    def started(self, **fields: Any) -> TrainingStarted:  # noqa: ANN401
        usual = {
            "request": self.request,
            "folder": Path("/states/foxes"),
            "pictures": 12,
            "refused": 1,
            "parameters": 4_200_000,
            "resumed_at": 0,
            "stages": STAGES,
            "device": "cpu",
        }
        return TrainingStarted(job_id=self.job_id, **{**usual, **fields})

    def stepped(self, stage: StageName, step: int, steps: int, loss: float | None = None) -> TrainingStepped:
        self.steps += 1
        value = 1.0 / (step + 1) if loss is None else loss
        bands = (value, None, 2 * value, 3 * value) if stage == "backbone" else ()
        return TrainingStepped(
            job_id=self.job_id,
            stage=stage,
            step=step,
            steps=steps,
            loss=value,
            bands=bands,
            rate=1e-3,
            pictures_per_second=120.0,
            seconds_left=float(steps - step),
        )

    def sampled(self, step: int, stage: StageName = "backbone") -> TrainingSampled:
        what = "sample" if stage == "backbone" else "reconstruction"
        return TrainingSampled(
            job_id=self.job_id,
            stage=stage,
            step=step,
            what=what,  # type: ignore[arg-type]
            prompts=("a fox", "a hen", "two foxes", "a barn"),
            seeds=(0, 1, 2, 3),
            pictures=squares(step, 4),
            originals=squares(0, 4) if stage == "codec" else None,
        )

    def saved(self, step: int) -> CheckpointSaved:
        name = f"{self.request.name}-{step}"
        return CheckpointSaved(job_id=self.job_id, step=step, model=name, folder=Path("/models") / name)


def squares(value: int, count: int, side: int = 8) -> NDArray[np.uint8]:
    """Return pictures whose grey tells the step."""
    pictures = np.full((count, side, side, 3), 40 + 20 * value % 200, dtype=np.uint8)
    pictures.flags.writeable = False
    return pictures


@dataclass(frozen=True, kw_only=True)
class Teaching:
    """The usual script.

    Attributes:
        at: what happens before a step of the backbone (from 1), or at "start" or "end": a gate is waited at, an error
            raised, anything else called.
        extra: events told after a step of the backbone.
        past: what happened before it was stopped.
    """

    at: Mapping[int | str, BaseException | Callable[[], object]] = field(default_factory=dict)
    extra: Mapping[int, Callable[[Lesson], TrainEvent]] = field(default_factory=dict)
    past: TrainingHistory | None = None

    def __call__(self, lesson: Lesson) -> Iterator[TrainEvent]:
        self._do("start")
        yield TrainingPreparing(job_id=lesson.job_id, what="Reading the pictures", done=6, total=12)
        yield lesson.started()
        if self.past is not None:
            yield replace(self.past, job_id=lesson.job_id)
        for step in (1, 2):
            yield lesson.stepped("codec", step, 2)
        yield lesson.sampled(2, "codec")
        for step in range(1, lesson.request.steps + 1):
            if lesson.cancelled.is_set():
                yield lesson.saved(step - 1)
                yield TrainingStopped(
                    job_id=lesson.job_id,
                    stage="backbone",
                    step=step - 1,
                    model=f"{lesson.request.name}-{step - 1}",
                )
                return
            self._do(step)
            yield lesson.stepped("backbone", step, lesson.request.steps)
            if step in self.extra:
                yield self.extra[step](lesson)
            if step % 2 == 0:
                yield lesson.sampled(step)
                yield lesson.saved(step)
        self._do("end")
        yield TrainingFinished(
            job_id=lesson.job_id, steps=lesson.request.steps, model=lesson.request.name, seconds=12.0
        )

    def _do(self, point: int | str) -> None:
        action = self.at.get(point)
        if isinstance(action, BaseException):
            raise action
        if action is not None:
            action()
