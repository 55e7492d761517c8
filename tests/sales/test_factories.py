"""The factories other tests stand on."""

import pytest

from tests.factories.accounts import UserFactory
from tests.factories.catalogue import OfferFactory, SeasonPassFactory
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.sales import make_order
from ticketshop.catalogue.models import Allotment, Event
from ticketshop.organisers.models import Organiser, PointOfSale
from ticketshop.sales.models import Order

pytestmark = pytest.mark.django_db


def test_an_order_of_nothing_said_makes_one_of_each():
    order = make_order()
    assert (order.state, str(order.total), order.tickets.count()) == (Order.State.PENDING, "35.00", 1)
    assert {model: model.objects.count() for model in (Organiser, PointOfSale, Event, Allotment)} == {
        Organiser: 1,
        PointOfSale: 1,
        Event: 1,
        Allotment: 1,
    }


def test_an_order_with_everything_said():
    pos = PointOfSaleFactory()
    adult, season_pass = OfferFactory(pos=pos), SeasonPassFactory(pos=pos)
    buyer = ContactFactory(organiser=pos.organiser, user=UserFactory())
    order = make_order(
        {adult: 2, season_pass: 1},
        buyer=buyer,
        holders=[{"first_name": "Ada", "last_name": "Lovelace"}],
        method="bank_transfer",
        paid=True,
    )
    assert (order.buyer, order.state, order.tickets.count(), order.passes.count()) == (buyer, "paid", 2, 1)
    assert order.tickets.order_by("pk").first().holder == "Ada Lovelace"
    assert Organiser.objects.count() == 1


def test_a_guest_order_for_a_known_contact_and_a_free_one():
    pos = PointOfSaleFactory()
    buyer = ContactFactory(organiser=pos.organiser)
    order = make_order({OfferFactory(pos=pos, price=0): 1}, buyer=buyer)
    assert (order.buyer, order.state, order.payment_method) == (buyer, "paid", "free")


def test_staff_has_the_permissions_of_the_role():
    user = make_staff(PointOfSaleFactory().organiser, "box office")
    assert user.has_perm("sales.change_order")
    assert not user.has_perm("organisers.change_pointofsale")
