"""The plan of an evaluation: which prompts and settings each measurement needs. Importable without torch."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from studio.diffusion.samplers import SAMPLERS

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Sampling settings of a measurement."""

    sampler: str = "ddim"
    options: Mapping[str, Any] = field(default_factory=dict)
    steps: int = 30
    guidance: float = 3.0
    spacing: str = "trailing"

    @property
    def queries(self) -> int:
        """Number of predictions that the sampler needs for one picture."""
        sampler = SAMPLERS[self.sampler]
        return sampler.count_queries(sampler.Options(**self.options), self.steps)

    @property
    def calls(self) -> int:
        """Number of backbone evaluations for one picture."""
        return self.queries * (1 if self.guidance == 1 else 2)

    def to_dict(self) -> dict[str, Any]:
        return {
            "sampler": self.sampler,
            "options": dict(self.options),
            "steps": self.steps,
            "guidance": self.guidance,
            "spacing": self.spacing,
        }

    def key(self) -> str:
        return json.dumps(self.to_dict(), sort_keys=True)


@dataclass(frozen=True)
class PromptSeed:
    """The prompt and seed of one picture."""

    prompt: str
    seed: int


@dataclass(frozen=True, kw_only=True)
class Series:
    """Pictures with the same settings."""

    settings: Settings
    prompts: tuple[PromptSeed, ...]

    @property
    def calls(self) -> int:
        return self.settings.calls * len(self.prompts)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The extent of an evaluation.

    Attributes:
        settings: sampling settings for the measurements that do not vary them.
        seeds: for each name and each held-out combination.
        names: first names of the pictograms that the model has learned; none: all. All pictograms of the list are
            candidates in any case.
        concepts: number of these to prompt for, evenly spaced; None: all.
        pairs: number of held-out pairs of pictogram and colour to prompt for; None: all.
        scenes: number of held-out combinations of each layout to prompt for; None: all.
        scales: guidance scales that are compared.
        scale_concepts: number of names at each scale.
        scale_seeds: pictures of each name; diversity is measured among them.
        scale_steps: steps of these pictures.
        steps: numbers of steps that are compared, for every sampler.
        step_concepts: number of names at each number of steps.
        step_guidance: guidance of these pictures. It is off: samplers are compared by the model's own distribution,
            which guidance would change.
        most_queries: a sampler's curve ends when a picture would need more predictions.
        batch: pictures in one model call (guidance doubles it).
    """

    settings: Settings
    seeds: tuple[int, ...] = (0, 1, 2)
    names: tuple[str, ...] = ()
    concepts: int | None = 285
    pairs: int | None = None
    scenes: int | None = None
    scales: tuple[float, ...] = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9, 10)
    scale_concepts: int = 24
    scale_seeds: int = 6
    scale_steps: int = 30
    steps: tuple[int, ...] = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
    step_concepts: int = 40
    step_guidance: float = 1.0
    most_queries: int = 5000
    batch: int = 64

    def quick(self) -> Plan:
        """Return a plan of the same kind that takes about ten minutes for a starter on one core."""
        return replace(
            self,
            seeds=self.seeds[:1],
            concepts=96,
            pairs=60,
            scenes=24,
            scales=(1, 1.5, 2, 3, 4, 6, 8, 10),
            scale_concepts=10,
            scale_seeds=4,
            scale_steps=20,
            step_concepts=32,
            most_queries=150,
        )
