"""Mails about withdrawals: the receipt, and the answer to a statement that changes nothing."""

from django.utils.translation import gettext_lazy as _

from ticketshop.mail.kinds import Content, register
from ticketshop.mail.models import Mail

from .. import recipients
from ..models import LIVING_ORDERS, Order, Withdrawal
from .order_mails import order_of, order_url


def _order(mail: Mail) -> Order | None:
    """Return the order of a mail; None if its buyer is gone."""
    order = order_of(mail)
    return None if order is None or recipients.has_left(order.buyer) else order


@register("withdrawal_received", _("Receipt of a withdrawal"))
def withdrawal_received(mail: Mail) -> Content | None:
    """Build the receipt: what was stated, and when to the second."""
    order = _order(mail)
    rows = Withdrawal.objects.filter(pk__in=mail.about.get("withdrawals", ()), line__order=order)
    found = list(rows.select_related("line__season_pass").order_by("pk"))
    if order is None or not found:
        return None
    first = found[0]
    context = {
        "order": order,
        "name": first.name,
        "stated_at": first.stated_at,
        "late": first.late,
        "last_day": first.last_day,
        "lines": [row.line for row in found],
        "paid": order.paid_at is not None,
        "url": order_url(order),
    }
    return Content(context)


@register("withdrawal_impossible", _("Withdrawal that changes nothing"))
def withdrawal_impossible(mail: Mail) -> Content | None:
    """Build the answer to a statement about an order from which nothing can be withdrawn."""
    order = _order(mail)
    if order is None:
        return None
    return Content({"order": order, "over": order.state not in LIVING_ORDERS, "url": order_url(order)})
