"""The commands of a set-up, as pure functions of the machine and of the user's pip configuration.

Where PyTorch comes from:

* a user whose pip configuration offers a build (a folder with a wheel, an index of their own) gets that one;
* Linux with NVIDIA: PyPI, whose build holds CUDA 13; older cards and drivers the index of CUDA 12;
* Linux with a ROCm card: the ROCm index; Linux without a card: the index of CPU builds, since PyPI's build would bring
  gigabytes of CUDA along;
* macOS: PyPI, whose build knows Apple's GPU;
* Windows: PyPI, whose build is for the processor alone, so NVIDIA takes the CUDA index.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import PurePath

    from launcher.machine import Card, Machine, PipSettings

OLDEST_TORCH, NEWEST_TORCH = (2, 10, 0), (2, 13, 0)
"""The range in requirements-torch.txt, for telling whether a wheel at hand lies in it."""
NEWEST_PYTHON = (3, 14)
"""The newest Python that the newest PyTorch of the range has builds for."""

PYTORCH_INDEX = "https://download.pytorch.org/whl/"
CUDA_13_DRIVER, CUDA_12_DRIVER = 580, 525
CUDA_13_CAPABILITY = (7, 5)
BLACKWELL = (10, 0)
WISHES = ("cpu", "cuda", "rocm", "xpu")


@dataclass(frozen=True, kw_only=True)
class TorchSource:
    """One place PyTorch can come from."""

    build: str
    """What it is, for a person: "the CPU build"."""
    index: str | None
    """The only index to ask; None leaves pip to its own configuration."""
    gigabytes: int
    """Space that the whole set-up takes, downloads included."""
    note: str = ""
    """Said when this place is tried after another failed, or when the choice needs a word."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """A command of the set-up and what stands in its place where it fails."""

    title: str
    command: tuple[str, ...]
    gigabytes: int = 0
    note: str = ""
    instead: Step | None = None


def refuse(machine: Machine) -> str | None:
    """Return why the program cannot run on ``machine``, and what would; None where it can."""
    version = ".".join(map(str, machine.python))
    if machine.bits != 64:
        return "This Python is a 32-bit one, and PyTorch needs 64 bits; install the 64-bit Python from python.org."
    if machine.python > NEWEST_PYTHON:
        newest = ".".join(map(str, NEWEST_PYTHON))
        return f"PyTorch has no build for Python {version} yet; start this with Python 3.11 to {newest}."
    if machine.system == "Darwin" and machine.arch == "x86_64":
        return "PyTorch is no longer made for Macs with an Intel processor; it needs one with Apple silicon."
    if machine.system == "Windows" and machine.arch != "x86_64":
        return "PyTorch is made for Windows on x86-64 only; install Python's x86-64 build, which Windows can emulate."
    if machine.arch not in ("x86_64", "arm64"):
        return f"PyTorch has no build for this processor ({machine.arch}); it needs x86-64 or 64-bit ARM."
    if not machine.glibc:
        return "PyTorch is made for Linux with glibc, and this one has another C library (Alpine's, for example)."
    return None


def choose_torch(machine: Machine, pip: PipSettings, wish: str = "") -> tuple[TorchSource, ...]:
    """Return the places to take PyTorch from, the best first.

    Args:
        machine: what it is for.
        pip: what the user has configured.
        wish: "cpu", "cuda", "rocm", "xpu", the address of an index, or "" for the machine's own choice.
    """
    if "://" in wish:
        return (TorchSource(build="the build you asked for", index=wish, gigabytes=9),)
    if wish == "" and offers_torch(pip, machine):
        return (TorchSource(build="the build your pip configuration offers", index=None, gigabytes=3),)
    processor = _processor_sources(machine)
    if wish == "cpu" or machine.system == "Darwin":
        return processor
    if wish == "rocm" or (not wish and machine.card is not None and machine.card.maker == "amd"):
        wanted = TorchSource(build="the ROCm build", index=f"{PYTORCH_INDEX}rocm7.2", gigabytes=16)
    elif wish == "xpu":
        wanted = TorchSource(build="the build for Intel's GPUs", index=f"{PYTORCH_INDEX}xpu", gigabytes=9)
    elif wish == "cuda" or (not wish and machine.card is not None):
        cuda = _cuda_version(machine.card)
        if not cuda:
            note = f"The NVIDIA driver is older than {CUDA_12_DRIVER}: update it and delete .venv to use the card."
            return _with_note(processor, note)
        # PyPI's build for Linux is the one for CUDA 13.
        index = None if cuda == "cu130" and machine.system == "Linux" else f"{PYTORCH_INDEX}{cuda}"
        wanted = TorchSource(build=f"the CUDA {cuda[2:4]}.{cuda[4]} build", index=index, gigabytes=9)
    else:
        return processor
    if wanted.index is None:
        return (wanted,)
    return (
        wanted,
        *_with_note(processor, "That build could not be had; the program will compute on the processor."),
    )


def offers_torch(pip: PipSettings, machine: Machine) -> bool:
    """Tell whether the user's own pip configuration is a source of PyTorch that should stay in force."""
    if pip.index is not None and "://pypi.org/" not in pip.index:
        return True
    if any("/whl/" in index for index in pip.extra_indexes):
        return True
    if any("://" in link and "torch" in link for link in pip.find_links):
        return True
    return any(wheel_fits(wheel, machine) for wheel in pip.wheels)


