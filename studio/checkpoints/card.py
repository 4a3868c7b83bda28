"""A model's card: what its weights are, what they were made from, and how well they do.

The card lies beside the weights as ``card.json``. It is read strictly, because a model may come from a
stranger: every field has a type and a range, unknown fields are refused, and each refusal is one sentence
that names the file and the field. Importable without torch.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from studio.checkpoints.strict import Fields, parse, quoted, thawed
from studio.diffusion.prediction import PREDICTION_KINDS, PredictionKind
from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.spacings import SPACINGS
from studio.errors import CheckpointError
from studio.messages import Message, message

_PATHS: Sequence[tuple[Message, tuple[str, ...]]] = (
    (message("top-1"), ("top1",)),
    (message("top-5"), ("top5",)),
    (message("Korean top-1"), ("languages", "ko", "top1")),
    (message("background"), ("background",)),
    (message("count"), ("compositions", "count")),
    (message("position"), ("compositions", "position")),
    (message("size"), ("compositions", "size")),
)


def headline_figures(evaluation: Mapping[str, Any]) -> list[tuple[Message, float]]:
    """Return the most telling shares, 0 to 1, each with its name; none where there are none."""
    found = [(name, _at(evaluation, path)) for name, path in _PATHS]
    return [(name, value) for name, value in found if value is not None]


def _at(value: object, path: Sequence[str]) -> float | None:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        return None
    return float(value)


FORMAT_VERSION = 1
MAX_CARD_BYTES = 1_000_000

MAX_SIDE_PX = 2048
MAX_SIZES = 32
MAX_LATENT_CHANNELS = 256
MAX_DOWNSCALE = 64
MAX_STEPS = 1000
MAX_GUIDANCE = 30.0
MAX_PARAMETERS = 10**11

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_KIND = re.compile(r"[a-z][a-z0-9_]{0,31}")
_UNNAMED = Path("card.json")


@dataclass(frozen=True, kw_only=True)
class Component:
    """One part of a model.

    Attributes:
        kind: its name in the registry of such parts, such as "unet".
        config: JSON values; what that kind is built from.
    """

    kind: str
    config: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @classmethod
    def read(cls, value: object, path: Path, where: str) -> Self:
        """Return the component of a JSON object; what its ``config`` means is checked when it is built."""
        fields = Fields(value, path, where)
        kind = fields.text("kind", 32)
        if not _KIND.fullmatch(kind):
            raise fields.refuse("kind", f"must be a short lower-case name, not {quoted(kind)}")
        config = fields.mapping("config")
        fields.finish()
        return cls(kind=kind, config=config)


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """What is used where a request leaves it open.

    Attributes:
        sampler: a sampler's name.
        steps: how many times t are visited.
        guidance: w in ``uncond + w * (cond - uncond)``; 1 is off.
        spacing: a spacing's name.
    """

    sampler: str = "ddim"
    steps: int = 30
    guidance: float = 1.0
    spacing: str = "trailing"

    @classmethod
    def read(cls, value: object, path: Path) -> Self:
        """Return the defaults that a JSON object describes."""
        fields = Fields(value, path, "defaults")
        defaults = cls(
            sampler=fields.choice("sampler", SAMPLERS),
            steps=fields.whole("steps", 1, MAX_STEPS),
            guidance=fields.number("guidance", 0, MAX_GUIDANCE),
            spacing=fields.choice("spacing", SPACINGS),
        )
        fields.finish()
        return defaults


@dataclass(frozen=True, kw_only=True)
class ModelCard:
    """Everything about a model but its weights. Always valid: making one checks it as reading one does.

    Attributes:
        name: lower-case letters, digits, ``.``, ``_`` and ``-``; what ``--model`` takes.
        title: the name for people.
        backbone: what denoises.
        text: what turns prompts into a condition; None: the model is unconditional.
        codec: what lies between pictures and what the sampler sees.
        schedule: the noise schedule it was trained with.
        prediction: what the backbone's output means: "eps", "v" or "x0".
        sizes: (width, height) in pixels of the pictures it makes; the first is the default.
        downscale: pixels per latent cell along each side.
        latent_shape: (C, H, W) of what the sampler sees at the default size.
        clip: whether x0_hat is clipped to [-1, 1] (for models of pixels).
        defaults: what a request leaves open.
        licence: under what terms the weights may be used.
        training_data: what it was trained on, and under what licence that is.
        recipe: the name of the recipe that makes it again.
        evaluation: what was measured, JSON values.
        training: how it was made in the program: its recipe, the hash of the data, the step; JSON values.
        parameters: numbers in the weights file; set when saved.
        weights_sha256: the hash of the weights file, lower-case hexadecimal; set when saved, empty before.

    Raises:
        CheckpointError: a field is malformed.
    """

    name: str
    title: str
    backbone: Component
    text: Component | None
    codec: Component
    schedule: Component
    prediction: PredictionKind
    sizes: tuple[tuple[int, int], ...]
    downscale: int
    latent_shape: tuple[int, int, int]
    clip: bool
    defaults: Defaults
    licence: str
    training_data: str
    recipe: str = ""
    evaluation: Mapping[str, Any] = field(default_factory=dict, hash=False)
    training: Mapping[str, Any] = field(default_factory=dict, hash=False)
    parameters: int = 0
    weights_sha256: str = ""

    def __post_init__(self) -> None:
        """Check every field by the rules for reading, and keep copies that cannot change."""
        checked = _check(Fields(_plain(self), _UNNAMED))
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def latent_shape_for(self, width: int, height: int) -> tuple[int, int, int]:
        """Return (C, H, W) of what the sampler sees for pictures of ``width`` x ``height`` pixels."""
        return self.latent_shape[0], height // self.downscale, width // self.downscale

    def to_dict(self) -> dict[str, Any]:
        """Return the card as JSON values."""
        return {"format_version": FORMAT_VERSION, **_plain(self)}

    def to_json(self) -> str:
        """Return the card as the text of ``card.json``."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_dict(cls, value: object, path: Path = _UNNAMED) -> Self:
        """Return the card that JSON values describe.

        Args:
            value: what `to_dict` returns.
            path: the file they came from, for the sentence.

        Raises:
            CheckpointError: they are no card of this version.
        """
        fields = Fields(value, path)
        version = fields.take("format_version")
        if type(version) is not int or version != FORMAT_VERSION:
            raise fields.refuse("format_version", f"must be {FORMAT_VERSION}, not {quoted(version)}")
        return cls(**_check(fields))

    @classmethod
    def from_json(cls, text: str | bytes, path: Path = _UNNAMED) -> Self:
        """Return the card that the text of a ``card.json`` describes.

        Raises:
            CheckpointError: it is not strict JSON, longer than a card can be, or as `from_dict`.
        """
        data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        if len(data) > MAX_CARD_BYTES:
            raise CheckpointError(path, f"is larger than a card can be ({MAX_CARD_BYTES:,} bytes)")
        return cls.from_dict(parse(data, path), path)


