"""The order of the tests for several workers, and which of them compiles which file."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.compiled_in_parts import modules_of_tests, part_of
from tests.longest_first import LONGEST, order

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Item:
    nodeid: str


def test_longest_files_exist():
    assert [name for name in LONGEST if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("workers", [2, 3, 4, 7])
def test_each_worker_begins_with_a_long_file_and_no_test_is_lost(workers):
    short = [Item(f"tests/test_{number}.py::test_short[{number}]") for number in range(101)]
    long = [Item(f"{name}::test_{number}") for name in LONGEST for number in range(2)]
    given = [*short[:50], *long, *short[50:]]
    ordered = order(given, workers)
    assert sorted(item.nodeid for item in ordered) == sorted(item.nodeid for item in given)
    assert [item for item in ordered if item in set(short)] == short
    begin = 0
    for number in range(workers):
        assert ordered[begin].nodeid == f"{LONGEST[number]}::test_0"
        begin += (len(given) - begin) // (workers - number)


def test_more_workers_than_tests_lose_none():
    given = [Item(f"{LONGEST[0]}::test_1"), Item("tests/test_a.py::test_2")]
    assert order(given, 5) == given


def test_each_test_file_is_compiled_by_one_worker(pytestconfig):
    class Config:
        args, rootpath, invocation_params = (
            ["tests/project", "tests/lib/test_frames.py::test_x"],
            ROOT,
            pytestconfig.invocation_params,
        )

    names = modules_of_tests(Config)
    assert __name__ in names
    assert len(names) == len(list((ROOT / "tests/project").glob("test_*.py")))
    parts = [part_of(names, number, 4) for number in range(4)]
    assert sorted(name for part in parts for name in part) == names
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
