"""A layer with stored weights computes what the dequantised weights give, within the rounding of its dtype."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studio.weights.compute import compute_dtype, compute_in, dequantise

STORED = [torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2]
COMPUTED = [torch.float32, torch.bfloat16]
FP8 = torch.float8_e4m3fn


def layers() -> nn.Module:
    torch.manual_seed(0)
    return nn.ModuleDict(
        {
            "embed": nn.Embedding(16, 24),
            "linear": nn.Linear(24, 32),
            "conv": nn.Conv2d(8, 16, 3, padding=1, stride=2),
            "group": nn.GroupNorm(4, 16),
            "layer": nn.LayerNorm(24),
        }
    ).requires_grad_(False)


INPUTS = {
    "embed": torch.tensor([[1, 5, 15]]),
    "linear": torch.randn(3, 24, generator=torch.Generator().manual_seed(1)),
    "conv": torch.randn(2, 8, 6, 6, generator=torch.Generator().manual_seed(2)),
}


def store(network: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Return a copy whose weights are rounded to ``dtype`` and stored in it."""
    made = copy.deepcopy(network)
    for parameter in made.parameters():
        parameter.data = parameter.data.to(dtype)
    return made


def in_float64(network: nn.Module, name: str, x: Tensor, scale: Tensor | None = None) -> Tensor:
    """Return the output of a layer whose stored weights are taken as they are, in float64."""
    layer = copy.deepcopy(network[name]).double()  # type: ignore[index]
    if scale is not None:
        layer.weight.data *= scale.double()
    result: Tensor = layer(x if name == "embed" else x.double())
    return result


def error(found: Tensor, expected: Tensor) -> float:
    """Return the largest error, in units of the rounding of ``found``'s dtype at the size of the result."""
    unit = torch.finfo(found.dtype).eps * expected.abs().max()
    return float((found.double() - expected).abs().max() / unit)


@pytest.mark.parametrize("computed", COMPUTED)
@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("name", INPUTS)
def test_a_layer_computes_what_its_stored_weights_give(
    name: str, stored: torch.dtype, computed: torch.dtype
) -> None:
    network = store(layers(), stored)
    x = INPUTS[name] if name == "embed" else INPUTS[name].to(computed).float()
    expected = in_float64(network, name, x)
    compute_in(network, computed)
    found = network[name](x)  # type: ignore[index]
    assert network[name].weight.dtype == stored  # type: ignore[index]
    assert found.dtype == computed
    assert error(found, expected) < 4


def scale_of(shape: tuple[int, ...]) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(3)) + 0.5


@pytest.mark.parametrize("computed", COMPUTED)
@pytest.mark.parametrize("shape", [(), (1,), (32,), (32, 1), (8, 3)])
def test_a_scaled_layer_computes_the_product_and_not_what_is_stored(
    shape: tuple[int, ...], computed: torch.dtype
) -> None:
    network, x = store(layers(), FP8), INPUTS["linear"].to(computed).float()
    scale = scale_of(shape)
    full = dequantise(torch.ones(32, 24), scale, torch.float32)
    expected, unscaled = in_float64(network, "linear", x, full), in_float64(network, "linear", x)
    compute_in(network, computed, scales={"linear.weight": scale})
    found = network["linear"](x)  # type: ignore[index]
    assert error(found, expected) < 4
    assert error(found, unscaled) > 10  # the wrong twin, without the scale


def test_every_block_has_its_own_scale() -> None:
    scale = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert dequantise(torch.ones(2, 4), scale, torch.float32).tolist() == [[1, 1, 2, 2], [3, 3, 4, 4]]
    assert dequantise(torch.ones(2, 1, 1, 1), torch.tensor([5.0, 6.0]), torch.float32).flatten().tolist() == [
        5,
        6,
    ]


@pytest.mark.parametrize("name", ["linear", "conv"])
def test_casting_once_gives_the_same_bits(name: str) -> None:
    every, once = store(layers(), FP8), store(layers(), FP8)
    scales = {"linear.weight": scale_of((32, 1)), "conv.weight": scale_of(())}
    compute_in(every, torch.bfloat16, scales=scales)
    compute_in(once, torch.bfloat16, scales=scales, cast_once=True)
    assert once[name].weight.dtype == torch.bfloat16  # type: ignore[index]
    assert torch.equal(every[name](INPUTS[name]), once[name](INPUTS[name]))  # type: ignore[index]


