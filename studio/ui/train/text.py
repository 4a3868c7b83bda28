"""The texts of the training page, translated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio import format as quantity
from studio.ui.jobs.text import device_label
from studio.ui.language import tr, trn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from studio.engine.training.events import TrainingSampled, TrainingStarted, TrainingStepped
    from studio.engine.training.request import TrainEstimate
    from studio.engine.training.resumable import ResumableTraining
    from studio.training.data.inspect import Found
    from studio.ui.train.data import TrainFolder
    from studio.ui.train.noise import NoiseLevel
    from studio.ui.train.run import TrainRun


# ---------------------------------------------------------------------------------------------------------- empty pages
def empty() -> str:
    return tr("Train a model on your own pictures")


def empty_how() -> str:
    return tr(
        "Choose a folder of pictures, or drop one here. The caption of a picture is the text file beside it; "
        "without one, the file name; without that, the name of the folder."
    )


def noise_empty() -> str:
    return tr("Choose a picture to see it dissolve into noise")


def pictograms() -> str:
    return tr("Pictograms, drawn during training")


def pictograms_how() -> str:
    return tr(
        "Drawings of things, animals and faces on coloured backgrounds, with captions in English and Korean: "
        "the data of the models that come with the program. Nothing has to be chosen; press Train."
    )


def picture_filter() -> str:
    return tr("Pictures ({patterns})", patterns="*.png *.jpg *.jpeg *.webp *.bmp *.gif *.tif *.tiff")


def tabs() -> list[tuple[str, str, str]]:
    """Return the key, the title and the tooltip of each tab."""
    return [
        ("pictures", tr("Pictures"), tr("The pictures in the folder, and the files that cannot be used.")),
        ("training", tr("Training"), tr("Loss curves, samples and checkpoints.")),
        ("noise", tr("Noise"), tr("A picture dissolving into noise, with two noise schedules.")),
    ]


# ------------------------------------------------------------------------------------------------- tooltips of the form
def size_tip() -> str:
    return tr("Width and height in pixels. Doubling them takes about four times as long.")


def backbone_tip() -> str:
    return tr(
        "The network that learns to remove noise. A U-Net (Ronneberger et al. 2015) learns faster from few pictures; "
        "a transformer (DiT, Peebles & Xie 2023) improves further with many."
    )


def scale_tip() -> str:
    return tr("The number of parameters. A larger model learns more, and trains more slowly.")


def steps_tip() -> str:
    return tr("Number of optimizer steps. More steps give better pictures, up to a point.")


def schedule_tip() -> str:
    return tr("Noise schedule. Preview it on the Noise tab.")


def prediction_tip() -> str:
    return tr(
        "What the model predicts at each step: the noise (eps), the clean picture (x0), "
        "or v, a mixture of both that works well at every noise level."
    )


def starts_without_signal() -> str:
    return tr(
        "With the Cosine schedule, eps contains hardly any signal at the highest noise level. Pictures will start a "
        "little below it. v does not have this limit."
    )


def space_tip() -> str:
    return tr(
        "Latent: a codec is trained first, and the model works on its small codes; much faster from 64 pixels on. "
        "Pixel: no codec; sharper at the smallest sizes."
    )


def dropout_tip() -> str:
    return tr("How often training leaves out the caption. Guidance needs some training without captions.")


def batch_tip() -> str:
    return tr("Pictures in each step. Larger batches make training steadier and need more memory.")


def learning_rate_tip() -> str:
    return tr("Peak learning rate. Halve it if the loss jumps.")


def loss_weighting_tip() -> str:
    return tr(
        "How much each noise level counts in the loss. Min-SNR keeps nearly clean pictures from dominating it "
        "(Hang et al. 2023, arXiv 2303.09556)."
    )


def base_tip() -> str:
    return tr(
        "Train a new model from scratch, or fine-tune an installed one on these pictures. "
        "Fine-tuning keeps the model's architecture, size and schedule."
    )


def name_tip() -> str:
    return tr("The name of the model. Checkpoints add their step to it.")


# -------------------------------------------------------------------------------------------------- choices of the form
def backbones() -> dict[str, str]:
    """Return the title of each backbone, by its key in a request."""
    return {"unet": tr("U-Net"), "dit": tr("DiT")}


def schedules() -> dict[str, str]:
    """Return the title of each noise schedule, by its key in a request."""
    return {"cosine": tr("Cosine"), "linear": tr("Linear"), "scaled_linear": tr("Scaled linear")}


def predictions() -> dict[str, tuple[str, str]]:
    """Return the title and the detail of each prediction, by its key in a request."""
    return {
        "v": (tr("v"), tr("default")),
        "eps": (tr("eps"), tr("noise")),
        "x0": (tr("x0"), tr("clean picture")),
    }


def spaces() -> dict[str, str]:
    return {"latents": tr("Latent"), "pixels": tr("Pixel")}


def loss_weightings(gamma: str) -> dict[str, tuple[str, str]]:
    """Return the title and the detail of each loss weighting, by key; ``gamma``, the one in use, is always included."""
    choices = {"even": (tr("Uniform"), "")}
    for value in ("1", "5", "20"):
        choices[value] = (tr("Min-SNR {gamma}", gamma=value), tr("default") if value == "5" else "")
    if gamma not in choices:
        choices[gamma] = (tr("Min-SNR {gamma}", gamma=gamma), "")
    return choices


def from_scratch() -> str:
    return tr("Scratch (new model)")


def fine_tune() -> str:
    return tr("fine-tune")


def not_installed() -> str:
    return tr("not installed")


# --------------------------------------------------------------------------------------------------- faults of the form
def name_taken(name: str) -> str:
    return tr("There is already a model named {name}; choose another name.", name=name)


def base_missing(name: str) -> str:
    return tr("The model {name} is no longer installed; choose another.", name=name)


def no_usable_picture() -> str:
    return tr("This folder has no usable picture; choose another.")


# ---------------------------------------------------------------------------------------------------------------- costs
def cost(estimate: TrainEstimate, *, measuring: bool) -> str:
    """Return the time and the memory that a training takes on this machine.

    Args:
        estimate: as far as it is known.
        measuring: whether an unknown time is about to be measured.
    """
    memory = quantity.size(estimate.memory_bytes)
    if estimate.seconds is not None:
        return tr(
            "About {time}, {memory}, {parameters}",
            time=quantity.duration(estimate.seconds),
            memory=memory,
            parameters=quantity.parameters(estimate.parameters),
        )
    if measuring:
        return tr("Measuring the time; about {memory} of memory", memory=memory)
    return tr("About {memory} of memory", memory=memory)


def short_cost(estimate: TrainEstimate) -> str:
    """Return the time and the memory in the few characters there are beside a choice."""
    memory = quantity.size(estimate.memory_bytes)
    if estimate.seconds is None:
        return tr(memory)
    return tr("{time}, {memory}", time=quantity.duration(estimate.seconds), memory=memory)


def no_source() -> str:
    return tr("Choose a folder, then press Train")


def steps_and_batch(steps: int, batch: int) -> str:
    return tr("{steps:,} steps with a batch size of {batch}", steps=steps, batch=batch)


def train_button(*, waits: bool) -> str:
    return tr("Train after this one") if waits else tr("Train")


# ------------------------------------------------------------------------------------------------------------- pictures
def pictures_found(folder: TrainFolder) -> str:
    """Return how many usable pictures a folder has; "" if it cannot be read."""
    if folder.fault:
        return ""
    if folder.reading:
        return trn("{count:,} picture so far", "{count:,} pictures so far", folder.count)
    pictures = trn("{count:,} picture", "{count:,} pictures", folder.count)
    parts = [pictures]
    if folder.refused_count:
        parts.append(
            trn("{count:,} file cannot be used", "{count:,} files cannot be used", folder.refused_count)
        )
    if folder.count == 1:
        parts.append(tr("the model will only memorise this one picture"))
    return ", ".join(parts)


def refused(count: int) -> str:
    return trn("{count:,} file cannot be used", "{count:,} files cannot be used", count)


def about_picture(found: Found) -> str:
    """Return the caption, the file and the source of the caption, one a line."""
    sources = {
        "text": tr("Caption from the text file beside the picture"),
        "name": tr("Caption from the file name"),
        "folder": tr("Caption from the folder name"),
    }
    size = tr(
        "{file}, {width} × {height} pixels", file=found.path.name, width=found.width, height=found.height
    )
    return f"{found.caption}\n{size}\n{sources[found.caption_from]}"


# ------------------------------------------------------------------------------------------------- unfinished trainings
def resume_name(name: str) -> str:
    """Return the accessible name of the button that resumes a training."""
    return tr("Resume {name}", name=name)


def resume_tip(name: str) -> str:
    return tr("Resume training {name}", name=name)


def ago(seconds: float) -> str:
    """Return how long ago something happened."""
    if seconds < 90:
        return tr("just now")
    if seconds < 36 * 3600:
        return tr("{duration} ago", duration=quantity.duration(seconds))
    return trn("{count} day ago", "{count} days ago", round(seconds / 86400))


def last_step(training: ResumableTraining, now: float) -> str:
    """Return how far an unfinished training came, and when."""
    when = ago(max(now - training.when, 0.0))
    if not training.stage:
        return tr("not started, {when}", when=when)
    where = tr("step {step:,} of {steps:,}", step=training.step, steps=training.steps)
    if training.stage == "backbone":
        return tr("{step}, {when}", step=where, when=when)
    return tr("{stage}, {step}, {when}", stage=stage(training.stage), step=where, when=when)


def waiting(name: str) -> str:
    return tr("{name}, after the current training", name=name)


def remove_waiting(name: str) -> str:
    """Return the accessible name of the button that takes a training out of the queue."""
    return tr("Remove {name} from the queue", name=name)


# --------------------------------------------------------------------------------------------------- a running training
def stage(key: str) -> str:
    """Return what a stage of a training does; an unknown stage by its key."""
    stages = {
        "codec": tr("training the codec"),
        "decoder": tr("fine-tuning the decoder"),
        "preview": tr("training the preview decoder"),
        "text": tr("training the text encoder"),
        "backbone": tr("training the denoiser"),
    }
    return stages.get(key, key)


def loss_title(key: str) -> str:
    """Return the title of a stage's loss curve; of no stage for ""."""
    stages = {
        "codec": tr("Loss of the codec"),
        "decoder": tr("Loss of the decoder"),
        "preview": tr("Loss of the preview decoder"),
        "text": tr("Loss of the text encoder"),
        "backbone": tr("Loss of the denoiser"),
    }
    return stages.get(key, tr("Loss"))


