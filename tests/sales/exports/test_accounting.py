"""The export for the accounting: its sums are those of the books, day by day, method by method, rate by rate."""

import copy
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone, translation

from tests.factories.organisers import make_staff
from tests.factories.sales import make_order
from tests.migrated_database import once_per_file
from tests.sales.papers.selling import make_pos, offers, order_with_rates
from tests.sales.papers.test_invoices import issue
from tests.staff import Staff, listing
from ticketshop.exports.models import Job
from ticketshop.sales.exports.registered import ACCOUNTING
from ticketshop.sales.models import Order
from ticketshop.sales.orders import orders
from ticketshop.sales.papers import credit_notes
from ticketshop.sales.payments import disputes, payments
from ticketshop.sales.payments.methods.base import DisputeStatus

pytestmark = pytest.mark.django_db

# The same sums in SQL, as ``orders.books`` reads the tables.
BOOKS = """
    SELECT
        (SELECT sum(total) FROM sales_order WHERE paid_at IS NOT NULL AND organiser_id = %(organiser)s),
        (SELECT sum(vat_total) FROM sales_order WHERE paid_at IS NOT NULL AND organiser_id = %(organiser)s),
        (SELECT sum(p.amount) FROM sales_payment p JOIN sales_order o ON o.id = p.order_id
            WHERE p.state = 'confirmed' AND o.organiser_id = %(organiser)s),
        (SELECT sum(r.amount) FROM sales_refund r JOIN sales_payment p ON p.id = r.payment_id
            JOIN sales_order o ON o.id = p.order_id WHERE r.state = 'done' AND o.organiser_id = %(organiser)s),
        (SELECT sum(c.total) FROM sales_cancelledline c JOIN sales_orderline l ON l.id = c.line_id
            JOIN sales_order o ON o.id = l.order_id WHERE o.organiser_id = %(organiser)s),
        (SELECT sum(total) FROM sales_invoice WHERE organiser_id = %(organiser)s)
"""


def table(organiser, since=None, until=None) -> list[dict]:
    """Return the rows of the export as dicts."""
    today = timezone.localdate(timezone=organiser.zone)
    job = Job(
        organiser=organiser,
        parameters={"since": (since or today).isoformat(), "until": (until or today).isoformat()},
    )
    with translation.override("en"), timezone.override(organiser.zone):
        made = ACCOUNTING.table(job)
        rows = [
            dict(zip([c.key for c in made.columns], row, strict=True))
            for page in made.pages
            for row in page.rows
        ]
    assert len(rows) == made.count
    return rows


def total(rows: list[dict], entry: str, column: str = "gross") -> Decimal:
    return sum((row[column] for row in rows if row["entry"] == entry), Decimal(0))


def make_books():
    """A shop with a sale, a cancelled and refunded sale, a transfer that came in two parts, an invoice and a credit note."""
    pos = make_pos()
    sold = order_with_rates(pos)
    cancelled = order_with_rates(pos)
    orders.cancel(cancelled, by=None, now=timezone.now())
    payments.refund_done(cancelled.payments.get().refunds.get(), by=None, now=timezone.now())
    [offer] = offers(pos, ("Adult", "35.00", "8.1"))
    transfer = make_order({offer: 1}, pos=pos, method="bank_transfer")
    for part in ("20.00", "15.00"):
        payments.receive(transfer, Decimal(part), by=None, now=timezone.now())
    make_order({offer: 1}, pos=pos)  # not paid: not in it
    issue(sold)
    credit_notes.withdraw(sold, by=None, now=timezone.now())
    return pos


made_books = once_per_file(make_books)


@pytest.fixture
def pos(made_books, db):
    """The shop, with rows of one's own to change and refresh."""
    return copy.deepcopy(made_books)


def test_lost_dispute_is_money_that_went_on_the_day_it_was_lost(pos):
    payment = Order.objects.filter(state="paid").earliest("pk").payments.get()
    opened = timezone.now() - timedelta(days=40)
    told = {"amount": payment.amount, "opened_at": opened}
    for state in ("open", "won", "lost"):
        status = DisputeStatus(f"du_{state}", state, **told)
        disputes.record(payment, (status,), now=timezone.now())
    (row,) = [row for row in table(pos.organiser) if row["entry"] == "dispute_lost"]
    assert (row["order"], row["gross"], row["net"]) == (payment.order.reference, -payment.amount, None)
    early = timezone.localdate() - timedelta(days=3)
    assert table(pos.organiser, early, early) == []


def test_sums_are_those_of_the_books(pos):
    rows = table(pos.organiser)
    with connection.cursor() as cursor:
        cursor.execute(BOOKS, {"organiser": pos.organiser_id})
        [(sold, vat, came, went, gone, papers)] = cursor.fetchall()
    assert (total(rows, "sale"), total(rows, "sale", "vat")) == (sold, vat)
    assert (total(rows, "payment"), -total(rows, "refund")) == (came, went)
    assert -total(rows, "cancellation") == gone > 0
    assert total(rows, "invoice") + total(rows, "credit_note") == papers == 0
    assert total(rows, "sale", "net") + vat == sold
    assert {row["vat_rate"] for row in rows if row["entry"] == "sale"} == {
        Decimal("8.1"),
        Decimal("2.6"),
        Decimal(0),
    }
    assert {str(row["method"]) for row in rows if row["entry"] == "payment"} == {"on_site", "bank_transfer"}
    assert "Zqacme" not in str(rows)


def test_period_is_days_of_the_organisers_time_zone():
    pos = make_pos(time_zone="Pacific/Auckland")
    order = order_with_rates(pos)
    morning = datetime(2026, 5, 2, 0, 30, tzinfo=pos.organiser.zone)  # still 1 May in UTC
    Order.objects.filter(pk=order.pk).update(paid_at=morning)
    day = morning.date()
    assert {row["day"] for row in table(pos.organiser, day, day) if row["entry"] == "sale"} == {day}
    before = day - timedelta(days=1)
    assert total(table(pos.organiser, before, before), "sale") == 0


def test_seller_without_vat_number_has_one_amount_a_sale_and_rate():
    pos = make_pos(vat_number="")
    order = order_with_rates(pos)
    rows = [row for row in table(pos.organiser) if row["entry"] == "sale"]
    assert total(rows, "sale") == order.total
    assert {row["vat"] for row in rows} == {row["vat_rate"] for row in rows} == {None}


def test_rows_of_another_organiser_are_not_in_it(pos):
    other = order_with_rates()
    assert other.reference not in str(table(pos.organiser))
    assert other.reference in str(table(other.organiser))


def test_accounting_requests_the_file_for_last_month(pos):
    staff = Staff(make_staff(pos.organiser, "accounting"))
    staff.open(staff.open(listing(Order)).link("Accounting"))
    assert "Home › Orders › Accounting" in " ".join(staff.page.text.split())
    page = staff.fill("since", {"since": "2026-05-02", "until": "2026-05-01"})
    assert "The last day is before the first one." in page.text
    page = staff.fill("since", {"since": "2020-01-01", "until": "2026-05-01"})
    assert "At most two years at once." in page.text
    today = timezone.localdate().isoformat()
    page = staff.fill("since", {"since": today, "until": today, "file_format": "csv"})
    assert "The export is asked for." in page.text
    assert Job.objects.get().parameters == {"since": today, "until": today}


def test_box_office_may_not_export(pos):
    assert Staff(make_staff(pos.organiser, "box office")).open("/admin/sales/order/accounting/").status == 403
