"""The denoiser: a backbone together with its noise schedule and the meaning of its output.

Whatever the backbone predicts, a denoiser returns x_0 and eps. Samplers and guidance see nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from studio.diffusion.prediction import PredictionKind, eps_from, x0_from

if TYPE_CHECKING:
    from studio.diffusion.conditioning import Conditioning
    from studio.diffusion.prediction import Scale
    from studio.diffusion.schedules import Schedule


class Backbone(Protocol):
    """A network that predicts eps, v or x0 from x_t."""

    def __call__(self, x: Tensor, t: Tensor, condition: Conditioning, /) -> Tensor:
        """Return the prediction, of x's shape, for states x (B, C, H, W) at times t, int64 (B,)."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """A prediction about x_t = alpha x0_hat + sigma eps.

    x0_hat and eps are computed on first use: samplers need one or the other, and of the conditional and
    unconditional predictions usually neither is needed.

    Attributes:
        kind: what ``output`` means.
        output: the backbone's output, or a combination of several, (B, C, H, W).
        x: the states x_t, of the same shape.
        alpha: the scale of x_0 in them.
        sigma: the scale of the noise in them.
        cond: with guidance, the conditional prediction, before clipping.
        uncond: with guidance, the unconditional prediction, before clipping.
    """

    kind: PredictionKind
    output: Tensor
    x: Tensor
    alpha: Scale
    sigma: Scale
    cond: Prediction | None = None
    uncond: Prediction | None = None

    @cached_property
    def x0_hat(self) -> Tensor:
        """The predicted clean data, (B, C, H, W)."""
        return x0_from(self.kind, self.output, self.x, self.alpha, self.sigma)

    @cached_property
    def eps(self) -> Tensor:
        """The predicted noise, (B, C, H, W)."""
        return eps_from(self.kind, self.output, self.x, self.alpha, self.sigma)

    def part(self, start: int, stop: int, x: Tensor) -> Prediction:
        """Return the prediction for the pictures ``start`` to ``stop`` of the batch, whose states are ``x``."""
        alpha, sigma = self.alpha, self.sigma
        if not isinstance(alpha, float):
            alpha = alpha[start:stop]
        if not isinstance(sigma, float):
            sigma = sigma[start:stop]
        return Prediction(self.kind, self.output[start:stop], x, alpha, sigma)


class Denoiser:
    """A backbone with its schedule and its kind of prediction."""

    def __init__(
        self, backbone: Backbone, schedule: Schedule, prediction: PredictionKind, *, clip: bool = False
    ) -> None:
        """Combine the parts.

        Args:
            backbone: the network.
            schedule: the schedule it was trained on.
            prediction: the meaning of its output.
            clip: clamp x0_hat to [-1, 1]; right for pixels, wrong for latents.
        """
        self.backbone, self.schedule, self.prediction, self.clip = backbone, schedule, prediction, clip

    def evaluate(self, x: Tensor, t: Tensor | int, condition: Conditioning) -> Prediction:
        """Evaluate the backbone once.

        The result is not clipped: guidance combines several of them, and only the combination is meant as a picture.

        Args:
            x: states, float32 (B, C, H, W).
            t: their times, 0 to T-1: int64 (B,), or one number for all.
            condition: of the B pictures.
        """
        alpha: Scale
        sigma: Scale
        if isinstance(t, int):  # plain numbers avoid a table look-up and, on a GPU, a synchronisation
            alpha, sigma = self.schedule.alpha(t), self.schedule.sigma(t)
            t = torch.full(x.shape[:1], t, device=x.device)
        else:
            alpha, sigma = self.schedule.alphas(t), self.schedule.sigmas(t)
        output = self.backbone(x, t, condition)
        if output.dtype != x.dtype:
            output = output.to(x.dtype)
        return Prediction(self.prediction, output, x, alpha, sigma)

    def clipped(self, prediction: Prediction, x: Tensor, t: int) -> Prediction:
        """Return the prediction for x at time t with x0_hat clamped, if this model clips; else unchanged.

        If x0_hat is clamped, eps follows from it, so that alpha x0_hat + sigma eps is still x.
        """
        if not self.clip:
            return prediction
        alpha, sigma = self.schedule.alpha(t), self.schedule.sigma(t)
        x0_hat = prediction.x0_hat.clamp(-1.0, 1.0)
        return Prediction("x0", x0_hat, x, alpha, sigma, prediction.cond, prediction.uncond)
