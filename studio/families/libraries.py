"""The one place that imports diffusers and transformers: late, kept from the network, and no more than is needed.

Importing them takes seconds, so nothing does before a model that needs them is loaded. Their hub client reads its
environment variables when it is imported; they are set here first, and nothing else in the program imports it.
"""

from __future__ import annotations

import importlib
import os
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor, nn

    from studio.families.family import NetworkKind

OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_UPDATE_CHECK": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "DIFFUSERS_DISABLE_REMOTE_CODE": "1",
    "USE_HUB_KERNELS": "NO",
}
"""Environment variables that keep the libraries from the network and from code that they would download.

Offline and without telemetry the hub client does not fetch its daily list of agents either.
"""

_UNWANTED = ("DIFFUSERS_TRUST_REMOTE_KERNELS", "DIFFUSERS_SLOW_IMPORT")


def keep_offline() -> None:
    """Set the environment so that the libraries, imported from now on, do not use the network.

    Raises:
        RuntimeError: the hub client was imported before, and is not offline.
    """
    hub = sys.modules.get("huggingface_hub.constants")
    if hub is not None and not hub.HF_HUB_OFFLINE:
        raise RuntimeError("huggingface_hub was imported before its environment was set")
    os.environ.update(OFFLINE)
    for name in _UNWANTED:
        os.environ.pop(name, None)


@cache
def _imported(module: str) -> Any:  # noqa: ANN401 - a module of a library without types
    keep_offline()
    return importlib.import_module(module)


def network(kind: NetworkKind, config: Mapping[str, object]) -> nn.Module:
    """Build a network with diffusers' or transformers' class; under ``torch.device("meta")`` it costs no memory."""
    build: Callable[..., nn.Module]
    match kind:
        case "unet":
            build = _imported("diffusers.models.unets.unet_2d_condition").UNet2DConditionModel
            return build(**config)
        case "vae":
            build = _imported("diffusers.models.autoencoders.autoencoder_kl").AutoencoderKL
            return build(**config)
        case "tiny decoder":
            build = _imported("diffusers.models.autoencoders.vae").DecoderTiny
            return build(**config)
        case "pixel unet":
            build = _imported("diffusers.models.unets.unet_2d").UNet2DModel
            return build(**config)
        case "dit":
            transformer: Any = _imported(
                "diffusers.models.transformers.dit_transformer_2d"
            ).DiTTransformer2DModel(**config)
            transformer.pos_embed.pos_embed = _positions(transformer)
            return transformer  # type: ignore[no-any-return]
        case "clip" | "projected clip":
            text = _imported("transformers.models.clip.modeling_clip")
            settings = _imported("transformers.models.clip.configuration_clip").CLIPTextConfig(**config)
            build = text.CLIPTextModel if kind == "clip" else text.CLIPTextModelWithProjection
            return build(settings)


def _positions(transformer: Any) -> Tensor:  # noqa: ANN401 - a class of a library without types
    """Return the embedding of a transformer's patches by their places, which no file holds, on the CPU."""
    patches = transformer.pos_embed
    with _imported("torch").device("cpu"):
        values: Tensor = _imported("diffusers.models.embeddings").get_2d_sincos_pos_embed(
            transformer.inner_dim,
            patches.height,
            base_size=patches.base_size,
            interpolation_scale=patches.interpolation_scale,
            output_type="pt",
        )
    return values.float()[None]
