"""pytest plugin: with several workers, each compiles a part of the test files before it collects them all.

pytest rewrites the asserts of a file when it compiles it, which takes 12 seconds for all files of a new clone. The workers collect them
in the same order, so each would compile every file while the others do the same.
"""

import contextlib
import importlib
import os
from pathlib import Path

import pytest


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Import this worker's part, if it is one of several workers. What can't be imported is reported when it is collected."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if not isinstance(collector, pytest.Session) or workers == 1:
        return
    number = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw"))
    for name in part_of(modules_of_tests(collector.config), number, workers):
        with contextlib.suppress(Exception, pytest.skip.Exception):
            importlib.import_module(name)


def modules_of_tests(config: pytest.Config) -> list[str]:
    """Return the modules of the test files in the folders that pytest was called with."""
    folders = (config.invocation_params.dir / argument.partition("::")[0] for argument in config.args)
    files = sorted({file for folder in folders for file in folder.rglob("test_*.py")})
    return [".".join(_below(file, config.rootpath).with_suffix("").parts) for file in files]


def _below(file: Path, root: Path) -> Path:
    return file.resolve().relative_to(root.resolve())


def part_of(names: list[str], number: int, workers: int) -> list[str]:
    """Return the ``number``-th of ``workers`` parts, which are equally long within one. Neighbours are in different parts."""
    return names[number::workers]
