"""Compare the payments and refunds of a day with the list of the provider that moved the money. Nothing is changed."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db.models import QuerySet

from ticketshop.lib.dates import days
from ticketshop.lib.values.money import ZERO
from ticketshop.organisers.models import PointOfSale

from ..models import Dispute, Payment, PaymentDifference, PaymentMethod, Refund
from . import methods, provider_pages
from .methods.base import Movement, RedirectMethod

# The clocks of shop and provider differ, and an answer comes later than the money moved.
MARGIN = timedelta(hours=2)
# A bank may confirm a payment days after the provider began it: what is noted here is looked for in the list of these days, too.
LATE = timedelta(days=10)
Code = PaymentDifference.Code
# What operators read.
SENTENCES = {
    Code.UNKNOWN: "{reference}: {there} {currency_there} came, and no payment here has this reference",
    Code.NOT_CONFIRMED: "payment {payment}: {there} {currency_there} came, and it is “{state}” here",
    Code.OTHER_AMOUNT: "payment {payment}: {there} {currency_there} came, and {here} {currency_here} are noted here",
    Code.NOT_LISTED: "payment {payment}: {here} {currency_here} are noted here, and the provider lists nothing",
    Code.REFUND_UNKNOWN: "{reference}: {there} went back, and only {here} are noted here",
    Code.REFUND_NOT_LISTED: "{reference}: {here} are noted here as paid back, and the provider lists {there}",
    Code.DISPUTE_UNKNOWN: "{reference}: {there} {currency_there} are disputed, and no dispute is noted here",
}


@dataclass(frozen=True)
class Difference:
    """What differs for one reference of the provider. ``there``: the amount that the provider lists, ``here``: what is noted here;
    None for nothing. As text, a sentence for operators with numbers of rows only.
    """

    code: Code
    reference: str
    there: Decimal | None = None
    currency_there: str = ""
    here: Decimal | None = None
    currency_here: str = ""
    payment: int | None = None
    state: str = ""  # of the payment

    def __str__(self):
        return SENTENCES[self.code].format(**vars(self))


@dataclass
class Comparison:
    """A day of one method at one point of sale. ``listed`` is False if the provider has no list."""

    pos: PointOfSale
    method: RedirectMethod
    listed: bool = True
    totals: dict[tuple[str, str], Decimal] = field(
        default_factory=dict
    )  # (kind, currency) -> sum at the provider
    differences: list[Difference] = field(default_factory=list)


def compare(day: date, shops: list[PointOfSale]) -> Iterator[Comparison]:
    """Yield a comparison for each method with a provider that these points of sale have, for a day in the organiser's time zone.

    Raise ProviderUnavailable. Asks providers: not within a transaction.
    """
    for pos in shops:
        for code in PaymentMethod.objects.filter(point_of_sale=pos).values_list("code", flat=True):
            method = methods.redirecting(pos, code)
            if method is not None and method.is_set_up(method.settings):
                yield compare_day(day, pos, method)


def compare_day(day: date, pos: PointOfSale, method: RedirectMethod) -> Comparison:
    """Compare a day, in the organiser's time zone, of one method that is set up. Raise ProviderUnavailable.

    Each movement is looked at on its own day only.
    """
    zone = pos.organiser.zone
    start, end = days.end_of(day - timedelta(days=1), zone), days.end_of(day, zone)
    provider_pages.leave_transactions()
    movements = method.list_payments(start - MARGIN, end + MARGIN)
    comparison = Comparison(pos, method, listed=movements is not None)
    if movements is None:
        return comparison
    of_day = [movement for movement in movements if start <= movement.at < end]
    for movement in of_day:
        key = (movement.kind, movement.currency)
        comparison.totals[key] = comparison.totals.get(key, ZERO) + movement.amount
    missing = _not_listed(pos, method, movements, start, end)
    if missing:
        # Listed on the day on which it began, and noted here when the bank confirmed it.
        earlier = method.list_payments(start - LATE, start - MARGIN) or []
        missing = _not_listed(pos, method, [*earlier, *movements], start, end)
    comparison.differences = [
        *_of_payments(pos, method, of_day),
        *_of_refunds(pos, method, of_day),
        *_of_disputes(pos, method, of_day),
        *missing,
    ]
    return comparison


# --- what the provider lists -----------------------------------------------------------------------------
def _of_payments(pos: PointOfSale, method: RedirectMethod, movements: list[Movement]) -> list[Difference]:
    there = {row.reference: row for row in movements if row.kind == Movement.PAYMENT}
    known = Payment.objects.filter(method=method.code, provider_reference__in=there)
    here = {row.provider_reference: row for row in known.select_related("order")}
    return [
        difference
        for reference, movement in there.items()
        if (difference := _of_payment(pos, movement, here.get(reference))) is not None
    ]


def _of_payment(pos: PointOfSale, movement: Movement, payment: Payment | None) -> Difference | None:
    unknown = Difference(Code.UNKNOWN, movement.reference, movement.amount, movement.currency)
    if payment is None:
        return unknown
    if payment.order.point_of_sale_id != pos.pk:
        # Several points of sale may use one account; the other one's payments are compared with its list.
        return None
    noted = replace(unknown, here=payment.amount, currency_here=payment.currency, payment=payment.pk)
    if payment.state != Payment.State.CONFIRMED:
        return replace(noted, code=Code.NOT_CONFIRMED, state=payment.state)
    if (payment.amount, payment.currency) != (movement.amount, movement.currency):
        return replace(noted, code=Code.OTHER_AMOUNT)
    return None


def _of_refunds(pos: PointOfSale, method: RedirectMethod, movements: list[Movement]) -> list[Difference]:
    there, currencies = _refunds_by_page(movements)
    noted: dict[str, Decimal] = defaultdict(Decimal)
    known = _done_refunds(method).filter(payment__provider_reference__in=there)
    for reference, amount in known.values_list("payment__provider_reference", "amount"):
        noted[reference] += amount
    others = _of_other_shops(pos, method, there)
    return [
        Difference(
            Code.REFUND_UNKNOWN,
            reference,
            amount,
            currencies[reference],
            noted[reference],
            currencies[reference],
        )
        for reference, amount in there.items()
        if amount > noted[reference] and reference not in others
    ]


def _of_disputes(pos: PointOfSale, method: RedirectMethod, movements: list[Movement]) -> list[Difference]:
    there = {row.reference: row for row in movements if row.kind == Movement.DISPUTE}
    here = Dispute.objects.filter(payment__method=method.code, payment__provider_reference__in=there)
    known = set(here.values_list("payment__provider_reference", flat=True))
    known |= _of_other_shops(pos, method, there)
    return [
        Difference(Code.DISPUTE_UNKNOWN, reference, movement.amount, movement.currency)
        for reference, movement in there.items()
        if reference not in known
    ]


def _of_other_shops(pos: PointOfSale, method: RedirectMethod, references: Collection[str]) -> set[str]:
    """Return those references whose payment belongs to another point of sale with the same account."""
    rows = Payment.objects.filter(method=method.code, provider_reference__in=references)
    return set(rows.exclude(order__point_of_sale=pos).values_list("provider_reference", flat=True))


# --- what is noted here ----------------------------------------------------------------------------------
def _not_listed(
    pos: PointOfSale, method: RedirectMethod, movements: list[Movement], start: datetime, end: datetime
) -> list[Difference]:
    """Return the payments and refunds from ``start`` until before ``end`` that ``movements`` do not contain."""
    paid = {row.reference for row in movements if row.kind == Movement.PAYMENT}
    confirmed = Payment.objects.filter(
        order__point_of_sale=pos,
        method=method.code,
        state=Payment.State.CONFIRMED,
        confirmed_at__gte=start,
        confirmed_at__lt=end,
    ).exclude(provider_reference="")
    payments = [
        Difference(
            Code.NOT_LISTED,
            payment.provider_reference,
            here=payment.amount,
            currency_here=payment.currency,
            payment=payment.pk,
        )
        for payment in confirmed.exclude(provider_reference__in=paid).order_by("pk")
    ]
    there, _currencies = _refunds_by_page(movements)
    noted: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    of_day = _done_refunds(method).filter(
        payment__order__point_of_sale=pos, done_at__gte=start, done_at__lt=end
    )
    for reference, currency, amount in of_day.values_list(
        "payment__provider_reference", "payment__currency", "amount"
    ):
        noted[reference, currency] += amount
    return payments + [
        Difference(Code.REFUND_NOT_LISTED, reference, there.get(reference, ZERO), currency, amount, currency)
        for (reference, currency), amount in noted.items()
        if amount > there.get(reference, ZERO)
    ]


def _done_refunds(method: RedirectMethod) -> QuerySet[Refund]:
    """Return the refunds that went back by the provider: staff have paid back in another way what it has refused."""
    rows = Refund.objects.filter(payment__method=method.code, state=Refund.State.DONE, refused_at=None)
    return rows.exclude(payment__provider_reference="")


def _refunds_by_page(movements: list[Movement]) -> tuple[dict[str, Decimal], dict[str, str]]:
    """Return reference -> sum of its refunds, and reference -> their currency."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    currencies = {}
    for movement in movements:
        if movement.kind == Movement.REFUND:
            sums[movement.reference] += movement.amount
            currencies[movement.reference] = movement.currency
    return dict(sums), currencies
