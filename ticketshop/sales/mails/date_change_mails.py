"""Mails about cancelled, moved or changed dates. Each is built when it is sent, from what is true then."""

from collections.abc import Iterable
from decimal import Decimal

from django.conf import settings
from django.db.models import Q, Sum
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from contacts.models import Contact
from ticketshop.catalogue import dates
from ticketshop.catalogue.models import Session
from ticketshop.lib.values.money import ZERO
from ticketshop.mail.kinds import Content, register
from ticketshop.mail.layout import Card
from ticketshop.mail.models import Mail

from .. import admission_lists, recipients
from ..models import LIVING_ORDERS, Admission, Cancellation, DateChange, Order, Refund, Ticket
from ..orders.dates import date_change_job
from ..passes import mentions
from ..tickets import calendars, ticket_pdf
from .cancellation_mails import paid_back_with
from .order_mails import order_url, place_text

Attachments = list[tuple[str, bytes, str]]


@register(date_change_job.TO_BUYER, _("Date cancelled or changed"))
def date_changed(mail: Mail) -> Content | None:
    """Build the mail to the buyer about changed dates, with the tickets as they are now."""
    about = Order.objects.filter(pk=mail.about["order"]).select_related("buyer").first()
    changes = _changes(mail)
    if not changes or about is None or recipients.has_left(about.buyer):
        return None
    ids = {pk for change in changes for pk in change.facts_before()}
    ended = Q(cancellations__date_change__in=changes) | Q(ended_with__in=changes)
    orders = Order.objects.filter(
        Q(state__in=LIVING_ORDERS) | Q(pk__in=Order.objects.filter(ended).values("pk")),
        buyer=about.buyer_id,
        placed_at__lte=changes[-1].made_at,
    ).select_related("point_of_sale__organiser")
    tickets = _tickets(changes, Q(order__in=orders, session__in=ids))
    told = _told(changes, tickets)
    if not told:
        return None
    mine = {ticket.order_id for ticket in tickets if ticket.session_id in told}
    concerned = [order for order in orders.order_by("pk") if order.pk in mine]
    context = {
        **_context(changes, told),
        "buyer": about.buyer,
        "orders": [(order, order_url(order)) for order in concerned],
        "unpaid": any(order.state == Order.State.PENDING for order in concerned),
        "ended": [order for order in concerned if order.paid_at is None and order.state not in LIVING_ORDERS],
        "back": _paid_back(changes, concerned),
        "given_back": mentions.given_back(
            [ticket for ticket in tickets if ticket.session_id in told], timezone.now()
        ),
        "currency": about.currency,
    }
    attached: Attachments = []
    for order in concerned:
        attached += _papers(order, told)
    context["attached"] = any(mime_type == "application/pdf" for _name, _content, mime_type in attached)
    return Content(context, attached)


@register(date_change_job.TO_HOLDER, _("Date cancelled or changed, to a linked person"))
def date_changed_for_you(mail: Mail) -> Content | None:
    """Build the mail to the beneficiary of tickets in another person's orders, without price, order and buyer."""
    return _for_person(mail, with_tickets=True)


@register(date_change_job.TO_PARENT, _("Date cancelled or changed, to a parent"))
def date_changed_for_child(mail: Mail) -> Content | None:
    """Build the mail to a parent who manages the beneficiary and did not buy the tickets: like
    ``date_changed_for_you``, without codes.
    """
    return _for_person(mail, with_tickets=False)


@register(date_change_job.TO_ADDRESS, _("Date cancelled or changed, to the holder of a ticket"))
def date_changed_for_holder(mail: Mail) -> Content | None:
    """Build the mail to the holder's e-mail address on tickets, without code, price, order and name."""
    changes = _changes(mail)
    if not changes:
        return None
    ids = {pk for change in changes for pk in change.facts_before()}
    tickets = _tickets(
        changes,
        date_change_job.OF_ADDRESS
        & date_change_job.OF_PAID
        & Q(holder_email=mail.recipient, session__in=ids, order__placed_at__lte=changes[-1].made_at),
    )
    told = _told(changes, tickets)
    return Content(_context(changes, told)) if told else None


