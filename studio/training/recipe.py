"""A recipe: everything from which a model can be made again. A TOML file, read once, checked at once."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from studio.backbones.codec import CodecConfig
from studio.backbones.preview_decoder import PreviewConfig
from studio.backbones.registry import BACKBONES
from studio.backbones.text import TextConfig
from studio.diffusion.prediction import PREDICTION_KINDS, PredictionKind
from studio.diffusion.schedules import SCHEDULES
from studio.errors import RecipeError
from studio.training.loop import LoopConfig

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_C = TypeVar("_C")
SECTIONS = {
    "about",
    "data",
    "codec",
    "codec_train",
    "decoder_train",
    "preview",
    "preview_train",
    "text_train",
    "text",
    "backbone",
    "diffusion",
    "train",
}


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which pictures, at what size."""

    kind: str  # "pictograms" or "folder"
    path: str  # of the list or the folder, relative to the recipe
    size: int = 64
    white: float = 0.4  # pictograms: share on white
    shift: int = 2  # pictograms: largest shift in pixels
    concepts: tuple[str, ...] = ()  # pictograms: first names of those to learn; none: all
    layouts: bool = False  # pictograms: other sizes and places, and two things, too
    korean: float = 0.0  # pictograms: share of captions in Korean
    pool: int = (
        0  # captioned pictures to draw and encode once for text and backbone; 0: drafts alone have a pool
    )


@dataclass(frozen=True, kw_only=True)
class DiffusionConfig:
    """What is learned: the schedule, what the network predicts, and how often the caption is dropped."""

    schedule: str = "cosine"
    prediction: PredictionKind = "eps"
    dropout: float = 0.1
    noisy: float = 0.0  # share of pictures trained at the noisiest quarter of times
    min_snr: float = 0.0  # gamma of min-SNR weighting; 0 is none