def _plain(value: object) -> Any:  # noqa: ANN401
    if isinstance(value, ModelCard | Component | Defaults):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return thawed(value)


def _check(fields: Fields) -> dict[str, Any]:
    """Return a card's fields by name, checked and frozen."""
    path = fields.path
    name = fields.text("name", 64)
    if not _NAME.fullmatch(name):
        raise fields.refuse("name", f"must be of a-z, 0-9, '.', '_' and '-', not {quoted(name)}")
    text = fields.take("text")
    checked: dict[str, Any] = {
        "name": name,
        "title": fields.text("title"),
        "backbone": Component.read(fields.take("backbone"), path, "backbone"),
        "text": None if text is None else Component.read(text, path, "text"),
        "codec": Component.read(fields.take("codec"), path, "codec"),
        "schedule": Component.read(fields.take("schedule"), path, "schedule"),
        "prediction": fields.choice("prediction", PREDICTION_KINDS),
        "sizes": _sizes(fields),
        "downscale": fields.whole("downscale", 1, MAX_DOWNSCALE),
        "latent_shape": fields.wholes("latent_shape", 3, 1, MAX_SIDE_PX),
        "clip": fields.flag("clip"),
        "defaults": Defaults.read(fields.take("defaults"), path),
        "licence": fields.text("licence", 2000),
        "training_data": fields.text("training_data", 20_000),
        "recipe": fields.text("recipe", 200, empty=True),
        "evaluation": fields.mapping("evaluation"),
        "training": fields.mapping("training", optional=True),
        "parameters": fields.whole("parameters", 0, MAX_PARAMETERS),
        "weights_sha256": fields.sha256("weights_sha256", empty=True),
    }
    fields.finish()
    _check_shapes(fields, checked["sizes"], checked["downscale"], checked["latent_shape"])
    return checked


def _sizes(fields: Fields) -> tuple[tuple[int, int], ...]:
    value = fields.take("sizes")
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= MAX_SIZES:
        raise fields.refuse("sizes", f"must be 1 to {MAX_SIZES} pairs of width and height")
    pairs = [Fields({"sizes": pair}, fields.path).wholes("sizes", 2, 1, MAX_SIDE_PX) for pair in value]
    return tuple((width, height) for width, height in pairs)


def _check_shapes(
    fields: Fields, sizes: tuple[tuple[int, int], ...], downscale: int, latent_shape: tuple[int, int, int]
) -> None:
    channels, height, width = latent_shape
    if channels > MAX_LATENT_CHANNELS:
        raise fields.refuse("latent_shape", f"must have at most {MAX_LATENT_CHANNELS} channels")
    if (width * downscale, height * downscale) != sizes[0]:
        wide, high = sizes[0]
        raise fields.refuse("latent_shape", f"times {downscale} must be the default size {wide}x{high}")
    if any(side % downscale for size in sizes for side in size):
        raise fields.refuse("sizes", f"must all be multiples of {downscale}")
