"""A gallery of pictures for tests of the window: real files, and a real index."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QApplication

from studio.gallery.index import FILE_NAME
from studio.ui.jobs.session import LiveTile
from studio.ui.theme.theme import Theme
from tests.gallery.samples import metadata, pixels
from tests.ui.program import OpenPage, heard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytestqt.qtbot import QtBot

    from studio.gallery.index import Entry
    from studio.gallery.store import PictureStore
    from studio.ui.core.intents import Intents
    from studio.ui.core.notices import Notice, Notices
    from studio.ui.core.thumbnails import Thumbnails
    from studio.ui.gallery.model import GalleryModel
    from studio.ui.shell.models import Models


@dataclass
class Gallery:
    """The program's models around a store with pictures.

    Attributes:
        told: the notices so far.
    """

    models: Models
    told: list[Notice]

    @property
    def intents(self) -> Intents:
        return self.models.intents

    @property
    def model(self) -> GalleryModel:
        return self.models.gallery

    @property
    def store(self) -> PictureStore:
        return self.models.store

    @property
    def thumbnails(self) -> Thumbnails:
        return self.models.thumbnails

    @property
    def notices(self) -> Notices:
        return self.models.notices

    def add(self, prompt: str = "a red apple", seed: int = 7) -> Entry:
        """Keep one more picture in the store; the model does not know yet."""
        return self.store.add(pixels(seed), metadata(prompt, seed=seed))

    def damage(self) -> None:
        """Overwrite the index with bytes that are no database; nothing may be reading it."""
        self.store.catalogue.close()
        (self.models.folders.catalogue / FILE_NAME).write_bytes(b"rubbish" * 1000)

    def prompts(self) -> list[object]:
        """What the model's rows say, top to bottom; None for what is still being read."""
        return [self.model.index(row).data() for row in range(self.model.rowCount())]


def make_gallery(models: Models, prompts: Sequence[str] = ()) -> Gallery:
    """Return a gallery of pictures of these prompts, the last one newest, that was not read yet."""
    gallery = Gallery(models, heard(models.notices.posted))
    for seed, prompt in enumerate(prompts):
        gallery.add(prompt, seed)
    return gallery


def show_page(gallery: Gallery, name: str, qtbot: QtBot, size: tuple[int, int]) -> OpenPage:
    """Return a page of the window around a gallery; it lives as long as what is returned."""
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    return OpenPage(qtbot, Theme(app, "dark"), gallery.models, name, size)


def read(gallery: Gallery, qtbot: QtBot) -> None:
    """Have the model read its list, and all entries that are looked at."""
    with qtbot.waitSignal(gallery.model.state_changed):
        gallery.model.reload()
    qtbot.waitUntil(lambda: None not in gallery.prompts())


def settle(gallery: Gallery, qtbot: QtBot) -> None:
    """Wait for what is read in the background, such as the check of the index after the first list."""
    done: list[object] = []
    gallery.model.background_reads.do(lambda: 1, done.append, done.append)
    qtbot.waitUntil(lambda: bool(done))


def live(step: int = 3, prompt: str = "a fox") -> LiveTile:
    return LiveTile(job_id="job", prompt=prompt, image=None, step=step, steps=10, level=1 - step / 10)
