"""The denoiser: a backbone, the schedule it was trained on and the meaning of its output, together one thing.

Whatever the backbone predicts, a denoiser speaks of x_0 and eps. Samplers and guidance see nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, TypeAlias

import torch
from torch import Tensor

from studio.diffusion.prediction import PredictionKind, eps_from, x0_from

if TYPE_CHECKING:
    from studio.diffusion.prediction import Scale
    from studio.diffusion.schedules import Schedule

Condition: TypeAlias = tuple[Tensor, ...]
"""What a picture is conditioned on: tensors that share the batch axis, opaque here; () is none at all."""


class Backbone(Protocol):
    """A network that says something about x_t."""

    def __call__(self, x: Tensor, t: Tensor, condition: Condition, /) -> Tensor:
        """Return the prediction, of x's shape, for states x (B, C, H, W) at times t, int64 (B,)."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """What is believed about x_t: it is alpha x0_hat + sigma eps.

    Both are worked out when they are first asked for: one sampler wants the one, one the other, and of the two
    sides of a guidance mostly neither is wanted.

    Attributes:
        kind: what ``output`` means.
        output: what the backbone said, or what was made of it, (B, C, H, W).
        x: the states x_t it is about, of the same shape.
        alpha: the scale of x_0 within them.
        sigma: the scale of the noise within them.
        cond: where guidance ran, what was believed with the condition, before clipping.
        uncond: where guidance ran, what was believed without it, before clipping.
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
        """The clean data, (B, C, H, W)."""
        return x0_from(self.kind, self.output, self.x, self.alpha, self.sigma)

    @cached_property
    def eps(self) -> Tensor:
        """The noise, (B, C, H, W)."""
        return eps_from(self.kind, self.output, self.x, self.alpha, self.sigma)

    def part(self, start: int, stop: int, x: Tensor) -> Prediction:
        """Return the prediction of the pictures ``start`` to ``stop`` of the batch, whose states are ``x``."""
        alpha, sigma = self.alpha, self.sigma
        if not isinstance(alpha, float):
            alpha = alpha[start:stop]
        if not isinstance(sigma, float):
            sigma = sigma[start:stop]
        return Prediction(self.kind, self.output[start:stop], x, alpha, sigma)


class Denoiser:
    """Backbone, schedule and kind of prediction."""

    def __init__(
        self, backbone: Backbone, schedule: Schedule, prediction: PredictionKind, *, clip: bool = False
    ) -> None:
        """Put the parts together.

        Args:
            backbone: the network.
            schedule: the schedule it was trained on.
            prediction: what its output means.
            clip: keep x0_hat within [-1, 1]; for models of pixels, wrong for latents.
        """
        self.backbone, self.schedule, self.prediction, self.clip = backbone, schedule, prediction, clip

    def evaluate(self, x: Tensor, t: Tensor | int, condition: Condition) -> Prediction:
        """Ask the backbone, once.

        The result is not clipped: guidance adds such results up, and only their sum is meant to be a picture.

        Args:
            x: states, float32 (B, C, H, W).
            t: their times, 0 to T-1: int64 (B,), or the one they have in common.
            condition: what they are conditioned on, for B pictures.
        """
        alpha: Scale
        sigma: Scale
        if isinstance(t, int):  # numbers spare a look-up in a table and, on a GPU, waiting for one
            alpha, sigma = self.schedule.alpha(t), self.schedule.sigma(t)
            t = torch.full(x.shape[:1], t, device=x.device)
        else:
            alpha, sigma = self.schedule.alphas(t), self.schedule.sigmas(t)
        output = self.backbone(x, t, condition)
        if output.dtype != x.dtype:
            output = output.to(x.dtype)
        return Prediction(self.prediction, output, x, alpha, sigma)

    def clipped(self, prediction: Prediction, x: Tensor, t: int) -> Prediction:
        """Return the prediction about x at time t as this model means it, clipped or as it is.

        Where x0_hat was clipped, eps follows from it, so that alpha x0_hat + sigma eps is x again.
        """
        if not self.clip:
            return prediction
        alpha, sigma = self.schedule.alpha(t), self.schedule.sigma(t)
        x0_hat = prediction.x0_hat.clamp(-1.0, 1.0)
        return Prediction("x0", x0_hat, x, alpha, sigma, prediction.cond, prediction.uncond)
