"""A latent U-Net as a backbone of the denoiser, and its autoencoder as a codec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from studio.families.memory.tiles import decode_in_tiles

if TYPE_CHECKING:
    from collections.abc import Callable

    from studio.diffusion.conditioning import Adapters, Conditioning
    from studio.families.family import LatentFacts

SIZE = "size"
"""The extra of a conditioning that holds the sizes of `size_ids`."""


class LatentUNet(nn.Module):
    """diffusers' U-Net, called with a `Conditioning`.

    It reads the conditioning's tokens; with size conditioning also the pooled vector and the extra `SIZE`.
    """

    def __init__(
        self,
        unet: nn.Module,
        *,
        size_conditioning: bool,
        dtype: torch.dtype = torch.float32,
        channels_last: bool = False,
        use_adapters: Callable[[Adapters], None] | None = None,
    ) -> None:
        """Wrap a ``UNet2DConditionModel``.

        Args:
            unet: the module.
            size_conditioning: whether it reads sizes.
            dtype: in which it computes.
            channels_last: the memory format of its activations.
            use_adapters: lets exactly these LoRAs act on it; None: it takes none.
        """
        super().__init__()
        self.use_adapters = use_adapters
        self.unet, self.size_conditioning, self.dtype = unet, size_conditioning, dtype
        self.layout = torch.channels_last if channels_last else torch.contiguous_format

    def forward(self, x: Tensor, t: Tensor, conditioning: Conditioning) -> Tensor:
        """Return the U-Net's output (B, C, H, W), in its dtype, for states x at times t (B,).

        Raises:
            ValueError: the conditioning lacks what this U-Net reads.
        """
        tokens, pooled, sizes = conditioning.tokens, conditioning.pooled, conditioning.extras.get(SIZE)
        if tokens is None:
            raise ValueError("the conditioning of this model must have tokens")
        if self.use_adapters is not None:
            self.use_adapters(conditioning.adapters)
        elif conditioning.adapters:
            raise ValueError("this model takes no LoRAs")
        added: dict[str, Tensor] | None = None
        if self.size_conditioning:
            if pooled is None or sizes is None:
                raise ValueError("the conditioning of this model must have a pooled vector and sizes")
            added = {"text_embeds": pooled.to(self.dtype), "time_ids": sizes.to(self.dtype)}
        output: Any = self.unet(
            x.to(self.dtype, memory_format=self.layout),
            t,
            encoder_hidden_states=tokens.to(self.dtype),
            added_cond_kwargs=added,
            return_dict=False,
        )
        predicted: Tensor = output[0]
        return predicted


class Float32Attention:
    """An attention processor for diffusers' U-Nets that computes attention in float32 if the U-Net is in float16.

    The products of queries and keys of Stable Diffusion 2.1 exceed the range of float16.
    """

    def __call__(
        self,
        attn: Any,  # noqa: ANN401 - diffusers.models.attention_processor.Attention
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
    ) -> Tensor:
        """Return the output (B, N, D) of self-attention, or of cross-attention to ``encoder_hidden_states``."""
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = attn.to_q(hidden_states), attn.to_k(context), attn.to_v(context)
        dtype = query.dtype
        if dtype == torch.float16:
            query, key, value = query.float(), key.float(), value.float()
        query, key, value = (
            one.unflatten(-1, (attn.heads, -1)).transpose(1, 2) for one in (query, key, value)
        )
        output = F.scaled_dot_product_attention(query, key, value, attn_mask=attention_mask)
        projected: Tensor = attn.to_out[0](output.transpose(1, 2).flatten(2).to(dtype))
        return projected


def size_ids(
    width: int, height: int, *, original: tuple[int, int] | None = None, crop: tuple[int, int] = (0, 0)
) -> Tensor:
    """Return SDXL's size conditioning of one picture, float32 (1, 6): original size, crop, target size.

    Each pair is (height, width) or (top, left), in pixels, as the model was trained.

    Args:
        width: of the picture to make.
        height: of it.
        original: width and height of the training picture to imitate; None: the picture's own.
        crop: left and top of the crop to imitate.
    """
    original_width, original_height = original or (width, height)
    left, top = crop
    numbers = (original_height, original_width, top, left, height, width)
    return torch.tensor([numbers], dtype=torch.float32)


class LatentCodec(nn.Module):
    """diffusers' ``AutoencoderKL`` as a codec: pictures in [-1, 1] to scaled latents and back."""

    def __init__(
        self,
        vae: nn.Module,
        latents: LatentFacts,
        dtype: torch.dtype = torch.float32,
        *,
        tiled: bool = False,
    ) -> None:
        """Wrap the autoencoder, which computes in ``dtype``; ``tiled``: large latents are decoded in tiles."""
        super().__init__()
        self.vae, self.scale, self.dtype, self.tiled = vae, latents.scale, dtype, tiled
        self.channels, self.downscale = latents.channels, latents.downscale

    def encode(self, pictures: Tensor) -> Tensor:
        """Encode pictures (B, 3, H, W) as the mean of their latents, float32 (B, C, H / downscale, W / downscale)."""
        vae: Any = self.vae
        latents: Tensor = vae.encode(pictures.to(self.dtype)).latent_dist.mode()
        return latents.float() * self.scale

    def decode(self, latents: Tensor) -> Tensor:
        """Decode latents to pictures float32 (B, 3, H, W), nominally in [-1, 1]; values outside are not clipped."""
        vae: Any = self.vae
        unscaled = (latents / self.scale).to(self.dtype)
        if self.tiled:
            return decode_in_tiles(vae, unscaled).float()
        pictures: Tensor = vae.decode(unscaled, return_dict=False)[0]
        return pictures.float()
