"""The model of the form on the Create page: the settings with their undo, and the request that Generate makes."""

from __future__ import annotations

import secrets
import time
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from studio.diffusion.seeds import DISTINCT_SEEDS
from studio.engine.requests.generate import sampler_options
from studio.errors import RequestError, capitalised, shorten
from studio.messages import message
from studio.ui.core.undo import FieldsUndoStack
from studio.ui.create.loras import FormLoras
from studio.ui.create.prompt_lengths import PromptLengths
from studio.ui.jobs.cost import Estimate, estimate
from studio.ui.jobs.run_settings import (
    SUGGESTION,
    FormValues,
    first_values,
    fitted,
    read_values,
    resolved,
    with_model,
    with_request,
)
from studio.ui.language import tr

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from studio.engine.memory_plan import DeviceMemory
    from studio.engine.requests.generate import GenerateRequest, OptionValue
    from studio.families.interface import ModelInfo
    from studio.ui.core.catalog import Catalog
    from studio.ui.core.settings import Preferences
    from studio.ui.jobs.timings import Timings


class FormModel(QObject):
    """The settings of the form. Every edit can be undone (`FieldsUndoStack`); the values are saved in the preferences.

    Attributes:
        undo_stack: the edits.
        lengths: the lengths of the prompts.
        loras: the LoRAs that fit the model, and those in the prompt.

    Signals:
        changed: the values or the installed models have changed.
        estimate_changed: another run was measured, so the estimate has changed.
    """

    changed = Signal()
    estimate_changed = Signal()

    def __init__(
        self,
        catalog: Catalog,
        preferences: Preferences,
        timings: Timings | None = None,
        *,
        draw: Callable[[int], int] = secrets.randbelow,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Restore the values of the last start; those that depend on the model, once the models are listed.

        Args:
            catalog: the installed models.
            preferences: where the values are saved.
            timings: the measured time of a model call; with None, estimates have no time.
            draw: returns a random number below its argument; draws seeds.
            clock: in seconds; edits close together become one undo step.
        """
        super().__init__()
        self._catalog, self._preferences, self._timings = catalog, preferences, timings
        self._draw = draw
        self._device: str | None = None
        self._memory: DeviceMemory | None = None
        self._estimate: Estimate | None = None
        self._fault: str | None = None
        self._saved, self._first_seed = preferences.form, draw(DISTINCT_SEEDS)
        self._values = self._first()
        self._provisional = None if catalog.listed else self._values
        self.undo_stack = FieldsUndoStack(self._put_step, clock, self)
        self.lengths = PromptLengths(self, self)
        self.loras = FormLoras(self, catalog, self.write_prompt, self)
        self.loras.inversions_changed.connect(self._on_inversions_changed)
        catalog.changed.connect(self._on_catalog_changed)

    @property
    def values(self) -> FormValues:
        return self._values

    @property
    def card(self) -> ModelInfo | None:
        """The card of the chosen model; None if that model is not installed, or broken."""
        return self._catalog.card(self._values.model)

    @property
    def suggested(self) -> bool:
        """Whether the prompt is the one that is suggested at the first start."""
        return self._values.prompt == SUGGESTION

    @property
    def fault(self) -> str:
        """Why nothing can be generated with these settings, a translated sentence; "" if it can."""
        if self._fault is None:
            try:
                self._resolved(self._values)
                self._fault = ""
            except RequestError as error:
                self._fault = capitalised(tr(error.message))
        return self._fault

    @property
    def estimate(self) -> Estimate:
        if self._estimate is None:
            self._estimate = estimate(self._values, self.card, self._timings, self._device, self._memory)
        return self._estimate

    @property
    def fallback(self) -> ModelInfo | None:
        """The default model, which is small, if another one is chosen."""
        first = self._catalog.first()
        return None if first is None or first.name == self._values.model or first.size_rule else first

    def edit(self, **changes: Any) -> None:  # noqa: ANN401 - as FormValues has them
        """Change fields of `FormValues` by name, as one step of undo.

        Another model brings its defaults (see `run_settings.with_model`).
        """
        values = self._values
        if changes.get("model", values.model) != values.model:
            name = changes["model"]
            values = with_model(values, self.card, self._catalog.card(name), name)
        self._make(replace(values, **changes), tuple(changes))

    def write_prompt(self, prompt: str, key: tuple[str, ...] = ()) -> None:
        """Replace the prompt, as a step of undo: merged with the last one of the same ``key``, with () never."""
        self._make(replace(self._values, prompt=prompt), key)

    def edit_option(self, name: str, value: OptionValue) -> None:
        """Change an option of the chosen sampler, as one step of undo.

        Raises:
            RequestError: the sampler has no such option, or it cannot have this value.
        """
        sampler = self._values.sampler
        sampler_options(sampler, {name: value})
        options = {**self._values.options}
        options[sampler] = {**options.get(sampler, {}), name: value}
        self._make(replace(self._values, options=options), ("option", sampler, name))

    @Slot()
    def roll_seed(self) -> None:
        """Draw another seed, as one step of undo."""
        self._make(replace(self._values, seed=self._rolled()), ())

    @Slot()
    def swap_size(self) -> None:
        """Swap width and height, as one step of undo."""
        self._make(replace(self._values, width=self._values.height, height=self._values.width), ())

    def load_request(self, request: GenerateRequest) -> str:
        """Fill the form from a picture's request, as one step of undo; the next picture uses its seed.

        Returns:
            What the model cannot do of the request, a sentence; "" if nothing.

        Raises:
            RequestError: the request is not valid for any model.
        """
        card = self._catalog.card(request.validate().model)
        values, sentence = with_request(self._values, request, card)
        self._make(values, ())
        self._put({"seed_used": False})
        return sentence

    def take_request(self) -> GenerateRequest:
        """Return the resolved request for Generate, and mark its seed as used.

        A seed that was used and is not locked is replaced by a new one first.

        Raises:
            RequestError: see `fault`.
        """
        values = self._values
        if values.seed_used and not values.seed_locked:
            values = replace(values, seed=self._rolled())
        request = self._resolved(values)
        self._put({"seed": values.seed, "seed_used": True})
        return request

    def set_device(self, device: str, memory: DeviceMemory | None = None) -> None:
        """Estimate for this device, named as in `Timings`, and for its memory."""
        if (device, memory) != (self._device, self._memory):
            self._device, self._memory = device, memory
            self.refresh_estimate()

    @Slot()
    def refresh_estimate(self) -> None:
        """Emit `estimate_changed` after `Timings` has noted another run."""
        self._estimate = None
        self.estimate_changed.emit()

    def close(self) -> None:
        """Wait for background work."""
        self.lengths.close()
        self.loras.close()

    def _first(self) -> FormValues:
        """Return the saved values, as far as they are still valid."""
        base = first_values(self._catalog.first(), self._first_seed)
        values = read_values(self._saved, base)
        if not self._catalog.listed:
            return values
        card = self._catalog.card(values.model)
        if card is None:  # removed, or broken since
            card = self._catalog.first()
            values = with_model(values, None, card, "" if card is None else card.name)
        return fitted(values, card)

    def _restore(self, provisional: FormValues) -> None:
        """Fit the saved values to the models, which are now known; fields that were edited meanwhile stay."""
        now = self._values
        names = [item.name for item in fields(now)]
        edited = {
            name: getattr(now, name) for name in names if getattr(now, name) != getattr(provisional, name)
        }
        values = replace(self._first(), **edited)
        self._values = fitted(values, self._catalog.card(values.model))

    def _resolved(self, values: FormValues) -> GenerateRequest:
        card = self._catalog.card(values.model)
        if card is not None:
            return resolved(values, card)
        if not self._catalog.listed:
            raise RequestError(
                "model",
                message("is not known yet: the installed models are being listed; try again in a moment"),
            )
        if self._catalog.first() is None:
            raise RequestError("model", message("is missing: none is installed (see the Models page)"))
        name = repr(shorten(values.model))
        if self._catalog.find(values.model) is None:
            raise RequestError("model", message("{name} is not installed; choose another", name=name))
        raise RequestError(
            "model", message("{name} cannot be used (see the Models page); choose another", name=name)
        )

    def _rolled(self) -> int:
        return self._draw(DISTINCT_SEEDS + 1 - self._values.count)

    def _make(self, values: FormValues, key: tuple[str, ...]) -> None:
        """Change to ``values`` as an undo command; commands with the same ``key`` are merged, those with () never."""
        old = self._values
        names = [item.name for item in fields(old) if getattr(old, item.name) != getattr(values, item.name)]
        names = [name for name in names if name != "seed_used"]
        if names:
            before, after = ({name: getattr(v, name) for name in names} for v in (old, values))
            self.undo_stack.change(before, after, key)
        elif "seed" in key:  # the same seed, typed again
            self._put({"seed_used": False})

    def _put_step(self, changes: Mapping[str, Any]) -> None:
        """Apply, undo or redo a change; the next picture uses a restored seed."""
        self._put({**changes, "seed_used": False} if "seed" in changes else changes)

    def _put(self, changes: Mapping[str, Any]) -> None:
        values = replace(self._values, **changes)
        if values == self._values:
            return
        self._values = values
        self._fault = self._estimate = None
        self._preferences.set("form", values.to_dict())
        self.changed.emit()

    @Slot()
    def _on_inversions_changed(self) -> None:
        self.lengths.set_inversions(self.loras.inversions)

    @Slot()
    def _on_catalog_changed(self) -> None:
        if self._provisional is not None:
            self._restore(self._provisional)
            self._provisional = None
        self._fault = self._estimate = None
        self.changed.emit()
