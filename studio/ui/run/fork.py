"""Going on from the step that is looked at: what is changed, what that costs, and the request it makes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.diffusion.samplers import SAMPLERS
from studio.engine.requests.fork import ForkRequest, StartState, respaced
from studio.engine.requests.generate import MAX_STEPS, GenerateRequest, count_model_calls, sampler_options
from studio.errors import RequestError
from studio.ui.language import tr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from studio.engine.requests.generate import OptionValue
    from studio.ui.core.catalog import Catalog
    from studio.ui.core.job_state import JobState
    from studio.ui.run.model import RunModel


@dataclass(frozen=True, kw_only=True)
class ForkValues:
    """How to go on.

    Attributes:
        options: by sampler, its own options.
        seed: of the noise still to come.
        remaining: how many steps; None is as many as the run had left.
    """

    prompt: str
    negative: str
    sampler: str
    options: Mapping[str, Mapping[str, OptionValue]] = field(default_factory=dict)
    guidance: float
    seed: int
    remaining: int | None = None


class ForkModel(QObject):
    """A fork of the run that is looked at, at the step that is looked at.

    Signals:
        changed: the values, the step, or what it costs.
    """

    changed = Signal()

    def __init__(self, run: RunModel, catalog: Catalog, parent: QObject | None = None) -> None:
        """Fork runs of ``run``; ``catalog`` knows their models."""
        super().__init__(parent)
        self._run, self._catalog = run, catalog
        self._of: tuple[JobState, int] | None = None
        self.values: ForkValues | None = None
        for signal in (run.changed, run.selection_changed, run.steps_changed):
            signal.connect(self._on_run_changed)

    # ------------------------------------------------------------------------------------------------- what it is of
    @property
    def parent_run(self) -> tuple[JobState, int] | None:
        """The job that is forked, and which of its pictures."""
        return self._of

    @property
    def start(self) -> StartState | None:
        """Where it goes on from; None where that is the end, or was not kept."""
        done, picture = self._run.shown_step, self._run.picture
        if done is None or picture is None or done.step >= done.steps:
            return None
        return picture.state_at(done.step)

    @property
    def left(self) -> int:
        """How many steps the run has left there."""
        start = self.start
        return start.remaining if start is not None else 0

    @property
    def most_left(self) -> int:
        """How many steps there can be at most: one for each time that remains."""
        start = self.start
        return min(start.times[0] + 1, MAX_STEPS - start.index) if start is not None else 1

    @property
    def remaining(self) -> int:
        """How many steps it takes."""
        chosen = self.values.remaining if self.values is not None else None
        return self.left if chosen is None else min(chosen, self.most_left)

    @property
    def draws_noise(self) -> bool:
        """Whether any noise is still to be drawn, so that a seed matters."""
        if self.values is None or self.start is None:
            return False
        sampler = SAMPLERS[self.values.sampler]
        options = sampler_options(self.values.sampler, self.options)
        return self.remaining > 1 and sampler.draws_noise(options)

    @property
    def options(self) -> Mapping[str, OptionValue]:
        """The sampler's own options."""
        if self.values is None:
            return {}
        return self.values.options.get(self.values.sampler) or default_options(self.values.sampler)

    @property
    def model_calls(self) -> int:
        """How many model calls it costs."""
        if self.values is None or self.start is None:
            return 0
        return count_model_calls(
            self.values.sampler, self.options, self.remaining, guided=self.values.guidance != 1
        )

    @property
    def fault(self) -> str:
        """Why nothing can be forked here, a sentence; "" where it can."""
        job_state = self._run.viewed
        if job_state is None or self._run.shown_step is None:
            return tr("There is no step to fork from yet.")
        done = self._run.shown_step
        if done.step >= done.steps:
            return tr("This is the last step: nothing remains to be done. Choose an earlier one.")
        if self._run.waits_for_step and self._run.is_stored:
            return tr("One moment: this step is being read.")
        if self._run.waits_for_step and not job_state.cannot_recompute:
            return tr("One moment: this step was not kept, and is being made again.")
        if self.start is None:
            return tr("This step was not kept whole. Choose another one.")
        card = self._catalog.card(job_state.request_of(done.image).model)
        if card is None:
            return tr(
                "The model of this run, {model}, is not here any more.",
                model=job_state.request_of(done.image).model,
            )
        if card.weights_sha256 != job_state.weights_of(done.image):
            return tr(
                "The model has changed since this run (its hash differs), so the run cannot be continued."
            )
        return ""

    # ------------------------------------------------------------------------------------------------------- intents
    def begin(self) -> None:
        """Start from the settings of the run that is looked at."""
        job_state = self._run.viewed
        if job_state is None:
            return
        image = self._run.image
        request, picture = job_state.request_of(image), self._run.picture
        self._of = (job_state, image)
        seed = picture.began.seed if picture is not None and picture.began is not None else request.seed
        sampler = request.sampler or "ddim"
        self.values = ForkValues(
            prompt=request.prompt,
            negative=request.negative,
            sampler=sampler,
            options={sampler: dict(request.options)},
            guidance=request.guidance if request.guidance is not None else 1.0,
            seed=seed,
        )
        self.changed.emit()

    def edit(self, **changes: object) -> None:
        """Change some of the values."""
        if self.values is not None:
            changed = replace(self.values, **changes)  # type: ignore[arg-type]
            if changed != self.values:
                self.values = changed
                self.changed.emit()

    def edit_option(self, name: str, value: OptionValue) -> None:
        """Change one of the sampler's own options."""
        if self.values is not None:
            own = {**self.options, name: value}
            self.edit(options={**self.values.options, self.values.sampler: own})

    def request(self) -> ForkRequest:
        """Return the request.

        Raises:
            RequestError: nothing can be forked here, or not like this; a sentence.
        """
        start, values, of = self.start, self.values, self._of
        if start is None or values is None or of is None or self.fault:
            raise RequestError("fork", self.fault or tr("There is nothing to fork."))
        job_state, image = of
        request = job_state.request_of(image)
        if self.remaining != start.remaining:
            start = respaced(start, self.remaining, self._times(request), request.spacing or "trailing")
        if values.sampler != request.sampler:
            start = replace(start, history=())
        how = replace(
            request,
            prompt=values.prompt,
            negative=values.negative,
            sampler=values.sampler,
            options=self.options,
            guidance=values.guidance,
            seed=values.seed,
            steps=start.index + start.remaining,
            count=1,
        )
        return ForkRequest(request=how, start=start, parent=job_state.run_ids.get(image, "")).validate()

    def _times(self, request: GenerateRequest) -> int:
        card = self._catalog.card(request.model)
        times = card.schedule.config.get("T", MAX_STEPS) if card is not None else MAX_STEPS
        return times if isinstance(times, int) else MAX_STEPS

    @Slot()
    def _on_run_changed(self) -> None:
        """Begin anew where another run is looked at."""
        if self.values is None:
            return
        if self._of != (self._run.viewed, self._run.image):
            self.begin()
        else:
            self.changed.emit()


def default_options(sampler: str) -> dict[str, OptionValue]:
    """Return a sampler's own options as they are by default."""
    return dataclasses.asdict(SAMPLERS[sampler].Options())
