"""The form of a training: what to learn from and how, with its faults, its undo and what it costs.

What trainings take on this machine, and having it found out where nobody knows yet.
"""

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
from studio.ui.core.background import Background
from studio.ui.core.engine_call import EngineCall, Priority
from studio.ui.core.undo import FormSteps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from studio.engine.training.request import TrainEstimate
    from studio.errors import StudioError
    from studio.ui.core.catalog import Catalog
    from studio.ui.core.engine_call import Engine, EngineCaller
    from studio.ui.core.settings import Preferences
    from studio.ui.train.data import TrainFolder


KEPT = (
    *("source", "size", "backbone", "scale", "schedule", "prediction", "latents"),
    *("dropout", "steps", "batch", "learning_rate", "min_snr", "base", "codec_steps", "text_steps"),
)
"""The fields that are there again at the next start; the name is made from the source."""
_BLANK = TrainRequest(source="", name="")
_VALID = TrainRequest(source=PICTOGRAMS, name="x")


class TrainForm(QObject):
    """What stands in the form.

    Attributes:
        undo_stack: the edits.
        folder: the pictures of the folder that is chosen.
        costs: what trainings take.

    Signals:
        changed: the values, or what is wrong with them.
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
        """Take up the values of the last start.

        Args:
            catalog: the models there are.
            preferences: keep the values.
            folder: looks for pictures.
            costs: what trainings take.
            clock: seconds; tells pauses between edits.
        """
        super().__init__()
        self._catalog, self._preferences, self.folder = catalog, preferences, folder
        self.costs = costs
        self._request = _kept(preferences.train)
        self._given: set[str] = set()
        self._names: frozenset[str] = frozenset()  # of the folders there are, which hold models or trainings
        self._background = Background(self)
        self.undo_stack = FormSteps(self._put_step, clock, self)
        folder.changed.connect(self.changed)
        catalog.changed.connect(self.changed)
        catalog.changed.connect(self._list_names)
        self._list_names()

    # ------------------------------------------------------------------------------------------------ what it says
    @property
    def request(self) -> TrainRequest:
        """The values; without a source as long as none was chosen."""
        return self._request

    @property
    def from_folder(self) -> Path | None:
        """The folder to learn from; None where it is something else, or nothing yet."""
        source = self._request.source
        return Path(source) if source and source != PICTOGRAMS else None

    @property
    def has_source(self) -> bool:
        """Whether it is said what to learn from."""
        return bool(self._request.source)

    @property
    def faults(self) -> dict[str, str]:
        """What is wrong, a sentence for each field that it is wrong with."""
        found: dict[str, str] = {}
        for item in fields(TrainRequest):
            if item.name == "source" or (item.name == "name" and not self.has_source):
                continue
            try:
                changes = {item.name: getattr(self._request, item.name)}
                if item.name == "scale":  # what there is depends on the backbone
                    changes["backbone"] = self._request.backbone
                replace(_VALID, **changes).validate()
            except RequestError as error:
                sentence = str(error)
                found[item.name] = capitalised(sentence)
        if (source := self._source_fault()) and self.has_source:
            found["source"] = source
        if self.has_source and "name" not in found and self._is_taken(self._request.name):
            found["name"] = f"A model is called {self._request.name} already; choose another name."
        if self._request.base and self._catalog.card(self._request.base) is None:
            found["base"] = f"The model {self._request.base} is not here any more; choose another."
        return found

    @property
    def can_train(self) -> bool:
        """Whether Train works now."""
        return self.has_source and not self.faults

    def estimate(self, **changes: Any) -> TrainEstimate:  # noqa: ANN401 - as TrainRequest has them
        """Return what the training takes, or would take with other values, as far as that is known."""
        return self.costs.of(replace(self._request, **changes))

    # ----------------------------------------------------------------------------------------------------- intents
    def choose(self, source: Path | str) -> None:
        """Learn from a folder, or from "pictograms"; the model is called after it."""
        named = default_request(source, self._catalog.folders)
        self._make(replace(self._request, source=named.source, name=named.name, title=named.title), ())

    def edit(self, **changes: Any) -> None:  # noqa: ANN401 - as TrainRequest has them
        """Change fields by name, as one step of undo."""
        self._make(replace(self._request, **changes), tuple(changes))

    @Slot()
    def open(self) -> None:
        """Look at the source of the last start, which may have changed since, or be gone."""
        source = self._request.source
        if source and not self._request.name:
            named = default_request(source, self._catalog.folders)
            self._put({"name": named.name, "title": named.title})
            self._look()

    def take_request(self) -> TrainRequest:
        """Return what Train is to train; the form then stands ready for another of the same kind.

        Raises:
            RequestError: see `faults`.
        """
        request = self._request.validate()
        if self.faults:
            field = next(iter(self.faults))
            raise RequestError(field, "cannot be used")
        self._given.add(request.name)
        self.rename()
        return request

    @Slot()
    def rename(self) -> None:
        """Give the next training a name that nothing has, if this one is taken now."""
        self._rename()
        self._background.do(self._read_names, self._on_names_for_rename, self._on_unread)

    def close(self) -> None:
        """Return once nothing is read any more."""
        self._background.close()

    def _rename(self) -> None:
        if self.has_source and self._is_taken(self._request.name):
            named = default_request(self._request.source, self._catalog.folders)
            name, number = named.name, 1
            while self._is_taken(name):
                number += 1
                name = f"{default_request(self._request.source).name}-{number}"
            self._put({"name": name})

    def ask_for_estimate(self) -> None:
        """Have it found out what the training takes, where that is not known."""
        if self.can_train:
            self.costs.ask(self._request)

    # ------------------------------------------------------------------------------------------------------- inside
    def _source_fault(self) -> str:
        folder = self.folder
        if self.from_folder is None or folder.folder != self.from_folder:
            return ""
        if folder.fault:
            return folder.fault
        if not folder.reading and not folder.count:
            return "There is no picture in this folder that can be used; choose another."
        return ""

    def _is_taken(self, name: str) -> bool:
        known = self._catalog.find(name) is not None
        # Of a training that waits there is no folder yet.
        return known or name in self._given or name in self._names

    @Slot()
    def _list_names(self) -> None:
        """Look which names are taken, in another thread: nothing that is typed waits for the disk."""
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
        """Names that cannot be listed are found taken when the training starts, which says so."""

    def _make(self, request: TrainRequest, key: tuple[str, ...]) -> None:
        old = self._request
        names = [item.name for item in fields(old) if getattr(old, item.name) != getattr(request, item.name)]
        if names:
            before, after = ({name: getattr(one, name) for name in names} for one in (old, request))
            self.undo_stack.make(before, after, key)
        elif "source" not in names and self.from_folder is not None and not key:
            self._look()  # the same folder again: it may hold other pictures by now

    def _put_step(self, changes: Mapping[str, Any]) -> None:
        self._put(changes)
        if "source" in changes:
            self._look()

    def _put(self, changes: Mapping[str, Any]) -> None:
        request = replace(self._request, **changes)
        if request != self._request:
            if request.name != self._request.name:
                self._list_names()
            self._request = request
            values = request.to_dict()
            self._preferences.set("train", {name: values[name] for name in KEPT})
            self.changed.emit()

    def _look(self) -> None:
        self.folder.look_into(self.from_folder)


def _kept(values: Mapping[str, Any]) -> TrainRequest:
    """Return the values of the last start, without those that do not hold any more."""
    request = _BLANK
    for name in KEPT:
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
"""The fields of a request that decide on time and memory."""


class TrainCosts(QObject):
    """Remembers what was found out.

    Attributes:
        fault: why it could not be found out last, a sentence; "" where it could.

    Signals:
        changed: it is known better what trainings take.
    """

    changed = Signal()

    def __init__(
        self,
        estimate: Callable[[TrainRequest], TrainEstimate],
        engine: EngineCaller,
        parent: QObject | None = None,
    ) -> None:
        """Take what estimates a training from what was measured here, and what measures."""
        super().__init__(parent)
        self.fault = ""
        self._engine = engine
        self._estimate = estimate
        self._known: dict[tuple[object, ...], TrainEstimate] = {}
        self._asked: set[tuple[object, ...]] = set()
        self._asked_last: tuple[object, ...] = ()
        self._call: EngineCall[TrainEstimate] | None = None

    def of(self, request: TrainRequest) -> TrainEstimate:
        """Return what a training takes, as far as that is known."""
        key = _costly(request)
        if key not in self._known:
            self._known[key] = self._estimate(request)
        return self._known[key]

    def ask(self, request: TrainRequest) -> None:
        """Have it estimated what a training takes, then what it would take in the other sizes of its backbone.

        One is asked for at a time, and none twice; one of another training is dropped.
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
        """Something was measured since."""
        self._known.clear()
        self.changed.emit()


def _rehearse(request: TrainRequest, call: EngineCall[TrainEstimate], engine: Engine) -> TrainEstimate:
    return engine.rehearse_training(request, cancelled=call.cancelled)


def _costly(request: TrainRequest) -> tuple[object, ...]:
    return tuple(getattr(request, name) for name in COSTLY)
