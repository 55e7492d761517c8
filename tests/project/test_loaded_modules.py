"""A web process starts without the libraries that few requests need: they cost memory and time at each start."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Imported inside the function that needs them.
WHEN_NEEDED = (
    "PIL", "chqr", "cryptography", "defusedxml", "fido2", "icalendar", "reportlab", "requests", "segno", "stripe", "uharfbuzz", "xlsxwriter",
)  # fmt: skip
LIST_LOADED = "import sys\nprint(*{name.partition('.')[0] for name in sys.modules})"


def loaded_after(program: str) -> set[str]:
    """Return the packages that are loaded after a program in a new process."""
    command = [sys.executable, "-W", "ignore", "-c", f"{program}\n{LIST_LOADED}"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_started_web_process_has_not_loaded_what_few_requests_need(db):
    loaded = loaded_after("import ticketshop.wsgi")
    assert {"django", "allauth", "procrastinate", "accounts"} <= loaded
    assert not loaded & set(WHEN_NEEDED), "import these inside the function that uses them"


def test_these_libraries_are_loaded_when_they_are_used():
    used = "import django; django.setup()\nfrom ticketshop.sales.tickets import ticket_page\nfrom ticketshop.lib.spreadsheets import xlsx"
    assert {"reportlab", "segno", "uharfbuzz", "xlsxwriter"} <= loaded_after(used)
