"""A recipe: everything that determines a model, in a TOML file. It is read once and checked as a whole."""

from __future__ import annotations

import dataclasses
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from msgspec import Meta

from studio.backbones.codec import CodecConfig
from studio.backbones.preview_decoder import PreviewConfig
from studio.backbones.registry import BACKBONES
from studio.backbones.text import TextConfig
from studio.diffusion.prediction import TrainedKind  # noqa: TC001 - msgspec reads the annotations
from studio.diffusion.schedules import SCHEDULES
from studio.errors import RecipeError
from studio.messages import message
from studio.strict_json import InvalidJsonError, convert, must, quoted
from studio.training.loop import LoopConfig

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_C = TypeVar("_C")
SECTIONS = (
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
)
RENAMED: dict[tuple[str, str], str] = {("diffusion", "noisy"): "high_noise_fraction"}
"""Older names of entries, which are still read: by section and old name, the new one."""
MAX_POOL = 4_000_000
MAX_NOISE = 10.0

_Share = Annotated[float, Meta(ge=0, le=1)]


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """The pictures to learn from.

    The field names are part of the hash that tells whether the data has changed, so none can be renamed.

    Attributes:
        kind: "pictograms" or "folder".
        path: of the list of pictograms or the folder of pictures, relative to the recipe.
        size: side of the pictures in pixels.
        white: pictograms: share of pictures with a white background.
        shift: pictograms: largest random shift, in pixels.
        concepts: pictograms: first names of those to learn; none: all.
        layouts: pictograms: whether other sizes and positions, and two pictograms at once, are rendered too.
        korean: pictograms: share of captions in Korean.
        pool: captioned pictures to render and encode once for text encoder and backbone; 0: only drafts have a pool.
    """

    kind: Literal["pictograms", "folder"]
    path: str
    size: Annotated[
        int,
        Meta(ge=8, le=1024, multiple_of=8, extra=must(message("must be a multiple of 8 from 8 to 1024"))),
    ] = 64
    white: _Share = 0.4
    shift: Annotated[int, Meta(ge=0, le=1024)] = 2
    concepts: tuple[str, ...] = ()
    layouts: bool = False
    korean: _Share = 0.0
    pool: Annotated[int, Meta(ge=0, le=MAX_POOL)] = 0


@dataclass(frozen=True, kw_only=True)
class DiffusionConfig:
    """The diffusion objective.

    Attributes:
        schedule: name of a noise schedule.
        prediction: what the backbone predicts.
        dropout: caption dropout: probability that an example's caption is left out.
        high_noise_fraction: share of examples trained at the noisiest quarter of times (in older recipes ``noisy``).
        min_snr: gamma of min-SNR weighting; 0: none.
    """

    schedule: str = "cosine"
    prediction: TrainedKind = "eps"
    dropout: _Share = 0.1
    high_noise_fraction: _Share = 0.0
    min_snr: Annotated[float, Meta(ge=0, le=1000)] = 0.0


