"""Shards with an index are the file that they were cut from, or refused in one sentence."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import save_file

from studio.errors import CheckpointError
from studio.weights.reader import ShardReader, TensorReader
from studio.weights.shards import WeightFiles, weights_in

if TYPE_CHECKING:
    from pathlib import Path

STEM = "diffusion_pytorch_model"
TENSORS = {name: torch.full((2, 3), float(number)) for number, name in enumerate("abcde")}


def shard(
    folder: Path, tensors: dict[str, torch.Tensor] = TENSORS, count: int = 2, variant: str = ""
) -> dict[str, str]:
    """Write tensors as diffusers does, in ``count`` shards with an index; return what the index says."""
    folder.mkdir(parents=True, exist_ok=True)
    dotted = f".{variant}" if variant else ""
    names = list(tensors)
    places: dict[str, str] = {}
    for number in range(count):
        own = names[number::count]
        file = f"{STEM}{dotted}-{number + 1:05d}-of-{count:05d}.safetensors"
        save_file({name: tensors[name].contiguous() for name in own}, folder / file)
        places |= dict.fromkeys(own, file)
    write_index(folder, places, f"{STEM}.safetensors.index{dotted}.json")
    return places


def write_index(
    folder: Path, places: dict[str, object] | dict[str, str], name: str = f"{STEM}.safetensors.index.json"
) -> None:
    (folder / name).write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": places}))


def check(found: WeightFiles | None) -> None:
    """Compare the index with the headers of the shards."""
    assert found is not None
    opened = {path: TensorReader(path) for path in found.paths}
    try:
        found.check({path: reader.shapes for path, reader in opened.items()})
    finally:
        for reader in opened.values():
            reader.close()


def test_shards_give_every_tensor_of_the_file_they_were_cut_from(tmp_path: Path) -> None:
    shard(tmp_path)
    found = weights_in(tmp_path)
    check(found)
    assert found is not None
    with TensorReader(found.paths[0]) as first, TensorReader(found.paths[1]) as second:
        joined = ShardReader([first, second])
        assert joined.shapes == {name: (2, 3) for name in TENSORS}
        assert all(torch.equal(joined.read(name), one) for name, one in TENSORS.items())
        assert joined.scale_of("a") is None
        with pytest.raises(CheckpointError, match=r"holds the tensor 'a', which .* holds too"):
            ShardReader([first, first])


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (("x.fp16.safetensors", "x.safetensors"), "x.safetensors"),
        (("x.non_ema.safetensors", "x.fp16.safetensors"), "x.fp16.safetensors"),
        (("other.safetensors", f"{STEM}.safetensors"), f"{STEM}.safetensors"),
        ((f"{STEM}.bin", f"{STEM}.safetensors"), f"{STEM}.safetensors"),
        (("optimizer.bin", "pytorch_model.bin"), "pytorch_model.bin"),
    ],
)
def test_variants_and_pytorch_files_are_taken_only_if_there_is_nothing_else(
    tmp_path: Path, names: tuple[str, ...], taken: str
) -> None:
    for name in names:
        (tmp_path / name).touch()
    assert weights_in(tmp_path) == WeightFiles((tmp_path / taken,))


def test_the_shards_of_a_variant_are_taken_only_if_there_is_nothing_else(tmp_path: Path) -> None:
    shard(tmp_path, variant="fp16")
    only = weights_in(tmp_path)
    assert only is not None
    assert all(".fp16-0000" in path.name for path in only.paths)
    shard(tmp_path)
    plain = weights_in(tmp_path)
    assert plain is not None
    assert plain.index == tmp_path / f"{STEM}.safetensors.index.json"


def test_a_folder_without_weights_has_none(tmp_path: Path) -> None:
    (tmp_path / "optimizer.bin").touch()
    (tmp_path / "config.json").touch()
    assert weights_in(tmp_path) is None


@pytest.mark.parametrize(
    "name", ["../secret.safetensors", "/etc/passwd", "missing.safetensors", "..", "", "config.json", "inside"]
)
def test_an_index_that_names_what_is_no_shard_in_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "unet"
    places = shard(folder)
    save_file(TENSORS, tmp_path / "secret.safetensors")
    (folder / "config.json").touch()
    (folder / "inside").mkdir()
    write_index(folder, places | {"a": name})
    with pytest.raises(CheckpointError, match=r"index\.json names the shard .* which is not in its folder"):
        weights_in(folder)


@pytest.mark.parametrize(
    "index",
    [
        b"",
        b"[]",
        b'{"weight_map": {}}',
        b'{"weight_map": {"a": 1}}',
        b'{"weight_map": {"a": "x.safetensors", "a": "y.safetensors"}}',
        b'{"weight_map": {"a": "x.safetensors"}, "run": "me"}',
        b"[" * 100_000,
    ],
)
def test_an_index_that_makes_no_sense_is_refused(tmp_path: Path, index: bytes) -> None:
    (tmp_path / f"{STEM}.safetensors.index.json").write_bytes(index)
    with pytest.raises(CheckpointError):
        weights_in(tmp_path)


def test_shards_without_their_index_are_refused(tmp_path: Path) -> None:
    shard(tmp_path)
    (tmp_path / f"{STEM}.safetensors.index.json").unlink()
    with pytest.raises(CheckpointError, match="whose index is missing"):
        weights_in(tmp_path)


def test_every_tensor_must_be_where_the_index_says(tmp_path: Path) -> None:
    places = shard(tmp_path)
    other = next(place for place in places.values() if place != places["a"])
    for wrong, reason in (
        (places | {"a": other}, "says that the tensor 'a' is in"),
        (places | {"z": other}, "says that the tensor 'z' is in"),
        ({name: place for name, place in places.items() if name != "a"}, "does not say that the tensor 'a'"),
    ):
        write_index(tmp_path, wrong)
        with pytest.raises(CheckpointError, match=reason):
            check(weights_in(tmp_path))
