"""A dump of the migrated database in ``var/tests/``: restoring it takes a twentieth of the time of the migrations.

Its name contains a digest of all migrations and requirements, so that a change of one of them makes another dump. After a restore
``migrate`` finds nothing to do and updates permissions and roles, as it does in a shop that is updated.

    python -m tests.migrated_dump    fill the empty database DATABASE_URL, if there is a dump that fits
"""

import hashlib
import os
import subprocess
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from ticketshop.lib import postgres

ROOT = Path(__file__).resolve().parents[1]
NUMBER_KEPT = 3


def path(root: Path = ROOT) -> Path:
    """Return the path of the dump for the migrations and requirements as they are now."""
    digest = hashlib.sha256()
    rooms = [
        folder for folder in root.iterdir() if folder.is_dir() and not folder.name.startswith((".", "var"))
    ]
    files = [file for room in rooms for file in room.rglob("migrations/*.py")]
    for file in sorted([*files, *root.glob("requirements/*.txt")]):
        digest.update(f"{file.relative_to(root)}\0{file.stat().st_size}\0".encode() + file.read_bytes())
    return root / "var" / "tests" / f"migrated-{digest.hexdigest()[:20]}.dump"


def restore(url: str, dump: Path | None = None) -> bool:
    """Fill the empty database ``url``. Return False if there is no dump that fits; then the database is still empty."""
    dump = dump or path()
    if not dump.exists():
        return False
    os.utime(dump)
    done = _call("pg_restore", "--no-owner", "--single-transaction", "--dbname", url, str(dump))
    if done.returncode:
        dump.unlink(missing_ok=True)
    return done.returncode == 0


def save(url: str, dump: Path | None = None) -> None:
    """Write the dump of the database ``url``, which was migrated just now, and delete the oldest dumps in its folder."""
    dump = dump or path()
    dump.parent.mkdir(parents=True, exist_ok=True)
    making = dump.with_suffix(f".{os.getpid()}")
    done = _call("pg_dump", "--format", "custom", "--compress", "0", "--no-owner", "--file", str(making), url)
    if done.returncode:
        making.unlink(missing_ok=True)
        return
    making.rename(dump)
    for old in sorted(dump.parent.glob("migrated-*.dump"), key=lambda file: file.stat().st_mtime)[
        :-NUMBER_KEPT
    ]:
        old.unlink(missing_ok=True)


def as_text(url: str) -> str:
    """Return the statements that make the database ``url`` again, without the keys that differ in each dump."""
    lines = _call("pg_dump", "--no-owner", url).stdout.decode().splitlines()
    return "\n".join(line for line in lines if not line.startswith(("\\restrict", "\\unrestrict")))


def url_of(name: str) -> str:
    """Return the URL of a database of the tests' server."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(parts._replace(path=f"/{name}"))


def is_usable() -> bool:
    """Return whether the server is the one that the tests have started: its programs can dump and restore its databases."""
    return "TEST_DATABASE_URL" not in os.environ


def _call(program: str, *arguments: str) -> subprocess.CompletedProcess:
    command = [postgres.programs() / "bin" / program, *arguments]
    return subprocess.run(command, capture_output=True, check=False, env={"LC_ALL": "C"})


if __name__ == "__main__":
    restore(os.environ["DATABASE_URL"])
