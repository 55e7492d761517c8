"""The receipt: as a page, as PDF, in the back office; its sums are those of the order."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from privacy.erasure import erasing
from tests.factories.catalogue import EventFactory, OfferFactory, SessionFactory, TariffFactory
from tests.factories.organisers import make_staff
from tests.factories.sales import make_order
from tests.qr import text_of_pdf
from tests.staff import Staff, change
from tests.visitor import TestClientVisitor
from ticketshop.sales.mails import order_mails
from ticketshop.sales.models import Order
from ticketshop.sales.orders import orders
from ticketshop.sales.papers import receipts
from ticketshop.sales.payments import payments

from .selling import VAT_NUMBER, flat, make_pos, offers, order_with_rates

pytestmark = pytest.mark.django_db


def pdf_of(order: Order) -> bytes:
    order = Order.objects.select_related("point_of_sale__organiser").get(pk=order.pk)
    return receipts.pdf(order)


@pytest.mark.scenario("DOC-01")
def test_receipt_states_seller_lines_vat_by_rate_and_how_it_was_paid():
    order = order_with_rates()
    link = order_mails.order_path(order)
    visitor = TestClientVisitor()
    page = visitor.open(visitor.open(link).link("Receipt"))
    pdf = flat(pdf_of(order))
    for text in (page.text, pdf):
        text = text.replace("\N{NO-BREAK SPACE}", " ")
        for stated in (
            order.reference,
            "Theatre Association",
            "Stage Street 7",
            "3011 Bern, Switzerland",
            VAT_NUMBER,
        ):
            assert stated in text
        # Gross, net and VAT at each rate; then together.
        assert "8.1% CHF 64.85 CHF 5.25 CHF 70.10" in text
        assert "2.6% CHF 45.03 CHF 1.17 CHF 46.20" in text
        assert "0% CHF 47.00 CHF 0.00 CHF 47.00" in text
        assert "Together CHF 156.88 CHF 6.42 CHF 163.30" in text
        assert "How it was paid" in text
        assert "On site" in text or "box office" in text
        assert "Grace" not in text


def test_sums_of_the_receipt_are_those_of_the_order():
    order = order_with_rates()
    receipt = receipts.of_order(order)
    assert (receipt.total, receipt.vat_total) == (order.total, order.vat_total)
    assert sum(rate.gross for rate in receipt.rates) == order.total
    assert sum(line.total for line in receipt.lines) == order.total
    assert [section.movements[0].amount for section in receipt.sections] == [order.total]


def test_receipt_of_a_seller_without_vat_number_states_no_vat():
    order = order_with_rates(make_pos(vat_number=""))
    assert order.vat_total > 0
    visitor = TestClientVisitor()
    order_page = visitor.open(order_mails.order_path(order)).text
    for text in (
        flat(pdf_of(order)),
        order_page,
        visitor.open(f"{order_mails.order_path(order)}receipt/").text,
    ):
        assert not re.search(r"\bVAT\b", text)
        assert "163.30" in text


def test_unpaid_order_has_no_receipt():
    order = make_order()
    visitor = TestClientVisitor()
    assert "Receipt" not in visitor.open(order_mails.order_path(order)).text
    for name in ("receipt/", "receipt.pdf"):
        assert visitor.open(f"{order_mails.order_path(order)}{name}").status == 404
    staff = Staff(make_staff(order.organiser))
    page = staff.open(f"/admin/sales/order/{order.pk}/receipt/")
    assert "There is no receipt yet" in page.text


def test_receipt_is_in_the_language_of_the_order():
    order = order_with_rates()
    Order.objects.filter(pk=order.pk).update(language="fr")
    text = flat(pdf_of(order))
    assert "Quittance" in text
    assert "8,1 %" in text
    assert "Receipt" not in text


def test_receipt_of_a_cancelled_order_states_what_is_paid_back():
    order = order_with_rates()
    orders.cancel(order, by=None, now=timezone.now())
    before = flat(pdf_of(order))
    assert "2 × Hamlet, Adult" in before
    assert "After what was cancelled, the price is CHF 0.00." in before.replace("\N{NO-BREAK SPACE}", " ")
    assert "Refunds" in before
    assert "to be paid back, requested on" in before
    assert "\N{MINUS SIGN}CHF 163.30" in before
    payments.refund_done(order.payments.get().refunds.get(), by=None, now=timezone.now())
    assert "to be paid back, requested on" not in flat(pdf_of(order))


def test_receipt_lists_each_payment():
    [offer] = offers(make_pos(), ("Adult", "35.00", "8.1"))
    order = make_order({offer: 1})
    first = timezone.now() - timedelta(days=3)
    payments.receive(order, Decimal("20.00"), by=None, now=first)
    payments.receive(order, Decimal("15.00"), by=None, now=timezone.now())
    order.refresh_from_db()
    [section] = receipts.of_order(order).sections
    assert [movement.amount for movement in section.movements] == [Decimal("20.00"), Decimal("15.00")]


def test_receipt_after_the_erasure_of_the_buyer_has_no_name_and_the_same_sums():
    order = order_with_rates()
    before = flat(pdf_of(order))
    erasing.erase(order.buyer, by=None, now=timezone.now() + timedelta(days=900))
    order.refresh_from_db()
    assert order.buyer is None
    assert flat(pdf_of(order)) == before
    page = Staff(make_staff(order.organiser)).open(change(order))
    assert "Receipt (PDF)" in page.text


def test_receipt_keeps_the_titles_of_the_sale():
    order = order_with_rates()
    event = order.lines.first().offer.session.event
    event.title = "Macbeth"
    event.save()
    assert "Hamlet" in flat(pdf_of(order))


def test_receipt_with_many_long_lines_has_numbered_pages_and_repeats_the_head():
    pos = make_pos(legal_name="Verein zur Förderung der Aufführung sehr langer Stücke " * 2)
    event = EventFactory(pos=pos, title="A very long title of an event that goes on and on, " * 3)
    session = SessionFactory(event=event)
    tariffs = [
        TariffFactory(event=event, name=f"Tariff {n} with a long name that needs its room", price=Decimal(n))
        for n in range(1, 19)
    ]
    order = make_order({OfferFactory(session=session, tariff=tariff): 1 for tariff in tariffs}, paid=True)
    pages = text_of_pdf(pdf_of(order))
    assert len(pages) > 1
    for number, page in enumerate(pages, 1):
        assert f"Page {number} of {len(pages)}" in page
    assert all(f"Tariff {n} " in " ".join(pages) for n in range(1, 19))
    assert "What was bought" in pages[1]


def test_staff_who_may_see_the_order_get_its_receipt():
    order = order_with_rates()
    staff = Staff(make_staff(order.organiser, "box office"))
    page = staff.open(f"/admin/sales/order/{order.pk}/receipt/")
    assert page.headers["Content-Type"] == "application/pdf"
    stranger = Staff(make_staff(make_pos().organiser))
    assert stranger.open(f"/admin/sales/order/{order.pk}/receipt/").status == 404


def test_same_receipt_is_the_same_file():
    order = order_with_rates()
    assert pdf_of(order) == pdf_of(order)


def test_receipt_above_the_limit_tells_how_to_get_an_invoice():
    pos = make_pos(receipt_limit=Decimal("163.29"))
    assert "ask for an invoice" in flat(pdf_of(order_with_rates(pos)))
    assert "ask for an invoice" not in flat(
        pdf_of(order_with_rates(make_pos(receipt_limit=Decimal("163.30"))))
    )
