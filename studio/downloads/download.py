"""Planning a download, and carrying it out: sizes first, and nothing visible before it is complete and verified.

What arrives lies in a hidden folder of the models folder, so that a finished model is moved to its place in one step.
It stays there when a download ends early, and is continued by the next one.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from studio.downloads.files import Choice, choices
from studio.downloads.protocol import Failed, Fetch, Header, Listed, ListFiles, Progress, ReadHeader, Waiting
from studio.errors import CheckpointError, DownloadError
from studio.families.recognition.header import ModelHeader, TensorInfo
from studio.families.recognition.recognise import FOLDER_FAMILIES, recognise
from studio.format import size
from studio.messages import Message, message
from studio.storage import as_storage_error, ensure_folder, rename_new, storage_error, sync_folder
from studio.weights.header import parse_header

if TYPE_CHECKING:
    from collections.abc import Callable

    from studio.downloads.address import Address
    from studio.downloads.process import HubProcess
    from studio.families.recognition.recognise import Recognised

PARTIAL: Final = ".downloads"
"""The folder in the models folder for what is not complete; hidden, so no model is looked for in it."""
SPARE_BYTES: Final = 64 << 20
"""Room that a download leaves on the disk."""
_COMMON_NAMES: Final = frozenset(
    {"model", "diffusion_pytorch_model", "pytorch_model", "pytorch_lora_weights", "checkpoint"}
)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What can be downloaded from an address.

    Attributes:
        commit: the version of the repository; its files never change.
        choices: the proposed one first; at least one.
        licence: as the repository names it; "" if it names none.
        gated: whether its licence must be accepted on its page first.
    """

    address: Address
    commit: str
    choices: tuple[Choice, ...]
    licence: str = ""
    gated: bool = False


def plan(hub: HubProcess, address: Address, token: str = "") -> Plan:
    """Ask the Hub for the files at an address.

    Raises:
        DownloadError: it cannot be downloaded.
        DownloadCancelled: the process was ended.
    """
    request = ListFiles(repository=address.repository, revision=address.revision, token=token)
    for event in hub.ask(request):
        if isinstance(event, Failed):
            raise _error(event, address, token)
        if isinstance(event, Listed):
            return Plan(
                address=address,
                commit=event.commit,
                choices=choices(address, event.files),
                licence=event.licence,
                gated=event.gated,
            )
    raise DownloadError(address.repository, _UNEXPECTED)


def what_it_is(hub: HubProcess, planned: Plan, choice: Choice, token: str = "") -> Recognised | None:
    """Return what a choice is, by the header of its largest file; None if only the whole file can show it.

    Raises:
        DownloadCancelled: the process was ended.
    """
    largest = max(choice.files, key=lambda file: file.size)
    if not largest.path.endswith(".safetensors"):
        return None
    request = ReadHeader(
        repository=planned.address.repository, commit=planned.commit, path=largest.path, token=token
    )
    raw = b"".join(event.raw for event in hub.ask(request) if isinstance(event, Header))
    if not raw:
        return None
    try:
        header = parse_header(raw, Path(largest.path))
    except CheckpointError:
        return None
    tensors = {entry.name: TensorInfo(entry.dtype, entry.shape) for entry in header.entries}
    name = largest.path.rpartition("/")[2]
    found = recognise(ModelHeader(name=name, tensors=tensors, metadata=header.metadata))
    if choice.folder and (found.family is None or found.family.value in FOLDER_FAMILIES):
        return None  # a part of a folder says less than the whole
    return found


def download(
    hub: HubProcess,
    planned: Plan,
    choice: Choice,
    models: Path,
    *,
    token: str = "",
    report: Callable[[Progress | Waiting], object] = lambda _: None,
) -> Path:
    """Download a choice of a plan into the models folder, continuing what is there in part; return where it is.

    Args:
        hub: the downloading process.
        planned: the plan.
        choice: one of its choices.
        models: the folder of models.
        token: the person's access token, for gated and private repositories; used for this download only.
        report: called with the bytes that are there, and when the Hub asks to wait.

    Raises:
        DownloadError: it ended early; what has arrived is kept.
        StorageError: the models folder cannot be written.
        DownloadCancelled: the process was ended; what has arrived is kept.
    """
    address = planned.address
    target = destination(planned, choice, models)
    workplace, complete = _workplace(planned, choice, models)
    ensure_folder(complete)
    check_space(planned, choice, bytes_there(planned, choice, models), shutil.disk_usage(models).free)
    request = Fetch(
        repository=address.repository,
        commit=planned.commit,
        files=choice.files,
        partial=str(workplace),
        complete=str(complete),
        token=token,
    )
    for event in hub.ask(request):
        if isinstance(event, Failed):
            raise _error(event, address, token, workplace)
        if isinstance(event, Progress | Waiting):
            report(event)
    _place(choice, complete, target)
    shutil.rmtree(workplace, ignore_errors=True)
    with contextlib.suppress(OSError):
        workplace.parent.rmdir()  # unless another download has left something
    return target


