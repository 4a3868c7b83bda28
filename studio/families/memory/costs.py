"""What a family's networks take in memory, from their configurations: parameters, and intermediate values.

Both are counted layer by layer as diffusers' and transformers' modules have them. Intermediate values are counted in
numbers, not bytes, for one picture: those that are alive at the same time are added, and the largest sum along the
network counts. Attention is counted as torch's fused kernels compute it, without the matrix of all pairs of tokens.

Imports no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from studio.families.family import Part

SLICE_TOKENS = 1024
"""How many tokens attention and feed-forward layers process at once when they are sliced."""
TILE_LATENTS = 64
"""The side of the square of latents that a tiled autoencoder decodes at once."""

_CLIP_POSITIONS = 77
_FEED_FORWARD = 4
"""How many times wider a feed-forward layer is than its transformer."""


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """The parameters of a network: all of them, and those of its largest layer."""

    total: int
    largest_layer: int


def parameters_of(part: Part) -> Parameters:
    """Return the parameters of a part's network."""
    match part.kind:
        case "unet":
            layers = list(_unet_parameters(part.config))
        case "vae":
            layers = list(_vae_parameters(part.config))
        case _:
            layers = list(_clip_parameters(part.config, projection=part.kind == "projected clip"))
    return Parameters(total=sum(layers), largest_layer=max(layers))


# ----------------------------------------------------------------------------------------------------------- U-Net


@dataclass(frozen=True, kw_only=True)
class _Block:
    """A residual block of a network, and the transformer behind it.

    Attributes:
        inputs: its channels, with those of the skip connection that is joined to them.
        outputs: its channels.
        scale: how many times smaller than the latents its sides are.
        kept: what waits for the way up, or is still referred to: numbers for each latent.
        depth: how many transformer blocks follow; 0: none.
    """

    inputs: int
    outputs: int
    scale: int
    kept: float
    depth: int = 0


def _per_level(value: Any, count: int) -> tuple[int, ...]:  # noqa: ANN401 - a value of a configuration
    return tuple(value) if isinstance(value, tuple | list) else (int(value),) * count


def unet_blocks(config: Mapping[str, Any]) -> Iterator[_Block]:
    """Yield the residual blocks in the order in which they run."""
    widths: tuple[int, ...] = tuple(config["block_out_channels"])
    layers = int(config.get("layers_per_block", 2))
    depths = _per_level(config.get("transformer_layers_per_block", 1), len(widths))
    channels, scale = widths[0], 1
    skips = [(channels, scale)]

    def kept() -> float:
        return sum(width / size**2 for width, size in skips)

    for level, kind in enumerate(config["down_block_types"]):
        width, depth = widths[level], depths[level] if "Attn" in kind else 0
        for _ in range(layers):
            yield _Block(inputs=channels, outputs=width, scale=scale, kept=kept(), depth=depth)
            channels = width
            skips.append((channels, scale))
        if level < len(widths) - 1:
            scale *= 2
            skips.append((channels, scale))
    yield _Block(inputs=channels, outputs=channels, scale=scale, kept=kept(), depth=depths[-1])
    yield _Block(inputs=channels, outputs=channels, scale=scale, kept=kept())
    for level, kind in enumerate(config["up_block_types"]):
        width = widths[-1 - level]
        depth = depths[-1 - level] if "Attn" in kind else 0
        # The input of a level and its skip connections stay in memory to its end.
        before = kept() + channels / scale**2
        for _ in range(layers + 1):
            yield _Block(
                inputs=channels + skips.pop()[0], outputs=width, scale=scale, kept=before, depth=depth
            )
            channels = width
        if level < len(widths) - 1:
            scale //= 2


def _residual_values(inputs: int, outputs: int) -> int:
    """Return what a residual block needs at once, for each of its pixels."""
    return inputs + max(2 * inputs, inputs + outputs, 3 * outputs)


def unet_values(part: Part, latents: int, *, sliced: bool = False) -> float:
    """Return the most numbers that a U-Net has in memory at once for one picture, without its weights.

    Args:
        part: the U-Net.
        latents: height times width of the latents.
        sliced: whether attention and feed-forward layers process slices of `SLICE_TOKENS` tokens.
    """
    return max(_block_values(block, latents, sliced=sliced) for block in unet_blocks(part.config))


def _block_values(block: _Block, latents: int, *, sliced: bool) -> float:
    pixels, width = latents / block.scale**2, block.outputs
    values = _residual_values(block.inputs, width) * pixels
    if block.depth:
        tokens = min(SLICE_TOKENS, pixels) if sliced else pixels
        # Beside the input, the residual and the results of attention and of its norm: the two halves of the gated
        # layer, its gate and their product, or queries, keys, values and two outputs.
        feed_forward = 5 * width * pixels + 4 * _FEED_FORWARD * width * tokens
        attention = 5 * width * pixels + 3 * width * tokens
        values = max(values, feed_forward, attention)
    return block.kept * latents + values


def _convolution(inputs: int, outputs: int, kernel: int = 3) -> int:
    return inputs * outputs * kernel**2 + outputs


def _linear(inputs: int, outputs: int, *, bias: bool = True) -> int:
    return inputs * outputs + (outputs if bias else 0)


def _residual(inputs: int, outputs: int, embedding: int) -> Iterator[int]:
    yield from (2 * inputs, _convolution(inputs, outputs), 2 * outputs, _convolution(outputs, outputs))
    if embedding:
        yield _linear(embedding, outputs)
    if inputs != outputs:
        yield _convolution(inputs, outputs, 1)


