"""The names and shapes in single files of Stable Diffusion, written from the constructors of the original modules.

Independent of the program's key maps and of diffusers. Sources, by class:

- U-Net: ``ldm/modules/diffusionmodules/openaimodel.py``, `UNetModel`, and ``ldm/modules/attention.py``,
  `SpatialTransformer`, of CompVis/stable-diffusion and Stability-AI/stablediffusion; the same classes in
  ``sgm/modules`` of Stability-AI/generative-models for XL.
- autoencoder: ``ldm/modules/diffusionmodules/model.py``, `Encoder` and `Decoder`.
- text encoders: `CLIPTextModel` of transformers before 5.6; ``open_clip/transformer.py``, `TextTransformer`.
"""

from __future__ import annotations

from dataclasses import dataclass

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True, kw_only=True)
class UNetShape:
    """The arguments of `UNetModel` in the published YAML files."""

    model_channels: int
    channel_mult: tuple[int, ...]
    depths: tuple[int, ...]  # transformer blocks of each level; 0: no attention
    middle_depth: int
    context_dim: int
    use_linear: bool = False
    adm_in_channels: int | None = None
    num_res_blocks: int = 2
    in_channels: int = 4


SD1_UNET = UNetShape(
    model_channels=320, channel_mult=(1, 2, 4, 4), depths=(1, 1, 1, 0), middle_depth=1, context_dim=768
)
SD2_UNET = UNetShape(
    model_channels=320,
    channel_mult=(1, 2, 4, 4),
    depths=(1, 1, 1, 0),
    middle_depth=1,
    context_dim=1024,
    use_linear=True,
)
SDXL_UNET = UNetShape(
    model_channels=320,
    channel_mult=(1, 2, 4),
    depths=(0, 2, 10),
    middle_depth=10,
    context_dim=2048,
    use_linear=True,
    adm_in_channels=2816,
)
REFINER_UNET = UNetShape(
    model_channels=384,
    channel_mult=(1, 2, 4, 4),
    depths=(0, 4, 4, 0),
    middle_depth=4,
    context_dim=1280,
    use_linear=True,
    adm_in_channels=2560,
)


class Names:
    """Collects the parameters of modules."""

    def __init__(self) -> None:
        self.shapes: Shapes = {}

    def linear(self, name: str, to: int, of: int, *, bias: bool = True) -> None:
        self.shapes[f"{name}.weight"] = (to, of)
        if bias:
            self.shapes[f"{name}.bias"] = (to,)

    def conv(self, name: str, to: int, of: int, size: int = 3) -> None:
        self.shapes[f"{name}.weight"] = (to, of, size, size)
        self.shapes[f"{name}.bias"] = (to,)

    def norm(self, name: str, width: int) -> None:
        self.shapes[f"{name}.weight"] = (width,)
        self.shapes[f"{name}.bias"] = (width,)


def unet(shape: UNetShape) -> Shapes:
    """Return the U-Net's parameters without prefix."""
    names, c = Names(), shape.model_channels

    def res(place: str, of: int, to: int) -> None:
        names.norm(f"{place}.in_layers.0", of)
        names.conv(f"{place}.in_layers.2", to, of)
        names.linear(f"{place}.emb_layers.1", to, 4 * c)
        names.norm(f"{place}.out_layers.0", to)
        names.conv(f"{place}.out_layers.3", to, to)
        if of != to:
            names.conv(f"{place}.skip_connection", to, of, 1)

    def transformer(place: str, width: int, depth: int) -> None:
        names.norm(f"{place}.norm", width)
        for side in ("proj_in", "proj_out"):
            if shape.use_linear:
                names.linear(f"{place}.{side}", width, width)
            else:
                names.conv(f"{place}.{side}", width, width, 1)
        for index in range(depth):
            block = f"{place}.transformer_blocks.{index}"
            for attention, context in (("attn1", width), ("attn2", shape.context_dim)):
                names.linear(f"{block}.{attention}.to_q", width, width, bias=False)
                names.linear(f"{block}.{attention}.to_k", width, context, bias=False)
                names.linear(f"{block}.{attention}.to_v", width, context, bias=False)
                names.linear(f"{block}.{attention}.to_out.0", width, width)
            names.linear(f"{block}.ff.net.0.proj", 8 * width, width)
            names.linear(f"{block}.ff.net.2", width, 4 * width)
            for norm in ("norm1", "norm2", "norm3"):
                names.norm(f"{block}.{norm}", width)

    names.linear("time_embed.0", 4 * c, c)
    names.linear("time_embed.2", 4 * c, 4 * c)
    if shape.adm_in_channels is not None:
        names.linear("label_emb.0.0", 4 * c, shape.adm_in_channels)
        names.linear("label_emb.0.2", 4 * c, 4 * c)
    names.conv("input_blocks.0.0", c, shape.in_channels)
    skips, width, place = [c], c, 1
    last = len(shape.channel_mult) - 1
    for level, mult in enumerate(shape.channel_mult):
        for _ in range(shape.num_res_blocks):
            res(f"input_blocks.{place}.0", width, mult * c)
            width = mult * c
            if shape.depths[level]:
                transformer(f"input_blocks.{place}.1", width, shape.depths[level])
            skips.append(width)
            place += 1
        if level != last:
            names.conv(f"input_blocks.{place}.0.op", width, width)
            skips.append(width)
            place += 1
    res("middle_block.0", width, width)
    transformer("middle_block.1", width, shape.middle_depth)
    res("middle_block.2", width, width)
    place = 0
    for level in reversed(range(last + 1)):
        for index in range(shape.num_res_blocks + 1):
            res(f"output_blocks.{place}.0", width + skips.pop(), shape.channel_mult[level] * c)
            width, layer = shape.channel_mult[level] * c, 1
            if shape.depths[level]:
                transformer(f"output_blocks.{place}.1", width, shape.depths[level])
                layer = 2
            if level and index == shape.num_res_blocks:
                names.conv(f"output_blocks.{place}.{layer}.conv", width, width)
            place += 1
    names.norm("out.0", width)
    names.conv("out.2", 4, width)
    return names.shapes


