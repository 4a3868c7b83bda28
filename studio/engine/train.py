"""From a recipe to a model in a folder: every stage, resumable after any stop.

A folder under training holds ``training/<stage>.safetensors``, the state of each stage (codec, decoder, text,
backbone), beside the model itself, which is written anew at every save, so that it can be tried while it learns.
"""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from studio.backbones.codec import Codec, Identity
from studio.checkpoints import native
from studio.checkpoints.assembly import assemble
from studio.checkpoints.card import Component, Defaults, ModelCard
from studio.checkpoints.folder import WEIGHTS_NAME
from studio.errors import CheckpointError, RecipeError, StudioError
from studio.training.ema import Ema
from studio.training.loop import LoopConfig, TrainStep, make_optimizer, train
from studio.training.state import load_state, save_state
from studio.training.tasks import Loss, backbone_task, codec_task, decoder_task, open_source, text_task

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from studio.backbones.text import TextEncoder
    from studio.training.recipe import Recipe
    from studio.training.sources import Source

STATES = "training"


class TrainingDivergedError(StudioError):
    """The loss is no longer a number."""

    def __init__(self, stage: str, step: int) -> None:
        """Name the stage and the step."""
        super().__init__(
            f"Training the {stage} went astray at step {step}: the loss is not a number; lower the learning_rate and "
            "start again, it goes on from the last save."
        )


@dataclass(frozen=True)
class TrainProgress:
    """A step of a stage ("codec", "decoder", "text" or "backbone"), and whether it was saved."""

    stage: str
    done: TrainStep
    saved: bool


def train_recipe(
    recipe: Recipe, folder: Path, device: torch.device, *, save_seconds: float = 180.0
) -> Iterator[TrainProgress]:
    """Train what a recipe describes, going on from where the folder's states stand.

    Args:
        recipe: what to train.
        folder: where states and the model go; created if need be.
        device: where to train.
        save_seconds: time between saves.

    Yields:
        Every step. Closing the generator between two of them loses what came after the last save.

    Raises:
        RecipeError: the recipe's data or its model cannot be used.
        CheckpointError: a state in the folder is of another recipe.
        StorageError: a state or the model cannot be written.
        TrainingDivergedError: the loss is no longer a number.
    """
    card = card_of(recipe)
    source = open_source(recipe)
    codec: Codec | Identity = Identity()
    if recipe.codec_loop is not None:
        codec = yield from _codec_stage(recipe, recipe.codec_loop, source, folder, device, save_seconds)
    text: TextEncoder | None = None
    if recipe.text_loop is not None:
        text, loss = text_task(recipe, source, codec, device)
        stage = _Stage("text", text, loss, recipe.text_loop, folder, save_seconds)
        yield from stage.run()
        text.load_state_dict(stage.averaged())
    modules, loss = backbone_task(recipe, source, codec, device, text)
    if device.type in {"cpu", "cuda"}:
        modules = modules.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    stage = _Stage("backbone", modules, loss, recipe.loop, folder, save_seconds)
    for progress in stage.run():
        if progress.saved:
            _export(card, folder, codec, stage)
        yield progress
    if not (folder / WEIGHTS_NAME).exists():
        _export(card, folder, codec, stage)


class _Stage:
    """One stage's module, optimizer and average, and the file in which they rest."""

    def __init__(
        self, name: str, module: nn.Module, loss: Loss, config: LoopConfig, folder: Path, save_seconds: float
    ) -> None:
        self.name, self.module, self.loss, self.config = name, module, loss, config
        self.optimizer, self.ema = make_optimizer(module, config), Ema(module, config.ema)
        self.path, self.save_seconds = folder / STATES / f"{name}.safetensors", save_seconds
        self.start = load_state(self.path, module, self.ema, self.optimizer) if self.path.exists() else 0

    def run(self) -> Iterator[TrainProgress]:
        self.module.train()
        saved_at = time.monotonic()
        for done in train(self.module, self.loss, self.config, self.optimizer, self.ema, start=self.start):
            if done.loss != done.loss:  # not a number
                raise TrainingDivergedError(self.name, done.step + 1)
            due = done.step + 1 == done.steps or time.monotonic() - saved_at >= self.save_seconds
            if due:
                save_state(self.path, done.step + 1, self.module, self.ema, self.optimizer)
                saved_at = time.monotonic()
            yield TrainProgress(self.name, done, due)

    def averaged(self) -> dict[str, Tensor]:
        """The module's state with its parameters averaged."""
        return self.module.state_dict() | self.ema.state()


def _codec_stage(
    recipe: Recipe,
    config: LoopConfig,
    source: Source,
    folder: Path,
    device: torch.device,
    save_seconds: float,
) -> Generator[TrainProgress, None, Codec]:
    codec, loss = codec_task(recipe, source, device)
    stage = _Stage("codec", codec, loss, config, folder, save_seconds)
    yield from stage.run()
    codec.load_state_dict(stage.averaged())
    codec.eval()
    if recipe.decoder_loop is not None:
        decoder, loss = decoder_task(recipe, source, codec, device)
        stage = _Stage("decoder", decoder, loss, recipe.decoder_loop, folder, save_seconds)
        yield from stage.run()
        decoder.load_state_dict(stage.averaged())
    return codec.eval().requires_grad_(False)


def card_of(recipe: Recipe) -> ModelCard:
    """Return the card of the model that a recipe makes, checked before anything is trained.

    Raises:
        RecipeError: the card would be wrong, or its parts cannot be built or do not fit each other.
    """
    about, data, codec = recipe.about, recipe.data, recipe.codec
    downscale = 1 if codec is None else 2 ** len(codec.widths)
    side = data.size // downscale
    try:
        card = ModelCard(
            name=about.name,
            title=about.title,
            backbone=Component(kind=recipe.backbone_kind, config=dataclasses.asdict(recipe.backbone)),
            text=Component(kind="words", config=dataclasses.asdict(recipe.text)),
            codec=Component(kind="identity")
            if codec is None
            else Component(kind="conv", config=dataclasses.asdict(codec)),
            schedule=Component(kind=recipe.diffusion.schedule),
            prediction=recipe.diffusion.prediction,
            sizes=((data.size, data.size),),
            downscale=downscale,
            latent_shape=(3 if codec is None else codec.channels, side, side),
            clip=codec is None,
            defaults=Defaults(sampler=about.sampler, steps=about.steps, guidance=about.guidance),
            licence=about.licence,
            training_data=about.training_data,
            recipe=recipe.path.name,
        )
        assemble(card, recipe.path)
    except CheckpointError as error:
        raise RecipeError(recipe.path, f"cannot make a model: it {error.reason}") from error
    return card


def _export(card: ModelCard, folder: Path, codec: Codec | Identity, stage: _Stage) -> None:
    """Write the averaged weights as a model with its card."""
    weights: dict[str, dict[str, Tensor]] = {"backbone": {}, "text": {}}
    for name, value in stage.averaged().items():
        part, _, rest = name.partition(".")
        weights[part][rest] = value.detach().cpu().contiguous()
    native.save(folder, card, {**weights, "codec": codec}, stored="float16")
