"""Plans whether a run fits in a device's memory, and what it takes to make it fit.

A run that does not fit as it is becomes slower rung by rung, in the order of `RUNGS`: each rung costs more time than
the one before. The plan is a pure function of what is known before the model is loaded, so that it can be shown beside
the settings, carried out by the engine and recorded with the picture.

The estimate is the largest of three phases: reading the prompts, calling the backbone, and decoding one picture.
Importable without torch.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias

from studio.checkpoints.family_models import FamilyInfo
from studio.families.memory.costs import (
    decoder_values,
    parameters_of,
    text_values,
    tiled_decoder_values,
    unet_values,
)
from studio.messages import Message, message

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from studio.checkpoints.catalog import InstalledModel
    from studio.families.interface import ModelInfo, Size

Rung: TypeAlias = Literal["text_encoders_off", "vae_tiling", "attention_slicing", "layer_offload"]
"""A way to need less memory at the cost of time; the names are recorded with pictures."""

RUNGS: Final[tuple[Rung, ...]] = (
    "text_encoders_off",
    "vae_tiling",
    "attention_slicing",
    "layer_offload",
)
"""The rungs in the order in which they are taken."""

RUNG_LABELS: Mapping[Rung, Message] = MappingProxyType(
    {
        "text_encoders_off": message("text encoders off the device after use"),
        "vae_tiling": message("VAE decoded in tiles"),
        "attention_slicing": message("attention in slices"),
        "layer_offload": message("weights moved to the device layer by layer"),
    }
)

DEFAULT_HEADROOM_BYTES = 512 * 2**20
"""Memory that stays free for other programs unless the user says otherwise."""
MAX_BATCH = 8
"""How many pictures of a request are made at once, at most."""

_OWN_MEMORY_RUNGS: Final = frozenset[Rung]({"text_encoders_off", "layer_offload"})
"""Rungs that move weights to the memory of the machine: of use only on devices with memory of their own."""
_WORKSPACE_BYTES = 256 * 2**20
"""What the libraries of a device with memory of its own allocate beside torch's tensors, for convolutions."""
_VALUES_FACTOR = 1.1
"""Memory that intermediate values take, relative to their sum: alignment, and holes between freed blocks."""
_FLOAT32_BYTES = 4
_STORED_BYTES: Mapping[str, int] = MappingProxyType(
    {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1, "F8_E5M2": 1, "fp8 scaled": 1}
)
_NATIVE_VALUES = 48
"""For each latent, the numbers that a backbone of this program keeps at once, relative to its widest layer."""


@dataclass(frozen=True, kw_only=True)
class DeviceMemory:
    """What a plan needs to know of a device.

    Attributes:
        free: bytes that a model may use, those included that it has already; None: unknown, which fits everything.
        own: whether the device has memory of its own, so that weights can be moved to that of the machine.
        reduced: whether backbones compute in bfloat16 there, which was found to be faster.
    """

    free: int | None
    own: bool = False
    reduced: bool = False


@dataclass(frozen=True, kw_only=True)
class MemoryPlan:
    """How a run fits in memory.

    Attributes:
        rungs: what has to be done, in the order of `RUNGS`; empty: nothing.
        peak: estimated bytes at most in use at once, the model's weights included; with ``rungs``.
        budget: bytes that may be used; None: unknown.
        largest: if the run does not fit, the largest size of the same shape that does; None: none does, or it fits.
        pictures_at_once: how many pictures are one state, on a device with memory of its own.
    """

    rungs: tuple[Rung, ...]
    peak: int
    budget: int | None
    largest: Size | None = None
    pictures_at_once: int = 1

    @property
    def fits(self) -> bool:
        return self.budget is None or self.peak <= self.budget


class ModelMemory(Protocol):
    """What a model needs in memory."""

    @property
    def rungs(self) -> frozenset[Rung]:
        """The rungs that it supports."""

    @property
    def weights(self) -> int:
        """Bytes of the weights of all its parts."""

    def peak(self, width: int, height: int, rows: int, rungs: Sequence[Rung]) -> int:
        """Return the estimated bytes at most in use at once.

        Args:
            width: of the pictures in pixels.
            height: of them.
            rows: how many states a model call has: pictures, twice that with guidance.
            rungs: those that are taken.
        """


@dataclass(frozen=True, kw_only=True)
class _PartBytes:
    """The memory of a part in bytes.

    Attributes:
        weights: of all its layers, as they are kept.
        copied: of its largest layer in the precision in which it computes; 0: it computes as it is kept.
        layer: both of its largest layer.
    """

    weights: int
    copied: int
    layer: int


