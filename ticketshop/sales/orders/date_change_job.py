"""The job that carries out a change of dates: page by page, each person told once, whatever is run twice or killed."""

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

from .. import recipients
from ..models import LIVING_ORDERS, Admission, DateChange, Order, Ticket
from ..payments import methods

# Orders of one job; the next page is a job of its own.
PAGE = 200
# The kinds of mails, by to whom they go.
TO_BUYER, TO_HOLDER, TO_PARENT = "date_changed", "date_changed_for_you", "date_changed_for_child"
TO_ADDRESS = "date_changed_for_holder"
# The tickets whose holder is reached at the address typed for them: nobody the shop knows, the buyer, or a person without
# an address. Another person is told as the person they are, or not at all where they have ended the connection.
OF_ADDRESS = (Q(beneficiary=None) | Q(beneficiary=F("order__buyer")) | Q(beneficiary__email=None)) & ~Q(
    holder_email=""
)


def concerned(change: DateChange) -> QuerySet[Order]:
    """The orders with tickets for the dates that changed, placed before they did, by number."""
    tickets = Ticket.objects.filter(session__in=change.sessions.values("pk"))
    tickets = tickets.exclude(state=Admission.State.CANCELLED)
    return Order.objects.filter(
        pk__in=tickets.order_by().values("order"), state__in=LIVING_ORDERS, placed_at__lte=change.made_at
    ).order_by("pk")


def tell_some(change: DateChange, after: int, now: datetime, size: int = PAGE) -> int | None:
    """Carry the change out for the next orders after this number; the last number, or None when all are done.

    All at once, and one by one where that fails: an order that fails is noted for staff, and is tried again.
    """
    rows = concerned(change).filter(pk__gt=after).select_related("buyer", "point_of_sale__organiser")
    orders = list(rows[:size])
    try:
        with transaction.atomic():
            _carry_out(change, orders, now)
    except Exception:  # noqa: BLE001  one of them: each by itself
        for order in orders:
            order.change = change
        CARRY_OUT.each(orders, now)
    return orders[-1].pk if len(orders) == size else None


def _carry_out(change: DateChange, orders: list[Order], now: datetime) -> None:
    told = recipients.of_orders([order for order in orders if order.state == Order.State.PAID])
    buyers = {order.buyer_id for order in orders if not recipients.has_left(order.buyer)}
    # People before their orders, as an erasure takes them; nobody who is being erased is among them.
    held = locking.lock_all(buyers | {one.to.pk for one in told})
    moved = _moved(change)
    for order in orders:
        if moved:
            _move_deadlines(order, moved, now)
        if change.tell and (buyer := held.get(order.buyer_id)):
            _queue(TO_BUYER, change, order, buyer, buyer, now)
    for one in told:
        if change.tell and (to := held.get(one.to.pk)):
            _queue(TO_HOLDER if one.is_person else TO_PARENT, change, one.order, one.person, to, now)
    if change.tell:
        already = {(order.pk, held[order.buyer_id].email) for order in orders if order.buyer_id in held}
        already |= {(one.order.pk, held[one.to.pk].email) for one in told if one.to.pk in held}
        _tell_addresses(change, orders, already, now)


def _tell_addresses(
    change: DateChange, orders: list[Order], already: set[tuple[int, str | None]], now: datetime
) -> None:
    """Queue a mail to each address that stands on a ticket as its holder's; one for each address and change.

    ``already``: order id and an address that is told about that order anyway.
    """
    of_change = Ticket.objects.filter(session__in=change.sessions.values("pk"))
    living = of_change.filter(OF_ADDRESS, order__in=orders, order__state=Order.State.PAID).exclude(
        state=Admission.State.CANCELLED
    )
    typed = [
        pair for pair in living.order_by("pk").values_list("order_id", "holder_email") if pair not in already
    ]
    if not typed:
        return
    # The first ticket of an address names the mail, so that the next page of the job queues no second one.
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
    orders = Order.objects.filter(pk__in=tickets.order_by().values("order"), state__in=LIVING_ORDERS)
    return orders.select_related("buyer", "point_of_sale__organiser").order_by("pk")


def _carry_out_for(order: Order, now: datetime) -> None:
    """Carry out the change at hand for one order, or on a later try all that concern it: none tells anybody twice."""
    changes = [order.change] if hasattr(order, "change") else _changes_of(order)
    for change in changes:
        _carry_out(change, [order], now)


def _changes_of(order: Order) -> QuerySet[DateChange]:
    dates = Ticket.objects.filter(order=order).exclude(state=Admission.State.CANCELLED).values("session")
    changes = DateChange.objects.filter(sessions__in=dates, made_at__gte=order.placed_at)
    return changes.distinct().order_by("pk")


CARRY_OUT = RowJob(
    "sales.carry_out_change",
    gettext_lazy("Tell a buyer that a date is cancelled or changed"),
    rows=_concerned_by_any,
    act=_carry_out_for,
)


def _queue(kind: str, change: DateChange, order: Order, person: Contact, to: Contact, now: datetime) -> None:
    """One mail for each person and change: whoever has several orders reads of all of them in it."""
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
    """Session id -> its start before the change, of those that begin or end at another time now."""
    now = {session.pk: session for session in change.sessions.all()}
    return {
        pk: before.starts_at
        for pk, before in change.facts_before().items()
        if pk in now and (before.starts_at, before.ends_at) != (now[pk].starts_at, now[pk].ends_at)
    }


def _move_deadlines(order: Order, moved: dict[int, datetime], now: datetime) -> None:
    """An unpaid order ends with its first date at the latest."""
    sessions = Session.objects.filter(tickets__order=order).exclude(state=Session.State.CANCELLED)
    starts = dict(sessions.values_list("pk", "starts_at"))
    if order.state == Order.State.PENDING and order.expires_at and starts:
        before = min(moved.get(pk, start) for pk, start in starts.items())
        wanted = _expiry(order, before, min(starts.values()), now)
        Order.objects.filter(pk=order.pk, state=Order.State.PENDING).update(expires_at=wanted)


def _expiry(order: Order, before: datetime, after: datetime, now: datetime) -> datetime:
    """When an unpaid order ends, now that its first date begins at ``after`` instead of ``before``.

    A deadline that hung on the date moves with it; another one stays, unless the date begins earlier.
    """
    wanted = order.expires_at
    if wanted == before:
        method = methods.METHODS[order.payment_method]({})
        wanted = method.expires_at(order.point_of_sale.organiser, after, order.placed_at) or wanted
    return max(min(wanted, after), min(now + timedelta(hours=1), order.expires_at))


# --- what a mail tells --------------------------------------------------------------------------------------
def untold(mail: Mail, change: DateChange) -> list[DateChange]:
    """The changes this mail is to tell of, the oldest first; empty where another mail has told, or will tell, of them.

    A mail tells what is true when it leaves. Of two changes one after the other only one mail goes out, if the first still
    waits, and it tells of both; so does a mail that leaves before the job of a later change has come to this person.
    """
    others = {
        other.pk: other
        for other in DateChange.objects.filter(sessions__in=change.sessions.values("pk")).exclude(
            pk=change.pk
        )
    }
    # An address that is nobody's we know is told as the address it is.
    same_person = {"subject_uuid": mail.subject_uuid} if mail.subject_uuid else {"recipient": mail.recipient}
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
    """Carry out a change of dates for a page of orders, and leave the next page to another job."""
    change = DateChange.objects.get(pk=change_id)
    with transaction.atomic():
        last = tell_some(change, after, timezone.now())
        if last is not None:
            carry_out_change.defer(change_id=change.pk, after=last)
