"""What the page of trainings says, in words. No Qt.

What is said of a training while it goes on. No Qt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.errors import capitalised

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studio.engine.training.events import TrainingSampled, TrainingStarted, TrainingStepped
    from studio.engine.training.request import TrainEstimate
    from studio.engine.training.resumable import ResumableTraining
    from studio.training.data.inspect import Found
    from studio.ui.train.data import TrainFolder
    from studio.ui.train.model import TrainRun
    from studio.ui.train.noise import NoiseLevel


PICTURE_FILTER = "Pictures (*.png *.jpg *.jpeg *.webp *.bmp *.gif *.tif *.tiff)"

EMPTY = "Teach a model your own pictures"
EMPTY_HOW = (
    "Choose a folder of pictures, or drop one here. A picture is called by the text file beside it, else by its own "
    "name, else by the name of its folder."
)
FORWARD_EMPTY = "Choose a picture to see it dissolve into noise"
TIME_TIP = (
    "Training shows the model pictures with noise of every strength: t = 0 is almost the picture, t = 999 almost "
    "noise alone. x_t = sqrt(alpha_bar) x_0 + sqrt(1 - alpha_bar) eps."
)
PICTOGRAMS = "Pictograms, drawn as they are needed"
PICTOGRAMS_HOW = (
    "Drawings of things, animals and faces on coloured backgrounds, with captions in English and Korean: what the "
    "shipped models learned from. There is nothing to choose; press Train."
)

SIZE_TIP = "Pixels of a side. Twice as many take four times as long."
BACKBONE_TIP = (
    "What learns to denoise: a U-Net (Ronneberger et al. 2015) learns faster from few pictures, a transformer "
    "(DiT, Peebles & Xie 2023) goes further with many."
)
SCALE_TIP = "How much the model can hold. A larger one learns slower, and more."
STEPS_TIP = "How often the model is corrected. More steps, better pictures, up to a point."
SCHEDULE_TIP = "How fast pictures drown in noise: see them do it under Noise."
PREDICTION_TIP = (
    "What the model is asked for at each step: the noise, the picture, or v, a mixture that suits every t."
)
LATENTS_TIP = (
    "Latents: a codec is learned first, and the model then works on its small codes: much faster from 64 pixels on. "
    "Pixels: no codec, sharper in the smallest sizes."
)
DROPOUT_TIP = (
    "How often the caption is left out while learning, so that guidance has something to push away from."
)
BATCH_TIP = "Pictures of one step. More are steadier and need more memory."
RATE_TIP = "How far each step corrects, at its most. Halve it if the loss jumps."
MIN_SNR_TIP = (
    "Keeps the almost clean times from ruling the loss (min-SNR, Hang et al. 2023, arXiv 2303.09556)."
)
BASE_TIP = "Go on from a model that is there, on these pictures: its kind, size and schedule are kept."
NAME_TIP = "What the model will be called; checkpoints add their step."

SCHEDULES = {"cosine": "Cosine", "linear": "Linear", "scaled_linear": "Scaled linear"}
PREDICTIONS = {
    "v": ("v", "the usual"),
    "eps": ("eps", "the noise"),
    "x0": ("x0", "the picture"),
}
BACKBONES = {"unet": "U-Net", "dit": "DiT"}
WEIGHTS = {
    "even": ("Even", ""),
    "1": ("min-SNR 1", ""),
    "5": ("min-SNR 5", "usual"),
    "20": ("min-SNR 20", ""),
}

STAGES = {
    "codec": "learning to compress pictures",
    "decoder": "sharpening the decoder",
    "preview": "learning quick previews",
    "text": "learning the words",
    "backbone": "learning to denoise",
}


def count(number: int, one: str, many: str = "") -> str:
    """Return "1 picture", "1,200 pictures"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def figure(value: float) -> str:
    """Return a value with three places that never jump."""
    return f"{value:.3f}".replace("-", "−") if abs(value) < 100 else f"{value:.0f}"


def state(held: NoiseLevel) -> str:
    """Return what a state holds."""
    snr = held.alpha_bar / (1 - held.alpha_bar)
    return (
        f"alpha_bar {held.alpha_bar:.4f}, signal {held.alpha:.3f}, noise {held.sigma:.3f}, "
        f"SNR {snr:.3g}, log-SNR {figure(held.log_snr)}"
    )


def as_training_sees(size: int) -> str:
    """Return at which size a picture is noised."""
    return f"{size} × {size} pixels, as training sees it; the same noise on both sides"


def duration(seconds: float) -> str:
    """Return a time in the unit that fits."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    if seconds < 36 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} days"


def memory(size: int) -> str:
    """Return an amount of memory."""
    return f"{size / 2**30:.1f} GB" if size >= 2**30 else f"{max(round(size / 2**20), 1)} MB"


def parameters(number: int) -> str:
    """Return how large a model is."""
    return f"{number / 1e6:.1f} million parameters" if number >= 1e5 else f"{number:,} parameters"


def cost(estimate: TrainEstimate, *, measuring: bool) -> str:
    """Return what a training takes on this machine.

    Args:
        estimate: as far as it is known.
        measuring: whether the time is found out soon, where it is not known.
    """
    held = f"about {memory(estimate.memory_bytes)} of memory"
    if estimate.seconds is not None:
        size = f"{memory(estimate.memory_bytes)}, {parameters(estimate.parameters)}"
        return f"About {duration(estimate.seconds)}, {size}"
    return f"Measuring the time; {held}" if measuring else capitalised(held)


def short_cost(estimate: TrainEstimate) -> str:
    """Return the same beside a choice."""
    time = "" if estimate.seconds is None else f"{duration(estimate.seconds)}, "
    return f"{time}{memory(estimate.memory_bytes)}"


def ago(seconds: float) -> str:
    """Return how long ago something was."""
    if seconds < 90:
        return "just now"
    if seconds < 36 * 3600:
        return f"{duration(seconds)} ago"
    return f"{round(seconds / 86400)} days ago"


def found(folder: TrainFolder) -> str:
    """Return what there is in a folder."""
    if folder.fault:
        return ""
    pictures = count(folder.count, "picture")
    if folder.reading:
        return f"{pictures} so far"
    refused = f", {folder.refused_count:,} refused" if folder.refused_count else ""
    alone = "; one picture is learned by heart, and nothing besides" if folder.count == 1 else ""
    return f"{pictures}{refused}{alone}"


def stands(training: ResumableTraining, now: float) -> str:
    """Return where a training stands that can go on."""
    when = ago(max(now - training.when, 0.0))
    if not training.stage:
        return f"not begun, {when}"
    stage = "" if training.stage == "backbone" else f"{STAGES.get(training.stage, training.stage)}, "
    return f"{stage}step {training.step:,} of {training.steps:,}, {when}"


def about_picture(found: Found) -> str:
    """Return all that is known of a picture."""
    where = {"text": "the text file beside it", "name": "its name", "folder": "the name of its folder"}
    size = f"{found.path.name}, {found.width} × {found.height}"
    return f"{found.caption}\n{size}\nCaption from {where[found.caption_from]}"


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
