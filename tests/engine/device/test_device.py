"""Devices are found and named; reduced precision is chosen only where it was measured to be clearly faster."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest
import torch

from studio.backbones.precision import EXACT, REDUCED, in_precision
from studio.backbones.unet import UNet, UNetConfig
from studio.diffusion.conditioning import Conditioning
from studio.engine.device import device as device_module
from studio.engine.device import hardware
from studio.engine.device import precision as precision_module
from studio.engine.device.device import Device, choose, find_devices, unused_gpu
from studio.engine.device.precision import (
    CACHE_NAME,
    CLEARLY_FASTER,
    choose_precision,
    measure_speedup,
)
from studio.errors import DeviceError
from studio.weights.files import LoadCancelled

if TYPE_CHECKING:
    from pathlib import Path

CPU = Device(name="cpu", kind="cpu", title="Some Processor", torch_name="cpu")
CARD = Device(name="cuda:0", kind="cuda", title="Some Card", torch_name="cuda:0")


def test_the_cpu_is_always_there_and_comes_last() -> None:
    devices = find_devices()
    assert devices[-1].kind == "cpu"
    assert choose("cpu") == devices[-1]
    assert choose("auto") == choose(devices[0].name)


@pytest.mark.parametrize("name", ["cuda:99", "gpu", "", "CPU ", "a\nb", "x" * 10_000, "meta"])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(name: str) -> None:
    with pytest.raises(DeviceError, match=r"does not exist .*auto.*cpu") as caught:
        choose(name)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_a_device_that_does_not_work_is_skipped_unless_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(device_module, "find_devices", lambda: (CARD, CPU))
    monkeypatch.setattr(device_module, "_fault", lambda device: "no kernel image" if device is CARD else None)
    assert choose("auto") is CPU
    with pytest.raises(DeviceError, match=r"'cuda:0' does not work: no kernel image"):
        choose("cuda")


def test_the_precision_is_measured_once_and_remembered(tmp_path: Path) -> None:
    measured: list[str] = []

    def measure(device: Device, _: threading.Event) -> float:
        measured.append(device.title)
        return {"Some Processor": 0.2, "Some Card": 3.1}[device.title]

    for _ in range(3):
        assert choose_precision(CPU, tmp_path, measure=measure) == EXACT
        assert choose_precision(CARD, tmp_path, measure=measure) == REDUCED
    assert measured == ["Some Processor", "Some Card"]
    known = json.loads((tmp_path / CACHE_NAME).read_text())
    assert sorted(known.values()) == [0.2, 3.1]
    assert all(torch.__version__ in key for key in known)


@pytest.mark.parametrize("speedup", [0.0, 1.0, CLEARLY_FASTER - 0.05])
def test_what_is_not_clearly_faster_stays_exact(tmp_path: Path, speedup: float) -> None:
    assert choose_precision(CPU, tmp_path, measure=lambda *_: speedup) == EXACT


@pytest.mark.parametrize("text", ["", "[1]", "{", "[" * 100_000, '{"cpu": "fast"}', "\x00"])
def test_a_damaged_cache_is_measured_again(tmp_path: Path, text: str) -> None:
    (tmp_path / CACHE_NAME).write_text(text)
    assert choose_precision(CPU, tmp_path, measure=lambda *_: 2.0) == REDUCED
    assert choose_precision(CPU, tmp_path, measure=lambda *_: 0.0) == REDUCED, "it was not remembered"


def test_a_cache_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert choose_precision(CPU, tmp_path / "file" / "cache", measure=lambda *_: 2.0) == REDUCED


def test_measuring_takes_a_moment_and_can_be_dropped(tmp_path: Path) -> None:
    assert measure_speedup(choose("cpu"), threading.Event()) > 0
    cancelled = threading.Event()
    cancelled.set()
    with pytest.raises(LoadCancelled):
        choose_precision(choose("cpu"), tmp_path, cancelled=cancelled)
    assert not (tmp_path / CACHE_NAME).exists()


def test_a_device_without_reduced_numbers_counts_as_not_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("bfloat16 is not supported on this device")

    monkeypatch.setattr(precision_module, "_convolution", refuse)
    assert measure_speedup(choose("cpu"), threading.Event()) == 0.0


@torch.no_grad()
def test_a_reduced_backbone_takes_and_gives_float32_and_is_nearly_the_exact_one() -> None:
    torch.manual_seed(0)
    net = UNet(UNetConfig(channels=4, widths=(16, 32), blocks=1, embedding=32, head_width=16))
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    x, t = torch.randn(2, 4, 8, 8), torch.tensor([10, 900])
    assert in_precision(net, EXACT) is net
    exact = net(x, t, Conditioning())
    reduced = in_precision(net, REDUCED)
    output = reduced(x, t, Conditioning())
    assert output.dtype == torch.float32
    assert net.stem.weight.dtype == torch.bfloat16
    assert net.out_norm.weight.dtype == torch.float32
    error = float((output - exact).norm() / exact.norm())
    assert 0 < error < 0.05


def test_a_gpu_that_torch_cannot_use_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module, "installed_gpus", lambda: ("an NVIDIA GPU",))
    said = unused_gpu((CPU,))
    assert said is not None
    assert "This machine has an NVIDIA GPU, but the installed torch" in said
    assert unused_gpu((CARD, CPU)) is None
    monkeypatch.setattr(device_module, "installed_gpus", lambda: ())
    assert unused_gpu((CPU,)) is None


def test_graphics_cards_are_known_by_their_makers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hardware, "_CARDS", tmp_path)
    monkeypatch.setattr(hardware, "_NVIDIA_DRIVER", tmp_path / "driver")
    monkeypatch.setattr(hardware.shutil, "which", lambda _: None)
    monkeypatch.setattr(hardware.sys, "platform", "linux")
    assert hardware.installed_gpus() == ()
    for card, vendor in (("card0", "0x8086"), ("card1", "0x1002"), ("card2", "0x10de")):
        (tmp_path / card / "device").mkdir(parents=True)
        (tmp_path / card / "device" / "vendor").write_text(f"{vendor}\n")
    assert set(hardware.installed_gpus()) == {"an AMD GPU", "an NVIDIA GPU"}


def test_the_processor_has_a_name_that_can_be_shown() -> None:
    name = hardware.processor_name()
    assert name.isprintable()
    assert 1 <= len(name) <= 80
    assert choose("cpu").label.startswith(f"cpu ({name}, ")
