"""The conditioning of a batch of pictures: what a backbone is given besides x_t and t.

Every model family fills the parts that its network reads. Stable Diffusion 1.x: ``tokens``. SDXL: ``tokens``,
``pooled`` and ``extras["size"]``. A class-conditional transformer: ``extras["label"]``. A model without any: nothing.

What changes the network itself during a call, such as LoRAs, travels with the conditioning too: pictures with different
LoRAs then never share a model call, and a model has no state that one picture could leave behind for the next.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from torch import Tensor

Adapters: TypeAlias = "tuple[tuple[Hashable, float], ...]"
"""What is added to the network during a call, each with its weight, in order."""

Layout: TypeAlias = "tuple[tuple[tuple[str, tuple[int, ...], torch.dtype], ...], Adapters]"
"""The name, the shape without the batch axis, and the dtype of each tensor of a conditioning; and its adapters."""


_EXTRA = "extras."


@dataclass(frozen=True, kw_only=True, eq=False)
class Conditioning:
    """Tensors with one batch axis, by name; ``Conditioning()`` is the conditioning of an unconditional model.

    Attributes:
        tokens: features of the prompts' tokens, (B, L, D).
        mask: which tokens count, bool (B, L); None: all.
        pooled: one vector per prompt, (B, P).
        extras: everything else by name, each (B, ...): size ids, class labels, an embedded guidance scale, latents to
            concatenate with x_t.
        adapters: what is added to the network while it is called for these pictures.

    Raises:
        ValueError: the tensors do not have the same batch size, or the mask is not that of the tokens.
    """

    tokens: Tensor | None = None
    mask: Tensor | None = None
    pooled: Tensor | None = None
    extras: Mapping[str, Tensor] = field(default_factory=dict)
    adapters: Adapters = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "extras", MappingProxyType(dict(self.extras)))
        sizes = {tensor.shape[0] for tensor in self.tensors.values()}
        if len(sizes) > 1:
            shapes = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in self.tensors.items())
            raise ValueError(f"the tensors of a conditioning must have the same batch size: {shapes}")
        if self.mask is not None and (self.tokens is None or self.mask.shape != self.tokens.shape[:2]):
            raise ValueError(
                "the mask of a conditioning must have the batch size and the length of its tokens"
            )

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The tensors that there are, in a fixed order; the names of extras start with "extras."."""
        named = {"tokens": self.tokens, "mask": self.mask, "pooled": self.pooled}
        found = {name: tensor for name, tensor in named.items() if tensor is not None}
        return found | {f"{_EXTRA}{name}": self.extras[name] for name in sorted(self.extras)}

    @property
    def layout(self) -> Layout:
        """What must be equal for two conditionings to share a model call."""
        tensors = tuple((name, tuple(one.shape[1:]), one.dtype) for name, one in self.tensors.items())
        return tensors, self.adapters

    def expand(self, batch: int) -> Conditioning:
        """Return the conditioning of ``batch`` pictures that have that of one picture in common, without a copy.

        Raises:
            ValueError: this is neither the conditioning of one picture nor of ``batch`` pictures.
        """
        if any(tensor.shape[0] not in (1, batch) for tensor in self.tensors.values()):
            raise ValueError(f"the conditioning is not that of one picture or of {batch}")
        if batch == 1:
            return self
        return self.map(lambda tensor: tensor.expand(batch, *tensor.shape[1:]))

    @staticmethod
    def concatenate(parts: Sequence[Conditioning]) -> Conditioning:
        """Return conditionings of one layout, at least one, as a single batch.

        Raises:
            ValueError: their layouts differ.
        """
        if len({part.layout for part in parts}) != 1:
            raise ValueError(
                "only conditionings of the same names, shapes and dtypes, and with the same adapters, can be joined"
            )
        if len(parts) == 1:
            return parts[0]
        each = [part.tensors for part in parts]
        joined = {name: torch.cat([tensors[name] for tensors in each]) for name in each[0]}
        return _of_tensors(joined, parts[0].adapters)

    def map(self, change: Callable[[Tensor], Tensor]) -> Conditioning:
        """Return a conditioning of the same names with ``change`` applied to each tensor."""
        return _of_tensors({name: change(tensor) for name, tensor in self.tensors.items()}, self.adapters)


def _of_tensors(tensors: Mapping[str, Tensor], adapters: Adapters) -> Conditioning:
    """Return the conditioning with these `Conditioning.tensors`."""
    extras = {
        name.removeprefix(_EXTRA): tensor for name, tensor in tensors.items() if name.startswith(_EXTRA)
    }
    return Conditioning(
        tokens=tensors.get("tokens"),
        mask=tensors.get("mask"),
        pooled=tensors.get("pooled"),
        extras=extras,
        adapters=adapters,
    )
