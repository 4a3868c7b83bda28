"""Killed at random moments, a training makes the model that it would have made in one go, bit for bit.

The suite kills it four times, the long proof twenty times.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
# Half a minute of work, of which another program on the same cores may make many.
pytestmark = [pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"), pytest.mark.timeout(900)]


def killed(what: str, place: Path, kills: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.engine.training.killed", what, str(place), str(kills)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(("kills", "stages"), [(4, 1), pytest.param(20, 3, marks=pytest.mark.long)])
def test_a_killed_training_resumes_to_the_same_bits(tmp_path: Path, kills: int, stages: int) -> None:
    found = killed("keyed", tmp_path, kills)
    assert found["killed"] == kills
    assert len(found["stages"]) >= stages
    assert found["same"]


def test_a_loop_that_draws_from_a_running_stream_is_rejected(tmp_path: Path) -> None:
    assert not killed("streaming", tmp_path, 3)["same"]
