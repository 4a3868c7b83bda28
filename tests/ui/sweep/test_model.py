from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QRectF

from studio.engine.events import JobCancelled, JobFailed
from studio.engine.requests.compare import MAX_PANES, CompareRequest
from studio.engine.requests.generate import GenerateRequest
from studio.errors import RequestError
from studio.gallery.images import encode
from studio.gallery.index import Entry
from studio.gallery.metadata import PictureMetadata
from studio.gallery.store import PictureSaved
from studio.runs.writer import RunRecorded
from studio.ui.core.job import Job
from studio.ui.core.job_state import JobState
from studio.ui.jobs.run_settings import FormValues
from studio.ui.sweep.grid import fit_within
from studio.ui.sweep.model import FinishedCell, Sweep, read_sweep
from studio.ui.sweep.plan import (
    FIELDS,
    LORA,
    MAX_CELLS,
    Axis,
    batches,
    fields_for,
    format_axis,
    parse_axis,
    requests,
    usual_values,
)
from tests.ui.cards import LARGE, SDXL, STARTER, numbers
from tests.ui.fakes import Take, asking

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from studio.checkpoints.card import ModelCard
    from studio.ui.core.intents import Intents
    from studio.ui.sweep.model import SweepModel
    from studio.ui.sweep.plan import BatchRequest
    from tests.ui.program import MakeModels

STEPS, GUIDANCE = Axis(field="steps", values=(4, 8)), Axis(field="guidance", values=(1.0, 2.5))
BASE = FormValues(prompt="a fox", model="starter", seed=7)


def card_of(name: str) -> ModelCard:
    cards = {STARTER.name: STARTER, LARGE.name: LARGE}
    if name not in cards:
        raise RequestError("model", f"{name!r} is not here")
    return cards[name]


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
    axis = parse_axis(field, text)
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
def test_an_invalid_value_is_reported(field: str, text: str, part: str) -> None:
    with pytest.raises(RequestError, match=part):
        parse_axis(field, text)


def test_every_value_meets_every_other_row_by_row() -> None:
    made = requests(BASE, card_of, STEPS, GUIDANCE)
    assert [(one.steps, one.guidance) for one in made] == [(4, 1.0), (8, 1.0), (4, 2.5), (8, 2.5)]
    assert {(one.prompt, one.seed, one.count) for one in made} == {("a fox", 7, 1)}
    assert all(one == one.resolve(STARTER) for one in made)


def test_a_sampler_brings_its_own_options() -> None:
    samplers = Axis(field="sampler", values=("ddim", "ddpm"))
    made = requests(BASE, card_of, samplers, GUIDANCE)
    assert [set(one.options) for one in made[:2]] == [{"eta"}, {"variance"}]


def test_an_impossible_sweep_is_reported() -> None:
    many = Axis(field="seed", values=tuple(range(MAX_CELLS)))
    eta = Axis(field="ddim.eta", values=(0.0, 1.0))
    one = Axis(field="steps", values=(5,))
    for across, down, part in (
        (STEPS, STEPS, "on both axes"),
        (many, STEPS, f"not {2 * MAX_CELLS:,}"),
        (one, Axis(field="seed", values=(1,)), "not 1"),
        (Axis(field="steps", values=(0, 5)), GUIDANCE, "steps must be"),
        (Axis(field="sampler", values=("ddim", "ddpm")), eta, "is an option of another sampler than DDPM"),
        (Axis(field="model", values=("starter", "gone")), GUIDANCE, "'gone' is not here"),
    ):
        with pytest.raises(RequestError, match=part):
            requests(BASE, card_of, across, down)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("steps", "4, 50"),
        ("guidance", "1.5, 3"),
        ("sampler", "ddpm, Predictor-corrector"),
        ("prompt", "a fox, white; an owl"),
        ("prompt", "a fox, white;"),
    ],
)
def test_the_values_of_an_axis_are_written_as_they_are_read(field: str, text: str) -> None:
    axis = parse_axis(field, text)
    assert parse_axis(field, format_axis(axis)) == axis


