"""A place booked with a pass, and a free ticket, cost nothing: pages, mails and PDFs tell that in words and print no amount."""

import io
from decimal import Decimal

import pytest
from django.utils import timezone
from pypdf import PdfReader

from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.sales import make_order
from tests.sales.mails.test_order_mails import deliver, mark_sent
from tests.visitor import TestClientVisitor
from ticketshop.sales.bookings import booking
from ticketshop.sales.models import Order

from .conftest import make_holder

pytestmark = pytest.mark.django_db
CURRENCY = "CHF"


def url_of(order: Order) -> str:
    return f"/{order.point_of_sale.slug}/orders/{order.reference}/{order.secret}/"


def pdf_text(visitor: TestClientVisitor, order: Order) -> str:
    content = visitor.client.get(f"{url_of(order)}tickets.pdf").content
    return " ".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)


def test_a_booking_names_the_pass_and_prints_no_amount(mailoutbox):
    holder = make_holder(entries=5, hours=96)
    mark_sent()
    visitor, order = holder.visitor(), holder.book()
    name = holder.issued.shown_name
    page = visitor.open(url_of(order)).text
    assert f"with the pass “{name}”" in page
    tickets = visitor.open(f"{url_of(order)}tickets/").text
    pdf = pdf_text(visitor, order)
    assert f"With the pass “{name}”" in tickets
    assert f"With the pass “{name}”" in " ".join(pdf.split())
    orders = visitor.open(f"/{holder.pos.slug}/account/orders/").text
    assert order.reference in orders
    (letter,) = deliver(mailoutbox)
    assert f"Booked with “{name}”" in letter.body
    booking.cancel(order, order.tickets.get(), by=holder.contact.user, now=timezone.now())
    cancelled = visitor.open(url_of(order)).text
    texts = [page, tickets, pdf, cancelled, letter.body, *(letter.body for letter in deliver(mailoutbox))]
    assert not [text for text in texts if "0.00" in text or "Free of charge" in text]
    # The pass itself cost something: its order is in the same list.
    assert f"{CURRENCY} 0.00" not in orders.replace("\N{NO-BREAK SPACE}", " ")
    assert CURRENCY in orders


def test_the_receipt_of_a_booking_is_neither_offered_nor_there():
    holder = make_holder(entries=5)
    visitor, order = holder.visitor(), holder.book()
    assert "Receipt" not in visitor.open(url_of(order)).text
    assert visitor.client.get(f"{url_of(order)}receipt/").status_code == 404
    bought = holder.issued.order
    assert "Receipt" in visitor.open(url_of(bought)).text


def test_free_tickets_are_called_free_beside_tickets_with_a_price(mailoutbox):
    pos = PointOfSaleFactory()
    free, paid = OfferFactory(pos=pos, price=Decimal(0), capacity=5), OfferFactory(pos=pos, capacity=5)
    visitor = TestClientVisitor()
    only = make_order({free: 1}, pos=pos)
    both = make_order({free: 1, paid: 1}, pos=pos, paid=True)
    pages = [visitor.open(url_of(order)).text for order in (only, both)]
    texts = [*pages, *(pdf_text(visitor, order) for order in (only, both))]
    texts += [letter.body for letter in deliver(mailoutbox)]
    assert len(texts) >= 6
    assert all("free" in text.lower() for text in texts)
    assert not [text for text in texts if " 0.00" in text.replace("\N{NO-BREAK SPACE}", " ")]
    assert CURRENCY not in pages[0]
    assert "35.00" in pages[1]
