"""What trainings take on this machine, and having it found out where nobody knows yet."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal, Slot

from studio.engine.scales import SCALES

if TYPE_CHECKING:
    from collections.abc import Callable

    from studio.engine.train_request import TrainEstimate, TrainRequest
    from studio.ui.core.job import TrainingRehearsed

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
        rehearse_requested: what this `TrainRequest` takes is to be found out.
    """

    changed = Signal()
    rehearse_requested = Signal(object)

    def __init__(
        self, estimate: Callable[[TrainRequest], TrainEstimate], parent: QObject | None = None
    ) -> None:
        """Take what says what a training takes, as far as that was measured here."""
        super().__init__(parent)
        self.fault = ""
        self._estimate = estimate
        self._known: dict[tuple[object, ...], TrainEstimate] = {}
        self._asked: set[tuple[object, ...]] = set()

    def of(self, request: TrainRequest) -> TrainEstimate:
        """Return what a training takes, as far as that is known."""
        key = _costly(request)
        if key not in self._known:
            self._known[key] = self._estimate(request)
        return self._known[key]

    def ask(self, request: TrainRequest) -> None:
        """Have found out what a training takes, then what it would take in the other sizes of its backbone.

        One is asked for at a time, and none twice.
        """
        for scale in (request.scale, *(name for name in SCALES[request.backbone] if name != request.scale)):
            other = replace(request, scale=scale)
            if self.of(other).seconds is None and _costly(other) not in self._asked:
                self._asked.add(_costly(other))
                self.rehearse_requested.emit(other)
                return

    @Slot(object)
    def take_rehearsed(self, event: TrainingRehearsed) -> None:
        """It was found out what a training takes, or why that cannot be; what was broken off may be asked again."""
        if event.estimate is None and not event.fault:
            self._asked.discard(_costly(event.request))
        self.fault = event.fault
        self.forget()

    @Slot()
    def forget(self) -> None:
        """Something was measured since."""
        self._known.clear()
        self.changed.emit()


def _costly(request: TrainRequest) -> tuple[object, ...]:
    return tuple(getattr(request, name) for name in COSTLY)
