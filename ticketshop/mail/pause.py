"""After a mail server did not answer, all mails wait together: half a minute, then one, two … at most ten.

Else each mail would find out by itself, and hold its slot of the worker until the time-out.
"""

import smtplib
from datetime import UTC, datetime, timedelta

from anymail.exceptions import AnymailAPIError
from django.core.cache import cache

KEY = "mail:pause"
SHORTEST, LONGEST = timedelta(seconds=30), timedelta(minutes=10)


def is_of_server(error: Exception) -> bool:
    """Whether the next mail would meet the same: the server is away, says nothing, or takes no mail of ours now."""
    if isinstance(error, AnymailAPIError):
        return error.status_code is None or error.status_code >= 500
    if isinstance(error, smtplib.SMTPResponseException):
        return isinstance(
            error, smtplib.SMTPConnectError | smtplib.SMTPHeloError | smtplib.SMTPAuthenticationError
        )
    return isinstance(error, smtplib.SMTPServerDisconnected) or (
        isinstance(error, OSError) and not isinstance(error, smtplib.SMTPException)
    )


def until(now: datetime) -> datetime | None:
    """Return when the next mail may be tried; None for now."""
    _times, end = cache.get(KEY) or (0, 0.0)
    return datetime.fromtimestamp(end, UTC) if end > now.timestamp() else None


def begin(now: datetime) -> None:
    """Call after a failure of the server. While a pause lasts nothing changes: two mails may have failed at once."""
    times, end = cache.get(KEY) or (0, 0.0)
    if end > now.timestamp():
        return
    length = min(SHORTEST * 2 ** min(times, 10), LONGEST)
    # Kept beyond its end, so that the next one is longer.
    value = (times + 1, (now + length).timestamp())
    cache.set(KEY, value, (length + 2 * LONGEST).total_seconds())


def end() -> None:
    """Call after a mail went out."""
    if cache.get(KEY) is not None:
        cache.delete(KEY)
