"""A sheet of checkpoints: which steps are on it, that they are decoded first, and when nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from studio.engine.events import JobFailed
from studio.ui.train import text
from studio.ui.train.sheet import ROWS, CheckpointSheet
from tests.runs.steps import frame
from tests.ui.asked import Asked, make_frames
from tests.ui.compared import Compared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from studio.engine.requests.compare import CompareRequest
    from studio.ui.jobs.sheet_writer import Labelled

PATH = Path("sheet.png")


class Paper:
    """Stands in for the writer."""

    def __init__(self) -> None:
        self.sheets: list[tuple[Path, list[Labelled], int, str]] = []

    def write(self, path: Path, pictures: Sequence[Labelled], columns: int, title: str) -> None:
        self.sheets.append((path, list(pictures), columns, title))


class Desk:
    """A sheet that follows a comparison of two checkpoints."""

    def __init__(self, steps: int = 30) -> None:
        self.paper = Paper()
        self.asked = Asked()
        self.sheet = CheckpointSheet(self.paper, make_frames(self.asked))  # type: ignore[arg-type]
        runs = ({"model": f"foxes-{step}", "steps": steps} for step in (100, 200))
        self.compared = Compared(self.sheet, *runs)  # type: ignore[arg-type]
        self.steps = steps

    @property
    def request(self) -> CompareRequest:
        return self.compared.job.request  # type: ignore[return-value]

    def play(self, **fields: Any) -> None:  # noqa: ANN401
        self.compared.begin().rounds(*range(1, self.steps + 1), **fields).keep().end()

    @property
    def frames(self) -> list[tuple[int, int]]:
        """The run and the step of every frame that was to be decoded."""
        works: list[Any] = [call.work for call in self.asked.decodes]
        return [(work.image, work.step) for work in works]


def latents(channels: int = 4) -> NDArray[np.float32]:
    return np.zeros((channels, 2, 2), dtype=np.float32)


@pytest.fixture
def desk(qapp: object) -> Desk:
    del qapp
    return Desk()


def test_six_steps_of_each_checkpoint_are_decoded_and_then_written_in_rows(desk: Desk) -> None:
    desk.sheet.begin(desk.request, PATH)
    desk.play(x0_hat=latents(), tier="small")
    assert len(desk.frames) == 2 * ROWS
    assert [image for image, _ in desk.frames] == [0] * ROWS + [1] * ROWS
    assert [step for _, step in desk.frames[:ROWS]] == [1, 7, 13, 18, 24, 30]
    assert desk.paper.sheets == []
    for number in range(2 * ROWS):
        desk.asked.decode(number, number)
    ((path, cells, columns, title),) = desk.paper.sheets
    assert (path, columns, len(cells)) == (PATH, 2, 2 * ROWS)
    assert title == text.sheet_title(desk.request.requests[0].prompt)
    assert [cell.lines[0] for cell in cells[:2]] == ["foxes-100", "foxes-200"]
    record = desk.compared.job.record.picture(0)
    assert record is not None
    levels = [done.level for done in record.steps]
    assert cells[0].lines[1] == text.sheet_cell(1, 30, levels[0])
    assert cells[-1].lines[1] == text.sheet_cell(30, 30, levels[-1])
    assert np.array_equal(cells[1].pixels, frame(ROWS, 16))  # type: ignore[arg-type]


def test_a_pixel_space_model_needs_no_decoding(desk: Desk) -> None:
    desk.sheet.begin(desk.request, PATH)
    desk.play(x0_hat=np.zeros((3, 8, 8), dtype=np.float32), tier="small")
    assert desk.asked.decodes == []
    assert len(desk.paper.sheets) == 1


def test_a_step_that_cannot_be_decoded_keeps_its_preview(desk: Desk) -> None:
    desk.sheet.begin(desk.request, PATH)
    desk.play(x0_hat=latents(), tier="small")
    for call in desk.asked.decodes:
        desk.asked.fail(call, "The device has too little memory.")
    assert all(cell.pixels is not None for cell in desk.paper.sheets[0][1])


def test_other_comparisons_are_not_written(desk: Desk) -> None:
    desk.play(x0_hat=latents(), tier="small")
    assert desk.asked.decodes == []
    other = Desk()
    desk.sheet.begin(other.request, PATH)
    desk.sheet.follow(desk.compared.job_state)
    assert desk.asked.decodes == []
    assert desk.paper.sheets == []


def test_a_failed_comparison_is_not_waited_for(desk: Desk) -> None:
    desk.sheet.begin(desk.request, PATH)
    desk.compared.begin().tell(JobFailed(job_id=desk.compared.job.id, sentence="Oh.", details=""))
    desk.compared.job_state.phase = "done"
    desk.sheet.follow(desk.compared.job_state)
    assert desk.asked.decodes == []
    assert desk.paper.sheets == []
