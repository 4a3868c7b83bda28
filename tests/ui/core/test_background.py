from __future__ import annotations

import gc
import threading
from typing import TYPE_CHECKING

import pytest

from studio.errors import RequestError, StudioError
from studio.ui.core.background import Background, UnexpectedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot


@pytest.fixture
def background() -> Iterator[Background]:
    made = Background()
    yield made
    made.close()


def unexpected(error: StudioError) -> None:
    raise AssertionError(error)


def test_work_runs_in_another_thread_in_order_and_is_answered_in_this_one(
    background: Background, qtbot: QtBot
) -> None:
    done: list[int] = []
    worked: list[threading.Thread] = []
    answered: list[threading.Thread] = []

    def then(number: int) -> None:
        answered.append(threading.current_thread())
        done.append(number)

    def work(number: int) -> int:
        worked.append(threading.current_thread())
        return number

    for number in range(20):
        background.do(lambda number=number: work(number), then, unexpected)
    qtbot.waitUntil(lambda: done == list(range(20)))
    assert threading.main_thread() not in worked
    assert set(answered) == {threading.main_thread()}


def test_work_that_was_not_begun_is_replaced_by_newer_work_of_its_key(
    background: Background, qtbot: QtBot
) -> None:
    begun, go_on, done = threading.Event(), threading.Event(), []

    def wait() -> bool:
        begun.set()
        return go_on.wait(10)

    background.do(wait, done.append, unexpected, key="load")
    assert begun.wait(10)
    for name in ("old", "new"):
        background.do(lambda name=name: name, done.append, unexpected, key="load")
    background.do(lambda: "other", done.append, unexpected)
    go_on.set()
    qtbot.waitUntil(lambda: len(done) >= 3)
    assert done == [True, "new", "other"]


def test_a_studio_error_reaches_the_caller_unchanged(background: Background, qtbot: QtBot) -> None:
    failed: list[StudioError] = []

    error = RequestError("seed", "must be a whole number")

    def fail() -> None:
        raise error

    background.do(fail, lambda _: None, failed.append)
    qtbot.waitUntil(lambda: len(failed) == 1)
    assert failed == [error]


@pytest.mark.parametrize("error", [ZeroDivisionError("oh"), MemoryError(), KeyboardInterrupt()], ids=repr)
def test_an_unexpected_error_ends_its_work_with_a_sentence_and_other_work_continues(
    background: Background, qtbot: QtBot, error: BaseException
) -> None:
    done: list[int] = []
    failed: list[StudioError] = []

    def fail() -> None:
        raise error

    background.do(fail, lambda _: None, failed.append)
    background.do(lambda: 1, done.append, unexpected)
    qtbot.waitUntil(lambda: done == [1])
    (said,) = failed
    assert isinstance(said, UnexpectedError)
    assert type(error).__name__ in str(said)
    assert "\n" not in str(said)


def test_closing_ends_what_was_begun_and_answers_no_more(background: Background, qtbot: QtBot) -> None:
    begun, ended, answered = threading.Event(), [], []

    def work() -> None:
        begun.set()
        ended.append(threading.Event().wait(0.05))

    background.do(work, answered.append, unexpected)
    background.do(lambda: ended.append(True), answered.append, unexpected)
    assert begun.wait(10)
    assert background.close()
    background.do(lambda: ended.append(True), answered.append, unexpected)
    qtbot.waitUntil(lambda: True)
    assert ended == [False]
    assert answered == []


def test_deleting_it_during_work_is_safe(qtbot: QtBot) -> None:
    background, begun = Background(), threading.Event()

    def work() -> None:
        begun.set()
        threading.Event().wait(0.02)

    background.do(work, unexpected, unexpected)
    assert begun.wait(10)
    background.close()
    del background
    gc.collect()
