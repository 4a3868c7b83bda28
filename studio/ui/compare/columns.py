"""The columns of a comparison: the settings of two to six runs, saved between starts, with undo."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from studio.diffusion.samplers import COMPARED
from studio.engine.requests.compare import MAX_PANES, MIN_PANES, CompareRequest
from studio.engine.requests.generate import sampler_options
from studio.errors import RequestError, capitalised, shorten
from studio.messages import message
from studio.ui.core.undo import FieldsUndoStack
from studio.ui.jobs.run_settings import FormValues, fitted, read_values, resolved, with_model
from studio.ui.language import tr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from studio.engine.requests.generate import GenerateRequest, OptionValue
    from studio.families.interface import ModelInfo
    from studio.ui.core.catalog import Catalog
    from studio.ui.core.settings import Preferences
    from studio.ui.jobs.run_settings import RunSettings


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The settings of a comparison.

    Attributes:
        columns: the settings of each run.
        own_prompts: the indices of the runs with their own prompt; the others use the form's.
        batched: whether runs of one model share their model calls.
    """

    columns: tuple[FormValues, ...]
    own_prompts: frozenset[int] = frozenset()
    batched: bool = True

    def to_dict(self) -> dict[str, Any]:
        columns = [column.to_dict() for column in self.columns]
        return {"columns": columns, "own_prompts": sorted(self.own_prompts), "batched": self.batched}


def read_columns(saved: Mapping[str, Any], base: FormValues) -> Columns | None:
    """Return what `Columns.to_dict` wrote; None if it is missing or unusable.

    Args:
        saved: JSON values of any kind.
        base: the settings to use if a saved one is missing or invalid.
    """
    found = saved.get("columns")
    if not isinstance(found, list) or not MIN_PANES <= len(found) <= MAX_PANES:
        return None
    if not all(isinstance(one, Mapping) for one in found):
        return None
    columns = tuple(read_values({**one, "count": 1}, base) for one in found)
    own = saved.get("own_prompts")
    places = [place for place in own if type(place) is int] if isinstance(own, list) else []
    own_prompts = frozenset(places) & frozenset(range(len(columns)))
    return Columns(columns=columns, own_prompts=own_prompts, batched=saved.get("batched") is not False)


SETUP = "runs to compare"
"""The only field of the undo commands."""


