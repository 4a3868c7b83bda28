"""Builds the stages of a training, each on what the earlier ones trained, and keeps their averaged weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from studio.arrays import read_only_copy
from studio.backbones.codec import Codec, Identity
from studio.engine.training.events import (
    CheckpointSaved,
    SampleKind,
    StageName,
    TrainingPreparing,
    TrainingSampled,
)
from studio.engine.training.samples import (
    AveragedCopy,
    make_model,
    render_drafts,
    render_reconstructions,
    render_samples,
)
from studio.engine.training.stage import Stage
from studio.messages import message
from studio.training.backbone_task import Autocast, DenoisingTask, make_modules
from studio.training.data.latents import DownsampledPictures
from studio.training.distillation import preview_task
from studio.training.tasks import codec_task, decoder_task, fit_statistics, text_task

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    from torch import Tensor, nn

    from studio.backbones.preview_decoder import PreviewDecoder
    from studio.backbones.text import TextEncoder
    from studio.engine.device.device import Device
    from studio.engine.training.outputs import ModelOutput
    from studio.engine.training.plan import TrainPlan
    from studio.training.data.sources import LatentSource
    from studio.training.data.training_data import TrainingData

SAMPLES = 4
"""Number of samples if the request names no prompts."""


class StageFactory:
    """Builds the stages of a training and holds what they have trained.

    Attributes:
        codec: with the weights of its finished stages.
        text: the text encoder; None: the model has none, or it is trained with the backbone.
        preview: the preview decoder; None if the plan has none.
        weights: the backbone stage's averaged weights, once it is finished.
    """

    def __init__(
        self,
        plan: TrainPlan,
        data: TrainingData,
        states: Path,
        device: Device,
        autocast: Autocast,
        cancelled: threading.Event,
        job_id: str,
        *,
        fit_codec_statistics: bool = True,
    ) -> None:
        """Load examples of the data.

        Args:
            plan: what is trained.
            data: what it learns from.
            states: the folder of state files.
            device: where it is trained.
            autocast: the backbone's precision.
            cancelled: stops encoding and sampling when set.
            job_id: of the events.
            fit_codec_statistics: whether the codec's statistics are fitted to its averaged weights. A training that
                was started by a version without this keeps the statistics that its later stages have learned with.
        """
        self.plan, self.data, self.states = plan, data, states
        self.device = torch.device(device.torch_name)
        self.autocast, self.cancelled, self.job_id = autocast, cancelled, job_id
        self.codec: Codec | Identity = Identity()
        self.text: TextEncoder | None = None
        self.preview: PreviewDecoder | None = None
        self.weights: dict[str, Tensor] = {}
        self._fit_codec_statistics = fit_codec_statistics
        self._latents: LatentSource | None = None
        if plan.base is not None:
            self.codec = plan.base.codec.to(self.device)
            self.text = plan.base.text_encoder
        self.pictures, self.captions = data.examples(len(plan.request.sample_prompts) or SAMPLES)

    @property
    def prompts(self) -> tuple[str, ...]:
        return self.plan.request.sample_prompts or tuple(self.captions)

    def build(
        self, name: StageName, output: ModelOutput
    ) -> Generator[TrainingPreparing, None, tuple[Stage, TrainingHooks]]:
        """Build a stage and load its state, if there is one.

        Yields:
            The progress of encoding the pictures, if that has to be done first.

        Raises:
            CheckpointError: the state is of another training.
        """
        recipe, source = self.plan.recipe, self.data.source
        task: DenoisingTask | None = None
        module: nn.Module
        if name == "codec":
            module, loss = codec_task(recipe, source, self.device)
            self.codec = module
        elif name == "decoder":
            self._conv_codec().decoder.requires_grad_(True)
            module, loss = decoder_task(recipe, source, self._conv_codec(), self.device)
        elif name == "preview":
            module, loss = preview_task(recipe, source, self._conv_codec(), self.device)
            self.preview = module
        elif name == "text":
            latents = yield from self._encoded()
            if isinstance(self.codec, Identity):
                latents = DownsampledPictures(latents, recipe.text.draft[-1])
            module, loss = text_task(recipe, latents, self.device)
            self.text = module
        else:
            latents = yield from self._encoded()
            conditional = self.plan.card.text is not None
            modules = make_modules(recipe, self.text, conditional=conditional).to(self.device)
            if self.plan.base is not None:
                modules["backbone"].load_state_dict(self.plan.base.backbone.state_dict())
            task = DenoisingTask(
                recipe, latents, modules, self.autocast, text_frozen=self.plan.text_is_trained_first
            )
            module, loss = modules, task.loss
        stage = Stage(name, module, loss, recipe.loops[name], self.states)
        return stage, TrainingHooks(self, name, stage, output, task)

    def finish(self, name: StageName, stage: Stage) -> None:
        """Load the averaged weights of a finished stage into its module, which is frozen."""
        averaged = stage.averaged()
        if name == "backbone":
            self.weights = averaged
            return
        stage.module.load_state_dict(averaged)
        stage.module.eval().requires_grad_(False)
        if name == "codec" and self._fit_codec_statistics:
            config = self.plan.recipe.loops["codec"]
            fit_statistics(self._conv_codec(), self.data.source, config.batch, config.seed, self.device)

    def _encoded(self) -> Generator[TrainingPreparing, None, LatentSource]:
        if self._latents is None:
            label = message("Encoding the pictures")
            encoding = self.data.encode(self.codec, self.device, self.cancelled)
            while self._latents is None:
                try:
                    done, total = next(encoding)
                    yield TrainingPreparing(job_id=self.job_id, what=label, done=done, total=total)
                except StopIteration as end:
                    self._latents = end.value
        assert self._latents is not None
        return self._latents

    def _conv_codec(self) -> Codec:
        assert isinstance(self.codec, Codec), "the plan has such stages only for models with a codec"
        return self.codec


class TrainingHooks:
    """Samples and checkpoints of a stage; implements `studio.engine.training.stage.StageHooks`.

    Attributes:
        on_saved: called with the number of steps whenever a state was saved.
    """

    def __init__(
        self,
        stages: StageFactory,
        name: StageName,
        stage: Stage,
        output: ModelOutput,
        task: DenoisingTask | None,
    ) -> None:
        self._stages, self._name, self._stage, self._output, self._task = stages, name, stage, output, task
        self._copy: AveragedCopy | None = None
        self.on_saved: Callable[[int], None] = lambda steps: None

    def bands(self) -> tuple[float | None, ...]:
        return () if self._task is None else self._task.bands

    def saved(self, steps: int) -> Iterator[CheckpointSaved]:
        """Write the backbone's checkpoint as a model, except after its last step: that is the finished model."""
        self.on_saved(steps)
        if self._name == "backbone" and steps < self._stage.config.steps:
            stages = self._stages
            name, folder, removed = self._output.checkpoint(steps, self._stage.averaged(), stages.codec)
            yield CheckpointSaved(
                job_id=stages.job_id, step=steps, model=name, folder=folder, removed=removed
            )

    def sample(self, step: int) -> TrainingSampled | None:
        """Show the averaged weights after a number of steps."""
        stages, prompts, originals = self._stages, self._stages.prompts, None
        seeds, pictures = tuple(range(len(prompts))), None
        what: SampleKind = "sample"
        if self._name in ("codec", "decoder"):
            codec = (
                self._averaged(self._stage.module) if self._name == "codec" else self._codec_with_decoder()
            )
            what, prompts, seeds = (
                "reconstruction",
                tuple(stages.captions),
                tuple(range(len(stages.captions))),
            )
            pictures = render_reconstructions(codec, stages.pictures, stages.device)
            originals = read_only_copy(stages.pictures.transpose(0, 2, 3, 1))
        elif self._name == "text":
            what = "draft"
            text = self._averaged(self._stage.module)
            pictures = render_drafts(text, stages.codec, prompts, stages.plan.card.sizes[0][0])
        elif self._name == "backbone":
            modules = self._averaged(self._stage.module)
            model = make_model(stages.plan.card, modules, stages.codec, stages.device)
            pictures = render_samples(model, prompts, seeds, stages.cancelled)
        if pictures is None:
            return None
        return TrainingSampled(
            job_id=stages.job_id,
            stage=self._name,
            step=step,
            what=what,
            prompts=prompts,
            seeds=seeds,
            pictures=pictures,
            originals=originals,
        )

    def _averaged(self, module: nn.Module) -> Any:  # noqa: ANN401 - a module of the same kind
        if self._copy is None:
            self._copy = AveragedCopy(module)
        return self._copy.load(self._stage.averaged())

    def _codec_with_decoder(self) -> Codec:
        if self._copy is None:
            self._copy = AveragedCopy(self._stages.codec)
        codec: Any = self._copy.module
        codec.decoder.load_state_dict(self._stage.averaged())
        return codec  # type: ignore[no-any-return]
