"""Card and TWINT through Stripe: what Stripe is asked and told, its webhooks and refunds, and what happens when it is away.

What all methods with a provider have in common is in ``test_provider_pages.py``.
"""

import logging
import secrets
from datetime import timedelta
from decimal import Decimal
from urllib.parse import parse_qsl

import pytest
from django.test import Client
from django.utils import timezone

from tests.factories.accounts import UserFactory
from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.sales import PaymentMethodFactory, make_order
from tests.sales.payments.paying import start_paying
from tests.staff import Staff, change
from tests.visitor import TestClientVisitor
from ticketshop.demo.fake_stripe import webhooks
from ticketshop.history import history
from ticketshop.jobs.models import Failure
from ticketshop.sales.mails import order_mails
from ticketshop.sales.models import Order, Payment, Refund
from ticketshop.sales.orders import orders
from ticketshop.sales.payments import methods, payments, refunds
from ticketshop.sales.payments.methods import base, stripe_api, stripe_checkout
from ticketshop.sales.payments.methods.base import KeysRefused, ProviderUnavailable

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("the_books_add_up")]
NOW = timezone.now
HOOK = "/hooks/stripe/theatre/"


@pytest.fixture
def pos(stripe):
    pos = PointOfSaleFactory(slug="theatre")
    PaymentMethodFactory(point_of_sale=pos, code="stripe")
    PaymentMethodFactory(point_of_sale=pos, code="on_site")
    return pos


@pytest.fixture
def offer(pos):
    return OfferFactory(pos=pos, capacity=4, price=Decimal("35.50"))


@pytest.fixture
def order(offer) -> Order:
    """An order whose page at Stripe is open."""
    return waiting(offer)


@pytest.fixture
def quick(monkeypatch):
    """Wait for Stripe for a moment only."""
    monkeypatch.setattr("ticketshop.sales.payments.methods.stripe_api.PROVIDER_SECONDS", 0.5)


def waiting(offer, **values) -> Order:
    order = make_order({offer: 2}, method="stripe", **values)
    start_paying(order)
    return order


def pay_now(order: Order):
    """Press the button on the order's page. Return the response, which is a redirect."""
    visitor = TestClientVisitor()
    form = visitor.open(order_mails.order_path(order)).form("/pay/$")
    return visitor.send("POST", form.action, form.values)


def page_of(order: Order) -> str:
    order.payments.update(asked_at=None)
    return page_just_asked(order)


def page_just_asked(order: Order) -> str:
    """Return the order's page as it is right after Stripe was asked, for example by a webhook."""
    return TestClientVisitor().open(order_mails.order_path(order)).text


def state(order: Order) -> str:
    order.refresh_from_db()
    return order.state


def send(stripe, event, path: str = HOOK, **values):
    body, headers = stripe.hook(event, **values)
    return Client(enforce_csrf_checks=True).post(path, body, content_type="application/json", headers=headers)


# --- the page ----------------------------------------------------------------------------------------------
@pytest.mark.scenario("PAY-01")
def test_page_is_opened_with_amount_titles_reference_and_language_and_nothing_else(stripe, offer, pos):
    offer.tariff.name = "Adult"
    order = make_order({offer: 2}, method="stripe")
    Order.objects.update(language="fr")
    seen = []
    stripe.before = lambda verb, path: seen.append((verb, path))
    assert pay_now(order).headers["Location"] == f"{stripe.origin}/pay/{stripe.only}"
    (_request, status, _body) = stripe.account.answers[order.payments.get().provider_key]
    assert (status, seen) == (200, [("POST", "/v1/checkout/sessions")])
    sent = dict(sent_parameters(stripe))
    link = f"http://testserver{order_mails.order_path(order)}"
    assert int(sent.pop("expires_at")) == int((order.expires_at + timedelta(hours=1)).timestamp())
    line = order.lines.get()
    assert sent == {
        "mode": "payment",
        "client_reference_id": order.reference,
        "metadata[order]": order.reference,
        "payment_intent_data[metadata][order]": order.reference,
        "line_items[0][quantity]": "2",
        "line_items[0][price_data][currency]": "chf",
        "line_items[0][price_data][unit_amount]": "3550",
        "line_items[0][price_data][product_data][name]": f"{line.title} · {line.tariff_name}",
        "locale": "fr",
        "success_url": link,
        "cancel_url": link,
    }


