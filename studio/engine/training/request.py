"""What to train: a frozen value with everything that determines a model. Importable without torch."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from studio.diffusion.prediction import PREDICTION_KINDS, PredictionKind
from studio.engine.requests.checks import check_name, check_number, check_text, check_whole, show
from studio.engine.requests.generate import MAX_PATH, MAX_PROMPT, check_known
from studio.engine.training.scales import SCALES
from studio.errors import RequestError
from studio.messages import message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from studio.folders import Folders

FORMAT_VERSION = 1
PICTOGRAMS = "pictograms"
STATES = ".training"
"""The folder within that of the models where trainings keep their state; no model can have its name."""
SCHEDULE_NAMES = ("cosine", "linear", "scaled_linear")
SIDES = (32, 48, 64, 96, 128, 192, 256)
"""Picture sizes to offer; any multiple of 16 from 16 to 256 is valid."""
MAX_SAMPLES = 8
MAX_STEPS = 10_000_000
_NAME = re.compile(
    r"[a-z0-9][a-z0-9._-]{0,47}"
)  # a checkpoint's name, with its step, must still be a model's

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

    source: str
    name: str
    title: str = ""
    size: int = 64
    backbone: Literal["unet", "dit"] = "unet"
    scale: str = "small"
    schedule: str = "cosine"
    prediction: PredictionKind = "v"
    latents: bool = True
    dropout: float = 0.1
    steps: int = 4000
    batch: int = 32
    learning_rate: float = 1e-3
    min_snr: float | None = None
    seed: int = 0
    codec_steps: int = 1000
    text_steps: int = 500
    base: str = ""
    sample_prompts: tuple[str, ...] = ()
    sample_seconds: float = 20.0
    save_seconds: float = 60.0
    keep_last: int = 3
    keep_every: int = 1000

    def validate(self) -> Self:
        """Return the request itself if it is valid.

        Raises:
            RequestError: a field holds an invalid value; the sentence names the field.
        """
        check_name("source", self.source, MAX_PATH)
        check_name("name", self.name)
        if not _NAME.fullmatch(self.name):
            raise RequestError(
                "name", message("must be of a-z, 0-9, '.', '_' and '-', not {name}", name=show(self.name))
            )
        check_text("title", self.title, 200)
        check_whole("size", self.size, 16, 256)
        if self.size % 16:
            raise RequestError("size", message("must be a multiple of 16, not {size}", size=self.size))
        check_known("backbone", self.backbone, list(SCALES))
        check_known("scale", self.scale, SCALES[self.backbone])
        check_known("schedule", self.schedule, list(SCHEDULE_NAMES))
        check_known("prediction", self.prediction, list(PREDICTION_KINDS))
        if not isinstance(self.latents, bool):
            raise RequestError("latents", message("must be true or false"))
        check_number("dropout", self.dropout, 0, 1)
        check_whole("steps", self.steps, 1, MAX_STEPS)
        check_whole("batch", self.batch, 1, 1024)
        check_number("learning_rate", self.learning_rate, 1e-7, 0.5)
        check_number("min_snr", self.min_snr, 0.01, 1000, optional=True)
        check_whole("seed", self.seed, 0, 2**32 - 1)
        check_whole("codec_steps", self.codec_steps, 1, MAX_STEPS)
        check_whole("text_steps", self.text_steps, 0, MAX_STEPS)
        if self.base:
            check_name("base", self.base, MAX_PATH)
        self._check_run()
        return self

    def _check_run(self) -> None:
        if type(self.sample_prompts) is not tuple or len(self.sample_prompts) > MAX_SAMPLES:
            raise RequestError("sample_prompts", message("must be at most {count} texts", count=MAX_SAMPLES))
        for prompt in self.sample_prompts:
            check_text("sample_prompts", prompt, MAX_PROMPT)
        check_number("sample_seconds", self.sample_seconds, 0, 1e6)
        check_number("save_seconds", self.save_seconds, 0, 1e6)
        check_whole("keep_last", self.keep_last, 1, 1000)
        check_whole("keep_every", self.keep_every, 1, MAX_STEPS)

    @property
    def from_recipe(self) -> bool:
        return self.source.lower().endswith(".toml")

    def same_training(self, other: TrainRequest) -> bool:
        """Whether both give the same weights, so that one can resume the other's training."""
        return dataclasses.replace(self, **{name: getattr(other, name) for name in RUN_ONLY}) == other

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values, with the version of this format."""
        fields = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        return {"version": FORMAT_VERSION, **fields, "sample_prompts": list(self.sample_prompts)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the validated request that `to_dict` wrote; missing fields have their defaults.

        Raises:
            RequestError: a field is unknown, missing or invalid, or the version is unknown.
        """
        values = dict(values)
        version = values.pop("version", FORMAT_VERSION)
        if type(version) is not int or version != FORMAT_VERSION:
            raise RequestError(
                "version",
                message(
                    "must be {version}; a newer program may have written this request", version=FORMAT_VERSION
                ),
            )
        known = [item.name for item in dataclasses.fields(cls)]
        for name in values:
            check_known("field", name, known)
        for name in ("source", "name"):
            if name not in values:
                raise RequestError(name, message("is missing"))
        prompts = values.get("sample_prompts")
        if isinstance(prompts, list):
            values["sample_prompts"] = tuple(prompts)
        return cls(**values).validate()


@dataclass(frozen=True, kw_only=True)
class TrainEstimate:
    """What a training takes on this machine.

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
