"""Queue mails in the caller's transaction, and report whether they leave. The worker sends them after the commit."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Case, F, Value, When

from ticketshop.lib.database import writing
from ticketshop.lib.values.text import normalise_email

from . import pause, tasks
from .models import Mail

# A mail that has waited for longer is late: the worker sends mails within seconds.
LATE_AFTER = timedelta(minutes=10)


def queue(
    kind: str,
    *,
    to: str,
    language: str,
    now: datetime,
    about: dict | None = None,
    pos=None,
    once: str | None = None,
    subject_uuid: uuid.UUID | None = None,
) -> Mail | None:
    """Queue a mail of ``kind`` to the address ``to`` and return it. ``about`` contains ids only.

    With ``once``, a second call with the same text queues nothing and returns None.
    """
    mail = new(
        kind, to=to, language=language, now=now, about=about, pos=pos, once=once, subject_uuid=subject_uuid
    )
    if once is None:
        writing.insert([mail])
    elif not writing.insert_unless(mail, "once"):
        return None
    send(mail)
    return mail


def new(
    kind: str,
    *,
    to: str,
    language: str,
    now: datetime,
    about: dict | None = None,
    pos=None,
    once: str | None = None,
    subject_uuid: uuid.UUID | None = None,
) -> Mail:
    """Return an unsaved mail, for callers that insert it together with what it is about, and then ``send`` it.

    Arguments as in ``queue``; nothing may have been queued with this ``once`` before.
    """
    return Mail(
        kind=kind,
        organiser_id=pos.organiser_id if pos else None,
        point_of_sale=pos,
        about=about or {},
        recipient=normalise_email(to),
        language=language,
        once=once,
        subject_uuid=subject_uuid,
        created_at=now,
    )


def send(mail: Mail) -> None:
    """Let the worker send a mail that was inserted in the caller's transaction, after its commit."""
    tasks.send.defer(mail_id=mail.pk)


def again(mail: Mail, *, now: datetime) -> Mail:
    """Queue a copy of a mail to the same address, for staff when it failed. It contains the data at the time of sending."""
    copy = Mail.objects.create(
        kind=mail.kind,
        organiser_id=mail.organiser_id,
        point_of_sale_id=mail.point_of_sale_id,
        about=mail.about,
        recipient=mail.recipient,
        language=mail.language,
        subject_uuid=mail.subject_uuid,
        created_at=now,
    )
    send(copy)
    return copy


def forget_recipients(kind: str, about: dict, *, subject_uuid: uuid.UUID) -> None:
    """Remove the address from mails of ``kind`` about these rows, and cancel those that are still queued.

    Waits while the worker sends one of them. Call it in a transaction.
    """
    state = Case(When(state=Mail.State.QUEUED, then=Value(Mail.State.CANCELLED)), default=F("state"))
    Mail.objects.filter(kind=kind, subject_uuid=subject_uuid, about__contains=about).update(
        recipient="", state=state
    )


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


def delivery(now: datetime) -> Delivery:
    """Return the state of the outbox. Two queries, and one of the cache."""
    sent = (
        Mail.objects.filter(state=Mail.State.SENT).order_by("-created_at").values_list("sent_at", flat=True)
    )
    last_sent_at = sent.first()
    waiting = Mail.objects.filter(state=Mail.State.QUEUED, created_at__lt=now - LATE_AFTER).exists()
    sent_lately = last_sent_at is not None and last_sent_at > now - LATE_AFTER
    return Delivery(last_sent_at, pause.until(now) is not None, waiting and not sent_lately)
