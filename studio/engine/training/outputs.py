"""The models that a training leaves behind: one a checkpoint, and the finished one, each whole or not there at all."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING

from studio.checkpoints import native
from studio.checkpoints.folder import read_card
from studio.checkpoints.preview import PREVIEW_CARD, PREVIEW_WEIGHTS, save_preview
from studio.checkpoints.words import Words, save_words
from studio.errors import CheckpointError, StorageError
from studio.storage import ensure_folder, storage_error

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from torch import Tensor, nn

    from studio.backbones.codec import Codec, Identity
    from studio.backbones.preview_decoder import PreviewDecoder
    from studio.checkpoints.card import ModelCard
    from studio.engine.training.plan import TrainPlan
    from studio.folders import Folders


class TrainedModels:
    """Writes the models of one training and takes away those that are to be kept no longer."""

    def __init__(self, plan: TrainPlan, folders: Folders) -> None:
        """Take what is trained, and where models go."""
        self._plan, self._home = plan, folders.models
        self._name = plan.request.name
        self.told: dict[str, Any] = {}
        self._words = Words()
        self.preview: PreviewDecoder | None = None

    def tell(self, *, pictures: int, data_sha256: str, words: Words) -> None:
        """Say what every card shall say of the data, and what every model can draw."""
        self._words = words
        request = self._plan.request.to_dict()
        request["source"] = request["source"].rsplit(os.sep, 1)[
            -1
        ]  # where a user keeps pictures is nobody's business
        self.told = {"recipe": request, "pictures": pictures, "data_sha256": data_sha256}

    def checkpoint(
        self, step: int, weights: dict[str, Tensor], codec: Codec | Identity
    ) -> tuple[str, Path, tuple[str, ...]]:
        """Write the model of a step; return its name, its folder, and the names of those that made room.

        Raises:
            StorageError: it cannot be written.
            CheckpointError: its weights are not finite.
        """
        name = f"{self._name}-{step}"
        folder = self._write(name, f"{self._plan.card.title}, step {step:,}", step, weights, codec)
        return name, folder, self._prune(step)

    def finish(self, step: int, weights: dict[str, Tensor], codec: Codec | Identity) -> tuple[str, Path]:
        """Write the finished model; raises as `checkpoint` does."""
        return self._name, self._write(self._name, self._plan.card.title, step, weights, codec)

    def finished(self) -> bool:
        """Whether the finished model is there."""
        card = self._card(self._home / self._name)
        return card is not None and card.training.get("step") == card.training.get("steps")

    def _write(
        self, name: str, title: str, step: int, weights: dict[str, Tensor], codec: Codec | Identity
    ) -> Path:
        parts: dict[str, nn.Module | dict[str, Tensor]] = {"backbone": {}, "codec": codec}
        for key, value in weights.items():
            part, _, rest = key.partition(".")
            own = parts.setdefault(part, {})
            assert isinstance(own, dict)
            own[rest] = value.detach().cpu().contiguous()
        told = {**self.told, "step": step, "steps": self._plan.recipe.loop.steps}
        card = dataclasses.replace(self._plan.card, name=name, title=title[:200], training=told)
        folder, part_folder = self._home / name, self._home / f".{name}.part"
        shutil.rmtree(part_folder, ignore_errors=True)
        try:
            native.save(ensure_folder(part_folder), card, parts, stored="float16")
            save_words(part_folder, self._words.names, self._words.examples)
            self._add_preview(part_folder, codec)
            if folder.exists():
                if not self._is_ours(folder):
                    raise StorageError(folder, "cannot be written: another model has that name")
                shutil.rmtree(folder)
            part_folder.replace(folder)
        except OSError as error:
            raise storage_error(folder, error) from error
        finally:
            shutil.rmtree(part_folder, ignore_errors=True)
        return folder

    def _add_preview(self, folder: Path, codec: Codec | Identity) -> None:
        if self.preview is not None:
            save_preview(folder, self.preview, codec)  # type: ignore[arg-type]
        elif self._plan.base_folder is not None and (self._plan.base_folder / PREVIEW_CARD).is_file():
            for name in (
                PREVIEW_WEIGHTS,
                PREVIEW_CARD,
            ):  # the codec is the base's, and so is what stands in for it
                shutil.copyfile(self._plan.base_folder / name, folder / name)

    def _prune(self, latest: int) -> tuple[str, ...]:
        """Take away checkpoints beyond those that are kept; return their names."""
        request, removed = self._plan.request, []
        steps = sorted(step for step in self._steps() if step <= latest)
        for step in steps[: -request.keep_last]:
            if step % request.keep_every:
                name = f"{self._name}-{step}"
                gone = self._home / f".{name}.gone"
                with contextlib.suppress(OSError):  # one that stays is no harm
                    (self._home / name).rename(gone)  # so that no half of it is ever listed
                    removed.append(name)
                shutil.rmtree(gone, ignore_errors=True)
        return tuple(removed)

    def _steps(self) -> list[int]:
        """Return the steps of which this training left a model."""
        pattern = re.compile(re.escape(self._name) + r"-(\d+)")
        found = []
        for folder in self._home.iterdir():
            matched = pattern.fullmatch(folder.name)
            if matched and self._is_ours(folder):
                found.append(int(matched[1]))
        return found

    def _is_ours(self, folder: Path) -> bool:
        """Whether a model was left by a training of this name."""
        card = self._card(folder)
        recipe = card.training.get("recipe") if card is not None else None
        return isinstance(recipe, Mapping) and recipe.get("name") == self._name

    def _card(self, folder: Path) -> ModelCard | None:
        try:
            return read_card(folder)
        except CheckpointError:
            return None
