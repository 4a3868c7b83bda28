"""The names and shapes of the parameters of networks, from their configurations alone. Needs no torch.

They are those of diffusers' and transformers' modules, so that a file can be checked without building a network. The
sources are the constructors of diffusers' ``UNet2DConditionModel`` and ``AutoencoderKL`` and of transformers'
``CLIPTextModel``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from studio.families.family import Part

_Named: TypeAlias = "Iterator[tuple[str, tuple[int, ...]]]"


def shapes_of(part: Part) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a part's parameters by name; those of text encoders begin with "text_model."."""
    if part.kind == "unet":
        return dict(_unet(part.config))
    if part.kind == "vae":
        return dict(_vae(part.config))
    return dict(_clip(part.config, projected=part.kind == "projected clip"))


def _linear(name: str, inputs: int, outputs: int, *, bias: bool = True) -> _Named:
    yield f"{name}.weight", (outputs, inputs)
    if bias:
        yield f"{name}.bias", (outputs,)


def _convolution(name: str, inputs: int, outputs: int, kernel: int = 3) -> _Named:
    yield f"{name}.weight", (outputs, inputs, kernel, kernel)
    yield f"{name}.bias", (outputs,)


def _norm(name: str, width: int) -> _Named:
    yield f"{name}.weight", (width,)
    yield f"{name}.bias", (width,)


def _residual(name: str, inputs: int, outputs: int, time: int | None = None) -> _Named:
    yield from _norm(f"{name}.norm1", inputs)
    yield from _convolution(f"{name}.conv1", inputs, outputs)
    if time is not None:
        yield from _linear(f"{name}.time_emb_proj", time, outputs)
    yield from _norm(f"{name}.norm2", outputs)
    yield from _convolution(f"{name}.conv2", outputs, outputs)
    if inputs != outputs:
        yield from _convolution(f"{name}.conv_shortcut", inputs, outputs, 1)


# ------------------------------------------------------------------------------------------------------------ U-Net
def _transformer(name: str, width: int, depth: int, context: int, *, linear: bool) -> _Named:
    yield from _norm(f"{name}.norm", width)
    for projection in ("proj_in", "proj_out"):
        if linear:
            yield from _linear(f"{name}.{projection}", width, width)
        else:
            yield from _convolution(f"{name}.{projection}", width, width, 1)
    for number in range(depth):
        block = f"{name}.transformer_blocks.{number}"
        for attention, inputs in (("attn1", width), ("attn2", context)):
            yield from _linear(f"{block}.{attention}.to_q", width, width, bias=False)
            yield from _linear(f"{block}.{attention}.to_k", inputs, width, bias=False)
            yield from _linear(f"{block}.{attention}.to_v", inputs, width, bias=False)
            yield from _linear(f"{block}.{attention}.to_out.0", width, width)
        for norm in ("norm1", "norm2", "norm3"):
            yield from _norm(f"{block}.{norm}", width)
        yield from _linear(f"{block}.ff.net.0.proj", width, 8 * width)
        yield from _linear(f"{block}.ff.net.2", 4 * width, width)