def _for_person(mail: Mail, *, with_tickets: bool) -> Content | None:
    person = Contact.objects.known().filter(pk=mail.about["contact"]).first()
    changes = _changes(mail)
    if not changes or person is None:
        return None
    ids = {pk for change in changes for pk in change.facts_before()}
    theirs = date_change_job.OF_PAID & Q(beneficiary=person, session__in=ids)
    orders = Order.objects.filter(pk__in=Ticket.objects.filter(theirs).values("order"))
    told_of = recipients.of_orders(
        orders.select_related("buyer", "point_of_sale__organiser"),
        also=Q(cancellation__date_change__in=changes),
    )
    recipients_here = [
        recipient
        for recipient in told_of
        if recipient.person.pk == person.pk and recipient.to.subject_uuid == mail.subject_uuid
    ]
    told_orders = [recipient.order for recipient in recipients_here]
    tickets = _tickets(changes, theirs & Q(order__in=told_orders))
    told = _told(changes, tickets)
    if not told:
        return None
    context = {
        **_context(changes, told),
        "name": recipients_here[0].name,
        "url": settings.BASE_URL + reverse("account:orders", args=[mail.point_of_sale.slug]),
    }
    attached: Attachments = []
    for order in told_orders if with_tickets else ():
        valid = [
            ticket
            for ticket in tickets
            if ticket.order_id == order.pk and ticket.session_id in told and _lets_in(ticket)
        ]
        if valid:
            pdf = ticket_pdf.render(order, valid, [], for_holder=True)
            attached.append((f"tickets-{len(attached) + 1}.pdf", pdf, "application/pdf"))
    return Content(context, attached)


def _changes(mail: Mail) -> list[DateChange]:
    change = DateChange.objects.filter(pk=mail.about["change"]).first()
    return date_change_job.untold(mail, change) if change is not None else []


def _tickets(changes: Iterable[DateChange], where: Q) -> list[Ticket]:
    """Return the tickets that fulfil ``where`` and are not cancelled, or went with these changes."""
    rows = Ticket.objects.filter(where, date_change_job.not_cancelled_before(changes))
    return list(rows.select_related(*admission_lists.WITH_TICKET).order_by("session__starts_at", "pk"))


def _lets_in(ticket: Ticket) -> bool:
    return ticket.state != Admission.State.CANCELLED and not ticket.date_cancelled


def _told(changes: Iterable[DateChange], tickets: Iterable[Ticket]) -> dict[int, tuple[Session, list[str]]]:
    """Return session id -> the session and what changed about it, in sentences; without sessions that are as before."""
    before: dict[int, dates.Facts] = {}
    for change in changes:
        for pk, facts in change.facts_before().items():
            before.setdefault(pk, facts)
    told = {}
    for ticket in tickets:
        session = ticket.session
        if session.pk in before:
            sentences = dates.describe(before[session.pk], dates.facts(session))
            if not sentences and ticket.state == Admission.State.CANCELLED:
                # The date takes place after all, but the tickets were cancelled before.
                sentences = [gettext("Your tickets for this date are cancelled.")]
            if sentences:
                told[session.pk] = (session, sentences)
    return told


def _paid_back(changes: list[DateChange], orders: list[Order]) -> Decimal:
    """Return what goes back with these changes: the price of paid tickets, and what came of an order that was never paid."""
    cancellations = Cancellation.objects.filter(date_change__in=changes, order__in=orders)
    price = sum((paid_back_with(cancellation) for cancellation in cancellations), ZERO)
    ended = [order.pk for order in orders if order.paid_at is None and order.state not in LIVING_ORDERS]
    rows = Refund.objects.filter(payment__order__in=ended) if ended else Refund.objects.none()
    return price + (rows.aggregate(sum=Sum("amount"))["sum"] or ZERO)


def _context(changes: list[DateChange], told: dict[int, tuple[Session, list[str]]]) -> dict:
    sessions = [session for session, _sentences in told.values()]
    return {
        "cards": [
            Card(
                title=session.event.title,
                when=session.starts_at,
                where=place_text(session.event.venue),
                note=" ".join(sentences),
            )
            for session, sentences in told.values()
        ],
        "all_cancelled": all(session.state == Session.State.CANCELLED for session in sessions),
        "any_cancelled": any(session.state == Session.State.CANCELLED for session in sessions),
        "first": sessions[0],
        "texts": [change.message for change in changes if change.message],
    }


def _papers(order: Order, told: dict[int, tuple[Session, list[str]]]) -> Attachments:
    """Return the attachments for an order that is or was paid: the calendar file, and the tickets unless all these dates are cancelled."""
    tickets, passes = admission_lists.tickets_of(order), admission_lists.passes_of(order)
    content = calendars.of_tickets(order, tickets)
    if content is None:
        return []
    attached = [(f"{order.reference}.ics", content, "text/calendar")]
    own = recipients.of_buyer(tickets)
    valid = [admission for admission in own if admission.state != Admission.State.CANCELLED]
    if any(admission.session_id in told and _lets_in(admission) for admission in valid):
        passes = [admission for admission in passes if admission.state != Admission.State.CANCELLED]
        pdf = ticket_pdf.render(order, valid, passes)
        attached.append((f"tickets-{order.reference}.pdf", pdf, "application/pdf"))
    return attached
