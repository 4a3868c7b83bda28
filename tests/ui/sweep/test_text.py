from __future__ import annotations

from studio.messages import message
from studio.ui.sweep import text
from tests.ui.fakes import asking


def test_what_all_cells_share_leaves_out_what_is_swept() -> None:
    request = asking(negative="a hat")
    assert text.facts(request, ("guidance", "spacing")) == "DDIM, 4 steps, seed 7, fake, without “a hat”"
    assert text.facts(request, ("steps", "seed")) == "DDIM, guidance 3, fake, without “a hat”"


def test_the_empty_page_names_the_prompt() -> None:
    assert "“an owl”" in text.empty("an owl")
    assert "“" not in text.empty("")


def test_only_what_was_written_to_be_translated_is() -> None:
    assert text.value("Cancel") == "Cancel"
    assert text.value(message("Annealed Langevin")) == "Annealed Langevin"


def test_progress_cost_and_titles() -> None:
    assert text.progress(3, 1024) == "3 of 1,024 pictures finished"
    assert text.plan(8, 1200) == "8 pictures, 1,200 model calls"
    assert text.title("a fox") == "Sweep of a fox"
    assert text.sheet_title("a fox", "steps", "seed") == "a fox: steps across, seed down"
    assert text.cell("steps", "4") == "steps 4"
    assert text.cell_name(("Steps", "4"), ("Seed", "7")) == "Steps 4, Seed 7"
