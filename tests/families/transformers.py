"""Names and shapes of diffusion transformers and other networks, as `architectures` writes those of U-Nets.

Depth and widths are the published ones, except where a count in braces is smaller than the real one: recognition reads
only the first block of most families, and every block has the same names.
"""

from __future__ import annotations

from tests.families.architectures import Shapes, table, under


def flux1(*, channels: int = 64, guidance: bool = True, text: int = 4096, vector: bool = True) -> Shapes:
    """black-forest-labs/flux `src/flux/model.py`: `Flux`; `modules/layers.py`: `DoubleStreamBlock`."""
    found = table(f"""
        L img_in 3072 {channels}
        L txt_in 3072 {text}
        L time_in.in_layer 3072 256
        L time_in.out_layer 3072 3072
        L double_blocks.{{19}}.img_mod.lin 18432 3072
        L double_blocks.{{19}}.txt_mod.lin 18432 3072
        {flux_streams("double_blocks.{19}", 3072, 12288, 12288, "L")}
        L single_blocks.{{38}}.linear1 21504 3072
        L single_blocks.{{38}}.linear2 3072 15360
        s single_blocks.{{38}}.norm.query_norm 128
        s single_blocks.{{38}}.norm.key_norm 128
        L single_blocks.{{38}}.modulation.lin 9216 3072
        L final_layer.linear 64 3072
        L final_layer.adaLN_modulation.1 6144 3072""")
    if vector:
        found |= table("L vector_in.in_layer 3072 768\nL vector_in.out_layer 3072 3072")
    if guidance:
        found |= table("L guidance_in.in_layer 3072 256\nL guidance_in.out_layer 3072 3072")
    return found


def flux_streams(block: str, width: int, out: int, back: int, kind: str) -> str:
    return "\n".join(
        f"""{kind} {block}.{side}_attn.qkv {3 * width} {width}
        s {block}.{side}_attn.norm.query_norm 128
        s {block}.{side}_attn.norm.key_norm 128
        {kind} {block}.{side}_attn.proj {width} {width}
        {kind} {block}.{side}_mlp.0 {out} {width}
        {kind} {block}.{side}_mlp.2 {width} {back}"""
        for side in ("img", "txt")
    )


def flux2(width: int, text: int, double: int, single: int, *, guidance: bool = False) -> Shapes:
    """black-forest-labs/flux2 `src/flux2/model.py`: `Flux2`; diffusers `convert_flux2_transformer_...`."""
    found = table(f"""
        l img_in {width} 128
        l txt_in {width} {text}
        l time_in.in_layer {width} 256
        l time_in.out_layer {width} {width}
        l double_stream_modulation_img.lin {6 * width} {width}
        l double_stream_modulation_txt.lin {6 * width} {width}
        l single_stream_modulation.lin {3 * width} {width}
        {flux_streams(f"double_blocks.{{{double}}}", width, 6 * width, 3 * width, "l")}
        l single_blocks.{{{single}}}.linear1 {9 * width} {width}
        l single_blocks.{{{single}}}.linear2 {width} {4 * width}
        s single_blocks.{{{single}}}.norm.query_norm 128
        s single_blocks.{{{single}}}.norm.key_norm 128
        l final_layer.linear 128 {width}
        l final_layer.adaLN_modulation.1 {2 * width} {width}""")
    return found | (
        table(f"l guidance_in.in_layer {width} 256\nl guidance_in.out_layer {width} {width}")
        if guidance
        else {}
    )


def flux3(*, distilled: bool) -> Shapes:
    """Diffusers `convert_flux3_transformer_checkpoint_to_diffusers`."""
    return table(
        """
        l emb_in.image 3072 128
        l txt_in.in_layer 3072 7680
        l time_in.in_layer 3072 256
        l time_in.out_layer 3072 3072
        l early_stream_modulations.image.lin 18432 3072
        l content_mode_blocks.{4}.image.q_proj 3072 3072
        s content_mode_blocks.{4}.image.norm.query_norm 128
        l single_blocks.{4}.q_proj 3072 3072
        l single_blocks.{4}.mlp_in 18432 3072
        l final_layer.image.linear 128 3072
        l final_layer.image.adaLN_modulation.1 6144 3072"""
        + ("\nl ref_time_in.in_layer 3072 256\nl ref_time_in.out_layer 3072 3072" if distilled else "")
    )


