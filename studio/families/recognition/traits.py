"""How a model was trained, and in which form its weights are stored: from tensors, metadata and the file's name.

Sources: SAI's ModelSpec (``modelspec.*``), sd-scripts (``ss_*``; ``prediction_type`` and ``v_parameterization`` in its
own and NaifuDiffusion's checkpoints), marker tensors (``v_pred``, ``ztsnr``, ``edm_mean``: ComfyUI's
`comfy/supported_models.py`, `SDXL.model_type`), and ComfyUI's ``QUANTIZATION.md``.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from studio.families.recognition.kinds import Fact, Family, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from studio.families.recognition.header import ModelHeader, Names

EPS, V, X0, FLOW, EDM, EDM_V = "eps", "v", "x0", "flow", "edm", "edm-v"
"""Predictions; "flow" is the velocity of flow matching, "edm" and "edm-v" the parametrisations of Karras et al."""

_BY_WORD = {
    "epsilon": EPS,
    "eps": EPS,
    "noise": EPS,
    "v": V,
    "v_prediction": V,
    "v-prediction": V,
    "vprediction": V,
    "vpred": V,
    "v_pred": V,
    "v-pred": V,
    "velocity": V,
}
VARIANCE_PRESERVING = frozenset(
    {
        Family.SD1,
        Family.SD2,
        Family.SDXL,
        Family.SDXL_REFINER,
        Family.KOLORS,
        Family.PIXART_ALPHA,
        Family.PIXART_SIGMA,
        Family.HUNYUAN_DIT,
        Family.KANDINSKY2,
        Family.DDPM,
        Family.DIT_XL,
        Family.STABLE_CASCADE,
    }
)
_MAX_CONFIG = 1 << 20


# ------------------------------------------------------------------------------------------------------- the name
def words(name: str) -> tuple[str, ...]:
    """Return the words of a file's name in lower case: split at punctuation, digits and capitals.

    ``dreamshaperXL_v21TurboDPMSDE.safetensors`` gives "dreamshaper", "xl", "v", "21", "turbo", "dpmsde".
    """
    stem = name.rsplit(".", 1)[0] if "." in name else name
    found = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", stem)
    return tuple(word.lower() for word in found)


def _says_v(text: str) -> bool:
    joined = re.sub(r"[^a-z0-9]+", "", text.lower())
    return "vpred" in joined or "vprediction" in joined


# ------------------------------------------------------------------------------------------------------- prediction
def prediction(header: ModelHeader, names: Names, family: Family | None, variant: str) -> Fact[str] | None:
    """Return what the network predicts, and where that was found; None for a family without a known answer."""
    if family is None:
        return None
    if family not in VARIANCE_PRESERVING:
        return Fact(FLOW, Source.FAMILY)
    if (marked := _marked_prediction(header, names)) is not None:
        return Fact(marked, Source.TENSORS)
    if (written := _written_prediction(header.metadata)) is not None:
        return Fact(written, Source.METADATA)
    if (configured := _BY_WORD.get(header.parameterization)) is not None:
        return Fact(configured, Source.CONFIG)
    if _says_v(header.name) or _says_v(header.metadata.get("modelspec.title", "")):
        return Fact(V, Source.FILE_NAME)
    if _says_v(header.metadata.get("modelspec.merged_from", "")):
        return Fact(V, Source.GUESS)
    if family is Family.SD2 and not variant:
        return _sd2_prediction(header)
    return Fact(
        V if variant == "unCLIP" or (family is Family.SD2 and variant == "upscaling") else EPS, Source.FAMILY
    )


def _marked_prediction(header: ModelHeader, names: Names) -> str | None:
    def marked(name: str) -> bool:
        return name in header.tensors or name in names

    if marked("edm_vpred.sigma_max"):
        return EDM_V
    if marked("v_pred"):
        return V
    if marked("edm_mean") and marked("edm_std"):
        return EDM
    return None


def _written_prediction(metadata: Mapping[str, str]) -> str | None:
    for key in ("modelspec.prediction_type", "prediction_type", "ss_prediction_type"):
        found = _BY_WORD.get(metadata.get(key, "").strip().lower())
        if found is not None:
            return found
    for key in ("ss_v_parameterization", "v_parameterization", "ss_v_pred"):
        written = metadata.get(key, "").strip().lower()
        if written in ("true", "1"):
            return V
        if written in ("false", "0"):
            return EPS
    if metadata.get("modelspec.architecture", "").startswith("stable-diffusion-v2-768-v"):
        return V
    if metadata.get("ss_base_model_version", "") in ("sd_v2_v", "sd_v2.1_v"):
        return V
    return None


def _sd2_prediction(header: ModelHeader) -> Fact[str]:
    """SD 2.x has no sign: 2.0 and 2.1 "base" (512) predict eps, those of 768 and most fine-tunes v."""
    found = words(header.name)
    if "768" in found or (
        "ema" in found and "pruned" in found and "512" not in found and "base" not in found
    ):
        return Fact(V, Source.FILE_NAME)
    if "512" in found or "base" in found or ("turbo" in found and "sd" in found):
        return Fact(EPS, Source.FILE_NAME)
    return Fact(V, Source.GUESS)


def zero_terminal_snr(header: ModelHeader, names: Names) -> Fact[bool]:
    """Return whether the noise schedule was rescaled to end without signal (Lin et al., 2023)."""
    if "ztsnr" in header.tensors or "ztsnr" in names:
        return Fact(True, Source.TENSORS)
    for key in (
        "ss_zero_terminal_snr",
        "zero_terminal_snr",
        "rescale_betas_zero_snr",
        "modelspec.zero_terminal_snr",
    ):
        written = header.metadata.get(key, "").strip().lower()
        if written in ("true", "1"):
            return Fact(True, Source.METADATA)
        if written in ("false", "0"):
            return Fact(False, Source.METADATA)
    joined = re.sub(r"[^a-z0-9]+", "", header.name.lower())
    if "ztsnr" in joined or "zsnr" in joined or "zeroterminalsnr" in joined:
        return Fact(True, Source.FILE_NAME)
    return Fact(False, Source.FAMILY)


# ----------------------------------------------------------------------------------------------------- distillation
TURBO, LIGHTNING, LCM, HYPER, DMD2, TCD, SCHNELL, GUIDANCE = (
    "Turbo",
    "Lightning",
    "LCM",
    "Hyper",
    "DMD2",
    "TCD",
    "schnell",
    "guidance",
)
_DISTILLED_WORDS = {
    "turbo": TURBO,
    "lightning": LIGHTNING,
    "lcm": LCM,
    "dmd": DMD2,
    "dmd2": DMD2,
    "tcd": TCD,
    "hyper": HYPER,
}
_NOT_HYPER = frozenset({"real", "realism", "realistic", "detail", "detailed", "photo", "network", "fusion"})


@dataclass(frozen=True)
class Distillation:
    """How a model was made to need few steps.

    Attributes:
        method: `TURBO`, `LIGHTNING`, `LCM`, `HYPER` and so on; `GUIDANCE` if only guidance was distilled.
        steps: the number of steps it was made for; None if that is not said.
    """

    method: str
    steps: int | None = None


def distillation(
    header: ModelHeader, names: Names, family: Family | None, variant: str
) -> Fact[Distillation] | None:
    """Return how a model or a LoRA was distilled, if its tensors, metadata or name say so; None if nothing does."""
    if "time_embedding.cond_proj.weight" in names or "time_embed_cond_proj.weight" in names:
        return Fact(Distillation(LCM), Source.TENSORS)
    if family is Family.FLUX1 and variant == "schnell":
        return Fact(Distillation(SCHNELL, 4), Source.TENSORS)
    if family is Family.FLUX1 and variant:
        return Fact(Distillation(GUIDANCE), Source.TENSORS)
    if family is Family.FLUX3 and variant == "klein":
        return Fact(Distillation(GUIDANCE), Source.TENSORS)
    for key in (
        "modelspec.architecture",
        "modelspec.title",
        "modelspec.description",
        "ss_base_model_version",
    ):
        if (found := _distilled_by(header.metadata.get(key, "")[:300])) is not None:
            return Fact(found, Source.METADATA)
    return named_distillation(header.name)


def named_distillation(name: str) -> Fact[Distillation] | None:
    """Return the distillation that the name of a file or folder speaks of, or None."""
    found = _distilled_by(name)
    return None if found is None else Fact(found, Source.FILE_NAME)


def _distilled_by(text: str) -> Distillation | None:
    found = words(f"{text}.")
    for place, word in enumerate(found):
        method = _DISTILLED_WORDS.get(word)
        if method is None or (method == HYPER and _NOT_HYPER & set(found[place + 1 : place + 2])):
            continue
        return Distillation(method, _steps(found))
    return None


def _steps(found: tuple[str, ...]) -> int | None:
    for number, word in itertools.pairwise(found):
        if number.isdigit() and word in ("step", "steps") and 1 <= int(number) <= 64:
            return int(number)
    return None


# ------------------------------------------------------------------------------------------------ stored precision
@dataclass(frozen=True)
class Storage:
    """In which form the weights of a file are stored.

    Attributes:
        dtype: the dtype of most of the weights, as safetensors writes it; "" if only a magic number was read.
        mixed: whether a tenth or more of the elements have another dtype.
        form: "" for plain numbers, else the quantised form: "fp8 scaled", "int8", "nf4", "GGUF" ...
        readable: whether this program reads that form.
    """

    dtype: str
    mixed: bool = False
    form: str = ""
    readable: bool = True


_PLAIN = frozenset({"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"})
_SCALED_FP8, _INT8, _NF4, _NUNCHAKU, _NVFP4, _MXFP8, _GGUF = (
    "fp8 scaled",
    "int8",
    "bitsandbytes 4-bit",
    "SVDQuant (Nunchaku)",
    "nvfp4",
    "mxfp8",
    "GGUF",
)


def storage(header: ModelHeader, names: Names) -> Storage:
    """Return the precision and the quantised form of the tensors under ``names``' prefix."""
    if header.container == "gguf":
        return Storage("", form=_GGUF, readable=False)
    counts = names.dtypes
    form = _form(header, names, counts)
    considered = Counter({dtype: count for dtype, count in counts.items() if dtype in _PLAIN}) or counts
    if form in (_INT8, _NF4, _NUNCHAKU, _NVFP4, _MXFP8):
        considered = counts
    total = sum(considered.values())
    dtype, most = max(considered.items(), key=lambda item: item[1], default=("", 0))
    readable = form in ("", _SCALED_FP8) and dtype in (*_PLAIN, "")
    return Storage(dtype, mixed=most < 0.9 * total, form=form, readable=readable)


