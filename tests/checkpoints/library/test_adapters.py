"""LoRAs and textual inversions are listed for the models they fit, by names that each mean one file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from studio.checkpoints.library.adapters import adapters_among, fitting
from studio.checkpoints.library.scan import ModelFile
from studio.families.recognition.kinds import Family, Kind
from studio.families.recognition.recognise import recognise
from studio.messages import message
from tests.families import headers_adapters  # noqa: F401 - adds its cases
from tests.families.headers import CASES


def file(case: str, path: str) -> ModelFile:
    header = replace(CASES[case]().header, name=Path(path).name)
    return ModelFile(path=Path(path), size=7, signature="", recognised=recognise(header))


FILES = (
    file("sd15_fine_tune_fp16", "/models/dreams.safetensors"),
    file("kohya_lora_sd1", "/models/Lora/ink.safetensors"),
    file("kohya_lora_sd1", "/models/Lora/old/Ink.safetensors"),
    file("kohya_lora_sdxl_with_text_encoders", "/models/Lora/paint.safetensors"),
    file("learned_embeds_diffusers", "/models/embeddings/ink.safetensors"),
    file("loha_sd1", "/models/Lora/loha.safetensors"),
    ModelFile(path=Path("/models/Lora/torn.safetensors"), size=1, signature="", problem=message("is empty")),
    file("kohya_lora_sd1", "/added/ink.safetensors"),
)
ROOTS = (Path("/models"), Path("/added"))


def test_those_of_a_family_are_listed_in_the_order_of_the_folders_each_by_a_name_of_its_own() -> None:
    listed = fitting(adapters_among(FILES, ROOTS), Family.SD1)
    assert [(one.kind, one.prompt_name) for one in listed] == [
        (Kind.LORA, "ink"),
        (Kind.LORA, "old/Ink"),
        (Kind.TEXTUAL_INVERSION, "ink"),
        (Kind.LORA, "added/ink"),
    ]
    for one in listed:
        meant = next(other for other in listed if other.kind is one.kind and other.is_called(one.prompt_name))
        assert meant is one
    first = fitting(adapters_among(FILES, ROOTS[::-1]), Family.SD1)[0]
    assert first.path == Path("/added/ink.safetensors")
    assert [one.name for one in fitting(adapters_among(FILES), Family.SDXL)] == ["paint"]
    assert listed[2].tokens > 0


def test_what_cannot_be_applied_is_known_but_not_offered() -> None:
    every = {one.name: one for one in adapters_among(FILES, ROOTS)}
    assert (every["loha"].form, every["loha"].usable) == ("LoHa", False)
    assert (every["torn"].kind, every["torn"].problem) == (Kind.UNKNOWN, "is empty")
    assert "dreams" not in every


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("ink", True),
        ("INK", True),
        ("ink.safetensors", True),
        ("ink.pt", False),
        ("old/ink", True),
        ("Lora\\old\\ink", True),
        ("new/ink", False),
        ("in", False),
        ("a/b/c/d/e/f/models/Lora/old/ink", False),
    ],
)
def test_a_name_is_compared_with_file_and_folders(written: str, means: bool) -> None:
    (adapter,) = adapters_among([FILES[2]])
    assert adapter.is_called(written) == means


def test_two_files_of_one_folder_are_told_apart_by_their_suffix() -> None:
    pair = [file("learned_embeds_diffusers", f"/e/toy.{suffix}") for suffix in ("pt", "safetensors")]
    assert [one.prompt_name for one in fitting(adapters_among(pair), Family.SD1)] == [
        "toy",
        "e/toy.safetensors",
    ]


def test_trigger_words_are_those_of_the_author() -> None:
    header = CASES["kohya_lora_sd1"]().header
    metadata = {**header.metadata, "modelspec.trigger_phrase": "inkstyle, brush"}
    found = ModelFile(
        path=Path("/ink.safetensors"),
        size=1,
        signature="",
        recognised=recognise(replace(header, metadata=metadata)),
    )
    (adapter,) = adapters_among([found])
    assert adapter.trigger_words == ("inkstyle", "brush")
