"""What a person may give as the address of a model."""

from __future__ import annotations

import pytest

from studio.downloads.address import Address, parse_address
from studio.errors import DownloadError

FILE = Address(repository="artist/forest", revision="v2", file="models/forest.safetensors")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (" artist/forest ", Address(repository="artist/forest")),
        ("https://huggingface.co/artist/forest", Address(repository="artist/forest")),
        ("huggingface.co/artist/forest/", Address(repository="artist/forest")),
        ("https://hf.co/artist/forest/tree/main", Address(repository="artist/forest")),
        (
            "https://huggingface.co/artist/forest/tree/fp16",
            Address(repository="artist/forest", revision="fp16"),
        ),
        ("https://huggingface.co/artist/forest/blob/v2/models/forest.safetensors", FILE),
        ("https://huggingface.co/artist/forest/resolve/v2/models/forest.safetensors?download=true", FILE),
        ("artist/forest/blob/v2/models/forest.safetensors", FILE),
    ],
)
def test_repositories_pages_and_files_are_understood(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "forest",
        "https://example.com/artist/forest",
        "https://huggingface.co.example.com/artist/forest",
        "https://huggingface.co/datasets/artist/forest",
        "artist/forest/blob/main",
        "artist/forest/settings/x",
        "artist/../forest",
        "artist/forest/blob/main/../../x.safetensors",
        "C:/models/forest",
        "http://[::1",
    ],
)
def test_anything_else_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(DownloadError) as caught:
        parse_address(text)
    assert str(caught.value).endswith(".")
