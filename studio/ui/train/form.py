"""The model of the training form: the settings with their errors and undo, and estimates of time and memory."""

from __future__ import annotations

import time
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from studio.engine.training.request import PICTOGRAMS, STATES, TrainRequest, default_request
from studio.engine.training.scales import SCALES
from studio.errors import RequestError, capitalised
from studio.messages import message
from studio.ui.core.background import Background
from studio.ui.core.engine_call import EngineCall, Priority
from studio.ui.core.undo import FieldsUndoStack
from studio.ui.language import tr
from studio.ui.train import text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from studio.engine.protocol import Engine
    from studio.engine.training.request import TrainEstimate
    from studio.errors import StudioError
    from studio.ui.core.catalog import Catalog
    from studio.ui.core.engine_call import EngineCaller
    from studio.ui.core.settings import Preferences
    from studio.ui.train.data import TrainFolder


SAVED_FIELDS = (
    *("source", "size", "backbone", "scale", "schedule", "prediction", "latents"),
    *("dropout", "steps", "batch", "learning_rate", "min_snr", "base", "codec_steps", "text_steps"),
)
"""The fields that are saved for the next start; the name is derived from the source."""
_BLANK = TrainRequest(source="", name="")
_VALID = TrainRequest(source=PICTOGRAMS, name="x")