def chroma(*, radiance: bool = False) -> Shapes:
    """lodestone-rock/flow `src/models/chroma/model.py`: `Chroma`; ComfyUI `comfy/ldm/chroma/model.py`."""
    found = {
        name: shape for name, shape in flux1(guidance=False, vector=False).items() if "_mod." not in name
    }
    found = {
        name: shape for name, shape in found.items() if not name.startswith(("time_in.", "final_layer.adaLN"))
    }
    found |= table("""
        L distilled_guidance_layer.in_proj 5120 64
        L distilled_guidance_layer.layers.{5}.in_layer 5120 5120
        L distilled_guidance_layer.layers.{5}.out_layer 5120 5120
        s distilled_guidance_layer.norms.{5} 5120
        L distilled_guidance_layer.out_proj 3072 5120""")
    if radiance:
        del found["img_in.weight"], found["img_in.bias"]
        found |= table(
            "C img_in_patch 3072 3 16\nL nerf_blocks.{4}.param_generator 49152 3072\ns nerf_blocks.{4}.norm 64"
        )
    return found


def sd3(width: int, blocks: int, positions: int, *, norms: bool, dual: int = 0) -> Shapes:
    """Stability-AI/sd3.5 `mmditx.py`: `MMDiTX`, `JointBlock`; ``dual`` blocks have a second self-attention."""
    found: Shapes = table(f"""
        C x_embedder.proj {width} 16 2
        P pos_embed 1 {positions} {width}
        L t_embedder.mlp.0 {width} 256
        L t_embedder.mlp.2 {width} {width}
        L y_embedder.mlp.0 {width} 2048
        L y_embedder.mlp.2 {width} {width}
        L context_embedder {width} 4096
        L final_layer.linear 64 {width}
        L final_layer.adaLN_modulation.1 {2 * width} {width}""")
    for block in range(blocks):
        for side in ("x_block", "context_block"):
            name, last = f"joint_blocks.{block}.{side}", side == "context_block" and block == blocks - 1
            found |= table(f"L {name}.attn.qkv {3 * width} {width}")
            found |= table(f"L {name}.adaLN_modulation.1 {(2 if last else 6) * width} {width}")
            if not last:
                found |= table(f"""
                    L {name}.attn.proj {width} {width}
                    L {name}.mlp.fc1 {4 * width} {width}
                    L {name}.mlp.fc2 {width} {4 * width}""")
            if norms:
                found |= table(f"n {name}.attn.ln_q 64\nn {name}.attn.ln_k 64")
            if side == "x_block" and block < dual:
                found |= table(f"L {name}.attn2.qkv {3 * width} {width}\nL {name}.attn2.proj {width} {width}")
    return found


