"""Periodic work of log-ins. Every task may run twice without harm."""

from django.utils import timezone
from procrastinate.contrib.django import app

from contacts import inviting

from .log_in import sessions, unused


@app.periodic(cron="50 * * * *")
@app.task(name="accounts.tidy", queueing_lock="accounts.tidy")
def tidy(timestamp: int) -> None:
    """Forget the sessions and invitations whose time is over, and log-ins that nobody uses."""
    now = timezone.now()
    sessions.FORGET.run(now)
    inviting.END.run(now)
    unused.forget(now)
