"""The worker's tasks for exports. Every task may run twice without harm."""

from django.utils import timezone
from django.utils.translation import gettext_lazy
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from ticketshop.jobs.rows import RowJob

from . import expiry, writing
from .models import Job


# One export at a time, because a big one takes time and memory.
@app.task(
    name="exports.write",
    lock="exports",
    retry=RetryStrategy(max_attempts=writing.ATTEMPTS, wait=10, retry_exceptions=set(writing.OUTAGES)),
)
def write(export_id: int) -> None:
    """Write the file of one export. If the worker is killed, another one starts again from the beginning."""
    job = Job.objects.filter(pk=export_id).defer("subjects").first()
    if job is not None:
        WRITE.do(job, timezone.now())


# A failure is tried again after one minute, then two; after ATTEMPTS the export has failed.
WRITE = RowJob(
    "exports.write",
    gettext_lazy("Write an export"),
    rows=lambda now: Job.objects.filter(state__in=Job.OPEN).defer("subjects"),
    act=lambda job, now: writing.run(job.pk),
    atomic=False,
    defer=lambda job: write.defer(export_id=job.pk),
)


@app.periodic(cron="*/10 * * * *")
@app.task(name="exports.tidy", queueing_lock="exports.tidy")
def tidy(timestamp: int) -> None:
    """Delete files after 24 hours, and clean up."""
    expiry.tidy(timezone.now())
