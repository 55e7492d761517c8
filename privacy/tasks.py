"""Background tasks: erasures, retention, and unconfirmed or unanswered requests."""

from django.utils import timezone
from procrastinate.contrib.django import app

from ticketshop.lib.personal import RETENTION

from . import retention
from .erasure import due_dates, erasing
from .models import Erasure
from .requests import requests


@app.periodic(cron="*/5 * * * *")
@app.task(name="privacy.go_on", queueing_lock="privacy.go_on")
def go_on(timestamp: int) -> None:
    """Continue erasures that were interrupted, and deferred ones whose deferral has ended."""
    erasing.go_on(timezone.now())


@app.task(name="privacy.run")
def run(erasure_id: int) -> None:
    """Run an erasure that has too many records for a page to wait for. If it fails, the periodic job continues it."""
    erasing.run(Erasure.objects.get(pk=erasure_id), now=timezone.now())


@app.periodic(cron="20 3 * * *")
@app.task(name=RETENTION, queueing_lock=RETENTION)
def erase_what_is_over(timestamp: int) -> None:
    """Erase answers and contacts at the end of their period."""
    retention.run(timezone.now())


@app.periodic(cron="35 * * * *")
@app.task(name="privacy.expire", queueing_lock="privacy.expire")
def expire(timestamp: int) -> None:
    """Delete requests that were not confirmed in time, and links that were not opened in time."""
    requests.expire(timezone.now())


@app.periodic(cron="15 6 * * *")
@app.task(name="privacy.remind", queueing_lock="privacy.remind")
def remind(timestamp: int) -> None:
    """Remind staff of requests that are due soon, or overdue."""
    due_dates.REMINDERS.run(timezone.now())
