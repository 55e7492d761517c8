"""The shop as in production, on this machine: its own PostgreSQL, gunicorn, a worker, a mail server on loopback.

For tests that are impossible inside one process: killing processes, and measuring.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

import psutil
import psycopg

from tests import migrated_database
from tests.smtp import Postbox
from tests.visitor import HttpVisitor, Page
from tests.waiting import PATIENCE, wait_for
from ticketshop.demo.processes import Process, stop_all
from ticketshop.lib import postgres

ROOT = Path(__file__).resolve().parents[2]
HOST = "shop.example"
# Durable writes, which the throw-away server switches off for speed.
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


class Rig:
    """``with Rig() as rig``: everything runs. Processes that end are started again, as a service manager does."""

    def __init__(self, *, fill: str = "tests.rig.shop", wsgi: str = "tests.rig.wsgi", **environment: str):
        self.fill, self.wsgi, self.extra = fill, wsgi, environment
        self.shop: dict = {}
        self._number = 0
        self._connection: psycopg.Connection | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.var = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ticketshop-rig-")))
            self.log = self.var / "log"
            self.postgres = stack.enter_context(postgres.Server(throwaway=True))
            stack.callback(self._disconnect)
            self.postbox = stack.enter_context(Postbox())
            self.listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=2048))
            self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
            for name, value in DURABLE.items():
                self.sql(f"ALTER SYSTEM SET {name} = {value}")
            self.sql("SELECT pg_reload_conf()")
            migrated_database.wait_until_made()
            self._start_helper()
            stack.callback(self._end_helper)
            self.shop = json.loads(self.execute(f"from {self.fill} import main; main()"))
            stack.callback(self._stop)
            self._start()
            self._open = stack.pop_all()
        return self

    def __exit__(self, *exc: object) -> None:
        self._open.__exit__(None, None, None)

    # --- processes --------------------------------------------------------------------------------------

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        return kept | {
            "DATABASE_URL": self.postgres.url,
            "SECRET_KEY": "only-for-the-rig-" + "0123456789" * 4,
            "BASE_URL": f"https://{HOST}",
            "ALLOWED_HOSTS": HOST,
            "EMAIL_URL": f"smtp://127.0.0.1:{self.postbox.port}",
            "VAR_DIR": str(self.var),
            "WEB_CONCURRENCY": "2",
            "DJANGO_SETTINGS_MODULE": "tests.rig.settings",
            "PYTHONPATH": str(ROOT),
            **self.extra,
        }

    def run(self, *command: str) -> str:
        """Run a Python program in the shop's environment and return its output."""
        done = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def execute(self, code: str) -> str:
        """Run a piece of Python in ``tests.rig.helper`` and return what it prints."""
        print(json.dumps(code), file=self._helper.stdin, flush=True)
        line = self._helper.stdout.readline()
        assert line, f"{code}: the helper has ended: {self.log.read_text()[-2000:]}"
        is_done, printed = json.loads(line)
        assert is_done, f"{code}: {printed}"
        return printed

    def _start_helper(self) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with self.log.open("a") as log:
            command = [sys.executable, "-m", "tests.rig.helper"]
            self._helper = subprocess.Popen(command, cwd=ROOT, env=self.environment, stderr=log, **pipes)

    def _end_helper(self) -> None:
        with self._helper as helper:
            helper.stdin.close()

    def _start(self) -> None:
        number = self.listener.fileno()
        config = ["--config", str(ROOT / "ticketshop" / "gunicorn.py"), "--bind", f"fd://{number}"]
        # Faults fill the logs: they are read where something is wrong.
        python = ["/bin/sh", "-c", 'exec "$@" 2>> "$0"', str(self.log), sys.executable]
        manage = [*python, str(ROOT / "manage.py")]
        env = self.environment
        self.web = Process("web server", [*python, "-m", "gunicorn", *config, self.wsgi], env, keep=[number])
        self.jobs = Process("worker", [*manage, "worker"], env)
        self.processes = [self.web, self.jobs]
        for process in self.processes:
            process.start()
        self._ending = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        wait_for(lambda: self.ready() and self.workers_alive(), "the shop")

    def _watch(self) -> None:
        while not self._ending.wait(0.1):
            for process in self.processes:
                process.watch()

    def _stop(self) -> None:
        self._ending.set()
        self._watcher.join()
        stop_all(self.processes)

    def web_workers(self) -> list[psutil.Process]:
        return psutil.Process(int(self.web.identity[0])).children()

    @property
    def job_worker(self) -> psutil.Process:
        return psutil.Process(int(self.jobs.identity[0]))

    def workers_alive(self) -> bool:
        """Return whether the database has a heartbeat of a living worker."""
        fresh = (
            "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '15 seconds'"
        )
        return self.sql(fresh)[0][0] > 0

    def workers(self) -> set[int]:
        """Return the ids of all workers that were ever registered in the database."""
        return {row[0] for row in self.sql("SELECT id FROM procrastinate_workers")}

    def take_up_stalled(self, dead: set[int]) -> None:
        """Do what happens within a minute: let heartbeats grow old, and run the periodic task that restarts stalled jobs.

        ``dead`` are the workers from before the failure.
        """
        wait_for(lambda: self.workers() - dead, "a new worker")
        aged = (
            "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 minute' WHERE id = ANY(%s)"
        )
        self.sql(aged, list(dead))
        self.defer("jobs.take_up_stalled", timestamp=0)

    def defer(self, task: str, **arguments) -> None:
        """Queue a job, with a separate lock, because the periodic task may have queued the same job."""
        lock = f"rig-{time.monotonic_ns()}"
        self.execute(
            "from procrastinate.contrib.django import app\n"
            f"app.configure_task({task!r}, queueing_lock={lock!r}).defer(**{arguments!r})"
        )

    # --- the database -----------------------------------------------------------------------------------

    def connect(self, **options) -> psycopg.Connection:
        return psycopg.connect(self.postgres.url, autocommit=True, connect_timeout=PATIENCE, **options)

    def sql(self, text: str, *values) -> list[tuple]:
        """Execute a statement, in a connection that stays open: tests that wait for a row ask again and again."""
        try:
            return self._fetch(text, values)
        except psycopg.OperationalError:  # the database was stopped or killed since
            self._disconnect()
            return self._fetch(text, values)

    def _fetch(self, text: str, values: tuple) -> list[tuple]:
        if self._connection is None or self._connection.closed:
            self._connection = self.connect()
        cursor = self._connection.execute(text, values)
        return [] if cursor.description is None else cursor.fetchall()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def crash_database(self) -> None:
        """Crash the database like `pg_ctl restart -m immediate`."""
        self.stop_database(signal.SIGQUIT)
        self.postgres.start()

    def stop_database(self, how: signal.Signals = signal.SIGINT) -> None:
        os.kill(self.postgres.pid, how)
        wait_for(lambda: self.postgres.pid is None, "the end of the database")

    @contextmanager
    def holding_answers(self) -> Iterator[None]:
        """Orders are placed but their responses are held back, by the hook in ``tests.rig.wsgi``."""
        hook = self.var / "hold-answers"
        hook.touch()
        try:
            yield
        finally:
            hook.unlink(missing_ok=True)

    def check_books(self) -> None:
        self.execute("from django.core.management import call_command; call_command('check_books')")

    # --- visitors ---------------------------------------------------------------------------------------

    def visitor(self, kind: type[HttpVisitor] = HttpVisitor, *, timeout: float = PATIENCE) -> HttpVisitor:
        """Return a new visitor with a new IP address, behind a proxy like in production."""
        self._number += 1
        address = f"10.{self._number >> 16 & 255}.{self._number >> 8 & 255}.{self._number & 255}"
        headers = {"Host": HOST, "X-Forwarded-Proto": "https", "X-Forwarded-For": address}
        return kind(self.url, timeout=timeout, headers=headers)

    def get(self, address: str, *, timeout: float = PATIENCE) -> Page:
        """Return one page, as a first-time visitor gets it."""
        visitor = self.visitor(timeout=timeout)
        try:
            return visitor.send("GET", address)
        finally:
            visitor.close()

    def ready(self) -> bool:
        try:
            return self.get("/health/ready", timeout=60).status == 200
        except (OSError, http.client.HTTPException):
            return False
