"""Say where the tests of commit 124763c are today, and propose a place for each that moved.

    python -m tests.golden.map_tests            what is unmapped, and what is proposed for it
    python -m tests.golden.map_tests --write    the same, and enter the proposals that are certain

A test is named ``file::function`` (``file::Class::function`` in a class), without its parameters. ``moved_tests.json``
maps an old name to a new one, or to a list of them where one test was split into several; a test that is not in it is
where it was. A proposal is certain where exactly one new function of today has the old function's name, or where one of
several lies in the file to which most of its old neighbours moved.
"""

from __future__ import annotations

import ast
import json
import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
MOVED = HERE / "moved_tests.json"
NAMES = HERE / "test_names.txt"


def find_tests(root: Path) -> list[str]:
    """Return the tests of the tree at ``root``, in the order of their files."""
    found: list[str] = []
    for path in sorted((root / "tests").rglob("test_*.py")):
        file = path.relative_to(root).as_posix()
        found += [f"{file}::{name}" for name in functions(path.read_text(encoding="utf-8"))]
    return found


def functions(source: str) -> list[str]:
    """Return the test functions of a module, those of a class with its name."""
    found: list[str] = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            found.append(node.name)
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            inside = [one for one in node.body if isinstance(one, ast.FunctionDef)]
            found += [f"{node.name}::{one.name}" for one in inside if one.name.startswith("test_")]
    return found


def old_tests() -> list[str]:
    return NAMES.read_text(encoding="utf-8").splitlines()


def moved_tests() -> dict[str, list[str]]:
    """Return for each test that moved where it is today."""
    entries = json.loads(MOVED.read_text(encoding="utf-8"))
    return {old: [new] if isinstance(new, str) else list(new) for old, new in entries.items()}


def places(old: str, moved: dict[str, list[str]]) -> list[str]:
    """Return where an old test is today."""
    return moved.get(old, [old])


def unmapped(old: list[str], today: set[str], moved: dict[str, list[str]]) -> list[str]:
    """Return the old tests that are not, or not wholly, in the tree of today."""
    return [name for name in old if not places(name, moved) or not today.issuperset(places(name, moved))]


def candidates(lost: str, old: list[str], today: list[str]) -> list[str]:
    """Return the tests of today that have the name of a lost one and are none of the old tests in their old places."""
    function = lost.rpartition("::")[2]
    known = set(old)
    return [name for name in today if name.rpartition("::")[2] == function and name not in known]


def proposals(
    old: list[str], today: list[str], moved: dict[str, list[str]]
) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return the new places that are certain, and for every other lost test what may be meant."""
    taken = {new for entry in moved.values() for new in entry}
    meant = {name: candidates(name, old, today) for name in unmapped(old, set(today), moved)}
    meant = {name: [one for one in found if one not in taken] for name, found in meant.items()}
    certain = _only(meant)
    neighbours: dict[str, Counter[str]] = {}
    for name, new in [*certain.items(), *((one, new) for one, entry in moved.items() for new in entry)]:
        neighbours.setdefault(_file(name), Counter())[_file(new)] += 1
    for name, found in meant.items():
        ranks = neighbours.get(_file(name), Counter())
        best = sorted((one for one in found if ranks[_file(one)]), key=lambda one: -ranks[_file(one)])
        if len(found) > 1 and best and (len(best) == 1 or ranks[_file(best[0])] > ranks[_file(best[1])]):
            meant[name] = best[:1]
    certain = _only(meant)
    return certain, {name: found for name, found in meant.items() if name not in certain}


def _only(meant: dict[str, list[str]]) -> dict[str, str]:
    """Return the tests for which a single place is meant that is meant for no other."""
    counts = Counter(found[0] for found in meant.values() if len(found) == 1)
    return {name: found[0] for name, found in meant.items() if len(found) == 1 and counts[found[0]] == 1}


def _file(name: str) -> str:
    return name.partition("::")[0]


def main() -> None:
    today = find_tests(ROOT)
    certain, open_ = proposals(old_tests(), today, moved_tests())
    for old, new in certain.items():
        print(f"{old}\n    -> {new}")
    for old, found in open_.items():
        print(f"{old}\n    ?? {', '.join(found) or 'no test of today has this name'}")
    print(f"{len(certain)} certain, {len(open_)} to be decided")
    if "--write" in sys.argv[1:]:
        entries = {**json.loads(MOVED.read_text(encoding="utf-8")), **certain}
        text = json.dumps(dict(sorted(entries.items())), indent=1, ensure_ascii=False)
        MOVED.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
