"""The denoiser: a backbone together with its noise schedule and the meaning of its output.

Whatever the backbone predicts, a denoiser returns x_0 and eps. Samplers and guidance see nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, Protocol

import torch
from torch import Tensor

from studio.diffusion.levels import EDM
from studio.diffusion.prediction import PredictionKind, eps_from, x0_from
from studio.errors import RequestError
from studio.messages import message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from studio.diffusion.conditioning import Conditioning
    from studio.diffusion.prediction import Scale
    from studio.diffusion.schedules import Schedule


class Backbone(Protocol):
    """A network that predicts eps, v, x0 or the velocity from x_t."""

    def __call__(self, x: Tensor, t: Tensor, condition: Conditioning, /) -> Tensor:
        """Return the prediction, of x's shape, for states x (B, C, H, W) at model times t, int64 or float32 (B,)."""


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
        self,
        backbone: Backbone,
        schedule: Schedule,
        prediction: PredictionKind | Literal["edm"],
        *,
        clip: bool = False,
    ) -> None:
        """Combine the parts.

        Args:
            backbone: the network.
            schedule: the schedule it was trained on.
            prediction: the meaning of its output; "edm": x0_hat is c_skip x_t + c_out output, as the EDM schedule says.
            clip: clamp x0_hat to [-1, 1]; right for pixels, wrong for latents.

        Raises:
            ValueError: the output is EDM's, but not the schedule.
        """
        if prediction == "edm" and not isinstance(schedule, EDM):
            raise ValueError("a backbone preconditioned as EDM needs an EDM schedule")
        self.backbone, self.schedule, self.prediction, self.clip = backbone, schedule, prediction, clip

    def evaluate(
        self,
        x: Tensor,
        t: Sequence[float] | float,
        condition: Conditioning,
        model_time: Sequence[float] | float | None = None,
    ) -> Prediction:
        """Evaluate the backbone once.

        The result is not clipped: guidance combines several of them, and only the combination is meant as a picture.

        Args:
            x: states, float32 (B, C, H, W).
            t: their times, 0 to T-1: of each, or one number for all.
            condition: of the B pictures.
            model_time: what the backbone is called with, likewise; None: as the schedule says.

        Raises:
            RequestError: the backbone predicts eps, and there is no signal at a time.
        """
        schedule, prediction = self.schedule, self.prediction
        check_times(prediction, schedule, t)
        alpha, sigma = _scale(schedule.alpha, t, x), _scale(schedule.sigma, t, x)
        if model_time is None:
            model_time = (
                schedule.model_time(t) if isinstance(t, int | float) else [schedule.model_time(u) for u in t]
            )
        if isinstance(model_time, int | float):
            times = torch.full(x.shape[:1], model_time, device=x.device)
        else:
            times = torch.tensor(model_time, device=x.device)
        scaled = _scale(schedule.input_scale, t, x) * x if isinstance(schedule, EDM) else x
        output = self.backbone(scaled, times, condition)
        if output.dtype != x.dtype:
            output = output.to(x.dtype)
        if prediction != "edm":
            return Prediction(prediction, output, x, alpha, sigma)
        assert isinstance(schedule, EDM)
        denoised = _scale(schedule.c_skip, t, x) * x + _scale(schedule.c_out, t, x) * output
        return Prediction("x0", denoised, x, alpha, sigma)

    def clipped(self, prediction: Prediction, x: Tensor, t: float) -> Prediction:
        """Return the prediction for x at time t with x0_hat clamped, if this model clips; else unchanged.

        If x0_hat is clamped, eps follows from it, so that alpha x0_hat + sigma eps is still x.
        """
        if not self.clip:
            return prediction
        alpha, sigma = self.schedule.alpha(t), self.schedule.sigma(t)
        x0_hat = prediction.x0_hat.clamp(-1.0, 1.0)
        return Prediction("x0", x0_hat, x, alpha, sigma, prediction.cond, prediction.uncond)


def check_times(
    prediction: str, schedule: Schedule, t: Sequence[float] | float, *, field: str = "spacing"
) -> None:
    """Check that a backbone's output contains x_0 at these times.

    Args:
        prediction: what the output means.
        schedule: the schedule.
        t: times, without -1.
        field: of the request, for the sentence.

    Raises:
        RequestError: it predicts eps, and there is no signal at a time.
    """
    if prediction != "eps":
        return
    for u in (t,) if isinstance(t, int | float) else t:
        if not schedule.alpha(u):
            reason = message(
                "visits time {time}, where this model's states are noise alone: a model that predicts the noise knows "
                "nothing about the picture there",
                time=u,
            )
            raise RequestError(field, reason)


def _scale(of: Callable[[float], float], t: Sequence[float] | float, x: Tensor) -> Scale:
    """Return a schedule's value at a time as a number, or at each of several as float32 (B, 1, 1, 1) on x's device."""
    if isinstance(t, int | float):
        return of(t)
    return torch.tensor([of(u) for u in t], dtype=torch.float32, device=x.device).view(-1, 1, 1, 1)
