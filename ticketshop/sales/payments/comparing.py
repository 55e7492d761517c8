"""Compare the payments and refunds of a day with the list of the provider that moved the money. Nothing is changed."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from ticketshop.lib.dates import days
from ticketshop.lib.values.money import ZERO
from ticketshop.organisers.models import PointOfSale

from ..models import Dispute, Order, Payment, PaymentDifference, PaymentMethod, Refund
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
    Code.DISPUTE_UNKNOWN: "{reference}: {there} {currency_there} are disputed, and {here} are noted here",
}


@dataclass(frozen=True)
class Difference:
    """A difference for one page, refund or dispute of the provider, or for one refund here. ``reference``: its id there, or the
    refund's key. ``there``: the amount that the provider lists, ``here``: what is noted here; None for nothing. As text, a sentence
    for operators with numbers of rows only.
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
    listed = method.list_payments(start - MARGIN, end + MARGIN)
    comparison = Comparison(pos, method, listed=listed is not None)
    if listed is None:
        return comparison
    payments = _payments(method, listed)
    of_day = [row for row in _of_shop(pos, method, listed, payments) if start <= row.at < end]
    for movement in of_day:
        key = (movement.kind, movement.currency)
        comparison.totals[key] = comparison.totals.get(key, ZERO) + movement.amount
    missing = _not_listed(pos, method, listed, start, end)
    if missing:
        # Listed on the day on which it began, and noted here when the bank confirmed it.
        earlier = method.list_payments(start - LATE, start - MARGIN) or []
        missing = _not_listed(pos, method, [*earlier, *listed], start, end)
    comparison.differences = [
        *_of_payments(of_day, payments),
        *_of_refunds(of_day, payments),
        *_of_disputes(of_day, payments),
        *missing,
    ]
    return comparison


# --- whose movement it is --------------------------------------------------------------------------------
def _payments(method: RedirectMethod, movements: list[Movement]) -> dict[str, Payment]:
    """Return page -> its payment, for the pages on which something moved that have one."""
    pages = {row.reference for row in movements}
    known = Payment.objects.filter(method=method.code, provider_reference__in=pages)
    return {row.provider_reference: row for row in known.select_related("order")}


def _of_shop(
    pos: PointOfSale, method: RedirectMethod, movements: list[Movement], payments: dict[str, Payment]
) -> list[Movement]:
    """Return what moved for this point of sale. Several may have one account: a movement belongs to that of its payment or its
    order; what belongs to none, to the first of them. A payout is every one's.

    The orders of all organisers are looked through: if two have one account by mistake, none learns of the other's money.
    """
    named = Order.objects.filter(reference__in={row.order for row in movements if row.order})
    shops = dict(named.values_list("reference", "point_of_sale"))
    first = _is_first(pos, method)

    def is_ours(row: Movement) -> bool:
        payment = payments.get(row.reference)
        shop = payment.order.point_of_sale_id if payment else shops.get(row.order)
        return row.kind == Movement.PAYOUT or (first if shop is None else shop == pos.pk)

    return [row for row in movements if is_ours(row)]


def _is_first(pos: PointOfSale, method: RedirectMethod) -> bool:
    """Return whether no earlier point of sale has the same account."""
    account = {
        f"settings__{name}__in": method.same_values(name, method.settings.get(name) or "")
        for name in method.own_settings
    }
    rows = PaymentMethod.objects.filter(
        code=method.code,
        point_of_sale__organiser=pos.organiser_id,
        point_of_sale__lt=pos.pk,
        **account,
    )
    return not account or not rows.exists()


# --- what the provider lists -----------------------------------------------------------------------------
def _of_payments(movements: list[Movement], payments: dict[str, Payment]) -> list[Difference]:
    listed = {row.reference: row for row in movements if row.kind == Movement.PAYMENT}
    found = (_of_payment(movement, payments.get(reference)) for reference, movement in listed.items())
    return [difference for difference in found if difference is not None]


