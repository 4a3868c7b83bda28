"""How many multiplications a U-Net takes, from its configuration. Imports no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.families.memory.costs import unet_blocks

if TYPE_CHECKING:
    from studio.families.family import Part

_TOKENS = 77


def unet_multiplications(part: Part, latents: int) -> float:
    """Return the multiplications of a U-Net's convolutions, linear layers and attention for one picture and one call.

    All but self-attention grow with the number of latents; self-attention grows with its square. Layers that only see
    the time and the prompt as a whole are left out.

    Args:
        part: the U-Net.
        latents: height times width of the latents.
    """
    config = part.config
    widths: tuple[int, ...] = tuple(config["block_out_channels"])  # type: ignore[arg-type]
    context = int(config["cross_attention_dim"])  # type: ignore[call-overload]
    ends = 9 * widths[0] * (int(config["in_channels"]) + int(config["out_channels"]))  # type: ignore[call-overload]
    total: float = ends * latents
    for block in unet_blocks(config):
        pixels, inputs, width = latents / block.scale**2, block.inputs, block.outputs
        residual = 9 * width * (inputs + width) + (inputs * width if inputs != width else 0)
        total += residual * pixels
        if block.depth:
            # Queries twice, self-attention's keys and values, two outputs; then the gated feed-forward layers.
            linear = 6 * width**2 + 12 * width**2
            attention = 2 * width * (pixels + _TOKENS)
            prompt = 2 * context * width * _TOKENS
            total += 2 * width**2 * pixels + block.depth * ((linear + attention) * pixels + prompt)
    for level, width in enumerate(widths[:-1]):
        total += 9 * width**2 * latents / 4 ** (level + 1)
    for level, width in enumerate(widths[1:]):
        total += 9 * width**2 * latents / 4**level
    return total