@dataclass(frozen=True, kw_only=True)
class FamilyMemory:
    """The memory of a model of one of the families."""

    info: FamilyInfo
    device: DeviceMemory

    @property
    def rungs(self) -> frozenset[Rung]:
        return frozenset(RUNGS)

    @property
    def weights(self) -> int:
        return sum(one.weights for one in self._parts.values())

    @property
    def _stored_bytes(self) -> int:
        """Bytes of each stored parameter."""
        known = _STORED_BYTES.get(self.info.precision)
        if known is not None:
            return known
        return min(_FLOAT32_BYTES, max(1, round(self.info.size_on_disk / max(1, self.info.parameters))))

    @property
    def _backbone_bytes(self) -> int:
        """Bytes of each number that the backbone computes with; see `studio.weights.compute.compute_dtype`."""
        if self.device.reduced or (self.device.own and self._stored_bytes == 2):
            return 2
        return _FLOAT32_BYTES

    @cached_property
    def _parts(self) -> Mapping[str, _PartBytes]:
        stored, parts = self._stored_bytes, {}
        for part in self.info.family.parts:
            parameters, is_unet = parameters_of(part), part.name == "unet"
            computed = self._backbone_bytes if is_unet else _FLOAT32_BYTES
            kept = min(stored, computed) if is_unet else stored
            copied = computed if computed != kept else 0
            parts[part.name] = _PartBytes(
                weights=kept * parameters.total,
                copied=copied * parameters.largest_layer,
                layer=(kept + copied) * parameters.largest_layer,
            )
        return parts

    def peak(self, width: int, height: int, rows: int, rungs: Sequence[Rung]) -> int:
        family, downscale = self.info.family, self.info.downscale
        latents = (width // downscale) * (height // downscale)
        offloaded = set(self._parts) if "layer_offload" in rungs else set()
        if "text_encoders_off" in rungs:
            offloaded |= {part.name for part in family.text_parts}
        kept = sum(one.weights for name, one in self._parts.items() if name not in offloaded)
        # What computing takes beside the weights that are kept on the device.
        extra = {name: one.layer if name in offloaded else one.copied for name, one in self._parts.items()}
        text = _FLOAT32_BYTES * max(text_values(part) for part in family.text_parts)
        unet, vae = family.part("unet"), family.part("vae")
        sampling = unet_values(unet, latents, sliced="attention_slicing" in rungs)
        decoding = decoder_values(vae, latents)
        if "vae_tiling" in rungs:
            decoding = min(decoding, tiled_decoder_values(vae, latents, downscale))
        phases = (
            max(extra[part.name] for part in family.text_parts) + _VALUES_FACTOR * text,
            extra["unet"] + _VALUES_FACTOR * rows * self._backbone_bytes * sampling,
            extra["vae"] + _VALUES_FACTOR * _FLOAT32_BYTES * decoding,
        )
        return kept + round(max(phases)) + (_WORKSPACE_BYTES if self.device.own else 0)


@dataclass(frozen=True, kw_only=True)
class NativeMemory:
    """A rough upper bound for the memory of a model of this program's own format, which is small."""

    info: ModelInfo
    device: DeviceMemory

    @property
    def rungs(self) -> frozenset[Rung]:
        return frozenset()

    @property
    def weights(self) -> int:
        return _FLOAT32_BYTES * self.info.parameters

    def peak(self, width: int, height: int, rows: int, rungs: Sequence[Rung]) -> int:
        _, high, wide = self.info.latent_shape_for(width, height)
        values = _NATIVE_VALUES * _widest(self.info.backbone.config) * high * wide
        picture = _NATIVE_VALUES * _widest({}) * width * height
        activations = _VALUES_FACTOR * _FLOAT32_BYTES * max(rows * values, picture)
        return self.weights + round(activations) + (_WORKSPACE_BYTES if self.device.own else 0)


def _widest(config: Mapping[str, Any]) -> int:
    """Return the width of the widest layer that a configuration names."""
    numbers = [value for name in ("widths", "width") for value in _flat(config.get(name))]
    return max(numbers, default=32)


def _flat(value: object) -> Iterator[int]:
    if isinstance(value, int):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _flat(one)


@dataclass(frozen=True, kw_only=True)
class MemoryNeed:
    """A run of one model, as a plan of memory sees it.

    Attributes:
        installed: the model.
        width: of the pictures in pixels.
        height: of them.
        count: how many pictures it makes.
        guided: whether each has two states in a model call.
        together: whether they are made together, as in a comparison.
        headroom: bytes that must stay free, for other programs and for models that are loaded later.
        at_least: rungs to take in any case.
    """

    installed: InstalledModel
    width: int
    height: int
    count: int = 1
    guided: bool = True
    together: bool = False
    headroom: int = DEFAULT_HEADROOM_BYTES
    at_least: tuple[Rung, ...] = ()

    @property
    def info(self) -> ModelInfo:
        assert self.installed.card is not None, "only models with cards run"
        return self.installed.card

    @property
    def weights(self) -> int:
        """Bytes of the model's weights."""
        return memory_of(self.info, DeviceMemory(free=None)).weights

    def pictures_at_once(self, device: DeviceMemory) -> int:
        """Return how many pictures are one state: fewer than asked for if all do not fit without a rung."""
        if self.together:
            return self.count
        if not device.own:
            return 1
        most = min(self.count, MAX_BATCH)
        if device.free is None:
            return most
        memory, budget = memory_of(self.info, device), device.free - self.headroom
        states = 2 if self.guided else 1
        fitting = (
            count
            for count in range(most, 1, -1)
            if memory.peak(self.width, self.height, count * states, ()) <= budget
        )
        return next(fitting, 1)

    def plan(self, device: DeviceMemory) -> MemoryPlan:
        """Return how the run fits in a device's memory."""
        pictures = self.pictures_at_once(device)
        plan = plan_memory(
            self.info,
            self.width,
            self.height,
            device=device,
            headroom=self.headroom,
            rows=pictures * (2 if self.guided else 1),
            at_least=self.at_least,
        )
        return replace(plan, pictures_at_once=pictures)


def memory_of(info: ModelInfo, device: DeviceMemory) -> ModelMemory:
    """Return what a model needs on a device."""
    if isinstance(info, FamilyInfo) and {part.kind for part in info.family.parts} >= {"unet", "vae", "clip"}:
        return FamilyMemory(info=info, device=device)
    return NativeMemory(info=info, device=device)


def plan_memory(
    info: ModelInfo,
    width: int,
    height: int,
    *,
    device: DeviceMemory,
    headroom: int = DEFAULT_HEADROOM_BYTES,
    rows: int = 2,
    at_least: Sequence[Rung] = (),
) -> MemoryPlan:
    """Return how a run fits in a device's memory.

    Args:
        info: the model.
        width: of the pictures in pixels.
        height: of them.
        device: where it runs.
        headroom: bytes that must stay free for other programs.
        rows: how many states a model call has: pictures, twice that with guidance.
        at_least: rungs to take in any case, with those before them.
    """
    memory = memory_of(info, device)
    budget = None if device.free is None else device.free - headroom
    ladder = _ladder(memory, device)
    first = max((ladder.index(rung) + 1 for rung in at_least if rung in ladder), default=0)
    for count in range(first, len(ladder) + 1):
        plan = MemoryPlan(
            rungs=ladder[:count],
            peak=memory.peak(width, height, rows, ladder[:count]),
            budget=budget,
        )
        if plan.fits:
            return plan
    # The peaks fall with the sizes.
    sizes = smaller_sizes(info, width, height)
    place = bisect_left(
        sizes, True, key=lambda size: memory.peak(size[0], size[1], rows, ladder) <= (budget or 0)
    )
    return MemoryPlan(
        rungs=ladder,
        peak=memory.peak(width, height, rows, ladder),
        budget=budget,
        largest=sizes[place] if place < len(sizes) else None,
    )


def next_rung(info: ModelInfo, rungs: Sequence[Rung], device: DeviceMemory) -> Rung | None:
    """Return the rung after those that were taken; None if there is none."""
    left = [rung for rung in _ladder(memory_of(info, device), device) if rung not in rungs]
    return left[0] if left else None


def smaller_sizes(info: ModelInfo, width: int, height: int) -> list[Size]:
    """Return the smaller sizes that a model makes, the largest first; of the same shape where it makes any size."""
    rule = info.size_rule
    if rule is None:
        smaller = {size for size in info.sizes if size[0] * size[1] < width * height}
        return sorted(smaller, key=lambda size: size[0] * size[1], reverse=True)
    found = []
    long, short = max(width, height), min(width, height)
    for side in range(long - rule.multiple, rule.minimum - 1, -rule.multiple):
        other = round(side * short / long / rule.multiple) * rule.multiple
        size = (side, other) if width >= height else (other, side)
        if rule.allows(*size):
            found.append(size)
    return found


def _ladder(memory: ModelMemory, device: DeviceMemory) -> tuple[Rung, ...]:
    """Return the rungs that help a model on a device, in order."""
    return tuple(
        rung for rung in RUNGS if rung in memory.rungs and (device.own or rung not in _OWN_MEMORY_RUNGS)
    )
