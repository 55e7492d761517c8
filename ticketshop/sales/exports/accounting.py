"""Export for the accounting of a period: sales, payments, refunds, invoices and credit notes, without anybody's name.

A row for each sale and each paper at each VAT rate, and for each payment, each refund and each lost dispute. Every kind of row
adds up by itself: sales to what orders cost, payments, refunds and lost disputes to the money that came and went, exchanges to
nothing.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ticketshop.exports.kinds import Column, Kind, Page, Table
from ticketshop.exports.models import Job
from ticketshop.lib.spreadsheets.formats import Cell, Money, Word
from ticketshop.organisers.models import Organiser

from ..models import Invoice
from ..payments.methods import CASH, EXCHANGE, METHODS, name_of
from . import rows
from .books import Books

Row = list[Cell]


class Accounting(Kind):
    """The export for the accounting. Parameters: ``since`` and ``until``, days in ISO format, both included."""

    code = "accounting"
    title = gettext_lazy("Accounting: sales, payments, refunds, invoices of a period")
    permissions = (
        "sales.view_order",
        "sales.view_payment",
        "sales.view_refund",
        "sales.view_dispute",
        "sales.view_invoice",
    )

    def filters(self, job: Job) -> list[tuple[str, str]]:
        return [
            (_("from"), date_format(_day(job, "since"), "SHORT_DATE_FORMAT")),
            (_("to"), date_format(_day(job, "until"), "SHORT_DATE_FORMAT")),
        ]

    def table(self, job: Job) -> Table:
        return _Table(job.organiser, _day(job, "since"), _day(job, "until")).table()


def _day(job: Job, name: str) -> date:
    return date.fromisoformat(job.parameters[name])


class _Table:
    """The rows of the export from ``since`` to ``until``. Instants become days in the active time zone, which is the organiser's."""

    def __init__(self, organiser: Organiser, since: date, until: date):
        self.organiser, self.books = organiser, Books(organiser, since, until)
        self.methods = {code: Word(code, name_of(code)) for code in (*METHODS, EXCHANGE)}

    def table(self) -> Table:
        """Return the columns, and the rows page by page."""
        named = [
            ("day", _("day")),
            ("entry", _("what")),
            ("number", _("number of the paper")),
            ("order", _("order")),
            ("method", _("payment method")),
            ("vat_rate", _("VAT rate (%)")),
            ("net", _("net")),
            ("vat", _("VAT")),
            ("gross", _("gross")),
            ("currency", _("currency")),
        ]
        return Table([Column(*head) for head in named], self._count(), self._pages())

    def _count(self) -> int:
        papers = sum(max(1, len(rates)) for rates in self.books.papers().values_list("rates", flat=True))
        return (
            sum(rows.count() for rows in self.books.sales())
            + self.books.cancellations().count()
            + self.books.unsold().count()
            + self.books.payments().count()
            + self.books.refunds().count()
            + self.books.reversals().count()
            + self.books.reversals().exclude(payment__rounding=0).count()
            + self.books.lost_disputes().count()
            + 2 * self.books.exchanges().count()
            + self.books.payments().exclude(rounding=0).count()
            + self.books.refunds().exclude(rounding=0).count()
            + self.books.cash_differences().count()
            + papers
        )

    def _pages(self) -> Iterator[Page]:
        sources = (
            self._sales,
            self._cancellations,
            self._payments,
            self._refunds,
            self._reversals,
            self._exchanges,
            self._lost_disputes,
            self._roundings,
            self._cash_differences,
            self._papers,
        )
        for source in sources:
            page: list[Row] = []
            for row in source():
                page.append(row)
                if len(page) == rows.PAGE:
                    yield Page(page)
                    page = []
            if page:
                yield Page(page)

    def _sales(self) -> Iterator[Row]:
        for source in self.books.sales():
            yield from self._by_rate(source, Word("sale", _("Sale")))

    def _cancellations(self) -> Iterator[Row]:
        """Yield what was cancelled, and orders that were paid and wait for their money again."""
        for source in (self.books.cancellations(), self.books.unsold()):
            yield from self._by_rate(source, Word("cancellation", _("Cancellation")))

    def _by_rate(self, source: QuerySet, what: Word) -> Iterator[Row]:
        stated = bool(self.organiser.vat_number)
        for day, reference, method, currency, rate, gross, vat in source.iterator():
            amounts = (rate, gross - vat, vat, gross) if stated else (None, gross, None, gross)
            yield self._row(day, what, "", reference, method, amounts, currency)

    def _payments(self) -> Iterator[Row]:
        values = ("confirmed_at", "order__reference", "method", "amount", "currency")
        for day, reference, method, amount, currency in self.books.payments().values_list(*values).iterator():
            amounts = (None, None, None, amount)
            yield self._row(day, Word("payment", _("Payment")), "", reference, method, amounts, currency)

    def _refunds(self) -> Iterator[Row]:
        return self._went_back(self.books.refunds(), "done_at", Word("refund", _("Refund")))

    def _reversals(self) -> Iterator[Row]:
        """Yield the payments that were recorded by mistake, with negative amounts, on the day on which they were taken back."""
        what = Word("reversal", _("Payment recorded by mistake"))
        values = (
            "made_at",
            "payment__order__reference",
            "payment__method",
            "payment__amount",
            "payment__currency",
        )
        for day, reference, method, amount, currency in (
            self.books.reversals().values_list(*values).iterator()
        ):
            yield self._row(day, what, "", reference, method, (None, None, None, -amount), currency)

    def _exchanges(self) -> Iterator[Row]:
        """Yield two rows for each exchange, which add up to nothing: no money moves."""
        values = (
            "cancellation__made_at", "cancellation__order__reference", "order__reference", "credited", "order__currency",
        )  # fmt: skip
        what = Word("exchange", _("Exchange"))
        for day, old, new, amount, currency in self.books.exchanges().values_list(*values).iterator():
            for reference, gross in ((old, -amount), (new, amount)):
                yield self._row(day, what, "", reference, EXCHANGE, (None, None, None, gross), currency)

    def _lost_disputes(self) -> Iterator[Row]:
        return self._went_back(
            self.books.lost_disputes(), "closed_at", Word("dispute_lost", _("Lost dispute"))
        )

    def _went_back(self, source: QuerySet, instant: str, what: Word) -> Iterator[Row]:
        values = (instant, "payment__order__reference", "payment__method", "amount", "payment__currency")
        for day, reference, method, amount, currency in source.values_list(*values).iterator():
            yield self._row(day, what, "", reference, method, (None, None, None, -amount), currency)

    def _roundings(self) -> Iterator[Row]:
        """Yield what came or went in cash beyond the amounts, or less, because there are no smaller coins."""
        what = Word("rounding", _("Rounding of cash"))
        for source, columns, sign in (
            (
                self.books.payments(),
                ("confirmed_at", "order__reference", "method", "rounding", "currency"),
                1,
            ),
            (
                self.books.reversals(),
                (
                    "made_at",
                    "payment__order__reference",
                    "payment__method",
                    "payment__rounding",
                    "payment__currency",
                ),
                -1,
            ),
            (
                self.books.refunds(),
                ("done_at", "payment__order__reference", "done_as", "rounding", "payment__currency"),
                -1,
            ),
        ):
            rounded = source.exclude(**{columns[3]: 0}).values_list(*columns)
            for day, reference, method, rounding, currency in rounded:
                amounts = (None, None, None, sign * rounding)
                yield self._row(day, what, "", reference, method, amounts, currency)

    def _cash_differences(self) -> Iterator[Row]:
        what = Word("cash_difference", _("Difference of counted cash"))
        for row in self.books.cash_differences():
            amounts = (None, None, None, row.difference)
            yield self._row(row.counted_at, what, "", "", CASH, amounts, row.currency)

    def _papers(self) -> Iterator[Row]:
        kinds = {code: Word(code, label) for code, label in Invoice.Kind.choices}
        for paper in self.books.papers().select_related("order").iterator():
            stated = [
                tuple(Decimal(row[name]) for name in ("rate", "net", "vat", "gross")) for row in paper.rates
            ] or [(None, paper.total, None, paper.total)]
            for amounts in stated:
                yield self._row(
                    paper.issued_at, kinds[paper.kind], paper.full_number, paper.order.reference,
                    paper.order.payment_method, amounts, paper.currency,
                )  # fmt: skip

    def _row(
        self, instant, what: Word, number: str, reference: str, method: str, amounts, currency: str
    ) -> Row:
        rate, *money = amounts
        return [
            timezone.localdate(instant),
            what,
            number,
            reference,
            self.methods.get(method, method),
            rate,
            *(None if amount is None else Money(amount) for amount in money),
            currency,
        ]
