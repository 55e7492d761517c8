"""Preview of what a cancelled date would pay back, read for all its orders at once."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import QuerySet, Sum

from ticketshop.lib.values.money import ZERO

from ...models import (
    Admission,
    CancelledLine,
    Dispute,
    Order,
    OrderLine,
    Payment,
    Refund,
    Ticket,
)
from ...payments import payments, refunds
from .. import cancelled_lines
from . import cancelled_dates

# Why an order still has tickets of a date that is paid back.
UNPAID, USED, OPEN = "unpaid", "used", "open"


@dataclass
class Preview:
    """Preview of what would be cancelled, by order, and paid back.

    ``money``: (payment method, whether it goes back by itself, currency) -> amount. ``used``: tickets that stay. ``ends``:
    unpaid orders that end; ``waits``: those that stay, because they contain something else. ``disputed``: references of orders
    whose money a bank decides about.
    """

    paid: int = 0
    tickets: int = 0
    used: int = 0
    ends: int = 0
    waits: int = 0
    money: Counter[tuple[str, bool, str]] = field(default_factory=Counter)
    disputed: list[str] = field(default_factory=list)


def of_session(session_id: int) -> Preview:
    """Return what paying this date back would do now. The number of queries does not depend on the number of orders."""
    preview = Preview()
    costs = _costs(session_id, preview)
    orders = Order.objects.filter(pk__in=_lines(session_id).values("order"))
    cancelled = dict(
        CancelledLine.objects.filter(cancellation__order__in=orders)
        .order_by()
        .values_list("cancellation__order")
        .annotate(sum=Sum("total"))
    )
    sources, gone = _payments(orders)
    in_dispute = Dispute.objects.filter(payment__order__in=orders, state=Dispute.State.OPEN)
    disputed = set(in_dispute.values_list("payment__order", flat=True))
    for order in orders.filter(pk__in=list(costs)):
        cost = costs[order.pk]
        taken = gone.get(order.pk, ZERO)
        amount = cancelled_lines.amount_owed(
            cost, cancelled.get(order.pk, ZERO) + cost, taken, max(order.total - taken, ZERO)
        )
        if order.pk in disputed:
            preview.disputed.append(order.reference)
            continue
        for payment, part in payments.divided(refunds.in_order(sources.get(order.pk, [])), amount):
            preview.money[payment.method, refunds.by_provider(payment), payment.currency] += part
    _count_unpaid(session_id, preview)
    return preview


def _lines(session_id: int) -> QuerySet[OrderLine]:
    return OrderLine.objects.filter(offer__session=session_id, order__state=Order.State.PAID)


def _costs(session_id: int, preview: Preview) -> dict[int, Decimal]:
    """Return order id -> price of what would be cancelled, and count it."""
    lines = {line.pk: line for line in _lines(session_id)}
    tickets = Ticket.objects.filter(line__in=_lines(session_id), cancellation=None).order_by("line", "pk")
    of_line: dict[int, list[Ticket]] = {}
    for ticket in tickets:
        of_line.setdefault(ticket.line_id, []).append(ticket)
    costs: dict[int, Decimal] = {}
    for pk, found in of_line.items():
        line, size = lines[pk], lines[pk].places // lines[pk].quantity
        for unit in cancelled_lines.units_of_line(line, found):
            if unit.is_used:
                preview.used += size
                continue
            preview.tickets += size
            costs[line.order_id] = costs.get(line.order_id, ZERO) + line.unit_price
    preview.paid = len(costs)
    return costs


def _payments(orders: QuerySet[Order]) -> tuple[dict[int, list[tuple[Payment, Decimal]]], dict[int, Decimal]]:
    """Return order id -> its payments with what is left of each, and order id -> what is gone of its price."""
    back: Counter[int] = Counter()
    gone: Counter[int] = Counter()
    rows = Refund.objects.filter(payment__order__in=orders).order_by()
    for payment, order, kind, amount in rows.values_list("payment", "payment__order", "kind").annotate(
        sum=Sum("amount")
    ):
        back[payment] += amount
        gone[order] += amount if kind in refunds.OF_PRICE else ZERO
    taken = {"exchange__cancellation__order__payments__refunds__kind": Refund.Kind.TAKEN}
    for exchanged in Order.objects.filter(pk__in=orders.order_by().values("pk"), **taken).distinct():
        gone[exchanged.pk] += refunds.credit_lost(exchanged)
    left: dict[int, list[tuple[Payment, Decimal]]] = {}
    for payment in Payment.objects.filter(order__in=orders, state=Payment.State.CONFIRMED).order_by("-pk"):
        left.setdefault(payment.order_id, []).append((payment, payment.amount - back[payment.pk]))
    return left, dict(gone)


def _count_unpaid(session_id: int, preview: Preview) -> None:
    of_date = Ticket.objects.filter(session=session_id, state=Admission.State.RESERVED)
    unpaid = Order.objects.filter(pk__in=of_date.values("order"), state=Order.State.PENDING)
    preview.ends = cancelled_dates.orders_due([session_id]).filter(state=Order.State.PENDING).count()
    preview.waits = unpaid.count() - preview.ends


def left_to_do(session_id: int) -> Iterable[tuple[Order, str]]:
    """Return the orders that still have tickets of a date that is paid back, with why: UNPAID, USED or OPEN."""
    tickets = Ticket.objects.filter(session=session_id).exclude(state=Admission.State.CANCELLED)
    of_order: dict[int, set[str]] = {}
    for order, state in tickets.order_by("order").values_list("order", "state"):
        of_order.setdefault(order, set()).add(state)
    rows = Order.objects.filter(pk__in=list(of_order)).select_related("buyer").order_by("pk")
    for order in rows:
        if order.state == Order.State.PENDING:
            yield order, UNPAID
        elif of_order[order.pk] == {Admission.State.USED}:
            yield order, USED
        else:
            yield order, OPEN
