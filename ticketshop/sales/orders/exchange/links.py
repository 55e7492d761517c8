"""Sentences about exchanges for the page and the mails of an order."""

from collections.abc import Iterable

from django.db.models import Sum

from ...models import CancelledLine, Exchange, IssuedPass, Order, Refund, Ticket

_ROWS = Exchange.objects.select_related("order__point_of_sale", "cancellation__order__point_of_sale")


def origin(order: Order) -> dict:
    """Return the template variables about the exchange that made an order. No query for an order of the shop, else at most three.

    ``exchange``: with ``cancellation.order``, the old one; None for another order. ``exchanged_lines``: what was cancelled of the old
    one; ``exchange_back``: how much of its price goes back.
    """
    exchange = _ROWS.filter(order=order).first() if order.channel == Order.Channel.BACK_OFFICE else None
    if exchange is None:
        return {"exchange": None}
    lines = CancelledLine.objects.filter(cancellation=exchange.cancellation_id)
    back = Refund.objects.filter(
        payment__order=exchange.cancellation.order_id,
        kind=Refund.Kind.PAID_BACK,
        requested_at=exchange.cancellation.made_at,
    )
    return {
        "exchange": exchange,
        "exchanged_lines": list(
            lines.select_related("line__offer__session__event", "line__offer__tariff").order_by("pk")
        ),
        "exchange_back": back.aggregate(sum=Sum("amount"))["sum"],
    }


def successors(order: Order, admissions: Iterable[Ticket | IssuedPass]) -> list[Exchange]:
    """Return the exchanges of an order's own tickets, with the new orders. No query if nothing of it is cancelled."""
    if not any(row.cancellation_id for row in admissions):
        return []
    return list(_ROWS.filter(cancellation__order=order).order_by("pk"))
