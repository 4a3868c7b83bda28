"""Names and shapes of published networks, written from their architecture, as headers have them.

Each function names the class it follows. A line of a table is a kind and a name, in which ``{n}`` runs from 0 to
n - 1, followed by sizes:

    L name out in      a linear layer with bias            l name out in    without bias
    C name out in k    a convolution with bias             c name ...       without bias
    N name n           a norm: weight and bias             n name n         weight only        s name n   ``scale``
    P name sizes       a parameter of exactly this name

What is returned is shared: nothing may change it.
"""

from __future__ import annotations

import functools
import itertools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Shapes = dict[str, tuple[int, ...]]

_RANGE = re.compile(r"\{(\d+)\}")


def table(text: str) -> Shapes:
    """Return the names and shapes of a table."""
    found: Shapes = {}
    for line in text.strip().splitlines():
        kind, pattern, *numbers = line.split()
        sizes = tuple(int(number) for number in numbers)
        for name in expand(pattern):
            found.update(layer(kind, name, sizes))
    return found


def expand(pattern: str) -> Iterator[str]:
    counts = [range(int(count)) for count in _RANGE.findall(pattern)]
    plain = _RANGE.sub("{}", pattern)
    return (plain.format(*numbers) for numbers in itertools.product(*counts))


def layer(kind: str, name: str, sizes: tuple[int, ...]) -> Shapes:
    if kind == "P":
        return {name: sizes}
    if kind == "s":
        return {f"{name}.scale": sizes}
    if kind in "Cc":
        out, inside, *kernel = sizes
        sizes = (out, inside, *(kernel * 2 if len(kernel) == 1 else kernel))
    found = {f"{name}.weight": sizes}
    if kind.isupper():
        found[f"{name}.bias"] = sizes[:1]
    return found


def under(prefix: str, shapes: Shapes) -> Shapes:
    return {prefix + name: shape for name, shape in shapes.items()}


# ------------------------------------------------------------------------------------------------------------ U-Net
def _residual(name: str, inside: int, out: int, time: int) -> Shapes:
    """CompVis `ldm/modules/diffusionmodules/openaimodel.py`: `ResBlock`."""
    found = table(f"""
        N {name}.in_layers.0 {inside}
        C {name}.in_layers.2 {out} {inside} 3
        L {name}.emb_layers.1 {out} {time}
        N {name}.out_layers.0 {out}
        C {name}.out_layers.3 {out} {out} 3""")
    if inside != out:
        found |= table(f"C {name}.skip_connection {out} {inside} 1")
    return found


def transformer(name: str, width: int, depth: int, context: int, *, linear: bool) -> Shapes:
    """CompVis `ldm/modules/attention.py`: `SpatialTransformer`; diffusers' `Transformer2DModel` has the same names."""
    project = f"{width} {width}" if linear else f"{width} {width} 1"
    kind = "L" if linear else "C"
    found = table(f"N {name}.norm {width}\n{kind} {name}.proj_in {project}\n{kind} {name}.proj_out {project}")
    for number in range(depth):
        block = f"{name}.transformer_blocks.{number}"
        found |= table(f"""
            l {block}.attn1.to_q {width} {width}
            l {block}.attn1.to_k {width} {width}
            l {block}.attn1.to_v {width} {width}
            L {block}.attn1.to_out.0 {width} {width}
            L {block}.ff.net.0.proj {8 * width} {width}
            L {block}.ff.net.2 {width} {4 * width}
            l {block}.attn2.to_q {width} {width}
            l {block}.attn2.to_k {width} {context}
            l {block}.attn2.to_v {width} {context}
            L {block}.attn2.to_out.0 {width} {width}
            N {block}.norm1 {width}
            N {block}.norm2 {width}
            N {block}.norm3 {width}""")
    return found


