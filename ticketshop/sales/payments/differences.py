"""The job that compares the last days with the lists of payment services, and what becomes of the differences it stores.

A difference is one row for its day, however often the day is compared. It closes by itself if a later comparison does not find
it any more, and opens again if it comes back or if its amounts change.
"""

from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy

from ticketshop.history import history
from ticketshop.jobs.rows import RowJob
from ticketshop.lib.dates import days

from ..models import Dispute, Payment, PaymentDifference, PaymentMethod
from . import comparing, methods, provider_pages
from .comparing import Difference

Code = PaymentDifference.Code
# Yesterday, and the day before once more: payments that were confirmed late are known by then.
DAYS = 2
# Days that were missed because the provider did not answer, and days with an open difference, are compared for this long.
LONGEST = 14


def open_rows() -> QuerySet[PaymentDifference]:
    """Return the differences that staff still have to look at."""
    return PaymentDifference.objects.filter(resolved_at=None, handled_at=None)


# --- the job ---------------------------------------------------------------------------------------------
def _with_lists(now: datetime) -> QuerySet[PaymentMethod]:
    """Return the methods whose buyers pay on a page of a provider, at every point of sale."""
    codes = [code for code in methods.METHODS if methods.redirects(code)]
    return (
        PaymentMethod.objects.filter(code__in=codes).select_related("point_of_sale__organiser").order_by("pk")
    )


def _compare(row: PaymentMethod, now: datetime) -> bool:
    """Compare the days of one method that are due. Return False if its provider has no list. Raise ProviderUnavailable."""
    pos = row.point_of_sale
    method = methods.redirecting(pos, row.code)
    if method is None or not method.is_set_up(method.settings):
        return False
    yesterday = days.day_of(now, pos.organiser.zone) - timedelta(days=1)
    until = row.compared_until
    if until is None:
        # Stored before the provider is asked, so that no day is left out if it answers days later.
        until = yesterday - timedelta(days=DAYS)
        _set_compared(row, until)
    _ask_about_disputes(row, now)
    for day in _days_to_compare(row, until, yesterday):
        comparison = comparing.compare_day(day, pos, method)
        if not comparison.listed:
            return False
        unnoted = (found for found in comparison.differences if found.code == Code.DISPUTE_UNKNOWN)
        disputed = [found.payment for found in unnoted if found.payment is not None]
        if disputed:
            _settle(Payment.objects.filter(pk__in=disputed), now)
            comparison = comparing.compare_day(day, pos, method)
        _store(row, day, comparison.differences, now)
    _set_compared(row, yesterday)
    return True


def _ask_about_disputes(row: PaymentMethod, now: datetime) -> None:
    """Ask about payments with an open dispute: the webhook about its end may never come, and it may end months later."""
    still_open = Dispute.objects.filter(
        payment__method=row.code, payment__order__point_of_sale=row.point_of_sale_id, state=Dispute.State.OPEN
    )
    _settle(Payment.objects.filter(pk__in=still_open.values("payment")), now)


def _settle(rows: QuerySet[Payment], now: datetime) -> None:
    for payment in rows.exclude(provider_reference="").select_related("order__point_of_sale").order_by("pk"):
        provider_pages.settle(payment, now=now)


@transaction.atomic
def _set_compared(row: PaymentMethod, day: date) -> None:
    PaymentMethod.objects.filter(pk=row.pk).update(compared_until=day)


def _days_to_compare(row: PaymentMethod, until: date, yesterday: date) -> list[date]:
    """Return the days to compare, the oldest first. ``until``: the last day that was compared."""
    oldest = yesterday - timedelta(days=LONGEST - 1)
    first = max(oldest, min(yesterday - timedelta(days=DAYS - 1), until + timedelta(days=1)))
    wanted = {first + timedelta(days=number) for number in range((yesterday - first).days + 1)}
    still_open = open_rows().filter(point_of_sale=row.point_of_sale_id, method=row.code, day__gte=oldest)
    return sorted(wanted | set(still_open.values_list("day", flat=True)))


@transaction.atomic
def _store(row: PaymentMethod, day: date, found: list[Difference], now: datetime) -> None:
    """Store what differs on a day, and close what does not differ any more."""
    # Two comparisons of one method store their results one after the other.
    PaymentMethod.objects.select_for_update(no_key=True).get(pk=row.pk)
    of_day = PaymentDifference.objects.filter(point_of_sale=row.point_of_sale_id, method=row.code, day=day)
    # A page that its provider has not is in no list, so its row does not close by itself.
    compared = of_day.exclude(code=Code.PAGE_UNKNOWN)
    known = {(stored.code, stored.provider_reference): stored for stored in compared}
    for difference in found:
        stored = known.pop((difference.code, difference.reference), None)
        if stored is None:
            PaymentDifference.objects.create(
                point_of_sale=row.point_of_sale,
                method=row.code,
                day=day,
                code=difference.code,
                provider_reference=difference.reference,
                found_at=now,
                payment_id=difference.payment,
                **_amounts(difference),
            )
        else:
            _found_again(stored, difference)
    gone = [stored.pk for stored in known.values()]
    of_day.filter(pk__in=gone, resolved_at=None).update(resolved_at=now)


def _amounts(difference: Difference) -> dict:
    return {
        "amount_there": difference.there,
        "currency_there": difference.currency_there,
        "amount_here": difference.here,
        "currency_here": difference.currency_here,
    }


def _found_again(stored: PaymentDifference, difference: Difference) -> None:
    """Write the amounts. What staff noted stays, unless the difference had gone or its amounts have changed."""
    amounts = _amounts(difference)
    same = all(getattr(stored, name) == value for name, value in amounts.items())
    if not same or stored.resolved_at is not None:
        rows = PaymentDifference.objects.filter(pk=stored.pk)
        rows.update(resolved_at=None, handled_at=None, handled_by=None, **amounts)


COMPARE = RowJob(
    "sales.compare_payments",
    gettext_lazy("Compare payments with the list of the payment service"),
    rows=_with_lists,
    act=_compare,
    atomic=False,
)


# --- what staff note -------------------------------------------------------------------------------------
@transaction.atomic
def set_done(difference: PaymentDifference, *, by, now: datetime) -> bool:
    """Note a difference as dealt with. Return False if it is not open any more."""
    changed = open_rows().filter(pk=difference.pk).update(handled_at=now, handled_by=by)
    if changed:
        _record(difference, "difference_done", by, now)
    return bool(changed)


@transaction.atomic
def reopen(difference: PaymentDifference, *, by, now: datetime) -> bool:
    """Take ``set_done`` back. Return False if it was not noted, or has closed by itself since."""
    noted = PaymentDifference.objects.filter(~Q(handled_at=None), pk=difference.pk, resolved_at=None)
    changed = noted.update(handled_at=None, handled_by=None)
    if changed:
        _record(difference, "difference_reopened", by, now)
    return bool(changed)


def _record(difference: PaymentDifference, action: str, by, now: datetime) -> None:
    organiser_id = difference.point_of_sale.organiser_id
    history.record(difference, action, by=by, now=now, organiser_id=organiser_id)
