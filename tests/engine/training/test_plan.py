"""The plan of a training: a model that predicts eps starts where its prediction says something about the picture."""

from __future__ import annotations

import itertools
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from studio.checkpoints.catalog import InstalledModel
from studio.checkpoints.folder import read_card, write_card
from studio.diffusion.conditioning import Conditioning
from studio.diffusion.denoiser import Denoiser
from studio.diffusion.guidance import ClassifierFreeGuidance
from studio.diffusion.noise import Noise
from studio.diffusion.prediction import MAX_ERROR_FACTOR, error_factor
from studio.diffusion.samplers import SAMPLERS
from studio.diffusion.samplers.drive import drive
from studio.diffusion.samplers.stepper import State
from studio.diffusion.schedules import SCHEDULES, cosine
from studio.diffusion.spacings import visit_times
from studio.engine.training import plan as plan_module
from studio.engine.training.pipeline import start_notes
from studio.engine.training.plan import card_of, plan_training
from studio.engine.training.request import SCHEDULE_NAMES
from studio.errors import RequestError
from studio.folders import Folders
from tests.engine.tiny import save_tiny
from tests.engine.training.tiny_trainings import add_tiny_scales, tiny_request

if TYPE_CHECKING:
    from pathlib import Path

    from studio.diffusion.prediction import PredictionKind

DATA: Any = SimpleNamespace(refused=(), pictures=1000, data_sha256="")
WITHOUT_SIGNAL = "hardly any signal is left"


@pytest.fixture(autouse=True)
def _tiny_scales(monkeypatch: pytest.MonkeyPatch) -> None:
    add_tiny_scales(monkeypatch)


@pytest.mark.parametrize(
    ("schedule", "prediction", "latents"),
    [*itertools.product(SCHEDULE_NAMES, ("eps", "v", "x0"), (True, False))],
)
def test_a_model_that_cannot_start_from_noise_is_known_beforehand_and_starts_lower(
    tmp_path: Path, schedule: str, prediction: PredictionKind, latents: bool
) -> None:
    request = tiny_request(tmp_path, schedule=schedule, prediction=prediction, latents=latents)
    plan = plan_training(request, Folders.under(tmp_path))
    told = any(WITHOUT_SIGNAL in note for note in start_notes(plan, DATA, None))
    assert request.starts_without_signal == (plan.card.defaults.spacing == "leading") == told
    assert told == (prediction == "eps" and schedule == "cosine" and latents), "pixels are clipped"
    defaults, made = plan.card.defaults, SCHEDULES[schedule]()
    first = visit_times(made.T, defaults.steps, defaults.spacing)[0]
    assert plan.card.clip or error_factor(prediction, made.alpha(first), made.sigma(first)) < MAX_ERROR_FACTOR


@pytest.mark.parametrize("steps", [1, 30, 334, 501, 999, 1000])
def test_so_do_the_default_steps_of_any_recipe(tmp_path: Path, steps: int) -> None:
    request = tiny_request(tmp_path, prediction="eps")
    plan = plan_training(request, Folders.under(tmp_path))
    about = replace(plan.recipe.about, steps=steps)
    defaults = card_of(replace(plan.recipe, about=about)).defaults
    first = visit_times(1000, defaults.steps, defaults.spacing)[0]
    assert error_factor("eps", cosine().alpha(first), cosine().sigma(first)) < MAX_ERROR_FACTOR
    assert steps in (1, 334, 501, 999, 1000) or defaults.steps == steps
    assert first >= 999 - 2 * (1000 // defaults.steps), "and it is noise there"


def test_a_model_that_is_trained_further_starts_lower_too(tmp_path: Path) -> None:
    folders = Folders.under(tmp_path)
    save_tiny(folders.models / "old", latent=True)
    card = read_card(folders.models / "old")
    for prediction, spacing in (("v", "trailing"), ("eps", "leading")):
        write_card(folders.models / "old", replace(card, prediction=prediction, sizes=card.sizes[:1]))
        plan = plan_training(tiny_request(tmp_path, base="old"), folders)
        assert plan.card.defaults.spacing == spacing
        assert any(WITHOUT_SIGNAL in note for note in start_notes(plan, DATA, None)) == (prediction == "eps")


MEAN, VARIANCE = 0.3, 0.25


@pytest.mark.parametrize(
    ("spacing", "clip", "fits"),
    [("leading", False, True), ("trailing", True, True), ("trailing", False, False)],
)
def test_an_error_of_one_percent_stays_small_but_for_the_spacing_that_multiplies_it(
    spacing: str, clip: bool, fits: bool
) -> None:
    schedule, noise, wrong = cosine(), Noise([11], (1, 48, 48)), torch.Generator().manual_seed(0)

    def backbone(x: torch.Tensor, t: torch.Tensor, condition: Conditioning) -> torch.Tensor:
        """Predict the eps of N(MEAN, VARIANCE), with an error of one percent."""
        alpha, sigma = schedule.alphas(t), schedule.sigmas(t)
        x0 = MEAN + alpha * VARIANCE / (alpha**2 * VARIANCE + sigma**2) * (x - alpha * MEAN)
        return (x - alpha * x0) / sigma + 0.01 * torch.randn(x.shape, generator=wrong)

    ddim, guidance = SAMPLERS["ddim"], ClassifierFreeGuidance(1.0, Conditioning(), Conditioning())
    state = State(noise.initial(), 0, visit_times(1000, 30, spacing))
    model = Denoiser(backbone, schedule, "eps", clip=clip)
    for step in drive(ddim(schedule, ddim.Options()), guidance, model, state, noise):
        state = step.state
    assert (abs(float(state.x.var()) - VARIANCE) < 0.08) == fits
    assert (abs(float(state.x.mean()) - MEAN) < 0.06) or not fits


def test_a_model_of_another_family_is_not_trained_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    card: Any = SimpleNamespace(name="merge", backbone=SimpleNamespace(kind="unet"))
    other = InstalledModel(name="merge", folder=tmp_path, shipped=False, card=card)
    monkeypatch.setattr(plan_module, "find_model", lambda name, folders: other)
    with pytest.raises(RequestError, match="base 'merge' is not a model that can be trained further"):
        plan_training(tiny_request(tmp_path, base="merge"), Folders.under(tmp_path))