def test_options_prompts_and_spacings_are_swept_too() -> None:
    made = requests(
        BASE, card_of, parse_axis("ddim.eta", "0, 0.5"), parse_axis("prompt", "a fox; an owl, white")
    )
    assert [(one.options["eta"], one.prompt) for one in made] == [
        (0.0, "a fox"),
        (0.5, "a fox"),
        (0.0, "an owl, white"),
        (0.5, "an owl, white"),
    ]
    assert parse_axis("spacing", "Trailing, leading").values == ("trailing", "leading")


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_has_usual_values_that_can_be_read(name: str) -> None:
    assert parse_axis(name, FIELDS[name].usual).labels


@given(st.sets(st.integers(0, 39), min_size=1))
def test_cells_become_jobs_that_can_be_run_in_their_order(places: set[int]) -> None:
    cells = [asking(seed=seed) for seed in range(40)]
    made = batches(cells, sorted(places))
    assert [place for batch in made for place in batch.places] == sorted(places)
    for batch in made:
        several = batch.request.requests if isinstance(batch.request, CompareRequest) else (batch.request,)
        assert [one.seed for one in several] == list(batch.places)
        assert len(several) <= MAX_PANES


# ------------------------------------------------------------------------------------------------------- on its way
class Swept:
    """A sweep whose jobs a test makes, event by event."""

    def __init__(self, model: SweepModel, intents: Intents, home: Path) -> None:
        self.model, self.intents, self.home = model, intents, home
        self.asked: list[BatchRequest] = []
        self.received: list[int] = []
        model.job_requested.connect(self.asked.append)
        model.cells_changed.connect(lambda: self.received.append(model.finished))

    def begin(self) -> tuple[JobState, Take]:
        job = Job(request=self.asked[-1])
        take = Take(
            request=job.lead,
            asked=job.request,
            job_id=job.id,
            previews=job.previews,
            cancelled=job.cancelled,
        )
        return JobState(job), take

    def play(self) -> None:
        """Make the comparison that was requested last."""
        job_state, take = self.begin()
        job_state.take(take.started())
        for image in range(len(take.runs)):
            job_state.job.record.add(take.step(image, 1))
            assert self.model.follow(job_state)
            done = take.picture(image)
            path = self.home / f"{len(self.received)}.png"
            self.home.mkdir(exist_ok=True)
            path.write_bytes(encode(done.pixels, PictureMetadata.of(done)))
            entry = Entry(path=path, width=8, height=8, metadata=PictureMetadata.of(done))
            job_state.take(PictureSaved(job_id=take.job_id, done=done, entry=entry))
            run_id = f"{len(self.received):06d}-0123abcd"
            job_state.take(RunRecorded(job_id=take.job_id, image=image, run_id=run_id, complete=True))
            assert self.model.follow(job_state)
        job_state.take(take.finished())
        assert self.model.follow(job_state)


@pytest.fixture
def swept(make_models: MakeModels, stepwise_home: Path) -> Swept:
    models = make_models(draw=numbers(7))
    return Swept(models.sweep, models.intents, stepwise_home)


def test_comparisons_are_requested_one_after_another(swept: Swept) -> None:
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
    assert swept.received == sorted(swept.received)


def test_a_stopped_sweep_requests_no_more_jobs(swept: Swept) -> None:
    model = swept.model
    model.start(Axis(field="seed", values=(1, 2, 3, 4)), GUIDANCE)
    job_state, take = swept.begin()
    job_state.take(take.started())
    job_state.take(JobCancelled(job_id=take.job_id, pictures=0))
    assert model.follow(job_state)
    assert (len(swept.asked), model.running) == (1, False)


def test_other_jobs_are_not_followed(swept: Swept) -> None:
    other = JobState(Job(request=CompareRequest(requests=(asking(), asking()))))
    assert not swept.model.follow(other)
    swept.model.start(STEPS, GUIDANCE)
    assert not swept.model.follow(other)


def again(swept: Swept, make_models: MakeModels, qtbot: QtBot) -> Swept:
    """What is there at the next start."""
    swept.model.close()
    models = make_models()
    model = models.sweep
    with qtbot.waitSignal(model.changed):
        model.load()
    return Swept(model, models.intents, swept.home)


