"""The words of recognition: families of models, kinds of files, parts of a model, and where a fact was found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")


class Source(StrEnum):
    """Where a fact about a file was found."""

    TENSORS = "tensors"
    """A tensor's name or shape."""
    METADATA = "metadata"
    """What the trainer wrote into the file's metadata."""
    CONFIG = "config"
    """A configuration file beside the weights."""
    FAMILY = "family"
    """What the family was published with; a fine-tune that differs is expected to say so in its file."""
    FILE_NAME = "file name"
    """A word in the file's name."""
    CHOSEN = "chosen"
    """The user's decision."""
    GUESS = "guess"
    """The likelier of two values between which the header cannot decide."""


@dataclass(frozen=True)
class Fact(Generic[T]):
    """A value and where it was found."""

    value: T
    source: Source

    @property
    def assumed(self) -> bool:
        """Whether the value is a guess that the user should be able to change."""
        return self.source in (Source.FILE_NAME, Source.GUESS)


class Kind(StrEnum):
    """What a file is, as a whole."""

    CHECKPOINT = "checkpoint"
    """A denoising network with at least one more part: a text encoder or a VAE."""
    NETWORK = "network"
    """A denoising network alone (U-Net or transformer)."""
    TEXT_ENCODER = "text encoder"
    VAE = "VAE"
    TINY_VAE = "tiny VAE"
    LORA = "LoRA"
    """Also LoCon, LoHa, LoKr and the other forms of LyCORIS; `LoraFile.form` says which."""
    TEXTUAL_INVERSION = "textual inversion"
    CONTROLNET = "ControlNet"
    T2I_ADAPTER = "T2I-Adapter"
    IP_ADAPTER = "IP-Adapter"
    MOTION_MODULE = "motion module"
    IMAGE_ENCODER = "image encoder"
    HYPERNETWORK = "hypernetwork"
    UPSCALER = "upscaler"
    DETECTOR = "detector"
    TRAINING_STATE = "training state"
    UNKNOWN = "unknown"


class Family(StrEnum):
    """A model family: files of one family share an architecture, text encoders and latents."""

    SD1 = "sd1"
    SD2 = "sd2"
    SDXL = "sdxl"
    SDXL_REFINER = "sdxl-refiner"
    SD3 = "sd3"
    FLUX1 = "flux1"
    FLUX2 = "flux2"
    FLUX3 = "flux3"
    CHROMA = "chroma"
    Z_IMAGE = "z-image"
    LUMINA2 = "lumina2"
    NEWBIE = "newbie"
    MING = "ming-image"
    ANIMA = "anima"
    COSMOS = "cosmos"
    KREA2 = "krea2"
    QWEN_IMAGE = "qwen-image"
    QWEN_IMAGE_21 = "qwen-image-2.1"
    MAGE_FLOW = "mage-flow"
    PIXART_ALPHA = "pixart-alpha"
    PIXART_SIGMA = "pixart-sigma"
    AURAFLOW = "auraflow"
    HIDREAM_I1 = "hidream-i1"
    HIDREAM_O1 = "hidream-o1"
    SANA = "sana"
    HUNYUAN_DIT = "hunyuan-dit"
    HUNYUAN_IMAGE = "hunyuan-image"
    HUNYUAN_VIDEO = "hunyuan-video"
    WAN = "wan"
    LTX = "ltx-video"
    MOCHI = "mochi"
    COGVIDEOX = "cogvideox"
    COGVIEW4 = "cogview4"
    BRIA = "bria"
    SVD = "stable-video-diffusion"
    STABLE_CASCADE = "stable-cascade"
    KANDINSKY2 = "kandinsky2"
    KANDINSKY5 = "kandinsky5"
    KOLORS = "kolors"
    IDEOGRAM4 = "ideogram4"
    ERNIE_IMAGE = "ernie-image"
    OMNIGEN2 = "omnigen2"
    LONGCAT = "longcat-image"
    OVIS = "ovis-image"
    LENS = "lens"
    PIXELDIT = "pixeldit"
    SEEDVR2 = "seedvr2"
    DDPM = "ddpm"
    DIT_XL = "dit-xl"


