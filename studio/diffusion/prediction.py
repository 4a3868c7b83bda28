"""The quantities that a model may predict about x_t, and the conversions between them.

With x_t = alpha x_0 + sigma eps:

    v        = alpha eps - sigma x_0
    velocity = eps - x_0
    x_0      = (x_t - sigma eps) / alpha  = (alpha x_t - sigma v) / (alpha^2 + sigma^2)
             = (x_t - sigma velocity) / (alpha + sigma)
    eps      = (x_t - alpha x_0) / sigma  = (sigma x_t + alpha v) / (alpha^2 + sigma^2)
             = (x_t + alpha velocity) / (alpha + sigma)
    score    = grad log p(x_t) = -eps / sigma

Pure functions of tensors of one shape; ``alpha`` and ``sigma`` are floats, or tensors (B, 1, 1, 1) that
broadcast. Where alpha^2 + sigma^2 = 1 (variance preserving), the conversions from v involve no division.
``x0_from_eps`` divides by alpha, which is 5e-5 at the last time of the cosine schedule: this loss of precision is
inherent in predicting eps. Where alpha is 0, eps contains nothing about x_0; v, velocity and x0 still do.

Source: v is that of Salimans & Ho 2022, "Progressive Distillation", appendix D, arXiv 2202.00512; the velocity that of
Liu et al. 2023, "Flow Straight and Fast", arXiv 2209.03003, with time running from data to noise; the score that of
Song et al. 2021, "Score-Based Generative Modeling through SDEs", arXiv 2011.13456.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    from torch import Tensor

Scale: TypeAlias = "float | Tensor"
"""A schedule's alpha or sigma: one number, or one per picture, (B, 1, 1, 1)."""

PredictionKind: TypeAlias = Literal["eps", "v", "x0", "velocity"]
"""The meaning of a backbone's output."""

TrainedKind: TypeAlias = Literal["eps", "v", "x0"]
"""What the program's own networks are trained to predict."""

PREDICTION_KINDS: tuple[PredictionKind, ...] = get_args(PredictionKind)


def x0_from_eps(x_t: Tensor, eps: Tensor, alpha: Scale, sigma: Scale) -> Tensor:
    """Return x_0 from eps; divides by alpha, which must not be 0."""
    return (x_t - sigma * eps) / alpha


def eps_from_x0(x_t: Tensor, x0: Tensor, alpha: Scale, sigma: Scale) -> Tensor:
    """Return eps from x_0; divides by sigma."""
    return (x_t - alpha * x0) / sigma


def x0_from_v(x_t: Tensor, v: Tensor, alpha: Scale, sigma: Scale) -> Tensor:
    """Return x_0 from v."""
    return _over_square(alpha * x_t - sigma * v, alpha, sigma)


def eps_from_v(x_t: Tensor, v: Tensor, alpha: Scale, sigma: Scale) -> Tensor:
    """Return eps from v."""
    return _over_square(sigma * x_t + alpha * v, alpha, sigma)


def x0_from_velocity(x_t: Tensor, velocity: Tensor, alpha: Scale, sigma: Scale) -> Tensor:
    """Return x_0 from the velocity."""
    return (x_t - sigma * velocity) / (alpha + sigma)


def eps_from_velocity(x_t: Tensor, velocity: Tensor, alpha: Scale, sigma: Scale) -> Tensor:
    """Return eps from the velocity."""
    return (x_t + alpha * velocity) / (alpha + sigma)


def v_from(x0: Tensor, eps: Tensor, alpha: Scale, sigma: Scale) -> Tensor:
    """Return v from x_0 and eps."""
    return alpha * eps - sigma * x0


def score_from_eps(eps: Tensor, sigma: Scale) -> Tensor:
    """Return the score from eps; divides by sigma."""
    return -eps / sigma


def eps_from_score(score: Tensor, sigma: Scale) -> Tensor:
    """Return eps from the score."""
    return -sigma * score


def target(kind: PredictionKind, x0: Tensor, eps: Tensor, alpha: Scale, sigma: Scale) -> Tensor:
    """Return the training target of a backbone of this kind."""
    match kind:
        case "eps":
            return eps
        case "v":
            return v_from(x0, eps, alpha, sigma)
        case "x0":
            return x0
        case "velocity":
            return eps - x0


def x0_from(kind: PredictionKind, output: Tensor, x_t: Tensor, alpha: Scale, sigma: Scale) -> Tensor:
    """Return x_0 from the output of a backbone of this kind for x_t."""
    match kind:
        case "eps":
            return x0_from_eps(x_t, output, alpha, sigma)
        case "v":
            return x0_from_v(x_t, output, alpha, sigma)
        case "x0":
            return output
        case "velocity":
            return x0_from_velocity(x_t, output, alpha, sigma)


def eps_from(kind: PredictionKind, output: Tensor, x_t: Tensor, alpha: Scale, sigma: Scale) -> Tensor:
    """Return eps from the output of a backbone of this kind for x_t."""
    match kind:
        case "eps":
            return output
        case "v":
            return eps_from_v(x_t, output, alpha, sigma)
        case "x0":
            return eps_from_x0(x_t, output, alpha, sigma)
        case "velocity":
            return eps_from_velocity(x_t, output, alpha, sigma)


MAX_ERROR_FACTOR = 1000.0
"""Where errors are multiplied by more than this, a prediction says nothing about x_0: few are below 1e-3."""


def error_factor(kind: PredictionKind, alpha: float, sigma: float) -> float:
    """Return what an error of a backbone's output is multiplied by in x_0, if the output is eps; else 1.

    Infinite where there is no signal. The other predictions multiply it by 1 at most, at any level.
    """
    if kind != "eps":
        return 1.0
    return sigma / alpha if alpha else math.inf


_ROUNDING = 4e-7
"""How far alpha^2 + sigma^2 of float32 numbers may be from 1 where it is 1."""


def _over_square(value: Tensor, alpha: Scale, sigma: Scale) -> Tensor:
    """Return value / (alpha^2 + sigma^2); exactly the value if that is 1 but for rounding."""
    square = alpha * alpha + sigma * sigma
    if isinstance(square, float):
        return value if abs(square - 1.0) < _ROUNDING else value / square
    return value / square.where((square - 1.0).abs() >= _ROUNDING, 1.0)
