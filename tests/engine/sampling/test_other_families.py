"""The engine serves any model that implements the interface, not only those of this program's own format."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from studio.backbones.precision import REDUCED
from studio.checkpoints import formats
from studio.checkpoints.card import Component, Defaults
from studio.checkpoints.catalog import InstalledModel
from studio.diffusion.conditioning import Conditioning
from studio.diffusion.denoiser import Denoiser
from studio.diffusion.schedules import scaled_linear
from studio.engine import engine as engine_module
from studio.engine.engine import Engine
from studio.engine.events import JobStarted, PictureDone, StepDone
from studio.engine.requests import plan as plan_module
from studio.engine.requests.fork import ForkRequest, StartState
from studio.engine.requests.generate import GenerateRequest
from studio.engine.requests.previews import EVERY_STEP, Previews
from studio.errors import CheckpointError, RequestError
from studio.families.interface import (
    PreviewDecoders,
    SizeRule,
    TextDefaults,
    TextOptions,
    makes_latents,
    makes_size,
)
from studio.messages import message

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from studio.backbones.precision import Precision
    from studio.folders import Folders


UNET, CLIP, SCHEDULE = (Component(kind=kind) for kind in ("unet", "clip", "scaled_linear"))
RULE = SizeRule(multiple=8, minimum=16, maximum=64)
CLIP_TEXT = TextDefaults(clip_skip=2, largest_clip_skip=4)
DEFAULTS = Defaults(steps=3, guidance=5.0)


@dataclass(frozen=True, kw_only=True)
class Info:
    """A model of 4 latent channels and a downscale of 8, of any size that is a multiple of 8."""

    name: str = "merge"
    title: str = "A merge"
    backbone: Component = UNET
    text: Component | None = CLIP
    text_defaults: TextDefaults | None = CLIP_TEXT
    schedule: Component = SCHEDULE
    prediction: str = "eps"
    clip: bool = False
    T: int = 1000
    sizes: tuple[tuple[int, int], ...] = ((32, 32), (48, 24))
    size_rule: SizeRule | None = RULE
    downscale: int = 8
    defaults: Defaults = DEFAULTS
    licence: str = "CreativeML Open RAIL-M"
    training_data: str = ""
    evaluation: Any = field(default_factory=lambda: MappingProxyType({}), hash=False)
    parameters: int = 1
    weights_sha256: str = "ab" * 32

    def latent_shape_for(self, width: int, height: int) -> tuple[int, int, int]:
        return 4, height // 8, width // 8

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name}


class Merge:
    """A loaded model whose two prompts have conditionings of different lengths, as chunked prompts have."""

    def __init__(self, info: Info) -> None:
        self.card, self.schedule, self.device = info, scaled_linear(), torch.device("cpu")
        self.seen: list[Conditioning] = []
        self.precisions: list[Precision] = []
        self.texts: list[TextOptions] = []
        self.rungs: list[Any] = []

    def modules(self) -> tuple[torch.nn.Module, ...]:
        return ()

    def take_rungs(self, rungs: Any) -> None:  # noqa: ANN401
        self.rungs.append(rungs)

    def encode_prompts(
        self, prompts: Sequence[str], size: tuple[int, int], text: TextOptions
    ) -> Conditioning:
        self.texts.append(text)
        length = 3 * max(1, -(-max(map(len, prompts)) // 10))
        tokens = torch.full((len(prompts), length, 2), 0.1 * length)
        return Conditioning(
            tokens=tokens, pooled=tokens[:, 0], extras={"size": torch.tensor([size] * len(prompts))}
        )

    def load_adapters(self, text: TextOptions, cancelled: object) -> None:
        assert (text.loras, text.inversions) == ((), ()), "there are none on this machine"

    def part_precisions(self) -> dict[str, str]:
        return {"vae": "float32"}

    def prompt_notes(self, prompt: str, negative: str, text: TextOptions) -> tuple[Any, ...]:
        return (message("The prompt is long."),) if len(prompt) > 20 else ()

    def supported_precision(self, fastest: Precision) -> Precision:
        return dataclasses.replace(fastest, dtype="float16")

    def denoiser(self, precision: Precision) -> Denoiser:
        self.precisions.append(precision)

        def backbone(x: torch.Tensor, t: torch.Tensor, condition: Conditioning) -> torch.Tensor:
            self.seen.append(condition)
            return 0.9 * x + condition.tensors["tokens"].mean(dim=(1, 2)).view(-1, 1, 1, 1)

        return Denoiser(backbone, self.schedule, "eps")

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        return latents.mul_(0.1)[:, :3].repeat_interleave(8, 2).repeat_interleave(8, 3)  # changes its input

    def encode(self, pictures: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def preview_decoders(self, cancelled: object) -> PreviewDecoders:
        return PreviewDecoders(
            decoders={"linear": self.decode}, fault=CheckpointError(self.file, message("is odd"))
        )

    file: Any = None


@pytest.fixture
def merge(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Merge:
    """A single file of another format, installed; and the model that is loaded from it."""
    model, file = Merge(Info()), tmp_path / "merge.safetensors"
    model.file = file
    file.write_bytes(b"weights")
    installed = InstalledModel(name="merge", folder=tmp_path, shipped=False, card=model.card, file=file)

    class SingleFiles:
        @staticmethod
        def recognises(path: Path) -> bool:
            return path == file

        @staticmethod
        def load(path: Path, **_: object) -> Merge:
            return model

    for module in (engine_module, plan_module):
        monkeypatch.setattr(module, "find_model", lambda name, folders, **_: installed)
    monkeypatch.setattr(engine_module, "choose_precision", lambda *_, **__: REDUCED)
    monkeypatch.setattr(formats, "FORMATS", {**formats.FORMATS, "single": SingleFiles})
    assert (installed.path, installed.weights_path) == (file, file)
    return model


def test_a_single_file_of_another_family_is_sampled_previewed_decoded_and_explained(
    merge: Merge, folders: Folders
) -> None:
    engine = Engine(folders, "cpu")
    request = GenerateRequest(prompt="a very long prompt about a fox", model="merge", width=40, height=24)
    events = list(engine.run(request, previews=dataclasses.replace(EVERY_STEP, arrays=True)))
    (begun,) = (event for event in events if isinstance(event, JobStarted))
    (done,) = (event for event in events if isinstance(event, PictureDone))
    steps = [event for event in events if isinstance(event, StepDone)]
    assert done.pixels.shape == (24, 40, 3)
    assert steps[0].state is not None
    assert steps[0].state.shape == (4, 3, 5)
    assert (len(steps), begun.request.guidance, done.model_sha256) == (3, 5.0, "ab" * 32)
    assert (done.dtype, merge.precisions[0].dtype) == ("float16", "float16"), (
        "the model chose its own precision"
    )
    assert any("The prompt is long" in note for note in begun.notes)
    assert [len(seen.tensors["tokens"]) for seen in merge.seen] == [1] * 6, (
        "two lengths do not share a model call"
    )
    assert all(seen.extras["size"].tolist() == [[40, 24]] for seen in merge.seen)
    assert steps[1].x0_hat is not None
    pixels = engine.decode("merge", "ab" * 32, steps[-1].state)
    assert np.array_equal(pixels, done.pixels), "decoding changed nothing that the run continued from"
    assert engine.explain(begun.request, "ab" * 32, steps[0].state, steps[1].t).model_calls == 2


def test_previews_within_a_budget_use_the_decoders_that_the_model_offers(
    merge: Merge, folders: Folders
) -> None:
    events = list(Engine(folders, "cpu").run(GenerateRequest(model="merge"), previews=Previews(budget=0.1)))
    (begun,) = (event for event in events if isinstance(event, JobStarted))
    assert any("merge.safetensors is odd" in note for note in begun.notes)
    assert {event.tier for event in events if isinstance(event, StepDone)} <= {"full", "linear", None}


@pytest.mark.parametrize(
    ("size", "made"), [((32, 32), True), ((64, 16), True), ((36, 32), False), ((72, 32), False)]
)
def test_any_size_of_the_rule_is_made_and_no_other(merge: Merge, size: tuple[int, int], made: bool) -> None:
    width, height = size
    assert makes_size(merge.card, width, height) == made
    assert makes_latents(merge.card, (4, height // 8, width // 8)) == (made or width == 36)
    request = GenerateRequest(model="merge", width=width, height=height)
    if made:
        assert (request.resolve(merge.card).width, request.resolve(merge.card).height) == size
        return
    with pytest.raises(RequestError, match="multiples of 8 from 16 to 64"):
        request.resolve(merge.card)
    with pytest.raises(RequestError, match="allowed: 32x32, 48x24"):
        request.resolve(dataclasses.replace(merge.card, size_rule=None))


def test_the_first_offered_size_is_the_default_and_forks_follow_the_rule(merge: Merge) -> None:
    resolved = GenerateRequest(model="merge").resolve(merge.card)
    assert (resolved.width, resolved.height, resolved.steps) == (32, 32, 3)
    start = StartState(x=np.zeros((4, 2, 5), dtype=np.float32), index=1, times=(500, -1))
    wide = ForkRequest(request=GenerateRequest(model="merge", width=40, height=16), start=start)
    assert wide.resolve(merge.card).request.width == 40
    with pytest.raises(RequestError, match="start is a state of shape 4x2x5"):
        dataclasses.replace(wide, request=GenerateRequest(model="merge")).resolve(merge.card)
    for shape in [(3, 2, 5), (4, 2), (4, 1, 5), (4, 2, 5, 1)]:
        assert not makes_latents(merge.card, shape)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, TextOptions(emphasis="a1111", clip_skip=2)),
        ({"emphasis": "comfyui", "clip_skip": 4}, TextOptions(emphasis="comfyui", clip_skip=4)),
    ],
)
def test_emphasis_and_clip_skip_reach_the_model_and_its_defaults_fill_what_is_left_open(
    merge: Merge, folders: Folders, asked: dict[str, Any], expected: TextOptions
) -> None:
    events = list(Engine(folders, "cpu").run(GenerateRequest(model="merge", **asked)))
    (begun,) = (event for event in events if isinstance(event, JobStarted))
    assert (begun.request.emphasis, begun.request.clip_skip) == (expected.emphasis, expected.clip_skip)
    assert set(merge.texts) == {expected}


def test_a_clip_skip_beyond_the_first_layer_is_refused_and_without_clip_both_are_unused(merge: Merge) -> None:
    request = GenerateRequest(model="merge", emphasis="none", clip_skip=5)
    with pytest.raises(RequestError, match="clip_skip must be 1 to 4 with the model 'merge', not 5"):
        request.resolve(merge.card)
    resolved = request.resolve(dataclasses.replace(merge.card, text_defaults=None))
    assert (resolved.emphasis, resolved.clip_skip) == (None, None)