@dataclass(frozen=True, kw_only=True)
class AboutConfig:
    """The model's card, and the settings that it suggests."""

    name: str
    title: str
    licence: str = "unknown"
    training_data: str = ""
    sampler: str = "ddim"
    steps: int = 30
    guidance: float = 3.0


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A complete recipe. A model in pixels has no codec, and then no stages for it or its decoders.

    Attributes:
        path: the file.
        about: the model's card.
        data: the pictures.
        diffusion: the objective.
        text: configuration of the text encoder.
        backbone_kind: a name in `studio.backbones.registry.BACKBONES`.
        backbone: configuration of that backbone.
        loop: the backbone's training.
        codec: configuration of the codec; None: a model in pixels.
        codec_loop: its training.
        decoder_loop: further training of its decoder alone.
        text_loop: training of the text encoder's drafts, before the backbone.
        preview: configuration of the preview decoder.
        preview_loop: its training.
        codec_noise: standard deviation of the noise added to latents while the codec is trained.
    """

    path: Path
    about: AboutConfig
    data: DataConfig
    diffusion: DiffusionConfig
    text: TextConfig
    backbone_kind: str
    backbone: Any
    loop: LoopConfig
    codec: CodecConfig | None = None
    codec_loop: LoopConfig | None = None
    decoder_loop: LoopConfig | None = None
    text_loop: LoopConfig | None = None
    preview: PreviewConfig | None = None
    preview_loop: LoopConfig | None = None
    codec_noise: float = 0.1

    @property
    def loops(self) -> dict[str, LoopConfig]:
        """The training of each of its stages by name, in their order."""
        loops = {
            "codec": self.codec_loop,
            "decoder": self.decoder_loop,
            "preview": self.preview_loop,
            "text": self.text_loop,
            "backbone": self.loop,
        }
        return {name: loop for name, loop in loops.items() if loop is not None}


def load_recipe(path: Path) -> Recipe:
    """Read a recipe.

    Raises:
        RecipeError: the file cannot be read, is not TOML, or has an unknown, missing or invalid entry.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(path, message("cannot be read: {fault}", fault=error.strerror)) from error
    except (
        ValueError,
        RecursionError,
    ) as error:  # ValueError: also bytes that are not UTF-8, and endless digits
        raise RecipeError(path, message("is not valid TOML: {fault}", fault=error)) from error
    if unknown := sorted(set(raw) - set(SECTIONS)):
        raise RecipeError(path, message("has unknown sections: {names}", names=", ".join(unknown)))
    sections = {name: _table(path, name, raw) for name in SECTIONS}
    kind = sections["backbone"].pop("kind", "unet")
    if kind not in BACKBONES:
        known = ", ".join(BACKBONES)
        raise RecipeError(
            path,
            message("has the unknown backbone {kind} (there are: {known})", kind=repr(kind), known=known),
        )
    noise = _noise(path, sections["codec"].pop("noise", 0.1))
    loops = {
        name: _section(path, name, LoopConfig, sections[name]) if name in raw else None
        for name in ("codec_train", "decoder_train", "preview_train", "text_train")
    }
    codec = _section(path, "codec", CodecConfig, sections["codec"]) if loops["codec_train"] else None
    channels, downscale = (3, 1) if codec is None else (codec.channels, 2 ** len(codec.widths))
    data = _section(path, "data", DataConfig, sections["data"])
    if data.kind == "pictograms" and data.shift >= data.size:
        raise RecipeError(path, message("needs a shift smaller than the picture"))
    side = data.size // downscale
    text = _section(path, "text", TextConfig, sections["text"])
    text = dataclasses.replace(text, draft=(channels, side, side) if loops["text_train"] else ())
    # These follow from the other sections.
    derived = {"channels": channels, "text": text.features}
    if loops["text_train"]:
        derived["draft"] = channels
    preview = sections["preview"] | {"channels": channels, "downscale": downscale}
    diffusion = _section(path, "diffusion", DiffusionConfig, sections["diffusion"])
    if diffusion.schedule not in SCHEDULES:
        known = ", ".join(SCHEDULES)
        raise RecipeError(
            path,
            message(
                "has the unknown schedule {name} (there are: {known})",
                name=repr(diffusion.schedule),
                known=known,
            ),
        )
    return Recipe(
        path=path,
        about=_section(path, "about", AboutConfig, sections["about"]),
        data=data,
        diffusion=diffusion,
        text=text,
        backbone_kind=kind,
        backbone=_section(path, "backbone", BACKBONES[kind][0], sections["backbone"] | derived),
        loop=_section(path, "train", LoopConfig, sections["train"]),
        codec=codec,
        codec_loop=loops["codec_train"],
        decoder_loop=loops["decoder_train"] if codec else None,
        text_loop=loops["text_train"],
        preview=_section(path, "preview", PreviewConfig, preview) if codec else None,
        preview_loop=loops["preview_train"] if codec else None,
        codec_noise=noise,
    )


def _noise(path: Path, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_NOISE:
        reason = message("needs noise in [codec] to be 0 to 10, not {value}", value=quoted(value))
        raise RecipeError(path, reason)
    return float(value)


def _table(path: Path, name: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    table = raw.get(name, {})
    if not isinstance(table, dict):
        raise RecipeError(path, message("needs [{name}] to be a section", name=name))
    renamed: dict[str, Any] = {RENAMED.get((name, entry)) or entry: value for entry, value in table.items()}
    return renamed


def _section(path: Path, name: str, config: type[_C], values: Mapping[str, Any]) -> _C:
    """Return the configuration that a section's entries describe; raises RecipeError."""
    try:
        return convert(values, config)
    except InvalidJsonError as error:
        match error.kind:
            case "unknown":
                reason = message(
                    "has unknown entries in [{section}]: {entry}", section=name, entry=error.field or "?"
                )
            case "missing":
                reason = message("lacks the entry {entry} in [{section}]", entry=error.field, section=name)
            case _:
                reason = message(
                    "has an invalid entry: {entry} in [{section}] {reason}",
                    entry=error.field,
                    section=name,
                    reason=error.reason,
                )
        raise RecipeError(path, reason) from error
