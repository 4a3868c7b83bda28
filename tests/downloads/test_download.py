"""Downloads from a small Hub on the loopback address: sizes first, nothing half visible, and every fault a sentence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from studio.downloads import download as module
from studio.downloads.address import Address
from studio.downloads.download import PARTIAL, download, plan, what_it_is
from studio.downloads.process import DownloadCancelled, HubProcess, online_environment
from studio.downloads.protocol import Progress, Waiting
from studio.errors import DownloadError
from studio.families.recognition.kinds import Kind
from tests.downloads.hub import COMMIT, Hub, Repository, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BIG = bytes(range(256)) * 4096 * 2  # 2 MiB
ART = Address(repository="artist/forest")


@pytest.fixture(scope="module")
def served() -> Iterator[Hub]:
    with serving() as hub, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", hub.address)
        patch.setenv("HF_TOKEN", "of-somebody-else")
        yield hub


@pytest.fixture(scope="module")
def process(served: Hub) -> Iterator[HubProcess]:
    """One downloading process for all tests that do not end it."""
    running = HubProcess()
    yield running
    running.close()


@pytest.fixture
def art(served: Hub) -> Repository:
    repository = served.repositories[ART.repository] = Repository(
        {"forest.safetensors": BIG, "README.md": b"#"}
    )
    served.requests.clear()
    served.ranges.clear()
    return repository


def visible(models: Path) -> list[str]:
    return sorted(path.name for path in models.iterdir() if not path.name.startswith("."))


def partial(models: Path) -> bytes:
    return b"".join(path.read_bytes() for path in (models / PARTIAL).rglob("*.part"))


def test_a_file_is_downloaded_after_its_size_was_said(
    art: Repository, served: Hub, process: HubProcess, tmp_path: Path
) -> None:
    planned = plan(process, ART)
    (choice,) = planned.choices
    assert (planned.commit, planned.licence, choice.size) == (COMMIT, "openrail++", len(BIG))
    assert not any("/resolve/" in path for path in served.requests)
    events: list[object] = []
    where = download(process, planned, choice, tmp_path, report=events.append)
    assert where == tmp_path / "forest.safetensors"
    assert where.read_bytes() == BIG
    assert [path.name for path in tmp_path.iterdir()] == [where.name]  # nothing is left over
    assert [event.done for event in events if isinstance(event, Progress)][-1] == len(BIG)
    # What was asked for, and neither the list of agents, telemetry nor anything else.
    assert len(served.requests) == 2
    with pytest.raises(DownloadError, match="is in the models folder already"):
        download(process, planned, choice, tmp_path)


def test_what_a_file_is_is_told_by_its_header_alone(
    art: Repository, served: Hub, process: HubProcess
) -> None:
    names = ("controlnet_cond_embedding.conv_in.weight", "conv_in.weight")
    tensors = {
        name: {"dtype": "F16", "shape": [320, 4, 3, 3], "data_offsets": [place, place + 23040]}
        for name, place in zip(names, (0, 23040), strict=True)
    }
    header = json.dumps(tensors).encode()
    art.files["forest.safetensors"] = len(header).to_bytes(8, "little") + header + BIG
    planned = plan(process, ART)
    found = what_it_is(process, planned, planned.choices[0])
    assert found is not None
    assert found.kind is Kind.CONTROLNET
    assert served.ranges == ["bytes=0-16777223"]
    art.files["forest.safetensors"] = BIG  # a length larger than any header
    assert what_it_is(process, planned, planned.choices[0]) is None


def test_a_folder_takes_the_smallest_complete_variant_and_nothing_that_can_carry_code(
    served: Hub, process: HubProcess, tmp_path: Path
) -> None:
    files = {
        "model_index.json": b"{}",
        "unet/config.json": b"{}",
        "unet/diffusion_pytorch_model.safetensors": BIG,
        "unet/diffusion_pytorch_model.fp16.safetensors": BIG[: 1 << 20],
        "unet/diffusion_pytorch_model.bin": BIG,
        "tokenizer/merges.txt": b"a b",
        "tokenizer/run.py": b"import os",
    }
    served.repositories["artist/folder"] = Repository(files)
    planned = plan(process, Address(repository="artist/folder"))
    where = download(process, planned, planned.choices[0], tmp_path)
    found = {path.relative_to(where).as_posix() for path in where.rglob("*") if path.is_file()}
    assert found == {
        "model_index.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "tokenizer/merges.txt",
    }
    assert visible(tmp_path) == ["folder"]


def test_a_lost_connection_is_resumed_where_it_broke(
    art: Repository, served: Hub, process: HubProcess, tmp_path: Path
) -> None:
    art.drops = [1 << 20]
    planned = plan(process, ART)
    where = download(process, planned, planned.choices[0], tmp_path)
    assert where.read_bytes() == BIG
    assert served.ranges == [f"bytes={1 << 20}-"]


def test_a_cancelled_download_ends_within_a_second_and_is_continued_later(
    art: Repository, served: Hub, process: HubProcess, tmp_path: Path
) -> None:
    art.slow = True
    served.going.clear()
    hub, begun = HubProcess(), threading.Event()
    planned = plan(process, ART)

    def on_event(event: object) -> None:
        if isinstance(event, Progress) and event.done:
            begun.set()

    def cancel() -> None:
        begun.wait(20)
        cancelled.append(time.monotonic())
        hub.cancel()

    cancelled: list[float] = []
    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(DownloadCancelled):
        download(hub, planned, planned.choices[0], tmp_path, report=on_event)
    ended = time.monotonic()
    thread.join()
    assert ended - cancelled[0] < 1
    hub.close()
    assert visible(tmp_path) == []
    kept = partial(tmp_path)
    assert 0 < len(kept) <= len(BIG) // 2
    assert BIG.startswith(kept)
    art.slow = False
    served.ranges.clear()
    where = download(process, planned, planned.choices[0], tmp_path)
    assert where.read_bytes() == BIG
    assert served.ranges == [f"bytes={len(kept)}-"]


def test_wrong_bytes_never_become_visible_and_are_not_continued(
    art: Repository, process: HubProcess, tmp_path: Path
) -> None:
    art.flipped = True
    planned = plan(process, ART)
    with pytest.raises(DownloadError, match="other bytes than the Hub announces"):
        download(process, planned, planned.choices[0], tmp_path)
    assert visible(tmp_path) == []
    assert partial(tmp_path) == b""
    art.flipped = False
    assert download(process, planned, planned.choices[0], tmp_path).read_bytes() == BIG


def test_a_gated_model_says_where_its_licence_is_accepted_and_takes_a_token(
    art: Repository, process: HubProcess, tmp_path: Path
) -> None:
    art.gated, art.token = True, "mine"
    planned = plan(process, ART)
    assert planned.gated
    for token, said in (("", "enter an access token"), ("wrong", "this token has no access")):
        with pytest.raises(DownloadError, match=said) as caught:
            download(process, planned, planned.choices[0], tmp_path, token=token)
        assert "https://huggingface.co/artist/forest" in str(caught.value)
    assert download(process, planned, planned.choices[0], tmp_path, token="mine").read_bytes() == BIG


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "does not exist, or is private"),
        (403, "does not exist, or is private"),
        (503, r"error of its own \(503\)"),
    ],
)
def test_a_refusal_is_one_sentence(
    status: int, said: str, art: Repository, process: HubProcess, tmp_path: Path
) -> None:
    art.status = status
    planned = plan(process, ART)
    with pytest.raises(DownloadError, match=said):
        download(process, planned, planned.choices[0], tmp_path)
    assert visible(tmp_path) == []


def test_what_is_not_there_is_said(art: Repository, process: HubProcess, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="artist/nothing does not exist on the Hub"):
        plan(process, Address(repository="artist/nothing"))
    with pytest.raises(DownloadError, match=r"no such file in artist/forest"):
        plan(process, Address(repository=ART.repository, file="other.safetensors"))
    planned = plan(process, ART)
    del art.files["forest.safetensors"]
    with pytest.raises(DownloadError, match="does not exist at this address"):
        download(process, planned, planned.choices[0], tmp_path)


def test_a_busy_hub_is_waited_for_as_it_asks(
    art: Repository, process: HubProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    art.limited = 2
    events: list[object] = []
    real = process.ask

    def listened(request: object) -> Iterator[object]:
        for event in real(request):
            events.append(event)
            yield event

    monkeypatch.setattr(process, "ask", listened)
    assert plan(process, ART).choices
    assert events.count(Waiting(seconds=0)) == 2


def test_a_full_disk_is_said_before_a_download_begins(
    art: Repository, served: Hub, process: HubProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = plan(process, ART)
    usage = shutil.disk_usage(tmp_path)._replace(free=1 << 20)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DownloadError, match="it needs 66 MiB, and the disk has 1 MiB free"):
        download(process, planned, planned.choices[0], tmp_path)
    assert len(served.requests) == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a full device is at hand on Linux only")
def test_a_disk_that_fills_up_ends_it_with_a_sentence(
    art: Repository, process: HubProcess, tmp_path: Path
) -> None:
    planned = plan(process, ART)
    (choice,) = planned.choices
    part = tmp_path / PARTIAL / "artist--forest" / choice.files[0].part_name(COMMIT)
    part.parent.mkdir(parents=True)
    part.symlink_to("/dev/full")
    with pytest.raises(DownloadError, match="the disk is full; what has arrived is kept"):
        download(process, planned, choice, tmp_path)
    assert visible(tmp_path) == []


def test_the_environment_is_online_but_neither_known_nor_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "HF_TOKEN": "x",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_ENDPOINT": "m",
        "PATH": "p",
    }
    online = online_environment(given)
    assert online["HF_HUB_OFFLINE"] == "0"
    assert (online["HF_ENDPOINT"], online["PATH"]) == ("m", "p")
    assert not {"HF_TOKEN", "TRANSFORMERS_OFFLINE"} & online.keys()
    assert online["HF_HUB_DISABLE_TELEMETRY"] == "1"


def test_a_request_that_nobody_asked_for_is_refused(served: Hub) -> None:
    """The gate, not a setting, is what keeps a newer library from asking for more."""
    code = (
        "from studio.downloads.worker import _Gate, set_client_factory\n"
        "from huggingface_hub.utils import get_session\n"
        "from huggingface_hub import constants\n"
        "set_client_factory(_Gate('artist/forest').client)\n"
        "for path in ('/api/agent-harnesses', '/api/models/artist/forest-2', '/artist/other/resolve/main/x'):\n"
        "    try: get_session().get(constants.ENDPOINT + path)\n"
        "    except Exception as error: print(type(error).__name__)\n"
    )
    served.requests.clear()
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=online_environment(os.environ),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["_NotAskedFor"] * 3
    assert served.requests == []
