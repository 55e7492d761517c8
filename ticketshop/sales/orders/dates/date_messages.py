"""Messages to everybody of a date: who gets them, each person once, and the job that queues the mails one by one."""

import re
import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from contacts import locking
from contacts.models import Contact
from ticketshop.catalogue import dates
from ticketshop.catalogue.models import Session
from ticketshop.history import history
from ticketshop.jobs.rows import RowJob, Tidying
from ticketshop.mail import outbox

from ... import recipients
from ...models import Admission, DateMessage, MessageRecipient, Order, Ticket
from .date_change_job import OF_ADDRESS

# The texts of messages and the lists of their recipients are deleted after this time.
KEPT_FOR = timedelta(days=365)
# Tickets whose people a message can go to.
STATES = (Admission.State.VALID, Admission.State.USED, Admission.State.RESERVED)
# What a text may contain in braces, with its meaning.
PLACEHOLDERS = {
    "event": gettext_lazy("title of the event"),
    "date": gettext_lazy("day"),
    "time": gettext_lazy("start"),
    "doors": gettext_lazy("when the doors open"),
    "place": gettext_lazy("venue with its address"),
}
# Kinds of mail by kind of message.
MAIL_KINDS: dict[str, str] = {
    DateMessage.Kind.WRITTEN: "date_message",
    DateMessage.Kind.REMINDER: "date_reminder",
}
_IN_BRACES = re.compile(r"\{([^{}\s]*)\}")
Role = MessageRecipient.Role
# In ``counts``: not queued yet; no mail was needed, or it is gone.
OPEN, NONE = "open", "none"


@dataclass(frozen=True)
class Addressee:
    """A person who gets a message: by which ticket, as what, at which address, in which language."""

    role: str
    ticket: int
    address: str
    language: str


# --- texts ---------------------------------------------------------------------------------------------------
def unknown_names(text: str) -> list[str]:
    """Return the names in braces that are no placeholders."""
    return [name for name in _IN_BRACES.findall(text) if name not in PLACEHOLDERS]


def filled(text: str, session: Session) -> str:
    """Return a text with the facts of the date as they are now, in the active language and time zone."""
    starts = localtime(session.starts_at)
    values = {
        "event": session.event.title,
        "date": date_format(starts, "l j F Y"),
        "time": date_format(starts, "H:i"),
        "doors": date_format(localtime(session.doors_at or session.starts_at), "H:i"),
        "place": dates.facts(session).venue_text,
    }
    return _IN_BRACES.sub(lambda match: values.get(match[1], match[0]), text)


# --- who -----------------------------------------------------------------------------------------------------
def tickets_of(session: Session, states: Collection[str]) -> QuerySet[Ticket]:
    """Return the tickets of a date in these states. Reserved ones are those of unpaid orders."""
    rows = Ticket.objects.filter(session=session, state__in=states, cancellation=None)
    return rows.filter(order__state__in=[Order.State.PENDING, Order.State.PAID])


def addressees(
    session: Session, states: Collection[str], *, buyers: bool, holders: bool, until: datetime | None = None
) -> list[Addressee]:
    """Return the people of a date, each e-mail address once. A fixed number of queries.

    ``until``: only orders placed until then. Holders of tickets in unpaid orders get nothing, as with other mails.
    """
    tickets = tickets_of(session, states)
    if until is not None:
        tickets = tickets.filter(order__placed_at__lte=until)
    found: dict[str, Addressee] = {}
    if buyers:
        _add_all(found, _buyers(tickets))
    if holders:
        paid = tickets.filter(order__state=Order.State.PAID)
        _add_all(found, _people(paid))
        _add_all(found, _addresses(paid))
    return list(found.values())


def _add_all(found: dict[str, Addressee], others: Iterable[Addressee]) -> None:
    for addressee in others:
        found.setdefault(addressee.address.casefold(), addressee)


def _buyers(tickets: QuerySet[Ticket]) -> Iterable[Addressee]:
    rows = tickets.filter(order__buyer__erasing_at=None).exclude(order__buyer__email=None)
    rows = rows.exclude(order__buyer__email="").select_related("order__buyer").order_by("pk")
    for ticket in rows:
        buyer = ticket.order.buyer
        if buyer is not None:
            yield Addressee(Role.BUYER, ticket.pk, buyer.email or "", buyer.language or ticket.order.language)


