"""An exponential moving average of weights: what is sampled from, and saved.

Source:
    Polyak and Juditsky 1992; in diffusion Ho et al. 2020, appendix B, arXiv:2006.11239; the warm-up follows that of
    TensorFlow's ``ExponentialMovingAverage``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Ema:
    """A shadow copy of a module's parameters that follows them slowly."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        """Start from the module's present weights; ``decay`` is the share kept at every update, 0 to 1."""
        self.decay = decay
        self.names = [name for name, _ in module.named_parameters()]
        self.shadow = [parameter.detach().clone() for parameter in module.parameters()]

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Move towards the module's weights; early steps (from 0) move further, so that the start is forgotten."""
        decay = min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.shadow, list(module.parameters()), 1 - decay)

    def state(self) -> dict[str, Tensor]:
        """Return the shadow weights by name."""
        return dict(zip(self.names, self.shadow, strict=True))

    @torch.no_grad()
    def load(self, state: dict[str, Tensor]) -> None:
        """Take shadow weights by name; raises KeyError where one is missing."""
        for name, shadow in zip(self.names, self.shadow, strict=True):
            shadow.copy_(state[name])
