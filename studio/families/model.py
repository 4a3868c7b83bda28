"""A loaded model of a family, as the engine samples it."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch

from studio.backbones.linear_decoder import fit_linear_decoder
from studio.backbones.precision import EXACT, Precision
from studio.diffusion import levels
from studio.diffusion.conditioning import Conditioning
from studio.diffusion.denoiser import Denoiser
from studio.diffusion.schedules import SCHEDULES
from studio.errors import CheckpointError
from studio.families.adapters.prompt_encoder import PromptEncoder
from studio.families.interface import DEFAULT_TEXT, PreviewDecoders
from studio.families.loading import load, load_tiny_decoder
from studio.messages import message
from studio.prompts.chunks import TEXT_TOKENS, count_tokens, split
from studio.prompts.scripts import foreign_script
from studio.prompts.syntax import parse
from studio.weights.compute import compute_dtype, compute_in, computed_dtype
from studio.weights.files import LoadCancelled
from studio.weights.reader import ShardReader, TensorReader

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from torch import Tensor, nn

    from studio.diffusion.levels import FinalLevel
    from studio.diffusion.schedules import Schedule
    from studio.families.family import Family, ScheduleFacts
    from studio.families.interface import ModelInfo, PreviewTier, Size, TextOptions
    from studio.families.loading import Networks
    from studio.messages import Message


def schedule_of(
    facts: ScheduleFacts, *, zero_terminal_snr: bool = False, final_level: FinalLevel = "clean"
) -> Schedule:
    """Return a family's noise schedule.

    Args:
        facts: of the family.
        zero_terminal_snr: rescale it so that the last time has no signal.
        final_level: where the last step leads: to clean data, or to the level of the first time.
    """
    table = SCHEDULES[facts.name](facts.T, facts.beta_start, facts.beta_end)
    schedule = levels.VariancePreserving(table.name, table.alpha_bar, steps_offset=facts.steps_offset)
    if zero_terminal_snr:
        schedule = levels.zero_terminal_snr(schedule)
    return levels.ending_at_first(schedule) if final_level == "first" else schedule


@dataclass(frozen=True, kw_only=True, eq=False)
class FamilyModel:
    """A model whose networks are those of a `Family`. Implements `studio.families.interface.Model`.

    Text encoders and autoencoder compute in float32, whatever the dtype in which their weights are stored.

    Attributes:
        card: what is known of it.
        networks: its networks.
        schedule: the noise schedule that it was trained with.
        device: where the weights are.
        tiny_vae: the safetensors file with the tiny VAE for previews; None: there is none.
    """

    card: ModelInfo
    networks: Networks
    schedule: Schedule
    device: torch.device
    tiny_vae: Path | None = None

    def modules(self) -> tuple[nn.Module, ...]:
        return (self.networks.unet, self.networks.vae, *(one.model for one in self.networks.text_encoders))

    def take_rungs(self, rungs: Collection[str]) -> None:
        self.networks.ladder.take(rungs, self.device)

    @torch.no_grad()
    def encode_prompts(
        self, prompts: Sequence[str], size: Size, text: TextOptions = DEFAULT_TEXT
    ) -> Conditioning:
        """Return the conditioning of one picture for each prompt.

        Raises:
            RequestError: a prompt has syntax that is not supported.
            CheckpointError: a file that it refers to cannot be read, or is not for this model.
            ValueError: the prompts have different numbers of chunks; encode each alone.
        """
        return Conditioning.concatenate([self._prompts.encode(prompt, size, text) for prompt in prompts])

    @cached_property
    def _prompts(self) -> PromptEncoder:
        return PromptEncoder(self.networks, self.device)

    def load_adapters(self, text: TextOptions, cancelled: threading.Event) -> None:
        self._prompts.load(text, cancelled)

    def prompt_notes(
        self, prompt: str, negative: str, text: TextOptions = DEFAULT_TEXT
    ) -> tuple[Message, ...]:
        """Return one sentence for each script that the text encoders did not learn, and each LoRA that fits in part."""
        scripts = {foreign_script(parse(one).text) for one in (prompt, negative)} - {None}
        notes = [
            message(
                "This model's text encoder learned English; it hardly understands {script}.", script=script
            )
            for script in sorted(map(str, scripts))
        ]
        for use in text.loras:
            unused = self._prompts.adapters.lora(use.path).unused
            if unused:
                notes.append(
                    message(
                        "The LoRA {name} acts in part: {count:,} of its tensors belong to no layer of this model.",
                        name=use.name,
                        count=len(unused),
                    )
                )
        return tuple(notes)

    def chunks_of(self, prompt: str, text: TextOptions = DEFAULT_TEXT) -> tuple[int, int]:
        """Return how many tokens a prompt has, and how many its chunks hold."""
        tokens = self._prompts.tokens(prompt, text)
        return count_tokens(tokens), TEXT_TOKENS * len(split(tokens))

    def part_precisions(self) -> dict[str, str]:
        networks = {"unet": self.networks.unet, "vae": self.networks.vae}
        networks |= {one.part.name: one.model for one in self.networks.text_encoders}
        return {name: str(computed_dtype(one)).removeprefix("torch.") for name, one in networks.items()}

    def supported_precision(self, fastest: Precision) -> Precision:
        dtype = compute_dtype(
            stored_dtype(self.networks.unet), self.device, reduced=fastest.dtype == "bfloat16"
        )
        return Precision(dtype=str(dtype).removeprefix("torch."), channels_last=fastest.channels_last)

    def denoiser(self, precision: Precision = EXACT) -> Denoiser:
        """Return the denoiser; the U-Net's weights stay as stored, or are converted if that takes no more memory."""
        dtype: torch.dtype = getattr(torch, precision.dtype)
        stored = stored_dtype(self.networks.unet)
        compute_in(
            self.networks.unet,
            dtype,
            scales=self.networks.scales.get("unet", {}),
            cast_once=stored.itemsize >= dtype.itemsize,
            channels_last=precision.channels_last,
        )
        backbone = self.networks.backbone(
            dtype, channels_last=precision.channels_last, use_adapters=self._prompts.use_on_unet
        )
        return Denoiser(backbone, self.schedule, self.card.prediction, clip=self.card.clip)

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        return self.networks.codec().decode(latents)

    @torch.no_grad()
    def encode(self, pictures: Tensor) -> Tensor:
        return self.networks.codec().encode(pictures)

    def preview_decoders(self, cancelled: threading.Event) -> PreviewDecoders:
        """Return the tiny VAE ("small"), if there is one, and a linear map fitted to the autoencoder ("linear").

        Raises:
            LoadCancelled: ``cancelled`` was set.
        """
        decoders: dict[PreviewTier, Callable[[Tensor], Tensor]] = {}
        fault: CheckpointError | None = None
        if self.tiny_vae is not None:
            try:
                with TensorReader(self.tiny_vae, cancelled=cancelled) as reader:
                    decoders["small"] = load_tiny_decoder(reader).to(self.device)
            except CheckpointError as error:
                fault = error
        if cancelled.is_set():
            raise LoadCancelled
        codec: Any = self.networks.codec()
        decoders["linear"] = fit_linear_decoder(codec)
        return PreviewDecoders(decoders=MappingProxyType(decoders), fault=fault)


