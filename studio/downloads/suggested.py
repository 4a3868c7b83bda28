"""The shipped list of models that can be downloaded, and which of them this machine runs.

``resources/models/suggested.json`` has their facts and the date on which they were collected: repositories and sizes
from InvokeAI 6.14's starter models and the repositories' pages, memory from the published needs of their families in
half precision. The files, their sizes and the licence are asked of the Hub before a download begins.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec

from studio.downloads.address import Address
from studio.folders import resources_dir
from studio.messages import Message, message
from studio.strict_json import read_file

if TYPE_CHECKING:
    from collections.abc import Iterable

FILE: Final = "suggested.json"
MAX_MODELS: Final = 6
SHARE: Final = 0.75
"""The share of a machine's memory that a model may take."""

Commercial = Literal["yes", "with conditions", "ask", "no"]
"""Commercial use of the model's pictures: free, free under the licence's conditions, by agreement, or not."""


class SuggestedModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model in the list.

    Attributes:
        repository: "owner/name" on the Hub.
        file: the one file to be downloaded; "": the program proposes.
        title: its name, not translated.
        licence: the licence's name, not translated.
        commercial: whether its pictures may be used commercially.
        size: bytes, about.
        memory: bytes of memory that making a picture of its usual size takes, about.
    """

    repository: str
    file: str
    title: str
    licence: str
    commercial: Commercial
    size: Annotated[int, msgspec.Meta(gt=0)]
    memory: Annotated[int, msgspec.Meta(gt=0)]

    @property
    def address(self) -> Address:
        return Address(repository=self.repository, file=self.file)


class _Stored(msgspec.Struct, frozen=True):
    checked: str
    models: Annotated[tuple[SuggestedModel, ...], msgspec.Meta(max_length=MAX_MODELS)]


def suggested_models() -> tuple[SuggestedModel, ...]:
    """Return the models of the shipped list, in its order. Raises StorageError if it cannot be read."""
    return read_file(resources_dir() / "models" / FILE, _Stored, 1 << 16).models


def description(model: SuggestedModel) -> Message:
    """Return one sentence on what a model of the shipped list is good for; "" if it is not in the list."""
    return _DESCRIPTIONS.get(model.repository, Message("", {}))


_DESCRIPTIONS: Final = {
    "Comfy-Org/stable-diffusion-v1-5-archive": message(
        "The classic at 512 × 512: small and fast, with the most LoRAs and fine-tunes."
    ),
    "Lykon/dreamshaper-8": message(
        "A versatile fine-tune of Stable Diffusion 1.5, from portraits to fantasy."
    ),
    "stabilityai/stable-diffusion-xl-base-1.0": message(
        "Detailed pictures at 1024 × 1024: the base of most fine-tunes since."
    ),
    "SG161222/RealVisXL_V5.0": message("A fine-tune of Stable Diffusion XL for photographs."),
    "RunDiffusion/Juggernaut-XL-v9": message("A fine-tune of Stable Diffusion XL for cinematic photographs."),
    "Lykon/dreamshaper-xl-v2-turbo": message(
        "Stable Diffusion XL in 4 to 8 steps, for a wide range of styles."
    ),
}


def commercial_use(model: SuggestedModel) -> Message:
    """Return whether its pictures may be used commercially, as a short note."""
    match model.commercial:
        case "yes":
            return message("commercial use allowed")
        case "with conditions":
            return message("commercial use under the licence's conditions")
        case "ask":
            return message("commercial use under the licence's conditions, in services by agreement")
        case "no":
            return message("no commercial use")


def fits(model: SuggestedModel, memory: int | None) -> bool:
    """Whether a machine with so many bytes of memory runs a model; True if its memory is unknown."""
    return memory is None or model.memory <= SHARE * memory


def fitting_first(models: Iterable[SuggestedModel], memory: int | None) -> tuple[SuggestedModel, ...]:
    """Return models so that those which fit the machine come first, otherwise in their order."""
    return tuple(sorted(models, key=lambda model: not fits(model, memory)))


def machine_memory() -> int | None:
    """Return the bytes of main memory of this machine; None if unknown."""
    if sys.platform == "win32":
        kilobytes = ctypes.c_ulonglong()
        found = ctypes.windll.kernel32.GetPhysicallyInstalledSystemMemory(ctypes.byref(kilobytes))
        return kilobytes.value * 1024 if found else None
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return None