def _transformer(width: int, context: int, depth: int) -> Iterator[int]:
    yield from (2 * width, _linear(width, width), _linear(width, width))
    for _ in range(depth):
        yield from (2 * width,) * 3
        yield from (
            _linear(width, width, bias=False),
        ) * 4  # queries twice, keys and values of self-attention
        yield from (_linear(context, width, bias=False),) * 2
        yield from (_linear(width, width),) * 2
        yield from (_linear(width, 2 * _FEED_FORWARD * width), _linear(_FEED_FORWARD * width, width))


def _unet_parameters(config: Mapping[str, Any]) -> Iterator[int]:
    widths = tuple(config["block_out_channels"])
    embedding, latents = 4 * widths[0], (config["in_channels"], config["out_channels"])
    yield from (_convolution(latents[0], widths[0]), 2 * widths[0], _convolution(widths[0], latents[1]))
    sources = [widths[0]]
    if config.get("addition_embed_type"):
        sources.append(int(config["projection_class_embeddings_input_dim"]))
    for source in sources:
        yield from (_linear(source, embedding), _linear(embedding, embedding))
    for block in unet_blocks(config):
        yield from _residual(block.inputs, block.outputs, embedding)
        if block.depth:
            yield from _transformer(block.outputs, int(config["cross_attention_dim"]), block.depth)
    for resampled in (widths[:-1], widths[1:]):  # each level but the last goes down, each but the first up
        yield from (_convolution(width, width) for width in resampled)


# ------------------------------------------------------------------------------------------------------ autoencoder


def _decoder_blocks(config: Mapping[str, Any]) -> Iterator[_Block]:
    """Yield the decoder's residual blocks; ``scale`` is how many times larger than the latents their sides are."""
    widths = tuple(config["block_out_channels"])[::-1]
    yield from (_Block(inputs=widths[0], outputs=widths[0], scale=1, kept=0),) * 2
    channels = widths[0]
    for level, width in enumerate(widths):
        entered = 0  # the input of a level stays in memory to its end
        for _ in range(int(config.get("layers_per_block", 1)) + 1):
            yield _Block(inputs=channels, outputs=width, scale=2**level, kept=entered)
            entered, channels = entered or channels, width


def decoder_values(part: Part, latents: int) -> float:
    """Return the most numbers that the decoder of an autoencoder has in memory at once for one picture.

    Args:
        part: the autoencoder.
        latents: height times width of the latents.
    """
    return latents * max(
        (block.kept + _residual_values(block.inputs, block.outputs)) * block.scale**2
        for block in _decoder_blocks(part.config)
    )


def tiled_decoder_values(part: Part, latents: int, downscale: int) -> float:
    """Return the same for decoding in squares of `TILE_LATENTS`, with the picture that they are put together in."""
    tile = min(latents, TILE_LATENTS**2)
    return decoder_values(part, tile) + 2 * 3 * latents * downscale**2


def _vae_parameters(config: Mapping[str, Any]) -> Iterator[int]:
    widths, layers = tuple(config["block_out_channels"]), int(config.get("layers_per_block", 1))
    channels, deepest = int(config["latent_channels"]), widths[-1]
    # First and last layers of encoder and decoder, and the 1x1 convolutions between them.
    yield from (_convolution(int(config["in_channels"]), widths[0]), _convolution(deepest, 2 * channels))
    yield from (_convolution(channels, deepest), _convolution(widths[0], int(config["out_channels"])))
    yield from (2 * deepest, 2 * widths[0])
    yield from (_convolution(2 * channels, 2 * channels, 1), _convolution(channels, channels, 1))
    for _ in range(2):  # the middle of encoder and decoder
        yield from (2 * deepest, *(_linear(deepest, deepest),) * 4)
    inputs = widths[0]
    for width in widths:
        for _ in range(layers):
            yield from _residual(inputs, width, 0)
            inputs = width
    yield from (*_residual(deepest, deepest, 0), *_residual(deepest, deepest, 0))
    for block in _decoder_blocks(config):
        yield from _residual(block.inputs, block.outputs, 0)
    for resampled in (widths[:-1], widths[1:]):
        yield from (_convolution(width, width) for width in resampled)


# ----------------------------------------------------------------------------------------------------- text encoders


def _clip_parameters(config: Mapping[str, Any], *, projection: bool) -> Iterator[int]:
    width, hidden = int(config["hidden_size"]), int(config["intermediate_size"])
    yield from (int(config["vocab_size"]) * width, _CLIP_POSITIONS * width, 2 * width)
    for _ in range(int(config["num_hidden_layers"])):
        yield from (*(_linear(width, width),) * 4, *(2 * width,) * 2)
        yield from (_linear(width, hidden), _linear(hidden, width))
    if projection:
        yield _linear(width, int(config["projection_dim"]), bias=False)


def text_values(part: Part) -> float:
    """Return the most numbers that a text encoder has in memory at once for the tokens of one chunk.

    The outputs of all its layers are kept, because the one that is used is chosen afterwards.
    """
    config: Mapping[str, Any] = part.config
    width, hidden = int(config["hidden_size"]), int(config["intermediate_size"])
    return float(_CLIP_POSITIONS * ((int(config["num_hidden_layers"]) + 6) * width + 3 * hidden))
