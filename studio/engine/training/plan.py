"""From a request or a recipe to a plan: what will be trained, checked before anything is."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from studio.backbones.codec import CodecConfig
from studio.backbones.registry import BACKBONES
from studio.backbones.text import TextConfig
from studio.checkpoints import native
from studio.checkpoints.assembly import assemble, read_config
from studio.checkpoints.card import Component, Defaults, ModelCard
from studio.checkpoints.catalog import find_model
from studio.diffusion.prediction import MAX_ERROR_FACTOR, error_factor
from studio.diffusion.schedules import SCHEDULES
from studio.engine.training.estimate import CODEC_BATCH, TEXT_BATCH
from studio.engine.training.request import PICTOGRAMS, TrainRequest
from studio.engine.training.scales import MAX_TOKENS_SIDE, SCALES, backbone_of
from studio.errors import CheckpointError, RecipeError, RequestError
from studio.folders import resources_dir
from studio.messages import message
from studio.training.loop import LoopConfig
from studio.training.recipe import AboutConfig, DataConfig, DiffusionConfig, Recipe, load_recipe

if TYPE_CHECKING:
    import threading

    from studio.checkpoints.model import NativeModel
    from studio.engine.training.events import StageName
    from studio.folders import Folders


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainPlan:
    """The plan of a training.

    Attributes:
        request: with the values that follow from a base model.
        recipe: configuration and training of every part.
        card: the model's, without what the data adds.
        base: the model to fine-tune; None: a new model.
        base_folder: its folder.
    """

    request: TrainRequest
    recipe: Recipe
    card: ModelCard
    base: NativeModel | None = None
    base_folder: Path | None = None

    @property
    def error_factor(self) -> float:
        """What an error of the backbone is multiplied by in x0_hat at the noisiest time, unless x0_hat is clipped."""
        return 1.0 if self.card.clip else _error_factor(self.card)

    @property
    def stages(self) -> tuple[StageName, ...]:
        return ("backbone",) if self.base is not None else cast("Any", tuple(self.recipe.loops))

    @property
    def text_is_trained_first(self) -> bool:
        """Whether the text encoder is frozen while the backbone is trained."""
        return self.base is not None or self.recipe.text_loop is not None

    @property
    def parameters(self) -> int:
        """The number of parameters of the whole model."""
        return sum(tensor.numel() for tensor in assemble(self.card, self.recipe.path).state().values())


def plan_training(
    request: TrainRequest, folders: Folders, cancelled: threading.Event | None = None
) -> TrainPlan:
    """Return what a request asks for.

    Args:
        request: what to train.
        folders: the user's folders, with the base model.
        cancelled: stops the load of a base model when set.

    Raises:
        RequestError: a field cannot be used, or not with that base model.
        RecipeError: the recipe cannot be used.
        CheckpointError: the base model is damaged.
        LoadCancelled: ``cancelled`` was set.
    """
    request.validate()
    if request.base:
        return _plan_from_base(request, folders, cancelled)
    recipe = _recipe(request)
    try:
        return TrainPlan(request=request, recipe=recipe, card=card_of(recipe))
    except RecipeError as error:
        if request.from_recipe:
            raise
        reason = message("cannot be {size} here: the model {reason}", size=request.size, reason=error.reason)
        raise RequestError("size", reason) from error


def plan_recipe(request: TrainRequest) -> TrainPlan:
    """Return the plan of an unmodified recipe, under its own name.

    Args:
        request: its source is the recipe; of the rest only samples and checkpoints count.

    Raises:
        RecipeError: the recipe cannot be used.
    """
    recipe = load_recipe(Path(request.source))
    request = dataclasses.replace(request, name=recipe.about.name, title=recipe.about.title)
    return TrainPlan(request=request, recipe=recipe, card=card_of(recipe))


def card_of(recipe: Recipe) -> ModelCard:
    """Return the card of the model that a recipe trains, checked before any training.

    Raises:
        RecipeError: the card would be invalid, or its parts cannot be built or do not fit each other.
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
        card = _with_safe_spacing(card)
    except CheckpointError as error:
        raise RecipeError(
            recipe.path, message("cannot make a model: it {reason}", reason=error.reason)
        ) from error
    return card


