"""Samplers by name. Imports no torch."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from studio.diffusion.samplers.ddim import DDIM
from studio.diffusion.samplers.ddpm import DDPM
from studio.diffusion.samplers.dpmpp_2m import DPMPP2M
from studio.diffusion.samplers.euler import Euler, EulerAncestral
from studio.diffusion.samplers.euler_flow import EulerFlow
from studio.diffusion.samplers.langevin import AnnealedLangevin
from studio.diffusion.samplers.lcm import LCM
from studio.diffusion.samplers.predictor_corrector import PredictorCorrector
from studio.diffusion.samplers.stepper import Sampler

SAMPLERS: Mapping[str, type[Sampler[Any]]] = MappingProxyType(
    {
        sampler.name: sampler
        for sampler in (
            DDPM,
            DDIM,
            AnnealedLangevin,
            PredictorCorrector,
            Euler,
            EulerAncestral,
            DPMPP2M,
            LCM,
            EulerFlow,
        )
    }
)

COMPARED: tuple[str, ...] = tuple(name for name, sampler in SAMPLERS.items() if sampler.compared)
"""The names of the samplers that a comparison of samplers and the evaluation take by default."""


def ode_sampler() -> str:
    """Return the name of the first sampler that solves the probability-flow ODE with its default options."""
    return next(name for name, sampler in SAMPLERS.items() if sampler.ode_limit(sampler.Options()))
