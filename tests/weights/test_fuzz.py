"""Whatever bytes a file of weights has, reading it works or raises CheckpointError."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

from hypothesis import given, seed, settings
from hypothesis import strategies as some

from studio.errors import CheckpointError
from studio.weights.header import MAX_NAME, parse_header
from studio.weights.pickles import PickleRefusedError
from studio.weights.shards import find_weights
from studio.weights.torch_file import convert
from tests.weights.corpus import GOOD, entry
from tests.weights.torch_corpus import GOOD as PICKLE
from tests.weights.torch_corpus import HOSTILE, LEGACY_GOOD, archive

NAME = Path("model.safetensors")

VALUES = some.recursive(
    some.none() | some.booleans() | some.integers(-(2**70), 2**70) | some.floats() | some.text(max_size=9),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=9), inner, max_size=4),
    max_leaves=6,
)
NUMBERS = some.lists(some.integers(-1, 9) | some.integers() | VALUES, max_size=10)
TENSORS = some.builds(
    entry, NUMBERS, NUMBERS, some.sampled_from(["F32", "F16", "BOOL", "F4"]) | some.text(max_size=3)
)
HEADERS = some.dictionaries(
    some.sampled_from(["a", "b", "__metadata__", "", "x" * (MAX_NAME + 1)]) | some.text(max_size=9),
    TENSORS | VALUES,
    max_size=5,
)


@some.composite
def mutated(draw: Any, *samples: bytes) -> bytes:  # noqa: ANN401
    """Bytes of a sample of which some are changed, removed or repeated."""
    data = bytearray(draw(some.sampled_from(samples)))
    for _ in range(draw(some.integers(1, 4))):
        place = draw(some.integers(0, max(0, len(data) - 1)))
        data[place : place + draw(some.integers(0, 8))] = draw(some.binary(max_size=8))
    return bytes(data)


@seed(1)
@settings(max_examples=150)
@given(HEADERS | VALUES)
def test_any_json_is_a_header_or_refused(value: object) -> None:
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    with contextlib.suppress(CheckpointError):
        parse_header(len(text).to_bytes(8, "little") + text, NAME)


@seed(2)
@settings(max_examples=300)
@given(mutated(GOOD[8:-12]) | some.binary(max_size=60))
def test_any_bytes_are_a_header_or_refused(text: bytes) -> None:
    with contextlib.suppress(CheckpointError):
        parse_header(len(text).to_bytes(8, "little") + text, NAME)


@seed(3)
@settings(max_examples=300)
@given(
    some.one_of(
        mutated(archive(), LEGACY_GOOD),
        mutated(PICKLE).map(archive),
        mutated(*(data for data, _ in HOSTILE.values() if len(data) < 4000)),
        some.binary(max_size=60).map(archive),
    )
)
def test_any_bytes_are_a_pytorch_file_or_refused(data: bytes) -> None:
    with contextlib.suppress(PickleRefusedError):
        convert(io.BytesIO(data), len(data), io.BytesIO())


@seed(4)
@settings(max_examples=80)
@given(
    value=VALUES | some.fixed_dictionaries({"weight_map": VALUES | some.dictionaries(some.text(), VALUES)})
)
def test_any_json_is_an_index_of_shards_or_refused(value: object, tmp_path_factory: Any) -> None:  # noqa: ANN401
    folder = tmp_path_factory.getbasetemp()
    index = folder / "diffusion_pytorch_model.safetensors.index.json"
    index.write_bytes(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    with contextlib.suppress(CheckpointError):
        find_weights({index.name: index, "a.safetensors": folder / "a.safetensors"})
