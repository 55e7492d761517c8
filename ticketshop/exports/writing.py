"""Write the file of an export.

All rows are read in one transaction with one snapshot of the database, however long it takes. The progress is written over
a second connection, which also tells when the job was stopped. The file gets its final name when it is complete.
"""

import hashlib
import os
import secrets
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
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
from ticketshop.lib.spreadsheets.formats import FORMATS, Cell, Header

from .expiry import KEPT_FOR
from .kinds import KINDS, Page, Table
from .models import Job, private_storage

ATTEMPTS = 3
# Seconds for one export: a long transaction blocks the vacuum of the database.
LONGEST = 600.0


class Stopped(Exception):
    """The job was cancelled, or another worker has started it again."""


class TooWide(Exception):
    """The table has more columns than the file format allows."""


class TooLong(Exception):
    """Reading takes longer than LONGEST."""


def run(job_id: int) -> None:
    """Write the file of a queued job, or of one whose worker was killed. Does nothing for a job that has ended."""
    job = _begin(job_id)
    if job is None:
        return
    finished, error = False, "fault"
    try:
        _make(job)
        finished = True
    except Stopped:
        finished = True
    except TooLong:
        error = "too_long"
    except TooWide:
        error = "too_wide"
    except OUTAGES:
        # The database is away: the task tries again.
        finished = True
        raise
    finally:
        if not finished and error == "fault" and job.attempt < ATTEMPTS:
            _own_job(job).update(state=Job.State.QUEUED, error=error)
        elif not finished:
            _own_job(job).update(state=Job.State.FAILED, error=error, finished_at=timezone.now())


def _begin(job_id: int) -> Job | None:
    now = timezone.now()
    ready = Job.objects.filter(pk=job_id, state__in=Job.OPEN)
    if not ready.filter(attempt__lt=ATTEMPTS).update(
        state=Job.State.RUNNING, attempt=F("attempt") + 1, started_at=now, rows_done=0, error=""
    ):
        ready.update(state=Job.State.FAILED, error="attempts", finished_at=now)
        return None
    return Job.objects.select_related("organiser").get(pk=job_id)


def _own_job(job: Job):
    """Return the queryset with the job, empty if another worker has it."""
    return Job.objects.filter(pk=job.pk, state=Job.State.RUNNING, attempt=job.attempt)


def _make(job: Job) -> None:
    kind, file_format = KINDS[job.kind], FORMATS[job.format]
    folder = Path(private_storage().path(""))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    subjects: set[uuid.UUID] = set()
    with tempfile.TemporaryDirectory(prefix="being-written-", dir=folder) as place:
        unfinished = Path(place) / f"export.{file_format.extension}"
        with _organiser_locale(job), Progress(job) as progress, _snapshot():
            table = kind.table(job)
            if file_format.most_columns and len(table.columns) > file_format.most_columns:
                raise TooWide
            header = Header(
                [column.key for column in table.columns], [column.label for column in table.columns]
            )
            progress.begin(table)
            file_format.write(unfinished, header, _rows(table.pages, progress, subjects))
        unfinished.chmod(0o600)
        name = f"{secrets.token_hex(16)}.{file_format.extension}"
        size, sha256 = unfinished.stat().st_size, _sha256(unfinished)
        os.replace(unfinished, folder / name)
    now = timezone.now()
    still_own = _own_job(job).update(
        state=Job.State.DONE,
        file=name,
        size=size,
        sha256=sha256,
        rows_done=progress.done,
        subjects=sorted(subjects, key=attrgetter("int")),
        finished_at=now,
        expires_at=now + KEPT_FOR,
    )
    if not still_own:
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
def _organiser_locale(job: Job) -> Iterator[None]:
    """Activate the organiser's first language and time zone."""
    organiser = job.organiser
    with translation.override(organiser.languages[0]), timezone.override(ZoneInfo(organiser.time_zone)):
        yield


@contextmanager
def _snapshot() -> Iterator[None]:
    """Open a read-only transaction with one snapshot."""
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            # The end of a big file is compressed while no query runs.
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = '5min'")
        with statement_timeout(120):
            yield


BEGIN = """
    UPDATE exports_job SET columns = %s, column_labels = %s, rows_total = %s, rows_done = 0
    WHERE id = %s AND state = 'running' AND attempt = %s
"""
PROGRESS = "UPDATE exports_job SET rows_done = %s WHERE id = %s AND state = 'running' AND attempt = %s"


class Progress:
    """Writes the progress of a job over its own connection. Raises Stopped if the job was cancelled or restarted."""

    def __init__(self, job: Job):
        self.job, self.done, self.end = job, 0, time.monotonic() + LONGEST

    def __enter__(self) -> Self:
        self._connection = connections.create_connection(DEFAULT_DB_ALIAS)
        return self

    def __exit__(self, *exc: object) -> None:
        self._connection.close()

    def begin(self, table: Table) -> None:
        """Store the columns and the number of rows."""
        keys, labels = [column.key for column in table.columns], [column.label for column in table.columns]
        with self._connection.cursor() as cursor:
            cursor.execute(BEGIN, [keys, labels, table.count, self.job.pk, self.job.attempt])
            _check_still_own(cursor)

    def add(self, rows: int) -> None:
        """Store the number of rows written. Raise TooLong or Stopped."""
        self.done += rows
        if time.monotonic() > self.end:
            raise TooLong
        with self._connection.cursor() as cursor:
            cursor.execute(PROGRESS, [self.done, self.job.pk, self.job.attempt])
            _check_still_own(cursor)


def _check_still_own(cursor) -> None:
    """Raise Stopped if the last statement found no row, because the job has ended or has another worker."""
    if cursor.rowcount == 0:
        raise Stopped


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