def _people(tickets: QuerySet[Ticket]) -> Iterable[Addressee]:
    """Return the beneficiaries who have an e-mail address and whose link to the buyer is active."""
    orders = Order.objects.filter(pk__in=tickets.exclude(beneficiary=None).values("order"))
    told = recipients.of_orders(
        orders.select_related("buyer"), also=Q(pk__in=tickets.values("pk"), state=Admission.State.USED)
    )
    allowed = {
        (recipient.order.pk, recipient.person.pk): recipient for recipient in told if recipient.is_person
    }
    for ticket in tickets.exclude(beneficiary=None).order_by("pk"):
        recipient = allowed.get((ticket.order_id, ticket.beneficiary_id))
        if recipient is not None and recipient.to.email:
            language = recipient.to.language or recipient.order.language
            yield Addressee(Role.PERSON, ticket.pk, recipient.to.email, language)


def _addresses(tickets: QuerySet[Ticket]) -> Iterable[Addressee]:
    rows = tickets.filter(OF_ADDRESS).order_by("pk")
    for pk, address, language in rows.values_list("pk", "holder_email", "order__language"):
        yield Addressee(Role.ADDRESS, pk, address, language)


# --- write one -----------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Draft:
    """Texts of a message by language code, and its recipients. ``states``: of their tickets."""

    subject: Mapping[str, str]
    text: Mapping[str, str]
    states: Collection[str]
    buyers: bool = True
    holders: bool = True

    def addressees(self, session: Session) -> list[Addressee]:
        """Return the people who get it now."""
        return addressees(session, self.states, buyers=self.buyers, holders=self.holders)


@transaction.atomic
def write(session: Session, draft: Draft, *, key: uuid.UUID, by, now: datetime) -> DateMessage | None:
    """Store a message with its recipients, and queue the job that writes to them. Return None if this key was used before."""
    message = DateMessage(
        organiser=session.event.organiser,
        session=session,
        key=key,
        subject=dict(draft.subject),
        text=dict(draft.text),
        states=sorted(draft.states),
        starts_at=session.starts_at,
        made_at=now,
        made_by=history.author(by),
    )
    return _store(message, draft.addressees(session), by)


def _store(message: DateMessage, people: list[Addressee], by) -> DateMessage | None:
    """Insert a message with its recipients, unless the same was inserted before: by its key, or a reminder of the same date."""
    (_inserted,) = DateMessage.objects.bulk_create([message], ignore_conflicts=True)
    stored = DateMessage.objects.filter(key=message.key).first()
    if stored is None or stored.recipients.exists() or stored.made_at != message.made_at:
        return None
    MessageRecipient.objects.bulk_create(
        MessageRecipient(message=stored, role=addressee.role, ticket_id=addressee.ticket)
        for addressee in people
    )
    history.record(
        message.session,
        "message_written" if message.kind == DateMessage.Kind.WRITTEN else "reminder_made",
        by=by,
        now=message.made_at,
        organiser_id=message.organiser_id,
        added={"sales.messagerecipient": len(people)} if people else {},
    )
    send_message.defer(message_id=stored.pk)
    return stored


# --- the job -------------------------------------------------------------------------------------------------
def _open(now: datetime) -> QuerySet[MessageRecipient]:
    return MessageRecipient.objects.filter(done_at=None).select_related("message").order_by("pk")


