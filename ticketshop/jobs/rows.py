"""Jobs over many rows. A row that fails does not stop the others.

    EXPIRE = RowJob("sales.expire_orders", _("End an unpaid order"), rows=overdue, act=expire)

    EXPIRE.run(timezone.now())

Each row has its own transaction. An exception is logged with the ids of the row and its organiser, and stored as a
``Failure``, which staff see; ``try_again`` tries the row after one minute, two, four …, at most a day. A failure ends by itself
when its row is done, is deleted, or is not due any more.
"""

import logging
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils.functional import Promise

from ticketshop.lib.database.outages import is_away
from ticketshop.organisers import permissions

from .models import Failure

logger = logging.getLogger("ticketshop.jobs")
JOBS: dict[str, "RowJob"] = {}
LONGEST_DELAY = timedelta(days=1)


def delay(times: int) -> timedelta:
    """Return the wait after this number of failures: 1, 2, 4 … minutes, at most a day."""
    return min(timedelta(minutes=2 ** min(times - 1, 11)), LONGEST_DELAY)


@dataclass(frozen=True, eq=False)
class RowJob:
    """A job for rows that are due. Every job registers itself in ``JOBS``.

    ``title`` tells staff what is done to one row. ``rows(now)`` returns the rows that are due, in the order of work.
    ``act(row, now)`` does the work for one row; it runs in a transaction, unless ``atomic`` is false because it has its own.
    ``organiser(row)`` returns the id of the organiser whose staff see a failure. ``defer(row)``, if given, queues a task for one
    row; ``try_again`` calls it instead of ``act``.
    """

    name: str
    title: str | Promise
    rows: Callable[[datetime], QuerySet]
    act: Callable[..., object]
    organiser: Callable[..., int | None] = permissions.organiser_id_of
    atomic: bool = True
    most: int = 500  # rows of one run
    defer: Callable[..., object] | None = None

    def __post_init__(self):
        assert self.name not in JOBS, f"two jobs are named {self.name}"
        JOBS[self.name] = self

    def run(self, now: datetime, rows: QuerySet | None = None) -> int:
        """Do the due rows, or those among ``rows``, except rows that have failed: ``try_again`` does these.

        Return how many were done. A row counts as done unless ``act`` returns False.
        """
        return sum(self.do(row, now) for row in self._due(now, rows)[: self.most])

    def each(self, rows: Iterable[Model], now: datetime) -> int:
        """Do these rows, which were read already, except rows that have failed. Return how many were done."""
        failed = set(self._failures().values_list("row", flat=True))
        return sum(self.do(row, now) for row in rows if str(row.pk) not in failed)

    def do(self, row: Model, now: datetime) -> bool:
        """Do one row. Return whether it was done; an exception is stored as a failure.

        Exceptions that mean that the database is away are raised: the row is not at fault, and the task is tried again.
        """
        try:
            with transaction.atomic() if self.atomic else nullcontext():
                done = self.act(row, now)
        except Exception as error:
            if is_away(error):
                raise
            self.note(row, error, now)
            return False
        return done is not False

    def note(self, row: Model, error: Exception, now: datetime) -> int:
        """Log and store that ``row`` failed. Return how often it has failed."""
        with transaction.atomic():
            failure, new = self._failures().get_or_create(
                job=self.name,
                model=row._meta.label_lower,
                row=str(row.pk),
                defaults={
                    "organiser_id": self._organiser_of(row),
                    "error": _kind(error),
                    "first_at": now,
                    "last_at": now,
                    "next_at": now + delay(1),
                },
            )
            if not new:
                failure.times += 1
                failure.error, failure.last_at, failure.next_at = (
                    _kind(error),
                    now,
                    now + delay(failure.times),
                )
                failure.save(update_fields=["times", "error", "last_at", "next_at"])
        logger.error(
            "row failed job=%s model=%s row=%s organiser=%s times=%s error=%s",
            self.name,
            failure.model,
            shown(failure.row),
            failure.organiser_id,
            failure.times,
            failure.error,
            exc_info=without_text(error),
        )
        return failure.times

    def try_again(self, now: datetime) -> int:
        """End the failures of rows that are not due any more, and try the rows whose next try is due. Return how many were done."""
        self._end_settled(now)
        done = 0
        for failure in self._failures().filter(next_at__lte=now).order_by("next_at")[: self.most]:
            row = self.rows(now).filter(pk=failure.row).first()
            if row is None:
                continue  # done by another process in the meantime
            if self.defer is not None:
                self._failures().filter(pk=failure.pk).update(next_at=now + delay(failure.times))
                self.defer(row)
                continue
            before = failure.times
            self.do(row, now)
            # Unless the row has failed again.
            done += self._failures().filter(pk=failure.pk, times=before).delete()[0]
        return done

    def _failures(self) -> QuerySet[Failure]:
        return Failure.objects.filter(job=self.name)

    def _due(self, now: datetime, rows: QuerySet | None = None) -> QuerySet:
        failed = list(self._failures().values_list("row", flat=True))
        rows = self.rows(now) if rows is None else rows
        return rows.exclude(pk__in=failed) if failed else rows

    def _end_settled(self, now: datetime) -> None:
        failed = list(self._failures().values_list("row", flat=True))
        if not failed:
            return
        due = {str(pk) for pk in self.rows(now).filter(pk__in=failed).values_list("pk", flat=True)}
        self._failures().filter(row__in=set(failed) - due).delete()

    def _organiser_of(self, row: Model) -> int | None:
        try:
            with transaction.atomic():
                return self.organiser(row)
        except Exception:  # noqa: BLE001  the organiser can't be read: only the platform sees the failure
            return None


