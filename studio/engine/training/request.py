"""The request for a training: a frozen value with everything that determines a model. Importable without torch."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from msgspec import Meta

from studio import strict_json
from studio.diffusion.prediction import TrainedKind  # noqa: TC001 - msgspec reads the annotations
from studio.diffusion.seeds import DISTINCT_SEEDS
from studio.engine.requests.checks import Text, check_fields, check_value, read_request
from studio.engine.requests.generate import MAX_PROMPT, ModelName, Prompt, check_known
from studio.engine.training.scales import SCALES
from studio.messages import message
from studio.strict_json import must, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from studio.folders import Folders

FORMAT_VERSION = 1
PICTOGRAMS = "pictograms"
STATES = ".training"
"""The folder within that of the models where trainings keep their state; no model can have its name."""
SCHEDULE_NAMES = ("cosine", "linear", "scaled_linear")
WITHOUT_SIGNAL = ("cosine",)
"""The schedules at whose noisiest time hardly any signal is left."""
SIDES = (32, 48, 64, 96, 128, 192, 256)
"""Picture sizes to offer; any multiple of 16 from 16 to 256 is valid."""
MAX_SAMPLES = 8
MAX_STEPS = 10_000_000
_Name = Annotated[
    str,
    Meta(
        # A checkpoint's name, with its step, must still be a model's.
        pattern=r"\A[a-z0-9][a-z0-9._-]{0,47}\Z",
        extra=must(
            lambda name: message("must be of a-z, 0-9, '.', '_' and '-', not {name}", name=quoted(name))
        ),
    ),
]
_Side = Annotated[
    int,
    Meta(
        ge=16,
        le=256,
        multiple_of=16,
        extra=must(
            lambda side: message("must be a multiple of 16 from 16 to 256, not {size}", size=quoted(side))
        ),
    ),
]
_Steps = Annotated[int, Meta(ge=1, le=MAX_STEPS)]
_Seconds = Annotated[float, Meta(ge=0, le=1e6)]
_SamplePrompts = Annotated[
    tuple[Prompt, ...],
    Meta(
        max_length=MAX_SAMPLES,
        extra=must(
            message(
                "must be at most {count} texts of at most {most:,} characters",
                count=MAX_SAMPLES,
                most=MAX_PROMPT,
            )
        ),
    ),
]

RUN_ONLY = ("title", "sample_prompts", "sample_seconds", "save_seconds", "keep_last", "keep_every")
"""Fields that do not affect the weights: a training can be resumed with other values."""


@dataclass(frozen=True, kw_only=True)
class TrainRequest:
    """Train a model called ``name`` on the pictures of ``source``.

    Attributes:
        source: the path of a folder of pictures, the path of a recipe (.toml, which then determines everything but
            name, samples and checkpoints), or "pictograms".
        name: of the model: lower-case letters, digits, ``.``, ``_`` and ``-``; checkpoints add "-" and their step.
        title: the model's display name; empty: ``name``.
        size: side of the pictures in pixels, a multiple of 16.
        backbone: "unet" or "dit".
        scale: a name in `SCALES`.
        schedule: "cosine", "linear" or "scaled_linear".
        prediction: what the backbone predicts: "eps", "v" or "x0".
        latents: whether a codec is trained first and the backbone in its latents; otherwise in pixels.
        dropout: caption dropout: how often the caption is left out, 0 to 1.
        steps: optimizer steps of the backbone.
        batch: batch size of the backbone.
        learning_rate: the highest learning rate.
        min_snr: gamma of min-SNR loss weighting; None: no weighting.
        seed: of everything random.
        codec_steps: optimizer steps of the codec, with a batch size of 64.
        text_steps: optimizer steps of the text encoder's drafts, with a batch size of 256; 0: it is trained with the
            backbone instead.
        base: name of a model to start from: its parts, schedule, prediction and size are kept. Empty: from scratch.
        sample_prompts: prompts of the samples; none: four captions of the data.
        sample_seconds: time between samples.
        save_seconds: time between checkpoints.
        keep_last: number of the latest checkpoints to keep.
        keep_every: checkpoints whose step is a multiple of this are kept too.
    """

    source: ModelName
    name: _Name
    title: Annotated[Text, Meta(max_length=200)] = ""
    size: _Side = 64
    backbone: Literal["unet", "dit"] = "unet"
    scale: str = "small"
    schedule: str = "cosine"
    prediction: TrainedKind = "v"
    latents: bool = True
    dropout: Annotated[float, Meta(ge=0, le=1)] = 0.1
    steps: _Steps = 4000
    batch: Annotated[int, Meta(ge=1, le=1024)] = 32
    learning_rate: Annotated[float, Meta(ge=1e-7, le=0.5)] = 1e-3
    min_snr: Annotated[float, Meta(ge=0.01, le=1000)] | None = None
    seed: Annotated[int, Meta(ge=0, le=DISTINCT_SEEDS - 1)] = 0
    codec_steps: _Steps = 1000
    text_steps: Annotated[int, Meta(ge=0, le=MAX_STEPS)] = 500
    base: str = ""
    sample_prompts: _SamplePrompts = ()
    sample_seconds: _Seconds = 20.0
    save_seconds: _Seconds = 60.0
    keep_last: Annotated[int, Meta(ge=1, le=1000)] = 3
    keep_every: _Steps = 1000

    def validate(self) -> Self:
        """Return the request itself if it is valid.

        Raises:
            RequestError: a field holds an invalid value; the sentence names the field.
        """
        check_fields(self)
        check_known("scale", self.scale, SCALES[self.backbone])
        check_known("schedule", self.schedule, SCHEDULE_NAMES)
        if self.base:
            check_value("base", self.base, ModelName)
        return self

    @property
    def starts_without_signal(self) -> bool:
        """Whether the model predicts eps of latents, and its states at the noisiest time are noise alone.

        Its error there would be multiplied by 20,000; see `studio.diffusion.prediction.error_factor`.
        """
        return self.prediction == "eps" and self.latents and self.schedule in WITHOUT_SIGNAL

    @property
    def from_recipe(self) -> bool:
        return self.source.lower().endswith(".toml")

    def same_training(self, other: TrainRequest) -> bool:
        """Whether both give the same weights, so that one can resume the other's training."""
        return dataclasses.replace(self, **{name: getattr(other, name) for name in RUN_ONLY}) == other

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values, with the version of this format."""
        fields = strict_json.fields_of(self)
        return {"version": FORMAT_VERSION, **fields, "sample_prompts": list(self.sample_prompts)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the validated request that `to_dict` wrote; missing fields have their defaults.

        Raises:
            RequestError: a field is unknown, missing or invalid, or the version is unknown.
        """
        return read_request(values, cls, FORMAT_VERSION).validate()


@dataclass(frozen=True, kw_only=True)
class TrainEstimate:
    """The cost of a training on this machine.

    Attributes:
        seconds: of all stages; None before a similar training was measured on this machine.
        memory_bytes: approximate peak memory.
        parameters: number of parameters of the whole model.
    """

    seconds: float | None
    memory_bytes: int
    parameters: int


def default_request(source: Path | str, folders: Folders | None = None) -> TrainRequest:
    """Return the default request for a folder, a recipe or "pictograms".

    Args:
        source: as in `TrainRequest`.
        folders: the user's folders; the request then has a name that no model has.
    """
    if str(source) == PICTOGRAMS:
        request = TrainRequest(source=PICTOGRAMS, name=PICTOGRAMS, title="Pictograms")
    else:
        path = Path(source).absolute()
        title = path.stem if path.suffix == ".toml" else path.name
        name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40].strip("-") or "pictures"
        title = "".join(filter(str.isprintable, title)).strip()[:200]
        request = TrainRequest(source=str(path), name=name, title=title)
    if folders is None:
        return request
    name, number = request.name, 1
    while (folders.models / name).exists() or (folders.models / STATES / name).exists():
        number += 1
        name = f"{request.name}-{number}"
    return replace(request, name=name)
