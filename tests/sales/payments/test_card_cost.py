"""A card purchase costs little more than one that is paid at the box office: the same requests, and at most twenty statements more."""

from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.bench.buying import Purchase
from tests.bench.load import Answer
from tests.factories.catalogue import OfferFactory
from tests.factories.sales import PaymentMethodFactory
from tests.visitor import TestClientVisitor
from ticketshop.sales.models import Order

pytestmark = pytest.mark.django_db
FRAME = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")


def cost(offer, pay=None) -> tuple[int, int]:
    """Buy a ticket. Return the numbers of requests and of statements, with those of settling the payment and issuing the ticket."""
    visitor, statements = TestClientVisitor(), []

    def send(path: str, form: dict[str, str] | None = None) -> Answer:
        with CaptureQueriesContext(connection) as captured:
            page = visitor.send("GET" if form is None else "POST", path, form)
        statements.extend(query["sql"] for query in captured if not query["sql"].startswith(FRAME))
        return Answer(page.status, page.headers.get("Location", ""), {}, page.source.encode())

    event = offer.session.event
    url = f"/{event.points_of_sale.get().slug}/events/{event.slug}/"
    purchase = Purchase(send, url, offer.pk, Order.objects.count(), pay=pay)
    purchase.buy()
    return len(purchase.requests), len(statements)


def test_card_purchase_takes_the_same_requests_and_twenty_statements_more(stripe):
    offer = OfferFactory()
    pos = offer.session.event.points_of_sale.get()
    PaymentMethodFactory(point_of_sale=pos)
    PaymentMethodFactory(point_of_sale=pos, code="stripe")

    def pay(url: str) -> str:
        number = url.rpartition("/")[2]
        stripe.account.pay(number)
        return urlsplit(stripe.account.session(number)["success_url"]).path

    for method in (None, pay):
        cost(offer, method)  # what is read once for a process is not counted
    (requests, statements), (card_requests, card_statements) = cost(offer), cost(offer, pay)
    assert Order.objects.filter(state="paid").count() == 2
    assert card_requests == requests
    assert card_statements <= statements + 20