def running_title(run: TrainRun) -> str:
    """Return the name of the training and its state."""
    assert run.training is not None, "only a training has a title"
    request = run.training.request
    name = request.title or request.name
    match run.phase:
        case "waiting":
            return tr("{name}: waiting for the device", name=name)
        case "preparing":
            return tr("{name}: preparing", name=name)
        case "stopping":
            return tr("{name}: stopping after this step", name=name)
        case "stopped":
            return tr("{name}: stopped", name=name)
        case "done":
            return tr("{name}: finished", name=name)
        case "failed":
            return tr("{name}: failed", name=name)
        case _ if run.suspended:
            return tr("{name}: paused while a picture is made", name=name)
        case _ if run.paused:
            return tr("{name}: paused", name=name)
        case _ if run.newest is None:
            return tr("{name}: first step", name=name)
        case _:
            return tr("{name}: {stage}", name=name, stage=stage(run.newest.stage))


def running_status(run: TrainRun) -> str:
    """Return the text of the status bar: the name of the training, and the time left or its state."""
    if run.newest is None or run.suspended or run.paused or run.phase != "running":
        return running_title(run)
    assert run.training is not None, "as above"
    name = run.training.request.title or run.training.request.name
    state = time_left(run.newest) or stage(run.newest.stage)
    return tr("Training {name}: {state}", name=name, state=state)


