"""The metadata in a picture file on how the picture was made, as text.

The JSON is complete (the whole request, the model, the program, and where a fork came from), versioned and strict: a
reader requires every field of its version with the right type, refuses unknown ones, and never meets NaN or half a
character. It contains no path and no user name: a model is its name and its hash.

`parameters_text` is for other programs: the ``parameters`` text of AUTOMATIC1111's web UI, which many of them read. It
has three parts: the prompt, a line ``Negative prompt: ...`` if there is one, and a last line of ``Name: value`` pairs,
in which values with commas, colons or line breaks are written as JSON strings.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from msgspec import Meta

from studio.diffusion.seeds import DISTINCT_SEEDS
from studio.engine.memory_plan import Rung  # noqa: TC001 - msgspec reads the annotations
from studio.engine.requests.adapters import AdapterRecords  # noqa: TC001 - msgspec reads the annotations
from studio.engine.requests.checks import (
    Name,
    NameOrEmpty,
    Precisions,
    Seed,
    Sha256,
    Text,
    Time,
    Versions,
    as_request_error,
    check_whole,
    in_utc,
)
from studio.engine.requests.generate import GenerateRequest
from studio.errors import RequestError, shorten
from studio.messages import message
from studio.strict_json import (
    InvalidJsonError,
    convert,
    convert_fields,
    fields_of,
    must,
    parse,
    quoted,
    without_version,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from studio.engine.events import PictureDone


OriginKind = Literal["fork", "step"]
MAX_STEP = 10_000


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The step of another run that a picture comes from.

    Attributes:
        run: that run's id; "" if it was not recorded.
        step: how many steps that run had taken.
        of: how many steps that run took altogether.
        kind: "step" if the picture shows that very step, "fork" if it was made by a fork from there.

    Raises:
        RequestError: the step is none of that run.
    """

    run: NameOrEmpty
    step: Annotated[int, Meta(ge=0, le=MAX_STEP)]
    of: Annotated[int, Meta(ge=1, le=MAX_STEP)]
    kind: OriginKind

    def __post_init__(self) -> None:
        check_whole("origin.step", self.step, 0, self.of)

    def __str__(self) -> str:
        """Return the English text for the ``parameters`` of a file."""
        return f"{'forked from ' if self.kind == 'fork' else ''}step {self.step} of {self.of}"


Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

FORMAT_VERSION = 3
"""Of pictures with adapters or precisions. Others are written as version 2 if they have an origin and else as version
1, which older programs read too."""
_ADDED_FIELDS = MappingProxyType({1: (), 2: ("origin",), 3: ("origin", "adapters", "precisions", "rungs")})
"""The fields that each version may have besides those of the first."""
MAX_TEXT_BYTES = 256_000
_MAX_DEPTH = 8
_MAX_WHOLE = 2**64


