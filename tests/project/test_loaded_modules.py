"""A web process starts without the libraries that few requests need: they cost memory and time at each start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Imported inside the function that needs them.
WHEN_NEEDED = (
    "PIL", "chqr", "cryptography", "defusedxml", "fido2", "icalendar", "reportlab", "requests", "segno", "stripe", "uharfbuzz", "xlsxwriter",
)  # fmt: skip
LIST_LOADED = "print(*{name.partition('.')[0] for name in sys.modules})"
PROGRAM = f"""
import sys
import ticketshop.wsgi
{LIST_LOADED}
from ticketshop.sales.tickets import ticket_page
from ticketshop.lib.spreadsheets import xlsx
{LIST_LOADED}
"""


@pytest.fixture(scope="module")
def loaded(django_db_setup) -> list[set[str]]:
    """Return the packages that are loaded in a new web process, and those after it has used some libraries."""
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True)
    return [set(line.split()) for line in done.stdout.splitlines()]


def test_started_web_process_has_not_loaded_what_few_requests_need(loaded):
    assert {"django", "allauth", "procrastinate", "accounts"} <= loaded[0]
    assert not loaded[0] & set(WHEN_NEEDED), "import these inside the function that uses them"


def test_these_libraries_are_loaded_when_they_are_used(loaded):
    assert {"reportlab", "segno", "uharfbuzz", "xlsxwriter"} <= loaded[1]