@dataclass(frozen=True, eq=False)
class Tidying(RowJob):
    """A job that deletes rows that are no longer needed: many at once, and one by one if that fails."""

    act: Callable[..., object] = lambda row, now: row.delete()
    most: int = 50_000
    at_once: int = 1000

    def run(self, now: datetime, rows: QuerySet | None = None) -> int:
        ids = list(self._due(now, rows).order_by("pk").values_list("pk", flat=True)[: self.most])
        return sum(
            self._delete(ids[start : start + self.at_once], now) for start in range(0, len(ids), self.at_once)
        )

    def _delete(self, ids: list, now: datetime) -> int:
        rows = self.rows(now).filter(pk__in=ids)
        try:
            with transaction.atomic():
                _all, by_model = rows.delete()
        except Exception:  # noqa: BLE001  one row failed: do each row separately
            return sum(self.do(row, now) for row in rows.order_by("pk"))
        return by_model.get(rows.model._meta.label, 0)


def try_all_again(now: datetime) -> int:
    """Try all failed rows whose next try is due. Return how many were done."""
    Failure.objects.exclude(job__in=JOBS).delete()  # jobs that this version no longer has
    names = Failure.objects.values_list("job", flat=True).distinct()
    return sum(JOBS[name].try_again(now) for name in sorted(names))


def count_for(user) -> int:
    """Return how many failures this staff member may see."""
    return permissions.for_staff(Failure.objects.all(), user, "jobs.view_failure").count()


def at_once(failure: Failure, now: datetime) -> None:
    """Set the next try of a failure to now; it happens within a minute."""
    Failure.objects.filter(pk=failure.pk, next_at__gt=now).update(next_at=now)


def shown(row: str) -> str:
    """Return the id of a row for logs and pages. Of other keys, such as that of a log-in session, only the beginning."""
    return row if row.isdecimal() else f"{row[:8]}…"


def without_text(error: BaseException) -> BaseException:
    """Return a copy of the exception with its type and traceback but without its text, which may contain personal data."""
    kind = type(error)
    copy = type(kind.__name__, (Exception,), {"__module__": kind.__module__})()
    if error.__cause__ is not None:
        copy.__cause__ = without_text(error.__cause__)
    copy.__suppress_context__ = True
    return copy.with_traceback(error.__traceback__)


def _kind(error: Exception) -> str:
    cause = error.__cause__
    return (
        f"{type(error).__name__} {type(cause).__name__}"[:80]
        if cause is not None
        else type(error).__name__[:80]
    )
