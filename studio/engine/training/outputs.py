"""The models that a training writes. Each is written as a whole or not at all."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from studio.backbones.codec import Codec
from studio.checkpoints import native
from studio.checkpoints.folder import WEIGHTS_NAME, read_card
from studio.checkpoints.preview import PREVIEW_CARD, PREVIEW_WEIGHTS, save_preview
from studio.checkpoints.words import Words, save_words
from studio.errors import CheckpointError, StorageError
from studio.messages import message
from studio.storage import as_storage_error, ensure_folder

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from studio.backbones.codec import Identity
    from studio.backbones.preview_decoder import PreviewDecoder
    from studio.checkpoints.card import ModelCard
    from studio.engine.training.plan import TrainPlan

    Weights = dict[str, Tensor]
    """Of the backbone's stage: names begin with "backbone." or "text."."""


class ModelOutput(Protocol):
    """The destination of a training's models."""

    def describe_data(self, *, pictures: int, data_sha256: str, words: Words) -> None:
        """Set what every card says about the data, and the words of every model."""
        ...

    def set_preview(self, preview: PreviewDecoder, codec: Codec, *, retrained: bool) -> None:
        """Set the trained preview decoder; ``retrained``: whether it learned in this process."""
        ...

    def checkpoint(
        self, step: int, weights: Weights, codec: Codec | Identity
    ) -> tuple[str, Path, tuple[str, ...]]:
        """Write the model of a step; return its name, its folder, and the names of checkpoints deleted for it.

        Raises:
            StorageError: it cannot be written.
            CheckpointError: its weights are not finite.
        """
        ...

    def finish(self, step: int, weights: Weights, codec: Codec | Identity) -> tuple[str, Path]:
        """Write the finished model; return its name and folder. Raises as `checkpoint` does."""
        ...

    def is_finished(self) -> bool: ...


def _parts(weights: Weights, codec: Codec | Identity) -> dict[str, nn.Module | dict[str, Tensor]]:
    parts: dict[str, nn.Module | dict[str, Tensor]] = {"backbone": {}, "codec": codec}
    for key, value in weights.items():
        part, _, rest = key.partition(".")
        own = parts.setdefault(part, {})
        assert isinstance(own, dict)
        own[rest] = value.detach().cpu().contiguous()
    return parts


def _card_in(folder: Path) -> ModelCard | None:
    try:
        return read_card(folder)
    except CheckpointError:
        return None


def _all_steps_done(card: ModelCard | None) -> bool:
    return (
        card is not None and "step" in card.training and card.training["step"] == card.training.get("steps")
    )