def running_caption(run: TrainRun) -> str:
    """Return the line below the title: the step and the speed, or how the training ended."""
    if run.failure is not None:
        return run.failure.sentence
    if run.finished is not None:
        took = tr(quantity.duration(run.finished.seconds))
        if run.started is not None and run.started.resumed_at:
            took = tr("{duration} since it was resumed", duration=took)
        return tr(
            "{steps:,} steps, {duration}; the model {model} is in the list of models",
            steps=run.finished.steps,
            duration=took,
            model=run.finished.model,
        )
    if run.stopped is not None:
        return tr("Everything is saved. Resume continues from here.")
    if run.newest is not None and run.phase in ("running", "stopping"):
        return _step_caption(run, run.newest)
    if run.preparing is None:
        return ""
    if not run.preparing.total:
        return tr(run.preparing.what)
    return tr(
        "{what}: {done:,} of {total:,}",
        what=tr(run.preparing.what),
        done=run.preparing.done,
        total=run.preparing.total,
    )


def _step_caption(run: TrainRun, stepped: TrainingStepped) -> str:
    """Return step and speed, after the number of the stage if there are several."""
    stages = run.started.stages if run.started is not None else ()
    if len(stages) < 2 or stepped.stage not in stages:
        return pace(stepped)
    number, count = stages.index(stepped.stage) + 1, len(stages)
    return tr("stage {number} of {count}, {pace}", number=number, count=count, pace=pace(stepped))


def pace(stepped: TrainingStepped) -> str:
    """Return the step, the speed and the learning rate."""
    return tr(
        "step {step:,} of {steps:,}, {speed:,.0f} pictures/s, learning rate {rate:.2g}",
        step=stepped.step,
        steps=stepped.steps,
        speed=stepped.pictures_per_second,
        rate=stepped.rate,
    )


