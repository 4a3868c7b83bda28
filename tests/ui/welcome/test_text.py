"""The wording of the first start and of downloads."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.checkpoints.library.programs import FoundFolders
from studio.downloads.address import parse_address
from studio.downloads.download import Plan
from studio.downloads.files import Choice, RemoteFile
from studio.downloads.protocol import Progress, Waiting
from studio.downloads.suggested import suggested_models
from studio.ui.welcome import text

CHOICE = Choice(title="fp16", files=(RemoteFile(path="unet/a.safetensors", size=2 << 30),), folder=True)


def test_folders_of_other_programs_are_shown_from_the_users_own() -> None:
    found = FoundFolders("ComfyUI", Path("/home/a/ComfyUI"), ())
    assert text.program(found, Path("/home/a")) == "ComfyUI: ~/ComfyUI"
    assert text.program(found, Path("/home/b")) == f"ComfyUI: {Path('/home/a/ComfyUI')}"
    assert [text.use_folders(count) for count in (1, 2)] == ["Use this folder", "Use these 2 folders"]


@pytest.mark.parametrize(
    ("memory", "said"),
    [
        (64 * 10**9, "fits this machine: needs about 3.7 GiB of memory"),
        (2 * 10**9, "too large for this machine: needs about 3.7 GiB of memory"),
        (None, "needs about 3.7 GiB of memory"),
    ],
)
def test_whether_a_model_fits_is_said_with_what_it_needs(memory: int | None, said: str) -> None:
    assert text.fit(suggested_models()[0], memory) == said


def test_a_plan_says_files_bytes_and_licence() -> None:
    planned = Plan(address=parse_address("a/b"), commit="c", choices=(CHOICE,), licence="openrail")
    assert text.planned(planned, CHOICE) == "1 file, 2.0 GiB in all. Licence: openrail"


def test_a_running_download_says_bytes_speed_and_time_left() -> None:
    half, speed = Progress(file="unet/a.safetensors", done=1 << 30), float(64 << 20)
    assert text.progress(None, CHOICE, 0) == "Connecting…"
    assert text.progress(half, CHOICE, 0) == "1.0 GiB of 2.0 GiB"
    assert text.progress(half, CHOICE, speed) == "1.0 GiB of 2.0 GiB, 64 MiB/s, 16.0 s left"
    assert text.progress(Waiting(seconds=30), CHOICE, speed) == "The Hub asks to wait 30 s."
    checked = Progress(file="unet/a.safetensors", done=2 << 30, checking=True)
    assert text.progress(checked, CHOICE, speed) == "Verifying unet/a.safetensors"
    assert text.status(half, CHOICE) == "Downloading, 50%"


@pytest.mark.parametrize("typed", ["a/b", "a/b/tree/v2", "a/b/blob/main/c/d.safetensors"])
def test_an_address_reads_as_it_is_typed(typed: str) -> None:
    assert text.typed(parse_address(typed)) == typed
