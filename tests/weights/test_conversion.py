"""PyTorch files are converted once, by a process that runs nothing of them."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file, save_file

from studio.errors import CheckpointError, StorageError
from studio.weights import conversion, torch_file
from studio.weights.conversion import (
    as_safetensors,
    command,
    is_torch_file,
    read_torch_header,
    remove_old,
)
from studio.weights.files import LoadCancelled
from studio.weights.header import check_file
from tests.weights.test_torch_file import WORST, same, saved
from tests.weights.torch_corpus import HOSTILE, archive, called, state, tensor, text

if TYPE_CHECKING:
    from pathlib import Path


def test_of_a_training_checkpoint_the_weights_are_kept_and_its_facts(tmp_path: Path) -> None:
    model = torch.nn.Linear(3, 2)
    moments = {0: {"step": torch.tensor(1.0), "exp_avg": torch.ones(2, 3)}}
    checkpoint = {
        "epoch": 3,
        "global_step": 110_000,
        "state_dict": OrderedDict(model.state_dict()),
        "optimizer_states": [{"state": moments, "param_groups": [{"lr": 0.1, "betas": (0.9, 0.999)}]}],
        "callbacks": {"x": {"best": None}},
    }
    path = tmp_path / "v2.ckpt"
    path.write_bytes(saved(checkpoint))
    target = as_safetensors(path, tmp_path / "cache")
    assert same(load_file(target), dict(model.state_dict()))
    assert check_file(target).metadata == {"format": "pt", "epoch": "3", "global_step": "110000"}


@pytest.mark.parametrize("case", WORST)
def test_the_process_refuses_within_two_seconds_and_128_mb(case: str, tmp_path: Path) -> None:
    data, reason = HOSTILE[case]
    path = tmp_path / "model.ckpt"
    path.write_bytes(data)
    with path.open("rb") as file:
        done = subprocess.run(command(), stdin=file, capture_output=True, check=False)
    report = json.loads(done.stderr)
    assert done.returncode == 1
    assert done.stdout == b""
    assert reason in report["refused"]["template"].format_map(report["refused"]["values"])
    assert report["peak"] < 128e6
    assert report["seconds"] < 2


def test_the_memory_of_the_process_is_limited(tmp_path: Path) -> None:
    if torch_file.resource is None or not os.path.exists("/proc/self/statm"):
        pytest.skip("this system cannot limit it")
    code = command()[-1].split("\n")[0] + (
        "\nfrom studio.weights import torch_file\ntorch_file._limit_memory(torch_file.MEMORY)\n"
        "try: bytearray(200 * 2**20)\nexcept MemoryError: print('limited')"
    )
    done = subprocess.run([*command()[:-1], code], capture_output=True, text=True, check=True)
    assert done.stdout == "limited\n"


def test_a_file_is_converted_once_and_again_when_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, path = tmp_path / "cache", tmp_path / "model.ckpt"
    path.write_bytes(archive())
    fractions: list[float] = []
    first = as_safetensors(path, cache, progress=fractions.append)
    assert fractions == sorted(fractions)
    with monkeypatch.context() as patched:
        patched.setattr(conversion, "command", lambda: pytest.fail("it was converted twice"))
        assert as_safetensors(path, cache) == first
    path.write_bytes(archive(state(text("b"), tensor())))
    assert load_file(as_safetensors(path, cache)).keys() == {"b"}


def test_what_a_file_holds_is_known_without_converting_it(tmp_path: Path) -> None:
    path = tmp_path / "model.ckpt"
    path.write_bytes(
        saved({"state_dict": {"a": torch.ones(2, 3).half(), "b": torch.tensor(1.0)}, "global_step": 7})
    )
    header = read_torch_header(path)
    assert header == check_file(as_safetensors(path, tmp_path / "cache"))
    assert header.metadata["global_step"] == "7"
    path.write_bytes(archive(called("os.system", text("touch owned"))))
    with pytest.raises(CheckpointError, match=r"names 'os\.system'"):
        read_torch_header(path)


def test_the_content_decides_what_a_file_is(tmp_path: Path) -> None:
    path = tmp_path / "really.ckpt"
    save_file({f"{'layer' * 20}.{n}": torch.ones(1) for n in range(2)}, path)
    assert not is_torch_file(path)
    assert as_safetensors(path, tmp_path / "cache") == path
    length = int.from_bytes(path.read_bytes()[:8], "little")
    padding = b" " * ((0x280 if length < 0x280 else 0x380) - length)
    header = path.read_bytes()[8 : 8 + length] + padding
    path.write_bytes(len(header).to_bytes(8, "little") + header + path.read_bytes()[8 + length :])
    assert path.read_bytes()[0] == 0x80  # begins like a pickle
    assert not is_torch_file(path)
    assert check_file(path).parameters == 2
    path.write_bytes(archive())
    assert is_torch_file(path)


def test_a_refused_file_leaves_nothing_and_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.ckpt"
    path.write_bytes(archive(called("os.system", text("touch owned"))))
    with pytest.raises(CheckpointError, match=r"bad\.ckpt names 'os\.system', which has no place") as refused:
        as_safetensors(path, tmp_path / "cache")
    assert refused.value.reason.template.startswith("names {name}")  # type: ignore[attr-defined] - translatable
    assert list((tmp_path / "cache" / conversion.FOLDER).iterdir()) == []


@pytest.mark.parametrize(
    ("code", "error", "reason"),
    [
        ("print('{\"errno\": 28}', file=sys.stderr); sys.exit(1)", StorageError, "the disk is full"),
        ("print('{\"errno\": 5}', file=sys.stderr); sys.exit(1)", CheckpointError, "input/output error"),
        ("import os; os.abort()", CheckpointError, "its converter ended unexpectedly"),
        ("print('x', file=sys.stderr); sys.exit(3)", CheckpointError, "its converter ended unexpectedly"),
        ("pass", CheckpointError, "is empty"),
    ],
)
def test_a_converter_that_fails_is_an_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, error: type[Exception], reason: str
) -> None:
    path = tmp_path / "model.ckpt"
    path.write_bytes(archive())
    monkeypatch.setattr(conversion, "command", lambda: [*command()[:-1], f"import sys\n{code}"])
    with pytest.raises(error, match=reason):
        as_safetensors(path, tmp_path / "cache")
    assert list((tmp_path / "cache" / conversion.FOLDER).iterdir()) == []


@pytest.mark.parametrize("limit", [60.0, 0.0])
def test_a_conversion_that_hangs_is_cancelled_or_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: float
) -> None:
    path = tmp_path / "model.ckpt"
    path.write_bytes(archive())
    monkeypatch.setattr(conversion, "command", lambda: [*command()[:-1], "import time; time.sleep(60)"])
    monkeypatch.setattr(conversion, "MAX_READING_S", limit)
    cancelled = threading.Event()
    if limit:
        cancelled.set()
    begun = time.perf_counter()
    with pytest.raises(LoadCancelled if limit else CheckpointError):
        as_safetensors(path, tmp_path / "cache", cancelled=cancelled)
    assert time.perf_counter() - begun < 20
    assert list((tmp_path / "cache" / conversion.FOLDER).iterdir()) == []


# ------------------------------------------------------------------------------------------------- old conversions
@pytest.fixture
def kept(tmp_path: Path) -> tuple[Path, dict[str, Path]]:
    """A cache with the conversions of three files, used one after another, and those by the name of their source."""
    cache, made = tmp_path / "cache", {}
    for age, name in ((300, "a"), (200, "b"), (100, "c")):
        path = tmp_path / "drive" / f"{name}.ckpt"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(archive())
        made[name] = as_safetensors(path, cache)
        then = time.time() - age * 24 * 3600
        os.utime(made[name], (then, then))
    return cache, made


def left(made: dict[str, Path]) -> str:
    return "".join(name for name, path in made.items() if path.exists())


def test_conversions_whose_source_is_gone_or_changed_are_removed(
    tmp_path: Path, kept: tuple[Path, dict[str, Path]]
) -> None:
    cache, made = kept
    assert remove_old(cache) == 0
    (tmp_path / "drive" / "a.ckpt").unlink()
    (tmp_path / "drive" / "c.ckpt").write_bytes(archive(state(text("other"), tensor())))
    assert remove_old(cache) == 2
    assert left(made) == "b"


def test_a_drive_that_is_not_there_is_waited_for(tmp_path: Path, kept: tuple[Path, dict[str, Path]]) -> None:
    cache, made = kept
    (tmp_path / "drive").rename(tmp_path / "unplugged")
    assert remove_old(cache) == 0
    assert left(made) == "abc"


def test_beyond_the_limit_those_unused_for_the_longest_time_are_removed(
    tmp_path: Path, kept: tuple[Path, dict[str, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, made = kept
    size = made["a"].stat().st_size
    monkeypatch.setattr(conversion, "MAX_BYTES", 3 * size)
    as_safetensors(tmp_path / "drive" / "a.ckpt", cache)  # used again
    remove_old(cache, room_for=1)
    assert left(made) == "ac"
    monkeypatch.setattr(conversion, "MAX_BYTES", 0)
    remove_old(cache)
    assert left(made) == "a", "it was used within the last hour"


def test_without_the_list_of_sources_nothing_is_taken_for_old(kept: tuple[Path, dict[str, Path]]) -> None:
    cache, made = kept
    for content in (b"[", b"{}", b'{"x": 1}', b"\xff"):
        (cache / conversion.INDEX).write_bytes(content)
        assert remove_old(cache) == 0
    assert left(made) == "abc"
