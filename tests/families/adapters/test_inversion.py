"""Textual inversions are read in the forms that people have, and refused where they do not fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import save_file

from studio.errors import CheckpointError
from studio.families.adapters.inversion import read_inversion
from studio.families.interface import InversionUse, TextOptions
from studio.families.model import FamilyModel, schedule_of
from tests.families.tiny import DictReader, networks

if TYPE_CHECKING:
    from pathlib import Path

VECTORS = torch.randn(3, 32, generator=torch.Generator().manual_seed(0))
WIDE = torch.randn(3, 48, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", ["emb_params", "<cat-toy>"])
def test_the_vectors_of_one_text_encoder_may_have_any_name(name: str) -> None:
    (found,) = read_inversion(DictReader({name: VECTORS}), networks("sd1"))
    assert torch.equal(found, VECTORS)


def test_a_single_vector_may_be_stored_as_such() -> None:
    (found,) = read_inversion(DictReader({"<cat-toy>": VECTORS[0]}), networks("sd1"))
    assert torch.equal(found, VECTORS[:1])


def test_those_of_sdxl_are_told_apart_by_name() -> None:
    found = read_inversion(DictReader({"clip_g": WIDE, "clip_l": VECTORS}), networks("sdxl"))
    assert [torch.equal(one, two) for one, two in zip(found, (VECTORS, WIDE), strict=True)] == [True, True]


@pytest.mark.parametrize(
    ("name", "tensors"),
    [
        ("sd1", {"emb_params": WIDE}),
        ("sd1", {"clip_g": WIDE, "clip_l": VECTORS}),
        ("sd1", {"emb_params": torch.zeros(76, 32)}),
        ("sd1", {"emb_params": torch.zeros(0, 32)}),
        ("sd1", {"emb_params": torch.tensor(1.0)}),
        ("sdxl", {"emb_params": VECTORS}),
        ("sdxl", {"clip_l": VECTORS, "clip_g": WIDE[:2]}),
        ("sdxl", {"clip_l": WIDE, "clip_g": VECTORS}),
    ],
)
def test_what_does_not_fit_is_refused(name: str, tensors: dict[str, torch.Tensor]) -> None:
    with pytest.raises(CheckpointError, match="textual inversion"):
        read_inversion(DictReader(tensors), networks(name))


def test_prompts_refer_to_it_by_name(tmp_path: Path) -> None:
    model = networks("sdxl")
    whole = FamilyModel(
        card=None, networks=model, schedule=schedule_of(model.family.schedule), device=torch.device("cpu")
    )

    def options(scale: float) -> TextOptions:
        path = tmp_path / f"toy-{scale}.safetensors"
        save_file({"clip_g": scale * WIDE, "clip_l": scale * VECTORS}, path)
        return TextOptions(inversions=(InversionUse(name="toy", path=path, tokens=3),))

    toy, other = options(1.0), options(2.0)
    assert whole.chunks_of("a toy", toy)[0] == 4  # "a" and three vectors
    assert whole.chunks_of("a toy")[0] == 2
    one, two, changed, again = (
        whole.encode_prompts([text], (64, 64), options).tokens
        for text, options in (("a toy", toy), ("a embedding:toy", toy), ("a toy", other), ("a toy", toy))
    )
    assert one is not None
    assert torch.equal(one, two)
    assert torch.equal(one, again)
    assert not torch.equal(one, changed)
