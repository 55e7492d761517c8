"""Ending all unpaid orders that guests of one network placed, in one step."""

from datetime import datetime

from django.contrib import messages
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ticketshop.office.buttons import Button, Outcome

from ...cart import caps
from ...models import Order
from ...orders import orders
from ...payments import payments
from ...payments.methods.base import ProviderUnavailable

# The largest number of references in the question.
NAMED = 50


def _has_others(order: Order) -> bool:
    return order.state == Order.State.PENDING and caps.of_same_network(order).count() > 1


def _question(order: Order) -> list[str]:
    references = list(caps.of_same_network(order).values_list("reference", flat=True))
    named = ", ".join(references[:NAMED]) + (" …" if len(references) > NAMED else "")
    return [
        ngettext(
            "%(count)d unpaid order was placed without a log-in from the same network as this one: %(references)s.",
            "%(count)d unpaid orders were placed without a log-in from the same network as this one: %(references)s.",
            len(references),
        )
        % {"count": len(references), "references": named},
        _("A network can be a household, but also a school, a company or a mobile provider."),
        _("All of them are cancelled: their places are free again, and each buyer is told by e-mail."),
    ]


def _end_all(request, order: Order, now: datetime) -> Outcome:
    orders_of_network = list(caps.of_same_network(order))
    ended, open_payments = 0, 0
    for unpaid in orders_of_network:
        try:
            ended += orders.cancel(unpaid, by=request.user, now=now)
        except (ProviderUnavailable, payments.PageOpen):
            open_payments += 1
    text = ngettext("%(count)d order is cancelled.", "%(count)d orders are cancelled.", ended)
    if not open_payments:
        return messages.SUCCESS, text % {"count": ended}
    left = ngettext(
        "%(count)d order is not cancelled: its payment may still succeed. Try again in a few minutes.",
        "%(count)d orders are not cancelled: their payments may still succeed. Try again in a few minutes.",
        open_payments,
    )
    return messages.WARNING, f"{text % {'count': ended}} {left % {'count': open_payments}}"


END_ALL = Button(
    "end-network",
    gettext_lazy("Cancel all unpaid orders from this network"),
    ("sales.change_order",),
    _has_others,
    _question,
    _end_all,
    serious=True,
)
