"""What machine this is, as values: a ``Machine`` and the user's own ``PipSettings``."""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ARCHITECTURES = {"amd64": "x86_64", "x64": "x86_64", "aarch64": "arm64"}
ROCM_TARGETS = frozenset(
    (90008, 90010, 90402, 90500, 100300, 110000, 110001, 110002, 110500, 110501, 120000, 120001)
)
"""AMD cards that the ROCm builds of PyTorch hold code for, as the kernel numbers them: 110001 is gfx1101."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """A graphics card. ``driver`` is () and ``capability`` is () where they could not be read."""

    maker: str
    """"nvidia" or "amd"."""
    driver: tuple[int, ...] = ()
    capability: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Everything the plan of a set-up depends on."""

    system: str
    """"Linux", "Darwin" or "Windows"."""
    arch: str
    """"x86_64", "arm64", or what else the system calls itself."""
    python: tuple[int, int] = (3, 11)
    bits: int = 64
    glibc: bool = True
    """False on a Linux with another C library, such as Alpine's."""
    card: Card | None = None
    debian: bool = False
    """Packages are installed with apt-get."""
    root: bool = False


@dataclass(frozen=True, kw_only=True)
class PipSettings:
    """Where the user's own configuration has pip look."""

    index: str | None = None
    extra_indexes: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    wheels: tuple[str, ...] = ()
    """File names of the PyTorch wheels that lie in the local folders of ``find_links``."""


def inspect_machine() -> Machine:
    """Look at this machine: a few files, and ``nvidia-smi`` where it is there."""
    system = platform.system()
    arch = platform.machine().lower()
    return Machine(
        system=system,
        arch=ARCHITECTURES.get(arch, arch),
        python=(sys.version_info.major, sys.version_info.minor),
        bits=64 if sys.maxsize > 2**32 else 32,
        glibc=system != "Linux" or platform.libc_ver()[0] == "glibc",
        card=find_card(system),
        debian=shutil.which("apt-get") is not None and Path("/etc/debian_version").exists(),
        root=hasattr(os, "geteuid") and os.geteuid() == 0,
    )


def find_card(system: str, roots: Path = Path("/")) -> Card | None:
    """Return the card PyTorch could compute on; Apple's needs no choice of a build and is not looked for.

    Args:
        system: as in ``Machine``.
        roots: the root of the file system in which ``proc`` and ``sys`` lie.
    """
    if system == "Darwin":
        return None
    smi = shutil.which("nvidia-smi")
    if smi is not None:
        card = read_nvidia_smi(
            _output_of([smi, "--query-gpu=driver_version,compute_cap", "--format=csv,noheader"])
        )
        if card is not None:
            return card
    if system != "Linux":
        return None
    if (roots / "proc/driver/nvidia/version").exists():
        return Card(maker="nvidia")
    nodes = (roots / "sys/class/kfd/kfd/topology/nodes").glob("*/properties")
    return Card(maker="amd") if any(_is_rocm_node(node) for node in nodes) else None


def read_nvidia_smi(output: str) -> Card | None:
    """Read lines such as ``580.65.06, 9.0``, one a card; the strongest card counts.

    Returns:
        None where no line is of that form (the driver is broken, or there is no card).
    """
    cards = []
    for line in output.splitlines():
        driver, _, capability = line.partition(",")
        numbers = _numbers(driver), _numbers(capability)
        if numbers[0]:
            cards.append(Card(maker="nvidia", driver=numbers[0], capability=numbers[1]))
    return max(cards, key=lambda card: card.capability, default=None)


def read_pip_settings(listing: str, folders: Mapping[str, Iterable[str]] | None = None) -> PipSettings:
    """Read what ``pip config list`` prints: lines such as ``global.find-links='/some/folder'``.

    Args:
        listing: pip's output.
        folders: the file names in each local folder of find-links; None reads the folders.
    """
    found: dict[str, list[str]] = {"index-url": [], "extra-index-url": [], "find-links": []}
    for line in listing.splitlines():
        name, _, value = line.partition("=")
        option = name.strip().rpartition(".")[2]
        if option in found:
            found[option] += _words(value)
    links = tuple(dict.fromkeys(found["find-links"]))
    names = (
        name for link in links for name in (_list_folder(link) if folders is None else folders.get(link, ()))
    )
    return PipSettings(
        index=found["index-url"][-1] if found["index-url"] else None,
        extra_indexes=tuple(dict.fromkeys(found["extra-index-url"])),
        find_links=links,
        wheels=tuple(sorted(name for name in names if name.startswith("torch-") and name.endswith(".whl"))),
    )


def _words(value: str) -> list[str]:
    # pip prints the Python literal of a string; several values are parted by spaces or by "\n" in it.
    text = value.strip().strip("'\"").replace("\\n", " ")
    return text.split()


def _list_folder(link: str) -> list[str]:
    if "://" in link and not link.startswith("file://"):
        return []
    folder = Path(link.removeprefix("file://")).expanduser()
    try:
        return [path.name for path in folder.iterdir()]
    except OSError:
        return []


def _numbers(text: str) -> tuple[int, ...]:
    parts = text.strip().split(".")
    return tuple(int(part) for part in parts) if all(part.isdecimal() for part in parts) else ()


def _is_rocm_node(properties: Path) -> bool:
    try:
        lines = properties.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return False
    targets = (line.split()[1:2] for line in lines if line.startswith("gfx_target_version"))
    return any(target and target[0].isdecimal() and int(target[0]) in ROCM_TARGETS for target in targets)


def _output_of(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout if done.returncode == 0 else ""


def quote(command: Iterable[str], system: str) -> str:
    """Return ``command`` as a person would type it on ``system``."""
    words = list(command)
    return subprocess.list2cmdline(words) if system == "Windows" else shlex.join(words)
