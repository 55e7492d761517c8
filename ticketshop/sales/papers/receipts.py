"""The receipt of a paid order: made on request from the books, never stored, and without the buyer's name."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from ticketshop.lib.values.money import ZERO
from ticketshop.lib.web.template_tags import money, rate

from ..models import CancelledLine, Order, OrderLine, Payment, Refund
from ..payments.methods import EXCHANGE, name_of
from . import paper
from .paper import Movement, Paper, Section


def has_receipt(order: Order) -> bool:
    """Return whether money was paid for the order at some time, even if it was cancelled since."""
    return order.paid_at is not None and order.total > ZERO


def language_of(order: Order) -> str:
    """Return the order's language; after the buyer's erasure, when it is unknown, the first one of the shop."""
    return order.language or order.point_of_sale.languages[0]


@contextmanager
def in_language_of(order: Order) -> Iterator[None]:
    """Use the order's language and the organiser's time zone."""
    zone = order.point_of_sale.organiser.zone
    with translation.override(language_of(order)), timezone.override(zone):
        yield


def pdf(order: Order) -> bytes:
    """Return the receipt of a paid order as PDF, in the order's language. It is made now and never stored."""
    from . import paper_pdf  # noqa: PLC0415  loads the PDF library

    with in_language_of(order):
        return paper_pdf.render(of_order(order), order.point_of_sale)


def of_order(order: Order) -> Paper:
    """Return the receipt in the active language and time zone. The order was paid. Four queries."""
    organiser = order.point_of_sale.organiser
    lines = list(OrderLine.objects.filter(order=order).order_by("pk"))
    parts = list(
        CancelledLine.objects.filter(cancellation__order=order)
        .select_related("line", "cancellation")
        .order_by("cancellation__made_at", "pk")
    )
    return Paper(
        title=_("Receipt"),
        facts=[
            (pgettext("of a paper", "Number"), order.reference),
            (_("Ordered on"), paper.day_text(order.placed_at)),
            (_("Paid on"), paper.day_text(order.paid_at)),
        ],
        seller=paper.seller_of(organiser),
        currency=order.currency,
        lines=[paper.line_of(line) for line in lines],
        total=order.total,
        rates=paper.rates_of(organiser, lines),
        sections=[
            section
            for section in (paid_section(order), _cancelled(parts), _paid_back(order))
            if section.movements
        ],
        notes=[
            *_left(order, lines, parts),
            *paper.vat_note(organiser),
            *_invoice_note(order),
            _("The number of this receipt is the reference of the order."),
        ],
    )


def paid_section(order: Order) -> Section:
    """Return each confirmed payment of an order."""
    rows = Payment.objects.filter(order=order, state=Payment.State.CONFIRMED, amount__gt=0)
    return Section(
        _("How it was paid"),
        [
            Movement(f"{paper.day_text(row.confirmed_at)} · {name_of(row.method)}", row.amount)
            for row in rows.order_by("confirmed_at", "pk")
        ],
    )


def _paid_back(order: Order) -> Section:
    rows = (
        Refund.objects.filter(payment__order=order).select_related("payment").order_by("requested_at", "pk")
    )
    return Section(_("Refunds"), [_refund(row) for row in rows])


def _refund(row: Refund) -> Movement:
    method = name_of(EXCHANGE if row.kind == Refund.Kind.EXCHANGED else row.payment.method)
    if row.dispute_id and row.done_at:
        text = _("%(day)s · returned by your bank after a dispute") % {"day": paper.day_text(row.done_at)}
    elif row.reversal_id and row.done_at:
        text = _("%(day)s · recorded by mistake, taken back") % {"day": paper.day_text(row.done_at)}
    elif row.done_at:
        text = f"{paper.day_text(row.done_at)} · {method}"
    else:
        text = _("to be paid back, requested on %(day)s") % {"day": paper.day_text(row.requested_at)}
        text = f"{method} · {text}"
    return Movement(text, -row.amount)


def _cancelled(parts: list[CancelledLine]) -> Section:
    return Section(_("Cancelled parts"), [Movement(_part_text(part), -part.total) for part in parts])


def _part_text(part: CancelledLine) -> str:
    what = ", ".join(text for text in (part.line.title, part.line.tariff_name) if text)
    return f"{paper.day_text(part.cancellation.made_at)} · {part.quantity} × {what}"


def _left(order: Order, lines: list[OrderLine], parts: list[CancelledLine]) -> list[str]:
    """Return what is left of the price after cancellations, with its VAT by rate; empty without cancellations."""
    if not parts:
        return []
    left = order.total - sum((part.total for part in parts), ZERO)
    sentences = [
        _("After what was cancelled, the price is %(amount)s.") % {"amount": money(left, order.currency)}
    ]
    if order.point_of_sale.organiser.vat_number:
        for row in paper.by_rate([*paper.sold_amounts(lines), *paper.cancelled_amounts(parts)]):
            values = {
                "rate": rate(row.rate),
                "gross": money(row.gross, order.currency),
                "vat": money(row.vat, order.currency),
            }
            sentences.append(_("%(rate)s: %(gross)s, of which VAT %(vat)s.") % values)
    return sentences


def _invoice_note(order: Order) -> list[str]:
    """Return how the buyer gets an invoice; empty for small amounts, for which the law wants no name, and without a buyer."""
    limit = order.point_of_sale.organiser.receipt_limit
    if order.buyer_id is None or order.total <= limit:
        return []
    amount = money(limit, order.currency)
    return [
        _("If your books need your name above %(amount)s, ask for an invoice on the page of your order.")
        % {"amount": amount}
    ]