@dataclass(frozen=True, kw_only=True)
class AboutConfig:
    """What the model's card says, and the settings that it suggests."""

    name: str
    title: str
    licence: str = "unknown"
    training_data: str = ""
    sampler: str = "ddim"
    steps: int = 30
    guidance: float = 3.0


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A whole recipe. A model in pixels has no codec, and then no loop for it or its decoders."""

    path: Path
    about: AboutConfig
    data: DataConfig
    diffusion: DiffusionConfig
    text: TextConfig
    backbone_kind: str
    backbone: Any  # the backbone's own frozen configuration
    loop: LoopConfig
    codec: CodecConfig | None = None
    codec_loop: LoopConfig | None = None
    decoder_loop: LoopConfig | None = None  # more training for the decoder alone
    text_loop: LoopConfig | None = None  # drafts, before the backbone
    preview: PreviewConfig | None = None
    preview_loop: LoopConfig | None = None  # a small decoder for previews
    codec_noise: float = 0.1  # standard deviation of the noise on latents while the codec learns


def load_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        RecipeError: the file cannot be read, is no TOML, or holds an entry that is unknown or of the wrong kind.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(path, f"cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecipeError(path, f"is not valid TOML: {error}") from error
    unknown = set(raw) - SECTIONS
    if unknown:
        raise RecipeError(path, f"has unknown sections: {', '.join(sorted(unknown))}")
    sections = {name: _table(path, name, raw) for name in SECTIONS}
    kind = sections["backbone"].pop("kind", "unet")
    if kind not in BACKBONES:
        raise RecipeError(path, f"names the backbone {kind!r}; there are {', '.join(BACKBONES)}")
    noise = sections["codec"].pop("noise", 0.1)
    if isinstance(noise, bool) or not isinstance(noise, int | float):
        raise RecipeError(path, f"needs noise in [codec] to be a number, not {noise!r}")
    loops = {
        name: _section(path, name, LoopConfig, sections[name]) if name in raw else None
        for name in ("codec_train", "decoder_train", "preview_train", "text_train")
    }
    codec = _section(path, "codec", CodecConfig, sections["codec"]) if loops["codec_train"] else None
    channels, downscale = (3, 1) if codec is None else (codec.channels, 2 ** len(codec.widths))
    data = _section(path, "data", DataConfig, sections["data"])
    latents = {"channels": channels, "downscale": downscale}
    side = data.size // downscale
    text = _section(path, "text", TextConfig, sections["text"])
    text = dataclasses.replace(text, draft=(channels, side, side) if loops["text_train"] else ())
    # What follows from the other sections is not asked for twice.
    follows = {"channels": channels, "text": text.features}
    if loops["text_train"]:
        follows["draft"] = channels
    recipe = Recipe(
        path=path,
        about=_section(path, "about", AboutConfig, sections["about"]),
        data=data,
        diffusion=_section(path, "diffusion", DiffusionConfig, sections["diffusion"]),
        text=text,
        backbone_kind=kind,
        backbone=_section(path, "backbone", BACKBONES[kind][0], sections["backbone"] | follows),
        loop=_section(path, "train", LoopConfig, sections["train"]),
        codec=codec,
        codec_loop=loops["codec_train"],
        decoder_loop=loops["decoder_train"] if codec else None,
        text_loop=loops["text_train"],
        preview=_section(path, "preview", PreviewConfig, sections["preview"] | latents) if codec else None,
        preview_loop=loops["preview_train"] if codec else None,
        codec_noise=noise,
    )
    _check(recipe)
    return recipe


def _table(path: Path, name: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    table = raw.get(name, {})
    if not isinstance(table, dict):
        raise RecipeError(path, f"needs [{name}] to be a section")
    return dict(table)


def _section(path: Path, name: str, config: type[_C], values: Mapping[str, Any]) -> _C:
    """Build a configuration from a section's entries, each of which must be a known field of the right kind."""
    fields = {field.name: field for field in dataclasses.fields(config)}  # type: ignore[arg-type]
    unknown = set(values) - set(fields)
    if unknown:
        raise RecipeError(path, f"has unknown entries in [{name}]: {', '.join(sorted(unknown))}")
    kinds = {"PredictionKind": (str,), "int": (int,), "float": (int, float), "str": (str,), "bool": (bool,)}
    built = {}
    for key, value in values.items():
        kind = str(fields[key].type)
        if kind.startswith("tuple"):
            right = isinstance(value, list)
            built[key] = tuple(value) if right else value
        else:
            right = isinstance(value, kinds[kind]) and isinstance(value, bool) == (kind == "bool")
            built[key] = value
        if not right:
            raise RecipeError(path, f"needs {key} in [{name}] to be of the kind {kind}, not {value!r}")
    try:
        return config(**built)
    except TypeError as error:
        raise RecipeError(path, f"lacks an entry in [{name}]: {error}") from error


def _check(recipe: Recipe) -> None:
    """Refuse what no run can be made of."""
    data, diffusion = recipe.data, recipe.diffusion
    if data.kind not in {"pictograms", "folder"}:
        raise RecipeError(recipe.path, f"names the data {data.kind!r}; there are pictograms and folder")
    if diffusion.schedule not in SCHEDULES:
        raise RecipeError(
            recipe.path, f"names the schedule {diffusion.schedule!r}; there are {', '.join(SCHEDULES)}"
        )
    if diffusion.prediction not in PREDICTION_KINDS:
        raise RecipeError(
            recipe.path,
            f"names the prediction {diffusion.prediction!r}; there are {', '.join(PREDICTION_KINDS)}",
        )
    if not 0 <= diffusion.min_snr <= 1000:
        raise RecipeError(recipe.path, f"needs min_snr to be 0 to 1000, not {diffusion.min_snr!r}")
    noise = recipe.codec_noise
    if not 0 <= noise <= 10:
        raise RecipeError(recipe.path, f"needs noise in [codec] to be 0 to 10, not {noise!r}")
    if not 8 <= data.size <= 1024 or data.size % 8:
        raise RecipeError(recipe.path, f"needs a size of 8 to 1024 in steps of 8, not {data.size}")
    for loop in (recipe.loop, recipe.codec_loop, recipe.decoder_loop, recipe.preview_loop, recipe.text_loop):
        if loop is not None and not (
            loop.pictures >= 1 and 1 <= loop.batch <= 4096 and 0 < loop.learning_rate < 1
        ):
            raise RecipeError(
                recipe.path, "needs at least one picture, a batch of 1 to 4096 and a rate between 0 and 1"
            )
