"""What diffusers itself saves is recognised: the state of its classes, with one layer of each kind."""

from __future__ import annotations

import inspect

import diffusers
import pytest
import torch

from studio.families.recognition.header import ModelHeader, TensorInfo
from studio.families.recognition.kinds import Component, Family, Kind
from studio.families.recognition.recognise import Recognised, recognise

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")  # diffusers' own

COUNTS = (
    "num_layers",
    "num_single_layers",
    "num_double_layers",
    "num_mmdit_layers",
    "num_single_dit_layers",
    "n_layers",
    "num_refiner_layers",
    "n_refiner_layers",
    "num_text_blocks",
    "num_visual_blocks",
)
NETWORKS = {
    "FluxTransformer2DModel": Family.FLUX1,
    "Flux2Transformer2DModel": Family.FLUX2,
    "Flux3Transformer2DModel": Family.FLUX3,
    "ChromaTransformer2DModel": Family.CHROMA,
    "LongCatImageTransformer2DModel": Family.LONGCAT,
    "OvisImageTransformer2DModel": Family.OVIS,
    "BriaTransformer2DModel": Family.BRIA,
    "SD3Transformer2DModel": Family.SD3,
    "AuraFlowTransformer2DModel": Family.AURAFLOW,
    "ZImageTransformer2DModel": Family.Z_IMAGE,
    "Lumina2Transformer2DModel": Family.LUMINA2,
    "SanaTransformer2DModel": Family.SANA,
    "PixArtTransformer2DModel": Family.PIXART_ALPHA,
    "DiTTransformer2DModel": Family.DIT_XL,
    "QwenImageTransformer2DModel": Family.QWEN_IMAGE,
    "QwenImage21Transformer2DModel": Family.QWEN_IMAGE_21,
    "Krea2Transformer2DModel": Family.KREA2,
    "ErnieImageTransformer2DModel": Family.ERNIE_IMAGE,
    "Ideogram4Transformer2DModel": Family.IDEOGRAM4,
    "HunyuanImageTransformer2DModel": Family.HUNYUAN_IMAGE,
    "HunyuanVideoTransformer3DModel": Family.HUNYUAN_VIDEO,
    "Kandinsky5Transformer3DModel": Family.KANDINSKY5,
    "WanTransformer3DModel": Family.WAN,
    "LTXVideoTransformer3DModel": Family.LTX,
    "MochiTransformer3DModel": Family.MOCHI,
    "CogVideoXTransformer3DModel": Family.COGVIDEOX,
    "CogView4Transformer2DModel": Family.COGVIEW4,
    "CosmosTransformer3DModel": Family.COSMOS,
    "UNet2DModel": Family.DDPM,
}
VAES = {
    "AutoencoderKLWan": Component.VAE_QWEN,
    "AutoencoderKLQwenImage": Component.VAE_QWEN,
    "AutoencoderDC": Component.VAE_DC,
    "AutoencoderKLFlux2": Component.VAE_FLUX2,
    "AutoencoderKLTemporalDecoder": Component.VAE_OTHER,
    "AutoencoderKLLTXVideo": Component.VAE_LTX,
    "AutoencoderKLHunyuanVideo": Component.VAE_HUNYUAN,
    "AutoencoderKLMochi": Component.VAE_OTHER,
    "AsymmetricAutoencoderKL": Component.VAE_OTHER,
    "VQModel": Component.VAE_OTHER,
}
ADAPTERS = {
    "FluxControlNetModel": (Kind.CONTROLNET, Family.FLUX1),
    "SD3ControlNetModel": (Kind.CONTROLNET, Family.SD3),
    "QwenImageControlNetModel": (Kind.CONTROLNET, Family.QWEN_IMAGE),
    "T2IAdapter": (Kind.T2I_ADAPTER, None),
    "MotionAdapter": (Kind.MOTION_MODULE, None),
}


def saved(name: str) -> Recognised:
    """What the file of one class is recognised as; skipped where this version of diffusers has no such class."""
    kind = getattr(diffusers, name, None)
    if kind is None:
        pytest.skip(f"diffusers {diffusers.__version__} has no {name}")
    parameters = inspect.signature(kind.__init__).parameters
    with torch.device("meta"):
        network = kind(**{count: 1 for count in COUNTS if count in parameters})
    tensors = {name: TensorInfo("F16", tuple(value.shape)) for name, value in network.state_dict().items()}
    return recognise(ModelHeader(name="diffusion_pytorch_model.safetensors", tensors=tensors))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_of_diffusers(name: str) -> None:
    found = saved(name)
    assert found.family is not None
    assert (found.kind, found.family.value) == (Kind.NETWORK, NETWORKS[name])


@pytest.mark.parametrize("name", VAES)
def test_a_vae_of_diffusers(name: str) -> None:
    found = saved(name)
    assert (found.kind, found.contains) == (Kind.VAE, (VAES[name],))


@pytest.mark.parametrize("name", ADAPTERS)
def test_an_adapter_of_diffusers(name: str) -> None:
    found = saved(name)
    assert (found.kind, found.family.value if found.family else None) == ADAPTERS[name]
