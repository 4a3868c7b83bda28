from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from studio import __version__
from studio.logs import LOG_NAME, report_unexpected, write_log

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def log(stepwise_home: Path) -> Path:
    return stepwise_home / "logs" / LOG_NAME


def raised(error: BaseException) -> BaseException:
    """The error with a traceback, as it is when somebody catches it."""
    try:
        raise error
    except BaseException as caught:  # noqa: BLE001 - whatever it is
        return caught


class SpeechlessError(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


def test_the_sentence_says_what_and_where_the_details_are(log: Path) -> None:
    sentence = report_unexpected(raised(RuntimeError("expected 4.")))
    assert sentence == f"Something unexpected went wrong: RuntimeError (expected 4); details are in {log}."


def test_the_log_has_the_whole_of_it_and_the_version(log: Path) -> None:
    report_unexpected(raised(RuntimeError("first\nsecond")))
    text = log.read_text("utf-8")
    assert f"Stepwise Studio {__version__}" in text
    assert "Traceback" in text
    assert "RuntimeError: first\nsecond" in text


def test_the_log_grows(log: Path) -> None:
    for word in ("one", "two"):
        assert write_log(word) == log
    assert log.read_text("utf-8").index("one") < log.read_text("utf-8").index("two")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (RuntimeError(""), "RuntimeError; details"),
        (RuntimeError("one\ntwo"), "RuntimeError (one); details"),
        (RuntimeError("x" * 1000), f"RuntimeError ({'x' * 200}); details"),
        (KeyboardInterrupt(), "KeyboardInterrupt; details"),
        (SpeechlessError(), "SpeechlessError; details"),
    ],
    ids=["no words", "two lines", "too long", "no Exception", "words that fail"],
)
def test_it_is_one_sentence_whatever_the_error_says(log: Path, error: BaseException, said: str) -> None:
    sentence = report_unexpected(raised(error))
    assert said in sentence
    assert "\n" not in sentence
    assert sentence.endswith(".")
    assert type(error).__name__ in log.read_text("utf-8")


@pytest.mark.parametrize("words", ["lone \ud800 surrogate", "\x00", "파란 배경 🍎"], ids=ascii)
def test_any_words_can_be_kept(log: Path, words: str) -> None:
    assert str(log) in report_unexpected(raised(RuntimeError(words)))
    assert log.read_text("utf-8")


def test_a_missing_package_is_named_with_the_way_to_get_it(log: Path) -> None:
    sentence = report_unexpected(raised(ModuleNotFoundError("no", name="tokenizers")))
    assert sentence.startswith("The Python package 'tokenizers' is missing;")
    assert "packaging/launch.py" in sentence
    assert not log.exists()


@pytest.mark.parametrize("name", ["studio.engine", None])
def test_a_missing_part_of_the_program_itself_is_unexpected(log: Path, name: str | None) -> None:
    assert "Something unexpected" in report_unexpected(raised(ModuleNotFoundError("no", name=name)))
    assert log.exists()


def test_where_the_log_cannot_be_written_the_sentence_does_without(stepwise_home: Path) -> None:
    stepwise_home.write_text("a file where the folder should be")
    assert write_log("x") is None
    sentence = report_unexpected(raised(RuntimeError("odd")))
    assert sentence == "Something unexpected went wrong: RuntimeError (odd)."


def test_several_threads_may_log_at_once(log: Path) -> None:
    threads = [threading.Thread(target=write_log, args=(f"<{number}>" * 50,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    text = log.read_text("utf-8")
    assert all(f"<{number}>" * 50 in text for number in range(8))
