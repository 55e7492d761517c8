"""Credit notes: take an invoice back as a whole, or reduce it by what was cancelled of its order."""

from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from ticketshop.lib.values.money import ZERO

from ..models import Invoice, Order
from ..payments import payments
from . import invoices, paper, receipts, recipients
from .invoices import CannotIssue, Figures
from .paper import Paper, PaperLine, RateSum


@transaction.atomic
def withdraw(order: Order, *, by, now: datetime) -> Invoice:
    """Take back the rest of an order's invoice, for example because the recipient is wrong.

    The order stays as it is, and another invoice can be issued. Raise CannotIssue("nothing") without an invoice.
    """
    order = payments.lock(order.pk)
    invoice = invoices.standing(order)
    if invoice is None:
        raise CannotIssue("nothing")
    with receipts.in_language_of(order):
        text = _("Invoice %(number)s is taken back.") % {"number": invoice.full_number}
        return _credit(invoice, order, _difference(invoice, Figures([], [], ZERO), text), by=by, now=now)


def credit_cancelled(order: Order, *, by, now: datetime) -> Invoice | None:
    """Reduce the invoice of an order to what is left of the order. Return the credit note; None if nothing is to be reduced.

    Called in the transaction that cancels the order or a part of it, before places are released; the order is locked.
    """
    invoice = invoices.standing(order)
    if invoice is None:
        return None
    with receipts.in_language_of(order):
        text = _("What was cancelled of order %(reference)s") % {"reference": order.reference}
        figures = _difference(invoice, invoices.left_of(order), text)
        return _credit(invoice, order, figures, by=by, now=now) if figures.total < ZERO else None


def _difference(invoice: Invoice, left: Figures, text: str) -> Figures:
    """Return what an invoice, with its credit notes so far, is more than ``left``: as negative figures, in one line."""
    papers = [invoice, *Invoice.objects.filter(credits=invoice)]
    stated = [row for part in papers for row in part.rates]
    sums = [(Decimal(row["rate"]), -Decimal(row["gross"]), -Decimal(row["vat"])) for row in stated]
    if invoice.rates:
        sums += [(row.rate, row.gross, row.vat) for row in left.rates]
    rates: list[RateSum] = [row for row in paper.by_rate(sums) if row.gross]
    total = left.total - sum((part.total for part in papers), ZERO)
    return Figures([PaperLine(text, "", 1, total, None, total)], rates, total)


def _credit(invoice: Invoice, order: Order, figures: Figures, *, by, now: datetime) -> Invoice:
    note = Invoice(kind=Invoice.Kind.CREDIT_NOTE, credits=invoice, recipient=invoice.recipient)
    return invoices.complete(
        note, order, figures, lambda issued: _paper(issued, invoice, order, figures), by=by, now=now
    )


def _paper(note: Invoice, invoice: Invoice, order: Order, figures: Figures) -> Paper:
    organiser = order.point_of_sale.organiser
    values = {"number": invoice.full_number, "day": paper.day_text(invoice.issued_at)}
    notes = [_("This credit note reduces invoice %(number)s of %(day)s.") % values]
    if not note.recipient:
        notes.append(_("The recipient is the one named on that invoice."))
    return Paper(
        title=_("Credit note"),
        facts=[
            *invoices.facts(note, order),
            (_("For invoice"), _("%(number)s of %(day)s") % values),
            *invoices.recipient_facts(note),
        ],
        seller=paper.seller_of(organiser),
        recipient=recipients.address_lines(note.recipient, organiser.country),
        currency=note.currency,
        lines=figures.lines,
        total=figures.total,
        rates=figures.rates,
        notes=[*notes, *paper.vat_note(organiser)],
    )
