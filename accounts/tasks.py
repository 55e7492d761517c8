"""The periodic task of this package. It may run twice without harm."""

from django.utils import timezone
from procrastinate.contrib.django import app

from contacts.linking import inviting

from .log_in import sessions, unused
from .staff import invitations as staff_invitations


@app.periodic(cron="50 * * * *")
@app.task(name="accounts.tidy", queueing_lock="accounts.tidy")
def tidy(timestamp: int) -> None:
    """Delete expired sessions and unused log-ins, and end invitations that were not answered in time."""
    now = timezone.now()
    sessions.FORGET.run(now)
    inviting.END.run(now)
    staff_invitations.FORGET.run(now)
    unused.forget(now)
