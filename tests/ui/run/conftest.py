"""The program's models around an engine whose calls the test answers by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.ui.asked import Asked

if TYPE_CHECKING:
    from studio.ui.run.filmstrip import FilmstripModel
    from studio.ui.run.model import RunModel
    from studio.ui.shell.models import Models
    from tests.ui.program import MakeModels


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def models(make_models: MakeModels, monkeypatch: pytest.MonkeyPatch, asked: Asked) -> Models:
    made = make_models()
    monkeypatch.setattr(made.engine, "call", asked.call)
    return made


@pytest.fixture
def run(models: Models) -> RunModel:
    return models.run


@pytest.fixture
def strip(models: Models) -> FilmstripModel:
    return models.strip
