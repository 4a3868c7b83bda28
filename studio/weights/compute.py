"""Computes with weights in another precision than that in which they are stored.

The weights of a network stay in the dtype of their file; each layer casts its own when it is called, so there is never
a copy of the whole network. Norms have their parameters in float32 and accumulate in float32, whatever the dtype of
their input, as torch's softmax and attention do by themselves.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Mapping


def compute_dtype(
    stored: torch.dtype, device: torch.device, *, reduced: bool, float16: bool = True
) -> torch.dtype:
    """Return the dtype in which a network should compute.

    On a CPU that is never float16: it is emulated, and several times slower than float32.

    Args:
        stored: the dtype in which most of its weights are stored.
        device: where it runs.
        reduced: whether bfloat16 was found to be clearly faster there (`studio.engine.device.precision`).
        float16: whether its values stay in the range of float16; those of SDXL's autoencoder do not.
    """
    if device.type != "cpu" and stored == torch.float16 and float16:
        return torch.float16
    if stored == torch.bfloat16 and device.type != "cpu":
        return torch.bfloat16
    return torch.bfloat16 if reduced else torch.float32


def dequantise(stored: Tensor, scale: Tensor | None, dtype: torch.dtype) -> Tensor:
    """Return a weight as it is meant: what is stored times its scale, rounded once to ``dtype``.

    Args:
        stored: the weight as stored, of any floating-point dtype.
        scale: None, one number, one for each output (N), (N, 1, ...), or one for each block: of as many
            dimensions as the weight, each of a size that divides the weight's.
        dtype: of the result.
    """
    if scale is None:
        return stored.to(dtype)
    if scale.numel() == 1:
        return (stored.float() * scale.float().reshape(())).to(dtype)
    factors = scale.float()
    if factors.dim() == 1:
        factors = factors.reshape(-1, *[1] * (stored.dim() - 1))
    for axis, (size, blocks) in enumerate(zip(stored.shape, factors.shape, strict=True)):
        if blocks not in (1, size):
            factors = factors.repeat_interleave(size // blocks, dim=axis)
    return (stored.float() * factors).to(dtype)


def compute_in(
    network: nn.Module,
    dtype: torch.dtype,
    *,
    scales: Mapping[str, Tensor] = MappingProxyType({}),
    cast_once: bool = False,
    channels_last: bool = False,
) -> None:
    """Make a network compute in ``dtype`` while its weights stay as they are stored.

    Linear and convolutional layers and embeddings cast their weights when they are called. The parameters of norms
    become float32; parameters of other modules, small ones, are cast here. The network is changed in place. Where this
    was done before, the dtype changes; weights that were cast once stay as they are, and so do scales.

    Args:
        network: with its parameters, without gradients.
        dtype: in which it computes.
        scales: by the name of a weight, what it must be multiplied by (see `dequantise`).
        cast_once: cast the weights here and not at every call, as saves time where memory allows; where the stored
            dtype is no smaller than ``dtype`` this takes no more memory. The results are the same, bit for bit.
        channels_last: store the weights of convolutions with channels last.

    Raises:
        KeyError: a scale belongs to no layer of the network.
    """
    unused = set(scales)
    for path, layer in network.named_modules():
        known = type(layer) in _LAYERS.values()
        layer_class = type(layer) if known else _LAYERS.get(type(layer))
        if layer_class is None:
            _cast_parameters(layer, torch.float32 if "Norm" in type(layer).__name__ else dtype)
            continue
        # The class changes and not the object, which keeps its name, its place and its hooks. Constructing another
        # layer would initialise its weights only to throw them away.
        layer.__class__ = layer_class
        if isinstance(layer, StoredGroupNorm | StoredLayerNorm):
            _cast_parameters(layer, torch.float32)
            continue
        assert isinstance(layer, StoredLinear | StoredConv2d | StoredEmbedding)
        name = f"{path}.weight" if path else "weight"
        scale = layer.weight_scale if known else scales.get(name)
        layer.compute = dtype
        unused.discard(name)
        weight = layer.weight.data
        if cast_once and scale is not None:
            weight, scale = dequantise(weight, scale, dtype), None
        layout = torch.channels_last if channels_last and weight.dim() == 4 else torch.preserve_format
        weight = weight.to(dtype if cast_once else weight.dtype, memory_format=layout)
        layer.weight = nn.Parameter(weight, requires_grad=False)
        layer.register_buffer("weight_scale", scale)
    if unused:
        raise KeyError(f"no layer has the weights of the scales {sorted(unused)}")


def computed_dtype(network: nn.Module) -> torch.dtype:
    """Return the dtype in which a network computes: that of its first layer with stored weights."""
    for layer in network.modules():
        if isinstance(layer, StoredLinear | StoredConv2d | StoredEmbedding):
            return layer.compute
    return next(network.parameters()).dtype


def _cast_parameters(module: nn.Module, dtype: torch.dtype) -> None:
    for name, parameter in list(module.named_parameters(recurse=False)):
        if parameter.is_floating_point() and parameter.dtype != dtype:
            setattr(module, name, nn.Parameter(parameter.data.to(dtype), requires_grad=False))


def _bias(layer: nn.Linear | nn.Conv2d, dtype: torch.dtype) -> Tensor | None:
    return None if layer.bias is None else layer.bias.to(dtype)


class StoredLinear(nn.Linear):
    """A linear layer that casts its weights when it is called."""

    compute: torch.dtype
    weight_scale: Tensor | None

    def forward(self, input: Tensor) -> Tensor:
        weight = dequantise(self.weight, self.weight_scale, self.compute)
        return F.linear(input.to(self.compute), weight, _bias(self, self.compute))


class StoredConv2d(nn.Conv2d):
    """A convolution that casts its weights when it is called."""

    compute: torch.dtype
    weight_scale: Tensor | None

    def forward(self, input: Tensor) -> Tensor:
        weight = dequantise(self.weight, self.weight_scale, self.compute)
        output: Tensor = self._conv_forward(input.to(self.compute), weight, _bias(self, self.compute))
        return output


class StoredEmbedding(nn.Embedding):
    """An embedding that casts the rows that it looks up."""

    compute: torch.dtype
    weight_scale: Tensor | None

    def forward(self, input: Tensor) -> Tensor:
        if self.weight_scale is not None:
            return F.embedding(input, dequantise(self.weight, self.weight_scale, self.compute))
        return F.embedding(input, self.weight).to(self.compute)


class StoredGroupNorm(nn.GroupNorm):
    """A group norm with parameters in float32 for inputs of any dtype."""

    def forward(self, input: Tensor) -> Tensor:
        weight, bias = _affine(self, input)
        return F.group_norm(input, self.num_groups, weight, bias, self.eps)


class StoredLayerNorm(nn.LayerNorm):
    """A layer norm with parameters in float32 for inputs of any dtype."""

    def forward(self, input: Tensor) -> Tensor:
        weight, bias = _affine(self, input)
        return F.layer_norm(input, self.normalized_shape, weight, bias, self.eps)


def _affine(norm: nn.GroupNorm | nn.LayerNorm, like: Tensor) -> tuple[Tensor | None, Tensor | None]:
    """Return a norm's parameters; on a GPU in the dtype of its input, which torch asks for there."""
    parameters: list[Tensor | None] = [norm.weight, norm.bias]
    if like.device.type != "cpu":
        parameters = [None if one is None else one.to(like.dtype) for one in parameters]
    return parameters[0], parameters[1]


_LAYERS: Mapping[type[nn.Module], type[nn.Module]] = MappingProxyType(
    {
        nn.Linear: StoredLinear,
        nn.Conv2d: StoredConv2d,
        nn.Embedding: StoredEmbedding,
        nn.GroupNorm: StoredGroupNorm,
        nn.LayerNorm: StoredLayerNorm,
    }
)