@functools.cache
def ldm_unet(
    *,
    channels: int = 4,
    width: int = 320,
    factors: tuple[int, ...] = (1, 2, 4, 4),
    down: tuple[int, ...] = (1, 1, 1, 1, 1, 1, 0, 0),
    up: tuple[int, ...] = (1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0),
    middle: int = 1,
    context: int = 768,
    linear: bool = False,
    label: int = 0,
    residuals: int = 2,
) -> Shapes:
    """CompVis `openaimodel.py`: `UNetModel`.

    ``down`` and ``up`` are the numbers of transformer blocks after each residual block, as ComfyUI lists them in
    `model_detection.py`, `unet_config_from_diffusers_unet`; ``up`` from the last level to the first.
    """
    time = 4 * width
    found = table(f"""
        L time_embed.0 {time} {width}
        L time_embed.2 {time} {time}
        C input_blocks.0.0 {width} {channels} 3
        N out.0 {width}
        C out.2 4 {width} 3""")
    if label:
        found |= table(f"L label_emb.0.0 {time} {label}\nL label_emb.0.2 {time} {time}")
    skips, now, index, depths = [width], width, 1, list(down)
    for level, factor in enumerate(factors):
        for _ in range(residuals):
            out = width * factor
            found |= _residual(f"input_blocks.{index}.0", now, out, time)
            now = out
            if depth := depths.pop(0):
                found |= transformer(f"input_blocks.{index}.1", now, depth, context, linear=linear)
            skips.append(now)
            index += 1
        if level < len(factors) - 1:
            found |= table(f"C input_blocks.{index}.0.op {now} {now} 3")
            skips.append(now)
            index += 1
    found |= _residual("middle_block.0", now, now, time)
    if middle > 0:
        found |= transformer("middle_block.1", now, middle, context, linear=linear)
        found |= _residual("middle_block.2", now, now, time)
    depths, index = list(up)[::-1], 0
    for level, factor in reversed(list(enumerate(factors))):
        for number in range(residuals + 1):
            out = width * factor
            found |= _residual(f"output_blocks.{index}.0", now + skips.pop(), out, time)
            now, place = out, 1
            if depth := depths.pop(0):
                found |= transformer(f"output_blocks.{index}.1", now, depth, context, linear=linear)
                place = 2
            if level and number == residuals:
                found |= table(f"C output_blocks.{index}.{place}.conv {now} {now} 3")
            index += 1
    return found


def _diffusers_residual(name: str, inside: int, out: int, time: int) -> Shapes:
    found = table(f"""
        N {name}.norm1 {inside}
        C {name}.conv1 {out} {inside} 3
        L {name}.time_emb_proj {out} {time}
        N {name}.norm2 {out}
        C {name}.conv2 {out} {out} 3""")
    if inside != out:
        found |= table(f"C {name}.conv_shortcut {out} {inside} 1")
    return found


@functools.cache
def diffusers_unet(
    *,
    channels: int = 4,
    widths: tuple[int, ...] = (320, 640, 1280, 1280),
    depths: tuple[int, ...] = (1, 1, 1, 0),
    middle: int = 1,
    context: int = 768,
    linear: bool = False,
    label: int = 0,
    residuals: int = 2,
) -> Shapes:
    """Diffusers `models/unets/unet_2d_condition.py`: `UNet2DConditionModel`; ``depths`` per level, 0 for none."""
    first, time = widths[0], 4 * widths[0]
    found = table(f"""
        C conv_in {first} {channels} 3
        L time_embedding.linear_1 {time} {first}
        L time_embedding.linear_2 {time} {time}
        N conv_norm_out {first}
        C conv_out 4 {first} 3""")
    if label:
        found |= table(f"L add_embedding.linear_1 {time} {label}\nL add_embedding.linear_2 {time} {time}")
    skips, now, last = [first], first, len(widths) - 1
    for level, out in enumerate(widths):
        for number in range(residuals):
            found |= _diffusers_residual(f"down_blocks.{level}.resnets.{number}", now, out, time)
            now = out
            if depths[level]:
                name = f"down_blocks.{level}.attentions.{number}"
                found |= transformer(name, now, depths[level], context, linear=linear)
            skips.append(now)
        if level < last:
            found |= table(f"C down_blocks.{level}.downsamplers.0.conv {now} {now} 3")
            skips.append(now)
    found |= _diffusers_residual("mid_block.resnets.0", now, now, time)
    if middle:
        found |= transformer("mid_block.attentions.0", now, middle, context, linear=linear)
        found |= _diffusers_residual("mid_block.resnets.1", now, now, time)
    for block, level in enumerate(range(last, -1, -1)):
        out = widths[level]
        for number in range(residuals + 1):
            found |= _diffusers_residual(f"up_blocks.{block}.resnets.{number}", now + skips.pop(), out, time)
            now = out
            if depths[level]:
                name = f"up_blocks.{block}.attentions.{number}"
                found |= transformer(name, now, depths[level], context, linear=linear)
        if level:
            found |= table(f"C up_blocks.{block}.upsamplers.0.conv {now} {now} 3")
    return found


