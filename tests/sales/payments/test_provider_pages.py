"""Paying on a provider's page: from the checkout to the tickets, by return, webhook, job and staff, with everything that can
go wrong on the way.
"""

import logging
import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from tests import wallet
from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.sales import PaymentMethodFactory, make_order
from tests.sales.mails.test_order_mails import deliver, mark_sent
from tests.sales.payments.paying import start_paying
from tests.staff import Staff, change, listing
from tests.visitor import TestClientVisitor
from tests.wallet import Wallet
from ticketshop.catalogue.models import Allotment
from ticketshop.history import history
from ticketshop.jobs.models import Failure
from ticketshop.sales.mails import order_mails
from ticketshop.sales.models import Order, Refund
from ticketshop.sales.orders import orders
from ticketshop.sales.payments import payments, provider_pages, refunds

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("the_books_add_up")]
NOW = timezone.now
MINUTE = timedelta(minutes=1)


@pytest.fixture
def pos(provider):
    pos = PointOfSaleFactory(slug="theatre")
    PaymentMethodFactory(point_of_sale=pos, code="wallet", settings={"origin": provider.origin})
    PaymentMethodFactory(point_of_sale=pos, code="on_site")
    return pos


@pytest.fixture
def offer(pos):
    return OfferFactory(pos=pos, capacity=4, price=Decimal("35.00"))


@pytest.fixture
def staff(pos):
    return Staff(make_staff(pos.organiser, "owner"))


@pytest.fixture
def visitor():
    return TestClientVisitor()


def pay_now(visitor: TestClientVisitor, order: Order):
    """Press the button on the order's page. Return the response, which is a redirect."""
    page = visitor.open(order_mails.order_path(order))
    form = page.form("/pay/$")
    return visitor.send("POST", form.action, form.values)


def waiting(offer, **values) -> Order:
    """An order whose page at the provider is open."""
    order = make_order({offer: 1}, method="wallet", **values)
    start_paying(order)
    return order


def state(order: Order) -> str:
    order.refresh_from_db()
    return order.state


def payment_states(order: Order) -> list[str]:
    return list(order.payments.order_by("pk").values_list("state", flat=True))


def owed(order: Order) -> list[Decimal]:
    return list(Refund.objects.filter(payment__order=order).order_by("pk").values_list("amount", flat=True))


def sold(offer) -> int:
    return Allotment.objects.get(pk=offer.allotment_id).sold


def page_of(order: Order) -> str:
    return TestClientVisitor().open(order_mails.order_path(order)).text


def send_hook(provider, *pages, path: str = "/hooks/wallet/theatre/", **values):
    body, headers = provider.hook(*pages, **values)
    return Client(enforce_csrf_checks=True).post(path, body, content_type="application/json", headers=headers)


# --- the way to the tickets ---------------------------------------------------------------------------------
def checkout(visitor, offer):
    visitor.put_in_cart("theatre", **{f"offer_{offer.pk}": 1})
    visitor.open("/theatre/checkout/")
    visitor.give_details(email="ada@example.org")
    form = visitor.page.form("^content_hash$")
    return form, visitor.send(
        "POST", "/theatre/checkout/review/", form.filled({"terms": "on", "method": "wallet"})
    )


@pytest.mark.scenario("PAY-01")
def test_buyer_goes_from_the_checkout_to_the_provider_and_returns_to_the_tickets(
    provider, offer, visitor, mailoutbox
):
    _form, answer = checkout(visitor, offer)
    page, order = provider.only_page, Order.objects.get()
    assert (answer.status, answer.headers["Location"]) == (303, f"{provider.origin}/pay/{page.id}")
    assert (order.state, order.expires_at - order.placed_at) == ("pending", 30 * MINUTE)
    assert (page.amount, page.currency, page.language) == ("35.00", "CHF", "en")
    assert page.return_url.endswith(order_mails.order_path(order))
    provider.pay(page)
    back = visitor.open(order_mails.order_path(order))
    assert "Your order is complete" in back.text
    assert "Download the tickets" in back.text
    assert payment_states(order) == ["confirmed"]
    (letter,) = deliver(mailoutbox)
    assert len(letter.attachments) == 1  # the mail about the unpaid order is not sent any more
    # A paid order asks nobody.
    asked = provider.asked.total()
    visitor.open(order_mails.order_path(order))
    assert provider.asked.total() == asked


