"""The books of an organiser for a period: the rows of which the export for the accounting and the page *Figures* consist."""

from datetime import date, datetime, time, timedelta

from django.db.models import QuerySet, Sum

from ticketshop.organisers.models import Organiser

from ..models import (
    CancelledLine,
    CashCount,
    Dispute,
    Exchange,
    Invoice,
    OrderLine,
    Payment,
    Refund,
    Reversal,
)
from ..payments.methods import EXCHANGE

# The paths from a line to the instants between which its order was paid by a payment recorded by mistake.
SOLD_BEFORE, UNSOLD = "order__payments__reversals__order_paid_at", "order__payments__reversals__made_at"


def _by_order(lines: QuerySet[OrderLine], instant: str) -> QuerySet:
    """Return lines grouped by this instant, their order and VAT rate."""
    grouped = lines.order_by(instant, "order_id", "-vat_rate")
    return grouped.values_list(
        instant, "order__reference", "order__payment_method", "order__currency", "vat_rate"
    )


class Books:
    """The rows of one organiser from ``since`` to ``until``, days in the organiser's time zone."""

    def __init__(self, organiser: Organiser, since: date, until: date):
        self.organiser, self.since, self.until = organiser, since, until
        self.period = (
            datetime.combine(since, time.min, organiser.zone),
            datetime.combine(until + timedelta(days=1), time.min, organiser.zone),
        )

    def within(self, column: str) -> dict[str, object]:
        """Return the condition that an instant is in the period."""
        return {f"{column}__gte": self.period[0], f"{column}__lt": self.period[1]}

    def of_orders(self, path: str = "order") -> dict[str, object]:
        """Return the condition that the order at ``path`` belongs to the books; with an empty path, that the row itself does.

        What must not be counted is left out here: test orders, of shops that were never opened.
        """
        prefix = f"{path}__" if path else ""
        return {
            f"{prefix}organiser": self.organiser,
            f"{prefix}point_of_sale__first_opened_at__isnull": False,
        }

    def sold_lines(self) -> QuerySet[OrderLine]:
        """Return the lines of orders that were paid in the period, also of orders that have ended since.

        Lines of orders that wait for their money again since are in ``sold_before``.
        """
        return OrderLine.objects.filter(**self.of_orders(), **self.within("order__paid_at"))

    def sold_before(self) -> QuerySet[OrderLine]:
        """Return the lines of orders that were paid in the period by a payment recorded by mistake, and waited for money again."""
        return OrderLine.objects.filter(**self.of_orders(), **self.within(SOLD_BEFORE))

    def unsold_lines(self) -> QuerySet[OrderLine]:
        """Return the lines of orders that in the period began to wait for money again, because a payment was recorded by mistake."""
        return OrderLine.objects.filter(
            **self.of_orders(), **{f"{SOLD_BEFORE}__isnull": False}, **self.within(UNSOLD)
        )

    def sales(self) -> list[QuerySet[OrderLine]]:
        """Return the sold lines, a row for each order and VAT rate: those of orders that are paid, and of others."""
        return [
            _by_order(self.sold_lines(), "order__paid_at").annotate(
                gross=Sum("total"), vat=Sum("vat_amount")
            ),
            _by_order(self.sold_before(), SOLD_BEFORE).annotate(gross=Sum("total"), vat=Sum("vat_amount")),
        ]

    def unsold(self) -> QuerySet[OrderLine]:
        """Return ``unsold_lines``, a row for each order and VAT rate, with negative amounts."""
        return _by_order(self.unsold_lines(), UNSOLD).annotate(gross=-Sum("total"), vat=-Sum("vat_amount"))

    def cancelled_lines(self) -> QuerySet[CancelledLine]:
        """Return what was cancelled in the period of orders that were paid, whenever they were."""
        return CancelledLine.objects.filter(
            **self.of_orders("cancellation__order"), **self.within("cancellation__made_at")
        )

    def cancellations(self) -> QuerySet[CancelledLine]:
        """Return the cancelled lines, a row for each cancellation and VAT rate."""
        grouped = self.cancelled_lines().order_by(
            "cancellation__made_at", "cancellation_id", "-line__vat_rate"
        )
        return grouped.values_list(
            "cancellation__made_at", "cancellation__order__reference", "cancellation__order__payment_method",
            "cancellation__order__currency", "line__vat_rate",
        ).annotate(gross=-Sum("total"), vat=-Sum("vat_amount"))  # fmt: skip

    def payments(self) -> QuerySet[Payment]:
        """Return the money that came in the period, also what was recorded by mistake; see ``reversals``."""
        confirmed = Payment.objects.filter(
            **self.of_orders(), state=Payment.State.CONFIRMED, amount__gt=0
        ).exclude(method=EXCHANGE)
        return confirmed.filter(**self.within("confirmed_at")).order_by("confirmed_at", "pk")

    def refunds(self) -> QuerySet[Refund]:
        """Return the money that was paid back in the period. What went with a lost dispute is in ``lost_disputes``, what never came in
        ``reversals``.
        """
        done = Refund.objects.filter(
            **self.of_orders("payment__order"), state=Refund.State.DONE, dispute=None, reversal=None
        ).exclude(kind=Refund.Kind.EXCHANGED)
        return done.filter(**self.within("done_at")).order_by("done_at", "pk")

    def reversals(self) -> QuerySet[Reversal]:
        """Return the payments that were taken back in the period, because they were recorded by mistake."""
        rows = Reversal.objects.filter(**self.of_orders("payment__order"), **self.within("made_at"))
        return rows.order_by("made_at", "pk")

    def exchanges(self) -> QuerySet[Exchange]:
        """Return the exchanges of the period in which something was credited."""
        made = Exchange.objects.filter(**self.of_orders(), credited__gt=0)
        return made.filter(**self.within("cancellation__made_at")).order_by("cancellation__made_at", "pk")

    def lost_disputes(self) -> QuerySet[Dispute]:
        """Return the disputes that were lost in the period: money that banks have taken back."""
        lost = Dispute.objects.filter(**self.of_orders("payment__order"), state=Dispute.State.LOST)
        return lost.filter(**self.within("closed_at")).order_by("closed_at", "pk")

    def cash_differences(self) -> QuerySet[CashCount]:
        """Return the counts of cash in the period that differed from the books."""
        rows = CashCount.objects.filter(organiser=self.organiser, **self.within("counted_at"))
        return rows.exclude(difference=0).order_by("counted_at", "pk")

    def papers(self) -> QuerySet[Invoice]:
        """Return the invoices and credit notes of the period."""
        return Invoice.objects.filter(organiser=self.organiser, **self.within("issued_at")).order_by(
            "year", "number"
        )
