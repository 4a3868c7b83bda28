"""PyTorch files are read without running anything of them."""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load

from studio.weights import torch_file
from studio.weights.pickles import PickleRefusedError
from tests.weights.torch_corpus import GOOD, HOSTILE, LEGACY_GOOD, archive, state, tensor, text

if TYPE_CHECKING:
    from pathlib import Path

WORST = ["a million lists", "nested a million deep", "a pickle of 17 MB", "150,000 files"]
"""Those that would take time and memory; they are tried where both are limited."""


def tensors() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    weight = torch.randn(3, 4)
    return {
        "half": weight.half(),
        "tied": weight,
        "also.tied": weight,
        "transposed": torch.randn(6, 5).t(),
        "channels last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "part": torch.randn(10, 4)[2:5, 1:3],
        "position_ids": torch.arange(7).expand((1, -1)),
        "brain": torch.randn(4).bfloat16(),
        "double": torch.randn(2).double(),
        "mask": torch.tensor([True, False]),
        "scalar": torch.tensor(3.0),
        "nothing": torch.zeros(0, 2),
        "parameter": torch.nn.Parameter(torch.randn(3)),
    }


def same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> bool:
    return found.keys() == expected.keys() and all(
        found[name].dtype == expected[name].dtype and torch.equal(found[name], expected[name])
        for name in expected
    )


def converted(data: bytes) -> dict[str, torch.Tensor]:
    """Return the tensors of a file converted in this process."""
    output = io.BytesIO()
    torch_file.convert(io.BytesIO(data), len(data), output)
    return load(output.getvalue())


def saved(value: Any, **options: Any) -> bytes:  # noqa: ANN401
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    "options",
    [{}, {"pickle_protocol": 4}, {"_use_new_zipfile_serialization": False}],
    ids=["zip", "protocol 4", "legacy"],
)
def test_every_tensor_of_a_file_that_pytorch_wrote_keeps_its_bits(options: dict[str, Any]) -> None:
    assert same(converted(saved(tensors(), **options)), tensors())


def test_fp8_is_read_from_newer_files() -> None:
    found = converted(saved({"a": torch.tensor([1.5, -2.0]).to(torch.float8_e4m3fn)}))
    assert found["a"].dtype == torch.float8_e4m3fn
    assert found["a"].float().tolist() == [1.5, -2.0]


def test_names_that_training_frameworks_leave_are_ignored_and_not_imported() -> None:
    lightning = b"cpytorch_lightning.callbacks.model_checkpoint\nModelCheckpoint\n"
    weights, callbacks = b"}" + text("a") + tensor() + b"s", b"}" + lightning + b"Ns"
    checkpoint = state(text("state_dict"), weights, text("callbacks"), callbacks)
    assert converted(archive(checkpoint))["a"].shape == (2, 3)
    assert converted(archive(state(text("a"), tensor(), text("x"), lightning + b")\x81}b")))["a"].shape == (
        2,
        3,
    )


def test_a_textual_inversion_is_found_inside_its_parameters() -> None:
    vectors = torch.randn(2, 4)
    old = {"string_to_token": {"*": 265}, "string_to_param": {"*": vectors}, "name": "style", "step": 500}
    assert same(converted(saved(old)), {"string_to_param.*": vectors})
    old["string_to_param"] = torch.nn.ParameterDict({"*": torch.nn.Parameter(vectors)})
    (found,) = converted(saved(old)).values()
    assert torch.equal(found, vectors)


@pytest.mark.parametrize("case", sorted(HOSTILE.keys() - WORST))
def test_a_hostile_file_is_refused_for_its_own_reason(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, reason = HOSTILE[case]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PickleRefusedError) as refused:
        converted(data)
    assert reason in refused.value.reason
    assert refused.value.reason.isprintable()
    assert len(refused.value.reason) < 300
    assert not list(tmp_path.iterdir())


def test_the_harmless_twins_of_hostile_files_are_read() -> None:
    assert converted(archive(GOOD))["a"].shape == (2, 3)
    assert converted(LEGACY_GOOD)["a"].shape == (2, 3)


def test_a_mutated_file_is_converted_or_refused_and_never_anything_else() -> None:
    draw, refused = random.Random(0), 0
    whole = saved({"a": torch.ones(2, 3), "b": {"c": torch.ones(2).half().expand(1, 2)}})
    begin, end = whole.index(b"\x80\x02"), whole.index(b".PK")
    for _ in range(1500):
        data = bytearray(whole)
        for _ in range(draw.choice([1, 1, 2, 5])):
            place = draw.randrange(begin, end) if draw.random() < 0.8 else draw.randrange(len(data))
            data[place] = draw.randrange(256)
        try:
            converted(bytes(data))
        except PickleRefusedError:
            refused += 1
    assert 500 < refused < 1500
