"""The tickets and passes of an order, in the order people see them."""

from ticketshop.lib.compiled import Compiled, Parameter

from .models import IssuedPass, Order, Ticket

_TICKETS = Compiled(
    lambda: (
        Ticket.objects.filter(order=Parameter("order"))
        .select_related("session__event__venue", "line")
        .order_by("session__starts_at", "line_id", "pk")
    )
)
_PASSES = Compiled(
    lambda: (
        IssuedPass.objects.filter(order=Parameter("order"))
        .select_related("season_pass", "line")
        .order_by("line_id", "pk")
    )
)


def tickets_of(order: Order) -> list[Ticket]:
    """The order's tickets in the order of their lines and dates."""
    return _TICKETS.all(order=order.pk)


def passes_of(order: Order) -> list[IssuedPass]:
    return _PASSES.all(order=order.pk)