class CheckpointFolders:
    """A model folder for each checkpoint, of which only some are kept, and one for the finished model."""

    def __init__(self, plan: TrainPlan, models: Path) -> None:
        self._plan, self._models = plan, models
        self._name = plan.request.name
        self._training: dict[str, Any] = {}
        self._words = Words()
        self._preview: PreviewDecoder | None = None

    def describe_data(self, *, pictures: int, data_sha256: str, words: Words) -> None:
        self._words = words
        request = self._plan.request.to_dict()
        request["source"] = request["source"].rsplit(os.sep, 1)[-1]  # not where the user keeps the pictures
        self._training = {"recipe": request, "pictures": pictures, "data_sha256": data_sha256}

    def set_preview(self, preview: PreviewDecoder, codec: Codec, *, retrained: bool) -> None:
        """See `ModelOutput`; it is written with every model."""
        self._preview = preview

    def checkpoint(
        self, step: int, weights: Weights, codec: Codec | Identity
    ) -> tuple[str, Path, tuple[str, ...]]:
        name = f"{self._name}-{step}"
        folder = self._write(name, f"{self._plan.card.title}, step {step:,}", step, weights, codec)
        return name, folder, self._prune(step)

    def finish(self, step: int, weights: Weights, codec: Codec | Identity) -> tuple[str, Path]:
        return self._name, self._write(self._name, self._plan.card.title, step, weights, codec)

    def is_finished(self) -> bool:
        return _all_steps_done(_card_in(self._models / self._name))

    def _write(self, name: str, title: str, step: int, weights: Weights, codec: Codec | Identity) -> Path:
        training = {**self._training, "step": step, "steps": self._plan.recipe.loop.steps}
        card = dataclasses.replace(self._plan.card, name=name, title=title[:200], training=training)
        folder, part_folder = self._models / name, self._models / f".{name}.part"
        shutil.rmtree(part_folder, ignore_errors=True)
        try:
            native.save(ensure_folder(part_folder), card, _parts(weights, codec), stored="float16")
            save_words(part_folder, self._words.names, self._words.examples)
            with as_storage_error(folder):
                self._add_preview(part_folder, codec)
                if folder.exists():
                    if not self._is_ours(folder):
                        raise StorageError(folder, message("cannot be written: another model has that name"))
                    shutil.rmtree(folder)
                part_folder.replace(folder)
        finally:
            shutil.rmtree(part_folder, ignore_errors=True)
        return folder

    def _add_preview(self, folder: Path, codec: Codec | Identity) -> None:
        base = self._plan.base_folder
        if self._preview is not None and isinstance(codec, Codec):
            save_preview(folder, self._preview, codec)
        elif base is not None and (base / PREVIEW_CARD).is_file():
            for name in (
                PREVIEW_WEIGHTS,
                PREVIEW_CARD,
            ):  # the codec is the base's, so its preview decoder fits
                shutil.copyfile(base / name, folder / name)

    def _prune(self, latest: int) -> tuple[str, ...]:
        """Delete checkpoints that are not to be kept; return their names."""
        request, removed = self._plan.request, []
        steps = sorted(step for step in self._steps() if step <= latest)
        for step in steps[: -request.keep_last]:
            if step % request.keep_every:
                name = f"{self._name}-{step}"
                deleted = self._models / f".{name}.gone"
                with contextlib.suppress(OSError):  # one that stays does no harm
                    (self._models / name).rename(deleted)  # so that no half-deleted model is ever listed
                    removed.append(name)
                shutil.rmtree(deleted, ignore_errors=True)
        return tuple(removed)

    def _steps(self) -> list[int]:
        pattern = re.compile(re.escape(self._name) + r"-(\d+)")
        found = []
        for folder in self._models.iterdir():
            matched = pattern.fullmatch(folder.name)
            if matched and self._is_ours(folder):
                found.append(int(matched[1]))
        return found

    def _is_ours(self, folder: Path) -> bool:
        """Whether a model was written by a training of this name."""
        card = _card_in(folder)
        recipe = card.training.get("recipe") if card is not None else None
        return isinstance(recipe, Mapping) and recipe.get("name") == self._name


class RecipeFolder:
    """The one model of a recipe, overwritten at every checkpoint so that it can be tried while it is trained."""

    def __init__(self, plan: TrainPlan, folder: Path) -> None:
        self._plan, self._folder = plan, folder
        self._training: dict[str, Any] = {}
        self._words = Words()

    def describe_data(self, *, pictures: int, data_sha256: str, words: Words) -> None:
        self._words = words
        self._training = {"pictures": pictures, "data_sha256": data_sha256}

    def set_preview(self, preview: PreviewDecoder, codec: Codec, *, retrained: bool) -> None:
        """See `ModelOutput`; it is written at once."""
        if retrained or not (self._folder / PREVIEW_CARD).exists():
            save_preview(ensure_folder(self._folder), preview, codec)

    def checkpoint(
        self, step: int, weights: Weights, codec: Codec | Identity
    ) -> tuple[str, Path, tuple[str, ...]]:
        training = {**self._training, "step": step, "steps": self._plan.recipe.loop.steps}
        card = dataclasses.replace(self._plan.card, training=training)
        native.save(ensure_folder(self._folder), card, _parts(weights, codec), stored="float16")
        save_words(self._folder, self._words.names, self._words.examples)
        return card.name, self._folder, ()

    def finish(self, step: int, weights: Weights, codec: Codec | Identity) -> tuple[str, Path]:
        name, folder, _ = self.checkpoint(step, weights, codec)
        return name, folder

    def is_finished(self) -> bool:
        """See `ModelOutput`; cards of older versions do not tell the step, and then the weights are enough."""
        card = _card_in(self._folder)
        older = card is not None and "step" not in card.training and (self._folder / WEIGHTS_NAME).exists()
        return older or _all_steps_done(card)