SD2 = {"context": 1024, "linear": True}
SDXL = {
    "factors": (1, 2, 4),
    "down": (0, 0, 2, 2, 10, 10),
    "up": (0, 0, 0, 2, 2, 2, 10, 10, 10),
    "middle": 10,
    "context": 2048,
    "linear": True,
    "label": 2816,
}
REFINER = {
    "width": 384,
    "down": (0, 0, 4, 4, 4, 4, 0, 0),
    "up": (0, 0, 0, 4, 4, 4, 4, 4, 4, 0, 0, 0),
    "middle": 4,
    "context": 1280,
    "linear": True,
    "label": 2560,
}
SSD_1B = SDXL | {"down": (0, 0, 2, 2, 4, 4), "up": (0, 0, 0, 1, 1, 2, 10, 4, 4), "middle": -1}
VEGA = SDXL | {"down": (0, 0, 1, 1, 2, 2), "up": (0, 0, 0, 1, 1, 1, 2, 2, 2), "middle": -1}
DIFFUSERS_SDXL = {
    "widths": (320, 640, 1280),
    "depths": (0, 2, 10),
    "middle": 10,
    "context": 2048,
    "linear": True,
    "label": 2816,
}


# -------------------------------------------------------------------------------------------------------------- VAE
def _vae_residual(name: str, inside: int, out: int, shortcut: str) -> Shapes:
    found = table(f"""
        N {name}.norm1 {inside}
        C {name}.conv1 {out} {inside} 3
        N {name}.norm2 {out}
        C {name}.conv2 {out} {out} 3""")
    return found | (table(f"C {name}.{shortcut} {out} {inside} 1") if inside != out else {})


@functools.cache
def ldm_vae(
    latents: int = 4, *, quant: bool = True, width: int = 128, factors: tuple[int, ...] = (1, 2, 4, 4)
) -> Shapes:
    """CompVis `ldm/modules/diffusionmodules/model.py`: `Encoder` and `Decoder`, in `AutoencoderKL`."""
    found = table(
        f"C encoder.conv_in {width} 3 3\nC decoder.conv_out 3 {width} 3\nN decoder.norm_out {width}"
    )
    now = width
    for level, factor in enumerate(factors):
        for number in range(2):
            found |= _vae_residual(
                f"encoder.down.{level}.block.{number}", now, width * factor, "nin_shortcut"
            )
            now = width * factor
        if level < len(factors) - 1:
            found |= table(f"C encoder.down.{level}.downsample.conv {now} {now} 3")
    found |= table(f"N encoder.norm_out {now}\nC encoder.conv_out {2 * latents} {now} 3")
    found |= table(f"C decoder.conv_in {now} {latents} 3")
    for side in ("encoder", "decoder"):
        for block in ("block_1", "block_2"):
            found |= _vae_residual(f"{side}.mid.{block}", now, now, "nin_shortcut")
        attention = f"{side}.mid.attn_1"
        found |= table(f"N {attention}.norm {now}")
        for part in ("q", "k", "v", "proj_out"):
            found |= table(f"C {attention}.{part} {now} {now} 1")
    for level, factor in reversed(list(enumerate(factors))):
        for number in range(3):
            found |= _vae_residual(f"decoder.up.{level}.block.{number}", now, width * factor, "nin_shortcut")
            now = width * factor
        if level:
            found |= table(f"C decoder.up.{level}.upsample.conv {now} {now} 3")
    if quant:
        found |= table(f"C quant_conv {2 * latents} {2 * latents} 1\nC post_quant_conv {latents} {latents} 1")
    return found


