"""An exponential moving average of parameters: the weights that are sampled from and saved.

Buffers are not averaged. The one network with running statistics is the codec; `studio.training.tasks.fit_statistics`
measures them again for its averaged weights.

Source:
    Polyak and Juditsky 1992; for diffusion models Ho et al. 2020, appendix B, arXiv:2006.11239; the warm-up follows
    TensorFlow's ``ExponentialMovingAverage``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Ema:
    """A moving average of a module's parameters."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        """Start from the module's present parameters; ``decay`` is the share kept at each update, 0 to 1."""
        self.decay = decay
        self.names = [name for name, _ in module.named_parameters()]
        self.shadow = [parameter.detach().clone() for parameter in module.parameters()]

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Average in the module's parameters; early steps (from 0) count more, so that the start is forgotten."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.shadow, list(module.parameters()), 1 - decay)

    def state(self) -> dict[str, Tensor]:
        """Return the averaged parameters by name; the tensors are not copies."""
        return dict(zip(self.names, self.shadow, strict=True))

    @torch.no_grad()
    def load(self, state: dict[str, Tensor]) -> None:
        """Load averaged parameters by name; raises KeyError if one is missing."""
        for name, shadow in zip(self.names, self.shadow, strict=True):
            shadow.copy_(state[name])
