"""``launch.py`` itself, run as a person runs it, on a copy of the project whose environment is made of cardboard."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import launch
import pytest

ROOT = Path(__file__).parents[2]
LAUNCHER = [ROOT / "packaging/launch.py", *(ROOT / "packaging/launcher").glob("*.py")]

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the cardboard interpreter is a shell script")


@dataclass
class Copy:
    """A copy of packaging/ with an interpreter that tells how it was called and exits with 7."""

    root: Path

    def start(self, *arguments: str, code: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        command = (
            [sys.executable, "-c", code]
            if code
            else [sys.executable, str(self.root / "packaging/launch.py"), *arguments]
        )
        env = {**os.environ, "PIP_INDEX_URL": "http://127.0.0.1:9/", "LANG": "C.UTF-8", **environment}
        return subprocess.run(
            command, capture_output=True, text=True, check=False, env=env, cwd=self.root.parent
        )

    def stamp(self, *, test: bool = False) -> None:
        code = (
            f"import sys, json; sys.path.insert(0, {str(self.root / 'packaging')!r}); import launch; "
            f"open({str(self.root / '.venv/stepwise.json')!r}, 'w').write(json.dumps(launch.wanted_stamp({test})))"
        )
        assert self.start(code=code).returncode == 0


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    root = tmp_path / "a project"
    shutil.copytree(ROOT / "packaging", root / "packaging", ignore=shutil.ignore_patterns("__pycache__"))
    python = root / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\npwd\nfor word in "$@"; do echo "[$word]"; done\nexit 7\n')
    python.chmod(0o755)
    made = Copy(root)
    made.stamp()
    return made


def test_arguments_and_exit_code_pass_through(copy: Copy) -> None:
    done = copy.start("generate", "a red apple", "--negative", "", "ünï")
    assert done.stderr == ""
    assert done.stdout.splitlines()[1:] == [
        "[-P]",
        "[-m]",
        "[studio]",
        "[generate]",
        "[a red apple]",
        "[--negative]",
        "[]",
        "[ünï]",
    ]
    assert done.returncode == 7


def test_no_arguments_start_the_program(copy: Copy) -> None:
    assert copy.start().stdout.splitlines()[1:] == ["[-P]", "[-m]", "[studio]"]


def test_the_users_folder_stays_the_users_folder(copy: Copy) -> None:
    assert copy.start("generate").stdout.splitlines()[0] == str(copy.root.parent)


def test_the_suite_runs_in_the_project_with_its_own_arguments(copy: Copy) -> None:
    copy.stamp(test=True)
    done = copy.start("test", "-k", "launch or plan")
    assert done.stdout.splitlines() == [
        str(copy.root),
        "[-m]",
        "[pytest]",
        *(f"[{option}]" for option in launch.suite_options(launch.count_cores())),
        "[-k]",
        "[launch or plan]",
    ]


@pytest.mark.parametrize(("cores", "processes"), [(1, "0"), (2, "2"), (4, "4"), (64, "4")])
def test_the_suite_runs_in_a_process_a_core_up_to_four(cores: int, processes: str) -> None:
    options = launch.suite_options(cores)
    assert options[options.index("--numprocesses") + 1] == processes


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="this system does not say which cores are free"
)
def test_cores_that_this_process_may_not_use_do_not_count(copy: Copy) -> None:
    copy.stamp(test=True)
    one = min(os.sched_getaffinity(0))
    code = (
        f"import os, sys; sys.path.insert(0, {str(copy.root / 'packaging')!r}); os.sched_setaffinity(0, {{{one}}}); "
        "import launch; sys.exit(launch.main(['test']))"
    )
    said = copy.start(code=code).stdout.splitlines()
    assert said[said.index("[--numprocesses]") + 1] == "[0]"


def not_ready(copy: Copy, *arguments: str, **environment: str) -> bool:
    """Tell whether a start with these ``arguments`` would set up."""
    code = (
        f"import sys; sys.path.insert(0, {str(copy.root / 'packaging')!r}); import launch; "
        f"sys.exit(0 if launch.is_ready(launch.read_stamp(), {'test' in arguments}) else 1)"
    )
    return copy.start(code=code, **environment).returncode == 1


def test_an_environment_is_ready_only_for_what_it_was_made_from(copy: Copy) -> None:
    assert not not_ready(copy)
    assert not_ready(copy, "test")
    assert not_ready(copy, STEPWISE_TORCH="cuda")
    with (copy.root / "packaging/requirements.txt").open("a") as file:
        file.write("six==1.17.0\n")
    assert not_ready(copy)


def test_an_environment_that_was_moved_or_cut_off_or_lost_its_python_is_not_ready(copy: Copy) -> None:
    (copy.root / ".venv/stepwise-incomplete").touch()
    assert not_ready(copy)
    (copy.root / ".venv/stepwise-incomplete").unlink()
    assert not not_ready(copy)
    moved = Copy(copy.root.rename(copy.root.with_name("elsewhere")))
    assert not_ready(moved)
    moved.stamp()
    assert not not_ready(moved)
    (moved.root / ".venv/bin/python").unlink()
    assert not_ready(moved)


def test_a_torn_stamp_is_no_stamp(copy: Copy) -> None:
    (copy.root / ".venv/stepwise.json").write_text('{"program": ')
    assert not_ready(copy)


def test_what_stops_a_set_up_is_one_sentence_and_exit_code_2(copy: Copy) -> None:
    (copy.root / ".venv/stepwise.json").unlink()
    (copy.root / ".venv.lock").mkdir()
    done = copy.start("generate", "x")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert "cannot be written" in done.stderr


def test_a_second_start_adds_less_than_half_a_second(copy: Copy) -> None:
    def shortest(command: list[str]) -> float:
        seconds = []
        for _ in range(5):
            begin = time.perf_counter()
            subprocess.run(command, capture_output=True, check=False)
            seconds.append(time.perf_counter() - begin)
        return min(seconds)

    launched = shortest([sys.executable, str(copy.root / "packaging/launch.py"), "generate"])
    direct = shortest([str(copy.root / ".venv/bin/python"), "-P", "-m", "studio", "generate"])
    assert launched - direct < 0.5


def test_the_launcher_needs_the_standard_library_only() -> None:
    own = {"launcher", "__future__"}
    for path in LAUNCHER:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.partition(".")[0] in own | sys.stdlib_module_names, f"{path.name} imports {name}"


def test_old_pythons_can_read_the_first_file() -> None:
    source = (ROOT / "packaging/launch.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 7))
    with pytest.raises(SyntaxError):
        ast.parse(source + "\nmatch source:\n    case _: pass\n", feature_version=(3, 7))
    top = [node for node in ast.parse(source).body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(node) for node in top] == [
        "from __future__ import annotations",
        "import os",
        "import sys",
    ]


def test_old_pythons_are_told_which_one_to_take(copy: Copy) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(copy.root / 'packaging')!r}); sys.version_info = (3, 9, 6, 'final', 0); "
        "import launch; sys.exit(launch.main([]))"
    )
    done = copy.start(code=code)
    assert done.returncode == 2
    assert done.stderr.startswith("Stepwise Studio needs Python 3.11 or newer, and this is 3.9.6. ")


def test_the_checks_run_the_command_a_person_runs() -> None:
    lines = (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
    assert lines[-1] == "exec python3 packaging/launch.py test"
    assert not any(word in line for line in lines for word in ("pip ", "apt", "||", "true"))
