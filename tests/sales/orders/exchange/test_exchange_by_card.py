"""A card payment and an exchange: the difference is paid on the provider's page, and the provider's list still agrees."""

import io
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.utils import timezone

from tests.factories.catalogue import OfferFactory, SessionFactory, TariffFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.sales import PaymentMethodFactory, make_order
from ticketshop.lib.dates import days
from ticketshop.sales.models import Order, Payment, Refund
from ticketshop.sales.orders import books, orders
from ticketshop.sales.orders.exchange import exchanges
from ticketshop.sales.payments import provider_pages, refunds

pytestmark = pytest.mark.django_db(transaction=True)
NOW = timezone.now


def pay(order, provider) -> None:
    assert provider_pages.url_to_pay(order, return_url="http://shop/", language="en", now=NOW())
    payment = Payment.objects.filter(order=order, state="started").get()
    provider.pay(provider.pages[payment.provider_reference])
    provider_pages.settle(payment, now=NOW())
    order.refresh_from_db()


@pytest.mark.scenario("TIC-03")
def test_a_card_pays_the_difference_and_the_list_of_the_provider_agrees(provider):
    pos = PointOfSaleFactory(slug="theatre")
    PaymentMethodFactory(point_of_sale=pos, code="wallet", settings={"origin": provider.origin})
    offer = OfferFactory(pos=pos, price=Decimal("35.00"))
    event = offer.session.event
    dear = OfferFactory(
        session=SessionFactory(event=event), tariff=TariffFactory(event=event, price=Decimal("50.00"))
    )
    order = make_order({offer: 2}, method="wallet")
    pay(order, provider)
    key = f"ticket{order.tickets.order_by('pk').first().pk}"
    wish = exchanges.Wish([key], dear.session, dear.tariff)
    new = exchanges.exchange(order, wish, by=None, now=NOW()).order
    # Longer than the half hour of a buyer who is in the shop.
    assert new.expires_at > NOW() + timedelta(hours=2)
    pay(new, provider)
    assert new.state == "paid"
    assert sorted(page.paid for page in provider.pages.values()) == ["15.00", "70.00"]
    # The rest of the old order still goes back to the card by itself; of the new one, what the card paid.
    assert orders.cancel(Order.objects.get(pk=order.pk), by=None, now=NOW())
    assert orders.cancel(Order.objects.get(pk=new.pk), by=None, now=NOW())
    refunds.PAY_BACK.run(NOW())
    going_back = Refund.objects.filter(kind="paid_back").order_by("pk")
    assert [(refund.amount, refund.state) for refund in going_back] == [
        (Decimal("35.00"), "done"),
        (Decimal("15.00"), "done"),
        (Decimal("35.00"), "requested"),
    ]
    assert {code: found for code, found in books.check().items() if found} == {}
    out = io.StringIO()
    call_command("compare_payments", "--day", str(days.day_of(NOW(), pos.organiser.zone)), stdout=out)
    assert "ok: 85.00 CHF came, 50.00 CHF went back" in out.getvalue()