@functools.cache
def diffusers_vae(
    latents: int = 4, *, quant: bool = True, widths: tuple[int, ...] = (128, 256, 512, 512)
) -> Shapes:
    """Diffusers `models/autoencoders/autoencoder_kl.py`: `AutoencoderKL`."""
    found = table(
        f"C encoder.conv_in {widths[0]} 3 3\nN decoder.conv_norm_out {widths[0]}\nC decoder.conv_out 3 {widths[0]} 3"
    )
    now, last = widths[0], len(widths) - 1
    for level, out in enumerate(widths):
        for number in range(2):
            found |= _vae_residual(f"encoder.down_blocks.{level}.resnets.{number}", now, out, "conv_shortcut")
            now = out
        if level < last:
            found |= table(f"C encoder.down_blocks.{level}.downsamplers.0.conv {now} {now} 3")
    found |= table(f"N encoder.conv_norm_out {now}\nC encoder.conv_out {2 * latents} {now} 3")
    found |= table(f"C decoder.conv_in {now} {latents} 3")
    for side in ("encoder", "decoder"):
        for number in range(2):
            found |= _vae_residual(f"{side}.mid_block.resnets.{number}", now, now, "conv_shortcut")
        attention = f"{side}.mid_block.attentions.0"
        found |= table(f"""
            N {attention}.group_norm {now}
            L {attention}.to_q {now} {now}
            L {attention}.to_k {now} {now}
            L {attention}.to_v {now} {now}
            L {attention}.to_out.0 {now} {now}""")
    for block, level in enumerate(range(last, -1, -1)):
        for number in range(3):
            found |= _vae_residual(
                f"decoder.up_blocks.{block}.resnets.{number}", now, widths[level], "conv_shortcut"
            )
            now = widths[level]
        if level:
            found |= table(f"C decoder.up_blocks.{block}.upsamplers.0.conv {now} {now} 3")
    if quant:
        found |= table(f"C quant_conv {2 * latents} {2 * latents} 1\nC post_quant_conv {latents} {latents} 1")
    return found


def taesd(latents: int = 4) -> tuple[Shapes, Shapes]:
    """madebyollin/taesd `taesd.py`: `Encoder` and `Decoder`; names are positions in a sequence."""
    block = "C {place}.conv.0 64 64 3\nC {place}.conv.2 64 64 3\nC {place}.conv.4 64 64 3"
    encoder = table("C 0 64 3 3")
    for place in (1, 3, 4, 5, 7, 8, 9, 11, 12, 13):
        encoder |= table(block.format(place=place))
    for place in (2, 6, 10):
        encoder |= table(f"c {place} 64 64 3")
    encoder |= table(f"C 14 {latents} 64 3")
    decoder = table(f"C 1 64 {latents} 3")
    for place in (3, 4, 5, 8, 9, 10, 13, 14, 15, 18):
        decoder |= table(block.format(place=place))
    for place in (7, 12, 17):
        decoder |= table(f"c {place} 64 64 3")
    return encoder, decoder | table("C 19 3 64 3")


# ---------------------------------------------------------------------------------------------------- text encoders
@functools.cache
def clip(width: int = 768, layers: int = 12, *, projection: int = 0, flat: bool = False) -> Shapes:
    """Transformers `models/clip/modeling_clip.py`: `CLIPTextModel`; since 5.6 without ``text_model.`` (``flat``)."""
    found = table(f"""
        P embeddings.position_ids 1 77
        P embeddings.token_embedding.weight 49408 {width}
        P embeddings.position_embedding.weight 77 {width}
        L encoder.layers.{{{layers}}}.self_attn.q_proj {width} {width}
        L encoder.layers.{{{layers}}}.self_attn.k_proj {width} {width}
        L encoder.layers.{{{layers}}}.self_attn.v_proj {width} {width}
        L encoder.layers.{{{layers}}}.self_attn.out_proj {width} {width}
        N encoder.layers.{{{layers}}}.layer_norm1 {width}
        N encoder.layers.{{{layers}}}.layer_norm2 {width}
        L encoder.layers.{{{layers}}}.mlp.fc1 {4 * width} {width}
        L encoder.layers.{{{layers}}}.mlp.fc2 {width} {4 * width}
        N final_layer_norm {width}""")
    found = found if flat else under("text_model.", found)
    return found | ({"text_projection.weight": (projection, width)} if projection else {})


