"""The tickets and passes of an order, in the order of its pages."""

from django.utils.formats import date_format
from django.utils.timezone import localtime

from ticketshop.lib import translated
from ticketshop.lib.database.compiled import Compiled, Parameter

from .models import IssuedPass, Order, OrderLine, Ticket

# Related rows that pages, mails and tickets show: date and venue as they are now.
WITH_TICKET = ("session__event__venue", "line__offer__tariff")
WITH_PASS = ("season_pass", "line")
WITH_LINE = ("offer__session__event", "offer__tariff", "season_pass")

_TICKETS = Compiled(
    lambda: (
        Ticket.objects.filter(order=Parameter("order"))
        .select_related(*WITH_TICKET)
        .order_by("session__starts_at", "line_id", "pk")
    )
)
_PASSES = Compiled(
    lambda: (
        IssuedPass.objects.filter(order=Parameter("order"))
        .select_related(*WITH_PASS)
        .order_by("line_id", "pk")
    )
)


def tickets_of(order: Order) -> list[Ticket]:
    """Return the order's tickets in the order of their lines and dates."""
    return _TICKETS.all(order=order.pk)


# Related rows of a response that pages need to show its answers. Each process keeps the definitions parsed in memory.
WITH_RESPONSE = ("version", "form__published", "form__asked_again")
WITHOUT_DEFINITIONS = ("version__definition", "form__published__definition", "form__asked_again__definition")
# With the responses, and without the rows that have been read with the lines.
_OF_LINES = Compiled(
    lambda: (
        Ticket.objects.filter(order=Parameter("order"))
        .select_related(*(f"response__{path}" for path in WITH_RESPONSE))
        .defer(*(f"response__{path}" for path in WITHOUT_DEFINITIONS))
    )
)


def tickets_of_lines(order: Order, lines: list[OrderLine]) -> list[Ticket]:
    """Return what ``tickets_of`` returns, with the related rows of ``lines``, all lines of the order, and with the responses."""
    by_id = {line.pk: line for line in lines}
    tickets = _OF_LINES.all(order=order.pk)
    for ticket in tickets:
        line = by_id[ticket.line_id]
        ticket.line, ticket.order = line, order
        if line.offer and line.offer.session_id == ticket.session_id:
            ticket.session = line.offer.session
    return sorted(tickets, key=lambda ticket: (ticket.session.starts_at, ticket.line_id, ticket.pk))


def passes_of(order: Order) -> list[IssuedPass]:
    """Return the order's passes in the order of their lines."""
    return _PASSES.all(order=order.pk)


def heading(admission: Ticket | IssuedPass) -> str:
    """Return which ticket or pass it is, without the name on it: “Hamlet, 3 December, Adult”, or the name of the pass."""
    if isinstance(admission, IssuedPass):
        return admission.shown_name
    day = date_format(localtime(admission.session.starts_at), "j F")
    return translated.joined(", ", (admission.session.event.title, day, admission.line.shown_tariff))
