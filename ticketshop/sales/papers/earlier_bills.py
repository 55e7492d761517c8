"""Bills that a buyer has and that no longer fit: an invoice is frozen, and a QR-bill that was mailed can't be called back."""

from django.utils.translation import gettext as _

from ticketshop.lib.web.template_tags import money

from ..models import Order, Payment
from ..payments import methods
from . import invoices


def note(order: Order, payment: Payment | None, given_up: set[str]) -> str:
    """Return a sentence for beside the way to pay, so that nobody pays an earlier bill as well; empty if there is none.

    ``payment``: what a pending order waits for, ``given_up``: the methods by which it was to be paid before, as
    ``payments.due_and_given_up`` returns them. No query for an order whose method and amount never changed.
    """
    if payment is None:
        return ""
    if order.payment_method not in methods.TRANSFERS and given_up.intersection(methods.TRANSFERS):
        invoice = invoices.standing(order)
        if invoice is None:
            return _(
                "You chose a bank transfer before. Pay only once: either as the page of your order describes, or by the transfer. If both arrive, we pay the second one back."
            )
        return _(
            "Your invoice %(number)s asks for a bank transfer. Pay only once: either as the page of your order describes, or by the transfer. If both arrive, we pay the second one back."
        ) % {"number": invoice.full_number}
    if order.payment_method in methods.TRANSFERS and payment.amount < order.total:
        invoice = invoices.standing(order)
        if invoice is not None:
            return _(
                "Your invoice %(number)s asks for the full amount. Part of it has come: transfer only %(amount)s."
            ) % {"number": invoice.full_number, "amount": money(payment.amount, order.currency)}
    return ""


def is_paid_otherwise(order: Order) -> bool:
    """Return whether an order that had an invoice while it was unpaid was paid otherwise than by its bank transfer."""
    if order.paid_at is None or order.payment_method in methods.TRANSFERS:
        return False
    invoice = invoices.standing(order)
    return invoice is not None and invoice.issued_at < order.paid_at