def test_another_dtype_can_be_chosen_later_and_scales_apply_once() -> None:
    network, alone = store(layers(), FP8), store(layers(), FP8)
    scales = {"linear.weight": scale_of((32, 1))}
    compute_in(network, torch.bfloat16, scales=scales)
    compute_in(network, torch.float32, scales=scales)
    compute_in(alone, torch.float32, scales=scales)
    assert torch.equal(network["linear"](INPUTS["linear"]), alone["linear"](INPUTS["linear"]))  # type: ignore[index]
    assert network["linear"].weight.dtype == FP8  # type: ignore[index] - still as stored
    compute_in(alone, torch.float32, scales=scales, cast_once=True)
    compute_in(alone, torch.float32, scales=scales)
    assert torch.equal(network["linear"](INPUTS["linear"]), alone["linear"](INPUTS["linear"]))  # type: ignore[index]


def test_channels_last_changes_the_layout_and_not_the_result() -> None:
    plain, last = store(layers(), torch.float16), store(layers(), torch.float16)
    compute_in(plain, torch.float32)
    compute_in(last, torch.float32, channels_last=True)
    assert last["conv"].weight.is_contiguous(memory_format=torch.channels_last)  # type: ignore[index]
    expected = plain["conv"](INPUTS["conv"])  # type: ignore[index]
    assert error(last["conv"](INPUTS["conv"]), expected.double()) < 4  # type: ignore[index]


def test_norms_accumulate_in_float32() -> None:
    network = layers()  # which seeds
    compute_in(network, torch.bfloat16)
    x = (torch.randn(2, 16, 24, 24) + 30).bfloat16()  # a mean that sums in bfloat16 would lose
    exact = F.group_norm(x.double(), 4)
    found = network["group"](x)  # type: ignore[index]
    assert network["group"].weight.dtype == torch.float32  # type: ignore[index]
    assert error(found, exact) < 1
    running = torch.zeros(2, 4, dtype=torch.bfloat16)
    for column in x.reshape(2, 4, -1)[..., :512].unbind(-1):  # the wrong twin
        running = running + column
    assert error(running, x.reshape(2, 4, -1)[..., :512].double().sum(-1)) > 10
    y = (torch.randn(5, 24) + 30).bfloat16()
    assert error(network["layer"](y), F.layer_norm(y.double(), (24,))) < 1  # type: ignore[index]


def test_softmax_and_attention_accumulate_in_float32() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 4096).bfloat16()
    assert error(logits.softmax(-1), logits.double().softmax(-1)) < 1
    query, key, value = torch.randn(3, 1, 2, 64, 16).bfloat16().unbind(0)
    exact = F.scaled_dot_product_attention(query.double(), key.double(), value.double())
    assert error(F.scaled_dot_product_attention(query, key, value), exact) < 2


def test_parameters_of_other_modules_are_cast_and_a_stray_scale_is_an_error() -> None:
    class Positions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Parameter(torch.ones(3).half(), requires_grad=False)
            self.count = nn.Parameter(torch.tensor(3), requires_grad=False)

    network = nn.Sequential(Positions(), nn.Linear(3, 3))
    compute_in(network, torch.bfloat16)
    assert (network[0].table.dtype, network[0].count.dtype) == (torch.bfloat16, torch.int64)
    with pytest.raises(KeyError, match=r"2\.weight"):
        compute_in(network, torch.bfloat16, scales={"2.weight": torch.ones(())})


def test_a_cpu_never_computes_in_float16() -> None:
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    for stored in STORED:
        assert compute_dtype(stored, cpu, reduced=True) == torch.bfloat16
        assert compute_dtype(stored, cpu, reduced=False) == torch.float32
    assert compute_dtype(torch.float16, gpu, reduced=True) == torch.float16
    assert compute_dtype(torch.float16, gpu, reduced=True, float16=False) == torch.bfloat16
    assert compute_dtype(torch.float16, gpu, reduced=False, float16=False) == torch.float32
    assert compute_dtype(torch.bfloat16, gpu, reduced=False) == torch.bfloat16


def test_a_network_is_never_copied_as_a_whole() -> None:
    network = nn.Sequential(*[nn.Linear(64, 64) for _ in range(3)]).requires_grad_(False).half()
    kept = [layer.weight.data_ptr() for layer in network]
    compute_in(network, torch.float32)
    assert [layer.weight.data_ptr() for layer in network] == kept
    network(torch.randn(2, 64))
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float16}
