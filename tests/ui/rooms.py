"""The program without its window: real models, a real store, a scripted engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QApplication

from studio.folders import Folders
from studio.ui.app import make_models, make_sessions
from studio.ui.shell.wiring import Wiring
from studio.ui.theme.theme import Theme
from tests.ui.fakes import FakeEngine, Maker, asking, make_store
from tests.ui.program import heard

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from studio.gallery.index import Entry
    from studio.ui.core.job import Job
    from studio.ui.core.notices import Notice
    from studio.ui.gallery.model import GalleryModel
    from studio.ui.jobs.session import LiveTile
    from tests.ui.fakes import Gate, Script


class Wall:
    """What a gallery was given, remembered beside it.

    Attributes:
        entries: the pictures, in the order in which they came.
        tiles: every state of the live tile.
    """

    def __init__(self, gallery: GalleryModel) -> None:
        self.entries: list[Entry] = []
        self.tiles: list[LiveTile | None] = []
        self._add, self._set_live = gallery.add, gallery.set_live
        gallery.add, gallery.set_live = self.add, self.set_live  # type: ignore[method-assign]

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)
        self._add(entry)

    def set_live(self, tile: LiveTile | None) -> None:
        self.tiles.append(tile)
        self._set_live(tile)


class Studio:
    """The program without its window: the real models and sessions, wired as the program wires them.

    Attributes:
        models: all of them.
        told: the notices that were posted.
        busy: what `Session.running_changed` said.
        steps: what `Session.step_taken` said.
    """

    def __init__(
        self,
        qtbot: QtBot,
        home: Path,
        *scripts: Script,
        errors: tuple[BaseException, ...] = (),
        make_engine: Callable[[], Any] | None = None,
    ) -> None:
        self._qtbot = qtbot
        self.engine = FakeEngine(*scripts)
        self.maker = Maker(self.engine, *errors)
        self.store = make_store(home)
        self.models = models = make_models(Folders.under(home), make_engine or self.maker, store=self.store)
        self.queue, self.run, self.status, self.notices = (
            models.queue,
            models.run,
            models.status,
            models.notices,
        )
        self.runs, self.preferences, self.timings = models.runs.store, models.preferences, models.timings
        self.wall = Wall(models.gallery)
        self.told: list[Notice] = heard(self.notices.posted)
        self.thread, self.frames = models.engine, models.frames
        self.session, self.training = make_sessions(models)
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        self.wiring = Wiring(app, Theme(app, "dark"), models, self.session, self.training)
        self.busy: list[bool] = heard(self.session.running_changed)
        self.steps: list[Any] = heard(self.session.step_taken)

    def close(self) -> None:
        """End the session, and everything that reads or writes."""
        ended = self.session.close()
        self.models.close()
        assert ended, "the engine's thread did not end"

    def generate(self, prompt: str = "a fox", **fields: Any) -> Job:  # noqa: ANN401
        return self.session.generate(asking(prompt, **fields))

    def wait(self, condition: Callable[[], object]) -> None:
        self._qtbot.waitUntil(lambda: bool(condition()), timeout=8000)

    def wait_for(self, gate: Gate) -> None:
        self.wait(gate.reached.is_set)

    def wait_idle(self) -> None:
        self.wait(lambda: self.queue.running is None)

    @property
    def prompts(self) -> list[str]:
        """Of the jobs that ran, in their order."""
        return [take.request.prompt for take in self.engine.takes]

    @property
    def sentences(self) -> list[str]:
        return [notice.sentence for notice in self.told]
