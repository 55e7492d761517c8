"""Invoice numbers have no gaps and no doubles, however many orders are invoiced at once."""

from functools import partial

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from tests.at_once import at_once, meet
from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.sales import make_order
from tests.sales.orders.test_races import a_connection_for_everybody  # noqa: F401
from ticketshop.sales.models import Invoice, InvoiceCounter
from ticketshop.sales.orders import books
from ticketshop.sales.papers import invoices

pytestmark = pytest.mark.django_db(transaction=True)
ORDERS = 20
RECIPIENT = {"name": "Acme", "street": "Lane", "postcode": "3000", "city": "Bern", "country": "CH"}


@pytest.fixture
def orders():
    pos = PointOfSaleFactory()
    offer = OfferFactory(pos=pos)
    # Of different buyers: two orders of one buyer are invoiced one after the other.
    buyers = [
        {"first_name": "Grace", "last_name": "Hopper", "email": f"grace{number}@example.org"}
        for number in range(ORDERS)
    ]
    made = [make_order({offer: 1}, pos=pos, buyer=buyer, paid=True) for buyer in buyers]
    InvoiceCounter.objects.create(organiser=pos.organiser, year=timezone.now().year)
    return made


def issue(order) -> int | None:
    """Return the number of the invoice; None if its number was taken."""
    try:
        return invoices.issue(order, RECIPIENT, by=None, now=timezone.now()).number
    except IntegrityError:
        return None


class _Met:
    """A counter that is read, and used when the others have read it or wait for it."""

    def __init__(self, rows):
        self.rows = rows

    def get(self):
        counter = self.rows.get()
        meet()
        return counter


def counters_that_meet(monkeypatch, *, locked: bool) -> None:
    def counter_of(organiser, year):
        rows = InvoiceCounter.objects.filter(organiser=organiser, year=year)
        return _Met(rows.select_for_update() if locked else rows)

    monkeypatch.setattr(invoices, "counter_of", counter_of)


def test_twenty_orders_at_once_get_the_numbers_one_to_twenty(orders, monkeypatch):
    counters_that_meet(monkeypatch, locked=True)
    numbers = at_once(*(partial(issue, order) for order in orders))
    assert sorted(numbers) == list(range(1, ORDERS + 1))
    assert all(broken == [] for broken in books.check().values())


def test_without_the_lock_several_draw_the_same_number(orders, monkeypatch):
    counters_that_meet(monkeypatch, locked=False)
    numbers = at_once(*(partial(issue, order) for order in orders))
    assert numbers.count(None) > 0


def test_number_of_an_invoice_that_is_rolled_back_is_drawn_again(orders):
    first, second = orders[:2]

    class Lost(Exception):
        pass

    with pytest.raises(Lost), transaction.atomic():
        assert issue(first) == 1
        raise Lost
    assert issue(second) == 1
    assert Invoice.objects.count() == 1