@functools.cache
def open_clip(width: int = 1024, layers: int = 24, projection: int = 1024) -> Shapes:
    """open_clip `model.py`, `transformer.py`: the text half of `CLIP` (ViT-H-14, ViT-bigG-14)."""
    block = f"transformer.resblocks.{{{layers}}}"
    return table(f"""
        P positional_embedding 77 {width}
        P token_embedding.weight 49408 {width}
        P text_projection {width} {projection}
        P logit_scale
        N {block}.ln_1 {width}
        P {block}.attn.in_proj_weight {3 * width} {width}
        P {block}.attn.in_proj_bias {3 * width}
        L {block}.attn.out_proj {width} {width}
        N {block}.ln_2 {width}
        L {block}.mlp.c_fc {4 * width} {width}
        L {block}.mlp.c_proj {width} {4 * width}
        N ln_final {width}""")


BIGG = {"width": 1280, "layers": 32, "projection": 1280}


def clip_vision(width: int, layers: int) -> Shapes:
    """Transformers `modeling_clip.py`: `CLIPVisionModelWithProjection`."""
    return under(
        "vision_model.",
        table(f"""
            P embeddings.class_embedding {width}
            c embeddings.patch_embedding {width} 3 14
            P embeddings.position_embedding.weight 257 {width}
            N pre_layrnorm {width}
            L encoder.layers.{{{layers}}}.self_attn.q_proj {width} {width}
            L encoder.layers.{{{layers}}}.mlp.fc1 {4 * width} {width}
            L encoder.layers.{{{layers}}}.mlp.fc2 {width} {4 * width}
            N post_layernorm {width}"""),
    ) | {"visual_projection.weight": (1024, width)}


def t5(
    width: int = 4096, hidden: int = 10240, layers: int = 24, words: int = 32128, *, biases: bool = False
) -> Shapes:
    """Transformers `models/t5/modeling_t5.py`: `T5EncoderModel`; UMT5 has position biases in every block."""
    block = f"encoder.block.{{{layers}}}"
    bias = "SelfAttention.relative_attention_bias.weight 32 64"
    return table(f"""
        P shared.weight {words} {width}
        P {block if biases else "encoder.block.0"}.layer.0.{bias}
        l {block}.layer.0.SelfAttention.q {width} {width}
        l {block}.layer.0.SelfAttention.k {width} {width}
        l {block}.layer.0.SelfAttention.v {width} {width}
        l {block}.layer.0.SelfAttention.o {width} {width}
        n {block}.layer.0.layer_norm {width}
        l {block}.layer.1.DenseReluDense.wi_0 {hidden} {width}
        l {block}.layer.1.DenseReluDense.wi_1 {hidden} {width}
        l {block}.layer.1.DenseReluDense.wo {width} {hidden}
        n {block}.layer.1.layer_norm {width}
        n encoder.final_layer_norm {width}""")


def language_model(
    width: int,
    layers: int,
    words: int,
    *,
    heads: int,
    key_heads: int,
    head: int = 128,
    hidden: int = 0,
    norms: str = "",
    bias: bool = False,
) -> Shapes:
    """Transformers `models/{qwen2,qwen3,gemma2,llama}/modeling_*.py`: the decoder layers, which share their names.

    ``norms`` names what they differ in: "q" norms of query and key, "post" Gemma's norms after the feed-forward.
    """
    block, kind = f"layers.{{{layers}}}", "L" if bias else "l"
    found = table(f"""
        P embed_tokens.weight {words} {width}
        {kind} {block}.self_attn.q_proj {heads * head} {width}
        {kind} {block}.self_attn.k_proj {key_heads * head} {width}
        {kind} {block}.self_attn.v_proj {key_heads * head} {width}
        l {block}.self_attn.o_proj {width} {heads * head}
        l {block}.mlp.gate_proj {hidden or 3 * width} {width}
        l {block}.mlp.up_proj {hidden or 3 * width} {width}
        l {block}.mlp.down_proj {width} {hidden or 3 * width}
        n {block}.input_layernorm {width}
        n {block}.post_attention_layernorm {width}
        n norm {width}""")
    if "q" in norms:
        found |= table(f"n {block}.self_attn.q_norm {head}\nn {block}.self_attn.k_norm {head}")
    if "post" in norms:
        found |= table(
            f"n {block}.pre_feedforward_layernorm {width}\nn {block}.post_feedforward_layernorm {width}"
        )
    return found