def sent_parameters(stripe) -> list[tuple[str, str]]:
    (request, _status, _body), *_others = stripe.account.answers.values()
    return parse_qsl(request.split(" ", 2)[2])


def test_same_payment_opens_one_page_even_if_the_first_answer_is_lost(stripe, offer):
    order = make_order({offer: 1}, method="stripe")
    stripe.behaviour.loses = 1
    assert pay_now(order).headers["Location"].endswith(stripe.only)
    assert stripe.asked["POST /v1/checkout/sessions"] == 2


def test_without_the_idempotency_key_a_lost_answer_opens_two_pages(stripe, offer, monkeypatch):
    monkeypatch.setattr(Payment, "provider_key", property(lambda payment: None))
    order = make_order({offer: 1}, method="stripe")
    monkeypatch.setattr(stripe_checkout, "_create", create_without_key)
    stripe.behaviour.loses = 1
    pay_now(order)
    pay_now(order)
    assert len(stripe.account.sessions) == 2


def create_without_key(create, key, parameters):
    return create(
        params=parameters, options={"idempotency_key": secrets.token_hex(8), "max_network_retries": 0}
    ).to_dict()


def test_fault_that_stripe_repeats_for_a_key_does_not_block_the_order(stripe, offer):
    order = make_order({offer: 1}, method="stripe")
    stripe.behaviour.faults = 1
    assert pay_now(order).headers["Location"].endswith(stripe.only)


# --- the status ----------------------------------------------------------------------------------------------
def test_paid_session_pays_the_order_with_what_was_received(stripe, order):
    stripe.account.pay(stripe.only)
    assert "Your order is complete" in page_of(order)
    payment = order.payments.get()
    assert (payment.state, payment.amount, payment.currency) == ("confirmed", Decimal("71.00"), "CHF")


@pytest.mark.scenario("PAY-05")
def test_declined_card_leaves_the_page_open_and_the_order_tells(stripe, order):
    stripe.account.decline(stripe.only)
    assert "Your payment was declined or stopped." in page_of(order)
    assert "Your payment was declined or stopped." in page_just_asked(order)
    assert pay_now(order).headers["Location"].endswith(stripe.only)
    stripe.account.pay(stripe.only)
    assert "Your order is complete" in page_of(order)


@pytest.mark.scenario("PAY-06")
@pytest.mark.parametrize("confirmed", [True, False])
def test_payment_confirmed_later_waits_and_then_pays_or_can_be_paid_again(stripe, order, confirmed):
    stripe.account.pay_later(stripe.only)
    for text in (page_of(order), page_just_asked(order)):
        assert "We are waiting for the confirmation of your payment." in text
        assert "How to pay" not in text
    assert orders.expire_overdue(NOW() + timedelta(days=1)) == 0
    if confirmed:
        stripe.account.confirm(stripe.only)
        assert "Your order is complete" in page_of(order)
        return
    stripe.account.fail(stripe.only)
    assert "Your payment was declined or stopped." in page_of(order)
    pay_now(order)
    assert len(stripe.account.sessions) == 2


@pytest.mark.scenario("PAY-02")
@pytest.mark.parametrize(("amount", "currency"), [(7000, "chf"), (7100, "eur")])
def test_other_amount_or_currency_goes_back(stripe, order, amount, currency):
    stripe.account.pay(stripe.only, amount, currency)
    assert "Pay CHF" in page_of(order)
    refund = Refund.objects.get()
    assert (refund.amount, refund.payment.currency) == (Decimal(amount) / 100, currency.upper())
    refunds.PAY_BACK.run(NOW())
    assert [row["amount"] for row in stripe.account.of_kind("refund")] == [amount]


