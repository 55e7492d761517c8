"""Takings at the counter per day, staff member and method, from the books alone, and the counting of cash."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import TruncDate

from ticketshop.history import history
from ticketshop.lib.database.constraints import violated_constraint
from ticketshop.lib.values.money import ZERO
from ticketshop.organisers.models import Organiser

from ..models import CashCount, Payment, Refund, Reversal
from ..payments import methods

COUNTED_ONCE = "cash_counted_once"


@dataclass
class Line:
    """The takings of one staff member on a day by one method. ``email``: their log-in, None if it is gone.

    ``number``: of payments. ``paid_out``: also what was recorded by mistake and taken back. ``rounding``: the cash received minus the amounts.
    """

    day: date
    email: str | None
    method: str
    currency: str
    number: int = 0
    taken: Decimal = ZERO
    paid_out: Decimal = ZERO
    rounding: Decimal = ZERO

    @property
    def left(self) -> Decimal:
        """Return what is left of the money, as it is in the till or on the terminal."""
        return self.taken + self.rounding - self.paid_out


class Stale(Exception):
    """The cash was counted meanwhile: the page shows an older beginning. Nothing has changed."""


def period(organiser: Organiser, since: date, until: date) -> tuple[datetime, datetime]:
    """Return the beginning of the first day and the end of the last one, in the time zone of the organiser."""
    first = datetime.combine(since, time.min, organiser.zone)
    return first, datetime.combine(until + timedelta(days=1), time.min, organiser.zone)


def lines(organiser: Organiser, since: date, until: date, staff=None) -> list[Line]:
    """Return the takings of these days, by day, staff member and method; with ``staff`` theirs alone. Three queries."""
    first, end = period(organiser, since, until)
    came = _payments(organiser, staff).filter(confirmed_at__gte=first, confirmed_at__lt=end)
    back = _refunds(organiser, staff).filter(done_at__gte=first, done_at__lt=end)
    found: dict[tuple, Line] = {}
    groups = ("confirmed_by__email", "method", "currency")
    for day, email, method, currency, number, amount, rounding in (
        came.annotate(day=TruncDate("confirmed_at", tzinfo=organiser.zone))
        .order_by()
        .values_list("day", *groups)
        .annotate(number=Count("pk"), sum=Sum("amount"), roundings=Sum("rounding"))
    ):
        line = found.setdefault((day, email, method, currency), Line(day, email, method, currency))
        line.number, line.taken, line.rounding = number, amount, rounding
    taken_back = _reversals(organiser, staff).filter(made_at__gte=first, made_at__lt=end)
    by_refund = ("done_by__email", "done_as", "payment__currency")
    by_reversal = ("payment__confirmed_by__email", "payment__method", "payment__currency")
    for rows, instant, groups, path in (
        (back, "done_at", by_refund, ""),
        (taken_back, "made_at", by_reversal, "payment__"),
    ):
        for day, email, method, currency, amount, rounding in (
            rows.annotate(day=TruncDate(instant, tzinfo=organiser.zone))
            .order_by()
            .values_list("day", *groups)
            .annotate(sum=Sum(f"{path}amount"), roundings=Sum(f"{path}rounding"))
        ):
            line = found.setdefault((day, email, method, currency), Line(day, email, method, currency))
            line.paid_out += amount
            line.rounding -= rounding
    order = list(methods.METHODS)
    return sorted(found.values(), key=lambda line: (line.day, line.email or "", order.index(line.method)))


def totals(found: Iterable[Line]) -> list[Line]:
    """Return the sums of the lines by method and currency; their day and log-in mean nothing."""
    sums: dict[tuple[str, str], Line] = {}
    for line in found:
        total = sums.setdefault(
            (line.method, line.currency), Line(line.day, None, line.method, line.currency)
        )
        total.number += line.number
        total.taken += line.taken
        total.paid_out += line.paid_out
        total.rounding += line.rounding
    return list(sums.values())


def counts(organiser: Organiser, since: date, until: date, staff=None) -> QuerySet[CashCount]:
    """Return the counts of cash of these days, the first one first; with ``staff`` theirs alone."""
    first, end = period(organiser, since, until)
    rows = CashCount.objects.filter(organiser=organiser, counted_at__gte=first, counted_at__lt=end)
    rows = rows.filter(staff=staff) if staff is not None else rows
    return rows.select_related("staff").order_by("counted_at", "pk")


# --- counting cash ------------------------------------------------------------------------------------------
def begins_at(organiser: Organiser, staff, now: datetime) -> datetime:
    """Return since when the cash of a staff member is to be counted: their last count, or the beginning of the day."""
    today = now.astimezone(organiser.zone).date()
    start, _end = period(organiser, today, today)
    rows = CashCount.objects.filter(organiser=organiser, staff=staff, counted_at__gte=start)
    last = rows.order_by("-counted_at").values_list("counted_at", flat=True).first()
    return last or start


def cash(organiser: Organiser, staff, since: datetime, until: datetime) -> tuple[Decimal, Decimal]:
    """Return what a staff member took in cash after ``since`` and until ``until``, and paid out, with roundings.

    Paid out is also what was taken back of their takings, because it had been recorded by mistake.
    """
    came = _payments(organiser, staff).filter(
        method=methods.CASH, confirmed_at__gt=since, confirmed_at__lte=until
    )
    back = _refunds(organiser, staff).filter(done_as=methods.CASH, done_at__gt=since, done_at__lte=until)
    wrong = _reversals(organiser, staff).filter(
        payment__method=methods.CASH, made_at__gt=since, made_at__lte=until
    )
    return _sum(came), _sum(back) + _sum(wrong, "payment__")


@transaction.atomic
def count(
    organiser: Organiser, *, opening: Decimal, counted: Decimal, since: datetime, by, now: datetime
) -> CashCount:
    """Record the cash that a staff member has counted, and its difference from the books.

    ``since``: the result of ``begins_at`` that the page showed. Raise Stale if the cash was counted meanwhile.
    """
    if since != begins_at(organiser, by, now):
        raise Stale
    taken, paid_out = cash(organiser, by, since, now)
    try:
        with transaction.atomic():
            row = CashCount.objects.create(
                organiser=organiser,
                staff=by,
                since=since,
                counted_at=now,
                currency=organiser.currency,
                opening=opening,
                taken=taken,
                paid_out=paid_out,
                counted=counted,
                difference=counted - opening - taken + paid_out,
            )
    except IntegrityError as error:
        if violated_constraint(error) == COUNTED_ONCE:
            raise Stale from error
        raise
    history.record(row, "cash_counted", by=by, now=now, difference=str(row.difference))
    return row


def _payments(organiser: Organiser, staff) -> QuerySet[Payment]:
    rows = Payment.objects.filter(
        order__organiser=organiser, state=Payment.State.CONFIRMED, method__in=methods.AT_HAND
    )
    return rows.filter(confirmed_by=staff) if staff is not None else rows


def _refunds(organiser: Organiser, staff) -> QuerySet[Refund]:
    rows = Refund.objects.filter(
        payment__order__organiser=organiser, state=Refund.State.DONE, done_as__in=methods.AT_HAND
    )
    return rows.filter(done_by=staff) if staff is not None else rows


def _reversals(organiser: Organiser, staff) -> QuerySet[Reversal]:
    """Return the payments that were taken back, of the takings of a staff member: their cash was said to be more than it is."""
    rows = Reversal.objects.filter(payment__order__organiser=organiser, payment__method__in=methods.AT_HAND)
    return rows.filter(payment__confirmed_by=staff) if staff is not None else rows


def _sum(rows: QuerySet, path: str = "") -> Decimal:
    sums = rows.aggregate(amount=Sum(f"{path}amount"), rounding=Sum(f"{path}rounding"))
    return (sums["amount"] or ZERO) + (sums["rounding"] or ZERO)
