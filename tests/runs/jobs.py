"""Jobs as an engine tells them, made by hand, with arrays of numbers that are all different."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from studio.engine.events import JobCancelled, JobFinished, JobStarted, PictureDone, PictureStarted
from studio.engine.requests.fork import StartState
from studio.engine.requests.generate import GenerateRequest
from studio.runs.writer import RunRecorded, record
from tests.runs.steps import frame, step_done

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from studio.engine.events import Event
    from studio.runs.store import RunStore

SHAPE = (4, 2, 3)


def array(*key: object) -> NDArray[np.float32]:
    """Return numbers that only this key gives, read-only float32 of `SHAPE`."""
    seed = int.from_bytes(hashlib.sha256(repr(key).encode()).digest()[:8], "little")
    made = np.random.default_rng(seed).standard_normal(SHAPE).astype(np.float32)
    made.setflags(write=False)
    return made


def digest(text: object) -> str:
    return hashlib.sha256(repr(text).encode()).hexdigest()


@dataclass
class Job:
    """A job of ``count`` pictures of ``steps`` steps, after ``first`` that another run took.

    Attributes:
        history: how many arrays the sampler keeps from the first step on.
        real: whether the times are real numbers, with model times of their own.
        cancel_at: the step of the last picture after which the job is cancelled.
    """

    steps: int = 4
    first: int = 0
    count: int = 1
    history: int = 0
    real: bool = False
    cancel_at: int | None = None
    prompt: str = "a red \u202eapple\u202c"
    closed: bool = field(default=False, init=False)

    @property
    def request(self) -> GenerateRequest:
        whole = self.first + self.steps
        return GenerateRequest(
            prompt=self.prompt, model="tiny", sampler="ddim", steps=whole, seed=7, count=self.count
        )

    @property
    def times(self) -> tuple[float, ...]:
        whole = range(999, 999 - self.steps, -1)
        return (*(t - 1 / 3 for t in whole), -1) if self.real else (*whole, -1)

    @property
    def model_times(self) -> tuple[float, ...]:
        return tuple(float(round(t)) for t in self.times[:-1]) if self.real else ()

    def history_times(self, step: int) -> tuple[float, ...]:
        """The times of the kept arrays after a step: those of the steps before it, or made up at the first."""
        return tuple(self.times[max(step - self.first - 1, 0)] + place / 7 for place in range(self.history))

    def kept_history(self, image: int, step: int) -> tuple[NDArray[np.float32], ...]:
        taken = self.history if step > self.first or self.first else 0
        return tuple(array("history", image, step, place) for place in range(taken))

    def start(self, image: int = 0) -> StartState:
        history = self.kept_history(image, self.first)
        return StartState(
            x=array("x", image, self.first),
            index=self.first,
            times=self.times,
            history=history,
            history_times=self.history_times(self.first) if history else (),
            model_times=self.model_times,
        )

    def events(self) -> Iterator[Event]:
        """Yield what an engine yields that was asked for arrays."""
        try:
            yield from self._events()
        finally:
            self.closed = True

    def _events(self) -> Iterator[Event]:
        yield JobStarted(
            job_id="job",
            request=self.request,
            model_title="Tiny",
            device="cpu (a processor)",
            dtype="float32",
            steps=self.first + self.steps,
            weights_sha256=digest("weights"),
        )
        for image in range(self.count):
            yield PictureStarted(
                job_id="job",
                image=image,
                seed=7 + image,
                request=self.request,
                start=self.start(image),
                steps=self.first + self.steps,
                x_T_sha256=digest(("x", image)),
            )
            for place in range(self.steps):
                if self.cancel_at == place and image == self.count - 1:
                    yield JobCancelled(job_id="job", pictures=image)
                    return
                step = self.first + place + 1
                last = place + 1 == self.steps
                changes: dict[str, Any] = {
                    "x0_hat": array("x0_hat", image, step),
                    "state": array("x", image, step),
                    "history": () if last else self.kept_history(image, step),
                    "history_times": () if last else self.history_times(step),
                    "change": 0.5 if place else None,
                    "guidance": 0.25,
                    "model_calls": 2 * (place + 1),
                }
                yield step_done(
                    step,
                    steps=self.first + self.steps,
                    image=image,
                    t=self.times[place],
                    s=self.times[place + 1],
                    **changes,
                )
            yield PictureDone(
                job_id="job",
                request=self.request,
                image=image,
                seed=7 + image,
                pixels=frame(image),
                model_sha256=digest("weights"),
                device="cpu (a processor)",
                dtype="float32",
                versions={"stepwise-studio": "0.1.0"},
                x_T_sha256=digest(("x", image)),
                final_sha256=digest(("final", image)),
                model_calls=2 * self.steps,
                seconds=0.1 * self.steps,
            )
        yield JobFinished(job_id="job", pictures=self.count, seconds=1.0)


def recorded(store: RunStore, job: Job | None = None, **named: Any) -> list[RunRecorded]:  # noqa: ANN401
    """Record a job, and return what was told of its runs."""
    told = record((job or Job()).events(), store, **named)
    return [event for event in told if isinstance(event, RunRecorded)]


def run_of(store: RunStore, job: Job | None = None) -> str:
    """Record a job of one picture and return its run's id."""
    (told,) = recorded(store, job)
    assert told.run_id is not None
    return told.run_id
