"""The fork of a run: continues it from the shown step with other settings.

`ForkModel` holds the settings, and says what the fork costs and why it cannot be made; `ForkRequest` is what the engine
runs. With unchanged settings a fork repeats the rest of its run bit for bit.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.diffusion.samplers import SAMPLERS
from studio.engine.requests.fork import ForkRequest, StartState, fork_request
from studio.engine.requests.generate import MAX_STEPS, count_model_calls, sampler_options
from studio.errors import RequestError, capitalised
from studio.ui.jobs.run_settings import check_prompts
from studio.ui.language import tr
from studio.ui.run import text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from studio.engine.requests.generate import OptionValue
    from studio.families.interface import TextDefaults
    from studio.prompts.emphasis import Emphasis
    from studio.ui.core.catalog import Catalog
    from studio.ui.core.job_state import JobState
    from studio.ui.run.model import RunModel


@dataclass(frozen=True, kw_only=True)
class ForkValues:
    """The settings for the rest of the run.

    Attributes:
        options: the options of each sampler that was chosen, by its name.
        seed: the seed of the noise that is still to be drawn.
        remaining: the number of steps; None is as many as the run has left.
        emphasis: as in `FormValues`.
        clip_skip: as in `FormValues`.
    """

    prompt: str
    negative: str
    sampler: str
    options: Mapping[str, Mapping[str, OptionValue]] = field(default_factory=dict)
    guidance: float
    seed: int
    remaining: int | None = None
    emphasis: Emphasis | None = None
    clip_skip: int | None = None


class ForkModel(QObject):
    """A fork of the shown run at the shown step.

    Attributes:
        values: the settings; None before `begin`.

    Signals:
        changed: the settings, the step or the cost have changed.
    """

    changed = Signal()

    def __init__(self, run: RunModel, catalog: Catalog, parent: QObject | None = None) -> None:
        """Fork the run that ``run`` shows; ``catalog`` has the installed models."""
        super().__init__(parent)
        self._run, self._catalog = run, catalog
        self._parent: tuple[JobState, int] | None = None
        self.values: ForkValues | None = None
        for signal in (run.changed, run.selection_changed, run.steps_changed):
            signal.connect(self._on_run_changed)

    # -------------------------------------------------------------------------------------------------- the start
    @property
    def parent_run(self) -> tuple[JobState, int] | None:
        """The job that is forked, and which of its pictures."""
        return self._parent

    @property
    def start(self) -> StartState | None:
        """The state that the fork continues from; None at the last step, and at a step without a recorded state."""
        done, picture = self._run.shown_step, self._run.picture
        if done is None or picture is None or done.step >= done.steps:
            return None
        return picture.state_at(done.step)

    @property
    def steps_left(self) -> int:
        """The number of steps that the run itself has left."""
        start = self.start
        return start.remaining if start is not None else 0

    @property
    def max_remaining(self) -> int:
        """The most steps that the fork can have: one for each time that remains."""
        start = self.start
        return min(math.floor(start.times[0]) + 1, MAX_STEPS - start.index) if start is not None else 1

    @property
    def remaining(self) -> int:
        """The number of steps of the fork."""
        chosen = self.values.remaining if self.values is not None else None
        return self.steps_left if chosen is None else min(chosen, self.max_remaining)

    @property
    def draws_noise(self) -> bool:
        """Whether the fork draws any noise, so that its seed has an effect."""
        if self.values is None or self.start is None:
            return False
        sampler = SAMPLERS[self.values.sampler]
        options = sampler_options(self.values.sampler, self.options)
        return self.remaining > 1 and sampler.draws_noise(options)

    @property
    def options(self) -> Mapping[str, OptionValue]:
        """The options of the chosen sampler."""
        if self.values is None:
            return {}
        return self.values.options.get(self.values.sampler) or default_options(self.values.sampler)

    @property
    def text_defaults(self) -> TextDefaults | None:
        """How CLIP reads the prompts of the run's model by default; None if it does not, or is not installed."""
        job_state = self._run.viewed
        card = None if job_state is None else self._catalog.card(job_state.request_of(self._run.image).model)
        return None if card is None else card.text_defaults

    @property
    def model_calls(self) -> int:
        if self.values is None or self.start is None:
            return 0
        return count_model_calls(
            self.values.sampler, self.options, self.remaining, guided=self.values.guidance != 1
        )

    @property
    def fault(self) -> str:
        """Why the shown step cannot be forked, a translated sentence; "" if it can."""
        job_state = self._run.viewed
        if job_state is None or self._run.shown_step is None:
            return text.no_step()
        done = self._run.shown_step
        if done.step >= done.steps:
            return text.last_step()
        if self._run.waits_for_step and self._run.is_stored:
            return text.reading_step()
        if self._run.waits_for_step and not job_state.cannot_recompute:
            return text.recomputing()
        if self.start is None:
            return text.no_state()
        card = self._catalog.card(job_state.request_of(done.image).model)
        if card is None:
            return text.no_model(job_state.request_of(done.image).model)
        if card.weights_sha256 != job_state.weights_of(done.image):
            return text.model_changed()
        values = self.values
        if values is not None:
            try:
                check_prompts(card, values.prompt, values.negative if values.guidance != 1.0 else "")
            except RequestError as error:
                return capitalised(tr(error.message))
        return ""

    # ---------------------------------------------------------------------------------------------------------- edits
    def begin(self) -> None:
        """Start from the settings of the shown run."""
        job_state = self._run.viewed
        if job_state is None:
            return
        image = self._run.image
        request, picture = job_state.request_of(image), self._run.picture
        self._parent = (job_state, image)
        seed = picture.began.seed if picture is not None and picture.began is not None else request.seed
        sampler = request.sampler or "ddim"
        self.values = ForkValues(
            prompt=request.prompt,
            negative=request.negative,
            sampler=sampler,
            options={sampler: dict(request.options)},
            guidance=request.guidance if request.guidance is not None else 1.0,
            seed=seed,
            emphasis=request.emphasis,
            clip_skip=request.clip_skip,
        )
        self.changed.emit()

    def edit(self, **changes: object) -> None:
        """Change fields of `ForkValues` by name."""
        if self.values is not None:
            changed = replace(self.values, **changes)  # type: ignore[arg-type]
            if changed != self.values:
                self.values = changed
                self.changed.emit()

    def edit_option(self, name: str, value: OptionValue) -> None:
        """Change an option of the chosen sampler."""
        if self.values is not None:
            own = {**self.options, name: value}
            self.edit(options={**self.values.options, self.values.sampler: own})

    def request(self) -> ForkRequest:
        """Return the request that the engine runs.

        Raises:
            RequestError: the step cannot be forked, or not with these settings.
        """
        start, values, parent = self.start, self.values, self._parent
        if start is None or values is None or parent is None or self.fault:
            raise RequestError("fork", self.fault or text.nothing_to_fork())
        job_state, image = parent
        request = job_state.request_of(image)
        card = self._catalog.card(request.model)
        assert card is not None, "a missing model is a fault"
        settings = replace(
            request,
            prompt=values.prompt,
            negative=values.negative,
            sampler=values.sampler,
            options=self.options,
            guidance=values.guidance,
            seed=values.seed,
            emphasis=values.emphasis,
            clip_skip=values.clip_skip,
        )
        return fork_request(
            settings,
            start,
            card,
            sampler=request.sampler,
            remaining=self.remaining,
            parent=job_state.run_ids.get(image, ""),
        )

    @Slot()
    def _on_run_changed(self) -> None:
        """Start again from the run's own settings when another run is shown."""
        if self.values is None:
            return
        if self._parent != (self._run.viewed, self._run.image):
            self.begin()
        else:
            self.changed.emit()


def default_options(sampler: str) -> dict[str, OptionValue]:
    """Return the default options of a sampler."""
    return dataclasses.asdict(SAMPLERS[sampler].Options())
