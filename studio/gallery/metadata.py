"""What a picture remembers of its making, and how that is kept in its file.

The text is complete (the whole request and where its answer came from), versioned and strict: a reader takes every
field of its version with the right type, refuses what it does not know, and never meets NaN or half a character.
It holds no file path and no user name: a model is its name and its hash.

The ``parameters`` text by which AUTOMATIC1111's web UI and its many readers tell how a picture was made.

Three parts: the prompt, a line ``Negative prompt: ...`` where there is one, and a last line of ``Name: value`` pairs
in which values with commas, colons or line breaks are written as JSON strings. The text is for other programs: ours
reads its own JSON, which loses nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Self

from studio.engine.requests.checks import check_name, check_number, check_text, check_whole
from studio.errors import RequestError, shorten
from studio.messages import message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from studio.engine.events import PictureDone


OriginKind = Literal["fork", "step"]
MAX_STEP = 10_000


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The step of another run from which a picture comes.

    Attributes:
        run: that run's id; "" where it was not recorded.
        step: how many steps that run had taken.
        of: how many steps that run took in all.
        kind: "step" where the picture shows that very step, "fork" where another run went on from it.
    """

    run: str
    step: int
    of: int
    kind: OriginKind

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            RequestError: a field has the wrong type or is out of range.
        """
        if self.run != "":
            check_name("origin.run", self.run)
        check_whole("origin.of", self.of, 1, MAX_STEP)
        check_whole("origin.step", self.step, 0, self.of)
        if self.kind not in ("fork", "step"):
            raise RequestError("origin.kind", 'must be "fork" or "step"')

    def __str__(self) -> str:
        """Return it for people."""
        return f"{'forked from ' if self.kind == 'fork' else ''}step {self.step} of {self.of}"


def check_fields(values: Mapping[str, Any], known: set[str], where: str = "") -> None:
    """Refuse an object whose fields are not exactly those ``known``; ``where`` goes before their names."""
    for name in sorted(known - values.keys()):
        raise RequestError(f"{where}{name}", "is missing")
    for name in sorted(values.keys() - known):
        check_name("field", name)
        raise RequestError(shorten(f"{where}{name}"), "is not a field of this version")


def origin_of(values: object) -> Origin:
    """Return the origin that a file's JSON holds.

    Raises:
        RequestError: a field is missing, unknown or wrong.
    """
    if not isinstance(values, dict):
        raise RequestError("origin", "must be a JSON object")
    check_fields(values, {item.name for item in fields(Origin)}, "origin.")
    return Origin(**values)


Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]

FORMAT_VERSION = 2
"""Of pictures with an origin; those without are written as version 1, which older programs read too."""
MAX_TEXT_BYTES = 256_000
MAX_SEED = 2**32 - 1
MIN_YEAR, MAX_YEAR = 1970, 9998
_WRONG_YEAR = message("must be a time of the years {low} to {high}", low=MIN_YEAR, high=MAX_YEAR)
_MAX_DEPTH = 8
_MAX_WHOLE = 2**63
_HEX = frozenset("0123456789abcdef")


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class PictureMetadata:
    """Everything needed to make the picture again, and what making it took.

    Attributes:
        request: the resolved request as JSON values, kept as it is. Do not change it.
        image: which picture of the request this is, from 0.
        seed: the seed it started from.
        model: the model's name; of a path only the last part is kept.
        model_sha256: hash of its weights.
        device: where the backbone ran, such as "cpu".
        dtype: the numbers the backbone ran in, such as "float32".
        versions: of this program and the libraries that matter, by name.
        x_T_sha256: hash of the starting noise.
        final_sha256: hash of the last state.
        model_calls: backbone evaluations spent on it.
        seconds: time spent on it.
        created: when it was finished, in UTC.
        origin: the step of a recorded run that it was kept from or forked at; None where it has none.
    """

    request: Mapping[str, Json]
    image: int = 0
    seed: int
    model: str
    model_sha256: str
    device: str
    dtype: str
    versions: Mapping[str, str]
    x_T_sha256: str  # the symbol of the field
    final_sha256: str
    model_calls: int
    seconds: float
    created: datetime = field(default_factory=_now)
    origin: Origin | None = None

    def __post_init__(self) -> None:
        """Check every field, and keep copies of the mappings.

        Raises:
            RequestError: a field has the wrong type or is out of range, or all together are too large to keep.
        """
        check_name("model", self.model)
        model = self.model.replace("\\", "/").rstrip("/").rpartition("/")[2]
        check_name("model", model)
        object.__setattr__(self, "model", model)
        request = _plain("request", self.request)
        if not isinstance(request, dict):
            raise RequestError("request", "must be a JSON object")
        if isinstance(request.get("model"), str):
            request["model"] = model  # what was typed may be a path
        object.__setattr__(self, "request", request)
        check_whole("image", self.image, 0, MAX_SEED)
        check_whole("seed", self.seed, 0, MAX_SEED)
        check_name("device", self.device)
        check_name("dtype", self.dtype)
        for name in ("model_sha256", "x_T_sha256", "final_sha256"):
            _check_hash(name, getattr(self, name))
        if not isinstance(self.versions, Mapping):
            raise RequestError("versions", "must be names with versions")
        for name, version in self.versions.items():
            check_name("versions", name)
            check_name(shorten(f"versions.{name}"), version)
        object.__setattr__(self, "versions", dict(self.versions))
        check_whole("model_calls", self.model_calls, 0, 10**9)
        check_number("seconds", self.seconds, 0, 1e9)
        _check_time("created", self.created)
        object.__setattr__(self, "created", _in_utc("created", self.created))
        if self.origin is not None and not isinstance(self.origin, Origin):
            raise RequestError("origin", "must be a step of a run")
        if len(self.to_json()) > MAX_TEXT_BYTES:
            raise RequestError("request", f"takes more than {MAX_TEXT_BYTES:,} bytes to keep in a picture")

    @classmethod
    def of(cls, done: PictureDone, origin: Origin | None = None) -> Self:
        """Return what a picture that was just made remembers."""
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
        )

    def to_json(self) -> str:
        """Return one line of strict JSON in ASCII."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        values["created"] = self.created.isoformat()
        version = FORMAT_VERSION
        if self.origin is None:
            version = 1
            del values["origin"]
        else:
            values["origin"] = asdict(self.origin)
        return json.dumps({"version": version, **values}, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return what `to_json` wrote.

        Raises:
            RequestError: it is not strict JSON, its version is not known here, or a field is missing, unknown or
                wrong.
        """
        values = _parse(text)
        version = values.pop("version", None)
        if type(version) is not int or version < 1:
            raise RequestError("version", "must be a whole number from 1")
        if version > FORMAT_VERSION:
            raise RequestError(
                "version",
                f"is {version} and this program reads up to {FORMAT_VERSION}: a newer Stepwise Studio wrote it",
            )
        known = {item.name for item in fields(cls)} - ({"origin"} if version == 1 else set())
        check_fields(values, known)
        if version > 1:
            values["origin"] = origin_of(values["origin"])
        check_text("created", values["created"], 40)
        try:
            values["created"] = datetime.fromisoformat(values["created"])
        except ValueError as error:
            raise RequestError("created", "must be a time such as 2026-01-31T12:00:00+00:00") from error
        return cls(**values)


def _parse(text: str) -> dict[str, Any]:
    if len(text) > MAX_TEXT_BYTES:
        raise RequestError("metadata", f"must be at most {MAX_TEXT_BYTES:,} bytes of JSON")
    try:
        values = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_refuse_repeated)
    except (ValueError, RecursionError) as error:
        raise RequestError("metadata", "is not valid JSON") from error
    if not isinstance(values, dict):
        raise RequestError("metadata", "must be a JSON object")
    return values


def _plain(name: str, value: object, depth: int = 0) -> Any:  # noqa: ANN401 - JSON is whatever it is
    """Return a copy of ``value`` made of dicts, lists and plain values. Raises RequestError for anything else."""
    if depth > _MAX_DEPTH:
        raise RequestError(name, f"is nested deeper than {_MAX_DEPTH} levels")
    if value is None or type(value) is bool:
        return value
    if type(value) is str:
        check_text(name, value, MAX_TEXT_BYTES)
        return value
    if type(value) is int and abs(value) < _MAX_WHOLE:
        return value
    if type(value) is float and math.isfinite(value):
        return value
    if isinstance(value, Mapping):
        for key in value:
            check_name(f"a name in {name}", key)
        return {key: _plain(shorten(f"{name}.{key}"), item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(name, item, depth + 1) for item in value]
    raise RequestError(name, f"holds a {type(value).__name__} that JSON cannot keep exactly")


def _check_time(name: str, value: object) -> None:
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise RequestError(name, message("must be a time with its time zone"))


def _in_utc(name: str, time: datetime) -> datetime:
    """Return a time in UTC; refuse years that no clock of a program shows, and that time zones cannot reach."""
    try:
        shifted = time.astimezone(UTC)
    except OverflowError as error:
        raise RequestError(name, _WRONG_YEAR) from error
    if not MIN_YEAR <= shifted.year <= MAX_YEAR:
        raise RequestError(name, _WRONG_YEAR)
    return shifted


def _check_hash(name: str, value: object) -> None:
    check_text(name, value, 64)
    if not isinstance(value, str) or len(value) != 64 or not set(value) <= _HEX:
        raise RequestError(name, "must be a SHA-256 of 64 hexadecimal digits")


def _refuse_constant(text: str) -> NoReturn:
    raise RequestError("metadata", f"holds {text}, which is not a JSON number")


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise RequestError("metadata", "names a field twice")
    return values


SHORT_HASH = 10

# Readers compare a sampler's name with the ones they have; these two are written so there.
_SAMPLER_NAMES = {"ddim": "DDIM", "ddpm": "DDPM"}


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
