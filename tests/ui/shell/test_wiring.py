"""What a whole program does with a job once the next one is looked at: nothing of it stays in memory."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt

if TYPE_CHECKING:
    from studio.ui.core.job_state import JobState
    from tests.ui.program import MakeProgram


def test_a_job_that_is_no_longer_shown_is_freed(make_program: MakeProgram) -> None:
    hand = make_program()
    jobs: list[weakref.ref[JobState]] = []
    for _ in range(3):
        hand.generate()
        hand.finish()
        assert hand.models.run.viewed is not None
        jobs.append(weakref.ref(hand.models.run.viewed))
        hand.press(Qt.Key.Key_Escape)
    gc.collect()
    assert [ref() is None for ref in jobs] == [True, True, False]
