"""What is known of a folder of DDPM or DiT before it is loaded: from its configurations alone. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from studio.errors import CheckpointError
from studio.families.configured.configs import (
    AutoencoderConfig,
    Noise,
    TransformerConfig,
    UNetConfig,
    read_config,
    read_noise,
    read_values,
)
from studio.families.configured.labels import Labels, read_labels
from studio.families.family import Defaults
from studio.messages import message
from studio.weights.shards import weights_in

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from studio.diffusion.prediction import PredictionKind
    from studio.families.interface import Size
    from studio.weights.shards import WeightFiles

INDEX: Final = "model_index.json"
FLAT_PART: Final = "unet"
"""The part whose files lie beside the index in folders without folders for their parts, as google/ddpm-cifar10-32."""

FLAT_STEM: Final = "diffusion_pytorch_model"
STANDARD_AUTOENCODER = AutoencoderConfig(
    down_block_types=("DownEncoderBlock2D",) * 4,
    up_block_types=("UpDecoderBlock2D",) * 4,
    block_out_channels=(128, 256, 512, 512),
    layers_per_block=2,
)
"""The autoencoder of Stable Diffusion 1, which DiT was trained with: of one that lies elsewhere."""


@dataclass(frozen=True)
class ConfiguredPart:
    """A part of a model, as lists show it. Implements `studio.families.interface.PartInfo`."""

    kind: str
    config: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, kw_only=True)
class ConfiguredInfo:
    """What is known of a model before it is loaded. Implements `studio.families.interface.ModelInfo`.

    Attributes:
        name: of its folder; two that differ only in it are equal.
        family_name: "ddpm" or "dit-xl".
        title: what people call it; likewise.
        files: the file of each part, or each of its shards.
        signature: changes whenever a file in its folder does.
        network: what the network that denoises is built from.
        autoencoder: what the autoencoder is built from; None: states are pictures.
        noise: how it was trained to remove noise.
        labels: what prompts can name; None: the model takes none.
        defaults: settings for what a request leaves open.
        parameters: number of values in its own files.
        size_on_disk: bytes of its folder.
        precision: the precision in which its weights are stored.
        weights_sha256: the hash of its files and configurations; "" until it was computed. Two that differ in nothing
            else are equal.
    """

    name: str = field(compare=False)
    family_name: str
    title: str = field(compare=False)
    files: tuple[tuple[str, Path], ...]
    signature: str
    network: UNetConfig | TransformerConfig
    autoencoder: AutoencoderConfig | None = None
    noise: Noise
    labels: Labels | None = None
    defaults: Defaults
    parameters: int
    size_on_disk: int = 0
    precision: str = ""
    licence: str = ""
    training_data: str = ""
    weights_sha256: str = field(default="", compare=False)

    @property
    def backbone(self) -> ConfiguredPart:
        """The network that denoises."""
        return ConfiguredPart(
            "unet" if isinstance(self.network, UNetConfig) else "dit", self.network.arguments()
        )

    @property
    def text(self) -> ConfiguredPart | None:
        """The labels, which are all that its prompts can be."""
        return None if self.labels is None else ConfiguredPart("labels", {"count": self.labels.count})

    @property
    def text_defaults(self) -> None:
        """None: no text encoder reads prompts."""
        return

    @property
    def schedule(self) -> ConfiguredPart:
        """The noise schedule that it was trained with."""
        config = self.noise.parameters
        if self.noise.zero_terminal_snr:
            config["zero_terminal_snr"] = True
        return ConfiguredPart(self.noise.schedule, config)

    @property
    def prediction(self) -> PredictionKind:
        """The meaning of the network's output."""
        return self.noise.prediction

    @property
    def clip(self) -> bool:
        """Whether x0_hat is clipped to [-1, 1]."""
        return self.noise.clip

    @property
    def T(self) -> int:
        """The number of times of the schedule."""
        return self.noise.T

    @property
    def sizes(self) -> tuple[Size, ...]:
        """The size that it was trained at."""
        if isinstance(self.network, UNetConfig):
            return (self.network.size,)
        side = self.network.sample_size * self.downscale
        return ((side, side),)

    @property
    def size_rule(self) -> None:
        """None: it makes only pictures of its own size."""
        return

    @property
    def downscale(self) -> int:
        """Pixels per latent along each side."""
        return 1 if self.autoencoder is None else self.autoencoder.downscale

    @property
    def evaluation(self) -> Mapping[str, Any]:
        """Empty: nothing was measured."""
        return {}

    def latent_shape_for(self, width: int, height: int) -> tuple[int, int, int]:
        """Return (C, h, w) of the states of pictures of ``width`` x ``height`` pixels."""
        return (self.network.in_channels, height // self.downscale, width // self.downscale)

    def to_dict(self) -> dict[str, Any]:
        """Return everything that is known as JSON values, without the names of the labels."""
        places: dict[str, list[str]] = {}
        for part, path in self.files:
            places.setdefault(part, []).append(str(path))
        autoencoder = None if self.autoencoder is None else _json(self.autoencoder.arguments())
        return {
            "name": self.name,
            "family": self.family_name,
            "files": {part: found[0] if len(found) == 1 else found for part, found in places.items()},
            "network": _json(self.network.arguments()),
            "autoencoder": autoencoder,
            "prediction": self.prediction,
            "clip": self.clip,
            "schedule": {"kind": self.schedule.kind, "config": dict(self.schedule.config)},
            "labels": None if self.labels is None else self.labels.count,
            "sizes": [list(size) for size in self.sizes],
            "defaults": {
                "sampler": self.defaults.sampler,
                "steps": self.defaults.steps,
                "guidance": self.defaults.guidance,
                "spacing": self.defaults.spacing,
            },
            "parameters": self.parameters,
            "precision": self.precision,
            "weights_sha256": self.weights_sha256,
        }


@dataclass(frozen=True, kw_only=True)
class Found:
    """What recognition found of a folder, whatever its family.

    Attributes:
        name: what ``--model`` takes.
        title: what people call it.
        path: the folder.
        signature: changes whenever a file in it does.
        parameters: number of values in its files.
        size_on_disk: their bytes.
        precision: the precision in which its weights are stored.
    """

    name: str
    title: str
    path: Path
    signature: str
    parameters: int
    size_on_disk: int
    precision: str

    def noise(self) -> Noise:
        """Return what its scheduler says of the noise. Raises CheckpointError."""
        return read_noise(part_folder(self.path, "scheduler") / "scheduler_config.json")

    def files_of(self, part: str) -> list[tuple[str, Path]]:
        """Return the files of a part's weights. Raises CheckpointError."""
        folder = part_folder(self.path, part)
        weights = part_weights(self.path, part)
        if weights is None:
            raise CheckpointError(folder, message("has no file of weights"))
        return [(part, path) for path in weights.paths]

    def config(self, part: str) -> Path:
        """Return where a part's configuration is."""
        return part_folder(self.path, part) / "config.json"


def describe_ddpm(found: Found) -> ConfiguredInfo:
    """Return what is known of a folder of diffusers' ``DDPMPipeline`` or ``DDIMPipeline``.

    Raises:
        CheckpointError: one of its files cannot be used.
    """
    noise = found.noise()
    return ConfiguredInfo(
        name=found.name,
        family_name="ddpm",
        title=found.title,
        files=tuple(found.files_of("unet")),
        signature=found.signature,
        network=read_config(found.config("unet"), UNetConfig),
        noise=noise,
        defaults=Defaults(steps=min(50, noise.T), guidance=1.0, sampler="ddim", spacing=noise.spacing),
        parameters=found.parameters,
        size_on_disk=found.size_on_disk,
        precision=found.precision,
    )


def describe_dit(found: Found, autoencoder: tuple[Path, ...] = ()) -> ConfiguredInfo:
    """Return what is known of a folder of diffusers' ``DiTPipeline``.

    Args:
        found: what recognition found.
        autoencoder: the files of an autoencoder of Stable Diffusion 1 in another place; (): the folder has its own.

    Raises:
        CheckpointError: one of its files cannot be used.
    """
    network, noise = read_config(found.config("transformer"), TransformerConfig), found.noise()
    own = STANDARD_AUTOENCODER if autoencoder else read_config(found.config("vae"), AutoencoderConfig)
    if own.latent_channels != network.in_channels:
        raise CheckpointError(
            found.config("vae"),
            message("describes an autoencoder whose latents are not those of the transformer"),
        )
    index = found.path / INDEX
    parts = [("vae", path) for path in autoencoder] or found.files_of("vae")
    return ConfiguredInfo(
        name=found.name,
        family_name="dit-xl",
        title=found.title,
        files=(*found.files_of("transformer"), *parts),
        signature=found.signature,
        network=network,
        autoencoder=own,
        noise=noise,
        labels=read_labels(index, read_values(index), network.num_embeds_ada_norm),
        defaults=Defaults(steps=min(50, noise.T), guidance=4.0, sampler="ddim", spacing=noise.spacing),
        parameters=found.parameters,
        size_on_disk=found.size_on_disk,
        precision=found.precision,
    )


def part_folder(folder: Path, part: str) -> Path:
    """Return the folder of a part: its own, or in folders without such the model's."""
    return own if (own := folder / part).is_dir() else folder


def part_weights(folder: Path, part: str) -> WeightFiles | None:
    """Return the files of a part's weights; None if there are none. Raises CheckpointError."""
    own = part_folder(folder, part)
    return weights_in(own, FLAT_STEM if own == folder else "")


def _json(values: Mapping[str, object]) -> dict[str, object]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
