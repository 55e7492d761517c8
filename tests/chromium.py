"""pytest plugin: find the Chromium for browser tests.

CHROMIUM names it; otherwise the usual names are tried. Without one the tests marked `browser` are skipped with a message;
REQUIRE_BROWSER=1 makes that an error.
"""

import os
import shutil

import pytest

# Debian's headless shell first: the same browser without windows, which Chromium draws for each test even if it is
# headless. It takes two thirds of the time.
NAMES = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]


def find() -> str | None:
    """Return the path of the program, or None."""
    named = os.environ.get("CHROMIUM")
    for name in [named] if named else NAMES:
        if path := shutil.which(name):
            return path
    return None


def _missing() -> str:
    named = os.environ.get("CHROMIUM")
    what = f"CHROMIUM={named} is no program" if named else f"none of {', '.join(NAMES)} is installed"
    return f"{what}. Install one, or name one with CHROMIUM=/path/to/chromium."


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("REQUIRE_BROWSER") == "1" and not find():
        raise pytest.UsageError(f"REQUIRE_BROWSER=1, but {_missing()}")


def pytest_report_header() -> str:
    return f"browser: {find() or 'none'}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not find():
        for item in items:
            if item.get_closest_marker("browser"):
                item.add_marker(pytest.mark.skip(reason=f"no browser: {_missing()}"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not find():
        terminalreporter.write_line(f"The browser tests were left out: {_missing()}")
