"""pytest plugin: with several workers, the files that take longest start first, one at each worker in turn.

pytest-xdist gives each worker an equal part of the list of tests. A file that waits for servers or walks over all pages would
otherwise begin when the other workers have nearly ended, and they would wait for it.
"""

import os
from collections.abc import Iterator
from itertools import islice

import pytest

# Measured: the tests of these files that take more than a second take 20 to 80 together.
LONGEST = [
    "tests/soak/test_faults.py",
    "tests/browser/test_every_page.py",
    "tests/project/test_bad_input.py",
    "tests/browser/test_backoffice.py",
    "tests/browser/test_purchase.py",
    "tests/browser/test_friends.py",
    "tests/lib/postgres/test_server.py",
    "tests/browser/test_first_hour.py",
    "tests/project/test_pages.py",
    "tests/privacy/test_crawl.py",
    "tests/browser/test_form_builder.py",
    "tests/browser/test_forms_from_nothing.py",
    "tests/sales/orders/test_races.py",
    "tests/project/test_run.py",
    "tests/project/test_saving_unchanged.py",
]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests, if this is one of several workers."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > 1:
        items[:] = order(items, workers)


def order(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """Return the tests so that each of ``workers`` equal parts begins with some of the longest files."""
    files: dict[str, list[pytest.Item]] = {name: [] for name in LONGEST}
    others = []
    for item in items:
        files.get(item.nodeid.partition("::")[0], others).append(item)
    rest, ordered = iter(others), []
    for number, size in enumerate(_sizes(len(items), workers)):
        first = [item for name in LONGEST[number::workers] for item in files[name]]
        ordered += first
        ordered += islice(rest, max(size - len(first), 0))
    return [*ordered, *rest]


def _sizes(count: int, workers: int) -> Iterator[int]:
    """Yield how many tests each worker gets, as pytest-xdist divides them."""
    for number in range(workers):
        size = count // (workers - number)
        yield size
        count -= size