def _with_safe_spacing(card: ModelCard) -> ModelCard:
    """Return the card with the spacing "leading" if its model says nothing about x_0 at the noisiest time.

    "leading" does not visit that time. The default steps are reduced where it would start far below it, because
    sampling starts from noise. A model whose x0_hat is clipped can visit it: the clipped x0_hat is scaled by the alpha
    of the next time, which is small.
    """
    if card.clip or _error_factor(card) <= MAX_ERROR_FACTOR:
        return card
    steps = max(card.defaults.steps, 2)
    stride = max(card.T // steps, 2)
    if card.T - 1 - (steps - 1) * stride not in range(1, 2 * stride + 1):
        steps = card.T // stride
    defaults = dataclasses.replace(card.defaults, spacing="leading", steps=steps)
    return dataclasses.replace(card, defaults=defaults)


def _error_factor(card: ModelCard) -> float:
    schedule = SCHEDULES[card.schedule.kind](**card.schedule.config)
    return error_factor(card.prediction, schedule.alpha(schedule.T - 1), schedule.sigma(schedule.T - 1))


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
    derived = {"channels": channels, "text": text.features, "draft": channels if drafts else 0}
    config = BACKBONES[request.backbone][0](**entries, **derived)
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
            request,
            request.text_steps,
            TEXT_BATCH,
            learning_rate=2e-3,
            cooldown=0.5,
            embedding_rate=2.0,
            weight_decay=0.0,
        )
        if drafts
        else None,
    )


def _plan_from_base(request: TrainRequest, folders: Folders, cancelled: threading.Event | None) -> TrainPlan:
    """Return the plan that fine-tunes a base model: its parts, schedule, prediction and size are kept."""
    installed = find_model(request.base, folders)
    if not isinstance(installed.card, ModelCard):
        reason = message("{model} is not a model that can be trained further", model=repr(installed.name))
        raise RequestError("base", reason)
    base = native.load(installed.folder, cancelled=cancelled)
    card = base.card
    width, height = card.sizes[0]
    if width != height:
        reason = message(
            "{model} makes pictures of {width}x{height}; only models of square pictures can be trained further",
            model=repr(card.name),
            width=width,
            height=height,
        )
        raise RequestError("base", reason)
    if card.backbone.kind not in SCALES:
        reason = message("{model} has a backbone that cannot be trained here", model=repr(card.name))
        raise RequestError("base", reason)
    if card.schedule.config:
        reason = message(
            "{model} has a custom noise schedule, which cannot be trained with", model=repr(card.name)
        )
        raise RequestError("base", reason)
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
        text=read_config(TextConfig, card.text, "text", place) if card.text else TextConfig(),
        backbone_kind=card.backbone.kind,
        backbone=read_config(BACKBONES[card.backbone.kind][0], card.backbone, "backbone", place),
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
    made = _with_safe_spacing(made)
    return TrainPlan(request=request, recipe=recipe, card=made, base=base, base_folder=installed.folder)


def _about_data(request: TrainRequest) -> tuple[AboutConfig, DataConfig, Path]:
    """Return the card's texts, the training pictures, and the path that stands for the recipe."""
    title = request.title or request.name
    if request.source == PICTOGRAMS:
        path = resources_dir() / "recipes" / "pictograms.json"
        data = DataConfig(kind="pictograms", path=path.name, size=request.size)
        licence = (
            "MIT for the weights; drawings they learned from: Noto Color Emoji, SIL Open Font License 1.1"
        )
        described = "pictograms of Noto Color Emoji 2.042 (SIL Open Font License 1.1)"
        return (
            AboutConfig(name=request.name, title=title, licence=licence, training_data=described),
            data,
            path,
        )
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
    embedding_rate: float = 5.0,
    weight_decay: float = 0.01,
) -> LoopConfig:
    pictures = steps * batch
    return LoopConfig(
        pictures=pictures,
        batch=batch,
        learning_rate=request.learning_rate if learning_rate is None else learning_rate,
        embedding_rate=embedding_rate,
        warmup=min(10_000, pictures // 10),
        cooldown=cooldown,
        weight_decay=weight_decay,
        ema=min(0.999, max(0.9, 1 - 8 / steps)),  # a short training must not average over its whole length
        seed=request.seed,
    )