def lumina2(
    *,
    width: int = 2304,
    heads: int = 24,
    key_heads: int = 8,
    text: int = 2304,
    layers: int = 26,
    z: bool = False,
) -> Shapes:
    """Alpha-VLLM/Lumina-Image-2.0 `models/model.py`: `NextDiT`; ComfyUI `ldm/lumina/model.py` (``z``: Z-Image)."""
    head, time = width // heads, 256 if z else 1024
    found: Shapes = table(f"""
        L x_embedder {width} 64
        n cap_embedder.0 {text}
        L cap_embedder.1 {width} {text}
        L t_embedder.mlp.0 1024 256
        L t_embedder.mlp.2 {time} 1024
        L final_layer.linear 64 {width}
        L final_layer.adaLN_modulation.1 {width} {time}
        n norm_final {width}""")
    for group, count, modulated in (
        ("noise_refiner", 2, True),
        ("context_refiner", 2, False),
        ("layers", layers, True),
    ):
        block = f"{group}.{{{count}}}"
        found |= table(f"""
            l {block}.attention.qkv {(heads + 2 * key_heads) * head} {width}
            l {block}.attention.out {width} {width}
            n {block}.attention.q_norm {head}
            n {block}.attention.k_norm {head}
            l {block}.feed_forward.w1 {4 * width} {width}
            l {block}.feed_forward.w2 {width} {4 * width}
            l {block}.feed_forward.w3 {4 * width} {width}
            n {block}.attention_norm1 {width}
            n {block}.attention_norm2 {width}
            n {block}.ffn_norm1 {width}
            n {block}.ffn_norm2 {width}""")
        if modulated:
            found |= table(f"L {block}.adaLN_modulation.{0 if z else 1} {4 * width} {time}")
    return found | ({"cap_pad_token": (1, width), "x_pad_token": (1, width)} if z else {})


Z_IMAGE = {"width": 3840, "heads": 30, "key_heads": 30, "text": 2560, "layers": 30, "z": True}


def cosmos_predict2(*, anima: bool = False, width: int = 2048, layers: int = 28) -> Shapes:
    """ComfyUI `comfy/ldm/cosmos/predict2.py`: `MiniTrainDIT`; `comfy/ldm/anima/model.py`: `Anima`, `LLMAdapter`."""
    block = f"blocks.{{{layers}}}"
    found = table(f"""
        l x_embedder.proj.1 {width} 68
        l t_embedder.1.linear_1 {width} {width}
        l t_embedder.1.linear_2 {3 * width} {width}
        n t_embedding_norm {width}
        l {block}.mlp.layer1 {4 * width} {width}
        l {block}.mlp.layer2 {width} {4 * width}
        l {block}.self_attn.q_proj {width} {width}
        l {block}.self_attn.k_proj {width} {width}
        l {block}.self_attn.v_proj {width} {width}
        l {block}.self_attn.output_proj {width} {width}
        n {block}.self_attn.q_norm 128
        n {block}.self_attn.k_norm 128
        l {block}.cross_attn.q_proj {width} {width}
        l {block}.cross_attn.k_proj {width} 1024
        l {block}.cross_attn.v_proj {width} 1024
        l {block}.cross_attn.output_proj {width} {width}
        l {block}.adaln_modulation_self_attn.1 256 {width}
        l {block}.adaln_modulation_self_attn.2 {3 * width} 256
        l final_layer.linear 64 {width}""")
    if anima:
        found |= table("""
            P llm_adapter.embed.weight 32128 1024
            l llm_adapter.blocks.{6}.self_attn.q_proj 1024 1024
            l llm_adapter.blocks.{6}.cross_attn.q_proj 1024 1024
            l llm_adapter.blocks.{6}.cross_attn.k_proj 1024 1024
            l llm_adapter.blocks.{6}.cross_attn.v_proj 1024 1024
            l llm_adapter.blocks.{6}.cross_attn.o_proj 1024 1024
            n llm_adapter.blocks.{6}.norm_mlp 1024
            L llm_adapter.blocks.{6}.mlp.0 4096 1024
            L llm_adapter.blocks.{6}.mlp.2 1024 4096
            L llm_adapter.out_proj 1024 1024
            n llm_adapter.norm 1024""")
    return found


def krea2() -> Shapes:
    """Diffusers `convert_krea2_transformer_checkpoint_to_diffusers`; ComfyUI `model_detection.py`, Krea 2."""
    return table("""
        L first 6144 64
        L tmlp.0 6144 256
        L tmlp.2 6144 6144
        L tproj.1 36864 6144
        s txtmlp.0 2560
        L txtmlp.1 6144 2560
        L txtmlp.3 6144 6144
        l txtfusion.projector 1 12
        s txtfusion.layerwise_blocks.{2}.prenorm 2560
        l txtfusion.layerwise_blocks.{2}.attn.wq 2560 2560
        l blocks.{28}.attn.wq 6144 6144
        l blocks.{28}.attn.wk 1536 6144
        l blocks.{28}.attn.wv 1536 6144
        l blocks.{28}.attn.wo 6144 6144
        s blocks.{28}.attn.qknorm.qnorm 128
        s blocks.{28}.prenorm 6144
        P blocks.{28}.mod.lin 36864
        L last.linear 64 6144
        s last.norm 6144""")