def time_left(stepped: TrainingStepped | None) -> str:
    """Return the time until the training ends; "" if it is not known."""
    if stepped is None or stepped.seconds_left is None:
        return ""
    return tr("{duration} left", duration=quantity.duration(stepped.seconds_left))


def data(started: TrainingStarted) -> str:
    """Return the number of pictures and parameters, the device and the precision."""
    parts = [
        trn("{count:,} picture", "{count:,} pictures", started.pictures),
        tr(quantity.parameters(started.parameters)),
    ]
    if started.device:
        parts.append(tr("on {device}, {dtype}", device=device_label(started.device), dtype=started.dtype))
    return ", ".join(parts)


def pause_button(*, paused: bool) -> str:
    return tr("Resume") if paused else tr("Pause")


def pause_tip(*, paused: bool) -> str:
    return tr("Resume training (Ctrl+P)") if paused else tr("Pause after this step (Ctrl+P)")


def stop_tip() -> str:
    return tr("Stop after this step. Everything is saved, and training can be resumed at any time.")


def noise_bands() -> tuple[str, str, str, str]:
    """Return the names of the four bands of the noise level, the cleanest first."""
    return tr("clean"), tr("nearly clean"), tr("noisy"), tr("noisiest")


# ---------------------------------------------------------------------------------------------- samples and checkpoints
def sample_label(sampled: TrainingSampled) -> str:
    """Return the label below a column of samples."""
    if sampled.what == "reconstruction":
        return tr("codec {step:,}", step=sampled.step)
    if sampled.what == "draft":
        return tr("draft {step:,}", step=sampled.step)
    return tr("{step:,}", step=sampled.step)


def sample_title(sampled: TrainingSampled) -> str:
    """Return the kind and the step of a sample."""
    if sampled.what == "reconstruction":
        return tr("Reconstruction by the codec, step {step:,}", step=sampled.step)
    if sampled.what == "draft":
        return tr("Draft, step {step:,}", step=sampled.step)
    return tr("Sample, step {step:,}", step=sampled.step)


def sample_caption(sampled: TrainingSampled, row: int) -> str:
    return tr("{title}, seed {seed}", title=sample_title(sampled), seed=sampled.seeds[row])


def sample_description(sampled: TrainingSampled, row: int) -> str:
    """Return what a screen reader says of a sample."""
    return tr("{title}: {prompt}", title=sample_title(sampled), prompt=sampled.prompts[row])


def checkpoints(models: Sequence[str]) -> str:
    """Return how many checkpoints a training has saved so far."""
    if not models:
        return tr("Every checkpoint becomes a model that you can make pictures with")
    return trn(
        "{count:,} checkpoint, the newest is {model}",
        "{count:,} checkpoints, the newest is {model}",
        len(models),
        model=models[-1],
    )


def checkpoints_file(model: str) -> str:
    """Return the suggested file name of a sheet of checkpoints, without its ending."""
    return tr("{model} checkpoints", model=model)


def sheet_title(prompt: str) -> str:
    return tr("{prompt}: training step across, denoising step down", prompt=prompt)


def sheet_cell(step: int, steps: int, level: float) -> str:
    return tr("step {step} of {steps}, noise level {level:.2f}", step=step, steps=steps, level=level)


# -------------------------------------------------------------------------------------------------------- the Noise tab
def time_tip() -> str:
    return tr(
        "Training shows the model pictures at every noise level: almost none at t = 0, almost only noise at t = 999. "
        "x_t = sqrt(alpha_bar) x_0 + sqrt(1 - alpha_bar) eps."
    )


def schedule_pane(schedule: str) -> str:
    """Return the accessible name of the picture noised under a schedule."""
    return tr("The picture noised with the {schedule} schedule", schedule=schedules()[schedule])


def figure(value: float) -> str:
    """Return a value with three decimals, and none from 100 on."""
    return f"{value:.3f}".replace("-", "−") if abs(value) < 100 else f"{value:.0f}"


def noise_level(level: NoiseLevel) -> str:
    """Return the figures of a noise level."""
    return tr(
        "alpha_bar {alpha_bar:.4f}, signal {signal:.3f}, noise {noise:.3f}, SNR {snr:.3g}, log-SNR {log_snr}",
        alpha_bar=level.alpha_bar,
        signal=level.alpha,
        noise=level.sigma,
        snr=level.alpha_bar / (1 - level.alpha_bar),
        log_snr=figure(level.log_snr),
    )


def training_size(size: int) -> str:
    """Return the size at which a picture is noised."""
    return tr("{size} × {size} pixels, as in training; the same noise on both sides", size=size)
