"""The window goes on while torch comes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from studio.engine import torch_setup
from studio.engine.device.device import spare_cores

ROOT = Path(__file__).parents[2]

PRELOAD = """
import sys
sys.modules.update(dict.fromkeys(BLOCKED))
from studio.engine.torch_setup import preload_torch
loaded = preload_torch()
assert "torch" not in sys.modules or sys.modules["torch"] is None
print(loaded, "libtorch_cpu" in open("/proc/self/maps").read())
"""


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_the_library_is_loaded_and_torch_not_imported() -> None:
    assert python(PRELOAD.replace("BLOCKED", "()")) == "True True"
    assert python(
        PRELOAD.replace("BLOCKED", "()") + "import torch; print(int(torch.ones(2).sum()))"
    ).endswith("2")


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_other_threads_run_while_the_library_is_loaded() -> None:
    code = """
import sys, threading, time
from studio.engine.torch_setup import preload_torch
ticks, done = [], threading.Event()
def tick():
    while not done.is_set():
        ticks.append(time.perf_counter()); time.sleep(0.002)
thread = threading.Thread(target=tick); thread.start()
time.sleep(0.02)
start = time.perf_counter()
HOW
end = time.perf_counter()
done.set(); thread.join()
print(sum(start < at < end for at in ticks), end - start)
"""
    released = python(code.replace("HOW", "preload_torch()")).split()
    held = python(
        code.replace(
            "HOW",
            "import ctypes, importlib.util, pathlib; "
            "lib = pathlib.Path(importlib.util.find_spec('torch').origin).parent / 'lib'; "
            "ctypes.CDLL(str(lib / 'libtorch_cpu.so'))",
        )
    ).split()
    assert int(released[0]) > 2 * int(held[0]), (
        "the library takes a tenth of a second; a tick is due every 2 ms"
    )


def test_without_torch_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_setup.importlib.util, "find_spec", lambda _: None)
    assert not torch_setup.preload_torch()
    monkeypatch.undo()
    monkeypatch.setattr(torch_setup, "_LIBRARIES", ("none.so",))
    assert not torch_setup.preload_torch()


def test_a_wait_time_set_by_the_user_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")  # so that whatever was there comes back
    monkeypatch.delenv("OMP_WAIT_POLICY")
    monkeypatch.setenv("KMP_BLOCKTIME", "30")
    torch_setup.wait_without_spinning()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    assert os.environ["KMP_BLOCKTIME"] == "30"


def test_cores_are_spared_down_to_one() -> None:
    before = torch.get_num_threads()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        for spared in (0, 1, 10_000):
            torch.set_num_threads(cores)
            spare_cores(spared)
            assert torch.get_num_threads() == max(1, cores - spared)
        torch.set_num_threads(1)
        spare_cores(0)
        assert torch.get_num_threads() == 1, "never more than were chosen"
    finally:
        torch.set_num_threads(before)