def test_a_sweep_is_resumed_at_the_next_start_without_repeating_a_cell(
    swept: Swept, make_models: MakeModels, qtbot: QtBot
) -> None:
    swept.model.start(Axis(field="seed", values=(1, 2, 3, 4)), GUIDANCE)
    swept.play()
    swept.model.stop()
    assert swept.model.can_resume
    later = again(swept, make_models, qtbot)
    model = later.model
    assert (model.count, model.finished, model.running, model.can_resume) == (8, 4, False, True)
    assert later.asked == []
    with qtbot.waitSignal(model.cells_changed):
        assert model.pixels(2) is None
    pixels = model.pixels(2)
    assert pixels is not None
    assert int(pixels[0, 0, 0]) == 102
    model.resume()
    assert [one.seed for one in later.asked[0].requests] == [1, 2, 3, 4]  # type: ignore[union-attr]
    later.play()
    assert (len(later.asked), model.finished, model.can_resume) == (1, 8, False)
    model.close()


@pytest.mark.parametrize(
    ("change", "name"),
    [({"version": 2}, "sweep.newer-1.json"), ({"first": {"steps": 0}}, "sweep.broken-1.json")],
    ids=["newer", "unusable"],
)
def test_a_sweep_that_cannot_be_read_is_kept_aside_and_reported(
    swept: Swept,
    make_models: MakeModels,
    stepwise_home: Path,
    qtbot: QtBot,
    change: dict[str, object],
    name: str,
) -> None:
    swept.model.start(STEPS, GUIDANCE)
    swept.model.close()
    (path,) = stepwise_home.rglob("sweep.json")
    written = json.dumps({**json.loads(path.read_text()), **change})
    path.write_text(written)
    model = again(swept, make_models, qtbot).model
    assert model.sweep is None
    assert name in model.fault
    assert path.with_name(name).read_text() == written
    model.start(STEPS, GUIDANCE)
    model.close()
    assert path.is_file()
    assert path.with_name(name).read_text() == written


def test_only_a_cell_whose_picture_was_deleted_is_made_again(
    swept: Swept, make_models: MakeModels, qtbot: QtBot
) -> None:
    swept.model.start(STEPS, GUIDANCE)
    swept.play()
    later = again(swept, make_models, qtbot)
    model = later.model
    path = model.picture(3)
    assert path is not None
    path.unlink()
    with qtbot.waitSignal(model.changed):
        model.pixels(3)
    assert (model.finished, model.can_resume) == (3, True)
    model.resume()
    assert isinstance(later.asked[0], GenerateRequest)
    later.play()
    assert model.finished == 4
    model.close()


def test_two_cells_are_compared_as_they_were_recorded(swept: Swept) -> None:
    model = swept.model
    heard: list[object] = []
    swept.intents.compare_runs.connect(heard.append)
    swept.intents.compare.connect(heard.append)
    model.start(STEPS, GUIDANCE)
    for place in (0, 1, 3, 1):
        model.choose(place)
    assert model.chosen == (3,)
    model.choose(0)
    model.compare_chosen()
    assert isinstance(heard[0], CompareRequest), "they are not made yet"
    assert heard[0].requests == (model.sweep.cells[3], model.sweep.cells[0])  # type: ignore[union-attr]
    swept.play()
    model.compare_chosen()
    assert isinstance(heard[1], list)
    assert heard[1][0] > heard[1][1]


def test_a_job_that_fails_ends_the_sweep_with_its_sentence(swept: Swept) -> None:
    swept.model.start(STEPS, GUIDANCE)
    job_state, take = swept.begin()
    job_state.take(take.started())
    failed = JobFailed(job_id=take.job_id, sentence="The model is gone.")
    job_state.take(failed)
    assert swept.model.follow(job_state)
    assert (swept.model.running, swept.model.fault, swept.model.can_resume) == (
        False,
        failed.sentence,
        True,
    )


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    ),
    st.sampled_from(["version", "across", "down", "first", "others", "finished"]),
)
def test_a_file_edited_by_hand_is_not_a_sweep_and_not_an_error(value: object, key: str) -> None:
    cells = requests(BASE, card_of, STEPS, GUIDANCE)
    sweep = Sweep(across=STEPS, down=GUIDANCE, cells=cells)
    sweep.finished[1] = FinishedCell(picture=Path("/x.png"), run="000001-0123abcd")
    saved = sweep.to_dict()
    read = read_sweep(json.loads(json.dumps(saved)))
    assert read is not None
    assert (read.cells, read.finished, read.across) == (cells, sweep.finished, STEPS)
    changed = read_sweep({**saved, key: value})
    assert changed is None or len(changed.cells) == 4
    assert changed is None or all(cell.steps and cell.width and cell.height for cell in changed.cells)


