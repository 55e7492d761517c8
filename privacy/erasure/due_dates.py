"""The dates by which requests for erasure are answered: due dates, reminders, extension, and refusal.

One month; three, if the person gets the reason within the first month (GDPR, article 12(3)).
"""

from calendar import monthrange
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import QuerySet
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy

from ticketshop.jobs.rows import RowJob
from ticketshop.mail import outbox
from ticketshop.organisers.models import Organiser

from ..models import Erasure
from . import recipients, staff_mails

State = Erasure.State
ASKED_BY_PERSON = (Erasure.Channel.ACCOUNT, Erasure.Channel.MAILBOX)
FIRST, EXTENDED = 1, 3  # months
REMIND = (10, 3)  # days before the due date


def due(organiser: Organiser, asked_at: datetime, months: int = FIRST) -> datetime:
    """Return the last second of the day, in the organiser's time zone, by which a request is answered."""
    day = asked_at.astimezone(ZoneInfo(organiser.time_zone)).date()
    years, month = divmod(day.month - 1 + months, 12)
    year, month = day.year + years, month + 1
    last = day.replace(year=year, month=month, day=min(day.day, monthrange(year, month)[1]))
    return datetime.combine(last, time(23, 59, 59), ZoneInfo(organiser.time_zone))


def to_answer(now: datetime) -> QuerySet[Erasure]:
    """Return the requests of people that staff have neither begun nor refused."""
    return Erasure.objects.filter(state=State.CONFIRMED, due_at__isnull=False)


def is_overdue(erasure: Erasure, now: datetime) -> bool:
    """Return whether a request should have been answered already."""
    return erasure.state == State.CONFIRMED and erasure.due_at is not None and erasure.due_at < now


# --- reminders --------------------------------------------------------------------------------------------------
def _to_remind(now: datetime) -> QuerySet[Erasure]:
    soon = to_answer(now).filter(due_at__lt=now + timedelta(days=max(REMIND)))
    return soon.select_related("organiser").order_by("due_at", "pk")


def _remind(erasure: Erasure, now: datetime) -> bool:
    """Queue mails to staff ten and three days before the request is due, and when it is overdue; each once.

    Return whether a mail was queued.
    """
    pos = staff_mails.shop_of(erasure)
    if pos is None or erasure.due_at is None:
        return False
    left = erasure.due_at - now
    stage = next((days for days in (0, *sorted(REMIND)) if left <= timedelta(days=days)), None)
    day = localtime(erasure.due_at, ZoneInfo(erasure.organiser.time_zone)).date()
    return bool(staff_mails.tell(erasure, "data_due", pos, now=now, once=f"|{day}|{stage}"))


REMINDERS = RowJob(
    "privacy.remind",
    gettext_lazy("Remind staff of a request to be forgotten"),
    rows=_to_remind,
    act=_remind,
)


# --- answers ----------------------------------------------------------------------------------------------------
def may_extend(erasure: Erasure, now: datetime) -> bool:
    """Return whether the first month is not over, and the request was not extended yet."""
    return (
        erasure.state == State.CONFIRMED
        and erasure.due_at is not None
        and not erasure.extended_for
        and now <= erasure.due_at
    )


@transaction.atomic
def extend(erasure: Erasure, reason: str, *, now: datetime) -> bool:
    """Give staff two more months, and tell the person why. Return False if that is no longer possible.

    ``reason``: a value of ``Erasure.Extension``.
    """
    locked = Erasure.objects.select_for_update(of=("self",)).select_related("organiser", "contact")
    erasure = locked.get(pk=erasure.pk)
    if not may_extend(erasure, now) or erasure.confirmed_at is None:
        return False
    erasure.due_at = due(erasure.organiser, erasure.confirmed_at, EXTENDED)
    erasure.extended_for = reason
    erasure.save(update_fields=["due_at", "extended_for"])
    _tell_person(erasure, "data_extended", now)
    return True


@transaction.atomic
def refuse(erasure: Erasure, reason: str, *, by, now: datetime) -> bool:
    """End a request without erasing anything, and tell the person why. Return False if it has begun or ended.

    ``reason``: a value of ``Erasure.Refusal``.
    """
    locked = Erasure.objects.select_for_update(of=("self",)).select_related("organiser", "contact__user")
    erasure = locked.get(pk=erasure.pk)
    if erasure.state != State.CONFIRMED:
        return False
    _tell_person(erasure, "data_refused", now)
    erasure.state, erasure.refused_for, erasure.by, erasure.closed_at = State.REFUSED, reason, by, now
    # As for a closed erasure: no path leads from the record to the person.
    erasure.contact = None
    erasure.save(update_fields=["state", "refused_for", "by", "closed_at", "contact"])
    return True


def _tell_person(erasure: Erasure, kind: str, now: datetime) -> None:
    """Queue a mail to the person, or to the parents who manage a person without an e-mail address."""
    contact, pos = erasure.contact, staff_mails.shop_of(erasure)
    if contact is None or pos is None:
        return
    for recipient in recipients.of(contact, erasure.requested_at):
        outbox.queue(
            kind,
            to=recipient.email,
            language=recipient.language or pos.languages[0],
            now=now,
            about={"erasure": erasure.pk, **({"child": True} if recipient.is_parent else {})},
            pos=pos,
            subject_uuid=contact.subject_uuid,
        )
