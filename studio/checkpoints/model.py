"""A loaded model of this program's own format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from studio.backbones.codec import Codec
from studio.backbones.linear_decoder import fit_linear_decoder
from studio.backbones.precision import EXACT, Precision, in_precision
from studio.backbones.text import split_words
from studio.checkpoints.preview import load_preview
from studio.diffusion.conditioning import Conditioning
from studio.diffusion.denoiser import Denoiser
from studio.errors import CheckpointError
from studio.families.interface import PreviewDecoders
from studio.messages import Message, message
from studio.weights.files import LoadCancelled

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from studio.backbones.codec import Identity
    from studio.backbones.text import TextEncoder
    from studio.checkpoints.card import ModelCard
    from studio.diffusion.schedules import Schedule
    from studio.families.interface import PreviewTier, Size, TextOptions


@dataclass(frozen=True, kw_only=True, eq=False)
class NativeModel:
    """A model's parts, in evaluation mode, float32, on one device, without gradients.

    Implements `studio.families.interface.Model`.

    Attributes:
        card: what the model is.
        schedule: the schedule it was trained with.
        backbone: what denoises, an `nn.Module`.
        text_encoder: what reads prompts; None: the model is unconditional.
        codec: pictures to latents and back.
        device: where the weights are.
        folder: where it was loaded from, and its preview decoder is; None: it is not on disk.
    """

    card: ModelCard
    schedule: Schedule
    backbone: torch.nn.Module
    text_encoder: TextEncoder | None
    codec: Codec | Identity
    device: torch.device
    folder: Path | None = None

    def modules(self) -> tuple[torch.nn.Module, ...]:
        texts = () if self.text_encoder is None else (self.text_encoder,)
        return (self.backbone, self.codec, *texts)

    def take_rungs(self, rungs: Collection[str]) -> None:
        """Do nothing: models of this format are small."""

    @torch.no_grad()
    def encode_prompts(
        self, prompts: Sequence[str], size: Size | None = None, text: TextOptions | None = None
    ) -> Conditioning:
        """Return the conditioning of B prompts; an empty one for an unconditional model.

        Size and options are not used.
        """
        return Conditioning() if self.text_encoder is None else self.text_encoder.encode(prompts)

    def load_adapters(self, text: TextOptions, cancelled: threading.Event) -> None:
        """Do nothing: no adapters change models of this format."""

    def prompt_notes(
        self, prompt: str, negative: str, text: TextOptions | None = None
    ) -> tuple[Message, ...]:
        """Return one sentence for each prompt that is longer than the text encoder reads."""
        if self.text_encoder is None:
            return ()
        notes, words = [], self.text_encoder.config.words
        if len(split_words(prompt)) > words:
            notes.append(message("The model only reads the first {words} words of the prompt.", words=words))
        if len(split_words(negative)) > words:
            notes.append(
                message("The model only reads the first {words} words of the negative prompt.", words=words)
            )
        return tuple(notes)

    def part_precisions(self) -> Mapping[str, str]:
        return {}

    def supported_precision(self, fastest: Precision) -> Precision:
        return fastest

    def denoiser(self, precision: Precision = EXACT) -> Denoiser:
        """Return the denoiser; in reduced precision the backbone's weights are converted in place."""
        backbone = in_precision(self.backbone, precision)
        return Denoiser(backbone, self.schedule, self.card.prediction, clip=self.card.clip)

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Decode latents (B, C, h, w) to pictures (B, 3, H, W)."""
        pictures: Tensor = self.codec.decode(latents)
        return pictures

    @torch.no_grad()
    def encode(self, pictures: Tensor) -> Tensor:
        """Encode pictures (B, 3, H, W) in [-1, 1] as latents (B, C, h, w)."""
        latents: Tensor = self.codec.encode(pictures)
        return latents

    def preview_decoders(self, cancelled: threading.Event) -> PreviewDecoders:
        """Return the distilled decoder ("small"), if the folder has one, and a fitted linear map ("linear").

        A pixel model has none: its own decoder costs nothing.

        Raises:
            LoadCancelled: ``cancelled`` was set.
        """
        codec = self.codec
        if not isinstance(codec, Codec):
            return PreviewDecoders()
        decoders: dict[PreviewTier, Callable[[Tensor], Tensor]] = {}
        fault: CheckpointError | None = None
        try:
            small = None if self.folder is None else load_preview(self.folder, codec, self.device, cancelled)
        except CheckpointError as error:
            fault, small = error, None
        if small is not None:
            decoders["small"] = small
        if cancelled.is_set():
            raise LoadCancelled
        decoders["linear"] = fit_linear_decoder(codec)
        return PreviewDecoders(decoders=decoders, fault=fault)