def _queue(recipient: MessageRecipient, now: datetime) -> bool:
    """Queue the mail to one recipient. The key of the mail and the row's instant keep it from being queued twice."""
    ticket = Ticket.objects.select_related("order__point_of_sale", "order__buyer", "beneficiary").get(
        pk=recipient.ticket_id
    )
    contact = contact_of(recipient.role, ticket)
    # A contact is locked first, as in an erasure, which so comes before or after and includes the mail.
    held = locking.lock_all({contact.pk}) if contact is not None else {}
    rows = MessageRecipient.objects.filter(pk=recipient.pk, done_at=None)
    if not rows.update(done_at=now):
        return False
    person = held.get(contact.pk) if contact is not None else None
    address = ticket.holder_email if recipient.role == Role.ADDRESS else (person.email if person else "")
    if not address:
        return True
    mail = outbox.queue(
        MAIL_KINDS[recipient.message.kind],
        to=address,
        language=(person.language if person else "") or ticket.order.language,
        now=now,
        about={"message": recipient.message_id, "ticket": ticket.pk, "recipient": recipient.pk},
        pos=ticket.order.point_of_sale,
        once=f"date_message:{recipient.pk}",
        subject_uuid=person.subject_uuid if person else None,
    )
    MessageRecipient.objects.filter(pk=recipient.pk).update(mail=mail)
    return True


def contact_of(role: str, ticket: Ticket) -> Contact | None:
    """Return the contact who gets a message as this, about this ticket; None for an address on the ticket."""
    return {Role.BUYER: ticket.order.buyer, Role.PERSON: ticket.beneficiary}.get(Role(role))


WRITE = RowJob(
    "sales.send_message",
    gettext_lazy("Write a message or reminder to a visitor of a date"),
    rows=_open,
    act=_queue,
)


@app.task(name="sales.send_message", retry=RetryStrategy(exponential_wait=3, max_attempts=10))
def send_message(message_id: int) -> None:
    """Queue the mails of a message, some at a time."""
    now = timezone.now()
    if WRITE.run(now, _open(now).filter(message=message_id)):
        send_message.defer(message_id=message_id)


FORGET = Tidying(
    "sales.forget_messages",
    gettext_lazy("Delete an old message to everybody of a date"),
    rows=lambda now: DateMessage.objects.filter(made_at__lt=now - KEPT_FOR),
)


# --- reminders -----------------------------------------------------------------------------------------------
def _to_remind(now: datetime) -> QuerySet[Session]:
    """Return the dates whose reminder is due: its time has come, and the date has not begun.

    Not of cancelled dates, nor where people were told of a change since then.
    """
    hours = [
        (hours, now + timedelta(hours=hours))
        for hours in Session.objects.filter(starts_at__gt=now, event__reminder_hours__isnull=False)
        .order_by()
        .values_list("event__reminder_hours", flat=True)
        .distinct()
    ]
    due = Q(pk=None)
    for number, latest in hours:
        due |= Q(event__reminder_hours=number, starts_at__lte=latest)
    rows = Session.objects.filter(due, starts_at__gt=now)
    rows = rows.exclude(state=Session.State.CANCELLED)
    return (
        rows.exclude(messages__kind=DateMessage.Kind.REMINDER)
        .select_related("event__organiser")
        .order_by("pk")
    )


def _remind(session: Session, now: datetime) -> bool:
    """Make the reminder of a date. It has no recipients if the date was moved within the time before it."""
    due_at = session.starts_at - timedelta(hours=session.event.reminder_hours or 0)
    changed = session.changed_at is not None and session.changed_at >= due_at
    people = (
        []
        if changed
        else addressees(session, [Admission.State.VALID], buyers=True, holders=True, until=due_at)
    )
    message = DateMessage(
        organiser=session.event.organiser,
        session=session,
        kind=DateMessage.Kind.REMINDER,
        states=[Admission.State.VALID.value],
        starts_at=session.starts_at,
        made_at=now,
    )
    return _store(message, people, None) is not None


REMIND = RowJob(
    "sales.remind_of_date",
    gettext_lazy("Remind the visitors of a date"),
    rows=_to_remind,
    act=_remind,
)


# --- what became of them ---------------------------------------------------------------------------------------
def counts(messages: Iterable[DateMessage]) -> dict[int, Counter[str]]:
    """Return message id -> number of its recipients by state of their mail; OPEN while it is not queued, NONE without one."""
    by_message: dict[int, Counter[str]] = {message.pk: Counter() for message in messages}
    rows = MessageRecipient.objects.filter(message__in=by_message).values_list(
        "message", "done_at", "mail__state"
    )
    for message, done_at, state in rows:
        by_message[message][state or (NONE if done_at else OPEN)] += 1
    return by_message
