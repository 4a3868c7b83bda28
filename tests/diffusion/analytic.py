"""Data whose every marginal is known in closed form, so that samplers can be proved without a trained model.

Every number of a state is an independent draw of a one-dimensional law: a Gaussian N(mean, variance) or a mixture
of them. A state (1, 1, H, W) is therefore H W samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

from studio.diffusion.conditioning import Conditioning
from studio.diffusion.denoiser import Denoiser
from studio.diffusion.guidance import ClassifierFreeGuidance
from studio.diffusion.levels import EDM, FlowMatching
from studio.diffusion.noise import Noise
from studio.diffusion.prediction import PredictionKind, target
from studio.diffusion.samplers.drive import drive
from studio.diffusion.samplers.stepper import NoiseSource, Sampler, State, StepNoise, StepResult
from studio.diffusion.schedules import cosine, linear

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studio.diffusion.schedules import Schedule

KINDS: tuple[Schedule, ...] = (linear(), cosine(), FlowMatching(shift=3.0), EDM())
"""A schedule of each kind, and the two tables that pictures are trained on."""

UNGUIDED = ClassifierFreeGuidance(1.0, Conditioning(), Conditioning())


@dataclass(frozen=True)
class Gaussian:
    """N(mean, variance)."""

    mean: float
    variance: float

    def marginal(self, schedule: Schedule, t: float) -> tuple[float, float]:
        """Return mean and variance of x_t."""
        alpha, sigma = schedule.alpha(t), schedule.sigma(t)
        return alpha * self.mean, alpha**2 * self.variance + sigma**2

    def start(self, schedule: Schedule, t: float, z: Tensor) -> Tensor:
        """Turn unit noise into exact draws of x_t."""
        mean, variance = self.marginal(schedule, t)
        return mean + math.sqrt(variance) * z

    def eps(self, schedule: Schedule, x: Tensor, t: float) -> Tensor:
        """Return the exact E[eps | x_t]."""
        mean, variance = self.marginal(schedule, t)
        return schedule.sigma(t) * (x - mean) / variance

    def x0(self, schedule: Schedule, x: Tensor, t: float) -> Tensor:
        """Return the exact E[x_0 | x_t]."""
        gain, shift = self.tweedie(schedule, t)
        return gain * x + shift

    def tweedie(self, schedule: Schedule, t: float) -> tuple[float, float]:
        """Return a and b of E[x_0 | x_t] = a x_t + b."""
        mean, variance = self.marginal(schedule, t)
        gain = schedule.alpha(t) * self.variance / variance
        return gain, self.mean - gain * mean


@dataclass(frozen=True)
class Mixture:
    """Several Gaussians, each with its weight."""

    weights: tuple[float, ...]
    parts: tuple[Gaussian, ...]

    def log_p(self, schedule: Schedule, x: Tensor, t: float) -> Tensor:
        """Return log p_t of each number of x."""
        return torch.logsumexp(self._log_joint(schedule, x, t), dim=0)

    def draw(self, schedule: Schedule, t: float, shape: Sequence[int], seed: int = 0) -> Tensor:
        """Return exact draws of x_t, float32."""
        generator = torch.Generator().manual_seed(seed)
        which = torch.multinomial(torch.tensor(self.weights), math.prod(shape), True, generator=generator)
        z = torch.randn(math.prod(shape), generator=generator)
        starts = torch.stack([part.start(schedule, t, z) for part in self.parts])
        return starts.gather(0, which[None])[0].view(*shape)

    def eps(self, schedule: Schedule, x: Tensor, t: float) -> Tensor:
        """Return the exact E[eps | x_t]: the parts' own, weighted by how likely x is theirs."""
        return self._expected([part.eps(schedule, x, t) for part in self.parts], schedule, x, t)

    def x0(self, schedule: Schedule, x: Tensor, t: float) -> Tensor:
        """Return the exact E[x_0 | x_t]."""
        return self._expected([part.x0(schedule, x, t) for part in self.parts], schedule, x, t)

    def _expected(self, values: list[Tensor], schedule: Schedule, x: Tensor, t: float) -> Tensor:
        return (torch.softmax(self._log_joint(schedule, x, t), dim=0) * torch.stack(values)).sum(0)

    def _log_joint(self, schedule: Schedule, x: Tensor, t: float) -> Tensor:
        logs = []
        for weight, part in zip(self.weights, self.parts, strict=True):
            mean, variance = part.marginal(schedule, t)
            logs.append(
                math.log(weight) - 0.5 * math.log(2 * math.pi * variance) - (x - mean) ** 2 / (2 * variance)
            )
        return torch.stack(logs)


