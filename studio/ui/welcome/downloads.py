"""The one download of the window: looking an address up, downloading what was chosen, and offering it."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeVar

from PySide6.QtCore import QObject, Qt, Signal, Slot

from studio.downloads.address import parse_address
from studio.downloads.download import download, plan, what_it_is
from studio.downloads.process import DownloadCancelled, HubProcess
from studio.downloads.protocol import Progress, Waiting
from studio.errors import DownloadError
from studio.storage import ensure_folder
from studio.ui.core.background import Background
from studio.ui.language import tr
from studio.ui.welcome import text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from studio.downloads.address import Address
    from studio.downloads.download import Plan
    from studio.downloads.files import Choice
    from studio.errors import StudioError
    from studio.families.recognition.recognise import Recognised
    from studio.ui.core.catalog import Catalog
    from studio.ui.core.intents import Intents
    from studio.ui.core.notices import Notices

T = TypeVar("T")

Phase = Literal["idle", "listing", "planned", "running", "failed", "cancelled", "done"]
_SPEED_S = 5.0
"""The time constant of the speed that is shown."""


class Downloads(QObject):
    """A download, from an address to a model in the list. Nothing goes online before `look_up` is called.

    Attributes:
        phase: "idle"; "listing" while the Hub is asked; "planned": sizes are known, and a choice can be made;
            "running"; "failed", "cancelled" or "done".
        address: what is or was looked up.
        plan: the files that can be downloaded.
        choice: which of them will be.
        found: what the choice is, by its header; None while that is not known.
        latest: the last event of a running download.
        speed: bytes per second.
        sentence: why it failed.
        model: the name of the downloaded model, once it is listed.
    """

    changed = Signal()

    _reported = Signal(object)

    def __init__(
        self, catalog: Catalog, notices: Notices, intents: Intents, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._catalog, self._notices, self._intents = catalog, notices, intents
        self._background = Background(self)
        self._hub: HubProcess | None = None
        self._token = ""
        self.phase: Phase = "idle"
        self.address: Address | None = None
        self.plan: Plan | None = None
        self.choice: Choice | None = None
        self.found: Recognised | None = None
        self.latest: Progress | Waiting | None = None
        self.speed = 0.0
        self.sentence = self.model = ""
        self.where: Path | None = None
        self._measured = (0.0, 0)
        self._reported.connect(self._on_reported, Qt.ConnectionType.QueuedConnection)
        catalog.changed.connect(self._on_catalog_changed)

    @property
    def busy(self) -> bool:
        """Whether the Hub is being asked or a download runs."""
        return self.phase in ("listing", "running")

    @property
    def done_bytes(self) -> int:
        return self.latest.done if isinstance(self.latest, Progress) else self._measured[1]

    def look_up(self, typed: str, token: str = "") -> None:
        """Ask the Hub what is at an address, as a person types it; see `parse_address`."""
        if self.busy:
            return
        self.plan = self.choice = self.found = self.latest = None
        self.sentence, self._token = "", token.strip()
        try:
            self.address = parse_address(typed)
        except DownloadError as error:
            self.address = None
            self._fail(error)
            return
        self._set_phase("listing")
        hub, address = HubProcess(), self.address
        self._hub = hub
        self._background.do(
            lambda: _quietly(partial(plan, hub, address, self._token)), self._on_planned, self._fail
        )

    def choose(self, number: int) -> None:
        """Choose what will be downloaded, by its place in the plan."""
        if self.plan is not None and self.phase == "planned":
            self.choice = self.plan.choices[number]
            self._recognise()

    def start(self, token: str = "") -> None:
        """Download the choice, or continue it; what is there already is not downloaded again."""
        if self.busy or self.plan is None or self.choice is None:
            return
        self._token = token.strip() or self._token
        self.latest, self.sentence, self.speed = None, "", 0.0
        self._measured = (0.0, 0)
        self._set_phase("running")
        hub = self._hub or HubProcess()
        self._hub = hub
        work = partial(_download, hub, self.plan, self.choice, self._catalog.folders.models, self._token)
        self._background.do(lambda: _quietly(lambda: work(self._reported.emit)), self._on_done, self._fail)

    @Slot()
    def cancel(self) -> None:
        """End what is running at once; what has arrived is kept."""
        if self._hub is not None:
            self._hub.cancel()

    @Slot()
    def dismiss(self) -> None:
        """Forget a download that is not running."""
        if not self.busy:
            self.plan = self.choice = self.latest = self.address = None
            self._end_process()
            self._set_phase("idle")

    @Slot()
    def use(self) -> None:
        """Make the next pictures with the downloaded model."""
        if self.model:
            self._intents.use_model.emit(self.model)
            self.dismiss()

    def close(self) -> None:
        """End the process, and wait for the thread."""
        self.cancel()
        self._background.close()
        self._end_process()

    def _end_process(self) -> None:
        if self._hub is not None:
            self._hub.close()
            self._hub = None

    def _set_phase(self, phase: Phase) -> None:
        self.phase = phase
        self.changed.emit()

    def _on_planned(self, found: Plan | None) -> None:
        if found is None:
            self._end_process()
            self._set_phase("idle")
            return
        self.plan, self.choice = found, found.choices[0]
        self.phase = "planned"
        self._recognise()

    def _recognise(self) -> None:
        """Ask what the choice is; it can be downloaded meanwhile."""
        self.found = None
        self.changed.emit()
        hub, planned, choice = self._hub, self.plan, self.choice
        if hub is not None and planned is not None and choice is not None:
            self._background.do(
                lambda: (choice, _quietly(partial(what_it_is, hub, planned, choice, self._token))),
                self._on_recognised,
                lambda _: None,
                key="header",
            )

    def _on_recognised(self, answer: tuple[Choice, Recognised | None]) -> None:
        choice, found = answer
        if choice is self.choice and found is not None:
            self.found = found
            self.changed.emit()

    def _on_done(self, where: Path | None) -> None:
        self._end_process()
        if where is None:
            self._set_phase("cancelled")
            return
        self.where, self.model = where, ""
        self._set_phase("done")
        self._catalog.reload()

    def _fail(self, error: StudioError) -> None:
        self._end_process()
        self.sentence = tr(error.message)
        self._set_phase("failed")
        if self.choice is not None:
            self._notices.post(self.sentence, kind="warn")

    @Slot(object)
    def _on_reported(self, event: Progress | Waiting) -> None:
        if self.phase != "running":
            return
        if isinstance(event, Progress):
            now, (before, done) = time.monotonic(), self._measured
            if before and now > before:
                momentary = max(0, event.done - done) / (now - before)
                weight = min(1.0, (now - before) / _SPEED_S) if self.speed else 1.0
                self.speed += weight * (momentary - self.speed)
            self._measured = now, event.done
        self.latest = event
        self.changed.emit()

    @Slot()
    def _on_catalog_changed(self) -> None:
        """Offer the downloaded model once it is listed."""
        if self.phase != "done" or self.model or self.where is None:
            return
        for model in self._catalog.models:
            if model.path == self.where and model.card is not None:
                self.model = model.name
                self.changed.emit()
                self._notices.post(text.arrived(model.card.title), action=tr("Use"), act=self.use)
                return


def _download(
    hub: HubProcess,
    planned: Plan,
    choice: Choice,
    models: Path,
    token: str,
    report: Callable[[Progress | Waiting], object],
) -> Path:
    return download(hub, planned, choice, ensure_folder(models), token=token, report=report)


def _quietly(work: Callable[[], T]) -> T | None:
    """Return what ``work`` returns; None if it was cancelled."""
    try:
        return work()
    except DownloadCancelled:
        return None