def qwen_image() -> Shapes:
    """Diffusers `models/transformers/transformer_qwenimage.py`: `QwenImageTransformer2DModel`; files keep its names."""
    block = "transformer_blocks.{60}"
    return table(f"""
        L img_in 3072 64
        n txt_norm 3584
        L txt_in 3072 3584
        L time_text_embed.timestep_embedder.linear_1 3072 256
        L time_text_embed.timestep_embedder.linear_2 3072 3072
        L {block}.img_mod.1 18432 3072
        L {block}.txt_mod.1 18432 3072
        L {block}.attn.to_q 3072 3072
        L {block}.attn.to_k 3072 3072
        L {block}.attn.to_v 3072 3072
        L {block}.attn.add_q_proj 3072 3072
        L {block}.attn.add_k_proj 3072 3072
        L {block}.attn.add_v_proj 3072 3072
        L {block}.attn.to_out.0 3072 3072
        L {block}.attn.to_add_out 3072 3072
        n {block}.attn.norm_q 128
        n {block}.attn.norm_k 128
        L {block}.img_mlp.net.0.proj 12288 3072
        L {block}.img_mlp.net.2 3072 12288
        L {block}.txt_mlp.net.0.proj 12288 3072
        L {block}.txt_mlp.net.2 3072 12288
        L norm_out.linear 6144 3072
        L proj_out 64 3072""")


def qwen_image_21() -> Shapes:
    """ComfyUI `comfy/ldm/qwen_image21/model.py`: `QwenImage21Transformer2DModel`."""
    block = "transformer_blocks.{32}"
    return table(f"""
        l img_in 4096 64
        n txt_in.text_norm 4096
        l txt_in.in_layer 4096 4096
        l txt_in.out_layer 4096 4096
        l time_text_embed.timestep_embedder.linear_1 4096 256
        l time_text_embed.timestep_embedder.linear_2 4096 4096
        l modulation.1 16384 4096
        l {block}.attn.to_q 4096 4096
        l {block}.attn.to_k 4096 4096
        l {block}.attn.to_v 4096 4096
        l {block}.attn.to_out.0 4096 4096
        n {block}.attn.norm_q 128
        n {block}.attn.norm_k 128
        l {block}.img_mlp.gate_up 24576 4096
        l {block}.img_mlp.out 4096 12288
        l norm_out.linear 4096 4096
        l proj_out 64 4096""")


def mage_flow() -> Shapes:
    """ComfyUI `model_detection.py`, Mage-Flow: Qwen-Image's names with a text width of 2560 and 128 outputs."""
    return qwen_image() | {
        "txt_norm.weight": (2560,),
        "txt_in.weight": (3072, 2560),
        "proj_out.weight": (128, 3072),
    }


def pixart(*, alpha: bool) -> Shapes:
    """PixArt-alpha/PixArt-sigma `diffusion/model/nets/PixArtMS.py`: `PixArtMS`; α adds sizes (`SizeEmbedder`)."""
    block = "blocks.{28}"
    found = table(f"""
        C x_embedder.proj 1152 4 2
        P y_embedder.y_embedding {120 if alpha else 300} 4096
        L y_embedder.y_proj.fc1 1152 4096
        L y_embedder.y_proj.fc2 1152 1152
        L t_embedder.mlp.0 1152 256
        L t_embedder.mlp.2 1152 1152
        L t_block.1 6912 1152
        P {block}.scale_shift_table 6 1152
        L {block}.attn.qkv 3456 1152
        L {block}.attn.proj 1152 1152
        L {block}.cross_attn.q_linear 1152 1152
        L {block}.cross_attn.kv_linear 2304 1152
        L {block}.cross_attn.proj 1152 1152
        L {block}.mlp.fc1 4608 1152
        L {block}.mlp.fc2 1152 4608
        P final_layer.scale_shift_table 2 1152
        L final_layer.linear 32 1152""")
    return found | (table("L ar_embedder.mlp.0 384 256\nL csize_embedder.mlp.0 384 256") if alpha else {})