@dataclass(frozen=True)
class ClosedForm:
    """A backbone that knows the data; ``late`` makes it a wrong twin that answers for another time.

    It is called with the model's times and input, as a network is, and must find out which level is meant.
    """

    data: Gaussian | Mixture
    schedule: Schedule
    kind: PredictionKind | Literal["edm"] = "eps"
    late: int = 0

    def __call__(self, x: Tensor, t: Tensor, condition: Conditioning) -> Tensor:
        """Answer for each picture at its own time."""
        answers = []
        for x_i, model_time in zip(x.split(1), t.tolist(), strict=True):
            t_i = _time(self.schedule, model_time)
            asked = min(max(t_i + self.late, 0), self.schedule.T - 1)
            if isinstance(self.schedule, EDM):
                x_i = x_i / self.schedule.input_scale(t_i)
            x0, eps = self.data.x0(self.schedule, x_i, asked), self.data.eps(self.schedule, x_i, asked)
            if self.kind == "edm":
                c_skip, c_out = self.schedule.c_skip(t_i), self.schedule.c_out(t_i)
                answers.append((x0 - c_skip * x_i) / c_out)
            else:
                alpha, sigma = self.schedule.alpha(asked), self.schedule.sigma(asked)
                answers.append(target(self.kind, x0, eps, alpha, sigma))
        return torch.cat(answers)


def _time(schedule: Schedule, model_time: float) -> float:
    """Return the time at which a schedule calls its model with ``model_time``."""
    if isinstance(schedule, FlowMatching):
        u = model_time / schedule.time_scale
        log_snr = 2 * (math.log1p(-u) - math.log(u)) if u < 1 else -math.inf
    elif isinstance(schedule, EDM):
        log_snr = -8 * model_time  # c_noise is ln(sigma) / 4
    else:
        return model_time
    # Rounded to float32, the first and the last may be a little beyond their levels.
    return schedule.time_of(min(max(log_snr, schedule.log_snr(schedule.noisiest)), schedule.log_snr(0)))


@dataclass(frozen=True)
class FixedNoise:
    """Noise handed in: one tensor for each step, whatever the draw."""

    steps: tuple[Tensor, ...]

    def at(self, step: int) -> StepNoise:
        """Return the step's only draw."""
        return lambda number: self.steps[step]


def denoiser(
    data: Gaussian | Mixture,
    schedule: Schedule,
    kind: PredictionKind | Literal["edm"] | None = None,
    late: int = 0,
) -> Denoiser:
    """Return the exact denoiser, without clipping; by default it predicts what models on such schedules do."""
    if kind is None:
        usual: dict[str, PredictionKind | Literal["edm"]] = {"flow": "velocity", "edm": "edm"}
        kind = usual.get(schedule.name, "eps")
    return Denoiser(ClosedForm(data, schedule, kind, late), schedule, kind)


def run(
    sampler: Sampler,
    model: Denoiser,
    x: Tensor,
    times: tuple[float, ...],
    noise: NoiseSource | None = None,
) -> list[StepResult]:
    """Drive an unguided run from x at ``times[0]`` and return its steps."""
    noise = noise or Noise(range(100, 100 + len(x)), x.shape[1:])
    return list(drive(sampler, UNGUIDED, model, State(x, 0, times), noise))


def unit_noise(samples: int = 100_000, seed: int = 1) -> Tensor:
    """Return that many unit draws as one picture, (1, 1, 100, samples / 100)."""
    return torch.randn(1, 1, 100, samples // 100, generator=torch.Generator().manual_seed(seed))


def z_scores(x: Tensor, mean: float, variance: float) -> tuple[float, float]:
    """Return how many standard errors sample mean and sample variance lie from a Gaussian's."""
    samples = x.double().flatten()
    z_mean = (samples.mean().item() - mean) / math.sqrt(variance / len(samples))
    z_variance = (samples.var().item() - variance) / (variance * math.sqrt(2.0 / len(samples)))
    return z_mean, z_variance


def order(steps: Sequence[int], errors: Sequence[float]) -> float:
    """Return p of the fit error = constant * steps^-p."""
    log_n = torch.tensor(steps, dtype=torch.float64).log()
    log_e = torch.tensor(errors, dtype=torch.float64).log()
    slope = ((log_n - log_n.mean()) * (log_e - log_e.mean())).sum() / ((log_n - log_n.mean()) ** 2).sum()
    return -slope.item()
