"""Builds the modules that a card describes.

They are first built on torch's meta device, where tensors have only shapes. Memory is allocated only after these shapes
have been compared with the weights file, so no card can ask for more memory than the file beside it takes. A model with
its weights then runs once on a tiny input, so that parts that do not fit each other are found when it is loaded.
"""

from __future__ import annotations

import functools
import inspect
import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from studio.backbones.registry import BACKBONES, CODECS
from studio.backbones.text import TextConfig, TextEncoder
from studio.diffusion.conditioning import Conditioning
from studio.diffusion.schedules import SCHEDULES, Schedule
from studio.errors import CheckpointError
from studio.messages import message
from studio.strict_json import convert, quoted
from studio.weights.files import as_checkpoint_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from studio.checkpoints.card import Component, ModelCard

_C = TypeVar("_C")

TEXT_ENCODERS = {"words": (TextConfig, TextEncoder)}

MAX_ACTIVATION = 2**28
"""The most values that a layer may return for one picture: 1 GiB of float32."""

# What layers raise when their sizes are impossible. Running out of memory is not among them.
_IMPOSSIBLE = (ValueError, TypeError, RuntimeError, AssertionError, ArithmeticError, LookupError)

_DRAWS = (torch.randn, torch.rand)
_SCALES = (Tensor.mul, Tensor.__mul__, Tensor.__rmul__)
_INITS = (given for name, given in vars(nn.init).items() if name[0] != "_" and name[-1] == "_")
_FILLS = (Tensor.normal_, Tensor.uniform_, *_SCALES, *_INITS)


