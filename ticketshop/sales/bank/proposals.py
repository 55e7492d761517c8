"""Compare payments of bank files with the orders: what to do with each. Nothing is stored, since orders change."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Sum, TextChoices
from django.utils.translation import gettext_lazy as _

from ticketshop.lib.values.money import ZERO

from ..models import NEVER_OWED, BankEntry, Order, Payment, Refund


class What(TextChoices):
    """Ways in which a payment can fit the orders."""

    EXACT = "exact", _("exactly what the order waits for")
    TOO_LITTLE = "too_little", _("less than the order waits for")
    TOO_MUCH = "too_much", _("more than the order waits for")
    PAID_TWICE = "paid_twice", _("the order is paid already")
    EXPIRED = "expired", _("the order has expired")
    CANCELLED = "cancelled", _("the order is cancelled")
    UNKNOWN = "unknown", _("no reference of an order")
    SEVERAL = "several", _("references of several orders")
    OTHER_CURRENCY = "other_currency", _("another currency than the order’s")
    COLLECTIVE = "collective", _("several payments that the file does not list")
    TAKEN_BACK = "taken_back", _("the bank took the money back")
    RETURNED = "returned", _("money that was paid out came back")


# What can be recorded for the order that is named.
RECORDABLE = frozenset(
    {What.EXACT, What.TOO_LITTLE, What.TOO_MUCH, What.PAID_TWICE, What.EXPIRED, What.CANCELLED}
)


@dataclass(frozen=True)
class Proposal:
    """The way in which a payment fits, and the order it names, if it is one. ``missing``: what a pending order waits for."""

    what: What
    order: Order | None = None
    missing: Decimal = ZERO


def propose(entries: Sequence[BankEntry]) -> dict[int, Proposal]:
    """Return id -> proposal for open payments, in this order: a second payment of one order is its second.

    Three queries for any number.
    """
    orders = _orders(entries)
    missing = _missing([order for order in orders.values() if order.state == Order.State.PENDING])
    proposals = {}
    for entry in entries:
        proposal = of_entry(entry, [orders[key] for key in _keys(entry) if key in orders], missing)
        proposals[entry.pk] = proposal
        if proposal.order is not None and proposal.order.pk in missing and proposal.what in RECORDABLE:
            missing[proposal.order.pk] -= entry.amount
    return proposals


def of_entry(entry: BankEntry, orders: Sequence[Order], missing: dict[int, Decimal]) -> Proposal:
    """Return the proposal for a payment that names ``orders``. ``missing``: order id -> what a pending order waits for."""
    named = orders[0] if len(orders) == 1 else None
    if entry.kind != BankEntry.Kind.CREDIT:
        return Proposal(What(entry.kind), named)
    if len(orders) > 1:
        # A list of its payments may still come, so it is not divided by hand.
        return Proposal(What.COLLECTIVE if entry.payments > 1 else What.SEVERAL)
    if named is None:
        return Proposal(What.COLLECTIVE if entry.payments > 1 else What.UNKNOWN)
    if named.currency != entry.currency:
        return Proposal(What.OTHER_CURRENCY, named)
    if named.state in (Order.State.EXPIRED, Order.State.CANCELLED):
        return Proposal(What(named.state), named)
    left = missing.get(named.pk, ZERO)
    if named.state == Order.State.PAID or left <= ZERO:
        return Proposal(What.PAID_TWICE, named)
    what = What.EXACT if entry.amount == left else What.TOO_LITTLE if entry.amount < left else What.TOO_MUCH
    return Proposal(what, named, left)


@dataclass(frozen=True)
class Share:
    """An order that a payment names together with others, what it waits for, and the part that is proposed for it."""

    order: Order
    missing: Decimal
    amount: Decimal


def shares(entry: BankEntry) -> list[Share]:
    """Return the shares of an open payment that can be divided, in the order of its references; empty for others.

    Each order gets what it waits for as long as there is money; what is left goes to the first, and is paid back.
    """
    found = _orders([entry])
    orders = [found[key] for key in _keys(entry) if key in found and found[key].currency == entry.currency]
    if not entry.is_open_credit or entry.payments > 1 or len(orders) < 2:
        return []
    missing = _missing([order for order in orders if order.state == Order.State.PENDING])
    rest, amounts = entry.amount, []
    for order in orders:
        amounts.append(min(max(missing.get(order.pk, ZERO), ZERO), rest))
        rest -= amounts[-1]
    first = next((index for index, amount in enumerate(amounts) if amount), 0)
    amounts[first] += rest
    return [
        Share(order, missing.get(order.pk, ZERO), amount)
        for order, amount in zip(orders, amounts, strict=True)
    ]


def orders_named(entry: BankEntry) -> list[Order]:
    """Return the orders of the organiser that a payment names."""
    return list(_orders([entry]).values())


def _keys(entry: BankEntry) -> list[tuple[int, str]]:
    return [(entry.organiser_id, reference) for reference in entry.references.split()]


def _orders(entries: Sequence[BankEntry]) -> dict[tuple[int, str], Order]:
    """Return (organiser, reference) -> order."""
    references = {reference for entry in entries for reference in entry.references.split()}
    organisers = {entry.organiser_id for entry in entries}
    rows = Order.objects.filter(reference__in=references, organiser__in=organisers, total__gt=0)
    return {(order.organiser_id, order.reference): order for order in rows.select_related("buyer")}


def _missing(orders: Sequence[Order]) -> dict[int, Decimal]:
    """Return order id -> what pending orders wait for, as ``payments.received`` computes it for one."""
    confirmed = Payment.objects.filter(order__in=orders, state=Payment.State.CONFIRMED)
    came = dict(confirmed.order_by().values_list("order").annotate(sum=Sum("amount")))
    refunds = Refund.objects.filter(payment__in=confirmed, kind__in=NEVER_OWED).order_by()
    back = dict(refunds.values_list("payment__order").annotate(sum=Sum("amount")))
    return {order.pk: order.total - came.get(order.pk, ZERO) + back.get(order.pk, ZERO) for order in orders}
