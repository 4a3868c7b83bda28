"""Cards of models that need no weights, and a catalogue of them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEventLoop

from studio.checkpoints.card import Component, Defaults, ModelCard
from studio.checkpoints.catalog import InstalledModel, Library
from studio.checkpoints.family_models import FAMILIES, FamilyInfo
from studio.checkpoints.library.scan import Scan
from studio.folders import Folders
from studio.ui.core import catalog as catalog_module
from studio.ui.core.catalog import Catalog

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from studio.families.interface import ModelInfo

STARTER = ModelCard(
    name="starter",
    title="Starter",
    backbone=Component(kind="unet"),
    text=Component(kind="words"),
    codec=Component(kind="conv"),
    schedule=Component(kind="cosine"),
    prediction="v",
    sizes=((64, 64),),
    downscale=8,
    latent_shape=(16, 8, 8),
    clip=False,
    defaults=Defaults(sampler="ddim", steps=30, guidance=3.0, spacing="trailing"),
    licence="MIT",
    training_data="A thousand drawings of things, with captions in English",
    recipe="starter.toml",
    evaluation={"top1": 0.947, "top5": 0.985, "candidates": 1140, "samplers": {"by_name": {}}},
    parameters=22_732_013,
    weights_sha256="e" * 64,
)
LARGE = dataclasses.replace(
    STARTER,
    name="large",
    title="Large",
    schedule=Component(kind="linear", config={"T": 500}),
    prediction="eps",
    sizes=((128, 128), (128, 64), (64, 64)),
    latent_shape=(16, 16, 16),
    defaults=Defaults(sampler="ddpm", steps=100, guidance=5.0, spacing="leading"),
    evaluation={},
    weights_sha256="1" * 64,
)
SDXL = FamilyInfo(
    name="juggernaut",
    family_name="sdxl",
    files=(),
    signature="",
    prediction="eps",
    defaults=FAMILIES["sdxl"].defaults,
    parameters=3_468_841_607,
    size_on_disk=6_938_040_682,
    precision="F16",
    weights_sha256="2" * 64,
)
SD1 = dataclasses.replace(
    SDXL,
    name="dreamshaper",
    family_name="sd1",
    defaults=FAMILIES["sd1"].defaults,
    parameters=1_066_235_307,
    size_on_disk=2_132_625_894,
    weights_sha256="3" * 64,
)
WORDLESS = dataclasses.replace(STARTER, name="wordless", title="Wordless", text=None, weights_sha256="0" * 64)


def installed(card: ModelInfo, *, shipped: bool = False) -> InstalledModel:
    return InstalledModel(name=card.name, folder=Path("/models") / card.name, shipped=shipped, card=card)


def broken(name: str, error: str = "The model file card.json is not UTF-8 text.") -> InstalledModel:
    return InstalledModel(name=name, folder=Path("/models") / name, shipped=False, error=error)


def show_models(monkeypatch: pytest.MonkeyPatch, *models: InstalledModel) -> None:
    """Have every `Catalog` find these, from its next look on."""
    library = Library(models, Scan(files=()))
    monkeypatch.setattr(catalog_module, "list_library", lambda folders, **_: library)


def make_catalog(monkeypatch: pytest.MonkeyPatch, *models: InstalledModel | ModelInfo) -> Catalog:
    found = [model if isinstance(model, InstalledModel) else installed(model) for model in models]
    show_models(monkeypatch, *found)
    return listed(Catalog(Folders.find()))


def listed(catalog: Catalog) -> Catalog:
    """Wait until a catalogue has listed its models, and return it."""
    loop = QEventLoop()
    catalog.changed.connect(loop.quit)
    if not catalog.listed:
        loop.exec()
    catalog.changed.disconnect(loop.quit)
    return catalog


def numbers(*values: int) -> Callable[[int], int]:
    """Return a stand-in for chance that draws these numbers in turn."""
    left = list(values)
    return lambda below: left.pop(0) % below
