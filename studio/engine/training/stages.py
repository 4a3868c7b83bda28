"""The stages of a training: each is opened with what those before it taught, and closed with its averaged weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from studio.backbones.codec import Codec, Identity
from studio.engine.training.events import (
    CheckpointSaved,
    SampleKind,
    StageName,
    TrainingPreparing,
    TrainingSampled,
)
from studio.engine.training.samples import Shadow, drafted, frozen, model_of, reconstructed, sampled
from studio.engine.training.stage import Stage
from studio.training.backbone_task import BackboneLesson, LatentDraw, Precision, make_modules
from studio.training.data.training_data import Material, Reduced
from studio.training.distillation import preview_task
from studio.training.tasks import codec_task, decoder_task, text_task

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    from torch import Tensor, nn

    from studio.backbones.text import TextEncoder
    from studio.engine.device import Device
    from studio.engine.training.outputs import TrainedModels
    from studio.engine.training.plan import TrainPlan
    from studio.training.loop import LoopConfig

SAMPLES = 4


class Classroom:
    """Holds what a training has taught so far.

    Attributes:
        codec: as it is by now.
        weights: of the backbone's stage, averaged, once it is closed.
    """

    def __init__(
        self,
        plan: TrainPlan,
        material: Material,
        folder: Path,
        device: Device,
        precision: Precision,
        cancelled: threading.Event,
        job_id: str,
    ) -> None:
        """Take what is taught, from what, and where states rest."""
        self.plan, self.material, self.folder = plan, material, folder
        self.device = torch.device(device.torch_name)
        self.precision, self.cancelled, self.job_id = precision, cancelled, job_id
        self.codec: Codec | Identity = Identity()
        self.text: TextEncoder | None = None
        self.weights: dict[str, Tensor] = {}
        self._latents: LatentDraw | None = None
        if plan.base is not None:
            self.codec = plan.base.codec.to(self.device)
            self.text = plan.base.text_encoder
        count = len(plan.request.sample_prompts) or SAMPLES
        self.pictures, self.captions = material.examples(count)

    @property
    def prompts(self) -> tuple[str, ...]:
        """What samples show."""
        return self.plan.request.sample_prompts or tuple(self.captions)

    def steps(self, name: StageName) -> int:
        """Return how many steps a stage has."""
        return self._loop(name).steps

    def done(self, name: StageName) -> int:
        """Return how many steps of a stage are safe, without opening it."""
        return Stage.reached(self.folder, name)

    def open(
        self, name: StageName, models: TrainedModels
    ) -> Generator[TrainingPreparing, None, tuple[Stage, Showing]]:
        """Open a stage, going on from its state if there is one.

        Yields:
            How far the pictures are encoded, where that has to be done first.

        Raises:
            CheckpointError: the state is of another training.
        """
        recipe, codec = self.plan.recipe, self.codec
        lesson: BackboneLesson | None = None
        module: nn.Module
        if name == "codec":
            module, loss = codec_task(recipe, self.material.source, self.device)
            self.codec = module
        elif name == "decoder":
            self._conv().decoder.requires_grad_(True)
            module, loss = decoder_task(recipe, self.material.source, self._conv(), self.device)
        elif name == "preview":
            module, loss = preview_task(recipe, self.material.source, self._conv(), self.device)
            models.preview = module
        elif name == "text":
            latents = yield from self._encoded()
            if isinstance(codec, Identity):
                latents = Reduced(latents, recipe.text.draft[-1])
            module, loss = text_task(recipe, latents, self.device)  # type: ignore[arg-type]
            self.text = module
        else:
            latents = yield from self._encoded()
            conditional = self.plan.card.text is not None
            modules = make_modules(recipe, self.text, conditional=conditional).to(self.device)
            if self.plan.base is not None:
                modules["backbone"].load_state_dict(self.plan.base.backbone.state_dict())
            taught = self.plan.teaches_text_first
            lesson = BackboneLesson(recipe, latents, modules, self.precision, taught=taught)
            module, loss = modules, lesson.loss
        stage = Stage(name, module, loss, self._loop(name), self.folder, self.plan.request.save_seconds)
        return stage, Showing(self, name, stage, models, lesson)

    def close(self, name: StageName, stage: Stage) -> None:
        """Take up the averaged weights of a stage that is done; it learns no more."""
        averaged = stage.averaged()
        if name == "backbone":
            self.weights = averaged
            return
        stage.module.load_state_dict(averaged)
        stage.module.eval().requires_grad_(False)

    def _encoded(self) -> Generator[TrainingPreparing, None, LatentDraw]:
        if self._latents is None:
            encoding = self.material.encode(self.codec, self.device, self.cancelled)
            while self._latents is None:
                try:
                    done, total = next(encoding)
                    yield TrainingPreparing(
                        job_id=self.job_id, what="Encoding the pictures", done=done, total=total
                    )
                except StopIteration as end:
                    self._latents = end.value
        assert self._latents is not None
        return self._latents

    def _conv(self) -> Codec:
        assert isinstance(self.codec, Codec), "the plan has such stages for models with a codec only"
        return self.codec

    def _loop(self, name: StageName) -> LoopConfig:
        recipe = self.plan.recipe
        loops: dict[str, Any] = {
            "codec": recipe.codec_loop,
            "decoder": recipe.decoder_loop,
            "preview": recipe.preview_loop,
            "text": recipe.text_loop,
            "backbone": recipe.loop,
        }
        loop: LoopConfig = loops[name]
        return loop


class Showing:
    """What a stage shows and leaves behind between its steps; see `studio.engine.training.runner.Shown`.

    Attributes:
        keep: called with the number of steps whose state is safe.
    """

    def __init__(
        self,
        room: Classroom,
        name: StageName,
        stage: Stage,
        models: TrainedModels,
        lesson: BackboneLesson | None,
    ) -> None:
        """Take the stage and what it belongs to."""
        self._room, self._name, self._stage, self._models, self._lesson = room, name, stage, models, lesson
        self._shadow: Shadow | None = None
        self.keep: Callable[[int], None] = lambda steps: None

    def bands(self) -> tuple[float | None, ...]:
        """Return the last step's error by noise level."""
        return () if self._lesson is None else self._lesson.bands

    def saved(self, steps: int) -> Iterator[CheckpointSaved]:
        """Note how far it is; of the backbone leave a model, but for its last step: that is the finished one."""
        self.keep(steps)
        if self._name == "backbone" and steps < self._stage.config.steps:
            room = self._room
            name, folder, removed = self._models.checkpoint(steps, self._stage.averaged(), room.codec)
            yield CheckpointSaved(job_id=room.job_id, step=steps, model=name, folder=folder, removed=removed)

    def sample(self, step: int) -> TrainingSampled | None:
        """Show how far the stage is after so many steps."""
        room, prompts, originals = self._room, self._room.prompts, None
        seeds, pictures = tuple(range(len(prompts))), None
        what: SampleKind = "sample"
        if self._name in ("codec", "decoder"):
            codec = self._averaged(self._stage.module) if self._name == "codec" else self._with_decoder()
            what, prompts, seeds = "reconstruction", tuple(room.captions), tuple(range(len(room.captions)))
            pictures = reconstructed(codec, room.pictures, room.device)
            originals = frozen(room.pictures.transpose(0, 2, 3, 1))
        elif self._name == "text":
            what = "draft"
            text = self._averaged(self._stage.module)
            pictures = drafted(text, room.codec, prompts, room.plan.request.size)
        elif self._name == "backbone":
            modules = self._averaged(self._stage.module)
            model = model_of(room.plan.card, modules, room.codec, room.device)
            pictures = sampled(model, prompts, seeds, room.cancelled)
        if pictures is None:
            return None
        return TrainingSampled(
            job_id=room.job_id,
            stage=self._name,
            step=step,
            what=what,
            prompts=prompts,
            seeds=seeds,
            pictures=pictures,
            originals=originals,
        )

    def _averaged(self, module: nn.Module) -> Any:  # noqa: ANN401 - a module of the same kind
        if self._shadow is None:
            self._shadow = Shadow(module)
        return self._shadow.take(self._stage.averaged())

    def _with_decoder(self) -> Codec:
        if self._shadow is None:
            self._shadow = Shadow(self._room.codec)
        codec: Any = self._shadow.module
        codec.decoder.load_state_dict(self._stage.averaged())
        return codec  # type: ignore[no-any-return]
