"""What the worker does for exports. Every task may run twice without harm."""

from django.utils import timezone
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from . import expiry, writing


# One at a time, whatever else the worker does meanwhile: a big one takes a while, and memory.
@app.task(
    name="exports.write",
    lock="exports",
    retry=RetryStrategy(max_attempts=writing.ATTEMPTS, wait=10, retry_exceptions=set(writing.OUTAGES)),
)
def write(export_id: int) -> None:
    """Write the file of one export. A worker that was killed at it is followed by another one, from the beginning."""
    writing.run(export_id)


@app.periodic(cron="*/10 * * * *")
@app.task(name="exports.tidy", queueing_lock="exports.tidy")
def tidy(timestamp: int) -> None:
    """Files go after 24 hours."""
    expiry.tidy(timezone.now())
