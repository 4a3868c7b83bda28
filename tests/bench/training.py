"""How fast the training studio learns: its steps against a plain loop on the same backbone, pictures and batch.

The plain loop is what one writes first: a DataLoader of two workers that decodes each picture when its turn comes, the
frozen codec encoding it, float32, channels first, AdamW. It keeps no average of the weights, which ours does. Both read
the same PNG files, drop no caption and learn from the same frozen text encoder. The loader's share is the time in which
a step of ours waits for its captioned latents.
"""

from __future__ import annotations

import tempfile
import threading
import time
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from studio.backbones.codec import Codec
from studio.backbones.text import TextEncoder
from studio.diffusion.forward import q_sample
from studio.diffusion.prediction import target
from studio.diffusion.schedules import cosine
from studio.engine.device.device import choose
from studio.engine.training.plan import plan_training
from studio.engine.training.rehearsal import rehearse
from studio.engine.training.request import TrainRequest
from studio.folders import Folders
from studio.training.backbone_task import Autocast, DenoisingTask, make_modules
from studio.training.data.folder_source import FolderSource, read_folder, run_to_end
from studio.training.data.training_data import FolderData
from studio.training.ema import Ema
from studio.training.loop import make_optimizer, train
from tests.bench.measure import say, take_turns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from studio.training.data.sources import LatentSource
    from studio.training.recipe import Recipe

BAR, LOADER_BAR = 1.3, 0.05
PICTURES, SIDE = 256, 256
CASES = (("unet", "small"), ("unet", "medium"), ("dit", "small"))
STEPS, ROUNDS = 2, 5
CPU = torch.device("cpu")


def bench() -> Mapping[str, object]:
    """Measure every case; the headline is the worst of them."""
    with tempfile.TemporaryDirectory() as place:
        folder = draw_pictures(Path(place) / "pictures")
        figures = {
            f"{backbone}_{scale}": Case(folder, Path(place), backbone, scale).figures()
            for backbone, scale in CASES
        }
    worst = min(figures, key=lambda name: figures[name]["ratio"])
    share = max(figure["loader_share"] for figure in figures.values())
    headline = {
        "ratio": figures[worst]["ratio"],
        "bar": BAR,
        "holds": figures[worst]["ratio"] >= BAR,
        "loader_share": share,
        "loader_bar": LOADER_BAR,
        "loader_holds": share <= LOADER_BAR,
        "worst": worst,
    }
    return {"training_vs_plain_loop": headline, **figures}


