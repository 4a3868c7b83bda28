"""A comparison that a test plays by hand, event by event, as the session leads them to the model."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.engine.requests.compare import CompareRequest
from studio.engine.requests.previews import Previews
from studio.gallery.index import Entry
from studio.gallery.metadata import PictureMetadata
from studio.gallery.store import PictureSaved
from studio.runs.memory import MAX_BYTES, MAX_STATE_BYTES, JobRecord
from studio.ui.core.job import Job
from studio.ui.core.job_state import JobState
from tests.ui.fakes import Take, asking

if TYPE_CHECKING:
    from collections.abc import Callable

    from studio.ui.compare.model import CompareModel
    from studio.ui.core.job_state import JobEvent


class Compared:
    """One comparison.

    Attributes:
        job_state: how it goes.
        take: what makes its events.
    """

    def __init__(
        self,
        model: CompareModel,
        *runs: dict[str, Any],
        max_bytes: int = MAX_BYTES,
        max_state_bytes: int = MAX_STATE_BYTES,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Take what each run is asked for with, besides the usual."""
        self._model = model
        requests = tuple(asking(**run) for run in runs)
        self.job = Job(
            request=CompareRequest(requests=requests), record=JobRecord(max_bytes, max_state_bytes)
        )
        self.job_state = JobState(self.job, clock)
        self.take = Take(
            request=requests[0],
            asked=self.job.request,
            job_id=self.job.id,
            previews=Previews(target=self.job.preview_target),
            cancelled=threading.Event(),
        )

    def begin(self) -> Compared:
        self._model.follow(self.job_state)
        return self.tell(self.take.started())

    def start(self) -> Compared:
        """Say where each run starts."""
        for image in range(len(self.take.runs)):
            self.job.record.begin(self.take.began(image))
        self._model.follow(self.job_state)
        return self

    def tell(self, event: JobEvent) -> Compared:
        self.job_state.take(event)
        self._model.follow(self.job_state)
        return self

    def rounds(self, *steps: int, **fields: Any) -> Compared:  # noqa: ANN401
        """Take these steps in every run that has them, and tell once after each round."""
        for step in steps:
            for image, request in enumerate(self.take.runs):
                if step <= (request.steps or 0):
                    done = self.take.step(image, step, **fields)
                    self.job.record.add(done)
                    self.job_state.take_step(done)
            self._model.follow(self.job_state)
        return self

    def keep(self) -> Compared:
        """Finish every picture."""
        for image in range(len(self.take.runs)):
            self.tell(self.kept(self.take, image))
        return self

    @staticmethod
    def kept(take: Take, image: int = 0) -> PictureSaved:
        """Return what is told once a picture is finished."""
        done = take.picture(image)
        entry = Entry(path=Path("x.png"), width=8, height=8, metadata=PictureMetadata.of(done))
        return PictureSaved(job_id=take.job_id, done=done, entry=entry)

    def end(self) -> Compared:
        return self.tell(self.take.finished())

    def play(self) -> Compared:
        """Go from the beginning to the end."""
        longest = max(request.steps or 0 for request in self.take.runs)
        return self.begin().rounds(*range(1, longest + 1)).keep().end()
