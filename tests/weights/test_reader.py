from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file, save_file

from studio.errors import CheckpointError
from studio.weights import tensor_file
from studio.weights.files import LoadCancelled
from studio.weights.header import WIDTHS
from studio.weights.reader import DTYPES, TensorReader
from tests.weights.corpus import HOSTILE, entry, packed

if TYPE_CHECKING:
    from pathlib import Path

TENSORS = {
    "wide": torch.arange(15, dtype=torch.float16).reshape(3, 5),
    "scalar": torch.tensor(7),
    "small": torch.linspace(-3, 3, 24).reshape(2, 3, 4).to(torch.float8_e4m3fn),
    "brain": torch.arange(4, dtype=torch.bfloat16),
    "mask": torch.tensor([True, False]),
    "nothing": torch.zeros(3, 0),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_file(TENSORS, path)
    return path


def same(first: torch.Tensor, second: torch.Tensor) -> bool:
    return (first.dtype, first.shape) == (second.dtype, second.shape) and bool(
        torch.equal(first.reshape(-1).view(torch.uint8), second.reshape(-1).view(torch.uint8))
    )


def test_every_tensor_is_read_bit_for_bit_in_its_own_dtype(path: Path) -> None:
    with TensorReader(path) as file:
        assert file.shapes == {name: tuple(tensor.shape) for name, tensor in TENSORS.items()}
        read, expected = file.read_all(), load_file(path)
        assert same(file.read("brain"), TENSORS["brain"])
        assert file.read_all(["mask"]).keys() == {"mask"}
    assert read.keys() == expected.keys()
    assert all(same(read[name], expected[name]) for name in expected)
    assert [name for name in read if read[name].numel()] == [
        name for name in file.entries if file.entries[name].size
    ]  # in the order of the file


@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype_of_a_header_has_its_own_in_torch(tmp_path: Path, name: str) -> None:
    width = DTYPES[name].itemsize
    path = tmp_path / "model.safetensors"
    path.write_bytes(packed({"a": entry([1], [0, width], name)}, bytes(width)))
    if name == "F8_E8M0":
        with pytest.raises(CheckpointError, match="MXFP8"):
            TensorReader(path)
        return
    with TensorReader(path) as file:
        assert file.read("a").dtype == DTYPES[name]


def test_tensors_outlive_the_file(path: Path) -> None:
    with TensorReader(path) as file:
        read = file.read("wide")
    path.write_bytes(b"\xff" * path.stat().st_size)
    path.unlink()
    assert same(read, TENSORS["wide"])


def test_the_dtypes_of_the_header_and_of_torch_are_the_same() -> None:
    assert {name: dtype.itemsize for name, dtype in DTYPES.items()} == WIDTHS


def _replace(path: Path) -> None:
    other = path.with_name("other")
    save_file({name: tensor.clone() for name, tensor in TENSORS.items()}, other)
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 20)


def _overwrite(path: Path) -> None:
    before = path.stat().st_mtime_ns
    with path.open("r+b") as file:
        file.seek(-4, os.SEEK_END)
        file.write(b"\xff\xff")
    os.utime(path, ns=(before, before + 1))


def _remove(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_replace, "was replaced or changed while it was in use"),
        (_truncate, "became shorter|was replaced or changed"),
        (_overwrite, "was replaced or changed while it was in use"),
        (_remove, "is missing"),
    ],
)
def test_a_file_that_changes_while_it_is_open_is_an_error_and_never_a_wrong_tensor(
    path: Path, change: object, reason: str
) -> None:
    with TensorReader(path) as file:
        first = file.read("wide")
        change(path)  # type: ignore[operator]
        with pytest.raises(CheckpointError, match=reason):
            file.read_all()
    assert same(first, TENSORS["wide"])


def test_without_the_check_a_changed_file_would_give_wrong_tensors(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with TensorReader(path) as file:
        _overwrite(path)
        monkeypatch.setattr(tensor_file, "check_unchanged", lambda *_: None)
        assert not all(same(tensor, TENSORS[name]) for name, tensor in file.read_all().items())


def test_a_drive_that_is_unplugged_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with TensorReader(path) as file:

        def gone(*_: object) -> os.stat_result:
            raise OSError(19, "No such device")

        monkeypatch.setattr(os, "stat", gone)
        with pytest.raises(CheckpointError, match="was the drive unplugged"):
            file.read("wide")


def test_reading_stops_between_chunks_when_it_is_cancelled(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensor_file, "READ_CHUNK", 8)
    cancelled = threading.Event()
    with TensorReader(path, cancelled=cancelled) as file:
        file.read("wide")
        cancelled.set()
        with pytest.raises(LoadCancelled):
            file.read("wide")


def test_a_closed_or_refused_file_stays_removable(path: Path, tmp_path: Path) -> None:
    with TensorReader(path):
        pass
    path.unlink()
    for case in ("a byte short", "a zip", "a gap"):
        bad = tmp_path / case
        bad.write_bytes(HOSTILE[case][0])
        with pytest.raises(CheckpointError):
            TensorReader(bad)
        bad.unlink()


def test_a_small_tensor_is_read_as_bytes_and_a_large_one_is_not(path: Path) -> None:
    with TensorReader(path) as file:
        assert file.read_bytes("mask", 2) == b"\x01\x00"
        with pytest.raises(CheckpointError, match="holds 2 bytes in 'mask'"):
            file.read_bytes("mask", 1)