def policy_of(page) -> list[str]:
    directives = dict(
        part.split(maxsplit=1) for part in page.headers["Content-Security-Policy"].split(";") if part.strip()
    )
    return directives["form-action"].split()


def test_form_action_names_the_provider_only_on_pages_whose_form_leads_there(provider, offer, visitor):
    event = visitor.open(f"/theatre/events/{offer.session.event.slug}/")
    checkout_form, _answer = checkout(visitor, offer)
    review = visitor.page
    order = Order.objects.get()
    order_page = visitor.open(order_mails.order_path(order))
    for page in (review, order_page):
        assert policy_of(page) == ["'self'", provider.origin]
    other = make_order({offer: 1}, method="on_site")
    for page in (event, visitor.open(order_mails.order_path(other)), visitor.open("/theatre/cart/")):
        assert policy_of(page) == ["'self'"]
    # The page that sends a form with an old token once more has the same form.
    stale = visitor.send(
        "POST", "/theatre/checkout/review/", {**checkout_form.values, "csrfmiddlewaretoken": "old"}
    )
    assert stale.status == 403
    assert policy_of(stale) == ["'self'", provider.origin]
    stale = visitor.send("POST", "/theatre/cart/update/", {"csrfmiddlewaretoken": "old"})
    assert (stale.status, policy_of(stale)) == (403, ["'self'"])


def test_shop_without_such_a_method_has_no_other_origin_in_its_checkout(offer, visitor, pos):
    pos.payment_methods.filter(code="wallet").update(enabled=False)
    visitor.put_in_cart("theatre", **{f"offer_{offer.pk}": 1})
    visitor.open("/theatre/checkout/")
    visitor.give_details(email="ada@example.org")
    assert policy_of(visitor.page) == ["'self'"]


@pytest.mark.scenario("PAY-05")
def test_order_page_offers_to_pay_and_leads_to_the_same_page_of_the_provider(provider, offer, visitor):
    order = waiting(offer)
    again = pay_now(TestClientVisitor(), order)
    assert again.headers["Location"] == f"{provider.origin}/pay/{provider.only_page.id}"
    # A link that is opened changes nothing.
    path = f"{order_mails.order_path(order)}pay/"
    assert visitor.send("GET", path).headers["Location"] == order_mails.order_path(order)


def test_mail_about_the_order_tells_how_to_pay(offer, pos, mailoutbox):
    order = waiting(offer)
    (letter,) = deliver(mailoutbox)
    assert "Please pay on the page of your order." in letter.body
    assert order_mails.order_path(order) in letter.body


def test_buyer_reads_of_a_refusal_that_a_webhook_has_recorded_until_the_next_page_is_opened(
    provider, offer, visitor
):
    order = waiting(offer)
    refused = "Your payment was declined or stopped."
    assert refused not in page_of(order)
    provider.only_page.state = "failed"
    assert send_hook(provider, provider.only_page).status_code == 200
    assert refused in page_of(order)
    assert refused in page_of(order)
    pay_now(visitor, order)
    assert refused not in page_of(order)


def test_declined_payment_can_be_paid_again(provider, offer, visitor):
    order = waiting(offer)
    provider.only_page.state = "failed"
    page = visitor.open(order_mails.order_path(order))
    assert "Your payment was declined or stopped." in page.text
    assert payment_states(order) == ["failed", "started"]
    answer = pay_now(visitor, order)
    assert answer.headers["Location"].endswith(provider.last_page.id)
    assert len(provider.pages) == 2
    provider.pay(provider.last_page)
    assert "Your order is complete" in page_of(order)
    assert payment_states(order) == ["failed", "confirmed"]


