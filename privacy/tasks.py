"""What is erased, and goes on, by itself."""

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
    """Requests that a killed process left, and those whose wait is over."""
    erasing.go_on(timezone.now())


@app.task(name="privacy.run")
def run(erasure_id: int) -> None:
    """An erasure that is too long for a click, and was begun there; what fails is taken up by the periodic job."""
    erasing.run(Erasure.objects.get(pk=erasure_id), now=timezone.now())


@app.periodic(cron="20 3 * * *")
@app.task(name=RETENTION, queueing_lock=RETENTION)
def erase_what_is_over(timestamp: int) -> None:
    """Answers whose time is over, and people nobody needs any more."""
    retention.run(timezone.now())


@app.periodic(cron="35 * * * *")
@app.task(name="privacy.expire", queueing_lock="privacy.expire")
def expire(timestamp: int) -> None:
    """Requests nobody confirmed, and links nobody opened, in time."""
    requests.expire(timezone.now())


@app.periodic(cron="15 6 * * *")
@app.task(name="privacy.remind", queueing_lock="privacy.remind")
def remind(timestamp: int) -> None:
    """Requests to be forgotten that are due soon, or overdue."""
    due_dates.REMINDERS.run(timezone.now())
