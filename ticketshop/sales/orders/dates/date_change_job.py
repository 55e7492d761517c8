"""The job that carries out a change of dates, in pages of orders. It may run twice or be interrupted: no person
gets a second mail.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Min, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from contacts import locking
from contacts.models import Contact
from ticketshop.catalogue.models import Session
from ticketshop.jobs.rows import RowJob
from ticketshop.mail import outbox
from ticketshop.mail.models import Mail

from ... import recipients
from ...models import LIVING_ORDERS, Admission, DateChange, Order, Ticket
from ...payments import methods
from . import cancelled_dates

# Orders per job; the next page is another job.
PAGE = 200
# Mail kinds by recipient.
TO_BUYER, TO_HOLDER, TO_PARENT = cancelled_dates.TO_BUYER, "date_changed_for_you", "date_changed_for_child"
TO_ADDRESS = "date_changed_for_holder"
# Tickets whose holder gets the mail at the address typed for the ticket: without a beneficiary, for the buyer,
# or for a person without an e-mail address. Any other beneficiary gets the mail as a contact, or none if they
# have ended the link.
OF_ADDRESS = (Q(beneficiary=None) | Q(beneficiary=F("order__buyer")) | Q(beneficiary__email=None)) & ~Q(
    holder_email=""
)


def concerned(change: DateChange) -> QuerySet[Order]:
    """Return the orders with tickets for the changed dates that were placed before the change, by id.

    Without what was cancelled otherwise than by this change.
    """
    tickets = Ticket.objects.filter(session__in=change.sessions.values("pk"))
    tickets = tickets.exclude(state=Admission.State.CANCELLED)
    living = Q(pk__in=tickets.order_by().values("order"), state__in=LIVING_ORDERS)
    ended = Q(pk__in=change.cancellations.values("order")) | Q(pk__in=change.ended.values("pk"))
    return Order.objects.filter(living | ended, placed_at__lte=change.made_at).order_by("pk")


def not_cancelled_before(changes: Iterable[DateChange]) -> Q:
    """Return the condition that is true for tickets and passes that are not cancelled, or went with one of these changes."""
    ended = Order.objects.filter(ended_with__in=[change.pk for change in changes])
    of_changes = Q(cancellation__date_change__in=[change.pk for change in changes]) | Q(order__in=ended)
    return ~Q(state=Admission.State.CANCELLED) | of_changes


def was_paid(order: Order) -> bool:
    """Return whether the holders of an order's tickets learn about them: it is paid, or was until its date was cancelled."""
    ended = order.state == Order.State.CANCELLED and order.paid_at is not None
    return order.state == Order.State.PAID or ended


# The same condition for tickets.
OF_PAID = Q(order__state=Order.State.PAID) | Q(
    order__state=Order.State.CANCELLED, order__paid_at__isnull=False
)


def tell_some(change: DateChange, after: int, now: datetime, size: int | None = None) -> int | None:
    """Carry out the change for the next orders after this id. Return the last id, or None when all are done.

    A page is one transaction. If it fails, each order gets its own; an order that fails is noted for staff
    and tried again.
    """
    rows = concerned(change).filter(pk__gt=after).select_related("buyer", "point_of_sale__organiser")
    size = size or PAGE
    orders = list(rows[:size])
    try:
        with transaction.atomic():
            _carry_out(change, orders, now)
    except Exception:  # noqa: BLE001  one order failed: try each by itself
        for order in orders:
            order.change = change
        CARRY_OUT.each(orders, now)
    return orders[-1].pk if len(orders) == size else None


