"""What a training really took is what the next one is estimated by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from studio.engine.training.estimate import (
    ENOUGH_STEPS,
    EtaEstimator,
    Timing,
    estimate,
    read_timing,
    update_timing,
    write_timing,
)
from studio.engine.training.request import TrainRequest

if TYPE_CHECKING:
    from pathlib import Path

SLOW = Timing(
    machine="here",
    dtype="float32",
    seconds={"codec": 1.0, "text": 1.0, "backbone": 2.0},
    batch=16,
    bytes_per_picture=1e6,
    parameters=1000,
)


def test_a_pace_is_known_from_enough_steps_and_no_straggler_moves_it() -> None:
    pace = EtaEstimator({"codec": 100, "backbone": 100}, {})
    for _ in range(ENOUGH_STEPS - 1):
        pace.add_step("codec", 0.1)
    assert pace.measured("codec") is None
    pace.add_step("codec", 60.0)
    assert pace.measured("codec") == pytest.approx(0.1)
    assert pace.measured("backbone") is None


def test_an_estimate_follows_what_steps_took_whatever_their_batch(tmp_path: Path) -> None:
    request = TrainRequest(source="there", name="mine", steps=100, batch=8, learning_rate=1e-3)
    write_timing(request, SLOW, tmp_path)
    before = estimate(request, tmp_path).seconds
    assert before is not None
    corrected = update_timing(request, SLOW, "backbone", 0.25, tmp_path)
    assert read_timing(request, tmp_path) == corrected
    after = estimate(request, tmp_path).seconds
    assert after is not None
    assert before - after == pytest.approx(100 * (2.0 * 8 / 16 - 0.25))
