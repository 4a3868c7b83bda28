"""The cost of a request before it runs: model calls, time, memory, and what would cost less. Imports no Qt.

Seconds are those of a model call as they were measured on this machine. For a size that was not measured yet, they are
scaled from a measured size of the same model by the multiplications of its U-Net
(`studio.families.memory.work.unet_multiplications`). For a model that was never measured there is no time.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from studio.checkpoints.family_models import FamilyInfo
from studio.diffusion.samplers import SAMPLERS
from studio.engine.memory_plan import plan_memory
from studio.engine.requests.generate import sampler_options
from studio.families.interface import makes_size
from studio.families.memory.work import unet_multiplications
from studio.ui.jobs.run_settings import takes_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from studio.engine.memory_plan import DeviceMemory, MemoryPlan
    from studio.families.interface import ModelInfo, Size
    from studio.ui.jobs.run_settings import FormValues
    from studio.ui.jobs.timings import Timings

SLOW_SECONDS: Final = 300
"""A picture that takes longer on a CPU is offered smaller."""
_FAST_CPU: Final = 5e11
"""Multiplications a second that only a fast desktop processor reaches."""
_SLOW_FAST_CPU_SECONDS: Final = 120
"""A picture that would take longer even there takes many minutes on most CPUs."""
_COARSE_PX: Final = 64


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The cost of a request.

    Attributes:
        pictures: the number of pictures.
        queries: sampler queries per picture.
        calls_per_query: model calls per query: 2 with guidance, else 1.
        model_calls: total of all pictures.
        seconds: total of all pictures, as measured on this machine; None if nothing was measured yet.
        scaled_from: the measured size that the seconds are scaled from; None: this size was measured.
        slow: whether a picture takes many minutes on this CPU: as measured, or by its multiplications alone.
        memory: how it fits in memory, for models of other programs; None if that is not known.
        smaller: a smaller size to use instead: one that fits, or one that is not slow; None if there is no need.
    """

    pictures: int
    queries: int
    calls_per_query: int
    model_calls: int
    seconds: float | None
    scaled_from: Size | None = None
    slow: bool = False
    memory: MemoryPlan | None = None
    smaller: Size | None = None


def estimate(
    values: FormValues,
    card: ModelInfo | None,
    timings: Timings | None,
    device: str | None,
    memory: DeviceMemory | None = None,
) -> Estimate:
    """Return the cost of the request of ``values``.

    Args:
        values: the current values.
        card: of the chosen model; None if it is unknown.
        timings: measured times; None gives no time.
        device: its name in `Timings`; None for the last one used.
        memory: of the device; None if it is unknown.
    """
    options = sampler_options(values.sampler, values.options.get(values.sampler, {}))
    queries = SAMPLERS[values.sampler].count_queries(options, values.steps)
    each = 2 if takes_text(card) and values.guidance != 1.0 else 1
    seconds, scaled_from = None, None
    if card is not None and timings is not None:
        seconds, scaled_from = _seconds_per_call(card, values.size, timings, device)
    found = Estimate(
        pictures=values.count,
        queries=queries,
        calls_per_query=each,
        model_calls=queries * each * values.count,
        seconds=None if seconds is None else seconds * queries * each * values.count,
        scaled_from=scaled_from,
    )
    if not isinstance(card, FamilyInfo) or not makes_size(card, *values.size):
        return found
    return _with_advice(found, values.size, card, on_cpu=(device or "").startswith("cpu"), memory=memory)


def multiplications(card: ModelInfo, size: Size) -> float | None:
    """Return the multiplications of a model call for a picture of this size; None if they are not known."""
    if not isinstance(card, FamilyInfo):
        return None
    _, height, width = card.latent_shape_for(*size)
    return unet_multiplications(card.family.part("unet"), height * width)


def _seconds_per_call(
    card: ModelInfo, size: Size, timings: Timings, device: str | None
) -> tuple[float | None, Size | None]:
    """Return the seconds of a model call, and the size that they are scaled from; (None, None) if unknown."""
    measured = timings.seconds_per_call(model_sha256=card.weights_sha256, size=size, device=device)
    if measured is not None:
        return measured, None
    work = multiplications(card, size)
    if work is None:
        return None, None
    known = timings.measured_sizes(model_sha256=card.weights_sha256, device=device)
    if not known:
        return None, None
    ratios = {other: work / (multiplications(card, other) or work) for other in known}
    nearest = min(known, key=lambda other: max(ratios[other], 1 / ratios[other]))
    return known[nearest] * ratios[nearest], nearest


def _coarse_sizes(card: FamilyInfo, size: Size) -> Iterator[Size]:
    """Yield smaller sizes of about the same shape, in multiples of 64 pixels, the largest first."""
    long, short = max(size), min(size)
    for side in range((long - 1) // _COARSE_PX * _COARSE_PX, 0, -_COARSE_PX):
        other = round(side * short / long / _COARSE_PX) * _COARSE_PX
        found = (side, other) if size[0] >= size[1] else (other, side)
        if makes_size(card, *found):
            yield found


def _with_advice(
    found: Estimate, size: Size, card: FamilyInfo, *, on_cpu: bool, memory: DeviceMemory | None
) -> Estimate:
    """Add how a request fits in memory, whether it is slow, and a smaller size."""
    work = multiplications(card, size) or 0.0
    calls = found.queries * found.calls_per_query

    def is_slow(other: Size) -> bool:
        done = multiplications(card, other) or 0.0
        if found.seconds is not None:
            return found.seconds / found.pictures * done / work > SLOW_SECONDS
        return calls * done / _FAST_CPU > _SLOW_FAST_CPU_SECONDS

    plan = None if memory is None else plan_memory(card, *size, device=memory, rows=found.calls_per_query)
    slow = on_cpu and is_slow(size)
    smaller = None if plan is None or plan.fits else plan.largest
    if smaller is None and slow:
        smaller = next((other for other in _coarse_sizes(card, size) if not is_slow(other)), None)
    return dataclasses.replace(found, slow=slow, memory=plan, smaller=smaller)
