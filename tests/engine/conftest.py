"""Tiny models on disk, made once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from studio.engine.engine import Engine
from studio.folders import Folders
from tests.engine.tiny import save_tiny

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Folders with three models: "pixels", "latent" and "textless"."""
    home: Path = tmp_path_factory.mktemp("engine")
    folders = Folders.under(home)
    save_tiny(folders.models / "pixels")
    save_tiny(folders.models / "latent", latent=True, seed=2)
    save_tiny(folders.models / "textless", text=False, seed=3)
    return folders


@pytest.fixture
def engine(folders: Folders) -> Engine:
    """An engine on the CPU with nothing loaded."""
    return Engine(folders, "cpu")