def test_without_its_model_nothing_is_swept(make_models: MakeModels) -> None:
    models = make_models()
    model = models.sweep
    models.form.edit(model="gone")
    with pytest.raises(RequestError, match="gone"):
        model.start(STEPS, GUIDANCE)
    assert model.sweep is None


# ------------------------------------------------------------------------------------------------- LoRAs and sizes
DRAWN = FormValues(prompt="a fox <lora:ink:1>, <lora:snow:0.5>", model="juggernaut", width=512, height=512)


def family_card(name: str) -> object:
    return {SDXL.name: SDXL, STARTER.name: STARTER}[name]


def test_the_weight_of_each_lora_in_the_prompt_can_be_swept() -> None:
    names = [name for name in fields_for(DRAWN, SDXL) if name.startswith(LORA)]
    assert names == ["lora:ink", "lora:snow"]
    assert not any(name.startswith(LORA) for name in fields_for(DRAWN, STARTER))
    axis = parse_axis("lora:snow", "0, 0.75, -1")
    assert parse_axis("lora:snow", format_axis(axis)) == axis
    made = requests(DRAWN, family_card, axis, STEPS)
    assert [one.prompt for one in made[:3]] == [
        f"a fox <lora:ink:1>, <lora:snow:{weight}>" for weight in ("0", "0.75", "-1")
    ]
    for values in ("1000", "much", "nan"):
        with pytest.raises(RequestError):
            parse_axis("lora:snow", values)


def test_a_weight_is_set_in_the_prompt_of_its_cell_and_needs_its_lora_there() -> None:
    weights = parse_axis("lora:ink", "0.2, 0.4")
    prompts = parse_axis("prompt", "an owl <lora:ink:1>; a dog <lora:ink:1>")
    made = requests(DRAWN, family_card, weights, prompts)
    assert [one.prompt for one in made] == [
        f"{animal} <lora:ink:{weight}>" for animal in ("an owl", "a dog") for weight in ("0.2", "0.4")
    ]
    with pytest.raises(RequestError, match="LoRA 'ink'"):
        requests(DRAWN, family_card, weights, parse_axis("prompt", "an owl; a dog"))


def test_sizes_are_swept_as_far_as_the_model_makes_them() -> None:
    axis = parse_axis("size", "512x512, 768 × 512,832X1216")
    assert parse_axis("size", format_axis(axis)) == axis
    made = requests(DRAWN, family_card, axis, STEPS)
    assert [(one.width, one.height) for one in made[:3]] == [(512, 512), (768, 512), (832, 1216)]
    with pytest.raises(RequestError, match="multiples of 8"):
        requests(DRAWN, family_card, parse_axis("size", "512x512, 510x512"), STEPS)
    with pytest.raises(RequestError, match="cannot be"):
        parse_axis("size", "512")
    assert parse_axis("size", usual_values("size", SDXL)).values[0] == "1024x1024"


def test_a_sweep_of_weights_and_sizes_is_read_back_and_unknown_settings_are_not() -> None:
    weights, sizes = parse_axis("lora:ink", "0.2, 0.4"), parse_axis("size", "512x512, 768x512")
    sweep = Sweep(across=weights, down=sizes, cells=requests(DRAWN, family_card, weights, sizes))
    saved = json.loads(json.dumps(sweep.to_dict()))
    again = read_sweep(saved)
    assert (again.across, again.down, again.cells) == (sweep.across, sweep.down, sweep.cells)
    for field in ("colour", LORA, "", 3):
        assert read_sweep({**saved, "across": {**saved["across"], "field": field}}) is None


def test_a_picture_of_another_shape_is_shown_whole_and_undistorted() -> None:
    rect = QRectF(10, 20, 100, 80)
    fitted = fit_within(rect, 832, 1216)
    assert rect.contains(fitted)
    assert fitted.width() / fitted.height() == pytest.approx(832 / 1216)
    assert fitted.height() == pytest.approx(80)
    assert fit_within(rect, 1000, 800) == rect
