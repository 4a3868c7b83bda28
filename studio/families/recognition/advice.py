"""What a file is, and what to do with it, in one sentence: for every file that is no model this program can run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.families.recognition import lora, traits
from studio.families.recognition.kinds import (
    COMPONENT_TITLES,
    FAMILY_TITLES,
    VIDEO_FAMILIES,
    Component,
    Family,
    Kind,
)
from studio.messages import Message, message

if TYPE_CHECKING:
    from collections.abc import Collection

    from studio.families.recognition.kinds import Fact

_VARIANTS = {
    "inpainting": message(
        "This is an inpainting model: it needs a mask, which this program cannot give it yet; "
        "use the model it was made from."
    ),
    "pix2pix": message(
        "This is an InstructPix2Pix model: it edits a given picture, which this program cannot give it yet; "
        "use a text-to-image model."
    ),
    "depth": message(
        "This is a depth-to-image model: it needs a depth map, which this program cannot give it yet; "
        "use the model it was made from."
    ),
    "unCLIP": message(
        "This is an unCLIP model: it makes variations of a given picture, which this program cannot give it yet; "
        "use the model it was made from."
    ),
    "upscaling": message(
        "This is a diffusion upscaler: it enlarges a given picture, which this program cannot give it yet; "
        "use a text-to-image model."
    ),
    "guidance input": message(
        "This is a latent consistency model that takes the guidance as an input, which this program cannot give it; "
        "use a model with the LCM weights merged, or an LCM LoRA."
    ),
}

_SHORTENED = frozenset({"SSD-1B", "Vega", "other depth"})

_KINDS = {
    Kind.CONTROLNET: message(
        "This is a ControlNet, which this program cannot use yet; keep it for ComfyUI or Forge."
    ),
    Kind.T2I_ADAPTER: message(
        "This is a T2I-Adapter, which this program cannot use yet; keep it for ComfyUI or Forge."
    ),
    Kind.IP_ADAPTER: message(
        "This is an IP-Adapter, which this program cannot use yet; keep it for ComfyUI or Forge."
    ),
    Kind.MOTION_MODULE: message(
        "This is a motion module of AnimateDiff, which makes video; this program makes still pictures."
    ),
    Kind.IMAGE_ENCODER: message(
        "This is an image encoder, which models that read pictures need; this program has no use for it yet."
    ),
    Kind.UPSCALER: message(
        "This is an upscaler, which this program cannot use yet; keep it for ComfyUI or A1111."
    ),
    Kind.DETECTOR: message(
        "This is a model that finds things in pictures, not one that makes pictures; skip it."
    ),
    Kind.HYPERNETWORK: message(
        "This is a hypernetwork, which this program cannot use; look for a LoRA instead."
    ),
    Kind.TRAINING_STATE: message(
        "This is the optimizer state of a training, not a model; look for the model file that was saved with it."
    ),
    Kind.UNKNOWN: message(
        "Nothing in this file is known to this program; if it is a model, choose its family."
    ),
}


def model_advice(
    family: Family,
    variant: str,
    *,
    in_channels: int | None,
    prediction: str,
    stored: traits.Storage,
    runnable: Collection[Family],
) -> Message | None:
    """Return the sentence for a model or network that this program cannot run; None for one it can."""
    title = FAMILY_TITLES[family]
    if family is Family.SDXL_REFINER:
        return message(
            "This is the SDXL refiner, which only finishes pictures of an SDXL model; use an SDXL base model."
        )
    if family in VIDEO_FAMILIES:
        return message("This is a {family} video model; this program makes still pictures.", family=title)
    if family not in runnable:
        return message(
            "This is a {family} model, which this program cannot run yet; keep it for ComfyUI or InvokeAI.",
            family=title,
        )
    if variant in _VARIANTS:
        return _VARIANTS[variant]
    if variant in _SHORTENED:
        return message(
            "This is a shortened {family} network, which this program cannot run yet; use a model of full size.",
            family=title,
        )
    if prediction in (traits.EDM, traits.EDM_V):
        return message(
            "This {family} model was trained with the EDM formulation, which this program cannot sample yet; "
            "use the model it was made from.",
            family=title,
        )
    if in_channels is not None and in_channels != 4:
        return message(
            "This {family} model takes {count} input channels instead of 4, which this program cannot give it; "
            "use a text-to-image model.",
            family=title,
            count=in_channels,
        )
    return None if stored.readable else storage_advice(stored)


OTHER_PIPELINE = "other pipeline"
"""The variant of a network that its folder does not use as this program does."""


def folder_advice(family: Family, variant: str, *, whole: bool, stored: traits.Storage) -> Message | None:
    """Return the sentence for a model of a family that is known by its folder; None for one that this program can run.

    Args:
        family: its family.
        variant: within the family.
        whole: whether it is the folder, and not only a file from it.
        stored: the form of its weights.
    """
    title = FAMILY_TITLES[family]
    if not whole:
        return message(
            "This is the network of a {family} model without its configuration; choose the whole folder that it comes "
            "from, with the file model_index.json.",
            family=title,
        )
    if variant == OTHER_PIPELINE:
        return message(
            "This folder uses the network of a {family} model in another way than this program can; keep it for "
            "diffusers.",
            family=title,
        )
    return None if stored.readable else storage_advice(stored)


def storage_advice(stored: traits.Storage) -> Message:
    """Return the sentence for weights in a form that this program does not read."""
    return message(
        "The weights are stored as {form}, which this program cannot read yet; "
        "take the fp16, bf16 or fp8 file of the same model.",
        form=stored.form or stored.dtype,
    )


def lora_advice(form: str, family: Fact[Family] | None, runnable: Collection[Family]) -> Message | None:
    """Return the sentence for an adapter that this program cannot use; None for one it can."""
    if form not in lora.RUNNABLE_FORMS:
        return message(
            "This is a {form} adapter, which this program cannot use yet; look for a LoRA or LoCon file instead.",
            form=form,
        )
    if family is None:
        return message("This LoRA does not say for which model it was made; choose its family.")
    if family.value not in runnable:
        return message(
            "This is a LoRA for {family}, whose models this program cannot run yet; keep it for ComfyUI or InvokeAI.",
            family=FAMILY_TITLES[family.value],
        )
    return None


def part_advice(kind: Kind, component: Component | None) -> Message:
    """Return the sentence for a part that models use: a text encoder or a VAE."""
    if kind is Kind.TEXT_ENCODER:
        if component is None:
            return message(
                "This is a text encoder or language model that no model here needs; choose a model file instead."
            )
        return message(
            "This is the text encoder {name}, not a model; choose a model that needs it, and it is found by itself.",
            name=COMPONENT_TITLES[component],
        )
    if kind is Kind.TINY_VAE:
        return message("This is a tiny VAE for previews, not a model; it is used with models that fit it.")
    return message("This is a VAE, not a model; choose a model, and this file as its VAE.")


def embedding_advice(family: Family, runnable: Collection[Family]) -> Message | None:
    """Return the sentence for a textual inversion that this program cannot use; None for one it can."""
    if family in runnable:
        return None
    return message(
        "This textual inversion is for models that this program cannot run; keep it for ComfyUI or A1111."
    )


def kind_advice(kind: Kind) -> Message | None:
    """Return the sentence for a file that is neither a model nor a part that this program uses."""
    return _KINDS.get(kind)
