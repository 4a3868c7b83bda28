"""The names that A1111 (also Forge) and ComfyUI have for samplers and spacings. Imports no torch.

A1111 writes a sampler and its spacing in one name ("DPM++ 2M Karras") or, since version 1.9, in two fields; ComfyUI in
two ("dpmpp_2m" and "karras").
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from studio.diffusion.samplers import SAMPLERS
from studio.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping

Program = Literal["a1111", "comfyui"]

SPACING_NAMES: Mapping[Program, Mapping[str, str]] = MappingProxyType(
    {
        "a1111": {
            "Karras": "karras",
            "Simple": "simple",
            "Normal": "normal",
            "SGM Uniform": "sgm_uniform",
            "Turbo": "turbo",
        },
        "comfyui": {
            "karras": "karras",
            "simple": "simple",
            "normal": "normal",
            "sgm_uniform": "sgm_uniform",
            "sd_turbo": "turbo",
        },
    }
)
"""Spacings by their names elsewhere."""


def find_sampler(program: Program, sampler: str, spacing: str = "", *, flow: bool = False) -> tuple[str, str]:
    """Return the sampler and the spacing with these names, as `SAMPLERS` and `SPACINGS` have them.

    Args:
        program: whose names they are.
        sampler: the sampler, for A1111 possibly followed by the spacing.
        spacing: the spacing; "" or "Automatic" if none was written.
        flow: whether the model is one of flow matching, for which ComfyUI takes other samplers by the same names.

    Returns:
        The names; the spacing is "" if none was written.

    Raises:
        UnknownNameError: there is no such sampler or spacing here.
    """
    known = {getattr(kind, program): name for name, kind in SAMPLERS.items() if name != "euler_ancestral_rf"}
    if flow:
        known |= {kind.comfyui: name for name, kind in SAMPLERS.items() if name == "euler_ancestral_rf"}
    known.pop("", None)
    spacings = SPACING_NAMES[program]
    if program == "a1111" and sampler not in known:
        ending = next((name for name in spacings if sampler.endswith(f" {name}")), "")
        sampler, spacing = sampler.removesuffix(f" {ending}") if ending else sampler, spacing or ending
    if sampler not in known:
        raise UnknownNameError("sampler", sampler, known)
    if spacing in ("", "Automatic"):
        return known[sampler], ""
    if spacing not in spacings:
        raise UnknownNameError("spacing", spacing, spacings)
    return known[sampler], spacings[spacing]
