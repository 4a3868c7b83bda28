"""The LoRAs of the form: those that fit its model, and those in its prompt, which edits change in the text.

Files are listed and pictures read in another thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QObject, QSize, Qt, Signal, Slot
from PySide6.QtGui import QImage, QImageReader

from studio.checkpoints.catalog import adapters_for
from studio.families.recognition.kinds import Kind
from studio.prompts.lora_tags import find_tags, with_tag, with_weight, with_words, without
from studio.ui.core.background import Background
from studio.ui.jobs.run_settings import reads_with_clip

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from studio.checkpoints.library.adapters import Adapter
    from studio.errors import StudioError
    from studio.families.interface import ModelInfo
    from studio.prompts.lora_tags import PlacedTag
    from studio.ui.core.catalog import Catalog
    from studio.ui.jobs.run_settings import RunSettings

    WritePrompt = Callable[[str, tuple[str, ...]], None]

SIDE: Final = 64
"""Side of a picture in device pixels."""
_ENDINGS: Final = (".preview.png", ".png", ".preview.jpg", ".jpg", ".jpeg", ".webp")
_FORMATS: Final = (b"png", b"jpeg", b"webp")
"""How the picture beside a LoRA's file may end, as other programs name it."""
_MAX_PICTURE_BYTES: Final = 32 * 2**20


@dataclass(frozen=True)
class UsedLora:
    """A LoRA that the prompt asks for.

    Attributes:
        tag: its tag in the prompt.
        adapter: its file; None if no LoRA of this name fits the model.
    """

    tag: PlacedTag
    adapter: Adapter | None

    @property
    def trigger_words(self) -> tuple[str, ...]:
        """What a prompt should contain, as far as its file says."""
        return () if self.adapter is None else self.adapter.trigger_words


class FormLoras(QObject):
    """Follows the model and the prompt of a form.

    Attributes:
        listed: whether the files were listed; until then none is missing.

    Signals:
        changed: others fit, or the prompt asks for others.
        inversions_changed: other textual inversions fit.
    """

    changed = Signal()
    inversions_changed = Signal()

    def __init__(
        self, form: RunSettings, catalog: Catalog, write: WritePrompt, parent: QObject | None = None
    ) -> None:
        """List what fits the model of ``form``.

        Args:
            form: the form.
            catalog: the installed models.
            write: replaces the prompt; edits with the same key become one step of undo, those with () never.
            parent: the Qt parent.
        """
        super().__init__(parent)
        self._form, self._folders, self._write = form, catalog.folders, write
        self._background = Background(self)
        self._card: ModelInfo | None = None
        self._adapters: tuple[Adapter, ...] = ()
        self._pictures: dict[Path, QImage | None] = {}
        self.listed = False
        self.used: tuple[UsedLora, ...] = ()
        form.changed.connect(self._on_form_changed)
        catalog.changed.connect(self._list)
        self._on_form_changed()

    @property
    def available(self) -> bool:
        """Whether the model takes LoRAs."""
        return reads_with_clip(self._form.card)

    @property
    def fitting(self) -> tuple[Adapter, ...]:
        """The LoRAs that fit the model."""
        return tuple(one for one in self._adapters if one.kind is Kind.LORA)

    @property
    def inversions(self) -> Mapping[str, int]:
        """The textual inversions that fit the model: names, and how many tokens each stands for."""
        return {one.prompt_name: one.tokens for one in self._adapters if one.kind is Kind.TEXTUAL_INVERSION}

    def picture(self, adapter: Adapter) -> QImage | None:
        """Return the picture beside the file of a LoRA that is used; None if there is none, or it is not read yet."""
        return self._pictures.get(adapter.path)

    def close(self) -> None:
        """Wait for background work."""
        self._background.close()

    # -------------------------------------------------------------------------------------------------------- edits
    def add(self, adapter: Adapter) -> None:
        """Ask for a LoRA at the end of the prompt."""
        self._write(with_tag(self._form.values.prompt, adapter.prompt_name), ())

    def set_weight(self, place: int, weight: float) -> None:
        """Change the weight of a LoRA in the prompt."""
        key = ("lora weight", str(place))
        self._write(with_weight(self._form.values.prompt, self.used[place].tag, weight), key)

    def remove(self, place: int) -> None:
        """Remove a LoRA from the prompt."""
        self._write(without(self._form.values.prompt, self.used[place].tag), ())

    def add_words(self, words: str) -> None:
        """Add trigger words to the prompt."""
        self._write(with_words(self._form.values.prompt, words), ())

    def says(self, words: str) -> bool:
        """Whether the prompt contains these words."""
        return words.casefold() in self._form.values.prompt.casefold()

    # ---------------------------------------------------------------------------------------------------- following
    @Slot()
    def _on_form_changed(self) -> None:
        if self._form.card != self._card:
            self._list()
        else:
            self._use()

    @Slot()
    def _list(self) -> None:
        """List the files again, for another model or because folders have changed."""
        card = self._form.card
        if card != self._card:
            self._card, self._adapters, self.listed = card, (), False
        self._use()
        if card is not None and self.available:
            self._background.do(
                partial(adapters_for, card, self._folders),
                partial(self._on_listed, card),
                self._on_failed,
                key="list",
            )

    def _on_listed(self, card: ModelInfo, adapters: tuple[Adapter, ...]) -> None:
        if card != self._card:
            return
        before = self.inversions
        self._adapters, self.listed = adapters, True
        self._use()
        self.changed.emit()
        if self.inversions != before:
            self.inversions_changed.emit()

    def _on_failed(self, error: StudioError) -> None:
        del error  # the models page reports folders that cannot be read

    def _use(self) -> None:
        """Find the LoRAs of the prompt."""
        tags = find_tags(self._form.values.prompt) if self.available else ()
        used = tuple(UsedLora(tag, self._named(tag.lora.name)) for tag in tags)
        if used != self.used:
            self.used = used
            self.changed.emit()
        for one in used:
            if one.adapter is not None and one.adapter.path not in self._pictures:
                path = one.adapter.path
                self._pictures[path] = None
                self._background.do(
                    partial(_read_picture, path), partial(self._on_picture, path), self._on_failed
                )

    def _named(self, name: str) -> Adapter | None:
        return next((one for one in self.fitting if one.is_called(name)), None)

    def _on_picture(self, path: Path, image: QImage | None) -> None:
        if image is not None:
            self._pictures[path] = image
            self.changed.emit()


def _read_picture(path: Path) -> QImage | None:
    """Return the picture beside a file, scaled and cropped to a square; None if there is none that can be read."""
    for ending in _ENDINGS:
        beside = path.with_name(path.stem + ending)
        try:
            if not beside.is_file() or beside.stat().st_size > _MAX_PICTURE_BYTES:
                continue
        except OSError:
            continue
        reader = QImageReader(str(beside))
        reader.setDecideFormatFromContent(True)
        if bytes(reader.format().data()) not in _FORMATS:
            continue  # a vector drawing by another name may take any time and memory
        reader.setAutoTransform(True)
        size = reader.size()
        if size.isValid():
            reader.setScaledSize(
                size.scaled(QSize(SIDE, SIDE), Qt.AspectRatioMode.KeepAspectRatioByExpanding)
            )
        image = reader.read()
        if not image.isNull():
            left, top = (image.width() - SIDE) // 2, (image.height() - SIDE) // 2
            return image.copy(left, top, SIDE, SIDE)
    return None