def _form(header: ModelHeader, names: Names, counts: Counter[str]) -> str:
    if any(".quant_state.bitsandbytes__" in name for name in header.tensors):
        return _NF4
    if names.any_ends(".qweight") and (names.any_ends(".wscales") or names.any_ends(".smooth")):
        return _NUNCHAKU
    if names.any_ends(".weight_scale_2"):
        return _NVFP4
    written = _written_formats(header.metadata)
    if written:
        for format_name, form in (
            ("nvfp4", _NVFP4),
            ("mxfp8", _MXFP8),
            ("int8", _INT8),
            ("float8", _SCALED_FP8),
        ):
            if any(found.startswith(format_name) for found in written):
                return form
        return sorted(written)[0][:40]
    scaled = (
        names.any_ends(".weight_scale") or names.any_ends(".scale_weight") or names.any_ends(".comfy_quant")
    )
    if scaled and counts["I8"]:
        return _INT8
    if scaled and (counts["F8_E8M0"] or (counts["U8"] and not _fp8(counts))):
        return _MXFP8 if _fp8(counts) else "4-bit"
    if _fp8(counts) and (scaled or "scaled_fp8" in names or "scaled_fp8" in header.tensors):
        return _SCALED_FP8
    if counts["I8"] > sum(counts.values()) // 2:
        return _INT8
    return ""


