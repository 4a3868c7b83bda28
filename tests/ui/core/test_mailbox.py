from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QObject, Qt, QThread, QTimer, Signal, Slot

from studio.ui.core.engine_thread import Mailbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot

FRAMES = 2000
COST_MS, BEAT_MS = 2, 5


def test_it_is_empty_at_first() -> None:
    assert Mailbox[str]().take() == {}


def test_the_latest_wins() -> None:
    box: Mailbox[str] = Mailbox()
    for item in ("a", "b", "c"):
        box.put(0, item)
    assert box.take() == {0: "c"}


def test_each_key_has_its_own_latest() -> None:
    box: Mailbox[str] = Mailbox()
    for key, item in ((0, "a"), (1, "b"), (0, "c")):
        box.put(key, item)
    assert box.take() == {0: "c", 1: "b"}


def test_taken_items_are_removed() -> None:
    box: Mailbox[str] = Mailbox()
    box.put(0, "a")
    box.take()
    assert box.take() == {}


def test_it_wakes_the_receiver_once_until_its_items_are_taken() -> None:
    box: Mailbox[int] = Mailbox()
    assert [box.put(key, 0) for key in (0, 0, 1)] == [True, False, False]
    box.take()
    assert [box.put(key, 0) for key in (1, 0)] == [True, False]


def test_taken_items_do_not_change_afterwards() -> None:
    box: Mailbox[str] = Mailbox()
    box.put(0, "a")
    taken = box.take()
    box.put(0, "b")
    assert taken == {0: "a"}


def test_many_producers_lose_no_wake_up_and_no_last_item() -> None:
    producers, items = 8, 500
    box: Mailbox[int] = Mailbox()
    wakes = threading.Semaphore(0)
    seen: dict[int, int] = {}

    def produce(key: int) -> None:
        for item in range(items):
            if box.put(key, item):
                wakes.release()

    threads = [threading.Thread(target=produce, args=(key,)) for key in range(producers)]
    for thread in threads:
        thread.start()
    while seen != dict.fromkeys(range(producers), items - 1):
        assert wakes.acquire(timeout=10), "an item lies in the box, and nobody was woken"
        for key, item in box.take().items():
            assert item > seen.get(key, -1), "an older item came after a newer one"
            seen[key] = item
    for thread in threads:
        thread.join()


class Frame:
    """Some bytes that are counted while they live."""

    alive = most = 0
    _lock = threading.Lock()

    def __init__(self) -> None:
        self.bytes = bytearray(10_000)
        with Frame._lock:
            Frame.alive += 1
            Frame.most = max(Frame.most, Frame.alive)

    def __del__(self) -> None:
        with Frame._lock:
            Frame.alive -= 1


class Sender(QThread):
    """Makes frames as fast as it can, each a little dearer than a loop."""

    woken = Signal()
    sent = Signal(object)

    def __init__(self, frames: int, box: Mailbox[Frame] | None) -> None:
        super().__init__()
        self._frames, self.box = frames, box

    def run(self) -> None:
        for _ in range(self._frames):
            if self.box is None:
                self.sent.emit(Frame())
            elif self.box.put(0, Frame()):
                self.woken.emit()
            time.sleep(0)  # lets the other thread in, as a model call does


class SlowReceiver(QObject):
    """Takes its time over every frame, and listens to a timer besides."""

    def __init__(self, sender: Sender) -> None:
        super().__init__()
        self.painted, self.longest_s = 0, 0.0
        self._sender, self._last = sender, time.perf_counter()
        sender.woken.connect(self.on_woken, Qt.ConnectionType.QueuedConnection)
        sender.sent.connect(self.on_sent, Qt.ConnectionType.QueuedConnection)
        self._timer = QTimer(self, interval=BEAT_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.on_beat)
        self._timer.start()

    @Slot()
    def on_woken(self) -> None:
        assert self._sender.box is not None
        for frame in self._sender.box.take().values():
            self.on_sent(frame)

    @Slot(object)
    def on_sent(self, frame: Frame) -> None:
        assert frame.bytes
        QThread.msleep(COST_MS)
        self.painted += 1

    @Slot()
    def on_beat(self) -> None:
        now = time.perf_counter()
        self.longest_s, self._last = max(self.longest_s, now - self._last), now

    def stop(self) -> None:
        self._timer.stop()
        self.on_beat()


@pytest.fixture
def send(qtbot: QtBot) -> Callable[[int, Mailbox[Frame] | None], SlowReceiver]:
    """Send frames to a slow receiver, through a box or by a queued signal each, until it has seen the last."""

    def run(frames: int, box: Mailbox[Frame] | None) -> SlowReceiver:
        Frame.most = Frame.alive
        sender = Sender(frames, box)
        receiver = SlowReceiver(sender)
        with qtbot.waitSignal(sender.finished, timeout=20_000):
            sender.start()
        sender.wait()
        receiver.stop()
        return receiver

    return run


def test_frames_through_it_do_not_grow_memory_and_a_timer_fires_on_time(
    send: Callable[[int, Mailbox[Frame] | None], SlowReceiver],
) -> None:
    receiver = send(FRAMES, Mailbox())
    assert 0 < receiver.painted <= FRAMES
    assert Frame.most <= 5  # one is made, one lies in the box, one is painted
    assert receiver.longest_s < 0.15


def test_a_signal_for_each_frame_grows_memory_and_delays_a_timer(
    send: Callable[[int, Mailbox[Frame] | None], SlowReceiver],
) -> None:
    frames = 300
    receiver = send(frames, None)
    assert receiver.painted == frames
    assert Frame.most > frames / 2
    assert receiver.longest_s > frames * COST_MS / 1000 / 2
