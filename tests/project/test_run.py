"""`make run` with real processes in a separate `var/`: it starts, restarts its processes, and leaves nothing behind."""

import contextlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil
import psycopg
import pytest

from tests import migrated_database, migrated_dump
from tests.factories.organisers import OrganiserFactory
from tests.waiting import wait_for
from ticketshop.demo.processes import Process, end_leftovers, save_identities, stop_all
from ticketshop.lib import postgres

ROOT = Path(__file__).resolve().parents[2]
OF_THE_TESTS = ["ALLOWED_HOSTS", "BASE_URL", "DATABASE_URL", "DEMO", "HOST", "MAKELEVEL", "SECRET_KEY"]


def free_port():
    """Return a port below the range from which the kernel assigns ports, so that it stays free until it is used."""
    while True:
        port = random.randint(20_000, 30_000)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


class Run:
    """One call of `make run`, without make."""

    def __init__(self, var, port, **env):
        self.var = var
        self.port = port
        kept = {name: value for name, value in os.environ.items() if name not in OF_THE_TESTS}
        self.log = var.with_name(f"run-{time.monotonic_ns()}.log")
        with self.log.open("w") as log:  # a pipe would be held open by what outlives a kill -9
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "ticketshop.demo.run"],
                cwd=ROOT,
                env=kept | {"VAR_DIR": str(var), "PORT": str(port)} | env,
                stdout=log,
                stderr=log,
            )

    def until_ready(self):
        wait_for(lambda: "Ready: " in self.log.read_text() or self.popen.poll() is not None, "the shop")
        return next(line for line in self.log.read_text().splitlines() if line.startswith("Ready: "))

    def end(self, how=signal.SIGTERM):
        self.popen.send_signal(how)
        return self.output()

    def output(self):
        self.popen.wait()
        return self.log.read_text()

    def children(self):
        with contextlib.suppress(FileNotFoundError, ValueError):
            return [pid for pid, _ in json.loads((self.var / "children.json").read_text())]
        return []

    def answers(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def gone(pid):
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return True


@pytest.fixture
def run(tmp_path):
    """Start `make run` with the same `var/` during the test, and end it afterwards."""
    runs = []

    def start(port=None, **env):
        runs.append(Run(tmp_path / "var", port or free_port(), **env))
        return runs[-1]

    yield start
    for started in runs:
        if started.popen.poll() is None:
            started.end()
    end_leftovers(tmp_path / "var" / "children.json")
    postgres.Server(tmp_path / "var" / "postgres").reset()


def make_migrated_database(var: Path) -> None:
    """Fill the database of this clone with the tables of the current version and one organiser, without permissions and roles.

    `migrate` creates those again, as after an update. The demo is not filled where there is an organiser. Without a dump of the
    tests the database stays empty.
    """
    migrated_database.wait_until_made()
    server = postgres.Server(var / "postgres").start()
    if migrated_dump.restore(server.url):
        organiser = OrganiserFactory.build()
        values = {
            field.column: getattr(organiser, field.attname) for field in organiser._meta.concrete_fields
        }
        row = "INSERT INTO organisers_organiser SELECT * FROM jsonb_populate_record(NULL::organisers_organiser, %s)"
        with psycopg.connect(server.url) as connection:
            connection.execute("TRUNCATE auth_permission, auth_group CASCADE")
            connection.execute(row, [json.dumps(values | {"id": 1}, default=str)])


@pytest.mark.soak
def test_first_run_starts_with_an_empty_folder(run):
    first = run()
    assert first.until_ready() == f"Ready: http://127.0.0.1:{first.port}/"
    with psycopg.connect(postgres.Server(first.var / "postgres").url) as connection:
        assert connection.execute("SELECT count(*) FROM organisers_organiser").fetchone() == (2,)


def test_leftovers_of_a_killed_run_are_ended_and_a_dead_web_server_and_database_are_restarted(run, tmp_path):
    """The leftovers are other programs, which start at once; with ``make soak`` a real run is killed.

    With the tables of the current version, because the migrations and the demo take most of the time; ``make soak`` runs both.
    """
    var = tmp_path / "var"
    make_migrated_database(var)
    (var / "dev.env").write_text(f"SECRET_KEY=of-an-earlier-run-{'0123456789' * 5}\n")
    leftovers = [Process(name, ["sleep", "600"], os.environ) for name in ("web server", "worker")]
    try:
        for process in leftovers:
            process.start()
        save_identities(leftovers, var / "children.json")
        left = [int(process.identity[0]) for process in leftovers]
        assert_goes_on_after(left, var, run, number_killed=1)
    finally:
        stop_all(leftovers)


@pytest.mark.soak
def test_killed_run_is_cleaned_up_by_the_next_which_restarts_all_dead_processes(run, tmp_path):
    make_migrated_database(tmp_path / "var")
    first = run()
    first.until_ready()
    left = first.children()  # web server, worker, payment service
    assert len(left) == 3
    first.end(signal.SIGKILL)
    assert_goes_on_after(left, first.var, partial(run, first.port), number_killed=3)


def secret_key(var: Path) -> str:
    return next(line for line in (var / "dev.env").read_text().splitlines() if line.startswith("SECRET_KEY="))


def assert_goes_on_after(left: list[int], var: Path, run: Callable[[], Run], number_killed: int) -> None:
    """Check that a run ends these processes of the one before, and restarts its own and the database, which are killed."""
    secret = secret_key(var)
    assert not any(gone(pid) for pid in left)
    second = run()
    assert second.until_ready() == f"Ready: http://127.0.0.1:{second.port}/"
    assert all(gone(pid) for pid in left)
    assert (var / "dev.env").stat().st_mode & 0o777 == 0o600
    assert secret_key(var) == secret, "nobody is logged out by a restart"
    before = second.children()
    for pid in before[:number_killed]:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: len(set(second.children()) - set(before)) == number_killed, "new processes")
    wait_for(second.answers, "the new web server")
    assert "Traceback" not in second.log.read_text()
    database = postgres.Server(var / "postgres")
    killed = database.pid
    os.kill(killed, signal.SIGKILL)
    wait_for(lambda: database.pid not in (None, killed) and second.answers(), "a new database")

    children = [*second.children(), database.pid]
    output = second.end(signal.SIGINT)
    assert second.popen.returncode == 0, output
    assert all(gone(pid) for pid in children)
    assert "KeyboardInterrupt" not in output


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"HOST": "0.0.0.0"}, "DEMO_PUBLIC=1"),
        ({"HOST": "nowhere"}, "HOST must be"),
        ({"HOST": "::1 "}, "HOST must be"),
    ],
)
def test_wrong_configuration_gives_a_message_before_anything_is_started(run, env, words):
    stopped = run(**env)
    output = stopped.output()
    assert words in output
    assert "Traceback" not in output
    assert stopped.popen.returncode == 1
    assert not stopped.var.exists()


def test_port_in_use_gives_a_message(run):
    with socket.create_server(("127.0.0.1", 0)) as other:
        stopped = run(other.getsockname()[1])
        output = stopped.output()
    assert f"Port {stopped.port} of 127.0.0.1 cannot be used" in output
    assert stopped.popen.returncode == 1
    assert not (stopped.var / "postgres").exists()


def test_reset_deletes_only_a_folder_that_make_run_created(tmp_path):
    picture = tmp_path / "media" / "poster.webp"
    picture.parent.mkdir()
    picture.touch()
    command = [sys.executable, "-m", "ticketshop.demo.run", "reset"]
    environment = os.environ | {"VAR_DIR": str(tmp_path)}
    reset = partial(subprocess.run, command, cwd=ROOT, env=environment, capture_output=True, text=True)
    done = reset(check=False)
    assert (done.returncode, picture.exists()) == (1, True)
    assert "nothing is deleted" in done.stderr
    (tmp_path / "run.lock").touch()
    assert reset(check=False).returncode == 0
    assert not tmp_path.exists()
