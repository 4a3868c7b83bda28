"""``stepwise verify``: is a picture what its file says it is?"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from studio.diffusion.samplers import COMPARED
from studio.engine.engine import Engine
from studio.engine.events import PictureDone, PictureStarted, StepDone
from studio.engine.requests.fork import ForkRequest
from studio.engine.requests.generate import GenerateRequest
from studio.engine.requests.previews import Previews
from studio.folders import Folders
from studio.gallery import png
from studio.gallery.images import encode, read_pixels
from studio.gallery.metadata import Origin, PictureMetadata
from studio.runs.store import RunStore
from tests.engine.tiny import save_tiny

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Ran

    Stepwise = Callable[..., Ran]


def made(stepwise: Stepwise, *words: object) -> Path:
    ran = stepwise(*words)
    assert ran.code == 0, ran.err
    return Path(ran.out.splitlines()[-1])


def remembered(path: Path) -> PictureMetadata:
    metadata = png.read(path).metadata
    assert metadata is not None
    return metadata


def changed(path: Path, to: Path, *, pixels: Any = None, **changes: object) -> Path:  # noqa: ANN401
    """Write a picture again with other pixels or another memory."""
    to.write_bytes(
        encode(read_pixels(path) if pixels is None else pixels, replace(remembered(path), **changes))
    )
    return to


@pytest.mark.parametrize("sampler", COMPARED)
def test_a_picture_that_comes_out_the_same_is_identical(stepwise: Stepwise, sampler: str) -> None:
    words = ["--sampler", sampler, "--steps", "3", "--count", "2", "--seed", "4", "--no-record"]
    ran = stepwise("verify", made(stepwise, "generate", "dog", *words))
    assert (ran.code, ran.out) == (0, "Identical, bit for bit.\n")


def test_an_edited_picture_differs_with_no_recorded_cause(stepwise: Stepwise, tmp_path: Path) -> None:
    path = made(stepwise, "generate", "dog", "--steps", "2")
    pixels = read_pixels(path).copy()
    pixels[0, 0, 0] ^= 9
    ran = stepwise("verify", changed(path, tmp_path / "x.png", pixels=pixels))
    assert ran.code == 3
    assert ran.out.startswith("Different: by up to ")
    assert "Nothing that is recorded in the file has changed" in ran.out
    told = json.loads(stepwise("verify", tmp_path / "x.png", "--json").out)
    assert told["identical"] is False
    assert 0 < told["largest"] <= 9
    assert told["share"] == pytest.approx(1 / pixels.size)
    assert (told["same_state"], told["differs"]) == (True, {})
    larger = np.zeros((64, 64, 3), np.uint8)
    assert "different sizes" in stepwise("verify", changed(path, tmp_path / "y.png", pixels=larger)).out


def test_what_has_changed_since_is_named(stepwise: Stepwise, home: Path, tmp_path: Path) -> None:
    path = made(stepwise, "generate", "dog", "--steps", "2")
    versions = {**remembered(path).versions, "torch": "1.0"}
    elsewhere = changed(path, tmp_path / "x.png", versions=versions, device="cuda:0", final_sha256="0" * 64)
    ran = stepwise("verify", elsewhere)
    assert ran.code == 0
    assert ran.out.startswith("Every pixel is identical; the values behind them differ in their last bits. ")
    assert "torch (was 1.0, is " in ran.out
    assert "device (was cuda:0, is cpu (" in ran.out
    shutil.rmtree(home / "models" / "tiny")
    save_tiny(home / "models" / "tiny", latent=True, seed=5)
    ran = stepwise("verify", path)
    assert ran.code == 3
    assert "What differs: model hash (was " in ran.out
    shutil.rmtree(home / "models" / "tiny")
    assert stepwise("verify", path).err.startswith("stepwise: model 'tiny' is not known")


def test_another_build_of_the_same_torch_version_is_not_a_change(stepwise: Stepwise, tmp_path: Path) -> None:
    path = made(stepwise, "generate", "dog", "--steps", "2")
    memory = remembered(path)
    release = memory.versions["torch"].partition("+")[0]
    pixels = read_pixels(path).copy()
    pixels[0, 0, 0] ^= 9
    for build in ("+cu130", "+cpu", ""):
        versions = {**memory.versions, "torch": f"{release}{build}"}
        other = changed(path, tmp_path / "x.png", pixels=pixels, versions=versions)
        assert json.loads(stepwise("verify", other, "--json").out)["differs"] == {}
    later = changed(path, tmp_path / "y.png", pixels=pixels, versions={**memory.versions, "torch": "9.0+cpu"})
    assert json.loads(stepwise("verify", later, "--json").out)["differs"].keys() == {"torch"}


@pytest.mark.parametrize("words", [[], ["--sampler", "ddpm", "--seed", "9"], ["--remaining", "5"]], ids=str)
def test_a_fork_is_reproduced_from_the_run_it_was_forked_from(
    stepwise: Stepwise, home: Path, words: list[str]
) -> None:
    made(stepwise, "generate", "dog", "--steps", "4", "--seed", "2")
    fork = made(stepwise, "fork", "1", "--at", "2", *words)
    assert stepwise("verify", fork).out == "Identical, bit for bit.\n"
    shutil.rmtree(home / "runs")
    ran = stepwise("verify", fork)
    assert ran.code == 2
    assert "from which the picture was forked." in ran.err
    assert ran.err.count("\n") == 1


def kept_step(home: Path, request: GenerateRequest | ForkRequest, step: int, what: str) -> bytes:
    """Return a step as a file, kept as the window keeps it: its state's hash stands for the last one's."""
    engine = Engine(Folders.under(home), "cpu")
    events = list(engine.run(request, previews=Previews(arrays=True)))
    (done,) = (event for event in events if isinstance(event, PictureDone))
    (began,) = (event for event in events if isinstance(event, PictureStarted))
    steps = {event.step: event for event in events if isinstance(event, StepDone)}
    state = steps[step].state if step in steps else began.start.x
    assert state is not None
    shown = steps[step].preview if what == "x0" else engine.decode("tiny", done.model_sha256, state)
    assert shown is not None
    digest = hashlib.sha256(state.astype("<f4").tobytes()).hexdigest()
    run = RunStore.of(Folders.under(home)).runs()
    origin = Origin(run=run[0] if run else "", step=step, of=began.steps, kind="step")
    return encode(shown, PictureMetadata.of(replace(done, pixels=shown, final_sha256=digest), origin))


@pytest.mark.parametrize("what", ["x0", "x_t"])
@pytest.mark.parametrize("recorded", [True, False])
def test_a_step_that_was_saved_as_a_picture_is_reproduced(
    stepwise: Stepwise, home: Path, tmp_path: Path, recorded: bool, what: str
) -> None:
    made(stepwise, "generate", "dog", "--steps", "4", *([] if recorded else ["--no-record"]))
    request = GenerateRequest(prompt="dog", model="tiny", steps=4)
    path = tmp_path / "step.png"
    for step in (3, 0) if what == "x_t" else (3,):
        path.write_bytes(kept_step(home, request, step, what))
        assert stepwise("verify", path).out == "Identical, bit for bit.\n"


def test_a_step_of_a_fork_is_reproduced_from_the_start_of_the_fork(
    stepwise: Stepwise, home: Path, tmp_path: Path
) -> None:
    made(stepwise, "generate", "dog", "--steps", "4")
    made(stepwise, "fork", "1", "--at", "1", "--prompt", "cat")
    fork = RunStore.of(Folders.under(home)).open(RunStore.of(Folders.under(home)).runs()[0])
    request = ForkRequest(request=fork.header.generate_request, start=fork.state(1))
    path = tmp_path / "step.png"
    path.write_bytes(kept_step(home, request, 3, "x0"))
    assert stepwise("verify", path).out == "Identical, bit for bit.\n"


def test_what_cannot_be_verified_gets_one_sentence(stepwise: Stepwise, tmp_path: Path) -> None:
    plain = tmp_path / "plain.png"
    Image.new("RGB", (4, 4)).save(plain)
    (tmp_path / "no.png").write_bytes(b"no")
    for path, sentence in (
        (plain, "does not say how it was generated, so it cannot be reproduced."),
        (tmp_path / "no.png", "is not a PNG picture."),
        (tmp_path / "nothing.png", "cannot be found (was it moved, or the drive unplugged?)."),
    ):
        ran = stepwise("verify", path)
        assert (ran.code, ran.err) == (2, f"stepwise: {path} {sentence}\n")
