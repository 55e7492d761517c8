"""Issue invoices: draw the number, freeze the PDF, and put it into the archive, in one transaction. See also ``credit_notes``.

Locks: the buyer's contact, the order, and last the counter of the organiser's year, so that it stays locked for one PDF only.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from contacts import locking
from ticketshop.history import history
from ticketshop.lib.dates import days
from ticketshop.lib.values.money import ZERO
from ticketshop.organisers.models import Organiser

from ..models import CancelledLine, Invoice, InvoiceCounter, Order, OrderLine
from ..payments import methods, payments
from ..payments.qr_bills import QrBill
from ..recipients import has_left
from . import archive, paper, receipts, recipients
from .paper import Paper, PaperLine, RateSum

ENDED = (Order.State.CANCELLED, Order.State.EXPIRED)


class CannotIssue(Exception):
    """No paper was issued; nothing has changed. ``code`` is one of

    - state: the order is neither paid nor waits for a bank transfer
    - nothing: nothing of the order costs money, or all of it is cancelled
    - exists: an invoice that is not taken back exists already
    - erased: the buyer is erased or being erased
    """

    def __init__(self, code: str):
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Figures:
    """The contents of a paper: lines and sums, positive for an invoice, negative for a credit note."""

    lines: list[PaperLine]
    rates: list[RateSum]
    total: Decimal

    @property
    def vat_total(self) -> Decimal:
        """Return the VAT of all rates together."""
        return sum((row.vat for row in self.rates), ZERO)


def of_order(order: Order) -> list[Invoice]:
    """Return the invoices and credit notes of an order, the oldest first."""
    return list(Invoice.objects.filter(order=order).order_by("year", "number"))


def standing(order: Order) -> Invoice | None:
    """Return the invoice of an order that is not taken back as a whole; None if there is none."""
    papers = of_order(order)
    for invoice in papers:
        if invoice.kind == Invoice.Kind.INVOICE:
            credited = sum((note.total for note in papers if note.credits_id == invoice.pk), ZERO)
            if invoice.total + credited > ZERO:
                return invoice
    return None


def may_be_invoiced(order: Order) -> bool:
    """Return whether the order's state allows an invoice: paid, or waiting for a bank transfer."""
    if order.total <= ZERO or has_left(order.buyer):
        return False
    if order.is_test:
        return False
    waits = order.state == Order.State.PENDING and order.payment_method in methods.TRANSFERS
    return waits or order.state == Order.State.PAID


def can_be_issued(order: Order) -> bool:
    """Return whether an invoice can be issued now: none stands, and something that costs money is not cancelled."""
    return may_be_invoiced(order) and standing(order) is None and left_of(order).total > ZERO


@transaction.atomic
def issue(order: Order, recipient: dict[str, str], *, by, now: datetime) -> Invoice:
    """Issue an invoice for everything of the order that is not cancelled. Raise CannotIssue.

    ``recipient``: cleaned data of ``RecipientForm``. ``by``: the user who asked for it, buyer or staff; None for a guest.
    """
    order = _locked(order)
    if not may_be_invoiced(order):
        raise CannotIssue("test" if order.is_test else "nothing" if order.total <= ZERO else "state")
    if standing(order) is not None:
        raise CannotIssue("exists")
    with receipts.in_language_of(order):
        figures = left_of(order)
        if figures.total <= ZERO:
            raise CannotIssue("nothing")
        return complete(
            Invoice(kind=Invoice.Kind.INVOICE, recipient=recipient),
            order,
            figures,
            lambda invoice: _invoice_paper(invoice, order, figures),
            by=by,
            now=now,
        )


def _locked(order: Order) -> Order:
    """Lock the buyer, then the order, and return the order as it is now. Raise CannotIssue("erased")."""
    if order.buyer_id is None:
        raise CannotIssue("erased")
    try:
        locking.lock(order.buyer_id)
    except locking.Gone as error:
        raise CannotIssue("erased") from error
    locked = payments.lock(order.pk)
    if locked.buyer_id != order.buyer_id:
        raise CannotIssue("erased")
    return locked


def left_of(order: Order) -> Figures:
    """Return what is sold of an order and not cancelled; nothing of one that has ended."""
    if order.state in ENDED:
        return Figures([], [], ZERO)
    lines = list(OrderLine.objects.filter(order=order).order_by("pk"))
    parts = list(CancelledLine.objects.filter(cancellation__order=order).select_related("line"))
    rates = paper.by_rate([*paper.sold_amounts(lines), *paper.cancelled_amounts(parts)])
    gone: dict[int, int] = {}
    for part in parts:
        gone[part.line_id] = gone.get(part.line_id, 0) + part.quantity
    left = [
        paper.line_of(line, quantity=quantity, total=line.unit_price * quantity)
        for line in lines
        if (quantity := line.quantity - gone.get(line.pk, 0))
    ]
    rates = [row for row in rates if row.gross or row.rate in {line.rate for line in left}]
    stated = rates if order.point_of_sale.organiser.vat_number else []
    return Figures(left, stated, sum((line.total for line in left), ZERO))


