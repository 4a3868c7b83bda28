"""From a recipe to a model in a folder: every stage, resumable after any stop.

A folder under training holds ``training/<stage>.safetensors``, the state of each stage (codec, decoder, preview, text,
backbone), beside the model itself, which is written anew at every save, so that it can be tried while it learns.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from studio.backbones.codec import Codec, Identity
from studio.checkpoints import native
from studio.checkpoints.assembly import assemble
from studio.checkpoints.card import Component, Defaults, ModelCard
from studio.checkpoints.folder import CARD_NAME, WEIGHTS_NAME
from studio.checkpoints.preview import PREVIEW_CARD, save_preview
from studio.checkpoints.words import save_words
from studio.engine.training.stage import STATES, Stage, TrainProgress
from studio.engine.training.vocabulary import vocabulary_of
from studio.errors import CheckpointError, RecipeError
from studio.training.backbone_task import BackboneLesson, Precision, make_modules
from studio.training.distillation import preview_task
from studio.training.tasks import Latents, codec_task, decoder_task, open_source, text_task

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    import torch
    from torch import Tensor

    from studio.backbones.text import TextEncoder
    from studio.training.data.sources import Source
    from studio.training.loop import LoopConfig
    from studio.training.recipe import Recipe


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
    words = vocabulary_of(source)
    codec: Codec | Identity = Identity()
    if recipe.codec_loop is not None:
        codec = yield from _codec_stage(recipe, recipe.codec_loop, source, folder, device, save_seconds)
    if recipe.preview_loop is not None and isinstance(codec, Codec):
        yield from _preview_stage(recipe, recipe.preview_loop, source, codec, folder, device, save_seconds)
    latents = Latents(recipe, source, codec, device)
    if recipe.data.pool:
        latents.open_pool(folder / STATES / "pool.safetensors")
    text: TextEncoder | None = None
    if recipe.text_loop is not None:
        text, loss = text_task(recipe, latents, device)
        stage = Stage("text", text, loss, recipe.text_loop, folder, save_seconds)
        yield from stage.run()
        text.load_state_dict(stage.averaged())
    modules = make_modules(recipe, text).to(device)
    lesson = BackboneLesson(recipe, latents, modules, Precision(), taught=text is not None)
    stage = Stage("backbone", modules, lesson.loss, recipe.loop, folder, save_seconds)
    for progress in stage.run():
        if progress.saved:
            _export(card, folder, codec, stage)
        yield progress
    if not (folder / WEIGHTS_NAME).exists():
        _export(card, folder, codec, stage)
    save_words(folder, words.names, words.examples)


def _codec_stage(
    recipe: Recipe,
    config: LoopConfig,
    source: Source,
    folder: Path,
    device: torch.device,
    save_seconds: float,
) -> Generator[TrainProgress, None, Codec]:
    codec, loss = codec_task(recipe, source, device)
    stage = Stage("codec", codec, loss, config, folder, save_seconds)
    yield from stage.run()
    codec.load_state_dict(stage.averaged())
    codec.eval()
    if recipe.decoder_loop is not None:
        decoder, loss = decoder_task(recipe, source, codec, device)
        stage = Stage("decoder", decoder, loss, recipe.decoder_loop, folder, save_seconds)
        yield from stage.run()
        decoder.load_state_dict(stage.averaged())
    return codec.eval().requires_grad_(False)


def train_preview(
    recipe: Recipe, folder: Path, device: torch.device, *, save_seconds: float = 180.0
) -> Iterator[TrainProgress]:
    """Distil, as a recipe says, a preview decoder for a model that is there already; nothing else of it is touched.

    Args:
        recipe: the recipe of the model.
        folder: the model's folder; the state of this stage and the preview decoder go there too.
        device: where to train.
        save_seconds: time between saves.

    Yields:
        Every step.

    Raises:
        RecipeError: the recipe distils no preview decoder, or its data cannot be used.
        CheckpointError: the folder holds no model, or one without a codec, or a state of another recipe.
        StorageError: something cannot be written.
        TrainingDivergedError: the loss is no longer a number.
    """
    if recipe.preview is None or recipe.preview_loop is None:
        raise RecipeError(recipe.path, "has no section [preview_train], so there is nothing to distil")
    codec = native.load(folder, device=device).codec
    if not isinstance(codec, Codec):
        raise CheckpointError(folder / CARD_NAME, "is of a model in pixels, whose previews need no decoder")
    if (codec.channels, codec.downscale) != (recipe.preview.channels, recipe.preview.downscale):
        raise RecipeError(recipe.path, "describes another codec than the model in the folder has")
    source = open_source(recipe)
    yield from _preview_stage(recipe, recipe.preview_loop, source, codec, folder, device, save_seconds)


def _preview_stage(
    recipe: Recipe,
    config: LoopConfig,
    source: Source,
    codec: Codec,
    folder: Path,
    device: torch.device,
    save_seconds: float,
) -> Iterator[TrainProgress]:
    decoder, loss = preview_task(recipe, source, codec, device)
    stage = Stage("preview", decoder, loss, config, folder, save_seconds)
    yield from stage.run()
    if stage.start < config.steps or not (folder / PREVIEW_CARD).exists():
        decoder.load_state_dict(stage.averaged())
        save_preview(folder, decoder, codec)


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


def _export(card: ModelCard, folder: Path, codec: Codec | Identity, stage: Stage) -> None:
    """Write the averaged weights as a model with its card."""
    weights: dict[str, dict[str, Tensor]] = {"backbone": {}, "text": {}}
    for name, value in stage.averaged().items():
        part, _, rest = name.partition(".")
        weights[part][rest] = value.detach().cpu().contiguous()
    native.save(folder, card, {**weights, "codec": codec}, stored="float16")
