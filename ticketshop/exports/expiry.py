"""Periodic cleaning of exports: files after their time, files without a job, jobs without a worker."""

import logging
import shutil
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy

from ticketshop.jobs.rows import RowJob

from .models import Job, private_storage

logger = logging.getLogger("ticketshop.exports")
KEPT_FOR = timedelta(hours=24)
# A killed worker is noticed within two minutes. A job that is not finished after this time will never be.
GIVEN_UP_AFTER = timedelta(hours=1)


def tidy(now: datetime) -> None:
    """Run all cleaning jobs. May run twice, and while files are being written."""
    EXPIRE.run(now)
    GIVE_UP.run(now)
    FORGET_REASONS.run(now)
    _delete_orphans(now)


def _expire(job: Job, now: datetime) -> None:
    with suppress(FileNotFoundError):
        job.file.delete(save=False)
    Job.objects.filter(pk=job.pk, state=Job.State.DONE).update(state=Job.State.EXPIRED, file="")


def _with_reason(now: datetime) -> QuerySet[Job]:
    """Return the jobs whose reason is to be deleted: with the file, or a day after the job ended without one."""
    over = Q(state=Job.State.EXPIRED) | Q(finished_at__lte=now - KEPT_FOR) & ~Q(state=Job.State.DONE)
    return Job.objects.filter(over).exclude(reason="").defer("subjects").order_by("pk")


def _forget_reason(job: Job, now: datetime) -> None:
    Job.objects.filter(pk=job.pk).update(reason="")


def _unfinished(now: datetime) -> QuerySet[Job]:
    lost = Q(state=Job.State.RUNNING, started_at__lte=now - GIVEN_UP_AFTER)
    never_begun = Q(state=Job.State.QUEUED, created_at__lte=now - KEPT_FOR)
    return Job.objects.filter(lost | never_begun).defer("subjects").order_by("pk")


def _give_up(job: Job, now: datetime) -> None:
    Job.objects.filter(pk=job.pk, state__in=Job.OPEN).update(
        state=Job.State.FAILED, error="lost", finished_at=now
    )


EXPIRE = RowJob(
    "exports.expire",
    gettext_lazy("Delete the file of an export"),
    rows=lambda now: (
        Job.objects.filter(state=Job.State.DONE, expires_at__lte=now).defer("subjects").order_by("pk")
    ),
    act=_expire,
)
GIVE_UP = RowJob(
    "exports.give_up",
    gettext_lazy("Mark an abandoned export as ended"),
    rows=_unfinished,
    act=_give_up,
)
FORGET_REASONS = RowJob(
    "exports.forget_reasons",
    gettext_lazy("Forget what an export was for"),
    rows=_with_reason,
    act=_forget_reason,
)


def _delete_orphans(now: datetime) -> None:
    folder = Path(private_storage().path(""))
    if not folder.is_dir():
        return
    known = set(Job.objects.exclude(file="").values_list("file", flat=True))
    old = (now - GIVEN_UP_AFTER).timestamp()
    for path in folder.iterdir():
        if path.name in known or _changed_at(path) > old:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
            continue
        try:
            path.unlink(missing_ok=True)
        except OSError:
            # The file belongs to no export, so only the platform's log can tell about it.
            logger.exception("orphaned export file not deleted")


def _changed_at(path: Path) -> float:
    """Return when a file was last written (seconds since 1970); infinity if it was deleted in the meantime."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
