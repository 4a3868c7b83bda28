"""Measures what a network has in memory at once, on the meta device: exactly, and without the memory."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn


class _Live(TorchDispatchMode):
    """Follows the storages that operations make until they are freed."""

    def __init__(self, ignored: set[int]) -> None:
        super().__init__()
        self.bytes = self.peak = 0
        self._seen = dict.fromkeys(ignored, 0)

    def __torch_dispatch__(
        self,
        func: Any,  # noqa: ANN401
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        result = func(*args, **(kwargs or {}))
        for tensor in tree_iter(result):
            if isinstance(tensor, Tensor) and tensor.untyped_storage()._cdata not in self._seen:
                self._follow(tensor.untyped_storage())
        return result

    def _follow(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        self._seen[key] = storage.nbytes()
        self.bytes += storage.nbytes()
        self.peak = max(self.peak, self.bytes)
        weakref.finalize(storage, self._free, key)

    def _free(self, key: int) -> None:
        self.bytes -= self._seen.pop(key, 0)


def _fused_attention(query: Tensor, _key: Tensor, value: Tensor, **_: object) -> Tensor:
    """Allocate what a fused kernel does: its result. On the meta device torch takes the one that is not fused."""
    batch, heads, tokens, _ = query.shape
    return query.new_empty(batch, tokens, heads, value.shape[-1]).transpose(1, 2)


@torch.no_grad()
def peak_values(network: nn.Module, call: Callable[[], object]) -> float:
    """Return the most float32 numbers that ``call`` has in memory at once, without the weights of ``network``."""
    weights = {parameter.untyped_storage()._cdata for parameter in network.parameters()}
    with mock.patch.object(F, "scaled_dot_product_attention", _fused_attention), _Live(weights) as live:
        call()
    return live.peak / 4
