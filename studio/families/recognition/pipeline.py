"""Recognition of a folder in diffusers' layout: ``model_index.json`` and one folder with a configuration per part."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from studio.families.recognition import traits
from studio.families.recognition.advice import OTHER_PIPELINE
from studio.families.recognition.kinds import FOLDER_LAYOUT, Component, Fact, Family, Kind, Source
from studio.families.recognition.recognise import Recognised, recognise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from studio.families.recognition.header import ModelHeader

NETWORKS = ("unet", "transformer", "prior")
"""The names of the folder of the denoising network, the first that exists."""

_CLASSES = {
    "UNet2DModel": Family.DDPM,
    "UNetSpatioTemporalConditionModel": Family.SVD,
    "DiTTransformer2DModel": Family.DIT_XL,
    "SD3Transformer2DModel": Family.SD3,
    "FluxTransformer2DModel": Family.FLUX1,
    "Flux2Transformer2DModel": Family.FLUX2,
    "ChromaTransformer2DModel": Family.CHROMA,
    "ZImageTransformer2DModel": Family.Z_IMAGE,
    "Lumina2Transformer2DModel": Family.LUMINA2,
    "Krea2Transformer2DModel": Family.KREA2,
    "QwenImageTransformer2DModel": Family.QWEN_IMAGE,
    "QwenImage21Transformer2DModel": Family.QWEN_IMAGE_21,
    "PixArtTransformer2DModel": Family.PIXART_SIGMA,
    "AuraFlowTransformer2DModel": Family.AURAFLOW,
    "HiDreamImageTransformer2DModel": Family.HIDREAM_I1,
    "SanaTransformer2DModel": Family.SANA,
    "HunyuanDiT2DModel": Family.HUNYUAN_DIT,
    "HunyuanImageTransformer2DModel": Family.HUNYUAN_IMAGE,
    "HunyuanVideoTransformer3DModel": Family.HUNYUAN_VIDEO,
    "WanTransformer3DModel": Family.WAN,
    "LTXVideoTransformer3DModel": Family.LTX,
    "MochiTransformer3DModel": Family.MOCHI,
    "CogVideoXTransformer3DModel": Family.COGVIDEOX,
    "StableCascadeUNet": Family.STABLE_CASCADE,
    "Kandinsky5Transformer3DModel": Family.KANDINSKY5,
    "ErnieImageTransformer2DModel": Family.ERNIE_IMAGE,
}
"""Family by ``_class_name`` of the network's configuration, for weights whose header was not read."""

_PIPELINES = {
    Family.DDPM: frozenset({"DDPMPipeline", "DDIMPipeline", "PNDMPipeline"}),
    Family.DIT_XL: frozenset({"DiTPipeline"}),
}
"""The pipelines whose folders hold what the family's name says; others use the same networks in another way."""

_PREDICTIONS = {
    "epsilon": traits.EPS,
    "v_prediction": traits.V,
    "sample": traits.X0,
    "flow_prediction": traits.FLOW,
}


@dataclass(frozen=True, kw_only=True)
class PipelineFolder:
    """What was read of a folder.

    Attributes:
        name: its name, which may hint at what its files do not say.
        index: ``model_index.json``.
        configs: the configuration of each part, by the name of its folder.
        headers: the header of the weights of each part (of all shards together), where they are safetensors.
    """

    name: str
    index: Mapping[str, object]
    configs: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    headers: Mapping[str, ModelHeader] = field(default_factory=dict)


def recognise_pipeline(folder: PipelineFolder) -> Recognised | None:
    """Return what a folder holds; None if it has no denoising network that can be named."""
    network = next((name for name in NETWORKS if name in folder.headers or name in folder.configs), None)
    if network is None:
        return None
    found = _network(folder, network)
    if found is None or found.family is None:
        return None
    contains = dict.fromkeys([Component.NETWORK])
    for name, header in folder.headers.items():
        if name != network and name in folder.index:
            contains |= dict.fromkeys(recognise(header).contains)
    scheduler = folder.configs.get("scheduler", {})
    return replace(
        found,
        variant=_variant(folder, found.family.value, found.variant),
        kind=Kind.CHECKPOINT if len(contains) > 1 else Kind.NETWORK,
        layout=FOLDER_LAYOUT,
        contains=tuple(contains),
        prediction=_prediction(scheduler, found.prediction),
        zero_terminal_snr=_zero_terminal_snr(scheduler, found.zero_terminal_snr),
        distillation=_distillation(folder, scheduler, found),
        parameters=sum(header.parameters for header in folder.headers.values()),
    )


def _variant(folder: PipelineFolder, family: Family, found: str) -> str:
    known, written = _PIPELINES.get(family), folder.index.get("_class_name")
    return found if known is None or written is None or written in known else OTHER_PIPELINE


def _network(folder: PipelineFolder, name: str) -> Recognised | None:
    if (header := folder.headers.get(name)) is not None:
        found = recognise(replace(header, name=folder.name))
        if found.kind is Kind.NETWORK:
            return found
    config = folder.configs.get(name, {})
    family = _family(config)
    if family is None:
        return None
    channels = config.get("in_channels")
    in_channels = channels if isinstance(channels, int) and family in _UNETS else None
    variant = {9: "inpainting", 8: "pix2pix", 5: "depth"}.get(in_channels or 0, "")
    prediction = traits.EPS if family in traits.VARIANCE_PRESERVING else traits.FLOW
    return Recognised(
        kind=Kind.NETWORK,
        family=Fact(family, Source.CONFIG),
        variant=variant,
        in_channels=in_channels,
        prediction=Fact(prediction, Source.FAMILY),
        zero_terminal_snr=Fact(False, Source.FAMILY) if prediction == traits.EPS else None,
        storage=traits.Storage(""),
    )


_UNETS = frozenset({Family.SD1, Family.SD2, Family.SDXL, Family.SDXL_REFINER})
_CROSS_ATTENTION = {768: Family.SD1, 1024: Family.SD2, 2048: Family.SDXL, 1280: Family.SDXL_REFINER}


def _family(config: Mapping[str, object]) -> Family | None:
    name = config.get("_class_name")
    if name == "UNet2DConditionModel":
        width = config.get("cross_attention_dim")
        return _CROSS_ATTENTION.get(width) if isinstance(width, int) else None
    return _CLASSES.get(name) if isinstance(name, str) else None


def _prediction(scheduler: Mapping[str, object], found: Fact[str] | None) -> Fact[str] | None:
    """The scheduler's configuration is what diffusers itself samples with."""
    name = str(scheduler.get("_class_name", ""))
    if name.startswith("EDM"):
        return Fact(traits.EDM, Source.CONFIG)
    written = _PREDICTIONS.get(str(scheduler.get("prediction_type", "")))
    if written is None or "FlowMatch" in name:
        return found
    return Fact(written, Source.CONFIG)


def _zero_terminal_snr(scheduler: Mapping[str, object], found: Fact[bool] | None) -> Fact[bool] | None:
    written = scheduler.get("rescale_betas_zero_snr")
    return Fact(written, Source.CONFIG) if isinstance(written, bool) and found is not None else found


def _distillation(
    folder: PipelineFolder, scheduler: Mapping[str, object], found: Recognised
) -> Fact[traits.Distillation] | None:
    if scheduler.get("_class_name") == "LCMScheduler":
        return Fact(traits.Distillation(traits.LCM), Source.CONFIG)
    return found.distillation or traits.named_distillation(folder.name)
