"""The order's page behind its unguessable link: state, tickets, next steps."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from ticketshop.lib.database.compiled import Compiled, Parameter
from ticketshop.lib.values.money import ZERO
from ticketshop.lib.web.downloads import download

from .. import recipients
from ..access import order_or_404
from ..admission_lists import WITH_LINE, passes_of, tickets_of, tickets_of_lines
from ..answers import editing
from ..models import (
    LIVING_ORDERS,
    OPEN_STATES,
    Admission,
    CancelledLine,
    IssuedPass,
    Order,
    OrderLine,
    Refund,
    Ticket,
)
from ..papers import earlier_bills, invoices, receipts
from ..passes import bookings
from ..payments import methods, payments
from ..payments.methods.base import ProviderUnavailable
from ..payments.qr_bills import QrBill
from ..tickets import calendars, deadlines, printed
from . import orders, paying
from .dates import date_changes
from .exchange import links as exchange_links
from .giving import on_order_page
from .withdrawal import rules as withdrawals

_LINES = Compiled(
    lambda: (
        OrderLine.objects.filter(order=Parameter("order"))
        .select_related(*WITH_LINE, "offer__session__event__venue")
        .order_by("pk")
    )
)


@dataclass(frozen=True)
class Instructions:
    """Instructions for paying a pending order: lines of label and value, the QR-bill if there is one, whether there are other methods to
    choose from, and a sentence about an earlier bill.
    """

    lines: list[tuple[str, str]] = field(default_factory=list)
    qr_bill: QrBill | None = None
    others: bool = False
    note: str = ""


def instructions(order: Order) -> Instructions:
    """Return how the buyer pays a pending order."""
    payment, given_up = payments.due_and_given_up(order)
    if payment is None:
        return Instructions()
    method, others = methods.of_order_and_others(
        order.point_of_sale, order.payment_method, payment.amount, order.currency
    )
    return Instructions(
        method.instructions(order, payment),
        method.qr_bill(order, payment),
        bool(others),
        earlier_bills.note(order, payment, given_up),
    )


def lines_of(order: Order) -> list[OrderLine]:
    """Return the lines of an order, with what its page shows about them."""
    return _LINES.all(order=order.pk)


MAY_BE_PAID = gettext_lazy(
    "The order can’t be cancelled at the moment: a payment that was begun may still succeed. Please try again in a few minutes."
)


def returned(order: Order) -> list[Refund]:
    """Return the money of an order that was paid back, or is to be. No query for an order that waits for its money."""
    if order.state == Order.State.PENDING:
        return []
    rows = Refund.objects.filter(payment__order=order).exclude(kind=Refund.Kind.EXCHANGED)
    return list(rows.order_by("pk"))


def cancelled_total(
    order: Order, lines: list[OrderLine], admissions: Iterable[Ticket | IssuedPass]
) -> Decimal:
    """Return what everything cost that was cancelled of a paid order; set ``cancelled_parts`` of its lines.

    No query if nothing was cancelled, or the whole order.
    """
    parts: list[CancelledLine] = []
    if order.state == Order.State.PAID and any(row.cancellation_id for row in admissions):
        rows = CancelledLine.objects.filter(cancellation__order=order).select_related("cancellation")
        parts = list(rows.order_by("pk"))
    for line in lines:
        line.cancelled_parts = [part for part in parts if part.line_id == line.pk]
    return sum((part.total for part in parts), ZERO)


@login_not_required
@require_safe
def show(request, pos, reference, secret):
    """Show the order: what was bought, what to pay, the tickets."""
    order = order_or_404(request, reference, secret)
    payment = paying.state_of(request, order)
    lines = lines_of(order)
    pending = order.state == Order.State.PENDING
    tickets = tickets_of_lines(order, lines) if any(not line.season_pass_id for line in lines) else []
    passes = passes_of(order) if any(line.season_pass_id for line in lines) else []
    for issued in passes:
        issued.order = order
    bookings.describe(tickets, timezone.now())
    _name_passes(lines, tickets)
    on_order_page.show(request, order, tickets)
    own = [*recipients.of_buyer(tickets), *passes]
    cancelled = [line for line in lines if line.date_cancelled]
    changed = {line.session.pk: line for line in lines if line.date_cancelled or line.moved_text}
    cancelled_sum = cancelled_total(order, lines, (*tickets, *passes))
    how_to_pay = instructions(order) if pending and not cancelled else Instructions()
    context = {
        "order": order,
        "lines": lines,
        "tickets": tickets,
        "passes": passes,
        "method": methods.METHODS[order.payment_method],
        "instructions": how_to_pay.lines,
        "qr_bill": how_to_pay.qr_bill,
        "earlier_bill": how_to_pay.note,
        "other_methods": how_to_pay.others and not payment.processing,
        "paying": payment if not cancelled else paying.Paying(),
        "date_cancelled": bool(cancelled),
        "changed_dates": list(changed.values()),
        "announcements": date_changes.messages_about(order, lines),
        "editable": editing.EditableAnswers(order, tickets, passes, now=timezone.now()),
        "names_open": order.state in LIVING_ORDERS
        and _any_to_come(recipients.of_buyer(tickets), passes, timezone.now()),
        "returned": returned(order),
        **exchange_links.origin(order),
        "exchanged_for": exchange_links.successors(order, tickets),
        "cancelled_total": cancelled_sum,
        "can_cancel": pending and not payment.processing,
        "downloads": order.state == Order.State.PAID and len(cancelled) < len(lines) and bool(own),
        "calendar": bool(tickets) and order.paid_at is not None,
        **withdrawals.on_page(order, lines, timezone.now()),
        "has_receipt": receipts.has_receipt(order),
        "has_invoices": order.buyer_id is not None
        and (
            (invoices.may_be_invoiced(order) and order.total > cancelled_sum)
            or (receipts.has_receipt(order) and bool(invoices.of_order(order)))
        ),
    }
    return render(request, "sales/order.html", context)


def _name_passes(lines: list[OrderLine], tickets: list[Ticket]) -> None:
    """Set ``booked_with`` of each line to the name of the pass with which its tickets were booked; empty for the others."""
    names = {ticket.line_id: ticket.booking.name for ticket in tickets if ticket.booked_with_id}
    for line in lines:
        line.booked_with = names.get(line.pk, "")


def _any_to_come(tickets: list[Ticket], passes: list[IssuedPass], now: datetime) -> bool:
    """Return whether a name may still be corrected. The page of names shows which ones."""
    starts = [ticket.session.starts_at for ticket in tickets if ticket.shown_state in OPEN_STATES]
    ends = [deadlines.end_of_pass(issued) for issued in passes if issued.state in OPEN_STATES]
    return any(instant > now for instant in (*starts, *ends))


def valid_admissions(request, reference: str, secret: str) -> tuple[Order, list[Ticket], list[IssuedPass]]:
    """Return the order with the tickets and passes that let people in. Raise Http404 if there are none yet."""
    order = order_or_404(request, reference, secret)
    usable = {Admission.State.VALID, Admission.State.USED}
    tickets = [ticket for ticket in recipients.of_buyer(tickets_of(order)) if ticket.state in usable]
    passes = [issued for issued in passes_of(order) if issued.state in usable]
    if not tickets and not passes:
        raise Http404("no tickets")
    return order, tickets, passes


@login_not_required
@require_safe
def tickets_pdf(request, pos, reference, secret):
    """Return the tickets as one PDF, made now and never stored."""
    from ..tickets import ticket_pdf  # noqa: PLC0415  loads the PDF library

    order, tickets, passes = valid_admissions(request, reference, secret)
    return download(
        ticket_pdf.render(order, tickets, passes), "application/pdf", f"tickets-{order.reference}.pdf"
    )


@login_not_required
@require_safe
def tickets_page(request, pos, reference, secret):
    """Show the tickets as a page to print or to show: the contents of the PDF for people who can't read a PDF."""
    order, tickets, passes = valid_admissions(request, reference, secret)
    admissions = [*tickets, *passes]
    prices = printed.prices(admissions, order.currency)
    for number, (admission, own, price) in enumerate(
        zip(admissions, printed.on(admissions), prices, strict=True), 1
    ):
        admission.printed, admission.price = own, price
        admission.position = printed.position(number, len(admissions))
    return render(request, "sales/tickets.html", {"order": order, "tickets": tickets, "passes": passes})


@login_not_required
@require_safe
def calendar(request, pos, reference, secret):
    """Return the sessions of the order as a calendar file."""
    order = order_or_404(request, reference, secret)
    content = calendars.of_tickets(order, tickets_of(order))
    if content is None:
        raise Http404("no dates")
    return download(content, "text/calendar; charset=utf-8", f"{order.reference}.ics")


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def cancel(request, pos, reference, secret):
    """Ask for confirmation, then cancel an order that is not paid yet."""
    order = order_or_404(request, reference, secret)
    page = redirect("shop:order", pos=pos, reference=reference, secret=secret)
    if order.state != Order.State.PENDING:
        messages.info(request, _("This order can’t be cancelled here any more. Write to the organiser."))
        return page
    if request.method != "POST":
        return render(request, "sales/order_cancel.html", {"order": order})
    try:
        cancelled = orders.cancel(order, by=request.user, now=timezone.now())
    except (ProviderUnavailable, payments.PageOpen):
        messages.error(request, MAY_BE_PAID)
        return page
    if cancelled:
        messages.success(request, _("Your order is cancelled. The places are free again."))
    return page
