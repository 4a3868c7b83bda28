"""What is read off a machine and off pip's configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from launcher import machine as looked_at
from launcher.machine import (
    Card,
    PipSettings,
    find_card,
    inspect_machine,
    quote,
    read_nvidia_smi,
    read_pip_settings,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def no_tools(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))


def node(root: Path, number: int, target: int) -> None:
    folder = root / "sys/class/kfd/kfd/topology/nodes" / str(number)
    folder.mkdir(parents=True)
    (folder / "properties").write_text(f"cpu_cores_count 0\ngfx_target_version {target}\nvendor_id 4098\n")


def test_the_strongest_nvidia_card_counts() -> None:
    assert read_nvidia_smi("535.183.01, 6.1\n535.183.01, 8.9\n") == Card(
        maker="nvidia", driver=(535, 183, 1), capability=(8, 9)
    )


@pytest.mark.parametrize(
    "output", ["", "NVIDIA-SMI has failed because it couldn't communicate", "No devices were found"]
)
def test_a_broken_driver_is_no_card(output: str) -> None:
    assert read_nvidia_smi(output) is None


def test_a_capability_that_cannot_be_read_leaves_the_driver() -> None:
    assert read_nvidia_smi("470.256.02, [N/A]") == Card(maker="nvidia", driver=(470, 256, 2))


@pytest.mark.usefixtures("no_tools")
def test_the_kernel_tells_of_an_nvidia_card_without_its_tools(tmp_path: Path) -> None:
    (tmp_path / "proc/driver/nvidia").mkdir(parents=True)
    (tmp_path / "proc/driver/nvidia/version").touch()
    assert find_card("Linux", tmp_path) == Card(maker="nvidia")
    assert find_card("Darwin", tmp_path) is None


@pytest.mark.usefixtures("no_tools")
def test_an_amd_card_counts_only_where_rocm_has_code_for_it(tmp_path: Path) -> None:
    node(tmp_path, 0, 0)
    assert find_card("Linux", tmp_path) is None
    node(tmp_path, 1, 90012)
    assert find_card("Linux", tmp_path) is None
    node(tmp_path, 2, 110000)
    assert find_card("Linux", tmp_path) == Card(maker="amd")
    assert find_card("Windows", tmp_path) is None


def test_this_machine_can_be_looked_at() -> None:
    machine = inspect_machine()
    assert machine.system in ("Linux", "Darwin", "Windows")
    assert machine.python >= (3, 11)


def test_pips_configuration_is_read_from_its_listing() -> None:
    listing = (
        ":env:.cert='/etc/ssl/certs/ca-certificates.crt'\n"
        ":env:.find-links='/wheels'\n"
        "global.extra-index-url='file:///a/simple\\nhttps://b.example/simple'\n"
        "global.find-links='/wheels'\n"
        "install.index-url='https://mirror.example/simple'\n"
    )
    wheels = {"/wheels": ["numpy-2.4.6-cp311.whl", "torch-2.13.0-x.whl", "torchvision-0.28.0-x.whl"]}
    assert read_pip_settings(listing, wheels) == PipSettings(
        index="https://mirror.example/simple",
        extra_indexes=("file:///a/simple", "https://b.example/simple"),
        find_links=("/wheels",),
        wheels=("torch-2.13.0-x.whl",),
    )


def test_an_empty_configuration_says_nothing() -> None:
    assert read_pip_settings("") == PipSettings()


def test_local_folders_of_wheels_are_looked_into(tmp_path: Path) -> None:
    (tmp_path / "torch-2.12.0-cp311.whl").touch()
    for link in (str(tmp_path), tmp_path.as_uri()):
        assert read_pip_settings(f"global.find-links='{link}'").wheels == ("torch-2.12.0-cp311.whl",)
    assert read_pip_settings(f"global.find-links='{tmp_path / 'nowhere'}'").wheels == ()


def test_a_tool_that_hangs_or_is_missing_says_nothing() -> None:
    assert looked_at._output_of(["/nowhere/nvidia-smi"]) == ""


def test_commands_are_shown_as_they_would_be_typed() -> None:
    assert quote(["pip", "a b"], "Linux") == "pip 'a b'"
    assert quote(["pip", "a b"], "Windows") == 'pip "a b"'
