"""Answers of a provider that are recorded at the same time, and an order that ends while its page is opened. Each race has a
twin without the protection, which goes wrong.
"""

from decimal import Decimal
from functools import partial

import pytest
from django.db.models import Q
from django.utils import timezone

from tests.at_once import at_once, meet
from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.sales import PaymentMethodFactory, make_order
from tests.wallet import Wallet
from ticketshop.catalogue.models import Allotment
from ticketshop.history import history
from ticketshop.mail.models import Mail
from ticketshop.sales.models import Order, Payment, Refund
from ticketshop.sales.orders import books, orders
from ticketshop.sales.payments import payments, provider_pages

pytestmark = pytest.mark.django_db(transaction=True)
NOW = timezone.now


@pytest.fixture
def offer(provider):
    pos = PointOfSaleFactory(slug="theatre")
    PaymentMethodFactory(point_of_sale=pos, code="wallet", settings={"origin": provider.origin})
    return OfferFactory(pos=pos, capacity=4, price=Decimal("35.00"))


def open_page(order: Order) -> str | None:
    return provider_pages.url_to_pay(
        Order.objects.get(pk=order.pk), return_url="http://shop/", language="en", now=NOW()
    )


@pytest.fixture
def order(offer) -> Order:
    order = make_order({offer: 1}, method="wallet")
    assert open_page(order)
    return order


def meet_before(monkeypatch, module, name: str) -> None:
    """Let the calls of ``at_once`` meet before this function."""
    original = getattr(module, name)

    def met(*args, **values):
        meet()
        return original(*args, **values)

    monkeypatch.setattr(module, name, met)


def meet_after(monkeypatch, module, name: str) -> None:
    """Let the calls of ``at_once`` meet after this function has read."""
    original = getattr(module, name)

    def met(*args, **values):
        found = original(*args, **values)
        meet()
        return found

    monkeypatch.setattr(module, name, met)


def without_the_condition(monkeypatch) -> None:
    """Record each answer, whether the payment is confirmed already or not."""
    confirmed = payments._confirmed
    monkeypatch.setattr(
        payments,
        "_confirmed",
        lambda payment, before, *args, **values: confirmed(payment, Q(), *args, **values),
    )


def settled_by_four_at_once(provider, order: Order) -> tuple:
    provider.pay(provider.only_page)
    copies = [Payment.objects.get(order=order) for _number in range(4)]
    at_once(*(partial(provider_pages.settle, payment, now=NOW()) for payment in copies))
    order.refresh_from_db()
    actions = [event.action for event in history.of(order)]
    mails = Mail.objects.filter(kind="order_paid").count()
    return order.state, actions.count("paid"), Refund.objects.count(), mails


@pytest.mark.scenario("PAY-03")
def test_return_webhook_job_and_button_at_once_record_the_money_once(provider, order, monkeypatch):
    meet_before(monkeypatch, provider_pages, "_record")
    assert settled_by_four_at_once(provider, order) == ("paid", 1, 0, 1)
    assert not any(books.check().values())


@pytest.mark.scenario("PAY-03")
def test_without_the_condition_on_the_state_the_money_is_recorded_several_times(provider, order, monkeypatch):
    meet_before(monkeypatch, provider_pages, "_record")
    without_the_condition(monkeypatch)
    state, _paid, refunds, _mails = settled_by_four_at_once(provider, order)
    assert (state, refunds > 0) == ("paid", True)


def test_two_tabs_that_open_the_page_at_once_get_the_same_one(provider, offer, monkeypatch):
    order = make_order({offer: 1}, method="wallet")
    meet_before(monkeypatch, provider_pages, "_keep")
    urls = at_once(partial(open_page, order), partial(open_page, order))
    assert set(urls) == {f"{provider.origin}/pay/{provider.only_page.id}"}


def opened_while_it_expires(provider, offer, monkeypatch) -> tuple:
    """The page is opened at the provider after the order was found without a page, and before it ends."""
    order = make_order({offer: 1}, method="wallet")
    meet_after(monkeypatch, payments, "stop")
    meet_after(monkeypatch, payments, "lock_order")
    url, _expired = at_once(
        partial(open_page, order), partial(orders.expire, Order.objects.get(pk=order.pk), now=NOW())
    )
    order.refresh_from_db()
    sold = Allotment.objects.get(pk=offer.allotment_id).sold
    return url is not None, order.state, sold


@pytest.mark.scenario("PAY-04")
def test_page_opened_while_the_order_expires_is_not_handed_out(provider, offer, monkeypatch):
    assert opened_while_it_expires(provider, offer, monkeypatch) in (
        (False, "expired", 0),
        (True, "pending", 1),
    )
    assert provider.only_page.state == "failed" or Payment.objects.exclude(provider_url="").exists()


def test_without_the_lock_on_the_order_a_page_of_an_expired_order_is_handed_out(provider, offer, monkeypatch):
    def unlocked(payment: Payment) -> Order:
        payment.order = Order.objects.select_related("buyer", "point_of_sale__organiser").get(
            pk=payment.order_id
        )
        return payment.order

    monkeypatch.setattr(payments, "lock_order", unlocked)
    assert opened_while_it_expires(provider, offer, monkeypatch) == (True, "expired", 0)


@pytest.mark.scenario("PAY-04")
def test_payment_at_the_very_moment_of_the_end_pays_the_order_or_goes_back(provider, order, monkeypatch):
    """The page is closed, and its money is reported at once: nothing is lost, in either order."""
    meet_before(monkeypatch, provider_pages, "_record")
    close_page = Wallet.close_page

    def paid_before(method, payment):
        provider.pay(provider.only_page)
        return close_page(method, payment)

    monkeypatch.setattr(Wallet, "close_page", paid_before)
    payment = Payment.objects.get(order=order)
    at_once(
        partial(orders.expire, Order.objects.get(pk=order.pk), now=NOW()),
        partial(provider_pages.settle, payment, now=NOW()),
    )
    provider_pages.settle(Payment.objects.get(pk=payment.pk), now=NOW())
    order.refresh_from_db()
    assert (order.state, Refund.objects.count()) == ("paid", 0)
    assert not any(books.check().values())
