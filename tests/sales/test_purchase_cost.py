"""The number of requests and statements of a purchase; ``python -m tests.bench --only purchases`` measures its CPU time."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.bench.buying import Purchase
from tests.bench.load import Answer
from tests.factories.catalogue import OfferFactory
from tests.factories.registration_forms import ask, make_form, publish
from tests.factories.sales import PaymentMethodFactory
from tests.visitor import TestClientVisitor
from ticketshop.sales.models import Order

pytestmark = pytest.mark.django_db

FRAME = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")


def buy(offer, answers: dict[str, str] | None = None, *, shows_cart: bool = False) -> tuple[int, int]:
    """Buy a ticket of ``offer`` as a guest. Return the numbers of requests and of statements."""
    visitor, event = TestClientVisitor(), offer.session.event
    statements: list[str] = []

    def send(path: str, form: dict[str, str] | None = None) -> Answer:
        with CaptureQueriesContext(connection) as captured:
            page = visitor.send("GET" if form is None else "POST", path, form)
        statements.extend(query["sql"] for query in captured if not query["sql"].startswith(FRAME))
        return Answer(page.status, page.headers.get("Location", ""), {}, page.source.encode())

    url = f"/{event.points_of_sale.get().slug}/events/{event.slug}/"
    purchase = Purchase(send, url, offer.pk, Order.objects.count(), answers or {})
    purchase.shows_cart = shows_cart
    purchase.buy()
    return len(purchase.requests), len(statements)


@pytest.fixture
def offer():
    offer = OfferFactory()
    PaymentMethodFactory(point_of_sale=offer.session.event.points_of_sale.get())
    buy(offer)  # what is read once for a process is not counted
    return offer


def test_purchase_of_a_ticket_with_a_name(offer):
    assert buy(offer) == (7, 50)
    assert Order.objects.count() == 2


def test_purchase_by_way_of_the_cart_takes_two_requests_more(offer):
    assert buy(offer, shows_cart=True) == (9, 58)


def test_purchase_with_three_answers_one_of_them_limited(offer):
    organiser = offer.session.event.organiser
    form = make_form(organiser=organiser)
    menu = ask(form, "Menu", "dropdown", choices=["Meat", "Vegan"], visibility="mandatory")
    bus = ask(form, "Bus", "single_choice", choices=[("18:00", 9), "19:00"], visibility="mandatory")
    badge = ask(form, "Name on the badge", "text", visibility="mandatory")
    publish(form)
    offer.tariff.form = form
    offer.tariff.save()
    answers = {one.key: one.choices.order_by("position").first().key for one in (menu, bus)}
    answers[badge.key] = "Grace"
    buy(offer, answers)
    assert buy(offer, answers) == (7, 58)
    bus.choices.get(label_en="18:00").refresh_from_db()
    assert bus.choices.get(label_en="18:00").used == 2
