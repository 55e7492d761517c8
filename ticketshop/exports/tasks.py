"""What the worker does for exports. Every task may run twice without harm."""

from django.utils import timezone
from django.utils.translation import gettext_lazy
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from ticketshop.jobs.rows import RowJob

from . import expiry, writing
from .models import Job


# One at a time, whatever else the worker does meanwhile: a big one takes a while, and memory.
@app.task(
    name="exports.write",
    lock="exports",
    retry=RetryStrategy(max_attempts=writing.ATTEMPTS, wait=10, retry_exceptions=set(writing.OUTAGES)),
)
def write(export_id: int) -> None:
    """Write the file of one export. A worker that was killed at it is followed by another one, from the beginning."""
    job = Job.objects.filter(pk=export_id).defer("subjects").first()
    if job is not None:
        WRITE.do(job, timezone.now())


# What fails is tried again a minute later, and then two; after so many attempts the export has failed.
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
    """Files go after 24 hours."""
    expiry.tidy(timezone.now())