def bytes_there(planned: Plan, choice: Choice, models: Path) -> int:
    """Return how many bytes of a choice earlier attempts have left."""
    workplace, complete = _workplace(planned, choice, models)
    total = 0
    for file in choice.files:
        for path in (complete / file.path, workplace / file.part_name(planned.commit)):
            with contextlib.suppress(OSError):
                total += min(path.stat().st_size, file.size)
                break
    return total


def check_space(planned: Plan, choice: Choice, there: int, free: int) -> None:
    """Raise DownloadError if a disk with ``free`` bytes has no room for what is missing beside ``there``."""
    needed = max(0, choice.size - there) + SPARE_BYTES
    if needed > free:
        raise DownloadError(
            planned.address.repository,
            message(
                "cannot be downloaded: it needs {needed}, and the disk has {free} free",
                needed=size(needed),
                free=size(free),
            ),
        )


def _workplace(planned: Plan, choice: Choice, models: Path) -> tuple[Path, Path]:
    """Return the folder of partial files, and the one in it of those that are complete."""
    workplace = models / PARTIAL / planned.address.repository.replace("/", "--")
    return workplace, workplace / f"{planned.commit[:12].replace('/', '-')}-{choice.key}"


def destination(planned: Plan, choice: Choice, models: Path) -> Path:
    """Return where a choice will be: a free name in the models folder.

    Raises:
        DownloadError: it is there already.
    """
    address = planned.address
    owner = address.repository.partition("/")[0]
    if choice.folder:
        names = [address.name, f"{owner}--{address.name}"]
    else:
        file = choice.files[0].path.rpartition("/")[2]
        stem, suffix = os.path.splitext(file)
        common = stem.partition(".")[0].lower() in _COMMON_NAMES
        names = [
            *(() if common else (file,)),
            f"{address.name}-{stem}{suffix}",
            f"{owner}--{address.name}-{file}",
        ]
    for name in names:
        path = models / name
        if not os.path.lexists(path):
            return path
        if _is_there(path, choice):
            break
    raise DownloadError(
        address.repository, message("is in the models folder already, as {name}", name=path.name)
    )


def _is_there(path: Path, choice: Choice) -> bool:
    """Whether what is at ``path`` has the files of a choice, judged by their sizes."""
    wanted = {path / file.path if choice.folder else path: file.size for file in choice.files}
    try:
        return all(one.stat().st_size == count for one, count in wanted.items())
    except OSError:
        return False


def _place(choice: Choice, complete: Path, target: Path) -> None:
    """Move what is complete to its place; it becomes visible in one step."""
    with as_storage_error(target):
        if choice.folder:
            os.rename(complete, target)
        else:
            rename_new(complete / choice.files[0].path, target)
    sync_folder(target.parent)


_UNEXPECTED = message(
    "could not be downloaded: the download ended unexpectedly; try again, it will be continued"
)


def _error(event: Failed, address: Address, token: str, workplace: Path | None = None) -> DownloadError:
    """Return the error sentence of a download that ended early."""
    name = address.repository
    if event.fault == "disk" and event.errno:
        reason = storage_error(name, OSError(event.errno, os.strerror(event.errno))).reason
        return DownloadError(
            str(workplace or name),
            message("{reason}; what has arrived is kept and will be continued", reason=reason),
        )
    return DownloadError(_named(event, name), _reason(event, address, token))


def _named(event: Failed, name: str) -> str:
    whole = event.fault in ("gated", "refused", "missing") or not event.file
    return name if whole else f"{name}/{event.file}"


def _reason(event: Failed, address: Address, token: str) -> Message:
    match event.fault:
        case "gated":
            if token:
                return message(
                    "is gated, and this token has no access: accept its licence at {page} with the token's account",
                    page=address.page,
                )
            return message(
                "is gated: accept its licence at {page} and enter an access token of your account",
                page=address.page,
            )
        case "refused":
            if token:
                return message("is refused: the token is not valid, or may not read this repository")
            return message(
                "does not exist, or is private; if it is yours, enter an access token of your account"
            )
        case "missing":
            return message("does not exist on the Hub, or is private; check the spelling")
        case "missing file":
            return message("does not exist at this address; check the file and the revision")
        case "busy":
            return message(
                "cannot be downloaded now: the Hub refuses more requests; try again in some minutes"
            )
        case "server":
            return message(
                "cannot be downloaded now: the Hub reports an error of its own ({status}); what has arrived is kept, "
                "so try again later",
                status=event.status,
            )
        case "connection":
            return message(
                "cannot be downloaded: there is no connection to the Hub, or it was lost; what has arrived is kept and "
                "will be continued"
            )
        case "damaged":
            return message("arrived with other bytes than the Hub announces and was removed; try again")
        case "size":
            return message("is larger than the Hub announces, so the download was ended")
    return _UNEXPECTED