FAMILY_TITLES: dict[Family, str] = {
    Family.SD1: "Stable Diffusion 1.x",
    Family.SD2: "Stable Diffusion 2.x",
    Family.SDXL: "Stable Diffusion XL",
    Family.SDXL_REFINER: "Stable Diffusion XL refiner",
    Family.SD3: "Stable Diffusion 3",
    Family.FLUX1: "FLUX.1",
    Family.FLUX2: "FLUX.2",
    Family.FLUX3: "FLUX.3",
    Family.CHROMA: "Chroma",
    Family.Z_IMAGE: "Z-Image",
    Family.LUMINA2: "Lumina 2",
    Family.NEWBIE: "NewBie",
    Family.MING: "Ming-Image",
    Family.ANIMA: "Anima",
    Family.COSMOS: "Cosmos",
    Family.KREA2: "Krea 2",
    Family.QWEN_IMAGE: "Qwen-Image",
    Family.QWEN_IMAGE_21: "Qwen-Image 2.1",
    Family.MAGE_FLOW: "Mage-Flow",
    Family.PIXART_ALPHA: "PixArt-α",
    Family.PIXART_SIGMA: "PixArt-Σ",
    Family.AURAFLOW: "AuraFlow",
    Family.HIDREAM_I1: "HiDream-I1",
    Family.HIDREAM_O1: "HiDream-O1",
    Family.SANA: "Sana",
    Family.HUNYUAN_DIT: "Hunyuan-DiT",
    Family.HUNYUAN_IMAGE: "HunyuanImage 2.1",
    Family.HUNYUAN_VIDEO: "HunyuanVideo",
    Family.WAN: "Wan",
    Family.LTX: "LTX-Video",
    Family.MOCHI: "Mochi",
    Family.COGVIDEOX: "CogVideoX",
    Family.COGVIEW4: "CogView4",
    Family.BRIA: "Bria",
    Family.SVD: "Stable Video Diffusion",
    Family.STABLE_CASCADE: "Stable Cascade",
    Family.KANDINSKY2: "Kandinsky 2",
    Family.KANDINSKY5: "Kandinsky 5",
    Family.KOLORS: "Kolors",
    Family.IDEOGRAM4: "Ideogram 4",
    Family.ERNIE_IMAGE: "ERNIE-Image",
    Family.OMNIGEN2: "OmniGen2",
    Family.LONGCAT: "LongCat-Image",
    Family.OVIS: "Ovis-Image",
    Family.LENS: "Lens",
    Family.PIXELDIT: "PixelDiT",
    Family.SEEDVR2: "SeedVR2",
    Family.DDPM: "DDPM",
    Family.DIT_XL: "DiT-XL",
}
"""Each family's name as its makers write it; not translated."""

VIDEO_FAMILIES = frozenset(
    {
        Family.HUNYUAN_VIDEO,
        Family.WAN,
        Family.LTX,
        Family.MOCHI,
        Family.COGVIDEOX,
        Family.SVD,
        Family.SEEDVR2,
        Family.COSMOS,
    }
)


FOLDER_LAYOUT = "diffusers folder"
"""The layout of a model that is a folder with a ``model_index.json``."""


class Component(StrEnum):
    """A part that a model needs to run; files supply one or several."""

    NETWORK = "network"
    CLIP_L = "clip-l"
    CLIP_H = "clip-h"
    CLIP_BIGG = "clip-bigg"
    CLIP_VISION = "clip-vision"
    T5_XXL = "t5-xxl"
    T5_XL = "t5-xl"
    UMT5_XXL = "umt5-xxl"
    GEMMA2_2B = "gemma2-2b"
    GEMMA3 = "gemma3"
    QWEN3_0_6B = "qwen3-0.6b"
    QWEN3_4B = "qwen3-4b"
    QWEN3_8B = "qwen3-8b"
    QWEN25_VL_3B = "qwen2.5-vl-3b"
    QWEN25_VL_7B = "qwen2.5-vl-7b"
    QWEN3_VL_4B = "qwen3-vl-4b"
    QWEN3_VL_8B = "qwen3-vl-8b"
    MISTRAL3 = "mistral-3"
    MINISTRAL3 = "ministral-3"
    LLAMA3_8B = "llama3-8b"
    VAE_4 = "vae-4"
    """4 latent channels: SD 1.x, 2.x and SDXL, which only differ in the scale of the latents."""
    VAE_16 = "vae-16"
    """16 latent channels: FLUX.1, SD3 and models that use FLUX.1's."""
    VAE_FLUX2 = "vae-flux2"
    VAE_QWEN = "vae-qwen"
    """Qwen-Image's and Wan 2.1's: 16 channels, causal convolutions."""
    VAE_DC = "vae-dc"
    """The deep-compression autoencoder of Sana."""
    VAE_HUNYUAN = "vae-hunyuan"
    VAE_LTX = "vae-ltx"
    VAE_OTHER = "vae-other"


