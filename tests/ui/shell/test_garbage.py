"""Cyclic garbage of Qt is destroyed in the thread that it belongs to."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from studio.ui.shell.garbage import GarbageCollector

ROOT = Path(__file__).parents[3]

CYCLES = """
import gc, sys, threading, weakref

from PySide6.QtCore import QCoreApplication, QObject

from studio.ui.shell.garbage import GarbageCollector

app = QCoreApplication([])
threads = []


def drop_a_cycle():
    dropped = QObject()
    dropped.itself = dropped
    weakref.finalize(dropped, lambda: threads.append(threading.current_thread()))


def allocate():
    for _ in range(50):
        cycles = [[] for _ in range(2_000)]
        for one in cycles:
            one.append(one)


collector = GarbageCollector()
gc.enable()
if sys.argv[1] == "gui":
    collector.start()
drop_a_cycle()
other = threading.Thread(target=allocate)
other.start()
other.join()
while not threads:
    allocate()
    collector.collect_if_due()
print("gui" if set(threads) == {threading.main_thread()} else "other")
"""


@pytest.mark.parametrize("collects", ["gui", "other"])
def test_cycles_of_qt_are_destroyed_in_the_gui_thread_unless_python_collects_by_itself(collects: str) -> None:
    command = [sys.executable, "-c", CYCLES, collects]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == collects


def test_stopping_restores_the_automatic_collection() -> None:
    before = gc.isenabled()
    gc.enable()
    try:
        collector = GarbageCollector()
        collector.start()
        assert not gc.isenabled()
        collector.stop()
        assert gc.isenabled()
    finally:
        gc.enable() if before else gc.disable()


READY = """
import gc

from PySide6.QtCore import QCoreApplication

from studio.engine.events import EngineReport
from studio.ui.core.engine_call import EngineFailed, EngineReady
from studio.ui.shell.garbage import GarbageCollector

app = QCoreApplication([])
collector = GarbageCollector()
frozen = gc.get_freeze_count()  # Python 3.12 freezes objects of its own
collector.on_engine_event(EngineFailed(sentence="", details=""))
print(gc.get_freeze_count() == frozen)
collector.on_engine_event(EngineReady(report=EngineReport(device="", dtype="", unused_gpu=None)))
print(gc.get_freeze_count() > len(gc.get_objects()))
"""


def test_what_is_there_once_the_engine_is_ready_is_never_examined_again() -> None:
    command = [sys.executable, "-c", READY]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["True", "True"]