def _carry_out(change: DateChange, orders: list[Order], now: datetime) -> None:
    paid = [order for order in orders if was_paid(order)]
    told = recipients.of_orders(paid, also=Q(cancellation__date_change=change))
    buyers = {order.buyer_id for order in orders if not recipients.has_left(order.buyer)}
    # People are locked before their orders, in the same sequence as in an erasure. Contacts that are being
    # erased are not among them.
    held = locking.lock_all(buyers | {recipient.to.pk for recipient in told})
    moved = _moved(change)
    for order in orders:
        if moved:
            _move_deadlines(order, moved, now)
        if change.tell and (buyer := held.get(order.buyer_id)):
            _queue(TO_BUYER, change, order, buyer, buyer, now)
    for recipient in told:
        if change.tell and (to := held.get(recipient.to.pk)):
            _queue(
                TO_HOLDER if recipient.is_person else TO_PARENT,
                change,
                recipient.order,
                recipient.person,
                to,
                now,
            )
    if change.tell:
        already = {(order.pk, held[order.buyer_id].email) for order in orders if order.buyer_id in held}
        already |= {
            (recipient.order.pk, held[recipient.to.pk].email) for recipient in told if recipient.to.pk in held
        }
        _tell_addresses(change, orders, already, now)


def _tell_addresses(
    change: DateChange, orders: list[Order], already: set[tuple[int, str | None]], now: datetime
) -> None:
    """Queue a mail to each holder's e-mail address on the tickets, one for each address and change.

    ``already``: pairs of order id and e-mail address that get a mail about that order anyway.
    """
    of_change = Ticket.objects.filter(session__in=change.sessions.values("pk"))
    paid = [order for order in orders if was_paid(order)]
    living = of_change.filter(OF_ADDRESS, not_cancelled_before([change]), order__in=paid)
    typed = [
        pair for pair in living.order_by("pk").values_list("order_id", "holder_email") if pair not in already
    ]
    if not typed:
        return
    # The key of the mail contains the first ticket of an address, so that the next page of the job queues no
    # second mail.
    wanted = {address for _order, address in typed}
    firsts = (
        of_change.filter(holder_email__in=wanted).order_by().values("holder_email").annotate(first=Min("pk"))
    )
    first = dict(firsts.values_list("holder_email", "first"))
    by_id = {order.pk: order for order in orders}
    for order_id, address in dict.fromkeys(typed):
        order = by_id[order_id]
        outbox.queue(
            TO_ADDRESS,
            to=address,
            language=order.language,
            now=now,
            about={"order": order.pk, "change": change.pk},
            pos=order.point_of_sale,
            once=f"{TO_ADDRESS}:{change.pk}:{first[address]}",
        )


def _concerned_by_any(now: datetime) -> QuerySet[Order]:
    changed = DateChange.sessions.through.objects.values("session")
    tickets = Ticket.objects.filter(session__in=changed).exclude(state=Admission.State.CANCELLED)
    living = Q(pk__in=tickets.order_by().values("order"), state__in=LIVING_ORDERS)
    of_changes = Q(cancellations__date_change__isnull=False) | Q(ended_with__isnull=False)
    orders = Order.objects.filter(living | of_changes).distinct()
    return orders.select_related("buyer", "point_of_sale__organiser").order_by("pk")


def _carry_out_for(order: Order, now: datetime) -> None:
    """Carry out the current change for one order; on a later try, every change that concerns it. No person is
    told twice.
    """
    changes = [order.change] if hasattr(order, "change") else _changes_of(order)
    for change in changes:
        _carry_out(change, [order], now)


def _changes_of(order: Order) -> QuerySet[DateChange]:
    dates = Ticket.objects.filter(order=order).exclude(state=Admission.State.CANCELLED).values("session")
    of_order = Q(sessions__in=dates) | Q(cancellations__order=order) | Q(ended=order)
    changes = DateChange.objects.filter(of_order, made_at__gte=order.placed_at)
    return changes.distinct().order_by("pk")


CARRY_OUT = RowJob(
    "sales.carry_out_change",
    gettext_lazy("Tell a buyer that a date is cancelled or changed"),
    rows=_concerned_by_any,
    act=_carry_out_for,
)


def _queue(kind: str, change: DateChange, order: Order, person: Contact, to: Contact, now: datetime) -> None:
    """Queue one mail for each person and change. A person with several orders reads about all of them in it."""
    if not to.email:
        return
    about = {"order": order.pk, "change": change.pk}
    outbox.queue(
        kind,
        to=to.email,
        language=to.language or order.language,
        now=now,
        about=about if kind == TO_BUYER else {**about, "contact": person.pk},
        pos=order.point_of_sale,
        once=f"{kind}:{change.pk}:{person.pk}:{to.pk}",
        subject_uuid=to.subject_uuid,
    )