@pytest.mark.scenario("PAY-06")
def test_payment_that_is_confirmed_later_keeps_the_order_and_its_places(provider, offer):
    order = waiting(offer)
    before = page_of(order)
    assert "You pay as described below." in before and "Cancel this order" in before
    order.payments.update(asked_at=None)
    provider.only_page.state = "processing"
    text = page_of(order)
    assert "We are waiting for the confirmation of your payment." in text
    assert "How to pay" not in text
    assert "You pay as described below." not in text
    # It would be refused: the money may be on its way.
    assert "Cancel this order" not in text
    assert orders.expire_overdue(NOW() + timedelta(days=1)) == 0
    assert (state(order), Failure.objects.count()) == ("pending", 0)
    provider.pay(provider.only_page)
    assert orders.expire_overdue(NOW() + timedelta(days=1)) == 0
    assert state(order) == "paid"


@pytest.mark.scenario("PAY-06")
def test_mail_tells_that_the_bank_refused_a_payment_it_was_to_confirm(provider, offer, mailoutbox):
    order, other = waiting(offer), make_order({offer: 1}, method="wallet")
    provider.only_page.state = "processing"
    order.payments.update(asked_at=None)
    page_of(order)
    provider.only_page.state = "failed"
    mark_sent()
    assert orders.expire_overdue(NOW() + timedelta(days=1)) == 2
    ended = {letter.subject: letter.body for letter in deliver(mailoutbox)}
    refused, unpaid = (
        ended[f"Your order {ended_order.reference} has ended"] for ended_order in (order, other)
    )
    assert "Your bank or our payment service has refused your payment" in refused
    assert "was not paid in time" not in refused
    assert "was not paid in time" in unpaid and "refused" not in unpaid
    assert (state(order), sold(offer)) == ("expired", 0)


# --- webhook, job, staff ------------------------------------------------------------------------------------
@pytest.mark.scenario("PAY-03")
def test_webhook_any_number_of_times_before_or_after_the_return_has_one_result(provider, offer, mailoutbox):
    order = waiting(offer)
    assert send_hook(provider, provider.only_page).status_code == 200
    assert state(order) == "pending"
    provider.pay(provider.only_page)
    for _time in range(3):
        assert send_hook(provider, provider.only_page).status_code == 200
    page_of(order)
    assert (state(order), payment_states(order), owed(order)) == ("paid", ["confirmed"], [])
    assert [event.action for event in history.of(order)].count("paid") == 1
    assert len(deliver(mailoutbox)) == 1


@pytest.mark.scenario("PAY-03")
def test_forged_webhook_is_refused_logged_and_changes_nothing(provider, offer, caplog):
    order = waiting(offer)
    provider.pay(provider.only_page)
    asked = provider.asked.total()
    for forged in ("signature", "old", "body", "none"):
        body, headers = provider.hook(
            provider.only_page, sent_at=NOW().timestamp() - 3600 if forged == "old" else None
        )
        if forged == "signature":
            headers["Wallet-Signature"] = headers["Wallet-Signature"][:-1] + "x"
        if forged == "body":
            body += b" "
        caplog.clear()
        with caplog.at_level(logging.WARNING, "ticketshop.payments"):
            answer = Client().post(
                "/hooks/wallet/theatre/",
                body,
                content_type="application/json",
                headers={} if forged == "none" else headers,
            )
        found = (answer.status_code, state(order), provider.asked.total())
        assert found == (400, "pending", asked), forged
        line = next(record.getMessage() for record in caplog.records if record.name == "ticketshop.payments")
        assert line.startswith("payment webhook refused method=wallet"), forged
    assert send_hook(provider, provider.only_page).status_code == 200
    assert state(order) == "paid"


