"""Mails about unexpected payments: too little, too late, twice, too much."""

from django.conf import settings
from django.db.models import Sum
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from ticketshop.mail.kinds import Content, register
from ticketshop.mail.models import Mail

from .. import recipients
from ..models import Dispute, Order, Payment, Refund
from ..papers import earlier_bills
from ..payments import methods, payments
from .order_mails import bill_files, order_of, order_url


@register("money_missing", _("Part of the money received"))
def money_missing(mail: Mail) -> Content | None:
    """Build the mail about missing money; None if nothing is missing by now, or the order is over."""
    order = order_of(mail)
    if order is None or recipients.has_left(order.buyer) or order.state != Order.State.PENDING:
        return None
    waiting, given_up = payments.due_and_given_up(order)
    if waiting is None:
        return None
    method = methods.of_order(order.point_of_sale, order.payment_method)
    bill = method.qr_bill(order, waiting)
    context = {
        "order": order,
        "qr_bill": bill,
        "came": order.total - waiting.amount,
        "missing": waiting.amount,
        "earlier_bill": earlier_bills.note(order, waiting, given_up),
        "instructions": method.instructions(order, waiting),
        "url": order_url(order),
    }
    return Content(context, *bill_files(order, bill))


@register("money_returned", _("Money is paid back"))
def money_returned(mail: Mail) -> Content | None:
    """Build the mail about money that is paid back, with the reason."""
    order = order_of(mail)
    payment = Payment.objects.filter(pk=mail.about["payment"]).first()
    if order is None or payment is None or recipients.has_left(order.buyer):
        return None
    refunds = Refund.objects.filter(
        payment__order=order, kind=Refund.Kind.RETURNED, requested_at=payment.confirmed_at, reversal=None
    )
    back = refunds.aggregate(sum=Sum("amount"))["sum"]
    if not back:
        return None
    return Content(
        {
            "order": order,
            "came": payment.amount,
            "back": back,
            "currency": payment.currency,
            "why": mail.about["why"],
            "url": order_url(order),
        }
    )


@register("payment_reversed", _("Payment recorded by mistake"))
def payment_reversed(mail: Mail) -> Content | None:
    """Build the mail about a payment that was recorded by mistake, with what the order waits for now."""
    order = order_of(mail)
    payment = Payment.objects.filter(pk=mail.about["payment"]).first()
    if order is None or payment is None or recipients.has_left(order.buyer):
        return None
    context = {"order": order, "came": payment.amount, "currency": payment.currency, "url": order_url(order)}
    waiting = payments.due(order) if order.state == Order.State.PENDING else None
    if waiting is None:
        return Content(context)
    method = methods.of_order(order.point_of_sale, order.payment_method)
    bill = method.qr_bill(order, waiting)
    context |= {
        "missing": waiting.amount,
        "qr_bill": bill,
        "instructions": method.instructions(order, waiting),
    }
    return Content(context, *bill_files(order, bill))


@register("dispute_opened", _("Payment disputed"))
def dispute_opened(mail: Mail) -> Content | None:
    """Build the mail to staff about a disputed payment; None if the bank has decided. It names the order and no person."""
    rows = Dispute.objects.filter(pk=mail.about["dispute"], state=Dispute.State.OPEN)
    dispute = rows.select_related("payment__order").first()
    if dispute is None:
        return None
    order = dispute.payment.order
    url = settings.BASE_URL + reverse("admin:sales_order_change", args=[order.pk])
    return Content({"reference": order.reference, "url": url})
