"""The texts of the page of models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.ui.models_page import text
from tests.ui.cards import LARGE, STARTER, broken, installed

if TYPE_CHECKING:
    from tests.ui.program import MakePage


def test_a_model_is_said_to_be_shipped_or_in_its_folder() -> None:
    assert text.origin(installed(STARTER, shipped=True)) == "starter, shipped with the program"
    large, torn = installed(LARGE), broken("torn")
    assert text.origin(large) == f"large, in {large.folder}"
    assert text.origin(torn) == f"Cannot be used, in {torn.folder}"


def test_where_models_come_from_is_said_where_there_are_none() -> None:
    assert "Train page" in text.no_own_models()
    assert text.no_own_models().endswith("press Reload.")


def test_a_card_says_whether_its_model_is_used(make_page: MakePage) -> None:
    opened = make_page("models", installed(STARTER), installed(LARGE))
    starter, large = opened.widget.cards
    assert starter.in_use.text() == "In use"
    assert large.use.accessibleName() == "Use Large"