def pixart_diffusers() -> Shapes:
    """Diffusers `models/transformers/pixart_transformer_2d.py`: `PixArtTransformer2DModel` (Σ)."""
    return table("""
        C pos_embed.proj 1152 4 2
        L adaln_single.emb.timestep_embedder.linear_1 1152 256
        L adaln_single.emb.timestep_embedder.linear_2 1152 1152
        L adaln_single.linear 6912 1152
        L caption_projection.linear_1 1152 4096
        L caption_projection.linear_2 1152 1152
        P transformer_blocks.{28}.scale_shift_table 6 1152
        L transformer_blocks.{28}.attn1.to_q 1152 1152
        L transformer_blocks.{28}.attn2.to_k 1152 1152
        L transformer_blocks.{28}.ff.net.2 1152 4608
        P scale_shift_table 2 1152
        L proj_out 32 1152""")


def ltx_video() -> Shapes:
    """Lightricks/LTX-Video `ltx_video/models/transformers/transformer3d.py`: `Transformer3DModel`."""
    return table("""
        L patchify_proj 2048 128
        L adaln_single.emb.timestep_embedder.linear_1 2048 256
        L adaln_single.emb.timestep_embedder.linear_2 2048 2048
        L adaln_single.linear 12288 2048
        L caption_projection.linear_1 2048 4096
        P transformer_blocks.{28}.scale_shift_table 6 2048
        L transformer_blocks.{28}.attn1.to_q 2048 2048
        L transformer_blocks.{28}.attn2.to_k 2048 2048
        P scale_shift_table 2 2048
        L proj_out 128 2048""")


def sana() -> Shapes:
    """NVlabs/Sana `diffusion/model/nets/sana_multi_scale.py`: `SanaMS`; diffusers `convert_sana_...`."""
    block = "blocks.{20}"
    return table(f"""
        P pos_embed 1 1024 2240
        C x_embedder.proj 2240 32 1
        P y_embedder.y_embedding 300 2304
        L y_embedder.y_proj.fc1 2240 2304
        L y_embedder.y_proj.fc2 2240 2240
        n attention_y_norm 2240
        L t_embedder.mlp.0 2240 256
        L t_embedder.mlp.2 2240 2240
        L t_block.1 13440 2240
        P {block}.scale_shift_table 6 2240
        l {block}.attn.qkv 6720 2240
        L {block}.attn.proj 2240 2240
        L {block}.cross_attn.q_linear 2240 2240
        L {block}.cross_attn.kv_linear 4480 2240
        L {block}.cross_attn.proj 2240 2240
        C {block}.mlp.inverted_conv.conv 11200 2240 1
        C {block}.mlp.depth_conv.conv 11200 1 3
        c {block}.mlp.point_conv.conv 2240 5600 1
        P final_layer.scale_shift_table 2 2240
        L final_layer.linear 32 2240""")


