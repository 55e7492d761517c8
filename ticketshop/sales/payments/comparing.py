"""Compare the payments and refunds of a day with the list of the provider that moved the money. Nothing is changed."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from ticketshop.lib.dates import days
from ticketshop.lib.values.money import ZERO
from ticketshop.organisers.models import PointOfSale

from ..models import Dispute, Payment, PaymentMethod, Refund
from . import methods, provider_pages
from .methods.base import Movement, RedirectMethod

# The clocks of shop and provider differ, and an answer comes later than the money moved.
MARGIN = timedelta(hours=2)


@dataclass
class Comparison:
    """A day of one method at one point of sale. ``differences``: sentences for operators, with numbers of rows only.

    ``listed`` is False if the provider has no list.
    """

    pos: PointOfSale
    method: RedirectMethod
    listed: bool = True
    totals: dict[tuple[str, str], Decimal] = field(
        default_factory=dict
    )  # (kind, currency) -> sum at the provider
    differences: list[str] = field(default_factory=list)


def compare(day: date, shops: list[PointOfSale]) -> Iterator[Comparison]:
    """Yield a comparison for each method with a provider that these points of sale have, for a day in the organiser's time zone.

    Raise ProviderUnavailable. Asks providers: not within a transaction.
    """
    for pos in shops:
        for code in PaymentMethod.objects.filter(point_of_sale=pos).values_list("code", flat=True):
            method = methods.redirecting(pos, code)
            if method is not None and method.is_set_up(method.settings):
                yield _compare(day, pos, method)


def _compare(day: date, pos: PointOfSale, method: RedirectMethod) -> Comparison:
    zone = pos.organiser.zone
    start, end = days.end_of(day - timedelta(days=1), zone), days.end_of(day, zone)
    provider_pages.leave_transactions()
    found = method.list_payments(start - MARGIN, end + MARGIN)
    comparison = Comparison(pos, method, listed=found is not None)
    movements = found or []
    for movement in movements:
        if start <= movement.at < end:
            key = (movement.kind, movement.currency)
            comparison.totals[key] = comparison.totals.get(key, ZERO) + movement.amount
    if comparison.listed:
        comparison.differences += _of_payments(pos, method, movements, start, end)
        comparison.differences += _of_refunds(pos, method, movements, start, end)
        comparison.differences += _of_disputes(movements)
    return comparison


def _of_payments(
    pos: PointOfSale, method: RedirectMethod, movements: list[Movement], start: datetime, end: datetime
) -> list[str]:
    there = {row.reference: row for row in movements if row.kind == Movement.PAYMENT}
    known = Payment.objects.filter(method=method.code, provider_reference__in=there)
    here = {row.provider_reference: row for row in known.select_related("order")}
    differences = []
    for reference, movement in there.items():
        payment, asked = here.get(reference), f"{movement.amount} {movement.currency}"
        if payment is None:
            differences.append(f"{reference}: {asked} came, and no payment here has this reference")
        elif payment.order.point_of_sale_id != pos.pk:
            continue  # Several points of sale may use one account; the other one's payments are compared with its list.
        elif payment.state != Payment.State.CONFIRMED:
            differences.append(f"payment {payment.pk}: {asked} came, and it is “{payment.state}” here")
        elif (payment.amount, payment.currency) != (movement.amount, movement.currency):
            ours = f"{payment.amount} {payment.currency}"
            differences.append(f"payment {payment.pk}: {asked} came, and {ours} are noted here")
    confirmed = Payment.objects.filter(
        order__point_of_sale=pos,
        method=method.code,
        state=Payment.State.CONFIRMED,
        confirmed_at__gte=start,
        confirmed_at__lt=end,
    ).exclude(provider_reference="")
    for payment in confirmed.exclude(provider_reference__in=there).order_by("pk"):
        ours = f"{payment.amount} {payment.currency}"
        differences.append(f"payment {payment.pk}: {ours} are noted here, and the provider lists nothing")
    return differences


def _of_refunds(
    pos: PointOfSale, method: RedirectMethod, movements: list[Movement], start: datetime, end: datetime
) -> list[str]:
    there: dict[str, Decimal] = defaultdict(Decimal)
    for movement in movements:
        if movement.kind == Movement.REFUND:
            there[movement.reference] += movement.amount
    # Staff have paid back in another way what the provider has refused.
    rows = Refund.objects.filter(
        payment__method=method.code, state=Refund.State.DONE, refused_at=None
    ).exclude(payment__provider_reference="")
    ever: dict[str, Decimal] = defaultdict(Decimal)
    of_day: dict[str, Decimal] = defaultdict(Decimal)
    known = rows.filter(payment__provider_reference__in=there)
    for reference, amount in known.values_list("payment__provider_reference", "amount"):
        ever[reference] += amount
    today = rows.filter(payment__order__point_of_sale=pos, done_at__gte=start, done_at__lt=end)
    for reference, amount in today.values_list("payment__provider_reference", "amount"):
        of_day[reference] += amount
    too_many = [
        f"{reference}: {amount} went back, and only {ever[reference]} are noted here"
        for reference, amount in there.items()
        if amount > ever[reference]
    ]
    too_few = [
        f"{reference}: {amount} are noted here as paid back, and the provider lists {there.get(reference, ZERO)}"
        for reference, amount in of_day.items()
        if amount > there.get(reference, ZERO)
    ]
    return too_many + too_few


def _of_disputes(movements: list[Movement]) -> list[str]:
    there = {row.reference: row for row in movements if row.kind == Movement.DISPUTE}
    here = Dispute.objects.filter(payment__provider_reference__in=there)
    known = set(here.values_list("payment__provider_reference", flat=True))
    return [
        f"{reference}: {movement.amount} {movement.currency} are disputed, and no dispute is noted here"
        for reference, movement in there.items()
        if reference not in known
    ]
