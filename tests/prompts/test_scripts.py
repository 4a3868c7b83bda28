from __future__ import annotations

import pytest

from studio.prompts.scripts import foreign_script


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("a fox", None),
        ("naïve café, 4k!", None),
        ("", None),
        ("1234 🙂", None),
        ("빨간 여우", "Hangul"),
        ("빨간 fox", None),
        ("赤い狐", "Cjk"),
        ("лиса", "Cyrillic"),
        ("빨간 여우 a", "Hangul"),
    ],
)
def test_the_script_of_most_letters_is_named(text: str, script: str | None) -> None:
    assert foreign_script(text) == script
