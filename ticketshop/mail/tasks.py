"""The job that sends a mail."""

import random
import smtplib
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy
from procrastinate import BaseRetryStrategy, RetryDecision
from procrastinate.contrib.django import app

from ticketshop.jobs.rows import RowJob
from ticketshop.lib.database.outages import is_away

from . import kinds, mime_messages, pause
from .models import Mail

MAX_ATTEMPTS = 10
LONGEST_OUTAGE = 6  # attempts after which the time between two does not grow: 12 minutes


class TryAgain(Exception):
    """The mail could not be sent now. Contains no address, because it is written to logs.

    ``at`` is the time of the next attempt; None means 3, 9, 27 … seconds after the attempts of the job.
    """

    def __init__(self, reason: str, at: datetime | None = None):
        super().__init__(reason)
        self.at = at


class MailRetry(BaseRetryStrategy):
    """Retry at the time of a ``TryAgain``, and without end while the database is away. Any other exception ends the job."""

    def get_retry_decision(self, *, exception, job):
        if is_away(exception):
            return RetryDecision(retry_at=timezone.now() + wait_after(min(job.attempts + 1, LONGEST_OUTAGE)))
        if not isinstance(exception, TryAgain) or (exception.at is None and job.attempts >= MAX_ATTEMPTS):
            return None
        return RetryDecision(retry_at=exception.at or timezone.now() + wait_after(job.attempts + 1))


def wait_after(attempts: int) -> timedelta:
    """Return the wait after this number of attempts."""
    return timedelta(seconds=3**attempts)


@app.task(name="mail.send", queue="mail", retry=MailRetry())
def send(mail_id: int) -> None:
    """Send one mail. Tries again after 3, 9, 27 … seconds, for about eight hours; then the mail is marked as failed.

    While the mail server is away all mails wait (``pause``).
    """
    now = timezone.now()
    mail = Mail.objects.filter(pk=mail_id).first()
    if mail is None:
        # The transaction that queues it may not be committed yet.
        raise TryAgain("no such mail")
    if mail.state == Mail.State.QUEUED and (pause_ends := pause.until(now)):
        raise TryAgain("the mail server is away", pause_ends + timedelta(seconds=random.uniform(0, 5)))  # noqa: S311  spreads them
    try:
        failure = _send(mail)
    except Exception as error:
        if is_away(error):
            raise
        _note_fault(mail, error)
        return
    if failure:
        raise TryAgain(failure, now + wait_after(mail.attempts + 1))


def _send(mail: Mail) -> str:
    """Make one attempt unless the mail is sent or cancelled. Return the name of a failure that another attempt may solve."""
    with transaction.atomic():
        _wait_for_slow_servers()
        locked = Mail.objects.select_for_update(of=("self",)).select_related("point_of_sale__organiser")
        mail = locked.get(pk=mail.pk)
        if mail.state != Mail.State.QUEUED:
            return ""
        # Before sending, so that a mail whose row can't be written is not sent again and again.
        mail.attempts += 1
        mail.save(update_fields=["attempts"])
        failure = attempt(mail)
    return failure if mail.state == Mail.State.QUEUED else ""


def _note_fault(mail: Mail, error: Exception) -> None:
    """Record for staff that a mail could not be built or sent. ``SEND`` tries again; after MAX_ATTEMPTS the mail has failed."""
    times = SEND.note(mail, error, timezone.now())
    if times >= MAX_ATTEMPTS:
        given_up = {"state": Mail.State.FAILED, "error": type(error).__name__}
        if kinds.forgets_recipient(mail.kind):
            given_up["recipient"] = ""
        Mail.objects.filter(pk=mail.pk, state=Mail.State.QUEUED).update(**given_up)


SEND = RowJob(
    "mail.send",
    gettext_lazy("Send an e-mail"),
    rows=lambda now: Mail.objects.filter(state=Mail.State.QUEUED),
    act=lambda mail, now: send.defer(mail_id=mail.pk),
    defer=lambda mail: send.defer(mail_id=mail.pk),
)


def _wait_for_slow_servers() -> None:
    # A mail server may take EMAIL_TIMEOUT for each reply. If the database ended the transaction meanwhile, the sent mail
    # would not be recorded and would be sent again.
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = '10min'")


def attempt(mail: Mail) -> str:
    """Try once to send a mail and store the result in its row. Return the name of the failure, or an empty text."""
    from anymail.exceptions import AnymailError  # noqa: PLC0415  loads an HTTP client, which only sending needs

    mail.error = ""
    letter = mime_messages.build(mail)
    if letter is None:
        mail.state = Mail.State.CANCELLED
    else:
        try:
            letter.send()
        except (OSError, smtplib.SMTPException, AnymailError) as error:
            mail.error = failure_name(error)
            if pause.is_of_server(error):
                pause.begin(timezone.now())
            if is_permanent(error):
                mail.state, mail.returned_at = Mail.State.FAILED, timezone.now()
            elif mail.attempts >= MAX_ATTEMPTS:
                mail.state = Mail.State.FAILED
        else:
            mail.state, mail.sent_at = Mail.State.SENT, timezone.now()
            pause.end()
            mail.provider_id = (getattr(getattr(letter, "anymail_status", None), "message_id", None) or "")[
                :120
            ]
    if mail.state != Mail.State.QUEUED and kinds.forgets_recipient(mail.kind):
        # The provider could find the address by its id.
        mail.recipient = mail.provider_id = ""
    mail.save(update_fields=["error", "state", "sent_at", "provider_id", "returned_at", "recipient"])
    return mail.error


def failure_name(error: Exception) -> str:
    """Return the kind of failure and the SMTP code; never its text, which contains the address."""
    code = getattr(error, "smtp_code", "")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code = next(iter(error.recipients.values()))[0]
    return f"{type(error).__name__} {code}".strip()


def is_permanent(error: Exception) -> bool:
    """Return whether another attempt will fail too: a 5xx reply about this recipient or mail, or a refusal of the service.

    Errors about this installation, such as a wrong password, don't count: the mail is sent once they are corrected.
    """
    from anymail.exceptions import AnymailRecipientsRefused  # noqa: PLC0415  as in ``attempt``

    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(500 <= code < 600 for code, _text in error.recipients.values())
    if isinstance(error, smtplib.SMTPDataError):
        return 500 <= error.smtp_code < 600
    return isinstance(error, AnymailRecipientsRefused)
