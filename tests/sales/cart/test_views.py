"""From the page of an event straight to the details of the order."""

import pytest

from tests.factories.catalogue import OfferFactory, TariffFactory
from tests.factories.sales import PaymentMethodFactory
from tests.visitor import TestClientVisitor
from ticketshop.catalogue.models import Event, Tariff
from ticketshop.organisers.models import PointOfSale
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


def test_cart_with_a_ticket_that_needs_another_leads_back_to_their_event(offer):
    adult = TariffFactory(event=offer.session.event, name="Adult")
    OfferFactory(session=offer.session, tariff=adult)
    Tariff.objects.filter(pk=offer.tariff_id).update(only_with=adult)
    visitor = choose(offer, 1, None)
    assert "is sold only together with “Adult” for the same date. Add one to go on." in visitor.page.text
    cart, event = visitor.page.url, visitor.page.link("Other tickets for this event")
    assert event.endswith(f"/events/{offer.session.event.slug}/")
    assert "Adult" in visitor.open(event).text
    # The page of an event that this point of sale no longer sells, or that is no longer published, is not found.
    offer.session.event.points_of_sale.clear()
    assert "Other tickets" not in visitor.open(cart).text
    offer.session.event.points_of_sale.set(PointOfSale.objects.all())
    assert "Other tickets" in visitor.open(cart).text
    Event.objects.update(state=Event.State.DRAFT)
    assert "Other tickets" not in visitor.open(cart).text
