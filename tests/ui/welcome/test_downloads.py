"""A download in the window: sizes first, progress, cancelling, and the finished model offered."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtWidgets import QLineEdit

from studio.checkpoints.catalog import InstalledModel
from studio.downloads.download import Plan
from studio.downloads.files import Choice, RemoteFile
from studio.downloads.process import DownloadCancelled, HubProcess
from studio.downloads.protocol import Progress, Waiting
from studio.errors import DownloadError
from studio.families.recognition.kinds import Kind
from studio.families.recognition.recognise import Recognised
from studio.families.recognition.traits import Storage
from studio.ui.welcome import downloads as module
from studio.ui.welcome import text
from tests.downloads.hub import Repository, serving
from tests.ui.cards import LARGE, STARTER, installed, show_models
from tests.ui.program import heard

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from studio.downloads.address import Address
    from tests.ui.program import MakeModels, MakePage, OpenPage

SMALL = Choice(title="fp16", files=(RemoteFile(path="a.safetensors", size=2 << 30),), folder=True)
WHOLE = Choice(
    title="whole.safetensors", files=(RemoteFile(path="b.safetensors", size=4 << 30),), folder=False
)


class FakeHub:
    """Stands in for the Hub: what it says, and what it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gated = False
        self.found: Recognised | None = None
        self.error: DownloadError | None = None
        self.events: list[Progress | Waiting] = []
        self.held: threading.Event | None = None
        self.where: Path | None = None
        self.asked: list[tuple[str, str, str]] = []
        self._cancelled = threading.Event()
        monkeypatch.setattr(module, "plan", self.plan)
        monkeypatch.setattr(module, "download", self.download)
        monkeypatch.setattr(module, "what_it_is", lambda *_: self.found)
        monkeypatch.setattr(HubProcess, "cancel", lambda _: self._cancelled.set())

    def plan(self, hub: HubProcess, address: Address, token: str) -> Plan:
        self.asked.append(("plan", address.repository, token))
        if self.error is not None:
            raise self.error
        return Plan(address=address, commit="c", choices=(SMALL, WHOLE), licence="openrail", gated=self.gated)

    def download(
        self,
        hub: HubProcess,
        planned: Plan,
        choice: Choice,
        models: Path,
        *,
        token: str,
        report: Callable[..., Any],
    ) -> Path:
        self.asked.append(("download", choice.title, token))
        for event in self.events:
            report(event)
        if self.held is not None:
            self.held.set()
            assert self._cancelled.wait(5)
            raise DownloadCancelled
        if self.error is not None:
            raise self.error
        self.where = models / "dreams"
        return self.where


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    return FakeHub(monkeypatch)


@pytest.fixture
def hand(make_page: MakePage, hub: FakeHub) -> OpenPage:
    opened = make_page("welcome", size=(640, 600))
    opened.widget.show_get()
    return opened


def look_up(hand: OpenPage, typed: str = "artist/dreams") -> None:
    hand.control("Address of a model", QLineEdit).setText(typed)
    hand.click("Show its size")
    hand.wait(lambda: not hand.models.downloads.busy)


def test_sizes_and_the_licence_are_shown_before_anything_is_fetched(hand: OpenPage, hub: FakeHub) -> None:
    look_up(hand)
    assert text.planned(hand.models.downloads.plan, SMALL) in hand.texts
    assert hub.asked == [("plan", "artist/dreams", "")]
    assert "Access token" not in hand.names


def test_what_the_file_is_is_said_before_it_is_downloaded(hand: OpenPage, hub: FakeHub) -> None:
    hub.found = Recognised(kind=Kind.CONTROLNET, storage=Storage(dtype="F16"))
    look_up(hand)
    hand.wait(lambda: hub.found.advice in hand.texts)


def test_another_variant_can_be_chosen(hand: OpenPage, hub: FakeHub) -> None:
    look_up(hand)
    hand.models.downloads.choose(1)
    hand.click("Download 4.0 GiB")
    hand.wait(lambda: hand.models.downloads.phase == "done")
    assert hub.asked[-1] == ("download", "whole.safetensors", "")


