from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.engine.compare import MAX_PANES, MIN_PANES, CompareRequest
from studio.engine.events import JobCancelled
from studio.errors import RequestError
from studio.gallery.entry import Entry
from studio.gallery.keeping import PictureKept
from studio.gallery.metadata import PictureMetadata
from studio.ui.models.course import Course
from studio.ui.models.form import FormModel
from studio.ui.models.form_values import FormValues
from studio.ui.models.job import Job
from studio.ui.models.preferences import Preferences
from studio.ui.models.sweep import SweepModel
from studio.ui.models.sweep_plan import MAX_CELLS, Axis, batches, read_axis, requests
from studio.ui.settings import SettingsFile
from tests.ui.cards import STARTER, make_catalog, numbers
from tests.ui.fakes import Take, asking

if TYPE_CHECKING:
    from collections.abc import Iterator

STEPS, GUIDANCE = Axis(field="steps", values=(4, 8)), Axis(field="guidance", values=(1.0, 2.5))
BASE = FormValues(prompt="a fox", model="starter", seed=7)


@pytest.mark.parametrize(
    ("field", "text", "values", "labels"),
    [
        ("steps", "5, 10,20", (5, 10, 20), ("5", "10", "20")),
        ("guidance", "1, 2.5, 1.0,", (1.0, 2.5), ("1", "2.5")),
        ("sampler", "DDPM, Annealed Langevin", ("ddpm", "langevin"), ("DDPM", "Annealed Langevin")),
        ("seed", "4294967295", (4294967295,), ("4294967295",)),
    ],
)
def test_an_axis_is_a_list_with_commas(
    field: str, text: str, values: tuple[object, ...], labels: tuple[str, ...]
) -> None:
    axis = read_axis(field, text)
    assert (axis.values, axis.labels) == (values, labels)


@pytest.mark.parametrize(
    ("field", "text", "part"),
    [
        ("steps", " , ", "has no values"),
        ("steps", "5, ten", "cannot be 'ten'"),
        ("guidance", "one", "cannot be 'one'"),
        ("sampler", "ddim, ddpn", "did you mean 'ddpm'"),
    ],
)
def test_what_is_no_value_is_said(field: str, text: str, part: str) -> None:
    with pytest.raises(RequestError, match=part):
        read_axis(field, text)


def test_every_value_meets_every_other_row_by_row() -> None:
    made = requests(BASE, STARTER, STEPS, GUIDANCE)
    assert [(one.steps, one.guidance) for one in made] == [(4, 1.0), (8, 1.0), (4, 2.5), (8, 2.5)]
    assert {(one.prompt, one.seed, one.count) for one in made} == {("a fox", 7, 1)}
    assert all(one == one.resolve(STARTER) for one in made)


def test_a_sampler_brings_its_own_options() -> None:
    samplers = Axis(field="sampler", values=("ddim", "ddpm"))
    made = requests(BASE, STARTER, samplers, GUIDANCE)
    assert [set(one.options) for one in made[:2]] == [{"eta"}, {"variance"}]


def test_what_cannot_be_swept_is_said() -> None:
    many = Axis(field="seed", values=tuple(range(MAX_CELLS)))
    one = Axis(field="steps", values=(5,))
    for across, down, part in (
        (STEPS, STEPS, "on both axes"),
        (many, STEPS, f"not {2 * MAX_CELLS}"),
        (one, Axis(field="seed", values=(1,)), "not 1"),
        (Axis(field="steps", values=(0, 5)), GUIDANCE, "steps must be"),
    ):
        with pytest.raises(RequestError, match=part):
            requests(BASE, STARTER, across, down)


@given(st.integers(2, MAX_CELLS))
def test_cells_become_comparisons_that_can_be_run_in_their_order(count: int) -> None:
    cells = [asking(seed=seed) for seed in range(count)]
    made = batches(cells)
    assert [one for batch in made for one in batch.requests] == cells
    assert all(MIN_PANES <= len(batch.requests) <= MAX_PANES for batch in made)


# ------------------------------------------------------------------------------------------------------- on its way
class Swept:
    """A sweep whose jobs a test plays by hand."""

    def __init__(self, model: SweepModel) -> None:
        self.model = model
        self.asked: list[CompareRequest] = []
        self.told: list[int] = []
        model.compare_requested.connect(self.asked.append)
        model.cells_changed.connect(lambda: self.told.append(model.finished))

    def begin(self) -> tuple[Course, Take]:
        job = Job(request=self.asked[-1])
        take = Take(
            request=self.asked[-1].requests[0],
            asked=job.request,
            job_id=job.id,
            previews=job.previews,
            cancelled=job.cancelled,
        )
        return Course(job), take

    def play(self) -> None:
        """Make the comparison that was asked for last."""
        course, take = self.begin()
        course.take(take.started())
        for image in range(len(take.runs)):
            course.job.record.add(take.step(image, 1))
            assert self.model.follow(course)
            done = take.picture(image)
            entry = Entry(path=Path("x.png"), width=8, height=8, metadata=PictureMetadata.of(done))
            course.take(PictureKept(job_id=take.job_id, done=done, entry=entry))
            assert self.model.follow(course)
        course.take(take.finished())
        assert self.model.follow(course)


@pytest.fixture
def swept(stepwise_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Swept]:
    catalog = make_catalog(monkeypatch, STARTER)
    preferences = Preferences(SettingsFile(stepwise_home / "settings.json"))
    form = FormModel(catalog, preferences, draw=numbers(7))
    yield Swept(SweepModel(form, catalog))
    preferences.save()


def test_comparisons_are_asked_for_one_after_another(swept: Swept) -> None:
    model = swept.model
    model.start(Axis(field="seed", values=(1, 2, 3, 4)), GUIDANCE)
    assert len(swept.asked) == 1
    assert [model.pixels(place) for place in range(8)] == [None] * 8
    swept.play()
    assert (len(swept.asked), model.finished, model.running) == (2, 4, True)
    swept.play()
    assert (len(swept.asked), model.finished, model.running) == (2, 8, False)
    values = [int(pixels[0, 0, 0]) for place in range(8) if (pixels := model.pixels(place)) is not None]
    assert values == [100, 101, 102, 103] * 2
    assert swept.told == sorted(swept.told)


def test_a_sweep_that_is_stopped_asks_for_no_more(swept: Swept) -> None:
    model = swept.model
    model.start(Axis(field="seed", values=(1, 2, 3, 4)), GUIDANCE)
    course, take = swept.begin()
    course.take(take.started())
    course.take(JobCancelled(job_id=take.job_id, pictures=0))
    assert model.follow(course)
    assert (len(swept.asked), model.running) == (1, False)


def test_other_jobs_are_not_followed(swept: Swept) -> None:
    other = Course(Job(request=CompareRequest(requests=(asking(), asking()))))
    assert not swept.model.follow(other)
    swept.model.start(STEPS, GUIDANCE)
    assert not swept.model.follow(other)


def test_without_its_model_nothing_is_swept(swept: Swept, monkeypatch: pytest.MonkeyPatch) -> None:
    model = SweepModel(swept.model._form, make_catalog(monkeypatch))
    swept.model._form.edit(model="gone")
    with pytest.raises(RequestError, match="gone"):
        model.start(STEPS, GUIDANCE)
    assert model.cells == ()
