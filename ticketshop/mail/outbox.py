"""Queue mails in the caller's transaction. The worker sends them after the commit."""

import uuid
from datetime import datetime

from django.db.models import Case, F, Value, When

from ticketshop.lib.database import writing
from ticketshop.lib.values.text import normalise_email

from . import tasks
from .models import Mail


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
