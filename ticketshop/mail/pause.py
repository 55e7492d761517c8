"""A pause for all mails after the mail server did not answer: half a minute, then one, two … at most ten minutes.

Without it each mail would wait for the time-out by itself and occupy a slot of the worker.
"""

import smtplib
from datetime import UTC, datetime, timedelta

from django.core.cache import cache

KEY = "mail:pause"
SHORTEST, LONGEST = timedelta(seconds=30), timedelta(minutes=10)


def is_of_server(error: Exception) -> bool:
    """Return whether the next mail would fail in the same way: the server is away, silent, or refuses this installation."""
    from anymail.exceptions import AnymailAPIError  # noqa: PLC0415  loads an HTTP client, which only sending needs

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
    """Return when the next mail may be tried, or None if there is no pause."""
    _times, end = cache.get(KEY) or (0, 0.0)
    return datetime.fromtimestamp(end, UTC) if end > now.timestamp() else None


def begin(now: datetime) -> None:
    """Start a pause after a failure of the server. Does nothing during a pause, because two mails may have failed at once."""
    times, end = cache.get(KEY) or (0, 0.0)
    if end > now.timestamp():
        return
    length = min(SHORTEST * 2 ** min(times, 10), LONGEST)
    # Cached for longer than the pause, so that the next pause is longer.
    value = (times + 1, (now + length).timestamp())
    cache.set(KEY, value, (length + 2 * LONGEST).total_seconds())


def end() -> None:
    """End the series of pauses after a mail was sent."""
    if cache.get(KEY) is not None:
        cache.delete(KEY)