@dataclass(frozen=True, kw_only=True)
class PictureMetadata:
    """Everything needed to make the picture again, and what making it took.

    Attributes:
        request: the resolved request as JSON values, kept as it is. Do not change it.
        image: which picture of the request this is, from 0.
        seed: the seed it started from.
        model: the model's name; only the last part of a path is kept.
        model_sha256: hash of its weights.
        device: where the backbone ran, such as "cpu".
        dtype: the precision of the backbone, such as "float32".
        versions: of this program, Python and torch, by name.
        x_T_sha256: hash of the initial noise.
        final_sha256: hash of the last state.
        model_calls: backbone evaluations spent on it.
        seconds: time spent on it.
        created: when it was finished, in UTC.
        origin: the step of a recorded run that it was saved from or forked from; None if it has none.
        adapters: the LoRAs and textual inversions that it was made with.
        precisions: the precision in which each part of the model computed, by the part's name; empty: all in ``dtype``.
        rungs: what was done so that it fitted in memory.

    Raises:
        RequestError: a field has the wrong type or is out of range, or all together are too large to keep.
    """

    request: Mapping[str, Any]
    image: Annotated[int, Meta(ge=0, le=DISTINCT_SEEDS - 1)] = 0
    seed: Seed
    model: Annotated[Text, Meta(min_length=1)]
    model_sha256: Sha256
    device: Name
    dtype: Name
    versions: Versions
    x_T_sha256: Sha256  # the symbol of the field
    final_sha256: Sha256
    model_calls: Annotated[int, Meta(ge=0, le=10**9)]
    seconds: Annotated[float, Meta(ge=0, le=1e9)]
    created: Time = field(default_factory=lambda: datetime.now(UTC))
    origin: Annotated[Origin | None, Meta(extra=must(message("must be a step of a run")))] = None
    adapters: AdapterRecords = ()
    precisions: Precisions = field(default_factory=dict)
    rungs: tuple[Rung, ...] = ()

    def __post_init__(self) -> None:
        """Check every field, and keep copies of the mappings."""
        with as_request_error("metadata"):
            fields = convert_fields(fields_of(self), PictureMetadata)
            name = fields["model"].replace("\\", "/").rstrip("/").rpartition("/")[2]
            fields["model"] = convert(name, Name, "model")
            fields["request"] = request = _plain(fields["request"], "request")
            if isinstance(request.get("model"), str):
                request["model"] = name  # what was typed may be a path
            fields["created"] = in_utc("created", self.created)
        for field_name, value in fields.items():
            object.__setattr__(self, field_name, value)
        if len(self.to_json()) > MAX_TEXT_BYTES:
            reason = message(
                "takes more than the {most:,} bytes that can be stored in a picture", most=MAX_TEXT_BYTES
            )
            raise RequestError("request", reason)

    @classmethod
    def of(cls, done: PictureDone, origin: Origin | None = None) -> Self:
        """Return the metadata of a picture that was just made."""
        return cls(
            request=done.request.to_dict(),
            image=done.image,
            seed=done.seed,
            model=done.request.model,
            model_sha256=done.model_sha256,
            device=done.device,
            dtype=done.dtype,
            versions=done.versions,
            x_T_sha256=done.x_T_sha256,
            final_sha256=done.final_sha256,
            model_calls=done.model_calls,
            seconds=done.seconds,
            origin=origin,
            adapters=done.adapters,
            precisions=done.precisions,
            rungs=done.rungs,
        )

    def generate_request(self) -> GenerateRequest:
        """Return the request that makes this one picture again. Raises RequestError if this program cannot use it."""
        return GenerateRequest.of_picture(self.request, self.seed)

    def to_json(self) -> str:
        """Return one line of strict JSON in ASCII."""
        values = {**fields_of(self), "created": self.created.isoformat()}
        if self.origin is None:
            del values["origin"]
        else:
            values["origin"] = asdict(self.origin)
        version = 1 if self.origin is None else 2
        if self.adapters or self.precisions or self.rungs:
            values["adapters"], version = [asdict(one) for one in self.adapters], FORMAT_VERSION
        else:
            del values["adapters"], values["precisions"], values["rungs"]
        return json.dumps({"version": version, **values}, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the metadata that `to_json` wrote.

        Raises:
            RequestError: it is not strict JSON, its version is not known here, or a field is missing, unknown or
                wrong.
        """
        if len(text) > MAX_TEXT_BYTES:
            reason = message("must be at most {most:,} bytes of JSON", most=MAX_TEXT_BYTES)
            raise RequestError("metadata", reason)
        with as_request_error("metadata"):
            parsed = parse(text)
            values = without_version(parsed, FORMAT_VERSION, "version")
            allowed = _ADDED_FIELDS[parsed["version"]]
            for name in {"origin", "adapters", "precisions", "rungs"} & values.keys():
                if name not in allowed:
                    raise InvalidJsonError(name, message("is not a field of this version"))
            if parsed["version"] == 2 or "origin" in values:
                values["origin"] = convert(values.get("origin"), Origin, "origin")
            return convert(
                {"origin": None, "adapters": [], "precisions": {}, "rungs": [], **values}, cls, complete=True
            )


def _plain(value: object, where: str, depth: int = 0) -> Any:  # noqa: ANN401 - JSON is whatever it is
    """Return a copy of ``value`` made of dicts, lists and plain values. Raises InvalidJsonError for anything else."""
    if depth > _MAX_DEPTH:
        raise InvalidJsonError(where, message("is nested deeper than {most} levels", most=_MAX_DEPTH))
    match value:
        case Mapping():
            names = [convert(name, Name, f"a name in {where}") for name in value]
            return {name: _plain(value[name], shorten(f"{where}.{name}"), depth + 1) for name in names}
        case list() | tuple():
            return [_plain(item, where, depth + 1) for item in value]
        case str():
            return convert(value, Text, where)
        case None | bool():
            return value
        case int() if abs(value) < _MAX_WHOLE:
            return value
        case float() if math.isfinite(value):
            return value
    reason = message("contains {value}, which JSON cannot represent exactly", value=quoted(value))
    raise InvalidJsonError(where, reason)


SHORT_HASH = 10

# Other programs compare the name with those of their samplers, which are written like this.
_SAMPLER_NAMES = {"ddim": "DDIM", "ddpm": "DDPM"}
_EMPHASES = {"none": "Ignore"}  # the web UI has no name for ComfyUI's, and its own is the default


def parameters_text(metadata: PictureMetadata, width: int, height: int) -> str:
    """Return the text for a picture of ``width`` x ``height`` pixels. What the request leaves open is left out."""
    request = metadata.request
    lines = [_text(request.get("prompt"))]
    negative = _text(request.get("negative"))
    if negative:
        lines.append(f"Negative prompt: {negative}")
    pairs = (f"{name}: {_quoted(value)}" for name, value in _pairs(metadata, width, height) if value)
    return "\n".join([*lines, ", ".join(pairs)])


def _pairs(metadata: PictureMetadata, width: int, height: int) -> Iterator[tuple[str, str]]:
    request = metadata.request
    sampler = _text(request.get("sampler"))
    options = request.get("options")
    yield "Steps", _number(request.get("steps"))
    yield "Sampler", _SAMPLER_NAMES.get(sampler, sampler)
    yield "CFG scale", _number(request.get("guidance"))
    yield "Seed", str(metadata.seed)
    yield "Size", f"{width}x{height}"
    yield "Model hash", metadata.model_sha256[:SHORT_HASH]
    yield "Model", metadata.model
    yield "Clip skip", _number(request.get("clip_skip"))
    yield "Emphasis", _EMPHASES.get(_text(request.get("emphasis")), "")
    yield "Eta", _number(options.get("eta")) if isinstance(options, dict) else ""
    yield "Origin", str(metadata.origin or "")
    yield "Version", f"Stepwise Studio {metadata.versions.get('stepwise-studio', '')}".strip()


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Json) -> str:
    """Return the shortest text of a number (7, 7.5), "" for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    return str(int(value)) if value == int(value) else repr(value)


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if any(mark in value for mark in ',:\n\r"') else value