@pytest.mark.scenario("PAY-02")
def test_without_the_amount_check_the_smallest_amount_pays_the_order(stripe, order, monkeypatch):
    confirm_page = payments.confirm_page

    def unchecked(payment, _amount, _currency, **values):
        return confirm_page(payment, payment.amount, payment.currency, **values)

    monkeypatch.setattr(payments, "confirm_page", unchecked)
    stripe.account.pay(stripe.only, 50, "eur")
    assert "Your order is complete" in page_of(order)
    assert (state(order), Refund.objects.count()) == ("paid", 0)


@pytest.mark.scenario("PAY-04")
def test_page_is_ended_before_the_order_expires(stripe, order, offer):
    assert orders.expire_overdue(NOW() + timedelta(minutes=31)) == 1
    assert stripe.account.session(stripe.only)["status"] == "expired"
    assert state(order) == "expired"


@pytest.mark.scenario("PAY-04")
def test_order_paid_just_before_its_end_is_paid(stripe, order):
    stripe.before = lambda verb, path: (
        stripe.account.pay(stripe.only)
        if path.endswith("/expire") and not stripe.account.of_kind("charge")
        else None
    )
    orders.expire_overdue(NOW() + timedelta(minutes=31))
    assert state(order) == "paid"


# --- webhooks -------------------------------------------------------------------------------------------------
@pytest.mark.scenario("PAY-03")
def test_every_event_about_a_page_its_intent_charge_or_refund_names_the_page(stripe, order, pos):
    stripe.account.pay(stripe.only)
    method = methods.redirecting(pos, "stripe")
    assert {event["type"] for event in stripe.account.events} == {
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    }
    page_of(order)
    assert state(order) == "paid"
    orders.cancel(order, by=None, now=NOW())
    refunds.PAY_BACK.run(NOW())
    assert stripe.account.events[-1]["type"] == "charge.refunded"
    for event in stripe.account.events:
        body, headers = stripe.hook(event)
        assert method.read_hook(headers, body) == [stripe.only], event["type"]
    unknown = {**stripe.account.events[0], "data": {"object": {"object": "customer", "id": "cus_1"}}}
    body, headers = stripe.hook(unknown)
    assert method.read_hook(headers, body) == []


UNREADABLE = {
    "garbage": b"[1]",
    "bytes": b"\xff",
    "deep": b"[" * 100_000,
    "id with a control character": b'{"data": {"object": {"object": "charge", "payment_intent": "pi_\\u0000"}}}',
    "id that is half a letter": b'{"data": {"object": {"object": "checkout.session", "id": "cs_\\ud800"}}}',
    "id that is a path": b'{"data": {"object": {"object": "checkout.session", "id": "../accounts"}}}',
}


@pytest.mark.scenario("PAY-03")
def test_forged_webhook_is_refused_and_logged_and_stripe_is_not_asked(stripe, order, caplog):
    stripe.account.pay(stripe.only)
    asked = stripe.asked.total()
    for forged in ("signature", "secret", "old", "body", "none", "letters", *UNREADABLE):
        body, headers = forged_hook(stripe, forged)
        caplog.clear()
        with caplog.at_level(logging.WARNING, "ticketshop.payments"):
            answer = Client().post(HOOK, body, content_type="application/json", headers=headers)
        found = (answer.status_code, state(order), stripe.asked.total())
        assert found == (400, "pending", asked), forged
        refused = [record.getMessage() for record in caplog.records]
        assert any("payment webhook refused method=stripe" in line for line in refused), forged
    assert send(stripe, stripe.account.events[-1]).status_code == 200
    assert state(order) == "paid"


def forged_hook(stripe, forged: str):
    """Return body and headers of a webhook that is wrong in this way."""
    body, headers = stripe.hook(
        stripe.account.events[-1],
        secret="whsec_foreign" if forged == "secret" else "whsec_theatre",
        at=NOW().timestamp() - 301 if forged == "old" else None,
    )
    if forged == "signature":
        headers["Stripe-Signature"] = headers["Stripe-Signature"][:-1] + "x"
    if forged == "body":
        body += b" "
    if forged == "letters":
        headers["Stripe-Signature"] += "\xe9"
    if forged in UNREADABLE:
        body = UNREADABLE[forged]
        headers = {"Stripe-Signature": webhooks.signature(body, "whsec_theatre")}
    return body, {} if forged == "none" else headers


