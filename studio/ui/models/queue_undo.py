"""Taking a job out of the queue so that it can be put back where it was."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from studio.ui.core.job import Job
    from studio.ui.core.notices import Notices
    from studio.ui.models.queue import QueueModel


def take_out(job: Job, queue: QueueModel, notices: Notices, then: Callable[[], None]) -> bool:
    """Take a job that waits out of the queue, and tell with a way back; False where it does not wait.

    Args:
        job: the job.
        queue: where it waits.
        notices: where to tell.
        then: what is to be done once it is back.
    """
    if job not in queue.waiting:
        return False
    place = queue.waiting.index(job)
    queue.remove(job)
    put_back = partial(_put_back, job, place, queue, then)
    notices.post("Taken out of the queue.", action="Undo", act=put_back)
    return True


def _put_back(job: Job, place: int, queue: QueueModel, then: Callable[[], None]) -> None:
    queue.add(job)
    queue.move(job, place)
    then()