def auraflow() -> Shapes:
    """fal/AuraFlow: `MMDiT`; diffusers `convert_auraflow_transformer_checkpoint_to_diffusers`."""
    double = "\n".join(f"l double_layers.{{4}}.attn.w{n}{part} 3072 3072" for n in (1, 2) for part in "qkvo")
    single = "\n".join(f"l single_layers.{{32}}.attn.w1{part} 3072 3072" for part in "qkvo")
    return table(f"""
        P positional_encoding 1 1024 3072
        P register_tokens 1 8 3072
        L init_x_linear 3072 16
        l cond_seq_linear 3072 2048
        L t_embedder.mlp.0 3072 256
        L t_embedder.mlp.2 3072 3072
        {double}
        l double_layers.{{4}}.mlpX.c_fc1 8192 3072
        l double_layers.{{4}}.modX.1 18432 3072
        {single}
        l single_layers.{{32}}.mlp.c_fc1 8192 3072
        l single_layers.{{32}}.modCX.1 18432 3072
        l modF.1 6144 3072
        l final_linear 16 3072""")


def hidream_i1() -> Shapes:
    """Diffusers `models/transformers/transformer_hidream_image.py`: `HiDreamImageTransformer2DModel`."""
    return table("""
        L t_embedder.timestep_embedder.linear_1 2560 256
        L p_embedder.pooled_embedder.linear_1 2560 2048
        L x_embedder.proj 2560 64
        l caption_projection.{49}.linear 2560 4096
        L double_stream_blocks.{16}.block.adaLN_modulation.1 30720 2560
        L double_stream_blocks.{16}.block.attn1.to_q 2560 2560
        L single_stream_blocks.{32}.block.adaLN_modulation.1 15360 2560
        L final_layer.linear 64 2560""")


def hunyuan(*, image: bool) -> Shapes:
    """HunyuanVideo `hyvideo/modules/models.py`: `HYVideoDiffusionTransformer`; HunyuanImage 2.1 has its names."""
    found = table(f"""
        {"C img_in.proj 3584 64 1" if image else "C img_in.proj 3072 16 1 2 2"}
        L txt_in.input_embedder 3072 {3584 if image else 4096}
        L txt_in.individual_token_refiner.blocks.{{2}}.norm1 3072 1
        L txt_in.individual_token_refiner.blocks.{{2}}.self_attn_qkv 9216 3072
        L txt_in.individual_token_refiner.blocks.{{2}}.adaLN_modulation.1 6144 3072
        L time_in.mlp.0 3072 256
        L double_blocks.{{20}}.img_mod.linear 18432 3072
        L double_blocks.{{20}}.img_attn_qkv 9216 3072
        L double_blocks.{{20}}.img_mlp.fc1 12288 3072
        L single_blocks.{{40}}.linear1 21504 3072
        L final_layer.linear 64 3072""")
    return found | ({} if image else table("L vector_in.in_layer 3072 768\nL guidance_in.mlp.0 3072 256"))


def wan(*, width: int = 1536, channels: int = 16, picture: bool = False, layers: int = 30) -> Shapes:
    """Wan-Video/Wan2.1 `wan/modules/model.py`: `WanModel`."""
    block = f"blocks.{{{layers}}}"
    found = table(f"""
        C patch_embedding {width} {channels} 1 2 2
        L text_embedding.0 {width} 4096
        L text_embedding.2 {width} {width}
        L time_embedding.0 {width} 256
        L time_projection.1 {6 * width} {width}
        P {block}.modulation 1 6 {width}
        L {block}.self_attn.q {width} {width}
        L {block}.self_attn.k {width} {width}
        L {block}.self_attn.v {width} {width}
        L {block}.self_attn.o {width} {width}
        n {block}.self_attn.norm_q {width}
        L {block}.cross_attn.q {width} {width}
        L {block}.cross_attn.k {width} {width}
        L {block}.ffn.0 8960 {width}
        P head.modulation 1 2 {width}
        L head.head 64 {width}""")
    return found | (
        table(f"N img_emb.proj.0 1280\nL img_emb.proj.1 1280 1280\nL img_emb.proj.3 {width} 1280")
        if picture
        else {}
    )


