"""Start and stop the PostgreSQL server of this clone, or a throw-away one. See ``ticketshop/lib/postgres/__init__.py``."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from .cluster import SOCKET_NAME, Account, Cluster, PostgresError, account_for_server, call

HOME = Path(os.environ.get("VAR_DIR") or Path(__file__).parents[3] / "var") / "postgres"
THROWAWAY_PREFIX = "ticketshop-throwaway-"
# The kernel's limit for the path of a socket, minus the name that PostgreSQL gives it.
LONGEST_SOCKET_FOLDER = (103 if sys.platform == "darwin" else 107) - len(f"/{SOCKET_NAME}")


class Server:
    """The clone's server (`home`: its folder in the clone); with `throwaway` one that `stop` deletes.

    `start` may be called at any time: it uses a running server, restarts a crashed one, and waits for another process that
    is starting it.
    """

    def __init__(self, home: Path = HOME, *, throwaway: bool = False, account: str | None = None) -> None:
        self.home = home.resolve()
        self.throwaway = throwaway
        self._account_name = account
        self._cluster: Cluster | None = None
        self._alive: int | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The value of `DATABASE_URL`. Raises PostgresError before the first start."""
        if cluster := self._known():
            return cluster.url
        raise PostgresError("There is no PostgreSQL of this clone yet: start it first.")

    @property
    def pid(self) -> int | None:
        """The id of the server's process; None if it does not run."""
        cluster = self._known()
        return cluster.pid if cluster else None

    @property
    def folder(self) -> Path | None:
        """The folder of the cluster, which may be outside of `home`."""
        cluster = self._known()
        return cluster.folder if cluster else None

    def start(self) -> Self:
        """Start the server if it does not run. Raises PostgresError."""
        account = account_for_server(self._account_name)
        if self.throwaway:
            if not self._cluster:
                self._cluster, self._alive = _new_throwaway(account)
            try:
                self._cluster.launch()
            except BaseException:
                self._discard()
                raise
            return self
        with self._locked():
            self._settle(account).launch()
        return self

    def stop(self) -> None:
        """Stop the server; delete it if it is a throwaway."""
        if self.throwaway:
            self._discard()
            return
        if self.home.is_dir():
            with self._locked():
                if cluster := self._known():
                    cluster.halt()
                    self._remove_outside_sockets()

    def reset(self) -> None:
        """Stop the server and delete its data."""
        if self.throwaway:
            self._discard()
        elif self.home.is_dir():
            self.stop()
            if (cluster := self._known()) and cluster.folder != self.home:
                shutil.rmtree(cluster.folder)
            shutil.rmtree(self.home)

    def _discard(self) -> None:
        if self._cluster:
            self._cluster.halt()
            _remove_throwaway(self._cluster)
            self._cluster = None
        if self._alive is not None:
            os.close(self._alive)
            self._alive = None

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except PermissionError as error:
            raise PostgresError(
                f"{error.filename} belongs to another user: run this as that user, or use a clone of your own."
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _known(self) -> Cluster | None:
        """Return the clone's cluster, or None. Read from disk each time, since another process may create or delete it."""
        if self.throwaway:
            return self._cluster
        account = account_for_server(self._account_name)
        folder = _noted_folder(self.home, "location") if account else self.home
        if not folder or not folder.is_dir():
            return None
        fits = _fits(folder / "run")
        outside = None if fits else _noted_folder(self.home, "sockets")
        return Cluster(folder, (outside or folder) / "run", account, False)

    def _settle(self, account: Account | None) -> Cluster:
        """Create the folders of the cluster if they are missing, and return it."""
        if account:
            folder = _noted_folder(self.home, "location") or _new_folder("ticketshop-postgres-", account)
            _note_folder(self.home, "location", folder)
        else:
            folder = self.home
        outside = folder
        if not _fits(folder / "run"):
            outside = _noted_folder(self.home, "sockets") or _new_folder("ticketshop-run-", None)
            _note_folder(self.home, "sockets", outside)
        _own_folder(outside / "run", account)
        return Cluster(folder, outside / "run", account, False)

    def _remove_outside_sockets(self) -> None:
        """Delete the socket folder in the temp folder, which the system may clean up; each start creates it again."""
        if outside := _noted_folder(self.home, "sockets"):
            shutil.rmtree(outside)
            (self.home / "sockets").unlink()


# A file in the clone contains the path of the folder outside, and a file in that folder the path of the clone. So a copied clone
# detects that the folder is not its own, and a moved clone keeps its folder.


def _note_folder(home: Path, what: str, folder: Path) -> None:
    (folder / "home").write_text(str(home))
    (home / what).write_text(str(folder))


def _noted_folder(home: Path, what: str) -> Path | None:
    try:
        folder = Path((home / what).read_text())
        owner = Path((folder / "home").read_text())
        if folder.stat().st_uid != os.geteuid():
            return None
    except OSError:
        return None
    if owner != home:
        if owner.exists():
            return None
        _note_folder(home, what, folder)
    return folder


def _new_folder(prefix: str, account: Account | None) -> Path:
    """Create a folder outside of the clone that the server's user can enter and only the current user can change."""
    outside = ["/var/lib"] if account else []
    for parent in dict.fromkeys([*outside, tempfile.gettempdir(), "/tmp", "/var/tmp"]):  # noqa: S108  own mkdtemp in it
        try:
            folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent)).resolve()
        except OSError:
            continue
        if account:
            folder.chmod(0o711)
        enter = call(["/bin/sh", "-c", 'cd "$1"', "sh", folder], account)
        if enter.returncode == 0 and _fits(folder / "run"):
            return folder
        folder.rmdir()
    raise PostgresError("PostgreSQL finds no room: set TMPDIR to a folder that can be written to.")


def _own_folder(folder: Path, account: Account | None) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    if account:
        os.chown(folder, account.uid, account.gid)


def _fits(sockets: Path) -> bool:
    """Return whether a socket path is short enough and has only plain characters.

    For clients a comma separates two hosts, and pg_ctl passes the path to a shell.
    """
    plain = re.fullmatch(r"[\w./+-]+", str(sockets), re.ASCII)
    return bool(plain) and len(str(sockets)) <= LONGEST_SOCKET_FOLDER


def _new_throwaway(account: Account | None) -> tuple[Cluster, int]:
    """Return a new cluster and the descriptor of a locked file. The lock ends with this process, even if it is killed."""
    folder = _new_folder(THROWAWAY_PREFIX, account)
    _remove_orphans(folder.parent, account)
    alive = os.open(folder / "alive.new", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(alive, fcntl.LOCK_EX)
    (folder / "alive.new").rename(folder / "alive")
    _own_folder(folder / "run", account)
    return Cluster(folder, folder / "run", account, True), alive


def _remove_throwaway(cluster: Cluster) -> None:
    shutil.rmtree(cluster.folder, ignore_errors=True)


def _remove_orphans(parent: Path, account: Account | None) -> None:
    """Stop and delete throwaway servers whose owner was killed."""
    for folder in parent.glob(f"{THROWAWAY_PREFIX}*"):
        try:
            entry = folder.lstat()
            if not stat.S_ISDIR(entry.st_mode) or entry.st_uid != os.geteuid():
                continue
            alive = os.open(folder / "alive", os.O_RDWR | os.O_NOFOLLOW)
        except OSError:
            continue  # of another user, or being created or removed right now
        try:
            fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
            orphan = Cluster(folder, folder / "run", account, True)
            orphan.halt()
            _remove_throwaway(orphan)
        except BlockingIOError:
            continue  # its owner is running
        finally:
            os.close(alive)