def wheel_fits(wheel: str, machine: Machine) -> bool:
    """Tell whether a wheel's file name says a PyTorch in our range, for this Python, system and processor."""
    parts = wheel.removesuffix(".whl").replace("%2B", "+").split("-")
    if len(parts) != 5:
        return False
    _, version, python, _, platform = parts
    numbers = version.partition("+")[0].split(".")
    if not all(number.isdecimal() for number in numbers):
        return False
    system = {"Linux": "linux", "Darwin": "macosx", "Windows": "win"}.get(machine.system, "?")
    processors = {"x86_64": ("x86_64", "amd64"), "arm64": ("arm64", "aarch64")}.get(machine.arch, ())
    return (
        OLDEST_TORCH <= tuple(map(int, numbers)) <= NEWEST_TORCH
        and python == "cp{}{}".format(*machine.python)
        and system in platform
        and platform.endswith(processors)
    )


def venv_python(venv: PurePath, system: str) -> str:
    """Return the path of the interpreter in ``venv``."""
    return str(venv / "Scripts" / "python.exe" if system == "Windows" else venv / "bin" / "python")


def plan_steps(
    root: PurePath, sources: tuple[TorchSource, ...], *, python: str, test: bool
) -> tuple[Step, ...]:
    """Return the steps that fill the virtual environment whose interpreter is ``python``.

    Args:
        root: the folder that holds pyproject.toml.
        sources: as ``choose_torch`` returns them; never empty.
        python: path of the environment's interpreter.
        test: whether the suite will be run.
    """
    packaging = root / "packaging"
    pip = (python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-user")
    files = ["requirements.txt", *(["requirements-test.txt"] if test else [])]
    wanted = tuple(word for name in files for word in ("-r", str(packaging / name)))
    editable = ("--no-deps", "--no-build-isolation", "--editable", str(root))
    return (
        _torch_step(pip, str(packaging / "requirements-torch.txt"), sources),
        Step(title="Installing the libraries", command=(*pip, *wanted)),
        Step(title="Installing Stepwise Studio itself", command=(*pip, *editable)),
    )


def _torch_step(pip: tuple[str, ...], requirements: str, sources: tuple[TorchSource, ...]) -> Step:
    source, *others = sources
    index = () if source.index is None else ("--index-url", source.index)
    # Where there is another place, one that cannot be reached must not hold a person up for minutes.
    patience = ("--retries", "2") if others else ()
    return Step(
        title=f"Installing PyTorch, {source.build} (up to {source.gigabytes} GB on disk in all)",
        command=(*pip, *index, *patience, "-r", requirements),
        gigabytes=source.gigabytes,
        note=source.note,
        instead=_torch_step(pip, requirements, tuple(others)) if others else None,
    )


def _processor_sources(machine: Machine) -> tuple[TorchSource, ...]:
    if machine.system != "Linux":
        build = "the build for Apple's GPU" if machine.system == "Darwin" else "the CPU build"
        return (TorchSource(build=build, index=None, gigabytes=3),)
    return (
        TorchSource(build="the CPU build", index=f"{PYTORCH_INDEX}cpu", gigabytes=3),
        TorchSource(
            build="PyPI's build",
            index=None,
            gigabytes=9,
            note="The index of CPU builds cannot be used; PyPI's build works as well, but brings CUDA along.",
        ),
    )


def _with_note(sources: tuple[TorchSource, ...], note: str) -> tuple[TorchSource, ...]:
    first, *others = sources
    noted = TorchSource(build=first.build, index=first.index, gigabytes=first.gigabytes, note=note)
    return (noted, *others)


def _cuda_version(card: Card | None) -> str:
    """Return the newest CUDA of the PyTorch indexes that card and driver can use, or "" for none.

    CUDA 13 needs driver 580 and has no code for cards before Turing (capability 7.5); CUDA 12.6 runs with driver 525,
    and lacks Blackwell, which 12.8 has.
    """
    driver = card.driver[0] if card is not None and card.driver else CUDA_13_DRIVER
    capability = card.capability if card is not None and card.capability else CUDA_13_CAPABILITY
    if driver < CUDA_12_DRIVER:
        return ""
    if driver >= CUDA_13_DRIVER and capability >= CUDA_13_CAPABILITY:
        return "cu130"
    return "cu128" if capability >= BLACKWELL else "cu126"