def kandinsky5() -> Shapes:
    """ComfyUI `model_detection.py`, Kandinsky 5 (Image Lite); diffusers `Kandinsky5Transformer3DModel`."""
    return table("""
        L visual_embeddings.in_layer 2560 132
        L text_embeddings.in_layer 2560 3584
        L time_embeddings.in_layer 1024 2560
        n visual_transformer_blocks.{50}.cross_attention.key_norm 128
        L visual_transformer_blocks.{50}.cross_attention.to_query 2560 2560
        l visual_transformer_blocks.{50}.feed_forward.in_layer 10240 2560
        L text_transformer_blocks.{2}.self_attention.to_query 2560 2560
        L out_layer.out_layer 64 2560""")


def ideogram4() -> Shapes:
    """ComfyUI `comfy/ldm/ideogram4/model.py`."""
    return table("""
        L input_proj 4096 128
        P embed_image_indicator.weight 2 4096
        l layers.{36}.attention.qkv 12288 4096
        l layers.{36}.feed_forward.w1 12288 4096
        L final_layer.linear 128 4096""")


def ernie_image() -> Shapes:
    """ComfyUI `comfy/ldm/ernie/model.py`."""
    return table("""
        L x_embedder.proj 4096 128
        l text_proj 4096 3072
        l layers.{36}.self_attention.to_q 4096 4096
        l layers.{36}.mlp.gate_proj 12288 4096
        l layers.{36}.mlp.linear_fc2 4096 12288
        L final_linear 128 4096""")


def dit_xl() -> Shapes:
    """Diffusers `models/transformers/dit_transformer_2d.py`: `DiTTransformer2DModel` of facebook/DiT-XL-2-256."""
    block = "transformer_blocks.{28}"
    return table(f"""
        C pos_embed.proj 1152 4 2
        L {block}.norm1.emb.timestep_embedder.linear_1 1152 256
        L {block}.norm1.emb.timestep_embedder.linear_2 1152 1152
        P {block}.norm1.emb.class_embedder.embedding_table.weight 1001 1152
        L {block}.norm1.linear 6912 1152
        L {block}.attn1.to_q 1152 1152
        L {block}.attn1.to_out.0 1152 1152
        L {block}.ff.net.0.proj 4608 1152
        L {block}.ff.net.2 1152 4608
        L proj_out_1 2304 1152
        L proj_out_2 32 1152""")


def ddpm() -> Shapes:
    """Diffusers `models/unets/unet_2d.py`: `UNet2DModel` of google/ddpm-cifar10-32 (first and last blocks)."""
    return table("""
        C conv_in 128 3 3
        L time_embedding.linear_1 512 128
        L time_embedding.linear_2 512 512
        N down_blocks.{4}.resnets.{2}.norm1 128
        C down_blocks.{4}.resnets.{2}.conv1 128 128 3
        L down_blocks.1.attentions.{2}.to_q 256 256
        N mid_block.attentions.0.group_norm 256
        L mid_block.attentions.0.to_q 256 256
        N mid_block.resnets.{2}.norm1 256
        N up_blocks.{4}.resnets.{3}.norm1 256
        N conv_norm_out 128
        C conv_out 3 128 3""")


def old_ddpm() -> Shapes:
    """The names of attention before diffusers 0.12, in which google/ddpm-celebahq-256 is (first and last blocks)."""
    attention = "\n".join(
        f"""N {place}.group_norm 512
        L {place}.query 512 512
        L {place}.key 512 512
        L {place}.value 512 512
        L {place}.proj_attn 512 512"""
        for place in ("down_blocks.4.attentions.{2}", "mid_block.attentions.0", "up_blocks.1.attentions.{3}")
    )
    return table(f"""
        C conv_in 128 3 3
        L time_embedding.linear_1 512 128
        L time_embedding.linear_2 512 512
        N down_blocks.{{6}}.resnets.{{2}}.norm1 128
        C down_blocks.{{6}}.resnets.{{2}}.conv1 128 128 3
        {attention}
        N mid_block.resnets.{{2}}.norm1 512
        N up_blocks.{{6}}.resnets.{{3}}.norm1 512
        N conv_norm_out 128
        C conv_out 3 128 3""")


