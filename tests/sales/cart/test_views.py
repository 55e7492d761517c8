"""From the page of an event straight to the details of the order."""

import pytest

from tests.factories.catalogue import OfferFactory
from tests.factories.sales import PaymentMethodFactory
from tests.visitor import TestClientVisitor
from ticketshop.sales.models import Order, Ticket

pytestmark = pytest.mark.django_db


@pytest.fixture
def offer():
    offer = OfferFactory(session__event__slug="hamlet", allotment__capacity=3)
    PaymentMethodFactory(point_of_sale=offer.session.event.points_of_sale.get())
    return offer


def choose(offer, number: int, button: tuple[str, str] | None) -> TestClientVisitor:
    visitor = TestClientVisitor()
    event = offer.session.event
    visitor.open(f"/{event.points_of_sale.get().slug}/events/{event.slug}/")
    assert "Continue to your details" in visitor.page.text
    visitor.fill("cart/add/", {f"offer-{offer.pk}": number}, button=button)
    return visitor


def test_button_to_the_details_skips_the_cart_and_a_ticket_is_ordered(offer):
    visitor = choose(offer, 1, ("checkout", "1"))
    assert visitor.page.url.endswith("/checkout/")
    visitor.give_details(email="ada@example.org", holders=[("Ada", "Lovelace")])
    assert "Thank you" in visitor.place("on_site").text
    assert Ticket.objects.get(order=Order.objects.get()).holder_last_name == "Lovelace"


def test_button_to_the_cart_shows_the_cart(offer):
    assert choose(offer, 1, None).page.url.endswith("/cart/")


def test_button_to_the_details_without_a_quantity_stays_on_the_page(offer):
    visitor = choose(offer, 0, ("checkout", "1"))
    assert visitor.page.url.endswith(f"/events/{offer.session.event.slug}/")
    assert "Choose how many tickets you want" in visitor.page.text
