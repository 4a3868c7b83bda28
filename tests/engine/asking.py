"""Requests for the tiny models, and what is looked for in the events of a job."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, TypeVar

from studio.engine.events import PictureDone, StepDone
from studio.engine.requests.generate import GenerateRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from studio.engine.events import Event

EventT = TypeVar("EventT")

# Each draws noise, so that noise in the wrong place is seen.
OPTIONS: dict[str, dict[str, Any]] = {
    "ddpm": {"variance": "beta"},
    "ddim": {"eta": 0.5},
    "langevin": {"passes": 2},
    "pc": {"corrector_steps": 2, "predictor": "ddpm"},
}


def asking(sampler: str = "ddim", **fields: object) -> GenerateRequest:
    given: dict[str, Any] = {"prompt": "a red dog", "model": "latent", "steps": 4, "seed": 7, **fields}
    return GenerateRequest(sampler=sampler, **{"options": OPTIONS.get(sampler, {}), **given})


def those(kind: type[EventT], events: Iterable[object]) -> list[EventT]:
    return [event for event in events if isinstance(event, kind)]


def pictures(events: Iterable[Event]) -> list[PictureDone]:
    """In the order of their places, whichever was finished first."""
    return sorted(those(PictureDone, events), key=lambda done: done.image)


def steps_of(events: Iterable[Event], image: int = 0) -> list[StepDone]:
    return [event for event in those(StepDone, events) if event.image == image]


def bits(done: PictureDone) -> tuple[str, str]:
    return done.final_sha256, hashlib.sha256(done.pixels.tobytes()).hexdigest()
