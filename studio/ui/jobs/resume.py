"""A long job that was cancelled can go on: from the step that each picture had reached, to the same pictures."""

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
"""As much must have been spent, and as much be left, for a job to be worth going on with."""


@dataclass(frozen=True, kw_only=True)
class RemainingWork:
    """What a cancelled job had still to do.

    Attributes:
        sentence: where it was cancelled.
        forks: pictures that were begun, with their places in the job.
        rest: the pictures after those; None where there are none.
    """

    sentence: str
    forks: tuple[tuple[ForkRequest, int], ...]
    rest: GenerateRequest | None


def remaining_work(job_state: JobState) -> RemainingWork | None:
    """Return what is left of a job; None where it was not cancelled, was not long, or kept no step to go on from.

    Nothing is changed, so the pictures are bit for bit what they would have been. A comparison cannot go on: its runs
    share their model calls.
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
    for image in range(job_state.count):  # they are begun in their order
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
    """Return how a picture goes on from the newest step that was kept whole."""
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
