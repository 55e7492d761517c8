"""How the file of an export comes to be.

All rows are read in one transaction that sees one instant of the shop, however long it takes and whatever is sold
meanwhile. How far it is, is told over a connection of its own; there it learns, too, that it is to stop. The file has
another name and place until it is whole.
"""

import hashlib
import os
import secrets
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from django.db import (
    DEFAULT_DB_ALIAS,
    connection,
    connections,
    transaction,
)
from django.db.models import F
from django.utils import timezone, translation

from ticketshop.lib.database.outages import OUTAGES
from ticketshop.lib.database.waiting import statement_timeout
from ticketshop.lib.spreadsheets import FORMATS, Cell, Header

from .expiry import KEPT_FOR
from .kinds import KINDS, Page, Table
from .models import Job, private_storage

ATTEMPTS = 3
# A long transaction keeps the database from tidying up: whoever needs more time exports less at once.
LONGEST = 600.0  # seconds


class Stopped(Exception):
    """Somebody cancelled it, or another worker has begun again."""


class TooWide(Exception):
    """More columns than a file of this format holds."""


class TooLong(Exception):
    """Reading takes longer than the database should wait."""


def run(job_id: int) -> None:
    """Write the file of a job that waits, or whose worker was lost; nothing happens to one that is over."""
    job = _begin(job_id)
    if job is None:
        return
    going_on, error = False, "fault"
    try:
        _make(job)
        going_on = True
    except Stopped:
        going_on = True
    except TooLong:
        error = "too_long"
    except TooWide:
        error = "too_wide"
    except OUTAGES:
        # The database was away: the task tries again.
        going_on = True
        raise
    finally:
        if not going_on and error == "fault" and job.attempt < ATTEMPTS:
            _mine(job).update(state=Job.State.QUEUED, error=error)
        elif not going_on:
            _mine(job).update(state=Job.State.FAILED, error=error, finished_at=timezone.now())


def _begin(job_id: int) -> Job | None:
    now = timezone.now()
    ready = Job.objects.filter(pk=job_id, state__in=Job.OPEN)
    if not ready.filter(attempt__lt=ATTEMPTS).update(
        state=Job.State.RUNNING, attempt=F("attempt") + 1, started_at=now, rows_done=0, error=""
    ):
        ready.update(state=Job.State.FAILED, error="attempts", finished_at=now)
        return None
    return Job.objects.select_related("organiser").get(pk=job_id)


def _mine(job: Job):
    """The job's row, as long as it is this worker's."""
    return Job.objects.filter(pk=job.pk, state=Job.State.RUNNING, attempt=job.attempt)


def _make(job: Job) -> None:
    kind, file_format = KINDS[job.kind], FORMATS[job.format]
    folder = Path(private_storage().path(""))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    subjects: set[uuid.UUID] = set()
    with tempfile.TemporaryDirectory(prefix="being-written-", dir=folder) as place:
        unfinished = Path(place) / f"export.{file_format.extension}"
        with _in_their_words(job), Progress(job) as progress, _snapshot():
            table = kind.table(job)
            if file_format.most_columns and len(table.columns) > file_format.most_columns:
                raise TooWide
            header = Header([one.key for one in table.columns], [one.label for one in table.columns])
            progress.begin(table)
            file_format.write(unfinished, header, _rows(table.pages, progress, subjects))
        unfinished.chmod(0o600)
        name = f"{secrets.token_hex(16)}.{file_format.extension}"
        size, sha256 = unfinished.stat().st_size, _sha256(unfinished)
        os.replace(unfinished, folder / name)
    now = timezone.now()
    kept = _mine(job).update(
        state=Job.State.DONE,
        file=name,
        size=size,
        sha256=sha256,
        rows_done=progress.done,
        subjects=sorted(subjects),
        finished_at=now,
        expires_at=now + KEPT_FOR,
    )
    if not kept:
        (folder / name).unlink(missing_ok=True)
        return
    job.refresh_from_db()
    if not kind.may_be_kept(job):
        job.file.delete(save=False)
        Job.objects.filter(pk=job.pk).update(state=Job.State.FAILED, file="", error="forgotten")


def _rows(pages: Iterator[Page], progress: "Progress", subjects: set[uuid.UUID]) -> Iterator[Sequence[Cell]]:
    for page in pages:
        yield from page.rows
        subjects |= page.subjects
        progress.add(len(page.rows))


@contextmanager
def _in_their_words(job: Job) -> Iterator[None]:
    """In the organiser's first language and time."""
    organiser = job.organiser
    with translation.override(organiser.languages[0]), timezone.override(ZoneInfo(organiser.time_zone)):
        yield


@contextmanager
def _snapshot() -> Iterator[None]:
    """One instant of the shop, to read from."""
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            # The end of a big file is packed while nothing is read.
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = '5min'")
        with statement_timeout(120):
            yield


BEGUN = """
    UPDATE exports_job SET columns = %s, column_labels = %s, rows_total = %s, rows_done = 0
    WHERE id = %s AND state = 'running' AND attempt = %s
"""
PROGRESS = "UPDATE exports_job SET rows_done = %s WHERE id = %s AND state = 'running' AND attempt = %s"


class Progress:
    """Says how far a job is, on a connection of its own, and raises Stopped once the job is not ours any more."""

    def __init__(self, job: Job):
        self.job, self.done, self.end = job, 0, time.monotonic() + LONGEST

    def __enter__(self) -> Self:
        self._connection = connections.create_connection(DEFAULT_DB_ALIAS)
        return self

    def __exit__(self, *exc: object) -> None:
        self._connection.close()

    def begin(self, table: Table) -> None:
        keys, labels = [one.key for one in table.columns], [one.label for one in table.columns]
        with self._connection.cursor() as cursor:
            cursor.execute(BEGUN, [keys, labels, table.count, self.job.pk, self.job.attempt])
            _go_on(cursor)

    def add(self, rows: int) -> None:
        self.done += rows
        if time.monotonic() > self.end:
            raise TooLong
        with self._connection.cursor() as cursor:
            cursor.execute(PROGRESS, [self.done, self.job.pk, self.job.attempt])
            _go_on(cursor)


def _go_on(cursor) -> None:
    """Raise ``Stopped`` where the job is this one's no more."""
    if cursor.rowcount == 0:
        raise Stopped


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