def complete(
    invoice: Invoice, order: Order, figures: Figures, draw: Callable[[Invoice], Paper], *, by, now: datetime
) -> Invoice:
    """Complete an unsaved invoice or credit note, give it the next number, and archive its PDF."""
    from . import paper_pdf  # noqa: PLC0415  loads the PDF library

    organiser = order.point_of_sale.organiser
    day = timezone.localdate(now, organiser.zone)
    invoice.organiser, invoice.order = organiser, order
    invoice.currency, invoice.total, invoice.vat_total = order.currency, figures.total, figures.vat_total
    invoice.rates = [
        {name: str(getattr(row, name)) for name in ("rate", "net", "vat", "gross")} for row in figures.rates
    ]
    invoice.issued_at, invoice.issued_by = now, history.author(by)
    invoice.retained_until = date(day.year + organiser.archive_years, 12, 31)
    invoice.year, invoice.number = day.year, next_number(organiser, day.year)
    invoice.save(force_insert=True)
    archive.put(invoice, paper_pdf.render(draw(invoice), order.point_of_sale))
    history.record(order, f"{invoice.kind}_issued", by=by, now=now, paper=invoice.full_number)
    return invoice


def next_number(organiser: Organiser, year: int) -> int:
    """Draw the next number of a year. The counter stays locked until the transaction ends, so a number that is rolled back
    is drawn again: there are no gaps.
    """
    InvoiceCounter.objects.get_or_create(organiser=organiser, year=year)
    counter = counter_of(organiser, year).get()
    number = counter.last + 1
    InvoiceCounter.objects.filter(pk=counter.pk).update(last=number)
    return number


def counter_of(organiser: Organiser, year: int) -> QuerySet[InvoiceCounter]:
    """Return the counter of a year, to be locked."""
    return InvoiceCounter.objects.select_for_update().filter(organiser=organiser, year=year)


def _invoice_paper(invoice: Invoice, order: Order, figures: Figures) -> Paper:
    organiser = order.point_of_sale.organiser
    paid = receipts.paid_section(order)
    instructions, bill = _how_to_pay(order)
    return Paper(
        title=_("Invoice"),
        facts=[*facts(invoice, order), *recipient_facts(invoice)],
        seller=paper.seller_of(organiser),
        recipient=recipients.address_lines(invoice.recipient, organiser.country),
        currency=invoice.currency,
        lines=figures.lines,
        total=figures.total,
        rates=figures.rates,
        sections=[paid] if paid.movements else [],
        instructions=instructions,
        qr_bill=bill,
        notes=paper.vat_note(organiser),
    )


def facts(invoice: Invoice, order: Order) -> list[tuple[str, str]]:
    """Return (label, value) of number, date and order."""
    return [
        (pgettext("of a paper", "Number"), invoice.full_number),
        (pgettext("of a paper", "Date"), paper.day_text(invoice.issued_at)),
        (pgettext("of a paper", "Order"), _("%(reference)s of %(day)s") % {
            "reference": order.reference, "day": paper.day_text(order.placed_at)
        }),
    ]  # fmt: skip


def recipient_facts(invoice: Invoice) -> list[tuple[str, str]]:
    """Return (label, value) of the recipient's VAT number and reference, if there are any."""
    known = [
        (_("Your VAT number"), invoice.recipient.get("vat_number", "")),
        (_("Your reference"), invoice.recipient.get("reference", "")),
    ]
    return [(label, value) for label, value in known if value]


def _how_to_pay(order: Order) -> tuple[list[tuple[str, str]], QrBill | None]:
    """Return (label, value) lines of how an unpaid order is paid, without what its QR-bill states, and the QR-bill if it has one.

    Empty for a paid order.
    """
    payment = payments.due(order) if order.state == Order.State.PENDING else None
    if payment is None:
        return [], None
    method = methods.of_order(order.point_of_sale, order.payment_method)
    until = [(_("To be paid until"), days.until_text(order.expires_at, "j F Y"))] if order.expires_at else []
    bill = method.qr_bill(order, payment)
    lines = [] if bill else method.instructions(order, payment)
    return [*((str(label), str(value)) for label, value in lines), *until], bill
