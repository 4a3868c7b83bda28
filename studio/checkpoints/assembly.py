"""From a card to the modules it describes.

They are first built without memory, on torch's meta device, where tensors have only shapes. Only when these shapes
are those of the weights file is anything allocated, so that no card can ask for more memory than the file beside it
is long. With its weights, a model is rehearsed once: what does not fit together shows before a person waits for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from studio.backbones.registry import BACKBONES, CODECS
from studio.backbones.text import TextConfig, TextEncoder
from studio.checkpoints.configs import arguments
from studio.checkpoints.strict import quoted
from studio.diffusion.schedules import SCHEDULES, Schedule
from studio.errors import CheckpointError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from studio.checkpoints.card import Component, ModelCard

TEXT_ENCODERS = {"words": (TextConfig, TextEncoder)}

MAX_ACTIVATION = 2**28
"""Numbers that a layer may hand on for one picture: 1 GiB of float32."""

# What layers say when their sizes are impossible. A fault of memory or of the machine is not among them.
_IMPOSSIBLE = (ValueError, TypeError, RuntimeError, AssertionError, ArithmeticError, LookupError)

_DRAWS = (torch.randn, torch.rand)
_SCALES = (Tensor.mul, Tensor.__mul__, Tensor.__rmul__)
_INITS = (given for name, given in vars(nn.init).items() if name[0] != "_" and name[-1] == "_")
_FILLS = (Tensor.normal_, Tensor.uniform_, *_SCALES, *_INITS)


class _Shapes(TorchFunctionMode):
    """Makes tensors that have only shapes, and skips giving them first values.

    The device alone would do; but for random numbers on it torch imports its compiler, which takes a second.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
        """Answer one call of torch."""
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
        """Put the tensors of the weights file into the modules, as they are."""
        for part, module in self.modules.items():
            own = {name: tensors[f"{part}.{name}"] for name in module.state_dict()}
            module.load_state_dict(own, assign=True)
            module.requires_grad_(False)


def assemble(card: ModelCard, path: Path) -> Assembly:
    """Build a card's parts without memory.

    Args:
        card: the card.
        path: its file, for the sentence.

    Raises:
        CheckpointError: a part is of an unknown kind or cannot be built, or would need absurd memory to run.
    """
    make_schedule = _known(SCHEDULES, card.schedule, "schedule", path)
    chosen = arguments(make_schedule, card.schedule.config, path, "schedule.config")
    try:
        schedule = make_schedule(**chosen)
    except _IMPOSSIBLE as error:
        raise CheckpointError(path, f"describes an impossible schedule: {_said(error)}") from error
    if card.defaults.steps > schedule.T:
        raise CheckpointError(path, f"has more default steps than its schedule has times ({schedule.T})")
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
        kinds = f"{quoted(component.kind)} (there are: {', '.join(registry)})"
        raise CheckpointError(path, f"asks for a {where} of kind {kinds}")
    return registry[component.kind]


def build_part(registry: Mapping[str, Any], component: Component, where: str, path: Path) -> nn.Module:
    """Build one part without memory, in evaluation mode, without gradients.

    Args:
        registry: configuration and module by kind.
        component: the kind and the configuration that are wanted.
        where: the part's name in the file, for the sentence.
        path: the file, likewise.

    Raises:
        CheckpointError: there is no such kind, or it cannot be built so.
    """
    config_type, module_type = _known(registry, component, where, path)
    chosen = arguments(config_type, component.config, path, f"{where}.config")
    try:
        with torch.device("meta"), _Shapes():
            module: nn.Module = module_type(config_type(**chosen))
    except _IMPOSSIBLE as error:
        raise CheckpointError(path, f"describes an impossible {where}: {_said(error)}") from error
    return module.eval().requires_grad_(False)


def _check_activations(card: ModelCard, path: Path) -> None:
    """Refuse a card by whose largest number of channels a picture of its largest size would fill the memory."""
    pixels = max(width * height for width, height in card.sizes)
    for component, cells in ((card.backbone, pixels // card.downscale**2), (card.codec, pixels // 4)):
        widest = max(_wholes(component.config.values()), default=0)
        if cells * widest > MAX_ACTIVATION:
            raise CheckpointError(path, f"describes layers of {cells * widest:,} numbers for one picture")


def _wholes(values: Iterable[object]) -> Iterable[int]:
    for value in values:
        if isinstance(value, tuple):
            yield from _wholes(value)
        elif isinstance(value, int):
            yield value


@torch.no_grad()
def rehearse(card: ModelCard, assembly: Assembly, device: torch.device, path: Path) -> None:
    """Denoise and decode one picture of the smallest size, once.

    Args:
        card: the card.
        assembly: its parts, filled.
        device: where they are.
        path: the card's file, for the sentence.

    Raises:
        CheckpointError: the parts do not fit each other, or give values that are not finite.
    """
    modules: Mapping[str, Any] = assembly.modules
    width, height = min(card.sizes, key=lambda size: size[0] * size[1])
    # A plain ramp: neither random, nor so flat that a normalisation divides by nothing.
    shape = card.latent_shape_for(width, height)
    latents = torch.linspace(-1, 1, shape[0] * shape[1] * shape[2], device=device).reshape(1, *shape)
    time = torch.tensor([assembly.schedule.T - 1], device=device)
    codec = modules["codec"]
    try:
        if (codec.channels, codec.downscale) != (card.latent_shape[0], card.downscale):
            raise ValueError(f"the codec has {codec.channels} channels and a downscale of {codec.downscale}")
        condition = modules["text"].encode([card.name]) if card.text is not None else ()
        predicted = modules["backbone"](latents, time, condition)
        picture = codec.decode(latents)
    except torch.OutOfMemoryError:
        raise  # the machine's fault, not the card's
    except _IMPOSSIBLE as error:
        raise CheckpointError(path, f"describes parts that do not fit each other: {_said(error)}") from error
    if predicted.shape != latents.shape or picture.shape != (1, 3, height, width):
        found = "x".join(map(str, (*predicted.shape, *picture.shape)))
        raise CheckpointError(path, f"describes parts that do not fit each other: they give {found}")
    if not bool(predicted.isfinite().all()) or not bool(picture.isfinite().all()):
        raise CheckpointError(path, "describes a model that gives values which are not finite numbers")


def _said(error: Exception) -> str:
    """Return the first line of what a layer said, as the end of a sentence."""
    first = (str(error).splitlines() or [""])[0].strip().rstrip(".")
    return first[:200] or type(error).__name__
