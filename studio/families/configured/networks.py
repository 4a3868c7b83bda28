"""What models that are built from configurations share when they are loaded."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from studio.diffusion import levels
from studio.diffusion.schedules import SCHEDULES
from studio.errors import CheckpointError
from studio.messages import message

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from studio.diffusion.schedules import Schedule
    from studio.families.configured.configs import Noise


def schedule_of(noise: Noise) -> Schedule:
    """Return the noise schedule that a model was trained with."""
    table = SCHEDULES[noise.schedule](**noise.parameters)
    schedule = levels.VariancePreserving(table.name, table.alpha_bar, steps_offset=noise.steps_offset)
    return levels.zero_terminal_snr(schedule) if noise.zero_terminal_snr else schedule


@contextlib.contextmanager
def as_load_errors(path: Path) -> Iterator[None]:
    """Raise CheckpointError for a configuration from which diffusers cannot build a network."""
    try:
        yield
    except (ValueError, TypeError, NotImplementedError, ZeroDivisionError, AttributeError) as error:
        reason = message("has a configuration that describes no network: {reason}", reason=str(error)[:200])
        raise CheckpointError(path, reason) from error