def _fp8(counts: Counter[str]) -> int:
    return counts["F8_E4M3"] + counts["F8_E5M2"]


def _written_formats(metadata: Mapping[str, str]) -> frozenset[str]:
    """Return the formats that ``_quantization_metadata`` names (ComfyUI, BFL); nothing if it is not as expected."""
    text = metadata.get("_quantization_metadata", "")
    if not text or len(text) > _MAX_CONFIG:
        return frozenset()
    try:
        layers = json.loads(text)["layers"]
        return frozenset(str(layer["format"]) for layer in layers.values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return frozenset()


# ---------------------------------------------------------------------------------------------------- what it says
@dataclass(frozen=True)
class Description:
    """What the file says of itself, for its card: shortened, never trusted.

    Attributes:
        title: its title.
        author: who made it.
        licence: under which terms.
        resolution: the size of its training pictures, "1024x1024".
        trigger_words: what a prompt must contain, of a LoRA or a fine-tune.
    """

    title: str = ""
    author: str = ""
    licence: str = ""
    resolution: str = ""
    trigger_words: tuple[str, ...] = ()


_MAX_TRIGGERS, _MAX_TAG_TEXT = 12, 4 << 20


def description(metadata: Mapping[str, str]) -> Description:
    """Return what the metadata says of the file itself."""

    def line(*keys: str) -> str:
        found = next((metadata[key] for key in keys if metadata.get(key, "None") not in ("", "None")), "")
        return " ".join(found.split())[:200]

    return Description(
        title=line("modelspec.title", "ss_output_name"),
        author=line("modelspec.author"),
        licence=line("modelspec.license"),
        resolution=line("modelspec.resolution", "ss_resolution"),
        trigger_words=_trigger_words(metadata),
    )


def _trigger_words(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """The phrase that the author wrote, else the tags that are in (nearly) every caption of kohya's statistics."""
    phrase = " ".join(metadata.get("modelspec.trigger_phrase", "").split())[:300]
    if phrase and phrase != "None":
        return tuple(word.strip() for word in phrase.split(",") if word.strip())[:_MAX_TRIGGERS]
    text = metadata.get("ss_tag_frequency", "")
    if not text or len(text) > _MAX_TAG_TEXT:
        return ()
    try:
        folders = json.loads(text)
        found: list[str] = []
        for tags in folders.values():
            counted = [(str(tag).strip(), int(count)) for tag, count in tags.items()]
            most = max((count for _, count in counted), default=0)
            found += [tag[:100] for tag, count in counted if tag and count >= 0.95 * most]
    except (ValueError, TypeError, AttributeError, RecursionError):
        return ()
    return tuple(dict.fromkeys(found))[:_MAX_TRIGGERS]