COMPONENT_TITLES: dict[Component, str] = {
    Component.CLIP_L: "CLIP-L",
    Component.CLIP_H: "OpenCLIP-H",
    Component.CLIP_BIGG: "OpenCLIP-bigG",
    Component.CLIP_VISION: "CLIP vision",
    Component.T5_XXL: "T5-XXL",
    Component.T5_XL: "T5-XL",
    Component.UMT5_XXL: "UMT5-XXL",
    Component.GEMMA2_2B: "Gemma 2 2B",
    Component.GEMMA3: "Gemma 3",
    Component.QWEN3_0_6B: "Qwen3 0.6B",
    Component.QWEN3_4B: "Qwen3 4B",
    Component.QWEN3_8B: "Qwen3 8B",
    Component.QWEN25_VL_3B: "Qwen2.5-VL 3B",
    Component.QWEN25_VL_7B: "Qwen2.5-VL 7B",
    Component.QWEN3_VL_4B: "Qwen3-VL 4B",
    Component.QWEN3_VL_8B: "Qwen3-VL 8B",
    Component.MISTRAL3: "Mistral 3",
    Component.MINISTRAL3: "Ministral 3",
    Component.LLAMA3_8B: "Llama 3.1 8B",
    Component.VAE_4: "VAE (4 channels)",
    Component.VAE_16: "VAE (16 channels, FLUX.1)",
    Component.VAE_FLUX2: "VAE (FLUX.2)",
    Component.VAE_QWEN: "VAE (Qwen-Image)",
    Component.VAE_DC: "VAE (Sana)",
    Component.VAE_HUNYUAN: "VAE (Hunyuan)",
    Component.VAE_LTX: "VAE (LTX)",
    Component.VAE_OTHER: "VAE",
}
"""What the makers call each part, except the network; not translated."""

NEEDS: dict[Family, tuple[Component, ...]] = {
    Family.SD1: (Component.CLIP_L, Component.VAE_4),
    Family.SD2: (Component.CLIP_H, Component.VAE_4),
    Family.SDXL: (Component.CLIP_L, Component.CLIP_BIGG, Component.VAE_4),
    Family.SDXL_REFINER: (Component.CLIP_BIGG, Component.VAE_4),
    Family.SD3: (Component.CLIP_L, Component.CLIP_BIGG, Component.T5_XXL, Component.VAE_16),
    Family.FLUX1: (Component.CLIP_L, Component.T5_XXL, Component.VAE_16),
    Family.CHROMA: (Component.T5_XXL, Component.VAE_16),
    Family.Z_IMAGE: (Component.QWEN3_4B, Component.VAE_16),
    Family.LUMINA2: (Component.GEMMA2_2B, Component.VAE_16),
    Family.ANIMA: (Component.QWEN3_0_6B, Component.VAE_QWEN),
    Family.KREA2: (Component.QWEN3_VL_4B, Component.VAE_QWEN),
    Family.QWEN_IMAGE: (Component.QWEN25_VL_7B, Component.VAE_QWEN),
    Family.QWEN_IMAGE_21: (Component.QWEN3_VL_8B, Component.VAE_QWEN),
    Family.DIT_XL: (Component.VAE_4,),
    Family.PIXART_ALPHA: (Component.T5_XXL, Component.VAE_4),
    Family.PIXART_SIGMA: (Component.T5_XXL, Component.VAE_4),
    Family.AURAFLOW: (Component.T5_XL, Component.VAE_4),
    Family.HIDREAM_I1: (
        Component.CLIP_L,
        Component.CLIP_BIGG,
        Component.T5_XXL,
        Component.LLAMA3_8B,
        Component.VAE_16,
    ),
    Family.SANA: (Component.GEMMA2_2B, Component.VAE_DC),
    Family.HUNYUAN_IMAGE: (Component.QWEN25_VL_7B, Component.VAE_HUNYUAN),
    Family.WAN: (Component.UMT5_XXL, Component.VAE_QWEN),
    Family.ERNIE_IMAGE: (Component.MINISTRAL3, Component.VAE_FLUX2),
    Family.IDEOGRAM4: (Component.QWEN3_VL_8B, Component.VAE_FLUX2),
    Family.FLUX3: (Component.QWEN3_VL_4B, Component.VAE_FLUX2),
}
"""The parts besides its network that each family needs. FLUX.2 depends on the size: see `needs`."""

_FLUX2_ENCODERS = {
    "dev": Component.MISTRAL3,
    "klein 4B": Component.QWEN3_4B,
    "klein 9B": Component.QWEN3_8B,
}


def needs(family: Family, variant: str = "") -> tuple[Component, ...]:
    """Return the parts besides its network that a model needs; () where that is not known."""
    if family is Family.FLUX2 and variant in _FLUX2_ENCODERS:
        return (_FLUX2_ENCODERS[variant], Component.VAE_FLUX2)
    return NEEDS.get(family, ())