def _moved(change: DateChange) -> dict[int, datetime]:
    """Return session id -> start before the change, for sessions that begin or end at another time now."""
    now = {session.pk: session for session in change.sessions.all()}
    return {
        pk: before.starts_at
        for pk, before in change.facts_before().items()
        if pk in now and (before.starts_at, before.ends_at) != (now[pk].starts_at, now[pk].ends_at)
    }


def _move_deadlines(order: Order, moved: dict[int, datetime], now: datetime) -> None:
    """Let an unpaid order expire when its first date begins at the latest."""
    sessions = Session.objects.filter(tickets__order=order).exclude(state=Session.State.CANCELLED)
    starts = dict(sessions.values_list("pk", "starts_at"))
    if order.state == Order.State.PENDING and order.expires_at and starts:
        before = min(moved.get(pk, start) for pk, start in starts.items())
        wanted = _expiry(order, before, min(starts.values()), now)
        Order.objects.filter(pk=order.pk, state=Order.State.PENDING).update(expires_at=wanted)


def _expiry(order: Order, before: datetime, after: datetime, now: datetime) -> datetime:
    """Return when an unpaid order expires, if its first date begins at ``after`` instead of ``before``.

    A deadline that depended on the date moves with it. Another one stays, unless the date begins before it.
    """
    wanted = order.expires_at
    if wanted == before:
        method = methods.METHODS[order.payment_method]({})
        wanted = method.expires_at(order.point_of_sale.organiser, after, order.placed_at) or wanted
    return max(min(wanted, after), min(now + timedelta(hours=1), order.expires_at))


# --- what a mail tells --------------------------------------------------------------------------------------
def untold(mail: Mail, change: DateChange) -> list[DateChange]:
    """Return the changes that this mail reports, the oldest first; empty if another mail has reported them, or
    will.

    A mail reports what is true when it is sent. After two changes in a row only one mail is sent if the first
    still waits, and it reports both. The same holds for a mail that is sent before the job of a later change
    has reached this person.
    """
    others = {
        other.pk: other
        for other in DateChange.objects.filter(sessions__in=change.sessions.values("pk")).exclude(
            pk=change.pk
        )
    }
    # A mail to an address without a contact is identified by the address.
    same_person: dict[str, object] = {"subject_uuid": mail.subject_uuid}
    if mail.subject_uuid is None:
        # In capital letters, as in the index of addresses without a contact.
        same_person["recipient__iexact"] = mail.recipient
    mails = Mail.objects.filter(kind=mail.kind, about__change__in=list(others), **same_person).order_by("-pk")
    earlier, told_before = [], False
    for other in mails:
        if other.about.get("contact") != mail.about.get("contact"):
            continue
        number = other.about["change"]
        if other.state == Mail.State.SENT and other.sent_at >= change.made_at:
            return []
        if number > change.pk and other.state == Mail.State.QUEUED:
            return []
        told_before = told_before or (number < change.pk and other.state == Mail.State.SENT)
        if number < change.pk and not told_before:
            earlier.insert(0, others[number])
    later = [other for number, other in sorted(others.items()) if number > change.pk]
    return [*earlier, change, *later]


@app.task(name="sales.carry_out_change", retry=RetryStrategy(exponential_wait=3, max_attempts=10))
def carry_out_change(change_id: int, after: int = 0) -> None:
    """Carry out a change of dates for some orders, and queue a job for the next.

    Cancelled dates are paid back first, so that the mails can tell how much.
    """
    change, now = DateChange.objects.get(pk=change_id), timezone.now()
    if change.refund and not after and cancelled_dates.cancel_some(change, now):
        carry_out_change.defer(change_id=change.pk)
        return
    with transaction.atomic():
        last = tell_some(change, after, now)
        if last is not None:
            carry_out_change.defer(change_id=change.pk, after=last)
