"""The texts of the page of settings."""

from __future__ import annotations

from studio.ui.settings_page import text


def test_the_disk_space_of_runs_is_said_with_its_limit() -> None:
    assert text.runs_used(3 * 2**29, 5.0).startswith("Recorded runs take 1.5 GiB of 5 GiB. At the limit, ")
    assert "take 1 MiB of" in text.runs_used(2**20, 5.0)


def test_no_budget_of_previews_changes_the_finished_picture() -> None:
    said = [text.budget(share) for share in (0.0, 0.1, 0.5, 1.0)]
    assert all(sentence.endswith("The finished picture is the same.") for sentence in said)
    assert said[0].startswith("No previews")
    assert "more than 10% of a run's time" in said[1]
    assert said[3].startswith("Previews of every step in full quality")