def test_webhook_at_another_shop_or_method_or_too_large_changes_nothing(provider, offer):
    order = waiting(offer)
    provider.pay(provider.only_page)
    other = PointOfSaleFactory(slug="other")
    PaymentMethodFactory(point_of_sale=other, code="wallet", settings={"origin": provider.origin})
    statuses = {
        path: send_hook(provider, provider.only_page, path=path).status_code
        for path in (
            "/hooks/wallet/other/",
            "/hooks/wallet/nowhere/",
            "/hooks/on_site/theatre/",
            "/hooks/x/theatre/",
        )
    }
    assert list(statuses.values()) == [200, 404, 404, 404]
    for length in ("many", "-1"):
        body, headers = provider.hook(provider.only_page)
        odd = Client().post(
            "/hooks/wallet/theatre/",
            body,
            content_type="application/json",
            headers=headers,
            CONTENT_LENGTH=length,
        )
        assert (odd.status_code, state(order)) == (413, "pending")
    large = Client().post("/hooks/wallet/theatre/", b"x" * 300_000, content_type="application/json")
    assert (large.status_code, state(order)) == (413, "pending")
    assert Client().get("/hooks/wallet/theatre/").status_code == 405


@pytest.mark.scenario("PAY-03")
def test_job_asks_when_neither_webhook_nor_buyer_came(provider, offer):
    order = waiting(offer)
    asked = provider.asked["status"]
    provider_pages.ASK.run(NOW() + MINUTE)
    assert provider.asked["status"] == asked  # webhook or return are usually faster
    provider.pay(provider.only_page)
    assert provider_pages.ASK.run(NOW() + 6 * MINUTE) == 1
    assert state(order) == "paid"
    assert provider_pages.ASK.run(NOW() + 20 * MINUTE) == 0


def test_staff_ask_the_provider_and_can_not_mark_the_payment_as_paid(provider, offer, staff):
    order = waiting(offer)
    page = staff.open(change(order))
    assert "Ask the payment service" in page.text
    assert "Mark paid" not in page.text
    assert "No money has come yet." in staff.press(order, "ask-provider").text
    provider.away = True
    assert "The payment service does not answer." in staff.press(order, "ask-provider").text
    provider.away = False
    provider.pay(provider.only_page)
    assert (
        "The order is paid; the tickets go to the buyer by e-mail." in staff.press(order, "ask-provider").text
    )
    payment = order.payments.get()
    assert payment.confirmed_by == staff.user
    assert payment.provider_reference in staff.open(change(payment)).text
    assert "Ask the payment service" not in staff.open(change(order)).text


# --- money that does not fit -----------------------------------------------------------------------------------
@pytest.mark.scenario("PAY-02")
@pytest.mark.parametrize(("amount", "currency"), [("34.00", "CHF"), ("36.00", "CHF"), ("35.00", "EUR")])
def test_other_amount_or_currency_never_pays_and_goes_back(provider, offer, amount, currency, mailoutbox):
    order = waiting(offer)
    mark_sent()
    provider.pay(provider.only_page, amount, currency)
    assert "Pay CHF" in page_of(order)
    assert (state(order), owed(order)) == ("pending", [Decimal(amount)])
    assert payment_states(order) == ["failed", "confirmed", "started"]
    (letter,) = deliver(mailoutbox)
    assert "That is not the amount that was asked for" in letter.body
    assert currency in letter.body
    send_hook(provider, provider.only_page)
    refunds.PAY_BACK.run(NOW())
    assert list(provider.only_page.refunds.values()) == [amount]
    pay_now(TestClientVisitor(), order)
    provider.pay(provider.last_page)
    page_of(order)
    assert state(order) == "paid"


@pytest.mark.scenario("PAY-05")
def test_second_payment_of_an_order_goes_back_by_itself(provider, offer):
    order = waiting(offer)
    provider.only_page.state = "failed"
    page_of(order)
    pay_now(TestClientVisitor(), order)
    first, second = provider.pages.values()
    for page in (second, first):  # the provider was wrong about the first one
        provider.pay(page)
        send_hook(provider, page)
    assert (state(order), owed(order)) == ("paid", [Decimal("35.00")])
    refunds.PAY_BACK.run(NOW())
    assert [len(page.refunds) for page in (first, second)] == [1, 0]