def _unet(config: Mapping[str, Any]) -> _Named:
    widths: tuple[int, ...] = config["block_out_channels"]
    layers, context = config["layers_per_block"], config["cross_attention_dim"]
    linear = config.get("use_linear_projection", False)
    depths = config.get("transformer_layers_per_block", 1)
    depths = (depths,) * len(widths) if isinstance(depths, int) else depths
    attends = ["Attn" in kind for kind in config["down_block_types"]]
    time, last = 4 * widths[0], len(widths) - 1
    yield from _convolution("conv_in", config["in_channels"], widths[0])
    yield from _linear("time_embedding.linear_1", widths[0], time)
    yield from _linear("time_embedding.linear_2", time, time)
    if config.get("addition_embed_type") == "text_time":
        yield from _linear("add_embedding.linear_1", config["projection_class_embeddings_input_dim"], time)
        yield from _linear("add_embedding.linear_2", time, time)
    skips, width = [widths[0]], widths[0]
    for level, outputs in enumerate(widths):
        for number in range(layers):
            yield from _residual(f"down_blocks.{level}.resnets.{number}", width, outputs, time)
            width = outputs
            skips.append(width)
            if attends[level]:
                name = f"down_blocks.{level}.attentions.{number}"
                yield from _transformer(name, width, depths[level], context, linear=linear)
        if level < last:
            yield from _convolution(f"down_blocks.{level}.downsamplers.0.conv", width, width)
            skips.append(width)
    for number in range(2):
        yield from _residual(f"mid_block.resnets.{number}", width, width, time)
    yield from _transformer("mid_block.attentions.0", width, depths[-1], context, linear=linear)
    for block, level in enumerate(range(last, -1, -1)):
        for number in range(layers + 1):
            inputs = width + skips.pop()
            width = widths[level]
            yield from _residual(f"up_blocks.{block}.resnets.{number}", inputs, width, time)
            if attends[level]:
                name = f"up_blocks.{block}.attentions.{number}"
                yield from _transformer(name, width, depths[level], context, linear=linear)
        if level:
            yield from _convolution(f"up_blocks.{block}.upsamplers.0.conv", width, width)
    yield from _norm("conv_norm_out", widths[0])
    yield from _convolution("conv_out", widths[0], config["out_channels"])


# ------------------------------------------------------------------------------------------------------ autoencoder
def _vae(config: Mapping[str, Any]) -> _Named:
    widths: tuple[int, ...] = config["block_out_channels"]
    layers, latents = config["layers_per_block"], config["latent_channels"]
    yield from _convolution("encoder.conv_in", config["in_channels"], widths[0])
    width, last = widths[0], len(widths) - 1
    for level, outputs in enumerate(widths):
        for number in range(layers):
            yield from _residual(f"encoder.down_blocks.{level}.resnets.{number}", width, outputs)
            width = outputs
        if level < last:
            yield from _convolution(f"encoder.down_blocks.{level}.downsamplers.0.conv", width, width)
    yield from _middle("encoder.mid_block", width)
    yield from _norm("encoder.conv_norm_out", width)
    yield from _convolution("encoder.conv_out", width, 2 * latents)
    yield from _convolution("decoder.conv_in", latents, width)
    yield from _middle("decoder.mid_block", width)
    for block, level in enumerate(range(last, -1, -1)):
        for number in range(layers + 1):
            yield from _residual(f"decoder.up_blocks.{block}.resnets.{number}", width, widths[level])
            width = widths[level]
        if level:
            yield from _convolution(f"decoder.up_blocks.{block}.upsamplers.0.conv", width, width)
    yield from _norm("decoder.conv_norm_out", width)
    yield from _convolution("decoder.conv_out", width, config["out_channels"])
    yield from _convolution("quant_conv", 2 * latents, 2 * latents, 1)
    yield from _convolution("post_quant_conv", latents, latents, 1)


def _middle(name: str, width: int) -> _Named:
    for number in range(2):
        yield from _residual(f"{name}.resnets.{number}", width, width)
    yield from _norm(f"{name}.attentions.0.group_norm", width)
    for layer in ("to_q", "to_k", "to_v", "to_out.0"):
        yield from _linear(f"{name}.attentions.0.{layer}", width, width)


# ---------------------------------------------------------------------------------------------------- text encoders
def _clip(config: Mapping[str, Any], *, projected: bool) -> _Named:
    width, inner = config["hidden_size"], config["intermediate_size"]
    yield "text_model.embeddings.token_embedding.weight", (config["vocab_size"], width)
    yield "text_model.embeddings.position_embedding.weight", (config["max_position_embeddings"], width)
    for number in range(config["num_hidden_layers"]):
        layer = f"text_model.encoder.layers.{number}"
        for projection in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield from _linear(f"{layer}.self_attn.{projection}", width, width)
        for norm in ("layer_norm1", "layer_norm2"):
            yield from _norm(f"{layer}.{norm}", width)
        yield from _linear(f"{layer}.mlp.fc1", width, inner)
        yield from _linear(f"{layer}.mlp.fc2", inner, width)
    yield from _norm("text_model.final_layer_norm", width)
    if projected:
        yield "text_projection.weight", (config["projection_dim"], width)