def test_either_of_two_signing_secrets_is_accepted(stripe, order, settings):
    both = {"SECRET_KEY": "sk_test_theatre", "WEBHOOK_SECRET": "whsec_new, whsec_theatre"}
    settings.STRIPE_ACCOUNTS = {"THEATRE": both}
    stripe.account.pay(stripe.only)
    assert send(stripe, stripe.account.events[-1]).status_code == 200
    assert send(stripe, stripe.account.events[-1], secret="whsec_new").status_code == 200
    assert send(stripe, stripe.account.events[-1], secret="whsec_old").status_code == 400


# --- refunds ---------------------------------------------------------------------------------------------------
def paid_and_cancelled(stripe, order) -> Refund:
    stripe.account.pay(stripe.only)
    page_of(order)
    assert state(order) == "paid"
    orders.cancel(order, by=None, now=NOW())
    return Refund.objects.get()


@pytest.mark.scenario("PAY-08")
def test_pending_refund_is_asked_for_again_until_it_is_done(stripe, order):
    refund = paid_and_cancelled(stripe, order)
    assert refund.provider_key == f"refund:{order.payments.get().provider_key}:{refund.pk}"
    stripe.account.refund_status = "pending"
    assert refunds.PAY_BACK.run(NOW()) == 0
    (made,) = stripe.account.of_kind("refund")
    assert (made["amount"], made["metadata"]) == (
        7100,
        {"key": refund.provider_key, "order": order.reference},
    )
    stripe.account.refund_ends(made["id"], "succeeded")
    assert refunds.PAY_BACK.run(NOW()) == 1
    refund.refresh_from_db()
    assert (refund.state, len(stripe.account.of_kind("refund"))) == ("done", 1)


@pytest.mark.scenario("PAY-08")
@pytest.mark.parametrize("how", ["refused", "failed"])
def test_refund_that_stripe_refuses_is_for_staff(stripe, order, how):
    refund = paid_and_cancelled(stripe, order)
    stripe.account.refund_status = how
    assert refunds.PAY_BACK.run(NOW()) == 1
    refund.refresh_from_db()
    assert refund.state == "failed"


@pytest.mark.scenario("PAY-08")
def test_refund_whose_answer_is_lost_is_not_paid_twice(stripe, order, quick):
    paid_and_cancelled(stripe, order)
    stripe.behaviour.loses = 10
    assert refunds.PAY_BACK.run(NOW()) == 0
    stripe.behaviour.loses = 0
    stripe.account.answers.clear()  # Stripe forgets keys after a day
    Failure.objects.update(next_at=NOW())
    refunds.PAY_BACK.try_again(NOW())
    assert Refund.objects.get().state == "done"
    assert [row["amount"] for row in stripe.account.of_kind("refund")] == [7100]


def late_failure(stripe, order) -> Refund:
    """A refund that is done, and fails at Stripe days later. No webhook has come."""
    refund = paid_and_cancelled(stripe, order)
    assert refunds.PAY_BACK.run(NOW()) == 1
    stripe.account.fail_refund(stripe.only)
    refund.refresh_from_db()
    assert refund.state == "done"
    return refund


def newest(stripe, kind: str):
    return next(event for event in reversed(stripe.account.events) if event["type"] == kind)


@pytest.mark.scenario("PAY-08")
def test_refund_that_fails_after_it_was_done_is_for_staff(stripe, order, pos):
    refund = late_failure(stripe, order)
    method = methods.redirecting(pos, "stripe")
    # Whichever of the three comes first leads to the page, about which Stripe is asked.
    told = [newest(stripe, kind) for kind in ("refund.failed", "charge.refund.updated", "refund.updated")]
    for event in told:
        body, headers = stripe.hook(event)
        assert method.read_hook(headers, body) == [stripe.only], event["type"]
    assert [send(stripe, event).status_code for event in (*told, told[0])] == [200] * 4
    refund.refresh_from_db()
    assert (refund.state, refund.done_at, refund.refused_at is None) == ("failed", None, False)
    assert refunds.is_for_staff(refund)
    assert [event.action for event in history.of(order)].count("refund_refused") == 1
    assert "The organiser pays CHF 71.00 back" in page_of(order)
    assert refunds.PAY_BACK.run(NOW()) == 0
    assert len(stripe.account.of_kind("refund")) == 1