def test_page_of_an_order_that_was_paid_otherwise_is_closed_by_the_job(provider, offer):
    order = waiting(offer)
    payments.receive(order, Decimal("35.00"), by=None, now=NOW())
    assert (state(order), payment_states(order)) == ("paid", ["replaced", "confirmed"])
    assert provider_pages.ASK.run(NOW()) == 1
    assert provider.only_page.state == "failed"
    assert payment_states(order) == ["replaced", "confirmed"]
    # That money did not come through the provider, so staff pay it back.
    orders.cancel(order, by=None, now=NOW())
    assert refunds.PAY_BACK.run(NOW()) == 0
    assert refunds.is_for_staff(Refund.objects.get())


# --- the end of an order ----------------------------------------------------------------------------------------
@pytest.mark.scenario("PAY-04")
def test_expired_order_ends_its_page_first(provider, offer):
    order = waiting(offer)
    assert orders.expire_overdue(NOW() + 31 * MINUTE) == 1
    assert (state(order), provider.only_page.state, sold(offer)) == ("expired", "failed", 0)
    assert provider_pages.ASK.run(NOW() + 60 * MINUTE) == 0


@pytest.mark.scenario("PAY-04")
def test_order_that_was_paid_before_it_expires_is_paid(provider, offer):
    order = waiting(offer)
    provider.pay(provider.only_page)
    assert orders.expire_overdue(NOW() + 31 * MINUTE) == 0
    assert (state(order), sold(offer)) == ("paid", 1)


@pytest.mark.scenario("PAY-04")
@pytest.mark.parametrize("why", ["away", "unclosable"])
def test_places_stay_reserved_while_the_provider_has_not_ended_the_page(provider, offer, why, caplog):
    order = waiting(offer)
    setattr(provider, why, True)
    orders.expire_overdue(NOW() + 31 * MINUTE)
    assert (state(order), sold(offer)) == ("pending", 1)
    # A provider that does not answer is a failure that staff see; a payment under way is none.
    assert Failure.objects.count() == (1 if why == "away" else 0)
    setattr(provider, why, False)
    Failure.objects.update(next_at=NOW())
    orders.EXPIRE.try_again(NOW() + 31 * MINUTE)
    orders.expire_overdue(NOW() + 31 * MINUTE)
    assert (state(order), sold(offer), Failure.objects.count()) == ("expired", 0, 0)


def test_order_does_not_end_if_a_page_was_opened_after_the_provider_was_asked(provider, offer):
    order = make_order({offer: 1}, method="wallet")
    stale = Order.objects.get()
    provider_pages.close(stale, now=NOW())
    pay_now(TestClientVisitor(), order)
    with pytest.raises(payments.PageOpen), transaction.atomic():
        payments.stop(stale, now=NOW())


def test_page_of_an_order_that_ended_meanwhile_is_closed_and_not_handed_out(provider, offer, monkeypatch):
    order = make_order({offer: 1}, method="wallet")
    open_page = Wallet.open_page

    def end_meanwhile(method, payment, **values):
        page = open_page(method, payment, **values)
        orders.expire(Order.objects.get(), now=NOW())
        return page

    monkeypatch.setattr(Wallet, "open_page", end_meanwhile)
    assert pay_now(TestClientVisitor(), order).headers["Location"] == order_mails.order_path(order)
    assert (state(order), provider.only_page.state) == ("expired", "failed")


@pytest.mark.parametrize("by", ["buyer", "staff"])
def test_cancelling_closes_the_page_first(provider, offer, staff, visitor, by):
    order = waiting(offer)
    path = f"{order_mails.order_path(order)}cancel/"

    def cancel():
        if by == "staff":
            return staff.press(order, "cancel")
        visitor.open(path)
        return visitor.submit(next(form for form in visitor.page.forms if form.action == ""))

    provider.away = True
    sentence = {"buyer": "may still succeed", "staff": "the payment service does not answer"}[by]
    assert sentence in cancel().text
    assert (state(order), sold(offer)) == ("pending", 1)
    provider.away = False
    cancel()
    assert (state(order), sold(offer), provider.only_page.state) == ("cancelled", 0, "failed")


