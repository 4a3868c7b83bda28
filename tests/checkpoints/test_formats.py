from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from studio.checkpoints.formats import FORMATS, load_model
from studio.errors import CheckpointError
from studio.weights.files import LoadCancelled
from tests.checkpoints.models import write_model
from tests.checkpoints.test_cancelling import Countdown

if TYPE_CHECKING:
    from pathlib import Path


def test_a_model_is_loaded_by_the_format_that_knows_it(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "m")
    assert [name for name, known in FORMATS.items() if known.recognises(folder)] == ["native"]
    assert load_model(folder).card.name == "tiny"
    with pytest.raises(LoadCancelled):
        load_model(folder, cancelled=Countdown(3))


def test_a_folder_that_no_format_knows_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"is not a model in a known format \(native\)"):
        load_model(tmp_path)
    with pytest.raises(CheckpointError, match=r"is not a model in a known format"):
        load_model(tmp_path / "nothing")