@pytest.mark.scenario("PAY-08")
def test_refund_that_staff_paid_in_another_way_stays_done_when_the_webhook_comes_again(stripe, order):
    refund = late_failure(stripe, order)
    failed = newest(stripe, "refund.failed")
    assert send(stripe, failed).status_code == 200
    assert payments.refund_done(refund, by=UserFactory(), now=NOW())
    assert send(stripe, failed).status_code == 200
    refund.refresh_from_db()
    assert (refund.state, refund.refused_at is None) == ("done", False)


def test_refusal_that_arrives_before_the_job_records_its_older_answer_stays(stripe, order, monkeypatch):
    refund = paid_and_cancelled(stripe, order)
    ask = stripe_checkout.StripeCheckout.refund

    def told_meanwhile(method, row):
        outcome = ask(method, row)
        stripe.account.fail_refund(stripe.only)
        assert send(stripe, newest(stripe, "refund.failed")).status_code == 200
        return outcome

    monkeypatch.setattr(stripe_checkout.StripeCheckout, "refund", told_meanwhile)
    refunds.PAY_BACK.run(NOW())
    refund.refresh_from_db()
    assert refund.state == "failed"


@pytest.mark.scenario("PAY-11")
def test_webhook_about_a_failed_refund_is_sent_again_while_stripe_is_away(stripe, order):
    refund = late_failure(stripe, order)
    failed = newest(stripe, "refund.failed")
    stripe.before = lambda verb, path: setattr(stripe.behaviour, "away", path == "/v1/refunds")
    assert send(stripe, failed).status_code == 503
    stripe.before = lambda verb, path: None
    stripe.behaviour.away = False
    assert send(stripe, failed).status_code == 200
    refund.refresh_from_db()
    assert refund.state == "failed"


def test_webhook_of_a_payment_without_refunds_does_not_ask_about_refunds(stripe, order):
    stripe.account.pay(stripe.only)
    assert send(stripe, stripe.account.events[-1]).status_code == 200
    assert stripe.asked["GET /v1/refunds"] == 0


# --- Stripe is away ----------------------------------------------------------------------------------------------
@pytest.mark.scenario("PAY-11")
def test_order_stays_payable_while_stripe_is_away(stripe, order, offer, quick, settings):
    payment = order.payments.get()
    other = make_order({offer: 1}, method="stripe")
    for how in ("away", "silent", "garbage", "list", "wrong", "down"):
        make_away(stripe, how)
        if how == "down":
            settings.STRIPE_API_BASE = "http://127.0.0.1:9"
        method = methods.redirecting(order.point_of_sale, "stripe")
        for ask in (method.status, method.close_page):
            with pytest.raises(ProviderUnavailable):
                ask(payment)
        assert pay_now(other).headers["Location"] == order_mails.order_path(other), how
        assert "does not answer at the moment" in page_of(order), how
    assert orders.expire_overdue(NOW() + timedelta(minutes=31)) == 1  # the order without a page
    assert state(order) == "pending"


def make_away(stripe, how: str) -> None:
    behaviour = stripe.behaviour
    behaviour.away, behaviour.silent = how == "away", how == "silent"
    wrong = {"garbage": "<html>", "list": "[1, 2]", "wrong": '{"id": 5, "status": "complete"}'}
    behaviour.garbage = wrong.get(how, "")


def test_page_of_another_origin_is_refused(stripe, offer):
    order = make_order({offer: 1}, method="stripe")
    stripe.account.origin = "https://evil.example"
    assert pay_now(order).headers["Location"] == order_mails.order_path(order)


