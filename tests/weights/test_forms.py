from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import save

from studio.errors import CheckpointError
from studio.weights.forms import find_form
from studio.weights.tensor_file import TensorFile

if TYPE_CHECKING:
    from pathlib import Path

    from studio.weights.forms import Form

WEIGHT = torch.ones(4, 8)
FP8 = WEIGHT.to(torch.float8_e4m3fn)
ONE = torch.tensor(0.5)


def note(form: Any) -> torch.Tensor:  # noqa: ANN401
    return torch.tensor(list(json.dumps(form).encode()), dtype=torch.uint8)


def form_of(tmp_path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str] | None = None) -> Form:
    path = tmp_path / "model.safetensors"
    path.write_bytes(save({name: tensor.clone() for name, tensor in tensors.items()}, metadata))
    with TensorFile(path) as file:
        return find_form(file)


@pytest.mark.parametrize(
    ("tensors", "dtype", "scaled"),
    [
        ({"a.weight": WEIGHT, "a.bias": torch.ones(4).half()}, "F32", False),
        ({"a.weight": WEIGHT.half(), "ids": torch.arange(3)}, "F16", False),
        ({"a.weight": WEIGHT.bfloat16()}, "BF16", False),
        ({"a.weight": FP8, "a.bias": ONE}, "F8_E4M3", False),
        ({"a.weight": WEIGHT.to(torch.float8_e5m2)}, "F8_E5M2", False),
        (
            {"scaled_fp8": FP8[:0], "a.weight": FP8, "a.scale_weight": ONE, "a.scale_input": ONE},
            "F8_E4M3",
            True,
        ),
        ({"m.scaled_fp8": FP8[0, :2], "a.weight": FP8, "a.scale_weight": torch.ones(1)}, "F8_E4M3", True),
        (
            {
                "a.weight": FP8,
                "a.weight_scale": torch.ones(4, 1),
                "a.input_scale": ONE,
                "a.comfy_quant": note({"format": "float8_e4m3fn"}),
            },
            "F8_E4M3",
            True,
        ),
        ({"a.weight": FP8, "a.weight_scale": torch.ones(2, 4)}, "F8_E4M3", True),
        ({"a.weight": FP8, "a.weight_scale": torch.ones(4)}, "F8_E4M3", True),
    ],
)
def test_the_forms_that_are_read_are_recognised(
    tmp_path: Path, tensors: dict[str, torch.Tensor], dtype: str, *, scaled: bool
) -> None:
    form = form_of(tmp_path, tensors)
    assert form.dtype == dtype
    assert form.scales.keys() == ({"a.weight"} if scaled else set())
    assert tensors.keys() - form.extras == tensors.keys() & {"a.weight", "a.bias", "ids"}


def test_the_note_of_a_whole_file_is_read_from_its_metadata(tmp_path: Path) -> None:
    tensors = {"a.weight": FP8, "a.weight_scale": ONE}
    noted = {"format_version": "1.0", "layers": {"a": {"format": "float8_e4m3fn"}}}
    assert form_of(tmp_path, tensors, {"_quantization_metadata": json.dumps(noted)}).scales
    noted["layers"]["a"]["format"] = "nvfp4"  # type: ignore[index]
    with pytest.raises(CheckpointError, match="NVFP4"):
        form_of(tmp_path, tensors, {"_quantization_metadata": json.dumps(noted)})


INT8 = torch.ones(4, 8, dtype=torch.int8)
PACKED = torch.ones(4, 4, dtype=torch.uint8)


@pytest.mark.parametrize(
    ("tensors", "name"),
    [
        (
            {
                "a.weight": INT8,
                "a.weight_scale": torch.ones(4, 1),
                "a.comfy_quant": note({"format": "int8_tensorwise", "convrot": True}),
            },
            "int8 (ConvRot)",
        ),
        ({"a.weight": INT8, "a.weight_scale": ONE}, "int8"),
        ({"a.weight": PACKED, "a.weight_scale": FP8, "a.weight_scale_2": ONE}, "NVFP4"),
        ({"a.weight": FP8, "a.weight_scale": FP8.float().to(torch.float8_e8m0fnu)}, "MXFP8"),
        ({"a.weight": FP8, "a.weight_scale": ONE, "a.comfy_quant": note({"format": "mxfp8"})}, "MXFP8"),
        ({"a.weight": FP8, "a.comfy_quant": note({"format": "zip4"})}, "'zip4'"),
        ({"a.qweight": INT8, "a.wscales": WEIGHT.half(), "a.smooth": ONE}, "SVDQuant (Nunchaku)"),
        ({"a.qweight": torch.ones(4, 1, dtype=torch.int32), "a.qzeros": INT8}, "GPTQ or AWQ"),
        ({"a.weight": PACKED, "a.weight.quant_state.bitsandbytes__nf4": PACKED[0]}, "bitsandbytes nf4"),
        ({"a.weight": INT8, "a.SCB": ONE}, "bitsandbytes int8"),
        ({"a.weight": PACKED}, "8 bit (U8)"),
    ],
)
def test_other_quantised_forms_are_named_and_refused_with_what_to_do(
    tmp_path: Path, tensors: dict[str, torch.Tensor], name: str
) -> None:
    with pytest.raises(CheckpointError) as refused:
        form_of(tmp_path, tensors)
    sentence = str(refused.value)
    assert f"stores its weights as {name}," in sentence
    assert "use the fp16, bf16 or fp8 file" in sentence


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        ({"a.weight": FP8, "a.weight_scale": torch.ones(3)}, "scale that does not fit"),
        ({"a.weight": FP8, "a.weight_scale": torch.ones(4, 0)}, "scale that does not fit"),
        ({"a.weight": FP8, "a.weight_scale": torch.ones(4, 8, 1)}, "scale that does not fit"),
        ({"a.weight": FP8, "a.weight_scale": torch.ones(4, 1).double()}, "scale that does not fit"),
        (
            {"a.weight": FP8, "a.comfy_quant": note("{")[1:]},
            "has a note on its weights, 'a.comfy_quant', that",
        ),
        ({"a.weight": FP8, "a.comfy_quant": torch.zeros(5000, dtype=torch.uint8)}, "holds 5,000 bytes in"),
    ],
)
def test_a_scale_or_a_note_that_makes_no_sense_is_refused(
    tmp_path: Path, tensors: dict[str, torch.Tensor], reason: str
) -> None:
    with pytest.raises(CheckpointError, match=reason):
        form_of(tmp_path, tensors)