class _Shapes(TorchFunctionMode):
    """Skips the initialisation of tensors, which on the meta device have only shapes.

    The meta device alone would do, but its random functions make torch import its compiler, which takes a second.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
        kwargs = kwargs or {}
        if func in _FILLS:
            return next(item for item in (*args, *kwargs.values()) if isinstance(item, Tensor))
        return (torch.empty if func in _DRAWS else func)(*args, **kwargs)


@dataclass(frozen=True, kw_only=True, eq=False)
class Assembly:
    """A model's parts.

    Attributes:
        schedule: the noise schedule.
        modules: "backbone", "codec" and, for a conditional model, "text"; in evaluation mode, without gradients; on
            the meta device until `fill`.
    """

    schedule: Schedule
    modules: Mapping[str, nn.Module]

    def state(self) -> dict[str, Tensor]:
        """Return every tensor of the weights file by its key there."""
        return {
            f"{part}.{name}": tensor
            for part, module in self.modules.items()
            for name, tensor in module.state_dict().items()
        }

    def fill(self, tensors: Mapping[str, Tensor]) -> None:
        """Assign the tensors of the weights file to the modules, without a copy."""
        for part, module in self.modules.items():
            own = {name: tensors[f"{part}.{name}"] for name in module.state_dict()}
            module.load_state_dict(own, assign=True)
            module.requires_grad_(False)


def assemble(card: ModelCard, path: Path) -> Assembly:
    """Build a card's parts on the meta device.

    Args:
        card: the card.
        path: its file, for the sentence.

    Raises:
        CheckpointError: a part is of an unknown kind, cannot be built, or would need too much memory to run.
    """
    make_schedule = _known(SCHEDULES, card.schedule, "schedule", path)
    parameters = read_config(_parameters_of(make_schedule), card.schedule, "schedule", path)
    try:
        schedule = make_schedule(**msgspec.structs.asdict(parameters))
    except _IMPOSSIBLE as error:
        reason = message("describes an impossible schedule: {fault}", fault=_first_line(error))
        raise CheckpointError(path, reason) from error
    if card.defaults.steps > schedule.T:
        reason = message("has more default steps than its schedule has times ({count})", count=schedule.T)
        raise CheckpointError(path, reason)
    _check_activations(card, path)
    modules = {
        "backbone": build_part(BACKBONES, card.backbone, "backbone", path),
        "codec": build_part(CODECS, card.codec, "codec", path),
    }
    if card.text is not None:
        modules["text"] = build_part(TEXT_ENCODERS, card.text, "text", path)
    return Assembly(schedule=schedule, modules=modules)


def _known(registry: Mapping[str, Any], component: Component, where: str, path: Path) -> Any:  # noqa: ANN401
    if component.kind not in registry:
        reason = message(
            "asks for a {part} of kind {kind} (there are: {known})",
            part=where,
            kind=quoted(component.kind),
            known=", ".join(registry),
        )
        raise CheckpointError(path, reason)
    return registry[component.kind]


def read_config(kind: type[_C], component: Component, where: str, path: Path) -> _C:
    """Return a component's configuration.

    Args:
        kind: its type, whose annotations limit it.
        component: of a card.
        where: the component's name in the card, for the sentence.
        path: the card's file, likewise.

    Raises:
        CheckpointError: a field is unknown, missing, of another type or outside its limits.
    """
    with as_checkpoint_error(path):
        return convert(component.config, kind, f"{where}.config")


@functools.cache
def _parameters_of(make_schedule: Callable[..., Schedule]) -> type[msgspec.Struct]:
    """Return a type with the parameters of a function as fields."""
    hints = typing.get_type_hints(make_schedule, include_extras=True)
    parameters = inspect.signature(make_schedule).parameters.values()
    return msgspec.defstruct(
        "Parameters", [(one.name, hints[one.name], one.default) for one in parameters], kw_only=True
    )


def build_part(registry: Mapping[str, Any], component: Component, where: str, path: Path) -> nn.Module:
    """Build one part on the meta device, in evaluation mode, without gradients.

    Args:
        registry: configuration type and module type by kind.
        component: the kind and the configuration.
        where: the part's name in the file, for the sentence.
        path: the file, likewise.

    Raises:
        CheckpointError: there is no such kind, or it cannot be built so.
    """
    config_type, module_type = _known(registry, component, where, path)
    config = read_config(config_type, component, where, path)
    try:
        with torch.device("meta"), _Shapes():
            module: nn.Module = module_type(config)
    except _IMPOSSIBLE as error:
        reason = message("describes an impossible {part}: {fault}", part=where, fault=_first_line(error))
        raise CheckpointError(path, reason) from error
    return module.eval().requires_grad_(False)


def _check_activations(card: ModelCard, path: Path) -> None:
    """Refuse a card whose widest layers would fill the memory for a picture of its largest size."""
    pixels = max(width * height for width, height in card.sizes)
    for component, cells in ((card.backbone, pixels // card.downscale**2), (card.codec, pixels // 4)):
        widest = max(_wholes(component.config.values()), default=0)
        if cells * widest > MAX_ACTIVATION:
            reason = message("describes layers of {count:,} values for one picture", count=cells * widest)
            raise CheckpointError(path, reason)


def _wholes(values: Iterable[object]) -> Iterable[int]:
    for value in values:
        if isinstance(value, tuple):
            yield from _wholes(value)
        elif isinstance(value, int):
            yield value


@torch.no_grad()
def run_once(card: ModelCard, assembly: Assembly, device: torch.device, path: Path) -> None:
    """Denoise and decode one picture of the smallest size in a single step, to test that the parts fit each other.

    Args:
        card: the card.
        assembly: its parts, with weights.
        device: where they are.
        path: the card's file, for the sentence.

    Raises:
        CheckpointError: the parts do not fit each other, or return values that are not finite.
    """
    modules: Mapping[str, Any] = assembly.modules
    width, height = min(card.sizes, key=lambda size: size[0] * size[1])
    # A ramp: deterministic, and not constant, so that no normalisation divides by zero.
    shape = card.latent_shape_for(width, height)
    latents = torch.linspace(-1, 1, shape[0] * shape[1] * shape[2], device=device).reshape(1, *shape)
    time = torch.tensor([assembly.schedule.T - 1], device=device)
    codec = modules["codec"]
    try:
        if (codec.channels, codec.downscale) != (card.latent_shape[0], card.downscale):
            raise ValueError(f"the codec has {codec.channels} channels and a downscale of {codec.downscale}")
        condition = modules["text"].encode([card.name]) if card.text is not None else Conditioning()
        predicted = modules["backbone"](latents, time, condition)
        picture = codec.decode(latents)
    except torch.OutOfMemoryError:
        raise  # not the card's fault
    except _IMPOSSIBLE as error:
        reason = message("describes parts that do not fit each other: {fault}", fault=_first_line(error))
        raise CheckpointError(path, reason) from error
    if predicted.shape != latents.shape or picture.shape != (1, 3, height, width):
        found = " and ".join("x".join(map(str, shape)) for shape in (predicted.shape, picture.shape))
        reason = message("describes parts that do not fit each other: they return {shapes}", shapes=found)
        raise CheckpointError(path, reason)
    if not bool(predicted.isfinite().all()) or not bool(picture.isfinite().all()):
        raise CheckpointError(path, message("describes a model whose values are not finite numbers"))


def _first_line(error: Exception) -> str:
    """Return the first line of an error's text, as the end of a sentence."""
    first = (str(error).splitlines() or [""])[0].strip().rstrip(".")
    return first[:200] or type(error).__name__
