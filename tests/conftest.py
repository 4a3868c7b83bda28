"""What every test shares: user folders of its own, and no window on the screen. Imports no torch."""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ["HF_HUB_OFFLINE"] = "1"
# Models here are tiny: more threads than one gain nothing, and beside another busy program they cost a hundredfold.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Where Python may not keep bytecode, as in many containers, each of the many programs that tests start compiles all of
# its modules: some seconds of work a time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A shell starts a background job with interrupts ignored, and its children would ignore those that tests send.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is no reason to fail, and a failure must be the same on every machine.
settings.register_profile(
    "suite",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=True,
    database=None,
)
settings.load_profile("suite")


def pytest_sessionstart() -> None:
    """Collect cyclic garbage between the tests only, in the main thread.

    Python would do it in any thread that allocates, that of pytest-xdist too, and Qt aborts when the objects of a
    window are destroyed there.
    """
    gc.disable()


def pytest_runtest_teardown() -> None:
    counts, thresholds = gc.get_count(), gc.get_threshold()
    due = [generation for generation in range(3) if counts[generation] > thresholds[generation]]
    if due:
        gc.collect(due[-1])


@pytest.fixture(autouse=True)
def stepwise_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep the program out of the user's own folders; the folder itself is made by who needs it."""
    home = tmp_path / "stepwise-home"
    monkeypatch.setenv("STEPWISE_HOME", str(home))
    return home
