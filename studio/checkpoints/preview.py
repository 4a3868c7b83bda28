"""A model's preview decoder: ``preview.json`` beside ``preview.safetensors``, in the model's folder.

Both are optional: neither the model's card nor its hash covers them, and without them the model makes the same
pictures. They are read as strictly as the model. The card names the decoder that this one was distilled from, so that a
preview decoder left behind by another model is not used.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Self

import torch

from studio.backbones.registry import PREVIEW_DECODERS
from studio.checkpoints.assembly import build_part
from studio.checkpoints.card import Component, Parameters, json_values
from studio.checkpoints.weights import pack, read_weights
from studio.errors import CheckpointError
from studio.messages import message
from studio.storage import ensure_folder, write_files
from studio.strict_json import SHA256, convert, parse, without_version
from studio.weights.files import as_checkpoint_error, read_small

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from torch import nn

    from studio.backbones.codec import Codec
    from studio.backbones.preview_decoder import PreviewDecoder

PREVIEW_CARD = "preview.json"
PREVIEW_WEIGHTS = "preview.safetensors"
FORMAT_VERSION = 1
MAX_CARD_BYTES = 100_000
_PREFIX = "decoder."


@dataclass(frozen=True, kw_only=True)
class PreviewCard:
    """The card of a preview decoder.

    Attributes:
        decoder: its kind and configuration.
        stands_for: the fingerprint of the codec's decoder that it was distilled from.
        parameters: number of values in its weights file.
        weights_sha256: that file's hash.
    """

    decoder: Component
    stands_for: Annotated[str, SHA256]
    parameters: Parameters
    weights_sha256: Annotated[str, SHA256]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Return the card in a folder.

        Raises:
            CheckpointError: there is none, or it is malformed.
        """
        path = folder / PREVIEW_CARD
        with as_checkpoint_error(path):
            values = without_version(parse(read_small(path, MAX_CARD_BYTES)), FORMAT_VERSION)
            return convert(values, cls, complete=True)

    def to_json(self) -> str:
        values = {"format_version": FORMAT_VERSION, **json_values(self)}
        return json.dumps(values, indent=2, allow_nan=False) + "\n"


def save_preview(folder: Path, decoder: PreviewDecoder, codec: Codec) -> PreviewCard:
    """Write a preview decoder in float16; an existing one is replaced once the new one is completely on disk.

    Args:
        folder: the model's folder; created if necessary.
        decoder: the preview decoder.
        codec: the codec whose decoder it was distilled from.

    Returns:
        The card as written.

    Raises:
        CheckpointError: a weight is not finite.
        StorageError: it cannot be written.
    """
    path = ensure_folder(folder) / PREVIEW_WEIGHTS
    tensors = {f"{_PREFIX}{name}": tensor for name, tensor in decoder.state_dict().items()}
    data = pack(tensors, tensors, torch.float16, path)
    card = PreviewCard(
        decoder=Component(kind="conv", config=dataclasses.asdict(decoder.config)),
        stands_for=fingerprint(codec.decoder),
        parameters=sum(tensor.numel() for tensor in tensors.values()),
        weights_sha256=hashlib.sha256(data).hexdigest(),
    )
    write_files({path: data, folder / PREVIEW_CARD: card.to_json().encode()})
    return card


def load_preview(
    folder: Path, codec: Codec, device: torch.device, cancelled: threading.Event | None = None
) -> nn.Module | None:
    """Return the preview decoder in a model's folder: float32, in evaluation mode, without gradients.

    Args:
        folder: the model's folder.
        codec: the model's codec.
        device: where the weights go.
        cancelled: stops the load when set.

    Returns:
        The decoder, or None if the folder has none.

    Raises:
        CheckpointError: there is one, but it cannot be used with this codec; the sentence names the file.
        LoadCancelled: ``cancelled`` was set.
    """
    card_path, path = folder / PREVIEW_CARD, folder / PREVIEW_WEIGHTS
    if not os.path.lexists(card_path):
        return None
    card = PreviewCard.read(folder)
    if card.stands_for != fingerprint(codec.decoder):
        reason = message("belongs to another model: it was distilled from another decoder")
        raise CheckpointError(card_path, reason)
    decoder: Any = build_part(PREVIEW_DECODERS, card.decoder, "decoder", card_path)
    if (decoder.config.channels, decoder.config.downscale) != (codec.channels, codec.downscale):
        raise CheckpointError(
            card_path, message("describes a decoder for latents of another shape than the model's")
        )
    wanted = {f"{_PREFIX}{name}": tensor for name, tensor in decoder.state_dict().items()}
    tensors = read_weights(
        path,
        wanted,
        sha256=card.weights_sha256,
        parameters=card.parameters,
        device=device,
        cancelled=cancelled,
    )
    decoder.load_state_dict(
        {name.removeprefix(_PREFIX): value for name, value in tensors.items()}, assign=True
    )
    return decoder.requires_grad_(False)  # type: ignore[no-any-return]


def fingerprint(decoder: nn.Module) -> str:
    """Return a hash of a decoder's weights rounded to float16, in which models may be stored."""
    digest = hashlib.sha256()
    for name, tensor in sorted(decoder.state_dict().items()):
        kind = "<f2" if tensor.is_floating_point() else "<i8"
        digest.update(f"{name} {kind} {tuple(tensor.shape)};".encode())
        digest.update(tensor.detach().cpu().numpy().astype(kind).tobytes())
    return digest.hexdigest()