@pytest.mark.scenario("PAY-11")
def test_what_staff_typed_stays_while_the_provider_is_silent_or_the_bank_has_not_confirmed(
    provider, offer, staff
):
    order = waiting(offer)
    payments.receive(order, order.total, by=None, now=NOW(), method="bank_transfer")
    where = f"{change(order).removesuffix('change/')}cancel/"
    staff.open(where)
    typed = {"pay_back": "other", "amount": "12.50"}
    provider.away = True
    staff.submit(staff.page.form("^amount$"), typed)
    (sentence,) = staff.errors
    assert "the payment service does not answer" in sentence and "Try again in a few minutes" in sentence
    assert staff.page.form("^amount$").values["amount"] == "12.50"
    provider.away = False
    provider.only_page.state = "processing"
    staff.submit(staff.page.form("^amount$"), {})
    assert "has not confirmed it yet" in staff.errors[0]
    assert staff.page.form("^amount$").values["amount"] == "12.50"
    assert (state(order), owed(order)) == ("paid", [])


def test_staff_who_cancel_an_order_that_was_just_paid_are_told_so(provider, offer, staff):
    order = waiting(offer)
    provider.pay(provider.only_page)
    page = staff.press(order, "cancel")
    assert "it has been paid meanwhile" in page.text
    assert (state(order), owed(order)) == ("paid", [])


def test_buyer_who_cancels_just_after_paying_has_the_tickets(provider, offer, visitor):
    order = waiting(offer)
    path = f"{order_mails.order_path(order)}cancel/"
    visitor.open(path)
    provider.pay(provider.only_page)
    page = visitor.submit(next(form for form in visitor.page.forms if form.action == ""))
    assert "Your order is complete" in page.text
    assert (state(order), owed(order)) == ("paid", [])


@pytest.mark.scenario("PAY-07")
@pytest.mark.parametrize("free", [True, False])
def test_money_that_comes_after_the_end_revives_the_order_or_goes_back(provider, offer, free):
    """The provider ended the page, and reports money for it nevertheless."""
    order = waiting(offer)
    orders.expire_overdue(NOW() + 31 * MINUTE)
    if not free:
        make_order({offer: 4}, paid=True)
    provider.pay(provider.only_page)
    assert send_hook(provider, provider.only_page).status_code == 200
    assert (state(order), owed(order)) == (("paid", []) if free else ("expired", [Decimal("35.00")]))
    refunds.PAY_BACK.run(NOW())
    assert len(provider.only_page.refunds) == (0 if free else 1)


# --- the provider is away ---------------------------------------------------------------------------------------
@pytest.mark.scenario("PAY-11")
def test_order_stays_payable_while_the_provider_does_not_answer(provider, offer, visitor):
    provider.away = True
    _form, answer = checkout(visitor, offer)
    order = Order.objects.get()
    assert answer.headers["Location"] == order_mails.order_path(order)
    page = visitor.open(answer.headers["Location"])
    assert "The payment service does not answer at the moment." in page.text
    assert "Thank you, your places are reserved" in page.text
    visitor.fill("/pay/$")
    assert "The payment service does not answer at the moment." in visitor.page.text
    provider.away = False
    assert pay_now(visitor, order).headers["Location"].startswith(provider.origin)
    provider.away = True
    text = page_of(order)
    assert "so this page can’t show yet whether you have paid" in text
    visitor.open(order_mails.order_path(order))
    assert visitor.fill("/pay/$").text.count("The payment service does not answer at the moment") == 1
    assert "Pay CHF" in text.replace("\N{NO-BREAK SPACE}", " ")
    assert send_hook(provider, provider.only_page).status_code == 503
    provider_pages.ASK.run(NOW() + 6 * MINUTE)
    assert (state(order), Failure.objects.get().job) == ("pending", "sales.ask_providers")


