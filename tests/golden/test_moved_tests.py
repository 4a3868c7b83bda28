"""No test of commit 124763c was lost when the tests were moved, merged or renamed."""

from __future__ import annotations

from tests.golden.map_tests import ROOT, find_tests, functions, moved_tests, old_tests, proposals, unmapped


def test_every_old_test_is_there_today() -> None:
    lost = unmapped(old_tests(), set(find_tests(ROOT)), moved_tests())
    assert not lost, "enter these into moved_tests.json (see map_tests.py):\n" + "\n".join(lost)


def test_only_old_tests_are_mapped() -> None:
    assert moved_tests().keys() <= set(old_tests())


def test_a_lost_test_is_found_missing() -> None:
    old = ["tests/a.py::test_x", "tests/a.py::test_y", "tests/a.py::test_z"]
    today = {"tests/a.py::test_x", "tests/b.py::test_y", "tests/b.py::test_z_one"}
    moved = {
        "tests/a.py::test_y": ["tests/b.py::test_y"],
        "tests/a.py::test_z": ["tests/b.py::test_z_one", "tests/b.py::test_z_two"],
    }
    assert unmapped(old, today, moved) == ["tests/a.py::test_z"]
    assert unmapped(old, today, {}) == ["tests/a.py::test_y", "tests/a.py::test_z"]


def test_functions_and_methods_are_found_and_nothing_else() -> None:
    source = (
        "def test_a(): ...\ndef b(): ...\nclass TestC:\n    def test_d(self): ...\n    def e(self): ...\n"
    )
    assert functions(source) == ["test_a", "TestC::test_d"]


def test_only_a_single_match_is_proposed() -> None:
    old = ["a.py::test_moved", "e.py::test_two", "b.py::test_stays", "a.py::test_stays", "a.py::test_gone"]
    today = ["c.py::test_moved", "c.py::test_two", "d.py::test_two", "b.py::test_stays"]
    certain, undecided = proposals(old, today, {})
    assert certain == {"a.py::test_moved": "c.py::test_moved"}
    assert undecided == {
        "e.py::test_two": ["c.py::test_two", "d.py::test_two"],
        "a.py::test_stays": [],
        "a.py::test_gone": [],
    }


def test_a_test_that_two_lost_ones_may_have_become_is_not_proposed() -> None:
    assert proposals(["a.py::test_x", "b.py::test_x"], ["c.py::test_x"], {})[0] == {}


def test_of_several_places_that_of_the_neighbours_is_proposed() -> None:
    old = ["a.py::test_x", "a.py::test_y", "b.py::test_x", "b.py::test_z"]
    today = ["c.py::test_x", "c.py::test_y", "d.py::test_x", "d.py::test_z"]
    certain, undecided = proposals(old, today, {})
    assert certain == {name: name.replace("a.", "c.").replace("b.", "d.") for name in old}
    assert not undecided
