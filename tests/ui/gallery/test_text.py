"""The texts of the gallery and the viewer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from studio.errors import StorageError
from studio.gallery.index import Entry
from studio.gallery.metadata import Origin
from studio.runs.replay import Verdict
from studio.ui.gallery import text
from studio.ui.gallery.viewer_panel import short_facts
from studio.ui.jobs import text as picture_text
from tests.gallery.samples import metadata
from tests.ui.pictures import live


def test_a_picture_is_described_in_one_line() -> None:
    entry = Entry(path=Path("/x.png"), width=8, height=8, metadata=metadata("a fox", seed=6))
    assert picture_text.summary(entry.metadata) == "DDIM, 30 steps, guidance 4, seed 6"
    assert picture_text.accessible_text(entry) == "a fox, DDIM, 30 steps, guidance 4, seed 6"
    assert picture_text.tile_tip(entry, "It is broken.").endswith("seed 6\nIt is broken.")
    missing = replace(entry, missing=True)
    assert picture_text.accessible_text(missing).endswith(", the file cannot be found")


def test_a_picture_without_a_prompt_says_so() -> None:
    assert picture_text.no_prompt() == "No prompt"
    assert text.live_tile(live(3, "")) == "In progress: No prompt, step 3 of 10"


def test_an_origin_says_the_step_and_whether_it_was_forked_there() -> None:
    step = Origin(run="", step=14, of=30, kind="step")
    assert text.origin(step) == "step 14 of 30"
    assert text.origin(replace(step, kind="fork")) == "forked at step 14 of 30"
    entry = Entry(path=Path("/x.png"), width=8, height=8, metadata=replace(metadata("a fox"), origin=step))
    facts = {fact.label: fact.value for fact in short_facts(entry)}
    assert (facts["Origin"], facts["Run"]) == ("step 14 of 30", "not recorded")
    assert text.tile_name(entry) == "a fox, DDIM, 30 steps, guidance 4, seed 7, step 14 of 30"
    assert text.tile_tooltip(entry, "It is broken.").endswith("It is broken.\nStep 14 of 30")
    whole = replace(entry, metadata=metadata("a fox"))
    assert text.tile_name(whole) == picture_text.accessible_text(whole)
    assert text.tile_tooltip(whole, "") == picture_text.tile_tip(whole, "")


def test_pictures_are_counted() -> None:
    assert [text.pictures(count) for count in (1, 1200)] == ["1 picture", "1,200 pictures"]
    assert [text.copied(count) for count in (1, 3)] == ["Copied.", "3 pictures copied."]
    assert [text.trashed(count) for count in (1, 3)] == [
        "Moved to the trash.",
        "3 pictures moved to the trash.",
    ]


def test_the_first_of_several_errors_is_shown_with_their_number() -> None:
    assert text.errors(["It stays."]) == "It stays."
    assert (
        text.errors(["It stays.", "So does this.", "And this."])
        == "It stays. 2 more could not be moved either."
    )


def test_an_error_is_part_of_the_sentence_that_reports_it() -> None:
    error = StorageError("/x.png", "cannot be read")
    assert text.not_copied(error) == "The picture cannot be copied: /x.png cannot be read."
    assert text.verify_failed("No room.") == "The picture cannot be reproduced: No room."


def test_the_position_counts_from_one() -> None:
    assert text.position(0, 1200) == "1 of 1,200"


def test_a_picture_that_differs_says_by_how_much() -> None:
    result = Verdict(identical=False, largest=4, share=0.25, same_state=False, differs={})
    assert result.sentence.startswith("Different: by up to 4 of 255, in 25.00% of the values.")
