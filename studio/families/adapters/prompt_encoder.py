"""Encodes the prompts of a loaded model, with the LoRAs and textual inversions that they refer to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cachetools import LRUCache

from studio.families.adapters.loaded import LoadedAdapters
from studio.families.adapters.lora import LoraLayers, WeightedLora
from studio.families.interface import DEFAULT_TEXT
from studio.prompts.chunks import split, tokenize
from studio.prompts.clip_tokenizer import clip_tokenizer
from studio.prompts.encode import encode_chunks
from studio.prompts.syntax import parse

if TYPE_CHECKING:
    import threading
    from collections.abc import Hashable, Sequence

    import torch

    from studio.diffusion.conditioning import Adapters, Conditioning
    from studio.families.adapters.lora import Lora
    from studio.families.interface import Size, TextOptions
    from studio.families.loading import Networks
    from studio.prompts.chunks import Token

MAX_ENCODED_BYTES = 64 << 20
"""How many bytes of encoded prompts are kept."""


class PromptEncoder:
    """The text encoders of a model, with the adapters that are in memory and the prompts that were encoded last."""

    def __init__(self, networks: Networks, device: torch.device) -> None:
        """Start with nothing in memory but the networks, which are on ``device``."""
        self.adapters = LoadedAdapters(networks, device)
        self._networks, self._device = networks, device
        self._encoders = [encoder.part.name for encoder in networks.text_encoders]
        self._text_layers = LoraLayers(networks, self._encoders)
        self._unet_layers = LoraLayers(networks, ["unet"])
        self._encoded: LRUCache[Hashable, Conditioning] = LRUCache(MAX_ENCODED_BYTES, getsizeof=_bytes)

    def encode(self, prompt: str, size: Size, text: TextOptions) -> Conditioning:
        """Return the conditioning of one prompt, which carries the LoRAs that act on the U-Net.

        Raises:
            RequestError: the prompt has syntax that is not supported.
            CheckpointError: a file that it refers to cannot be read, or is not for this model.
        """
        loras = [(use, self.adapters.lora(use.path)) for use in text.loras]
        encoded = self._encode(
            prompt,
            size,
            text,
            [
                WeightedLora(lora=lora, text_weight=use.text_weight)
                for use, lora in loras
                if use.text_weight and lora.acts_on(self._encoders)
            ],
        )
        adapters = tuple((lora, use.weight) for use, lora in loras if use.weight and lora.acts_on(["unet"]))
        return replace(encoded, adapters=adapters) if adapters else encoded

    def _encode(
        self, prompt: str, size: Size, text: TextOptions, loras: Sequence[WeightedLora]
    ) -> Conditioning:
        tokens = self.tokens(prompt, text)
        used = {one.id.name for section in tokens for one in section if not isinstance(one.id, int)}
        inversions = {
            use.name: self.adapters.inversion(use.path) for use in text.inversions if use.name in used
        }
        key = (
            prompt,
            size,
            text.emphasis,
            text.clip_skip,
            tuple((one.lora, one.text_weight) for one in loras),
            tuple(inversions.items()),
        )
        found = self._encoded.get(key)
        if found is not None:
            return found
        self._text_layers.use(loras)
        chunks, features = split(tokens), []
        for place, encoder in enumerate(self._networks.text_encoders):
            encoder.inversions = {name: one.vectors[place] for name, one in inversions.items()}
            features.append(
                encode_chunks(encoder, chunks, text.emphasis, self._device, clip_skip=text.clip_skip)
            )
        encoded = self._networks.conditioning(features, *size)
        if _bytes(encoded) <= MAX_ENCODED_BYTES:
            self._encoded[key] = encoded
        return encoded

    def tokens(self, prompt: str, text: TextOptions = DEFAULT_TEXT) -> list[list[Token]]:
        """Return the tokens of a prompt's sections.

        Raises:
            RequestError: the prompt has syntax that is not supported, or refers to a textual inversion that is not
                among ``text.inversions``.
        """
        counts = {use.name: use.tokens for use in text.inversions}
        return tokenize(parse(prompt).sections, clip_tokenizer(), counts)

    def load(self, text: TextOptions, cancelled: threading.Event) -> None:
        """Load the files that prompts refer to. Raises as `LoadedAdapters.lora`."""
        for lora in text.loras:
            self.adapters.lora(lora.path, cancelled)
        for inversion in text.inversions:
            self.adapters.inversion(inversion.path, cancelled)

    def use_on_unet(self, adapters: Adapters) -> None:
        """Let exactly these LoRAs of a conditioning act on the U-Net."""
        loras: list[tuple[Lora, float]] = list(adapters)  # type: ignore[arg-type]
        self._unet_layers.use([WeightedLora(lora=lora, weight=weight) for lora, weight in loras])


def _bytes(conditioning: Conditioning) -> int:
    return sum(tensor.nbytes for tensor in conditioning.tensors.values())
