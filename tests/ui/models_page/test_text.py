"""The texts of the page of models."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from studio.checkpoints.family_models import UnsupportedModelError
from studio.checkpoints.library.scan import ModelFile, Scan
from studio.engine.memory_plan import MemoryPlan
from studio.messages import message
from studio.ui.models_page import text
from tests.ui.cards import LARGE, SD1, STARTER, broken, installed

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from tests.ui.program import MakePage


def test_a_model_is_said_to_be_shipped_or_in_its_folder() -> None:
    assert text.origin(installed(STARTER, shipped=True)) == "starter, shipped with the program"
    large, torn = installed(LARGE), broken("torn")
    assert text.origin(large) == f"large, in {large.folder}"
    assert text.origin(torn) == f"Cannot be used, in {torn.folder}"


def test_where_models_come_from_is_said_where_there_are_none() -> None:
    assert "Train page" in text.no_own_models()
    assert text.no_own_models().endswith("press Reload.")


def test_a_card_says_whether_its_model_is_used(make_page: MakePage, qtbot: QtBot) -> None:
    opened = make_page("models", installed(STARTER), installed(LARGE))
    details = opened.widget.details
    qtbot.waitUntil(lambda: details.use.text() == "In use")
    opened.widget.cards.select({"large"})
    qtbot.waitUntil(lambda: details.use.accessibleName() == "Use Large")
    assert details.use.text() == "Use"


def test_a_scan_is_reported_in_one_line_if_anything_is_new() -> None:
    assert text.report(Scan(files=())) == ""
    file = ModelFile(path=Path("/a.safetensors"), size=1, signature="1", problem=message("is damaged"))
    found = Scan(files=(file,), added=1, removed=2)
    assert text.report(found) == "1 new file · 2 gone · 1 cannot be read · 1 file of weights in all"


def test_what_a_model_needs_and_what_is_assumed_is_on_its_card() -> None:
    model = installed(dataclasses.replace(SD1, assumed=("prediction",)))
    fits = MemoryPlan(rungs=(), peak=3 * 2**30, budget=2**34)
    assert text.summary(model) == "Stable Diffusion 1.x · fp16 · 2.0 GiB"
    assert text.chips(model, fits) == [("good", "needs 3.0 GiB, fits"), ("warn", "eps-prediction, assumed")]
    large = dataclasses.replace(fits, budget=2**30)
    assert text.fit(large) == "needs 3.0 GiB, too much for this machine"
    slow = dataclasses.replace(fits, rungs=("vae_tiling",))
    assert text.chips(model, slow)[0] == ("warn", "needs 3.0 GiB, fits slowly")
    assert dict(text.facts(model, slow))["Memory"] == "needs 3.0 GiB, fits slowly (VAE decoded in tiles)"


def test_what_to_do_with_a_file_of_another_kind_is_said_without_its_path() -> None:
    advice = message("This is a depth model.")
    model = broken("depth", UnsupportedModelError(Path("/models/depth.safetensors"), advice).message)
    assert text.summary(model) == "This is a depth model."
    assert text.summary(broken("torn", "It is torn.")) == "It is torn."