class TrainForm(QObject):
    """The settings in the training form.

    Attributes:
        undo_stack: the edits.
        folder: the pictures of the chosen folder.
        costs: estimates of time and memory.

    Signals:
        changed: the values or their errors have changed.
    """

    changed = Signal()

    def __init__(
        self,
        catalog: Catalog,
        preferences: Preferences,
        folder: TrainFolder,
        costs: TrainCosts,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Restore the values of the last start.

        Args:
            catalog: the installed models.
            preferences: where the values are saved.
            folder: finds the pictures of a folder.
            costs: estimates time and memory.
            clock: in seconds; edits close together become one undo step.
        """
        super().__init__()
        self._catalog, self._preferences, self.folder = catalog, preferences, folder
        self.costs = costs
        self._values = _saved_request(preferences.train)
        self._given: set[str] = set()
        self._names: frozenset[str] = frozenset()  # of the folders on the disk, of models and trainings
        self._background = Background(self)
        self.undo_stack = FieldsUndoStack(self._put_step, clock, self)
        folder.changed.connect(self.changed)
        catalog.changed.connect(self.changed)
        catalog.changed.connect(self._list_names)
        self._list_names()

    # ------------------------------------------------------------------------------------------------------- values
    @property
    def values(self) -> TrainRequest:
        """The settings; the source is "" until one is chosen."""
        return self._values

    @property
    def from_folder(self) -> Path | None:
        """The folder of training pictures; None for pictograms and before a source is chosen."""
        source = self._values.source
        return Path(source) if source and source != PICTOGRAMS else None

    @property
    def has_source(self) -> bool:
        return bool(self._values.source)

    @property
    def faults(self) -> dict[str, str]:
        """A translated sentence for each field whose value cannot be used."""
        found: dict[str, str] = {}
        for item in fields(TrainRequest):
            if item.name == "source" or (item.name == "name" and not self.has_source):
                continue
            try:
                changes = {item.name: getattr(self._values, item.name)}
                if item.name == "scale":  # the choices depend on the backbone
                    changes["backbone"] = self._values.backbone
                replace(_VALID, **changes).validate()
            except RequestError as error:
                found[item.name] = capitalised(tr(error.message))
        if (source := self._source_fault()) and self.has_source:
            found["source"] = source
        if self.has_source and "name" not in found and self._is_taken(self._values.name):
            found["name"] = text.name_taken(self._values.name)
        if self._values.base and self._catalog.card(self._values.base) is None:
            found["base"] = text.base_missing(self._values.base)
        return found

    @property
    def can_train(self) -> bool:
        return self.has_source and not self.faults

    def estimate(self, **changes: Any) -> TrainEstimate:  # noqa: ANN401 - as TrainRequest has them
        """Return the estimate for these settings with ``changes``, as far as it is known."""
        return self.costs.of(replace(self._values, **changes))

    # -------------------------------------------------------------------------------------------------------- edits
    def choose(self, source: Path | str) -> None:
        """Train on a folder or on "pictograms", and name the model after it."""
        named = self._named(source)
        self._make(replace(self._values, source=named.source, name=named.name, title=named.title), ())

    def edit(self, **changes: Any) -> None:  # noqa: ANN401 - as TrainRequest has them
        """Change fields by name, as one undo step."""
        self._make(replace(self._values, **changes), tuple(changes))

    @Slot()
    def open(self) -> None:
        """Read the folder of the last start, which may have changed or gone."""
        source = self._values.source
        if source and not self._values.name:
            named = self._named(source)
            self._put({"name": named.name, "title": named.title})
            self.rename()  # the names on the disk may not be known yet
            self._read_folder()

    def take_request(self) -> TrainRequest:
        """Return the request to train, and give the form a new name for the next one.

        Raises:
            RequestError: a value cannot be used; see `faults`.
        """
        request = self._values.validate()
        if self.faults:
            field = next(iter(self.faults))
            raise RequestError(field, message("cannot be used"))
        self._given.add(request.name)
        self.rename()
        return request

    @Slot()
    def rename(self) -> None:
        """Choose a free name if this one is taken."""
        self._rename()
        self._background.do(self._read_names, self._on_names_for_rename, self._on_unread)

    def close(self) -> None:
        """Stop background work and wait for it."""
        self._background.close()
        self.costs.close()

    def _rename(self) -> None:
        if self.has_source and self._is_taken(self._values.name):
            self._put({"name": self._named(self._values.source).name})

    def _named(self, source: Path | str) -> TrainRequest:
        """Return the default request for a source, with a name that is not taken as far as that is known."""
        named = default_request(source)
        name, number = named.name, 1
        while self._is_taken(name):
            number += 1
            name = f"{named.name}-{number}"
        return replace(named, name=name)

    def ask_for_estimate(self) -> None:
        """Measure the time of a training with these settings if it is not known."""
        if self.can_train:
            self.costs.ask(self._values)

    # ------------------------------------------------------------------------------------------------------- inside
    def _source_fault(self) -> str:
        folder = self.folder
        if self.from_folder is None or folder.folder != self.from_folder:
            return ""
        if folder.fault:
            return folder.fault
        if not folder.reading and not folder.count:
            return text.no_usable_picture()
        return ""

    def _is_taken(self, name: str) -> bool:
        known = self._catalog.find(name) is not None
        # A training in the queue has no folder yet.
        return known or name in self._given or name in self._names

    @Slot()
    def _list_names(self) -> None:
        """List the taken names in another thread, so that typing never waits for the disk."""
        self._background.do(self._read_names, self._on_names, self._on_unread, key="names")

    def _read_names(self) -> frozenset[str]:
        models = self._catalog.folders.models
        found = (
            path.name for folder in (models, models / STATES) if folder.is_dir() for path in folder.iterdir()
        )
        return frozenset(found)

    def _on_names(self, names: frozenset[str]) -> None:
        if names != self._names:
            self._names = names
            self.changed.emit()

    def _on_names_for_rename(self, names: frozenset[str]) -> None:
        self._on_names(names)
        self._rename()

    def _on_unread(self, error: StudioError) -> None:
        """Ignore it: a taken name is then refused when the training starts."""

    def _make(self, request: TrainRequest, key: tuple[str, ...]) -> None:
        old = self._values
        names = [item.name for item in fields(old) if getattr(old, item.name) != getattr(request, item.name)]
        if names:
            before, after = ({name: getattr(one, name) for name in names} for one in (old, request))
            self.undo_stack.change(before, after, key)
        elif "source" not in names and self.from_folder is not None and not key:
            self._read_folder()  # the same folder again: its pictures may have changed

    def _put_step(self, changes: Mapping[str, Any]) -> None:
        self._put(changes)
        if "source" in changes:
            self._read_folder()

    def _put(self, changes: Mapping[str, Any]) -> None:
        request = replace(self._values, **changes)
        if request != self._values:
            if request.name != self._values.name:
                self._list_names()
            self._values = request
            values = request.to_dict()
            self._preferences.set("train", {name: values[name] for name in SAVED_FIELDS})
            self.changed.emit()

    def _read_folder(self) -> None:
        self.folder.read_folder(self.from_folder)


def _saved_request(values: Mapping[str, Any]) -> TrainRequest:
    """Return the values of the last start that are still valid."""
    request = _BLANK
    for name in SAVED_FIELDS:
        if name not in values:
            continue
        try:
            changed = TrainRequest.from_dict(
                {**_VALID.to_dict(), "backbone": request.backbone, name: values[name]}
            )
        except RequestError:
            continue
        request = replace(request, **{name: getattr(changed, name)})
    return request


COSTLY = (
    "source",
    "size",
    "backbone",
    "scale",
    "latents",
    "steps",
    "batch",
    "codec_steps",
    "text_steps",
    "base",
)
"""The fields of a request that time and memory depend on."""


def _ignore_error(_: StudioError) -> None:
    """Keep the estimates there are."""


class TrainCosts(QObject):
    """Caches estimates of time and memory, and asks the engine to measure the unknown ones.

    Attributes:
        fault: the error of the last measurement, translated; "" if it succeeded.

    Signals:
        changed: an estimate has changed.
    """

    changed = Signal()

    def __init__(
        self,
        estimate: Callable[[TrainRequest], TrainEstimate],
        engine: EngineCaller,
        read: Callable[[], None] | None = None,
        parent: QObject | None = None,
    ) -> None:
        """Estimate from what was measured here before, and measure the rest.

        Args:
            estimate: returns an estimate at once.
            engine: measures.
            read: reads what was measured, for ``estimate``; called in another thread. None reads nothing.
            parent: Qt's.
        """
        super().__init__(parent)
        self._read = read
        self._background = Background(self)
        self.fault = ""
        self._engine = engine
        self._estimate = estimate
        self._known: dict[tuple[object, ...], TrainEstimate] = {}
        self._asked: set[tuple[object, ...]] = set()
        self._asked_last: tuple[object, ...] = ()
        self._call: EngineCall[TrainEstimate] | None = None

    def of(self, request: TrainRequest) -> TrainEstimate:
        """Return the estimate for a training, as far as it is known."""
        key = _costly(request)
        if key not in self._known:
            self._known[key] = self._estimate(request)
        return self._known[key]

    def ask(self, request: TrainRequest) -> None:
        """Measure a training, then the same one with the other model sizes of its backbone.

        One measurement runs at a time, and none is repeated; a measurement of other settings is cancelled.
        """
        scales = (request.scale, *(name for name in SCALES[request.backbone] if name != request.scale))
        requests = [replace(request, scale=scale) for scale in scales]
        if self._call is not None:
            if any(_costly(other) == self._asked_last for other in requests):
                return
            self._call.cancel()
        for other in requests:
            if self.of(other).seconds is None and _costly(other) not in self._asked:
                self._asked.add(_costly(other))
                self._asked_last = _costly(other)
                self._call = call = EngineCall(
                    work=partial(_rehearse, other), priority=Priority.IDLE, gives_way=True
                )
                call.then = partial(self._take, call)
                call.failed = partial(self._fail, call)
                call.dropped = partial(self._drop, call, _costly(other))
                self._engine.call(call)
                return

    def _take(self, call: EngineCall[TrainEstimate], _: TrainEstimate) -> None:
        self._end(call, "")

    def _fail(self, call: EngineCall[TrainEstimate], sentence: str) -> None:
        self._end(call, sentence)

    def _drop(self, call: EngineCall[TrainEstimate], key: tuple[object, ...]) -> None:
        self._asked.discard(key)
        self._call = None if self._call is call else self._call

    def _end(self, call: EngineCall[TrainEstimate], fault: str) -> None:
        self._call = None if self._call is call else self._call
        self.fault = fault
        self.forget()

    @Slot()
    def forget(self) -> None:
        """Read again what was measured; then every estimate is computed anew."""
        if self._read is None:
            self._on_read(None)
        else:
            self._background.do(self._read, self._on_read, _ignore_error, key="read")

    def close(self) -> None:
        """Stop background work and wait for it."""
        self._background.close()

    def _on_read(self, _: None) -> None:
        self._known.clear()
        self.changed.emit()


def _rehearse(request: TrainRequest, call: EngineCall[TrainEstimate], engine: Engine) -> TrainEstimate:
    return engine.rehearse_training(request, cancelled=call.cancelled)


def _costly(request: TrainRequest) -> tuple[object, ...]:
    return tuple(getattr(request, name) for name in COSTLY)
