"""``compare_payments`` with Stripe's lists, as the fake Stripe answers them page after page."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from tests.factories.accounts import UserFactory
from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.sales import PaymentMethodFactory, make_order
from tests.sales.payments.paying import start_paying
from tests.sales.payments.test_comparing import compared
from tests.sales.payments.test_stripe_checkout import pay_now, send
from ticketshop.demo.fake_stripe import objects
from ticketshop.lib.dates import days
from ticketshop.sales.models import Dispute, Order, Payment, PaymentDifference, PaymentMethod, Refund
from ticketshop.sales.payments import differences, methods, payments, provider_pages, refunds
from ticketshop.sales.payments.methods import stripe_lists
from ticketshop.sales.payments.methods.base import Movement

pytestmark = pytest.mark.django_db
NOW = timezone.now


def shop(slug: str = "theatre", **values):
    pos = PointOfSaleFactory(slug=slug, **values)
    PaymentMethodFactory(point_of_sale=pos, code="stripe")
    return OfferFactory(pos=pos, price=Decimal("35.50"))


def paid(stripe, offer) -> Order:
    order = make_order({offer: 2}, method="stripe")
    start_paying(order)
    stripe.account.pay(stripe.last)
    provider_pages.settle(Payment.objects.get(order=order), now=NOW())
    order.refresh_from_db()
    assert order.state == "paid"
    return order


def pay_back(order: Order, amount: str) -> Refund:
    refunds.pay_back(order, Decimal(amount), before=Decimal(0), by=None, now=NOW())
    refunds.PAY_BACK.run(NOW())
    return Refund.objects.get(payment__order=order)


def of_today(*more) -> str:
    zone = Order.objects.select_related("organiser").first().organiser.zone
    return compared(days.day_of(NOW(), zone), *more)


@pytest.fixture
def order(stripe) -> Order:
    return paid(stripe, shop())


def the(stripe, kind: str) -> objects.Object:
    (row,) = stripe.account.of_kind(kind)
    return row


def test_payments_refunds_disputes_and_payouts_of_a_day_agree(stripe, order):
    assert pay_back(order, "10.50").state == "done"
    stripe.account.dispute(stripe.only)
    assert send(stripe, stripe.account.events[-1]).status_code == 200
    stripe.account.pay_out(6050)
    text = of_today()
    assert (
        "theatre stripe" in text
        and "ok: 71.00 CHF disputed, 71.00 CHF came, 60.50 CHF paid out to the account, 10.50 CHF went back"
        in text
    )
    assert "ERROR" not in text


def test_money_that_only_stripe_knows_is_named(stripe, order):
    waiting = make_order({order.lines.get().offer: 1}, method="stripe")
    pay_now(waiting)
    stripe.account.pay(stripe.last)
    text = of_today()
    assert f"payment {waiting.payments.get().pk}: 35.50 CHF came, and it is “started” here" in text
    Payment.objects.filter(order=waiting).update(provider_reference="", provider_url="")
    text = of_today()
    assert f"{stripe.last}: 35.50 CHF came, and no payment here has this reference" in text
    assert "ERROR 1 of 1 lists differ" in text


def test_money_that_only_the_shop_knows_is_named(stripe, order):
    pay_back(order, "10.50")
    for kind in ("charge", "refund"):
        del stripe.account.objects[the(stripe, kind)["id"]]
    text = of_today()
    assert (
        f"payment {order.payments.get().pk}: 71.00 CHF are noted here, and the provider lists nothing" in text
    )
    assert "10.50 are noted here as paid back, and the provider lists 0.00" in text
    assert "ERROR 1 of 1 lists differ" in text


def test_another_amount_a_refund_by_hand_and_an_unknown_dispute_are_named(stripe, order):
    the(stripe, "charge")["amount_captured"] = 7000
    account, session = stripe.account, stripe.only
    account.refund(the(stripe, "payment_intent")["id"], 500, {})
    account.dispute(session)
    text = of_today()
    assert "70.00 CHF came, and 71.00 CHF are noted here" in text
    assert f"{the(stripe, 'refund')['id']}: 5.00 went back, and only 0.00 are noted here" in text
    assert f"{the(stripe, 'dispute')['id']}: 71.00 CHF are disputed, and 0.00 are noted here" in text
    assert not Dispute.objects.exists()


@pytest.mark.parametrize("status", ["pending", "failed"])
def test_refund_that_is_not_done_is_no_movement(stripe, order, status):
    stripe.account.refund_status = status
    assert pay_back(order, "10.50").state != "done"
    assert "ok: 71.00 CHF came\n" in of_today()


def test_refund_that_failed_and_was_paid_in_another_way_is_no_difference(stripe, order):
    refund = pay_back(order, "10.50")
    stripe.account.fail_refund(stripe.only)
    assert "10.50 are noted here as paid back, and the provider lists 0.00" in of_today()
    assert refunds.note_failed(order.payments.get(), now=NOW()) == 1
    assert payments.refund_done(refund, by=UserFactory(), now=NOW())
    assert "ok: 71.00 CHF came\n" in of_today()


def test_payments_of_other_shops_of_the_account_are_left_out(stripe, order):
    other = dict(the(stripe, "charge"), id="ch_other", metadata={}, payment_intent=None)
    stripe.account.objects[other["id"]] = other
    assert "ok: 71.00 CHF came\n" in of_today()


@pytest.mark.parametrize("name", ["THEATRE", "STAGE"])
def test_two_points_of_sale_with_one_account_agree_also_if_it_has_two_names(stripe, order, settings, name):
    settings.STRIPE_ACCOUNTS = {name: settings.STRIPE_ACCOUNTS["THEATRE"], **settings.STRIPE_ACCOUNTS}
    offer = shop("opera", organiser=order.organiser)
    PaymentMethod.objects.exclude(point_of_sale=order.point_of_sale).update(settings={"account": name})
    other = paid(stripe, offer)
    text = of_today()
    assert text.count("ok: 71.00 CHF came\n") == 2
    assert "ERROR" not in text
    # Known to be the other one's order, though no payment has the page any more.
    Payment.objects.filter(order=other).update(provider_reference="", provider_url="")
    text = of_today()
    assert text.count("no payment here has this reference") == 1
    assert "ok" in text.partition("opera")[0]
    # An order that nobody has is named once.
    the_session = stripe.account.session(stripe.last)
    the_session["metadata"] = {"order": "GONE"}
    text = of_today()
    assert text.count("no payment here has this reference") == 1
    assert "ok" in text.partition("opera")[2]


def test_two_organisers_with_one_account_by_mistake_learn_nothing_of_each_other(stripe, order):
    opera = shop("opera").session.event.points_of_sale.get()
    assert opera.organiser != order.organiser
    event = stripe.account.events[-1]
    assert "ok: 71.00 CHF came\n" in of_today().partition("opera")[0]
    # Known to be an order of the theatre, though no payment has the page any more.
    Payment.objects.filter(order=order).update(provider_reference="", provider_url="")
    theatre, _name, of_opera = of_today().partition("opera")
    assert "no payment here has this reference" in theatre
    assert "no payment here has this reference" not in of_opera and "ok" in of_opera
    payments_before = list(Payment.objects.values())
    assert send(stripe, event, "/hooks/stripe/opera/").status_code == 200
    assert list(Payment.objects.values()) == payments_before
    assert not PaymentDifference.objects.filter(point_of_sale=opera).exists()


def test_lists_longer_than_a_page_are_read_to_the_end(stripe, order):
    charge, session = the(stripe, "charge"), the(stripe, "checkout.session")
    for number in range(230):
        names = {"payment_intent": f"pi_{number}"}
        stripe.account.objects[f"ch_{number}"] = {**charge, "id": f"ch_{number}", **names}
        stripe.account.objects[f"cs_{number}"] = {**session, "id": f"cs_{number}", **names}
    method = methods.redirecting(order.point_of_sale, "stripe")
    created = charge["created"]
    start, end = (datetime.fromtimestamp(created + seconds, UTC) for seconds in (0, 1))
    stripe.asked.clear()
    movements = method.list_payments(start, end)
    assert {row.reference for row in movements} == {session["id"], *(f"cs_{number}" for number in range(230))}
    assert {(row.kind, row.amount, row.currency, row.at) for row in movements} == {
        (Movement.PAYMENT, Decimal("71.00"), "CHF", start)
    }
    assert (stripe.asked["GET /v1/charges"], stripe.asked["GET /v1/checkout/sessions"]) == (3, 3)
    assert method.list_payments(end, end.replace(year=end.year + 1)) == []


def test_page_that_was_opened_long_before_is_looked_up(stripe, order):
    the(stripe, "checkout.session")["created"] -= 100 * 24 * 3600
    assert "ok: 71.00 CHF came\n" in of_today()


def test_refused_key_is_distinguished_from_a_silent_service(stripe, order, settings):
    stripe.behaviour.away = True
    assert "does not answer. Try again later" in of_today()
    stripe.behaviour.away = False
    settings.STRIPE_ACCOUNTS = {"THEATRE": {"SECRET_KEY": "sk_test_other", "WEBHOOK_SECRET": "whsec_x"}}
    assert "refuses the key, or does not let it read its lists" in of_today()


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        (3550, "chf", "35.50"),
        (500, "jpy", "500"),
        (1234, "kwd", "1.234"),
        # Without decimals, but Stripe counts hundredths: https://docs.stripe.com/currencies
        (500, "isk", "5.00"),
    ],
)
def test_amounts_are_read_in_the_smallest_unit_of_their_currency(amount, currency, expected):
    assert str(stripe_lists.from_minor_units(amount, currency)) == expected


def test_lost_dispute_whose_webhooks_never_came_is_noted_by_the_nightly_comparison(stripe, order):
    stripe.account.dispute(stripe.only)
    differences.COMPARE.run(NOW() + timedelta(days=1))
    assert (Dispute.objects.get().state, PaymentDifference.objects.count()) == ("open", 0)
    stripe.account.close_dispute(stripe.only, "lost")
    differences.COMPARE.run(NOW() + timedelta(days=60))
    assert (Dispute.objects.get().state, Refund.objects.get().kind) == ("lost", "taken")
    assert "ERROR" not in of_today()
