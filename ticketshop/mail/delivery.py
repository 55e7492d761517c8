"""Whether e-mails leave this installation, by the states of the outbox."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from . import pause
from .models import Mail

# A mail that has waited for longer is late: the worker sends mails within seconds.
LATE_AFTER = timedelta(minutes=10)


@dataclass(frozen=True)
class Delivery:
    """The outbox of the installation. ``paused``: the mail server did not answer; ``late``: mails wait although none was sent lately."""

    last_sent_at: datetime | None
    paused: bool
    late: bool

    @property
    def works(self) -> bool:
        """Return whether a mail has left, and none waits in vain."""
        return self.last_sent_at is not None and not self.paused and not self.late


def read(now: datetime) -> Delivery:
    """Return the state of the outbox. Two queries, and one of the cache."""
    sent = (
        Mail.objects.filter(state=Mail.State.SENT).order_by("-created_at").values_list("sent_at", flat=True)
    )
    last_sent_at = sent.first()
    waiting = Mail.objects.filter(state=Mail.State.QUEUED, created_at__lt=now - LATE_AFTER).exists()
    sent_lately = last_sent_at is not None and last_sent_at > now - LATE_AFTER
    return Delivery(last_sent_at, pause.until(now) is not None, waiting and not sent_lately)