def stored_dtype(network: nn.Module) -> torch.dtype:
    """Return the dtype of most of a network's parameters."""
    sizes: Counter[torch.dtype] = Counter()
    for parameter in network.parameters():
        sizes[parameter.dtype] += parameter.numel()
    return max(sizes, key=sizes.__getitem__)


def load_model(
    card: ModelInfo,
    family: Family,
    files: Mapping[str, Sequence[Path]],
    *,
    device: torch.device | str = "cpu",
    schedule: Schedule | None = None,
    tiny_vae: Path | None = None,
    rungs: Collection[str] = (),
    cancelled: threading.Event | None = None,
) -> FamilyModel:
    """Load a model from safetensors files.

    Args:
        card: what is known of it.
        family: its family.
        files: by part, the file that holds it, or its shards; the same for several parts if it is a single file.
        device: where the weights go.
        schedule: the noise schedule; None: the family's.
        tiny_vae: the safetensors file with the tiny VAE for previews; read when they are first wanted.
        rungs: what is done so that it fits in memory; weights that are offloaded do not visit the device.
        cancelled: stops the load when set.

    Raises:
        CheckpointError: a file cannot be read, or does not hold what it should.
        LoadCancelled: ``cancelled`` was set.
    """
    device = torch.device(device)
    with ExitStack() as opened:
        networks = load(
            family,
            open_parts(files, opened, cancelled),
        )
    modules = {"vae": networks.vae} | {one.part.name: one.model for one in networks.text_encoders}
    for name, module in modules.items():
        compute_in(module, torch.float32, scales=networks.scales.get(name, {}))
    networks.ladder.take(rungs, device)
    return FamilyModel(
        card=card,
        networks=networks,
        schedule=schedule or schedule_of(family.schedule),
        device=device,
        tiny_vae=tiny_vae,
    )


def open_parts(
    files: Mapping[str, Sequence[Path]], opened: ExitStack, cancelled: threading.Event | None = None
) -> dict[str, TensorReader | ShardReader]:
    """Open the files of a model's parts; a file that holds several parts is opened once.

    Args:
        files: by part, the file that holds it, or its shards.
        opened: what closes them.
        cancelled: stops every reading when set.

    Raises:
        CheckpointError: a file cannot be opened, or its header is refused.
    """
    readers = {
        path: opened.enter_context(TensorReader(path, cancelled=cancelled))
        for path in dict.fromkeys(path for paths in files.values() for path in paths)
    }
    joined = {
        paths: readers[paths[0]] if len(paths) == 1 else ShardReader([readers[path] for path in paths])
        for paths in map(tuple, files.values())
    }
    return {part: joined[tuple(paths)] for part, paths in files.items()}