def draw_pictures(folder: Path) -> Path:
    """Write pictures such as a camera might take: soft shapes with some grain, with captions."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(PICTURES):
        coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        soft = np.asarray(
            Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=np.int16
        )
        grain = rng.integers(-6, 7, soft.shape, dtype=np.int16)
        path = folder / f"{number:03}.png"
        Image.fromarray(np.clip(soft + grain, 0, 255).astype(np.uint8)).save(path)
        path.with_suffix(".txt").write_text(f"a soft picture, number {number}")
    return folder


class Case:
    """One backbone, in both loops."""

    def __init__(self, folder: Path, place: Path, backbone: str, scale: str) -> None:
        self.name, device = f"{backbone} {scale}", choose("cpu")
        request = TrainRequest(source=str(folder), name="bench", backbone=backbone, scale=scale, dropout=0.0)  # type: ignore[arg-type]
        plan = plan_training(request, Folders.under(place))
        say(f"training: {self.name}, choosing the numbers")
        self.dtype = run_to_end(rehearse(plan, device)).dtype
        self.recipe = plan.recipe
        assert self.recipe.codec is not None
        torch.manual_seed(0)
        codec = Codec(self.recipe.codec).eval().requires_grad_(False)
        text = TextEncoder(self.recipe.text).eval().requires_grad_(False)
        modules = make_modules(self.recipe, text)
        self.plain = PlainLoop(folder, self.recipe, codec, deepcopy(modules))
        read = run_to_end(read_folder(folder, request.size, place / "cache"))
        latents = run_to_end(FolderData(FolderSource(read)).encode(codec, CPU, threading.Event()))
        self.latents = Timed(latents)
        self.task = DenoisingTask(self.recipe, self.latents, modules, Autocast(self.dtype), text_frozen=True)
        config = self.recipe.loop
        self.steps = train(
            modules, self.task.loss, config, make_optimizer(modules, config), Ema(modules, config.ema)
        )

    def figures(self) -> dict[str, float]:
        """Return what was measured."""
        say(f"training: {self.name}, in turns with the plain loop")
        batch = self.recipe.loop.batch
        taken: list[float] = []

        def ours() -> None:
            begun = time.perf_counter()
            for _ in range(STEPS):
                next(self.steps)
            taken.append(time.perf_counter() - begun)

        mine, plain = take_turns(ours, lambda: self.plain.take(STEPS), rounds=ROUNDS, warm_ups=1)
        self.plain.close()
        return {
            "ratio": round(plain / mine, 3),
            "pictures_per_second": round(STEPS * batch / mine, 1),
            "plain_pictures_per_second": round(STEPS * batch / plain, 1),
            "reduced": float(self.dtype != "float32"),
            "loader_share": round(self.latents.seconds / sum(taken), 4),
        }


class Timed:
    """Latents, with the seconds that drawing them took."""

    def __init__(self, latents: LatentSource) -> None:
        self._latents, self.seconds = latents, 0.0

    def draw(self, count: int, generator: torch.Generator, *, from_pool: bool) -> tuple[Tensor, list[str]]:
        begun = time.perf_counter()
        drawn = self._latents.draw(count, generator, from_pool=from_pool)
        self.seconds += time.perf_counter() - begun
        return drawn


class Pictures(Dataset[tuple[Tensor, str]]):
    """Files that are decoded when their turn comes."""

    def __init__(self, folder: Path, size: int) -> None:
        self._paths, self._size = sorted(folder.glob("*.png")), size

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> tuple[Tensor, str]:
        path = self._paths[index]
        with Image.open(path) as image:
            square = image.convert("RGB").resize((self._size, self._size), Image.Resampling.LANCZOS)
        pixels = torch.from_numpy(np.array(square)).permute(2, 0, 1).float() / 127.5 - 1
        return pixels, path.with_suffix(".txt").read_text()


class PlainLoop:
    """The loop that one writes first."""

    def __init__(self, folder: Path, recipe: Recipe, codec: Codec, modules: torch.nn.ModuleDict) -> None:
        self._codec, self._backbone, self._text = codec, modules["backbone"].train(), modules["text"]
        self._schedule, self._config = cosine(), recipe.loop
        self._optimizer = torch.optim.AdamW(self._backbone.parameters(), lr=recipe.loop.learning_rate)
        pictures = Pictures(folder, recipe.data.size)
        self._loader = DataLoader(
            pictures, recipe.loop.batch, shuffle=True, num_workers=2, drop_last=True, persistent_workers=True
        )
        self._batches = self._endless()

    def _endless(self) -> Iterator[tuple[Tensor, Sequence[str]]]:
        while True:
            yield from self._loader

    def take(self, steps: int) -> None:
        """Take some steps."""
        for _ in range(steps):
            pictures, captions = next(self._batches)
            with torch.no_grad():
                x0 = self._codec.encode(pictures)
                condition = self._text.encode(captions)  # type: ignore[operator]
            t = torch.randint(self._schedule.T, (len(x0),))
            eps = torch.randn_like(x0)
            wanted = target("v", x0, eps, self._schedule.alphas(t), self._schedule.sigmas(t))
            loss = F.mse_loss(self._backbone(q_sample(self._schedule, x0, t, eps), t, condition), wanted)
            self._optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self._backbone.parameters(), self._config.clip)
            self._optimizer.step()
            loss.item()

    def close(self) -> None:
        """End the workers."""
        self._batches.close()  # type: ignore[attr-defined]
        del self._loader
