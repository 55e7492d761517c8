"""Rows of what is cancelled: parts that add up to the line, and what the migration adds for orders of earlier versions."""

import random
from decimal import Decimal
from importlib import import_module
from itertools import pairwise

import pytest
from django.db import connection
from django.utils import timezone

from tests.factories.catalogue import OfferFactory, SeasonPassFactory
from tests.factories.sales import make_order
from ticketshop.lib.values.money import vat_included
from ticketshop.sales.models import (
    Cancellation,
    CancelledLine,
    IssuedPass,
    Order,
    OrderLine,
    Payment,
    Refund,
    Ticket,
)
from ticketshop.sales.orders import books, cancelled_lines, orders
from ticketshop.sales.payments import payments


def test_parts_of_a_line_add_up_to_its_vat_in_any_sizes():
    rng = random.Random(12)
    for _ in range(500):
        price, rate = Decimal(rng.randint(1, 9999)) / 100, Decimal(rng.choice(["8.1", "2.6", "19", "7.7"]))
        quantity = rng.randint(1, 9)
        line = OrderLine(
            quantity=quantity, places=quantity * 2, unit_price=price, total=price * quantity, vat_rate=rate
        )
        line.vat_amount = vat_included(line.total, rate)
        cuts = sorted({0, quantity, *rng.sample(range(quantity + 1), min(2, quantity))})
        parts = [
            cancelled_lines._part(None, line, after - before, before) for before, after in pairwise(cuts)
        ]
        assert sum(part.vat_amount for part in parts) == line.vat_amount
        assert sum(part.total for part in parts) == line.total
        assert sum(part.places for part in parts) == line.places
        assert all(0 <= part.vat_amount <= part.total for part in parts)


@pytest.mark.django_db
def test_the_whole_rest_of_a_paid_order_is_written_down_and_of_an_unpaid_one_nothing():
    offer, now = OfferFactory(), timezone.now()
    season_pass = SeasonPassFactory(pos=offer.session.event.points_of_sale.get())
    paid, unpaid = make_order({offer: 2, season_pass: 1}, paid=True), make_order({offer: 1})
    sold = list(OrderLine.objects.order_by("pk").values())
    assert orders.cancel(paid, by=None, now=now)
    assert orders.cancel(unpaid, by=None, now=now)
    assert list(OrderLine.objects.order_by("pk").values()) == sold
    cancellation = Cancellation.objects.get()
    assert (cancellation.order, cancellation.made_at) == (paid, now)
    columns = ("quantity", "places", "unit_price", "total", "vat_amount")
    assert list(cancellation.lines.order_by("line").values_list("line", *columns)) == list(
        paid.lines.order_by("pk").values_list("pk", *columns)
    )
    assert set(cancellation.tickets.values_list("state", flat=True)) == {"cancelled"}
    assert cancellation.passes.get().state == "cancelled"
    assert not any(books.check().values())


@pytest.mark.django_db
def test_the_migration_adds_what_earlier_versions_cancelled():
    offer, now = OfferFactory(), timezone.now()
    paid, unpaid, kept = (
        make_order({offer: 2}, paid=True),
        make_order({offer: 1}),
        make_order({offer: 1}, paid=True),
    )
    payments.receive(paid, Decimal("5.00"), by=None, now=now)
    payments.receive(unpaid, Decimal("3.00"), by=None, now=now)
    for order in (paid, unpaid):
        orders.cancel(order, by=None, now=timezone.now())
    assert not any(books.check().values())
    written = list(CancelledLine.objects.values_list("line", "quantity", "places", "total", "vat_amount"))
    kinds = list(Refund.objects.order_by("pk").values_list("kind", "amount"))
    assert kinds == [("returned", 5), ("paid_back", paid.total), ("returned", 3)]

    for model in (Ticket, IssuedPass):
        model.objects.update(cancellation=None)
    CancelledLine.objects.all().delete()
    Cancellation.objects.all().delete()
    Refund.objects.update(kind="returned")
    assert books.offending(books.CANCELLED)
    migration = import_module("ticketshop.sales.migrations.0016_cancellations")
    with connection.cursor() as cursor:
        cursor.execute(migration.OF_EARLIER_VERSIONS)
    assert (
        list(CancelledLine.objects.values_list("line", "quantity", "places", "total", "vat_amount"))
        == written
    )
    assert list(Refund.objects.order_by("pk").values_list("kind", "amount")) == kinds
    assert not any(books.check().values())
    assert Order.objects.get(pk=kept.pk).cancellations.count() == 0
    assert Payment.objects.filter(order=kept, state="confirmed").exists()