def test_a_finished_model_is_listed_and_offered(
    hand: OpenPage, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up(hand)
    where = hand.models.folders.models / "dreams"
    dreams = InstalledModel(name=LARGE.name, folder=where, shipped=False, card=LARGE)
    show_models(monkeypatch, installed(STARTER, shipped=True), dreams)
    hand.click("Download 2.0 GiB")
    hand.wait(lambda: bool(hand.models.downloads.model))
    assert hand.notices[-1].sentence == text.arrived(LARGE.title)
    used = heard(hand.models.intents.use_model)
    hand.click("Use")
    assert used == [LARGE.name]
    assert hand.models.downloads.phase == "idle"


def test_progress_is_shown_and_cancelling_keeps_what_arrived(hand: OpenPage, hub: FakeHub) -> None:
    hub.held = threading.Event()
    hub.events = [Progress(file="a.safetensors", done=1 << 30)]
    look_up(hand)
    hand.click("Download 2.0 GiB")
    hand.wait(lambda: hub.held is not None and hub.held.is_set() and hand.models.downloads.latest is not None)
    downloads = hand.models.downloads
    assert text.progress(downloads.latest, SMALL, downloads.speed) in hand.texts
    hand.click("Cancel the download")
    hand.wait(lambda: downloads.phase == "cancelled")
    assert text.kept(1 << 30) in hand.texts
    hub.held = None
    hand.click("Continue")
    hand.wait(lambda: downloads.phase == "done")


def test_a_busy_hub_is_said(hand: OpenPage, hub: FakeHub) -> None:
    hub.held = threading.Event()
    hub.events = [Waiting(seconds=30)]
    look_up(hand)
    hand.click("Download 2.0 GiB")
    hand.wait(lambda: hand.models.downloads.latest == Waiting(seconds=30))
    assert text.progress(Waiting(seconds=30), SMALL, 0) in hand.texts


def test_a_gated_model_asks_for_a_token_and_passes_it_on(hand: OpenPage, hub: FakeHub) -> None:
    hub.gated = True
    look_up(hand)
    token = hand.control("Access token", QLineEdit)
    assert token.echoMode() == QLineEdit.EchoMode.Password
    token.setText(" hf_mine ")
    hand.click("Download 2.0 GiB")
    hand.wait(lambda: hand.models.downloads.phase == "done")
    assert hub.asked[-1] == ("download", "fp16", "hf_mine")
    assert not list(hand.models.folders.settings.rglob("*hf_mine*"))


def test_an_error_is_one_sentence_and_can_be_tried_again(hand: OpenPage, hub: FakeHub) -> None:
    hub.error = DownloadError("artist/dreams", "does not exist")
    look_up(hand)
    assert "artist/dreams does not exist." in hand.texts
    hub.error = None
    hand.click("Try again")
    hand.wait(lambda: hand.models.downloads.phase == "planned")
    look_up(hand, "not an address")
    assert hand.models.downloads.phase == "failed"
    assert len(hub.asked) == 2  # a wrong address is not asked for


def test_closing_the_models_ends_a_download(hand: OpenPage, hub: FakeHub) -> None:
    hub.held = threading.Event()
    look_up(hand)
    hand.click("Download 2.0 GiB")
    hand.wait(lambda: hub.held is not None and hub.held.is_set())
    hand.models.close()
    assert hand.models.downloads.phase == "running"  # nobody is left to be told


def test_a_file_comes_from_a_hub_into_the_models_folder(
    make_models: MakeModels, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as served:
        monkeypatch.setenv("HF_ENDPOINT", served.address)
        served.repositories["artist/dreams"] = Repository({"dreams.safetensors": b"0123456789" * 1000})
        models = make_models()
        downloads = models.downloads
        downloads.look_up("artist/dreams")
        qtbot.waitUntil(lambda: downloads.phase == "planned", timeout=20_000)
        downloads.start()
        qtbot.waitUntil(lambda: downloads.phase == "done", timeout=20_000)
    assert downloads.where == models.folders.models / "dreams.safetensors"
    assert downloads.where.stat().st_size == 10_000
