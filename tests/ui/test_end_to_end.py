"""The session with the real engine, a real (if tiny) model, a real store and the real gallery."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest

from studio.engine.engine import Engine
from studio.engine.events import PictureDone, StepDone
from studio.engine.requests.generate import GenerateRequest
from studio.engine.requests.previews import NO_PREVIEWS
from studio.folders import Folders
from studio.gallery.images import read_pixels
from studio.ui.gallery.model import EntryRole, LiveRole
from tests.engine.tiny import save_tiny
from tests.ui.rooms import Studio

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytestqt.qtbot import QtBot

MODELS = ("pixels", "latent")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    folders = Folders.under(tmp_path_factory.mktemp("end-to-end"))
    for name in MODELS:
        save_tiny(folders.models / name, latent=name == "latent")
    return folders


class RealStudio(Studio):
    """A studio with the real engine and the real gallery."""

    def __init__(self, qtbot: QtBot, home: Path, folders: Folders) -> None:
        self.made_in: list[int] = []
        self.folders = folders
        super().__init__(qtbot, home, make_engine=self.make)
        self.gallery = self.models.gallery

    def make(self) -> Engine:
        self.made_in.append(threading.get_ident())
        return Engine(self.folders, "cpu")

    def listed(self) -> list[Path]:
        entries = [self.gallery.index(row).data(EntryRole) for row in range(self.gallery.rowCount())]
        return [entry.path for entry in entries if entry is not None]


@pytest.fixture
def studio(qtbot: QtBot, tmp_path: Path, folders: Folders) -> Iterator[RealStudio]:
    studio = RealStudio(qtbot, tmp_path, folders)
    studio.session.start()
    yield studio
    studio.close()


def asking(model: str, **fields: object) -> GenerateRequest:
    return GenerateRequest(
        **{"prompt": "a red dog", "model": model, "steps": 6, "seed": 7, "count": 2, **fields}
    )  # type: ignore[arg-type]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("budget", [0.1, 1.0])
def test_what_the_window_makes_is_what_the_engine_alone_makes_bit_for_bit(
    studio: RealStudio, folders: Folders, model: str, budget: float
) -> None:
    request = asking(model)
    alone = [
        event
        for event in Engine(folders, "cpu").run(request, previews=NO_PREVIEWS)
        if isinstance(event, PictureDone)
    ]
    studio.preferences.set("preview_budget", budget)
    job = studio.session.generate(request)
    studio.wait_idle()
    job_state = studio.run.viewed
    assert job_state is not None
    assert job_state.phase == "done"
    assert len(alone) == 2
    for image, done in enumerate(alone):
        kept = job_state.pictures[image]
        assert kept.done.final_sha256 == done.final_sha256
        assert kept.done.x_T_sha256 == done.x_T_sha256
        assert np.array_equal(kept.done.pixels, done.pixels)
        picture = job.record.picture(image)
        assert picture is not None
        assert [step.step for step in picture.steps] == list(range(1, 7))
        assert all(step.x0_hat is not None and step.state is not None for step in picture.steps)
    paths = [kept.entry.path for _, kept in sorted(job_state.pictures.items(), reverse=True)]
    assert studio.listed() == paths  # newest first
    assert [path.is_file() for path in paths] == [True, True]
    assert np.array_equal(read_pixels(paths[0]), alone[1].pixels)
    assert studio.sentences == []
    assert "cpu" in studio.status.device
    (made_in,) = studio.made_in
    assert made_in != threading.get_ident()


def test_the_running_job_is_the_first_tile_and_its_pictures_follow_it(studio: RealStudio) -> None:
    tiles: list[tuple[int, int]] = []

    def look(done: StepDone) -> None:
        tile = studio.gallery.index(0).data(LiveRole)
        assert tile.step >= done.step
        assert tile.image is not None
        tiles.append((done.image, tile.step))

    studio.session.step_taken.connect(look)
    studio.session.generate(asking("pixels", steps=20))
    studio.wait_idle()
    assert tiles[-1] == (1, 20)
    assert studio.gallery.index(0).data(LiveRole) is None
    assert len(studio.listed()) == 2


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("what", ["x0", "x_t"])
def test_a_selected_step_is_decoded_like_the_models_own_decoder_does(
    studio: RealStudio, folders: Folders, model: str, what: str
) -> None:
    job = studio.session.generate(asking(model, count=1))
    studio.wait_idle()
    studio.run.set_quantity(what)  # type: ignore[arg-type]
    studio.run.select(3)
    picture = job.record.picture(0)
    assert picture is not None
    done = picture.steps[2]
    studio.wait(lambda: picture.is_full(done, what))  # type: ignore[arg-type]
    job_state = studio.run.viewed
    assert job_state is not None
    assert job_state.started is not None
    latents = picture.latents(done, what)  # type: ignore[arg-type]
    assert latents is not None
    expected = Engine(folders, "cpu").decode(model, job_state.started.weights_sha256, latents)
    shown = picture.frame(done, what)  # type: ignore[arg-type]
    assert shown is not None
    assert np.array_equal(shown, expected)


def test_a_job_is_cancelled_within_a_model_call_and_the_next_runs(studio: RealStudio) -> None:
    job = studio.session.generate(asking("pixels", steps=1000))
    studio.session.generate(asking("latent", count=1))
    studio.wait(lambda: studio.steps)
    picture = job.record.picture(0)
    assert picture is not None
    studio.session.cancel()
    before = len(picture.steps)
    studio.wait_idle()
    # Those that were under way when it was cancelled: the call itself, and what came while this line was reached.
    assert len(picture.steps) - before <= 2
    assert len(studio.listed()) == 1


def test_a_missing_model_fails_with_one_sentence(studio: RealStudio) -> None:
    studio.session.generate(asking("pixel"))
    studio.wait_idle()
    job_state = studio.run.viewed
    assert job_state is not None
    assert job_state.failure is not None
    assert "'pixels'" in job_state.failure.sentence, "the name that comes nearest"


def test_closing_in_the_middle_loses_no_finished_picture(
    qtbot: QtBot, tmp_path: Path, folders: Folders
) -> None:
    studio = RealStudio(qtbot, tmp_path, folders)
    studio.session.start()
    studio.session.generate(asking("pixels", count=1000, steps=3))
    studio.wait(lambda: len(studio.listed()) >= 3)
    studio.close()
    assert studio.thread.isFinished()
    files = sorted((tmp_path / "outputs").iterdir())
    assert 3 <= len(files) < 1000
    assert {path.suffix for path in files} == {".png"}
    assert len(studio.store.catalogue.ids()) == len(files)
