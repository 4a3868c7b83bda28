"""The same commands give the same pictures and the same JSON as at commit 124763c.

Another processor rounds differently, so pixels may differ a little; on the machine of the recording none does.
"""

from __future__ import annotations

import contextlib
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from studio.cli.main import run
from tests.golden.commands import COMMANDS, RECORDED, answers, comparable, pictures
from tests.golden.old_home import use_float32

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Given = dict[str, tuple[Any, list[NDArray[np.uint8]]]]

OLD: dict[str, Any] = json.loads((RECORDED / "answers.json").read_text(encoding="utf-8"))
LARGEST = 2
"""The most by which a value of a pixel may differ, of 255."""
LOWEST_PSNR_DB = 50.0


def read(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    """What each recorded command gives today, run in their order in one home: its answer and its pictures."""
    home = tmp_path_factory.mktemp("pictures")
    found: Given = {}
    first: dict[str, str] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEPWISE_HOME", str(home))
        use_float32(home)
        for command in COMMANDS:
            words = [word.format(**first) if word[0] == "{" else word for word in command.words]
            out, err = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = run(words)
            assert code == 0, err.getvalue()
            answer = answers(out.getvalue())
            files = pictures(answer)
            if files:
                first[command.name] = str(files[0])
            found[command.name] = answer, [read(path) for path in files]
    return found


def difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> tuple[int, float]:
    """Return the largest difference of two values of 0 to 255, and the PSNR in dB."""
    apart = one.astype(float) - other.astype(float)
    error = float((apart**2).mean())
    return int(abs(apart).max()), 20 * np.log10(255) - 10 * np.log10(error) if error else np.inf


NAMES = [command.name for command in COMMANDS]
DRAWN = sorted({path.stem.rpartition("-")[0] for path in (RECORDED / "pictures").iterdir()})


@pytest.mark.parametrize("name", DRAWN)
def test_the_pixels_are_the_same(name: str, given: Given) -> None:
    files = sorted((RECORDED / "pictures").glob(f"{name}-[0-9].png"))
    made = given[name][1]
    assert len(files) == len(made)
    for path, pixels in zip(files, made, strict=True):
        largest, psnr = difference(read(path), pixels)
        assert largest <= LARGEST, path.name
        assert psnr >= LOWEST_PSNR_DB, path.name


def test_another_seed_sampler_or_prompt_is_not_the_same() -> None:
    wrong = [("ddim-0", "fork-prompt-0"), ("lockstep-0", "lockstep-1"), ("negative-0", "negative-1")]
    for one, other in wrong:
        first, second = (read(RECORDED / "pictures" / f"{name}.png") for name in (one, other))
        largest, psnr = difference(first, second)
        assert largest > 10 * LARGEST
        assert psnr < LOWEST_PSNR_DB - 10


@pytest.mark.parametrize("name", NAMES)
def test_the_json_has_the_same_keys_and_values(name: str, given: Given) -> None:
    answer = given[name][0]
    if name == "models":
        answer = [[one for one in answer[0] if one["name"] == "starter"]]
    differs = differences(OLD[name], comparable(answer))
    assert differs == []


def differences(old: Any, new: Any, where: str = "") -> list[str]:  # noqa: ANN401 - any JSON value
    """Return where a JSON value is not as it was; keys that were added are none."""
    if isinstance(old, dict) and isinstance(new, dict):
        lost = [f"{where}.{name} is gone" for name in old.keys() - new.keys()]
        return lost + [
            one
            for name in old.keys() & new.keys()
            for one in differences(old[name], new[name], f"{where}.{name}")
        ]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [
            one
            for place, (was, now) in enumerate(zip(old, new, strict=True))
            for one in differences(was, now, f"{where}[{place}]")
        ]
    if isinstance(old, float) and isinstance(new, float):
        same = new == pytest.approx(old, rel=0.02, abs=1e-3)
    else:
        same = old == new
    return [] if same else [f"{where} is {new!r}, was {old!r}"]


def test_a_lost_key_and_another_value_are_seen() -> None:
    assert differences({"a": 1, "b": [1.0]}, {"a": 1, "b": [1.0001], "c": 2}) == []
    assert differences({"a": 1, "b": [1.0]}, {"b": [1.5]}) == [".a is gone", ".b[0] is 1.5, was 1.0"]


def test_a_fork_that_changes_nothing_is_its_parent_bit_for_bit(given: Given) -> None:
    parent, fork = given["ddim"], given["fork-unchanged"]
    assert parent[0][0]["final_sha256"] == fork[0][0]["final_sha256"]
    assert np.array_equal(parent[1][0], fork[1][0])
    assert given["fork-sampler"][0][0]["final_sha256"] != parent[0][0]["final_sha256"]
