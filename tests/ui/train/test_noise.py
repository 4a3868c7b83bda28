"""The forward process of the Noise tab: its formula, one noise for both schedules, and the schedules of training."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from studio.diffusion.schedules import SCHEDULES
from studio.ui.train.noise import FORWARD_SCHEDULES, ForwardModel, T, alpha_bars, level

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from PySide6.QtGui import QImage
    from pytestqt.qtbot import QtBot


@pytest.fixture
def model(qapp: object) -> Iterator[ForwardModel]:
    del qapp
    model = ForwardModel()
    yield model
    model.close()


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "grey.png"
    Image.new("RGB", (48, 48), (191, 128, 64)).save(path)
    return path


def looked_at(qtbot: QtBot, model: ForwardModel, path: Path) -> None:
    with qtbot.waitSignal(model.changed):
        model.set_picture(path, 32)


def pixels(image: QImage | None) -> np.ndarray:
    assert image is not None
    data = np.frombuffer(image.constBits(), dtype=np.uint8)
    return data.reshape(image.height(), image.bytesPerLine())[:, : 3 * image.width()].astype(np.float64)


def test_without_a_picture_there_is_nothing_to_see(model: ForwardModel) -> None:
    assert model.noised("linear") is None
    assert model.size == 0


def test_a_state_is_alpha_of_the_picture_and_sigma_of_the_noise(
    qtbot: QtBot, model: ForwardModel, picture: Path
) -> None:
    looked_at(qtbot, model, picture)
    model.set_t(0)
    clean = pixels(model.noised("cosine"))
    assert clean.reshape(-1, 3).mean(axis=0) == pytest.approx([191, 128, 64], abs=2)
    model.set_t(60)
    state = pixels(model.noised("linear"))
    held = level("linear", 60)
    x0 = np.array([191, 128, 64]) / 127.5 - 1
    expected = (held.alpha * x0 + 1) * 127.5
    assert state.reshape(-1, 3).mean(axis=0) == pytest.approx(expected, abs=3)
    assert state.reshape(-1, 3)[:, 1].std() == pytest.approx(held.sigma * 127.5, rel=0.2)
    model.set_t(10_000)
    assert model.t == T - 1


def test_both_schedules_get_the_same_noise_until_another_is_drawn(
    qtbot: QtBot, model: ForwardModel, picture: Path
) -> None:
    looked_at(qtbot, model, picture)
    model.set_t(T - 1)
    linear, cosine = pixels(model.noised("linear")), pixels(model.noised("cosine"))
    assert np.abs(linear - cosine).mean() < 2
    model.roll_noise()
    assert np.abs(pixels(model.noised("linear")) - linear).mean() > 40


def test_a_picture_that_cannot_be_read_is_reported(qtbot: QtBot, model: ForwardModel, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    looked_at(qtbot, model, broken)
    assert model.fault.endswith(".")
    assert model.noised("linear") is None


@pytest.mark.parametrize("name", FORWARD_SCHEDULES)
def test_alpha_bar_is_that_of_the_schedule_at_every_time(name: str) -> None:
    schedule = SCHEDULES[name]()
    assert schedule.T == T
    for t, value in enumerate(alpha_bars(name)):
        assert value == pytest.approx(schedule.alpha_bar_at(t), rel=1e-9)


@pytest.mark.parametrize("name", FORWARD_SCHEDULES)
@pytest.mark.parametrize("t", [0, 1, 499, 998, 999])
def test_signal_and_noise_of_a_state_follow_from_alpha_bar(name: str, t: int) -> None:
    schedule, found = SCHEDULES[name](), level(name, t)
    assert found.alpha == pytest.approx(schedule.alpha(t))
    assert found.sigma == pytest.approx(schedule.sigma(t))
    assert found.log_snr == pytest.approx(math.log(schedule.snr(t)))
