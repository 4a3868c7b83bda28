"""The commands a set-up would run, for each kind of machine."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from launcher.machine import Card, Machine, PipSettings
from launcher.plan import (
    NEWEST_TORCH,
    OLDEST_TORCH,
    TorchSource,
    choose_torch,
    offers_torch,
    plan_steps,
    refuse,
    venv_python,
    wheel_fits,
)
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
WHL = "https://download.pytorch.org/whl/"
NO_SETTINGS = PipSettings()
LINUX = Machine(system="Linux", arch="x86_64", python=(3, 11), debian=True)
MAC = Machine(system="Darwin", arch="arm64", python=(3, 13))
WINDOWS = Machine(system="Windows", arch="x86_64", python=(3, 12))
NEW_CARD = Card(maker="nvidia", driver=(580, 65), capability=(9, 0))
PASCAL = Card(maker="nvidia", driver=(580, 65), capability=(6, 1))
OLD_DRIVER = Card(maker="nvidia", driver=(550, 54), capability=(8, 6))
BLACKWELL_OLD_DRIVER = Card(maker="nvidia", driver=(572, 16), capability=(12, 0))
ANCIENT_DRIVER = Card(maker="nvidia", driver=(470, 1), capability=(7, 5))
UNREADABLE = Card(maker="nvidia")
RADEON = Card(maker="amd")
CPU_WHEEL = "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl"
PLAIN = None
"""No index of ours: pip asks where the user has configured it to ask."""


def indexes(machine: Machine, pip: PipSettings = NO_SETTINGS, wish: str = "") -> list[str | None]:
    return [source.index for source in choose_torch(machine, pip, wish)]


def commands(machine: Machine, pip: PipSettings = NO_SETTINGS, *, test: bool = False) -> list[str]:
    windows = machine.system == "Windows"
    root = PureWindowsPath("C:/studio") if windows else PurePosixPath("/studio")
    python = venv_python(root / ".venv", machine.system)
    steps = plan_steps(root, choose_torch(machine, pip), python=python, test=test)
    return [" ".join(step.command) for step in steps]


@pytest.mark.parametrize(
    ("machine", "wanted"),
    [
        (LINUX, [f"{WHL}cpu", PLAIN]),
        (replace(LINUX, arch="arm64"), [f"{WHL}cpu", PLAIN]),
        (replace(LINUX, card=NEW_CARD), [PLAIN]),
        (replace(LINUX, card=UNREADABLE), [PLAIN]),
        (replace(LINUX, card=PASCAL), [f"{WHL}cu126", f"{WHL}cpu", PLAIN]),
        (replace(LINUX, card=OLD_DRIVER), [f"{WHL}cu126", f"{WHL}cpu", PLAIN]),
        (replace(LINUX, card=BLACKWELL_OLD_DRIVER), [f"{WHL}cu128", f"{WHL}cpu", PLAIN]),
        (replace(LINUX, card=ANCIENT_DRIVER), [f"{WHL}cpu", PLAIN]),
        (replace(LINUX, card=RADEON), [f"{WHL}rocm7.2", f"{WHL}cpu", PLAIN]),
        (MAC, [PLAIN]),
        (WINDOWS, [PLAIN]),
        (replace(WINDOWS, card=NEW_CARD), [f"{WHL}cu130", PLAIN]),
        (replace(WINDOWS, card=PASCAL), [f"{WHL}cu126", PLAIN]),
    ],
)
def test_pytorch_comes_from_where_the_machine_needs_it(machine: Machine, wanted: list[str | None]) -> None:
    assert indexes(machine) == wanted


@pytest.mark.parametrize(
    ("wish", "machine", "wanted"),
    [
        ("cpu", replace(WINDOWS, card=NEW_CARD), [PLAIN]),
        ("cpu", replace(LINUX, card=NEW_CARD), [f"{WHL}cpu", PLAIN]),
        ("cuda", LINUX, [PLAIN]),
        ("cuda", WINDOWS, [f"{WHL}cu130", PLAIN]),
        ("rocm", replace(LINUX, card=NEW_CARD), [f"{WHL}rocm7.2", f"{WHL}cpu", PLAIN]),
        ("xpu", LINUX, [f"{WHL}xpu", f"{WHL}cpu", PLAIN]),
        ("https://mirror.example/torch", LINUX, ["https://mirror.example/torch"]),
    ],
)
def test_a_wish_goes_before_the_machine_and_the_configuration(
    wish: str, machine: Machine, wanted: list[str | None]
) -> None:
    assert indexes(machine, PipSettings(wheels=(CPU_WHEEL,)), wish) == wanted


@pytest.mark.parametrize(
    "pip",
    [
        PipSettings(find_links=("/wheels",), wheels=(CPU_WHEEL,)),
        PipSettings(index="https://mirror.example/simple"),
        PipSettings(extra_indexes=(f"{WHL}cu126",)),
        PipSettings(find_links=("https://example.org/torch_stable.html",)),
    ],
    ids=["a wheel at hand", "a mirror", "a build's own index", "a page of wheels"],
)
def test_the_users_own_configuration_stays_in_force(pip: PipSettings) -> None:
    assert offers_torch(pip, LINUX)
    for machine in (LINUX, replace(LINUX, card=NEW_CARD), replace(LINUX, card=RADEON)):
        assert indexes(machine, pip) == [PLAIN]


@pytest.mark.parametrize(
    "pip",
    [
        NO_SETTINGS,
        PipSettings(index="https://pypi.org/simple"),
        PipSettings(
            find_links=("/wheels",), wheels=("torch-2.15.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl",)
        ),
        PipSettings(extra_indexes=("https://mirror.example/simple",)),
    ],
    ids=["none", "PyPI itself", "a wheel too new", "an index of other things"],
)
def test_a_configuration_without_pytorch_changes_nothing(pip: PipSettings) -> None:
    assert not offers_torch(pip, LINUX)
    assert indexes(LINUX, pip) == [f"{WHL}cpu", PLAIN]


@pytest.mark.parametrize(
    ("wheel", "fits"),
    [
        (CPU_WHEEL, True),
        (CPU_WHEEL.replace("+", "%2B"), True),
        ("torch-2.10.0-cp311-cp311-manylinux_2_28_x86_64.whl", True),
        ("torch-2.9.1-cp311-cp311-manylinux_2_28_x86_64.whl", False),
        ("torch-2.13.1-cp311-cp311-manylinux_2_28_x86_64.whl", False),
        ("torch-2.13.0-cp312-cp312-manylinux_2_28_x86_64.whl", False),
        ("torch-2.13.0-cp311-cp311-manylinux_2_28_aarch64.whl", False),
        ("torch-2.13.0-cp311-cp311-win_amd64.whl", False),
        ("torch-2.13.0rc1-cp311-cp311-manylinux_2_28_x86_64.whl", False),
        ("torch-2.13.0.tar.gz", False),
    ],
)
def test_a_wheel_is_judged_by_its_name(wheel: str, fits: bool) -> None:
    assert wheel_fits(wheel, LINUX) is fits


def test_linux_without_a_card_runs_these_commands() -> None:
    pip = "/studio/.venv/bin/python -m pip install --disable-pip-version-check --no-input --no-user"
    assert commands(LINUX) == [
        f"{pip} --index-url {WHL}cpu --retries 2 -r /studio/packaging/requirements-torch.txt",
        f"{pip} -r /studio/packaging/requirements.txt",
        f"{pip} --no-deps --no-build-isolation --editable /studio",
    ]


def test_the_suite_adds_its_tools() -> None:
    assert (
        "-r /studio/packaging/requirements.txt -r /studio/packaging/requirements-test.txt"
        in commands(LINUX, test=True)[1]
    )
    assert not any("requirements-test" in command for command in commands(LINUX))


def test_windows_with_a_card_runs_these_commands() -> None:
    pip = (
        r"C:\studio\.venv\Scripts\python.exe -m pip install --disable-pip-version-check --no-input --no-user"
    )
    assert commands(replace(WINDOWS, card=NEW_CARD)) == [
        rf"{pip} --index-url {WHL}cu130 --retries 2 -r C:\studio\packaging\requirements-torch.txt",
        rf"{pip} -r C:\studio\packaging\requirements.txt",
        rf"{pip} --no-deps --no-build-isolation --editable C:\studio",
    ]


def test_a_mac_runs_these_commands() -> None:
    assert commands(MAC)[0].endswith("--no-user -r /studio/packaging/requirements-torch.txt")


def test_every_place_but_the_first_says_why_it_is_tried() -> None:
    for machine in (LINUX, replace(LINUX, card=RADEON), replace(WINDOWS, card=PASCAL)):
        first, *others = choose_torch(machine, NO_SETTINGS)
        assert not first.note
        assert all(other.note for other in others)
    assert "driver" in choose_torch(replace(LINUX, card=ANCIENT_DRIVER), NO_SETTINGS)[0].note


def test_the_places_are_tried_in_their_order() -> None:
    places = tuple(TorchSource(build=name, index=name, gigabytes=1) for name in ("a", "b"))
    step = plan_steps(PurePosixPath("/studio"), places, python="python", test=False)[0]
    assert "a" in step.command
    assert step.instead is not None
    assert "b" in step.instead.command
    assert step.instead.instead is None


@pytest.mark.parametrize(
    ("machine", "word"),
    [
        (replace(WINDOWS, bits=32), "32-bit"),
        (replace(LINUX, python=(3, 15)), "3.15"),
        (replace(MAC, arch="x86_64"), "Intel"),
        (replace(WINDOWS, arch="arm64"), "x86-64"),
        (replace(LINUX, arch="riscv64"), "riscv64"),
        (replace(LINUX, glibc=False), "glibc"),
    ],
)
def test_a_machine_pytorch_is_not_made_for_is_told_so(machine: Machine, word: str) -> None:
    reason = refuse(machine)
    assert reason is not None
    assert word in reason


@pytest.mark.parametrize("machine", [LINUX, replace(LINUX, arch="arm64"), MAC, WINDOWS])
def test_all_other_machines_are_taken(machine: Machine) -> None:
    for minor in (11, 12, 13, 14):
        assert refuse(replace(machine, python=(3, minor))) is None


def project() -> dict[str, list[Requirement]]:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {
        "requirements.txt": [Requirement(line) for line in table["dependencies"]],
        "requirements-test.txt": [Requirement(line) for line in table["optional-dependencies"]["test"]],
    }


def pins(name: str) -> dict[str, Requirement]:
    lines = (ROOT / "packaging" / name).read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {pin.name.lower().replace("_", "-"): pin for pin in found}


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-test.txt"])
def test_everything_the_project_asks_for_is_pinned_within_its_range(name: str) -> None:
    pinned = pins(name)
    for wanted in project()[name]:
        if wanted.name == "torch":
            continue
        version = str(pinned[wanted.name.lower()].specifier).removeprefix("==")
        assert wanted.specifier.contains(version), f"{wanted} and {version}"


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-test.txt"])
def test_every_pin_is_an_exact_version(name: str) -> None:
    for pin in pins(name).values():
        assert [part.operator for part in pin.specifier] == ["=="], pin


def test_pytorch_has_one_range_everywhere() -> None:
    (pin,) = pins("requirements-torch.txt").values()
    (wanted,) = (line for line in project()["requirements.txt"] if line.name == "torch")
    assert pin.specifier == wanted.specifier
    assert pin.specifier.contains(Version(".".join(map(str, OLDEST_TORCH))))
    assert pin.specifier.contains(Version(".".join(map(str, NEWEST_TORCH))))
    assert not pin.specifier.contains("2.13.1")
    assert not pin.specifier.contains("2.9.1")