def _of_payment(movement: Movement, payment: Payment | None) -> Difference | None:
    unknown = Difference(Code.UNKNOWN, movement.reference, movement.amount, movement.currency)
    if payment is None:
        return unknown
    noted = replace(unknown, here=payment.amount, currency_here=payment.currency, payment=payment.pk)
    if payment.state != Payment.State.CONFIRMED:
        return replace(noted, code=Code.NOT_CONFIRMED, state=payment.state)
    if (payment.amount, payment.currency) != (movement.amount, movement.currency):
        return replace(noted, code=Code.OTHER_AMOUNT)
    return None


def _of_refunds(movements: list[Movement], payments: dict[str, Payment]) -> list[Difference]:
    """Compare each refund by itself: two of the same amount are not one."""
    listed = [row for row in movements if row.kind == Movement.REFUND]
    refunds = _refunds_by_key([row.key for row in listed])
    differences = []
    for movement in listed:
        refund = refunds.get((movement.key, movement.reference))
        here = refund.amount if refund is not None and _went_back(refund) else ZERO
        if movement.amount != here:
            code = Code.REFUND_UNKNOWN if movement.amount > here else Code.REFUND_NOT_LISTED
            differences.append(_by_itself(code, movement, here, payments))
    return differences


def _refunds_by_key(keys: list[str]) -> dict[tuple[str, str], Refund]:
    """Return (key, page) -> refund, for the refunds here with these keys (``Refund.provider_key``)."""
    ends = {key.rpartition(":")[2] for key in keys}
    numbers = [int(end) for end in ends if end.isdecimal() and len(end) < 19]
    rows = Refund.objects.filter(pk__in=numbers).select_related("payment__order")
    return {(row.provider_key, row.payment.provider_reference): row for row in rows}


def _went_back(refund: Refund) -> bool:
    """Return whether a refund was paid by its provider: not by staff after a refusal, with a lost dispute, or in an exchange."""
    if refund.kind == Refund.Kind.EXCHANGED:
        return False
    return refund.state == Refund.State.DONE and refund.refused_at is None and refund.dispute_id is None


def _of_disputes(movements: list[Movement], payments: dict[str, Payment]) -> list[Difference]:
    listed = [row for row in movements if row.kind == Movement.DISPUTE]
    known = Dispute.objects.filter(payment__in=[row.pk for row in payments.values()])
    here = {(row.payment_id, row.provider_reference): row.amount for row in known}
    differences = []
    for movement in listed:
        payment = payments.get(movement.reference)
        noted = here.get((payment.pk, movement.own_reference), ZERO) if payment else ZERO
        if movement.amount != noted:
            differences.append(_by_itself(Code.DISPUTE_UNKNOWN, movement, noted, payments))
    return differences


def _by_itself(code: Code, movement: Movement, here: Decimal, payments: dict[str, Payment]) -> Difference:
    """Return the difference about one refund or dispute."""
    payment = payments.get(movement.reference)
    return Difference(
        code,
        movement.own_reference or movement.reference,
        movement.amount,
        movement.currency,
        here,
        movement.currency,
        payment=payment.pk if payment else None,
    )


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
    went = {(row.key, row.reference) for row in movements if row.kind == Movement.REFUND}
    done = Refund.objects.filter(
        payment__order__point_of_sale=pos,
        payment__method=method.code,
        state=Refund.State.DONE,
        done_at__gte=start,
        done_at__lt=end,
    ).exclude(payment__provider_reference="")
    return payments + [
        Difference(
            Code.REFUND_NOT_LISTED,
            row.provider_key,
            ZERO,
            row.payment.currency,
            row.amount,
            row.payment.currency,
            payment=row.payment_id,
        )
        for row in done.select_related("payment__order").order_by("pk")
        if _went_back(row) and (row.provider_key, row.payment.provider_reference) not in went
    ]
