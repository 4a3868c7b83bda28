"""Texts of the first start and of downloads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from studio.downloads.protocol import Progress, Waiting
from studio.downloads.suggested import commercial_use, fits
from studio.downloads.suggested import description as description_of
from studio.format import duration, size, time_left
from studio.ui.language import tr, trn

if TYPE_CHECKING:
    from pathlib import Path

    from studio.checkpoints.library.programs import FoundFolders
    from studio.downloads.address import Address
    from studio.downloads.download import Plan
    from studio.downloads.files import Choice
    from studio.downloads.suggested import SuggestedModel

_SHORTEST_S = 2.0


def title() -> str:
    return tr("Which model should make your pictures?")


def subtitle() -> str:
    return tr("You can change this at any time on the Models page (Ctrl+4).")


def use_mine_how() -> str:
    return tr("Your Stable Diffusion and SDXL files stay where they are; nothing is copied.")


def no_programs() -> str:
    return tr(
        "No folder of ComfyUI, A1111 or a similar program was found here. Choose any folder that has models."
    )


def looking() -> str:
    return tr("Looking for folders of other programs…")


def program(found: FoundFolders, home: Path) -> str:
    """Return where another program's models are, the user's own folder as "~"."""
    place = found.home
    shown = f"~/{place.relative_to(home).as_posix()}" if place.is_relative_to(home) else str(place)
    return tr("{program}: {folder}", program=found.title, folder=shown)


def further(count: int) -> str:
    return trn("and {count} more", "and {count} more", count)


def use_folders(count: int) -> str:
    return trn("Use this folder", "Use these {count} folders", count)


def try_box_how() -> str:
    return tr("A small model of pictograms, ready at once: watch a picture form, step by step.")


def get_how() -> str:
    return tr(
        "Six well-known models, or any other of the Hugging Face Hub. Size and licence are shown first; nothing goes "
        "online before you ask."
    )


def fit(model: SuggestedModel, memory: int | None) -> str:
    if memory is None:
        return tr("needs about {size} of memory", size=size(model.memory))
    if fits(model, memory):
        return tr("fits this machine: needs about {size} of memory", size=size(model.memory))
    return tr("too large for this machine: needs about {size} of memory", size=size(model.memory))


def description(model: SuggestedModel) -> str:
    return tr(description_of(model))


def licence(model: SuggestedModel) -> str:
    return tr("{licence}: {use}", licence=model.licence, use=commercial_use(model))


def address_hint() -> str:
    return tr("owner/name, or the address of a page or file on huggingface.co")


def typed(address: Address) -> str:
    """Return an address as a person would type it; not translated."""
    if not address.file:
        return (
            address.repository
            if address.revision == "main"
            else f"{address.repository}/tree/{address.revision}"
        )
    return f"{address.repository}/blob/{address.revision}/{address.file}"


def planned(plan: Plan, choice: Choice) -> str:
    """Return what will be downloaded: how many files and bytes, and under which licence."""
    files = trn("{count} file", "{count} files", len(choice.files))
    named = plan.licence or tr("not named")
    return tr(
        "{files}, {size} in all. Licence: {licence}", files=files, size=size(choice.size), licence=named
    )


def variant(choice: Choice) -> str:
    return tr("{name}, {size}", name=choice.title, size=size(choice.size))


def gated(plan: Plan) -> str:
    return tr(
        "This model is gated: accept its licence at {page}, and enter an access token of your account. The token is "
        "used for this download only, and not stored.",
        page=plan.address.page,
    )


def progress(event: Progress | Waiting | None, choice: Choice | None, speed: float) -> str:
    """Return one line on a running download, of which ``event`` is the last; ``speed`` is in bytes per second."""
    if isinstance(event, Waiting):
        return tr("The Hub asks to wait {time}.", time=duration(event.seconds))
    if choice is None or event is None:
        return tr("Connecting…")
    if event.checking:
        return tr("Verifying {file}", file=event.file)
    shown = tr("{done} of {whole}", done=size(event.done), whole=size(choice.size))
    if speed <= 0:
        return shown
    left = (choice.size - event.done) / speed
    shown = tr("{done}, {speed}/s", done=shown, speed=size(round(speed)))
    return shown if left < _SHORTEST_S else tr("{done}, {left}", done=shown, left=time_left(left))


def kept(done: int) -> str:
    return tr(
        "Cancelled. {size} have arrived and are kept; the next download continues there.", size=size(done)
    )


def arrived(name: str) -> str:
    return tr("{name} is downloaded and verified.", name=name)


def unlisted(where: Path) -> str:
    return tr("Downloaded and verified, in {folder}.", folder=where)


def status(event: Progress | Waiting | None, choice: Choice) -> str:
    """Return what the status bar says of a running download."""
    share = event.done / max(1, choice.size) if isinstance(event, Progress) else 0.0
    return tr("Downloading, {share:.0%}", share=share)