# --- keys ----------------------------------------------------------------------------------------------------------
def keys(**values) -> dict:
    return {"THEATRE": {"SECRET_KEY": "sk_test_theatre", "WEBHOOK_SECRET": "whsec_theatre", **values}}


@pytest.mark.scenario("PAY-10")
def test_missing_or_wrong_keys_are_named_and_the_method_is_not_offered(pos, settings):
    for accounts, says in (
        ({}, ["STRIPE_THEATRE_SECRET_KEY with", "STRIPE_THEATRE_WEBHOOK_SECRET with"]),
        (keys(SECRET_KEY="pk_test_x"), ["STRIPE_THEATRE_SECRET_KEY is not a secret key"]),
        (keys(WEBHOOK_SECRET=""), ["STRIPE_THEATRE_WEBHOOK_SECRET with"]),
        (keys(WEBHOOK_SECRET="whsec_a,b"), ["STRIPE_THEATRE_WEBHOOK_SECRET is not a signing secret"]),
        (keys(), []),
    ):
        settings.STRIPE_ACCOUNTS = accounts
        sentences = [str(sentence) for sentence in methods.of_order(pos, "stripe").faults()]
        assert len(sentences) == len(says), accounts
        for part, sentence in zip(says, sentences, strict=True):
            assert part in sentence
        assert ("stripe" in methods.offered(pos, Decimal(20), "CHF")) == (says == []), accounts


def test_amounts_and_currencies_that_stripe_does_not_take_are_not_offered(pos):
    method = methods.of_order(pos, "stripe")
    assert method.takes(Decimal("0.50"), "CHF")
    assert not method.takes(Decimal("0.49"), "CHF")
    assert not method.takes(Decimal(500), "JPY")


@pytest.mark.scenario("PAY-10")
def test_connection_is_tested_and_a_refused_key_is_remembered_until_it_changes(stripe, pos, settings):
    method = methods.redirecting(pos, "stripe")
    assert [method.test_connection()[0], str(method.test_connection()[1])] == [
        True,
        "The connection to the Stripe account “Théâtre du Lac” works.",
    ]
    stripe.account.charges_enabled = False
    assert not method.test_connection()[0]
    settings.STRIPE_ACCOUNTS = keys(SECRET_KEY="sk_live_revoked")
    with pytest.raises(KeysRefused):
        method.test_connection()
    remembered = type(method)(method.with_answer(refused=True))
    assert "Stripe has refused the key" in str(remembered.faults()[0])
    assert "sk_live" not in str(remembered.settings)
    settings.STRIPE_ACCOUNTS = keys()
    assert (remembered.faults(), remembered.with_answer(refused=False)) == ([], {"account": "THEATRE"})


def test_test_keys_are_distinguished_from_live_ones(pos, settings):
    settings.STRIPE_ACCOUNTS = keys()
    assert methods.of_order(pos, "stripe").test_mode
    settings.STRIPE_ACCOUNTS = keys(SECRET_KEY="rk_live_x")
    assert not methods.of_order(pos, "stripe").test_mode


def test_time_limit_is_the_one_of_the_contract():
    assert stripe_api.PROVIDER_SECONDS == base.PROVIDER_SECONDS == 5.0


# --- money that came otherwise ---------------------------------------------------------------------------------------
def test_cash_for_a_card_order_is_no_payment_by_card(pos, order):
    staff = Staff(make_staff(pos.organiser, "owner"))
    buttons = staff.open(change(order)).source
    assert "/other-money/" in buttons and "/mark-paid/" not in buttons
    assert "is known from there alone" in staff.press(order, "mark-paid").text
    staff.open(f"{change(order).removesuffix('change/')}other-money/")
    page = staff.fill("^amount$", {"amount": str(order.total), "method": "cash"})
    assert "The order is paid" in page.text
    assert list(order.payments.filter(state="confirmed").values_list("method", flat=True)) == ["cash"]
    staff.open(f"{change(order).removesuffix('change/')}other-money/")
    page = staff.fill("^amount$", {"amount": "1", "method": "stripe"})
    assert "Select a valid choice" in page.text