class Column(QObject):
    """One of the columns as a model for `studio.ui.widgets.binding.bind`."""

    def __init__(self, columns: CompareColumns, place: int, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._columns, self._place = columns, place
        self.changed = columns.changed

    @property
    def values(self) -> FormValues | None:
        """The column's settings; None while there are fewer columns."""
        columns = self._columns.columns
        return columns[self._place] if self._place < len(columns) else None

    def edit(self, **changes: Any) -> None:  # noqa: ANN401 - as FormValues has them
        """See `CompareColumns.edit`."""
        self._columns.edit(self._place, **changes)


class CompareColumns(QObject):
    """The columns, from left to right.

    All columns use the negative prompt and the size of the form, and its prompt unless a column has its own. All have
    the same seed, hence the same initial noise, unless a column has its own.

    Signals:
        changed: the settings of a column, or those they share.
        count_changed: a column was added or removed.
    """

    changed = Signal()
    count_changed = Signal()

    def __init__(
        self,
        form: RunSettings,
        catalog: Catalog,
        preferences: Preferences,
        *,
        clock: Callable[[], float] = time.monotonic,
        parent: QObject | None = None,
    ) -> None:
        """Start with the columns saved in ``preferences``, or with one for each sampler."""
        super().__init__(parent)
        self._form, self._catalog, self._preferences = form, catalog, preferences
        kept = read_columns(preferences.comparison, form.values)
        self._setup = kept if kept is not None else self._of_all_samplers()
        self.undo_stack = FieldsUndoStack(self._put_change, clock, self)
        self._on_form_changed()
        form.changed.connect(self._on_form_changed)

    @property
    def columns(self) -> tuple[FormValues, ...]:
        """The settings of each column, including those that all share."""
        return self._setup.columns

    @property
    def batched(self) -> bool:
        """Whether runs of one model share their model calls."""
        return self._setup.batched

    @property
    def prompt(self) -> str:
        """The prompt of the first column."""
        return self.columns[0].prompt

    @property
    def can_add(self) -> bool:
        """Whether there are fewer columns than the most."""
        return len(self.columns) < MAX_PANES

    @property
    def can_remove(self) -> bool:
        """Whether there are more columns than the least."""
        return len(self.columns) > MIN_PANES

    @property
    def fault(self) -> str:
        """Why the columns cannot be compared, a sentence; "" if they can."""
        try:
            self.take_request()
        except RequestError as error:
            return capitalised(tr(error.message))
        return ""

    def card(self, place: int) -> ModelInfo | None:
        """Return the card of a column's model; None if that model is not installed or broken."""
        return self._catalog.card(self.columns[place].model)

    def edit(self, place: int, **changes: Any) -> None:  # noqa: ANN401 - as FormValues has them
        """Change settings of a column by name.

        A new seed or prompt of the first column also applies to every column that has the same one.
        """
        old = self.columns[place]
        values = old
        name = changes.get("model", old.model)
        if name != old.model:
            values = with_model(values, self.card(place), self._catalog.card(name), name)
        columns = list(self.columns)
        columns[place] = replace(values, **changes)
        own = set(self._setup.own_prompts)
        for name in {"seed", "prompt"} & changes.keys():
            like = [at for at, column in enumerate(columns) if getattr(column, name) == getattr(old, name)]
            for at in {place, *like} if place == 0 else {place}:
                columns[at] = replace(columns[at], **{name: changes[name]})
                if name == "prompt":
                    (own.discard if changes[name] == self._form.values.prompt else own.add)(at)
        self._make(columns, (str(place), *sorted(changes)), own)

    def edit_option(self, place: int, name: str, value: OptionValue) -> None:
        """Change an option of a column's sampler.

        Raises:
            RequestError: the sampler has no such option, or the value is not allowed.
        """
        column = self.columns[place]
        sampler_options(column.sampler, {name: value})
        options = {**column.options, column.sampler: {**column.options.get(column.sampler, {}), name: value}}
        columns = list(self.columns)
        columns[place] = replace(column, options=options)
        self._make(columns, (str(place), "option", name))

    @Slot(bool)
    def set_batched(self, batched: bool) -> None:
        """Let runs share their model calls; or not, so that each is bit for bit the same as alone."""
        if batched != self.batched:
            self._change(replace(self._setup, batched=batched), ())

    @Slot()
    def fill_samplers(self) -> None:
        """Replace the columns by one for each sampler, with the form's settings."""
        self._make(self._of_all_samplers().columns, (), ())

    @Slot()
    def add(self) -> None:
        """Add a copy of the last column."""
        if self.can_add:
            last, own = len(self.columns) - 1, self._setup.own_prompts
            self._make([*self.columns, self.columns[-1]], (), own | {last + 1} if last in own else own)

    def remove(self, place: int) -> None:
        if self.can_remove:
            columns = [column for other, column in enumerate(self.columns) if other != place]
            own = (other for other in self._setup.own_prompts if other != place)
            self._make(columns, (), {other - (other > place) for other in own})

    def take_request(self) -> CompareRequest:
        """Return the request for the comparison, with every default filled in.

        Raises:
            RequestError: a column's settings are not valid; the sentence names the column.
        """
        requests = tuple(map(self._resolved, range(len(self.columns))))
        return CompareRequest(requests=requests, batched=self.batched).validate()

    def _resolved(self, place: int) -> GenerateRequest:
        values, card = self.columns[place], self.card(place)
        if card is None:
            raise RequestError(
                message("model of run {number}", number=place + 1),
                message("{model} is not installed", model=repr(shorten(values.model))),
            )
        try:
            return resolved(values, card)
        except RequestError as error:
            raise RequestError(
                message("{field} of run {number}", field=error.field, number=place + 1), error.reason
            ) from error

    def _of_all_samplers(self) -> Columns:
        values = replace(self._form.values, count=1)
        columns = tuple(replace(values, sampler=name) for name in COMPARED[:MAX_PANES])
        return Columns(columns=columns)

    def _make(
        self, columns: Sequence[FormValues], key: tuple[str, ...], own_prompts: Iterable[int] | None = None
    ) -> None:
        own = self._setup.own_prompts if own_prompts is None else frozenset(own_prompts)
        after = replace(self._setup, columns=tuple(columns), own_prompts=own)
        if after != self._setup:
            self._change(after, key)

    def _change(self, after: Columns, key: tuple[str, ...]) -> None:
        self.undo_stack.change({SETUP: self._setup}, {SETUP: after}, key)

    def _put_change(self, changes: Mapping[str, Columns]) -> None:
        setup, before = changes[SETUP], len(self.columns)
        self._setup = replace(setup, columns=self._shared(setup))
        self._preferences.set("comparison", self._setup.to_dict())
        if len(self.columns) != before:
            self.count_changed.emit()
        self.changed.emit()

    def _shared(self, setup: Columns) -> tuple[FormValues, ...]:
        """Return the columns with the settings that come from the form."""
        form = self._form.values
        shared = {name: getattr(form, name) for name in ("negative", "width", "height")}
        columns: list[FormValues] = []
        for place, column in enumerate(setup.columns):
            prompt = column.prompt if place in setup.own_prompts else form.prompt
            # A column has no model if it was made before the models were listed.
            values = replace(column, **shared, prompt=prompt, model=column.model or form.model)
            columns.append(fitted(values, self._catalog.card(values.model)))
        return tuple(columns)

    @Slot()
    def _on_form_changed(self) -> None:
        columns = self._shared(self._setup)
        if columns != self.columns:
            self._setup = replace(self._setup, columns=columns)
            self.changed.emit()