def cascade_c() -> Shapes:
    """Stability-AI/StableCascade `modules/stage_c.py`: `StageC`."""
    return table("""
        L clip_txt_mapper 2048 1280
        L clip_txt_pooled_mapper 8192 1280
        L clip_img_mapper 8192 768
        C down_blocks.0.0.channelwise.0 2048 2048 1
        C embedding.1 2048 16 1
        C clf.1 16 2048 1""")


# ----------------------------------------------------------------------------------------------------- other networks
def wan_vae(latents: int = 16) -> Shapes:
    """Wan-Video/Wan2.1 `wan/modules/vae.py`: `WanVAE_`; Qwen-Image's is the same network."""
    return table(f"""
        C encoder.conv1 96 3 3 3 3
        P encoder.middle.0.residual.0.gamma 384 1 1 1
        C encoder.middle.0.residual.2 384 384 3 3 3
        C conv1 {2 * latents} {2 * latents} 1 1 1
        C conv2 {latents} {latents} 1 1 1
        C decoder.conv1 384 {latents} 3 3 3
        P decoder.middle.0.residual.0.gamma 384 1 1 1
        C decoder.middle.0.residual.2 384 384 3 3 3
        C decoder.head.2 3 96 3 3 3""")


def dc_ae() -> Shapes:
    """Diffusers `models/autoencoders/autoencoder_dc.py`: `AutoencoderDC`, mit-han-lab/dc-ae-f32c32-sana."""
    return table("""
        C encoder.conv_in 128 3 3
        C encoder.conv_out 32 1024 3
        C decoder.conv_in 1024 32 3
        C decoder.up_blocks.0.0.conv1 128 128 3
        N decoder.up_blocks.0.0.norm 128
        N decoder.norm_out 128
        C decoder.conv_out 3 128 3""")


def esrgan(*, old: bool) -> Shapes:
    """xinntao/ESRGAN `RRDBNet_arch.py`, and BasicSR `rrdbnet_arch.py`: `RRDBNet` in its older and newer names."""
    ends = (
        "model.0 64 3, model.1.sub.23 64 64, model.3 64 64, model.6 64 64, model.8 64 64, model.10 3 64"
        if old
        else "conv_first 64 3, conv_body 64 64, conv_up1 64 64, conv_up2 64 64, conv_hr 64 64, conv_last 3 64"
    )
    found = table("\n".join(f"C {end} 3" for end in ends.split(", ")))
    for number in range(1, 6):
        inside, out = 64 + 32 * (number - 1), 64 if number == 5 else 32
        name = f"model.1.sub.{{23}}.RDB{{}}.conv{number}.0" if old else f"body.{{23}}.rdb{{}}.conv{number}"
        for part in (1, 2, 3):
            found |= table(f"C {name.replace('{}', str(part))} {out} {inside} 3")
    return found


def yolo() -> Shapes:
    """Ultralytics `nn/modules`: YOLOv8, as ADetailer's face models."""
    return under(
        "model.",
        table("""
            c 0.conv 16 3 3
            N 0.bn 16
            c 1.conv 32 16 3
            N 1.bn 32
            c 2.cv1.conv 32 32 1
            c 22.dfl.conv 1 16 1"""),
    )


def flux_controlnet() -> Shapes:
    """Diffusers `models/controlnets/controlnet_flux.py`: `FluxControlNetModel`."""
    return table("""
        L controlnet_x_embedder 3072 64
        L controlnet_blocks.{5} 3072 3072
        L controlnet_single_blocks.{10} 3072 3072
        L x_embedder 3072 64
        L context_embedder 3072 4096
        L time_text_embed.timestep_embedder.linear_1 3072 256
        L transformer_blocks.{5}.attn.to_q 3072 3072
        L transformer_blocks.{5}.norm1_context.linear 18432 3072
        L single_transformer_blocks.{10}.norm.linear 9216 3072
        L single_transformer_blocks.{10}.proj_mlp 12288 3072""")
