"""A job that a test plays by hand, event by event, as the session leads them to the models."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studio.engine.requests.previews import Previews
from studio.gallery.index import Entry
from studio.gallery.metadata import PictureMetadata
from studio.gallery.store import PictureSaved
from studio.runs.memory import MAX_BYTES, MAX_STATE_BYTES, JobRecord
from studio.ui.core.job import Job
from studio.ui.core.job_state import JobState
from tests.ui.fakes import Take, asking

if TYPE_CHECKING:
    from studio.engine.events import StepDone
    from studio.ui.core.job_state import JobEvent
    from studio.ui.run.model import RunModel


class Played:
    """One job.

    Attributes:
        job_state: how it goes.
        take: what makes its events.
    """

    def __init__(
        self,
        run: RunModel,
        *,
        max_bytes: int = MAX_BYTES,
        max_state_bytes: int = MAX_STATE_BYTES,
        **fields: Any,  # noqa: ANN401
    ) -> None:
        self._run = run
        self.job = Job(request=asking(**fields), record=JobRecord(max_bytes, max_state_bytes))
        self.job_state = JobState(self.job)
        previews = Previews(target=self.job.preview_target)
        self.take = Take(
            request=self.job.request, job_id=self.job.id, previews=previews, cancelled=threading.Event()
        )

    def begin(self) -> Played:
        """Begin, and start to make pictures."""
        self._run.begin(self.job_state)
        return self.tell(self.take.started())

    def tell(self, event: JobEvent) -> Played:
        self.job_state.take(event)
        self._run.note_phase(self.job_state)
        return self

    def steps(self, *numbers: int, image: int = 0, **fields: Any) -> list[StepDone]:  # noqa: ANN401
        """Take steps, each announced by itself."""
        taken = [self.take.step(image, number, **fields) for number in numbers]
        for done in taken:
            self.job.record.add(done)
            self.job_state.take_step(done)
            self._run.note_steps(self.job_state)
        return taken

    def keep(self, image: int = 0) -> PictureSaved:
        """Finish a picture."""
        done = self.take.picture(image)
        entry = Entry(path=Path("x.png"), width=8, height=8, metadata=PictureMetadata.of(done))
        kept = PictureSaved(job_id=self.job.id, done=done, entry=entry)
        self.tell(kept)
        return kept

    def end(self, event: JobEvent | None = None) -> Played:
        """End, well or as the event says."""
        self.job_state.take(event or self.take.finished())
        self._run.end(self.job_state)
        return self

    def play(self, count: int = 1) -> Played:
        """Go from the beginning to the end."""
        self.begin()
        for image in range(count):
            self.steps(*range(1, self.take.steps + 1), image=image)
            self.keep(image)
        return self.end()
