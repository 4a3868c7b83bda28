"""Which files of a repository make a model."""

from __future__ import annotations

import pytest

from studio.downloads.address import Address
from studio.downloads.files import MAX_FILES, Choice, RemoteFile, choices, is_safe
from studio.errors import DownloadError

ART = Address(repository="artist/forest")
GB = 10**9


def listed(**sizes: int) -> list[RemoteFile]:
    return [RemoteFile(path=path, size=size) for path, size in sizes.items()]


def paths(choice: Choice) -> list[str]:
    return [file.path for file in choice.files]


PIPELINE = {
    "model_index.json": 500,
    "unet/config.json": 500,
    "unet/diffusion_pytorch_model.safetensors": 3 * GB,
    "unet/diffusion_pytorch_model.fp16.safetensors": 2 * GB,
    "unet/diffusion_pytorch_model.non_ema.safetensors": GB,
    "vae/config.json": 500,
    "vae/diffusion_pytorch_model.safetensors": GB // 3,
    "safety_checker/model.safetensors": GB,
    "tokenizer/merges.txt": 500,
    "README.md": 500,
    "unet/diffusion_pytorch_model.bin": GB,
}


def test_the_smallest_complete_variant_comes_first_and_parts_without_it_are_taken_as_they_are() -> None:
    half, full = choices(ART, listed(**PIPELINE))
    assert half.folder
    assert paths(half) == [
        "model_index.json",
        "tokenizer/merges.txt",
        "unet/config.json",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
    ]
    assert "unet/diffusion_pytorch_model.safetensors" in paths(full)
    assert half.size < full.size


def test_a_variant_that_lacks_a_part_or_a_shard_is_not_offered() -> None:
    shards = {
        "model_index.json": 1,
        "unet/diffusion_pytorch_model-00001-of-00002.safetensors": GB,
        "unet/diffusion_pytorch_model-00002-of-00002.safetensors": GB,
        "unet/diffusion_pytorch_model.fp16-00001-of-00002.safetensors": GB // 2,
    }
    (only,) = choices(ART, listed(**shards))
    assert [path for path in paths(only) if "fp16" in path] == []
    del shards["unet/diffusion_pytorch_model-00002-of-00002.safetensors"]
    with pytest.raises(DownloadError, match=r"has no \.safetensors files"):
        choices(ART, listed(**shards))


def test_the_list_of_shards_goes_with_its_shards_alone() -> None:
    folder = "text_encoder/model"
    files = {
        "model_index.json": 1,
        f"{folder}.safetensors.index.json": 1,
        f"{folder}-00001-of-00002.safetensors": GB,
        f"{folder}-00002-of-00002.safetensors": GB,
        f"{folder}.fp16.safetensors": GB,
    }
    half, full = choices(ART, listed(**files))
    assert paths(half) == ["model_index.json", f"{folder}.fp16.safetensors"]
    assert len(full.files) == 4


def test_parts_may_lie_beside_the_index() -> None:
    names = (
        "config.json",
        "diffusion_pytorch_model.safetensors",
        "model_index.json",
        "scheduler_config.json",
    )
    (choice, *_) = choices(ART, listed(**dict.fromkeys((*names, "training_args.json"), 5)))
    assert choice.folder
    assert paths(choice) == list(names)


def test_of_single_files_the_smallest_whole_model_comes_first() -> None:
    found = choices(
        ART,
        listed(
            **{
                "forest.safetensors": 7 * GB,
                "forest-fp8.safetensors": 4 * GB,
                "forest_lora.safetensors": GB // 10,
                "forest_4step_unet.safetensors": 2 * GB,
                "forest.ckpt": GB,
                "deeper/part.safetensors": GB,
            }
        ),
    )
    assert [choice.title for choice in found] == [
        "forest-fp8.safetensors",
        "forest.safetensors",
        "forest_lora.safetensors",
        "forest_4step_unet.safetensors",
    ]
    assert not any(choice.folder for choice in found)


def test_a_given_file_is_the_only_choice() -> None:
    address = Address(repository="artist/forest", file="deeper/forest.safetensors")
    (choice,) = choices(address, listed(**{"deeper/forest.safetensors": 5, **PIPELINE}))
    assert paths(choice) == ["deeper/forest.safetensors"]
    with pytest.raises(DownloadError, match=r"only \.safetensors files are"):
        choices(Address(repository="artist/forest", file="a.ckpt"), listed(**{"a.ckpt": 5}))


def test_a_model_of_this_program_is_taken_whole() -> None:
    (choice, *_) = choices(
        ART, listed(**{"card.json": 1, "model.safetensors": 9, "words.json": 1, "run.py": 1})
    )
    assert paths(choice) == ["card.json", "model.safetensors", "words.json"]


def test_a_repository_without_safe_files_is_refused() -> None:
    with pytest.raises(DownloadError, match="other formats are never downloaded"):
        choices(ART, listed(**{"model.ckpt": GB, "pytorch_model.bin": GB, "config.json": 1}))
    with pytest.raises(DownloadError, match="more than 20,000 files"):
        choices(ART, [RemoteFile(path=f"{n}.json", size=1) for n in range(MAX_FILES + 1)])


@pytest.mark.parametrize(
    "path",
    [
        "../x.safetensors",
        "/x.safetensors",
        "a//x.safetensors",
        "C:x.safetensors",
        r"..\x.safetensors",
        "a/./x.json",
        "x.json ",
    ],
)
def test_a_path_that_leaves_its_folder_is_never_downloaded(path: str) -> None:
    assert not is_safe(RemoteFile(path=path, size=1))
    with pytest.raises(DownloadError):
        choices(ART, [RemoteFile(path=path, size=1)])


def test_an_impossible_size_is_not_believed() -> None:
    assert not is_safe(RemoteFile(path="x.safetensors", size=-1))
    assert not is_safe(RemoteFile(path="x.safetensors", size=1 << 60))
    assert is_safe(RemoteFile(path="x.safetensors", size=1))
