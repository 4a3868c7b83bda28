"""Keeps a network's weights in the memory of the machine; each layer visits the device only while it computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch


class LayerOffload:
    """Moves each layer of a network to a device when it is called, and forgets the copy afterwards.

    The weights themselves stay where they are, so that the results are those of weights on the device, bit for bit.
    """

    def __init__(
        self, network: nn.Module, device: torch.device, *, copy: Callable[[Tensor], Tensor] | None = None
    ) -> None:
        """Attach to every layer; `remove` takes it back.

        Args:
            network: its weights are in the memory of the machine.
            device: where its layers compute.
            copy: returns a tensor on the device; None: ``tensor.to(device)``.
        """
        self._copy = copy or (lambda tensor: tensor.to(device))
        self._kept: dict[nn.Module, tuple[dict[str, nn.Parameter], dict[str, Tensor]]] = {}
        self._hooks = []
        for layer in network.modules():
            if _parameters(layer) or _buffers(layer):
                self._hooks.append(layer.register_forward_pre_hook(self._move))
                # Also after an error, such as that of a job that was cancelled.
                self._hooks.append(layer.register_forward_hook(self._restore, always_call=True))

    def remove(self) -> None:
        """Stop moving layers."""
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()

    def _move(self, layer: nn.Module, _inputs: object) -> None:
        parameters, buffers = _parameters(layer), _buffers(layer)
        self._kept[layer] = parameters, buffers
        for name, parameter in parameters.items():
            layer._parameters[name] = nn.Parameter(self._copy(parameter.data), requires_grad=False)
        for name, buffer in buffers.items():
            layer._buffers[name] = self._copy(buffer)

    def _restore(self, layer: nn.Module, _inputs: object, _output: object) -> None:
        parameters, buffers = self._kept.pop(layer, ({}, {}))
        layer._parameters.update(parameters)
        layer._buffers.update(buffers)


def _parameters(layer: nn.Module) -> dict[str, nn.Parameter]:
    return {name: one for name, one in layer._parameters.items() if one is not None}


def _buffers(layer: nn.Module) -> dict[str, Tensor]:
    return {name: one for name, one in layer._buffers.items() if one is not None}
