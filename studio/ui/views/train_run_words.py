"""What is said of a training while it goes on. No Qt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.ui.views.train_words import STAGES, count, duration, parameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studio.engine.train_events import TrainingSampled, TrainingStarted, TrainingStepped
    from studio.ui.models.train_run import TrainRun

BANDS = ("clean", "nearly clean", "noisy", "noisiest")
SAMPLES = {"reconstruction": "codec", "draft": "draft", "sample": "sample"}


def pace(stepped: TrainingStepped) -> str:
    """Return where a training stands."""
    return (
        f"step {stepped.step:,} of {stepped.steps:,}, {stepped.pictures_per_second:,.0f} pictures/s, "
        f"rate {stepped.rate:.2g}"
    )


def time_left(stepped: TrainingStepped | None) -> str:
    """Return how long it still takes."""
    if stepped is None or stepped.seconds_left is None:
        return ""
    return f"{duration(stepped.seconds_left)} left"


def data(started: TrainingStarted) -> str:
    """Return what is learned, from what, on what."""
    parts = [count(started.pictures, "picture"), parameters(started.parameters)]
    if started.device:
        parts.append(f"on {started.device}, {started.dtype}")
    return ", ".join(parts)


def sample_label(sampled: TrainingSampled) -> str:
    """Return what stands beneath a column of samples."""
    return f"{sampled.step:,}" if sampled.what == "sample" else f"{SAMPLES[sampled.what]} {sampled.step:,}"


def sample_title(sampled: TrainingSampled) -> str:
    """Return what a column of samples is."""
    return f"{SAMPLES[sampled.what].capitalize()}, step {sampled.step:,}"


def running_title(run: TrainRun) -> str:
    """Return what a training is called, and what it is at."""
    assert run.training is not None, "there is a title only where there is a training"
    request = run.training.request
    name = request.title or request.name
    return {
        "waiting": f"{name}: waiting for the device",
        "preparing": f"{name}: getting ready",
        "stopping": f"{name}: stopping after this step",
        "stopped": f"{name}: stopped",
        "done": f"{name}: trained",
        "failed": f"{name}: failed",
    }.get(run.phase) or f"{name}: {_doing(run)}"


def _doing(run: TrainRun) -> str:
    if run.held:
        return "paused for a picture"
    if run.paused:
        return "paused"
    return STAGES[run.newest.stage] if run.newest is not None else "the first step"


def running_status(run: TrainRun) -> str:
    """Return the same for the window's foot, with how far it is."""
    if run.newest is None or run.held or run.paused or run.phase != "running":
        return running_title(run)
    assert run.training is not None, "as above"
    name = run.training.request.title or run.training.request.name
    return f"Training {name}: {time_left(run.newest) or STAGES[run.newest.stage]}"


def running_caption(run: TrainRun) -> str:
    """Return where a training stands, in figures."""
    if run.failure is not None:
        return run.failure.sentence
    if run.finished is not None:
        took = duration(run.finished.seconds)
        if run.started is not None and run.started.resumed_at:
            took = f"{took} since it went on"
        return (
            f"{run.finished.steps:,} steps, {took}; the model {run.finished.model} is in the list of models"
        )
    if run.stopped is not None:
        return "Everything is saved; Resume goes on from here at any time, also after a restart"
    if run.newest is not None and run.phase in ("running", "stopping"):
        return f"{_which_stage(run)}{pace(run.newest)}"
    if run.preparing is not None and run.preparing.total:
        return f"{run.preparing.what}: {run.preparing.done:,} of {run.preparing.total:,}"
    return run.preparing.what if run.preparing is not None else ""


def _which_stage(run: TrainRun) -> str:
    stages = run.started.stages if run.started is not None else ()
    if run.newest is None or len(stages) < 2 or run.newest.stage not in stages:
        return ""
    return f"stage {stages.index(run.newest.stage) + 1} of {len(stages)}, "


def checkpoints(made: Sequence[str]) -> str:
    """Return which models a training has made so far."""
    if not made:
        return "Every checkpoint becomes a model that pictures can be made with"
    return f"{count(len(made), 'checkpoint')}, the newest is {made[-1]}"


def loss_title(stage: str) -> str:
    """Return the title of a stage's curve."""
    return f"Loss while {STAGES.get(stage, stage)}"
