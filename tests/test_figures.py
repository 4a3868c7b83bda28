"""The README's figures are drawn from whatever the cards say that was measured, and bands are standard errors."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from studio.checkpoints.folder import write_card
from studio.diffusion.samplers import COMPARED, SAMPLERS
from tests.bench import figures
from tests.bench.chart_panels import Axis, Line, Lines
from tests.bench.figures_axes import percents, share_axis, steps_axis, wilson
from tests.bench.figures_panels import Subject, guidance, models, schedules, steps
from tests.bench.figures_training import read_log, smooth, training
from tests.engine.tiny import save_tiny

if TYPE_CHECKING:
    from pathlib import Path

    from studio.checkpoints.card import ModelCard

SHARES = {"top1": 0.75, "top5": 0.9, "distance": 0.2, "detail": 0.8}
EVALUATION: dict[str, Any] = {
    "languages": {"en": {"top1": 0.9, "top5": 1.0}, "ko": {"top1": 0.8}},
    "background": 0.99,
    "compositions": {"count": 0.9, "position": 0.0, "size": 0.95},
    "guidance": {
        "settings": {"steps": 20},
        "concepts": 10,
        "seeds": 4,
        "curve": [{"guidance": scale, **SHARES, "diversity": 0.1 / scale} for scale in (1.0, 3.0, 10.0)],
    },
    "steps": {
        "guidance": 1.0,
        "concepts": 16,
        "curves": {name: [{"steps": count, **SHARES} for count in (5, 50, 1000)] for name in COMPARED},
    },
}


pytestmark = pytest.mark.usefixtures("qapp")


@pytest.fixture
def card(stepwise_home: Path) -> ModelCard:
    folder = stepwise_home / "models" / "tiny"
    measured = dataclasses.replace(save_tiny(folder), evaluation=EVALUATION)
    write_card(folder, measured)
    return measured


def test_every_figure_is_drawn_at_twice_the_width_of_a_page(card: ModelCard, tmp_path: Path) -> None:
    drawn = figures.draw_figures(figures.subjects_of(["tiny"]), tmp_path / "out")
    assert [path.name for path in drawn] == [
        f"figures-{name}.png" for name in ("guidance", "steps", "schedules", "models")
    ]
    for path in drawn:
        with Image.open(path) as image:
            assert image.width == 1680
            assert len(image.convert("RGB").getcolors(1 << 24) or ()) > 50


def test_a_model_that_was_not_measured_leaves_only_the_schedules(card: ModelCard, tmp_path: Path) -> None:
    unmeasured = Subject("bare", "#000000", dataclasses.replace(card, evaluation={}))
    assert [path.name for path in figures.draw_figures([unmeasured], tmp_path)] == ["figures-schedules.png"]


def test_what_is_missing_is_measured_first(
    card: ModelCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def run(arguments: list[str]) -> int:
        asked.append(arguments)
        return 0

    monkeypatch.setattr(figures.stepwise, "run", run)
    assert figures.main(["tiny", "--measure", "--out", str(tmp_path)]) == 0
    assert figures.main(["tiny", "--measure", "--full", "--out", str(tmp_path)]) == 0
    assert asked == [
        ["evaluate", "tiny", "--write", "--quick", "--missing"],
        ["evaluate", "tiny", "--write"],
    ]


def test_each_sampler_has_a_line_and_each_model_a_column(card: ModelCard) -> None:
    subjects = [Subject("one", "#000000", card), Subject("two", "#ffffff", card)]
    panels, columns, _ = steps(subjects)
    assert columns == 2
    assert [panel.title for panel in panels] == [
        f"{name}: {what}" for what in ("names recognised", "detail") for name in ("one", "two")
    ]
    assert isinstance(panels[0], Lines)
    assert [line.name for line in panels[0].lines] == [SAMPLERS[name].title for name in COMPARED]
    assert panels[0].lines[0].points == [(5, 0.75), (50, 0.75), (1000, 0.75)]
    panels, _, _ = guidance(subjects)
    assert [[line.name for line in panel.lines] for panel in panels if isinstance(panel, Lines)] == [
        ["one", "two"]
    ] * 3
    (bars,), _, _ = models(subjects)
    assert [name for name, _, _ in bars.bars] == ["one", "two"]  # type: ignore[union-attr]


def test_the_schedules_are_those_of_the_program(card: ModelCard) -> None:
    panels, _, _ = schedules([Subject("U-Net, cosine", "#000000", card)])
    signal, ratio = (panel for panel in panels[:2] if isinstance(panel, Lines))
    assert [line.name for line in signal.lines] == ["cosine (U-Net)", "linear"]
    for one, other in zip(signal.lines[0].points, ratio.lines[0].points, strict=True):
        assert other[1] == pytest.approx(10 * math.log10(one[1] / (1 - one[1])))


def test_the_curves_of_a_training_come_from_what_it_told(card: ModelCard, tmp_path: Path) -> None:
    told = tmp_path / "told.txt"
    told.write_text(
        "some words\ncodec 10/30  loss 0.5000  70 pictures/s  1 min left\n"
        "10:00:00 codec 20 / 30 loss 0.2500 70 pictures/s\ncodec 20/30  loss 0.2000  70 pictures/s\n"
        "backbone 5/1500  loss 1.0000  3 pictures/s\nbackbone 1500/1500  loss 0.1000  3 pictures/s\n"
    )
    assert read_log(told) == {"codec": [(10, 0.5), (20, 0.2)], "backbone": [(5, 1.0), (1500, 0.1)]}
    panels, _, _ = training({"one": told}, ["#000000"])
    assert [panel.title for panel in panels] == ["Loss, codec", "Loss, backbone"]
    assert panels[1].x.ticks == [0, 500, 1000, 1500]
    drawn = figures.draw_figures(figures.subjects_of(["tiny"]), tmp_path, {"one": told})
    assert drawn[-1].name == "figures-training.png"


def test_smoothing_keeps_the_ends_and_a_steady_fall() -> None:
    falling = [(float(step), 2.0**-step) for step in range(200)]
    assert [loss for _, loss in smooth(falling)] == pytest.approx([loss for _, loss in falling])


def test_a_band_is_one_standard_error() -> None:
    low, high = wilson(0.5, 10_000)
    assert (high - low) / 2 == pytest.approx(0.005, rel=0.01)
    low, high = wilson(1.0, 16)
    assert high == 1
    assert low == pytest.approx(16 / 17)  # sixteen of sixteen are not a certainty


def test_axes_hold_what_is_shown() -> None:
    line = Line(name="", colour="", points=[(5, 0.43), (200, 1.05)])
    assert share_axis([line]) == percents(0.4, 1.1)
    assert steps_axis([line]).ticks == [5, 10, 20, 50, 100, 200]
    assert percents(0.6, 1.0).ticks == pytest.approx([0.6, 0.7, 0.8, 0.9, 1.0])
    log = Axis(label="", low=1, high=100, ticks=(), log=True)
    assert [log.share(value) for value in (0.1, 1, 10, 1000)] == pytest.approx([0, 0, 0.5, 1])