@pytest.mark.scenario("PAY-11")
def test_provider_that_takes_the_request_and_stays_silent_is_given_up_after_the_timeout(
    provider, offer, monkeypatch
):
    order = make_order({offer: 1}, method="wallet")
    monkeypatch.setattr(wallet, "PROVIDER_SECONDS", 0.2)
    answered = threading.Event()
    provider.before = lambda path: answered.wait(10)
    visitor = TestClientVisitor()
    assert pay_now(visitor, order).headers["Location"] == order_mails.order_path(order)
    answered.set()


def test_page_at_another_origin_is_not_opened(provider, offer, monkeypatch):
    order = make_order({offer: 1}, method="wallet")
    monkeypatch.setattr(type(provider), "origin", "https://evil.example")
    assert pay_now(TestClientVisitor(), order).headers["Location"] == order_mails.order_path(order)


def test_provider_is_never_asked_within_a_transaction(provider, offer):
    order = waiting(offer)
    payment = order.payments.get()
    for ask in (
        lambda: provider_pages.settle(payment, now=NOW()),
        lambda: provider_pages.close(order, now=NOW()),
        lambda: provider_pages.url_to_pay(order, return_url="", language="en", now=NOW()),
    ):
        asked = provider.asked.total()
        with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
            ask()
        assert provider.asked.total() == asked


# --- money that goes back ---------------------------------------------------------------------------------------
def paid(provider, offer) -> Order:
    order = waiting(offer)
    provider.pay(provider.last_page)
    page_of(order)
    assert state(order) == "paid"
    return order


@pytest.mark.scenario("PAY-08")
def test_money_of_a_cancelled_order_goes_back_through_the_provider_once(provider, offer, staff):
    order = paid(provider, offer)
    staff.open(f"{change(order).removesuffix('change/')}cancel/")
    assert "goes to the buyer through that service, by itself" in staff.page.text
    staff.press(order, "cancel")
    refund = Refund.objects.get()
    assert "Refund done" not in staff.open(change(refund)).text
    provider.refund_state = "processing"
    assert refunds.PAY_BACK.run(NOW()) == 0
    provider.refund_state = "paid"
    assert refunds.PAY_BACK.run(NOW()) == 1
    assert refunds.PAY_BACK.run(NOW()) == 0
    assert provider.only_page.refunds == {refund.provider_key: "35.00"}
    refund.refresh_from_db()
    assert refund.state == "done"
    assert "was paid back on" in page_of(order)
    assert "refunded" in [event.action for event in history.of(order)]


@pytest.mark.scenario("PAY-08")
def test_refund_that_the_provider_refuses_is_left_to_staff(provider, offer, staff):
    order = paid(provider, offer)
    orders.cancel(order, by=None, now=NOW())
    provider.refund_state = "failed"
    assert refunds.PAY_BACK.run(NOW()) == 1
    refund = Refund.objects.get()
    assert refund.state == "failed"
    asked = provider.asked["refunds"]
    assert (refunds.PAY_BACK.run(NOW()), provider.asked["refunds"]) == (0, asked)
    assert "refused by the payment service" in staff.open(f"{listing(Refund)}?done_at__isnull=True").text
    assert "?done_at__isnull=True" in staff.open("/admin/").source
    staff.open(f"{change(refund).removesuffix('change/')}done/")
    assert "The payment service has refused to pay it back" in staff.page.text
    staff.press(refund, "done")
    refund.refresh_from_db()
    assert refund.state == "done"


@pytest.mark.scenario("PAY-11")
def test_refund_waits_for_a_provider_that_is_away(provider, offer):
    order = paid(provider, offer)
    orders.cancel(order, by=None, now=NOW())
    provider.away = True
    refunds.PAY_BACK.run(NOW())
    assert (Refund.objects.get().state, Failure.objects.get().job) == ("requested", "sales.pay_back")
    provider.away = False
    Failure.objects.update(next_at=NOW())
    refunds.PAY_BACK.try_again(NOW())
    assert (Refund.objects.get().state, Failure.objects.count()) == ("done", 0)
