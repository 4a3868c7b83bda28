"""The forms in which files store their weights, found by names, dtypes and a few small tensors.

| form | signs |
|---|---|
| plain | weights of a floating-point dtype, fp8 included, and no scales |
| fp8, scaled (older ComfyUI) | a marker ``scaled_fp8``; ``<layer>.scale_weight``; ``<layer>.scale_input`` |
| fp8, scaled (ComfyUI, Black Forest Labs) | ``<layer>.weight_scale``; ``.input_scale``; ``.comfy_quant``, JSON |

The weights of a scaled form are the stored values times the scale of their layer. Other quantised forms are named and
refused. Formulas: ComfyUI, ``QUANTIZATION.md`` and ``comfy/ops.py``. Importable without torch.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from studio.errors import CheckpointError
from studio.messages import message
from studio.strict_json import InvalidJsonError, parse, quoted
from studio.weights.header import WIDTHS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from studio.weights.header import Entry
    from studio.weights.tensor_file import TensorFile

FLOATS = frozenset({"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"})
"""The dtypes in which weights may be stored."""

_FP8 = frozenset({"F8_E4M3", "F8_E5M2"})
_SCALES = frozenset({"F32", "F16", "BF16"})
_READ_FORMATS = frozenset({"float8_e4m3fn", "float8_e5m2"})
_MAX_NOTE = 4096

_REFUSED = (
    (re.compile(r"\.weight_scale_2\Z"), "NVFP4"),
    (re.compile(r"\.quant_state\.bitsandbytes__(?:nf4|fp4)\Z|\.(?:absmax|quant_map)\Z"), "bitsandbytes nf4"),
    (re.compile(r"\.SCB\Z"), "bitsandbytes int8"),
    (re.compile(r"\.(?:wscales|wtscale|smooth_factor|smooth)\Z"), "SVDQuant (Nunchaku)"),
    (re.compile(r"\.(?:qweight|qzeros)\Z"), "GPTQ or AWQ"),
    (re.compile(r"\.zero_point\Z"), "SDNQ"),
)
_FORMATS = MappingProxyType(
    {
        "int8_tensorwise": "int8 (ConvRot)",
        "nvfp4": "NVFP4",
        "mxfp8": "MXFP8",
        "svdquant": "SVDQuant (Nunchaku)",
    }
)


@dataclass(frozen=True, kw_only=True)
class Form:
    """How a file stores its weights.

    Attributes:
        dtype: that of most bytes, a name in `WIDTHS`.
        scales: by the name of a weight, the tensor that it must be multiplied by.
        extras: the names of tensors that are no weights: scales and markers.
    """

    dtype: str
    scales: Mapping[str, str]
    extras: frozenset[str]


def find_form(file: TensorFile) -> Form:
    """Return the form in which a file stores its weights.

    Raises:
        CheckpointError: it is one that this program does not read, or a scale does not fit its weight.
    """
    for form in _refused_forms(file):
        reason = message(
            "stores its weights as {form}, which this program cannot read yet; use the fp16, bf16 or fp8 file of "
            "this model",
            form=form,
        )
        raise CheckpointError(file.path, reason)
    scales: dict[str, str] = {}
    extras: set[str] = set()
    for name, entry in file.entries.items():
        layer, _, last = name.rpartition(".")
        weight = file.entries.get(f"{layer}.weight")
        if last == "scaled_fp8":
            extras.add(name)
        elif weight is None or weight.dtype not in _FP8:
            continue
        elif last in ("scale_weight", "weight_scale"):
            _check_scale(entry, weight, file)
            scales[weight.name] = name
            extras.add(name)
        elif last in ("scale_input", "input_scale", "comfy_quant"):
            extras.add(name)
    sizes: Counter[str] = Counter()
    for name, entry in file.entries.items():
        if name not in extras:
            sizes[entry.dtype] += entry.size
    dtype = max(sizes, key=sizes.__getitem__, default="F32")
    return Form(dtype=dtype, scales=MappingProxyType(scales), extras=frozenset(extras))


def _refused_forms(file: TensorFile) -> Iterator[str]:
    """Yield the names of the forms in a file that this program does not read."""
    for note in _notes(file):
        if note not in _READ_FORMATS:
            yield _FORMATS.get(note, quoted(note))
    for pattern, form in _REFUSED:
        if any(pattern.search(name) for name in file.entries):
            yield form
    for name, entry in file.entries.items():
        if entry.dtype == "F8_E8M0":
            yield "MXFP8"
        if name.endswith(".weight") and len(entry.shape) > 1 and entry.dtype not in FLOATS:
            yield "int8" if entry.dtype == "I8" else f"{WIDTHS[entry.dtype] * 8} bit ({entry.dtype})"


def _notes(file: TensorFile) -> Iterator[str]:
    """Yield the names of quantised formats that ComfyUI noted in a file."""
    for name, entry in file.entries.items():
        if name.endswith(".comfy_quant") and entry.dtype == "U8":
            yield _format_of(file.read_bytes(name, _MAX_NOTE), name, file)
    if "_quantization_metadata" not in file.header.metadata:
        return
    where = "_quantization_metadata"
    noted = _parsed(file.header.metadata[where].encode("utf-8", "replace"), where, file)
    layers = noted.get("layers")
    for layer in layers.values() if isinstance(layers, dict) else ():
        yield str(layer.get("format", "")) if isinstance(layer, dict) else ""


def _format_of(note: bytes, name: str, file: TensorFile) -> str:
    return str(_parsed(note, name, file).get("format", ""))


def _parsed(note: bytes, name: str, file: TensorFile) -> dict[str, object]:
    try:
        parsed = parse(note)
    except InvalidJsonError as error:
        reason = message(
            "has a note on its weights, {name}, that {reason}", name=quoted(name), reason=error.reason
        )
        raise CheckpointError(file.path, reason) from error
    return parsed if isinstance(parsed, dict) else {}


def _check_scale(scale: Entry, weight: Entry, file: TensorFile) -> None:
    """Refuse a scale that is not one number, one for each output, or one for each block of the weight."""
    shape = scale.shape if len(scale.shape) != 1 else (*scale.shape, *[1] * (len(weight.shape) - 1))
    fits = len(shape) == len(weight.shape) and all(
        blocks and size % blocks == 0 for size, blocks in zip(weight.shape, shape, strict=True)
    )
    if scale.dtype not in _SCALES or not (fits or all(size == 1 for size in scale.shape)):
        reason = message("has a scale that does not fit its weight: {name}", name=quoted(scale.name))
        raise CheckpointError(file.path, reason)