def autoencoder(ch: int = 128, mult: tuple[int, ...] = (1, 2, 4, 4), layers: int = 2, z: int = 4) -> Shapes:
    """Return the autoencoder's parameters without prefix."""
    names = Names()

    def res(place: str, of: int, to: int) -> None:
        names.norm(f"{place}.norm1", of)
        names.conv(f"{place}.conv1", to, of)
        names.norm(f"{place}.norm2", to)
        names.conv(f"{place}.conv2", to, to)
        if of != to:
            names.conv(f"{place}.nin_shortcut", to, of, 1)

    def middle(half: str, width: int) -> None:
        res(f"{half}.mid.block_1", width, width)
        names.norm(f"{half}.mid.attn_1.norm", width)
        for layer in ("q", "k", "v", "proj_out"):
            names.conv(f"{half}.mid.attn_1.{layer}", width, width, 1)
        res(f"{half}.mid.block_2", width, width)

    names.conv("encoder.conv_in", ch, 3)
    width = ch
    for level, factor in enumerate(mult):
        for index in range(layers):
            res(f"encoder.down.{level}.block.{index}", width, factor * ch)
            width = factor * ch
        if level != len(mult) - 1:
            names.conv(f"encoder.down.{level}.downsample.conv", width, width)
    middle("encoder", width)
    names.norm("encoder.norm_out", width)
    names.conv("encoder.conv_out", 2 * z, width)
    names.conv("decoder.conv_in", width, z)
    middle("decoder", width)
    for level in reversed(range(len(mult))):
        for index in range(layers + 1):
            res(f"decoder.up.{level}.block.{index}", width, mult[level] * ch)
            width = mult[level] * ch
        if level:
            names.conv(f"decoder.up.{level}.upsample.conv", width, width)
    names.norm("decoder.norm_out", width)
    names.conv("decoder.conv_out", 3, width)
    names.conv("quant_conv", 2 * z, 2 * z, 1)
    names.conv("post_quant_conv", z, z, 1)
    return names.shapes


def clip(width: int = 768, inner: int = 3072, layers: int = 12, vocabulary: int = 49408) -> Shapes:
    """Return the parameters of transformers' text model, from "text_model." on."""
    names = Names()
    names.shapes["text_model.embeddings.position_ids"] = (1, 77)
    names.shapes["text_model.embeddings.token_embedding.weight"] = (vocabulary, width)
    names.shapes["text_model.embeddings.position_embedding.weight"] = (77, width)
    for index in range(layers):
        layer = f"text_model.encoder.layers.{index}"
        for projection in ("k_proj", "v_proj", "q_proj", "out_proj"):
            names.linear(f"{layer}.self_attn.{projection}", width, width)
        names.norm(f"{layer}.layer_norm1", width)
        names.linear(f"{layer}.mlp.fc1", inner, width)
        names.linear(f"{layer}.mlp.fc2", width, inner)
        names.norm(f"{layer}.layer_norm2", width)
    names.norm("text_model.final_layer_norm", width)
    return names.shapes


def open_clip(width: int, inner: int, layers: int, projection: int, vocabulary: int = 49408) -> Shapes:
    """Return the parameters of OpenCLIP's text model."""
    names = Names()
    names.shapes["positional_embedding"] = (77, width)
    names.shapes["text_projection"] = (width, projection)
    names.shapes["logit_scale"] = ()
    names.shapes["token_embedding.weight"] = (vocabulary, width)
    for index in range(layers):
        block = f"transformer.resblocks.{index}"
        names.norm(f"{block}.ln_1", width)
        names.shapes[f"{block}.attn.in_proj_weight"] = (3 * width, width)
        names.shapes[f"{block}.attn.in_proj_bias"] = (3 * width,)
        names.linear(f"{block}.attn.out_proj", width, width)
        names.norm(f"{block}.ln_2", width)
        names.linear(f"{block}.mlp.c_fc", inner, width)
        names.linear(f"{block}.mlp.c_proj", width, inner)
    names.norm("ln_final", width)
    return names.shapes


def prefixed(prefix: str, shapes: Shapes) -> Shapes:
    return {prefix + name: shape for name, shape in shapes.items()}


def single_file(family: str) -> Shapes:
    """Return what a published single file of ``family`` holds: sd1, sd2 or sdxl."""
    vae = prefixed("first_stage_model.", autoencoder())
    if family == "sd1":
        tables = {"alphas_cumprod": (1000,), "betas": (1000,), "sqrt_alphas_cumprod": (1000,)}
        network = prefixed("model.diffusion_model.", unet(SD1_UNET))
        return network | vae | tables | prefixed("cond_stage_model.transformer.", clip())
    if family == "sd2":
        network = prefixed("model.diffusion_model.", unet(SD2_UNET))
        return network | vae | prefixed("cond_stage_model.model.", open_clip(1024, 4096, 24, 1024))
    network = prefixed("model.diffusion_model.", unet(SDXL_UNET))
    first = prefixed("conditioner.embedders.0.transformer.", clip())
    second = prefixed("conditioner.embedders.1.model.", open_clip(1280, 5120, 32, 1280))
    return network | vae | first | second | {"denoiser.sigmas": (1000,)}
