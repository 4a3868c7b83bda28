"""From a request to a recipe: what will be trained, checked before anything is."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from studio.backbones.codec import CodecConfig
from studio.backbones.registry import BACKBONES
from studio.backbones.text import TextConfig
from studio.checkpoints.catalog import find_model
from studio.checkpoints.configs import arguments
from studio.checkpoints.formats import load_model
from studio.engine.training.estimate import CODEC_BATCH, TEXT_BATCH
from studio.engine.training.recipe_trainer import card_of
from studio.engine.training.request import PICTOGRAMS, TrainRequest
from studio.engine.training.scales import MAX_TOKENS_SIDE, SCALES, backbone_of
from studio.errors import RecipeError, RequestError
from studio.folders import resources_dir
from studio.training.loop import LoopConfig
from studio.training.recipe import AboutConfig, DataConfig, DiffusionConfig, Recipe, load_recipe

if TYPE_CHECKING:
    import threading

    from studio.checkpoints.card import ModelCard
    from studio.checkpoints.model import Model
    from studio.folders import Folders


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainPlan:
    """What a training does.

    Attributes:
        request: with what a base decides put in.
        recipe: how the parts are made and taught.
        card: the model's, without what the data will tell.
        base: the model that is gone on from.
        base_folder: where that is.
    """

    request: TrainRequest
    recipe: Recipe
    card: ModelCard
    base: Model | None = None
    base_folder: Path | None = None

    @property
    def stages(self) -> tuple[Literal["codec", "decoder", "preview", "text", "backbone"], ...]:
        """The stages, in their order."""
        recipe = self.recipe
        if self.base is not None:
            return ("backbone",)
        loops: dict[Any, LoopConfig | None] = {
            "codec": recipe.codec_loop,
            "decoder": recipe.decoder_loop if recipe.codec_loop else None,
            "preview": recipe.preview_loop if recipe.codec_loop else None,
            "text": recipe.text_loop,
        }
        return (*(name for name, loop in loops.items() if loop is not None), "backbone")

    @property
    def teaches_text_first(self) -> bool:
        """Whether the text encoder is done with learning when the backbone begins."""
        return self.base is not None or self.recipe.text_loop is not None


def plan_training(
    request: TrainRequest, folders: Folders, cancelled: threading.Event | None = None
) -> TrainPlan:
    """Return what a request asks for.

    Args:
        request: what to train.
        folders: where the base is looked for.
        cancelled: drops the load of a base when set.

    Raises:
        RequestError: a field cannot be used, or not with that base.
        RecipeError: the recipe cannot be used.
        CheckpointError: the base is broken.
        LoadCancelled: ``cancelled`` was set.
    """
    request.validate()
    if request.base:
        return _going_on(request, folders, cancelled)
    recipe = _recipe(request)
    try:
        return TrainPlan(request=request, recipe=recipe, card=card_of(recipe))
    except RecipeError as error:
        if request.from_recipe:
            raise
        raise RequestError("size", f"cannot be {request.size} here: the model {error.reason}") from error


def _recipe(request: TrainRequest) -> Recipe:
    about, data, path = _about_data(request)
    if request.from_recipe:
        recipe = load_recipe(path)
        about = dataclasses.replace(
            recipe.about, name=request.name, title=request.title or recipe.about.title
        )
        return dataclasses.replace(recipe, about=about)
    scale = SCALES[request.backbone][request.scale]
    codec = CodecConfig(**scale.codec) if request.latents else None
    channels, side = 3, request.size
    if codec is not None:
        channels, side = codec.channels, request.size // 2 ** len(codec.widths)
    drafts = request.text_steps > 0
    draft_side = side if codec is not None else min(side, MAX_TOKENS_SIDE)
    text = TextConfig(**scale.text, draft=(channels, draft_side, draft_side) if drafts else ())
    entries = dict(backbone_of(request.backbone, scale, side))
    follows = {"channels": channels, "text": text.features, "draft": channels if drafts else 0}
    config = BACKBONES[request.backbone][0](**entries, **follows)
    return Recipe(
        path=path,
        about=about,
        data=data,
        diffusion=_diffusion(request),
        text=text,
        backbone_kind=request.backbone,
        backbone=config,
        loop=_loop(request, request.steps, request.batch),
        codec=codec,
        codec_loop=_loop(request, request.codec_steps, CODEC_BATCH, learning_rate=1e-3, cooldown=0.5)
        if codec
        else None,
        text_loop=_loop(
            request, request.text_steps, TEXT_BATCH, learning_rate=2e-3, cooldown=0.5, faster=2.0, decay=0.0
        )
        if drafts
        else None,
    )


def _going_on(request: TrainRequest, folders: Folders, cancelled: threading.Event | None) -> TrainPlan:
    """Return the plan that goes on from a base: its parts, schedule, prediction and size are kept."""
    installed = find_model(request.base, folders)
    base = load_model(installed.folder, cancelled=cancelled)
    card = base.card
    width, height = card.sizes[0]
    if width != height:
        raise RequestError(
            "base", f"{card.name!r} makes pictures of {width}x{height}; squares can be gone on from"
        )
    if card.backbone.kind not in SCALES:
        raise RequestError("base", f"{card.name!r} has a backbone that cannot be trained here")
    if card.schedule.config:
        raise RequestError(
            "base", f"{card.name!r} has a schedule of its own, which cannot be trained with here"
        )
    request = dataclasses.replace(
        request,
        size=width,
        backbone=cast("Any", card.backbone.kind),
        schedule=card.schedule.kind,
        prediction=card.prediction,
        latents=card.codec.kind != "identity",
    )
    about, data, path = _about_data(request)
    place = installed.folder
    recipe = Recipe(
        path=path,
        about=dataclasses.replace(about, guidance=card.defaults.guidance),
        data=dataclasses.replace(data, size=width),
        diffusion=_diffusion(request),
        text=TextConfig(**arguments(TextConfig, card.text.config, place, "text"))
        if card.text
        else TextConfig(),
        backbone_kind=card.backbone.kind,
        backbone=BACKBONES[card.backbone.kind][0](
            **arguments(BACKBONES[card.backbone.kind][0], card.backbone.config, place, "backbone")
        ),
        loop=_loop(request, request.steps, request.batch),
    )
    made = dataclasses.replace(
        card,
        name=about.name,
        title=about.title,
        licence=about.licence,
        training_data=about.training_data,
        recipe=path.name,
        evaluation={},
        training={},
        sizes=card.sizes[:1],
    )
    return TrainPlan(request=request, recipe=recipe, card=made, base=base, base_folder=installed.folder)


def _about_data(request: TrainRequest) -> tuple[AboutConfig, DataConfig, Path]:
    """Return what the card says, which pictures are learned from, and the path that stands for the recipe."""
    title = request.title or request.name
    if request.source == PICTOGRAMS:
        path = resources_dir() / "recipes" / "pictograms.json"
        data = DataConfig(kind="pictograms", path=path.name, size=request.size)
        licence = (
            "MIT for the weights; drawings they learned from: Noto Color Emoji, SIL Open Font License 1.1"
        )
        told = "pictograms of Noto Color Emoji 2.042 (SIL Open Font License 1.1)"
        return AboutConfig(name=request.name, title=title, licence=licence, training_data=told), data, path
    path = Path(request.source).absolute()
    data = DataConfig(kind="folder", path=str(path), size=request.size)
    shown = "".join(filter(str.isprintable, path.name))
    about = AboutConfig(
        name=request.name,
        title=title,
        licence="that of the pictures",
        training_data=f"the pictures of a folder called {shown!r}",
    )
    return about, data, Path(request.source) if request.from_recipe else Path("folder")


def _diffusion(request: TrainRequest) -> DiffusionConfig:
    return DiffusionConfig(
        schedule=request.schedule,
        prediction=request.prediction,
        dropout=request.dropout,
        min_snr=request.min_snr or 0.0,
    )


def _loop(
    request: TrainRequest,
    steps: int,
    batch: int,
    *,
    learning_rate: float | None = None,
    cooldown: float = 0.3,
    faster: float = 5.0,
    decay: float = 0.01,
) -> LoopConfig:
    pictures = steps * batch
    return LoopConfig(
        pictures=pictures,
        batch=batch,
        learning_rate=request.learning_rate if learning_rate is None else learning_rate,
        embedding_rate=faster,
        warmup=min(10_000, pictures // 10),
        cooldown=cooldown,
        weight_decay=decay,
        ema=min(0.999, max(0.9, 1 - 8 / steps)),  # a short training must not average over its whole length
        seed=request.seed,
    )
