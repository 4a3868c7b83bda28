"""Resuming a cancelled job: each picture continues from the step it had reached, and ends up the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from studio.engine.requests.compare import CompareRequest
from studio.engine.requests.fork import ForkRequest
from studio.ui.language import tr

if TYPE_CHECKING:
    from studio.engine.requests.generate import GenerateRequest
    from studio.ui.core.job_state import JobState

LONG_SECONDS: Final = 10.0
"""A job is worth resuming if at least this many seconds were spent, and as many are left."""


@dataclass(frozen=True, kw_only=True)
class RemainingWork:
    """The remaining work of a cancelled job.

    Attributes:
        sentence: says where it was cancelled.
        forks: the forks that finish started pictures, each with its picture's index in the job.
        rest: the request for the pictures after those; None if there are none.
    """

    sentence: str
    forks: tuple[tuple[ForkRequest, int], ...]
    rest: GenerateRequest | None


def remaining_work(job_state: JobState) -> RemainingWork | None:
    """Return what is left of a job; None if it was not cancelled, was short, or has no step to continue from.

    No setting changes, so the pictures are bit-identical to those of a job that was not cancelled. A comparison cannot
    be resumed: its runs share their model calls.
    """
    if job_state.phase != "cancelled" or isinstance(job_state.job.request, CompareRequest):
        return None
    done = job_state.fraction
    if (
        not 0 < done < 1
        or job_state.seconds < LONG_SECONDS
        or job_state.seconds / done * (1 - done) < LONG_SECONDS
    ):
        return None
    forks, reached = [], 0
    for image in range(job_state.count):  # pictures start in this order
        if image not in job_state.pictures:
            fork = _fork(job_state, image)
            if fork is None:
                break
            forks.append((fork, image))
        reached = image + 1
    if not forks:
        return None
    request, left = job_state.request, job_state.count - reached
    rest = replace(request, seed=request.seed + reached, count=left) if left else None
    return RemainingWork(sentence=_sentence(job_state, forks[0][1]), forks=tuple(forks), rest=rest)


def _fork(job_state: JobState, image: int) -> ForkRequest | None:
    """Return the fork that continues a picture from its newest step with a state; None if there is none."""
    picture = job_state.job.record.picture(image)
    if picture is None or picture.last is None or picture.began is None:
        return None
    start = picture.latest_state_before(picture.last.step)
    if start is None or not start.remaining:
        return None
    how = replace(
        job_state.request_of(image), seed=picture.began.seed, steps=start.index + start.remaining, count=1
    )
    return ForkRequest(request=how, start=start, parent=job_state.run_ids.get(image, ""))


def _sentence(job_state: JobState, image: int) -> str:
    last = job_state.latest(image)
    values = {"step": last.step if last is not None else 0, "steps": job_state.steps_of(image)}
    if job_state.count > 1:
        return tr(
            "Cancelled picture {number} of {count} at step {step} of {steps}.",
            number=image + 1,
            count=job_state.count,
            **values,
        )
    return tr("Cancelled at step {step} of {steps}.", **values)
