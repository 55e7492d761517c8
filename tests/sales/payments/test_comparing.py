"""``compare_payments``: what a provider lists for a day and what is noted here are the same, or the difference is named."""

import io
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.sales import PaymentMethodFactory, make_order
from tests.wallet import ProvidersPage, Wallet
from ticketshop.lib.dates import days
from ticketshop.sales.models import Order, Payment, Refund
from ticketshop.sales.payments import provider_pages, refunds
from ticketshop.sales.payments.methods.base import RedirectMethod

pytestmark = pytest.mark.django_db(transaction=True)
NOW = timezone.now


@pytest.fixture
def order(provider):
    """A paid order, of which a part went back."""
    pos = PointOfSaleFactory(slug="theatre")
    PaymentMethodFactory(point_of_sale=pos, code="wallet", settings={"origin": provider.origin})
    order = make_order({OfferFactory(pos=pos, price=Decimal("35.00")): 1}, method="wallet")
    assert provider_pages.url_to_pay(order, return_url="http://shop/", language="en", now=NOW())
    provider.pay(provider.only_page)
    provider_pages.settle(Payment.objects.get(), now=NOW())
    order.refresh_from_db()
    refunds.pay_back(order, Decimal("10.00"), before=Decimal(0), by=None, now=NOW())
    refunds.PAY_BACK.run(NOW())
    assert Refund.objects.get().state == "done"
    return order


def compared(day=None, *more) -> str:
    out = io.StringIO()
    day = day or today()
    try:
        call_command("compare_payments", "--day", day.isoformat(), *more, stdout=out)
    except CommandError as error:
        out.write(f"ERROR {error}")
    return out.getvalue()


def today() -> date:
    return days.day_of(NOW(), Order.objects.select_related("organiser").get().organiser.zone)


def test_a_day_of_which_both_know_the_same_agrees(order):
    text = compared()
    assert "theatre wallet" in text
    assert "ok: 35.00 CHF came, 10.00 CHF went back" in text
    assert "ERROR" not in text


def test_another_day_has_no_money(order):
    text = compared(today() - timedelta(days=3), "--point-of-sale", "theatre")
    assert "ok: no money moved" in text


def test_money_that_is_not_noted_here_is_named(order, provider):
    page = ProvidersPage("page9", "", "12.00", "CHF", "", "")
    provider.pages[page.id] = page
    provider.pay(page)
    text = compared()
    assert "page9: 12.00 CHF came, and no payment here has this reference" in text
    assert "1 of 1 lists differ" in text


def test_money_noted_here_that_never_came_is_named(order, provider):
    provider.pages.clear()
    text = compared()
    payment = Payment.objects.get()
    assert f"payment {payment.pk}: 35.00 CHF are noted here, and the provider lists nothing" in text
    assert "10.00 are noted here as paid back, and the provider lists 0.00" in text


def test_another_amount_and_an_unconfirmed_payment_are_named(order, provider):
    provider.only_page.paid = "36.00"
    assert "36.00 CHF came, and 35.00 CHF are noted here" in compared()
    Payment.objects.update(state="failed")
    assert "36.00 CHF came, and it is “failed” here" in compared()


def test_second_refund_of_the_same_amount_is_named_although_the_first_is_noted(order, provider):
    page = provider.only_page
    page.refunds["by hand"], page.refunded_at["by hand"] = "10.00", NOW().timestamp()
    Refund.objects.update(done_at=NOW() - timedelta(days=3))
    page.refunded_at = {
        key: at if key == "by hand" else at - 3 * 86400 for key, at in page.refunded_at.items()
    }
    assert "by hand: 10.00 went back, and only 0.00 are noted here" in compared()
    assert "ERROR" not in compared(today() - timedelta(days=3))


def test_money_that_went_back_unnoticed_is_named(order, provider):
    provider.only_page.refunds["by hand"], provider.only_page.refunded_at["by hand"] = (
        "5.00",
        NOW().timestamp(),
    )
    assert "by hand: 5.00 went back, and only 0.00 are noted here" in compared()


def test_a_method_without_a_list_a_silent_provider_and_an_unknown_shop_say_so(order, provider, monkeypatch):
    assert "No point of sale has the address “nowhere”" in compared(None, "--point-of-sale", "nowhere")
    provider.away = True
    assert "does not answer. Try again later" in compared()
    monkeypatch.setattr(Wallet, "list_payments", RedirectMethod.list_payments)
    assert "has no list to compare with" in compared()
