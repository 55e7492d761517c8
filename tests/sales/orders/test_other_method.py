"""Paying an unpaid order in another way than was chosen at the checkout, and paying the rest after part of the money came."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone, translation

from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.sales import PaymentMethodFactory, make_order
from tests.sales.mails.test_order_mails import deliver, mark_sent
from tests.visitor import TestClientVisitor
from ticketshop.catalogue.models import Session
from ticketshop.history import history, texts
from ticketshop.sales.mails import order_mails
from ticketshop.sales.models import Order, Refund
from ticketshop.sales.orders import orders, other_method
from ticketshop.sales.papers import invoices
from ticketshop.sales.payments import payments

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.scenario("PAY-05"),
    pytest.mark.usefixtures("the_books_add_up"),
]
NOW = timezone.now


@pytest.fixture
def pos(provider):
    pos = PointOfSaleFactory(slug="theatre")
    PaymentMethodFactory(point_of_sale=pos, code="wallet", settings={"origin": provider.origin})
    PaymentMethodFactory(point_of_sale=pos, code="bank_transfer")
    PaymentMethodFactory(point_of_sale=pos, code="on_site")
    return pos


@pytest.fixture
def offer(pos):
    return OfferFactory(pos=pos, capacity=4, price=Decimal("35.00"))


def choose(order: Order, code: str):
    path = f"{order_mails.order_path(order)}method/"
    visitor = TestClientVisitor()
    form = visitor.open(path).form("^method$")
    return visitor.send("POST", path, form.filled({"method": code}))


def pay_now(order: Order):
    visitor = TestClientVisitor()
    form = visitor.open(order_mails.order_path(order)).form("/pay/$")
    return visitor.send("POST", form.action, form.values)


def page_of(order: Order) -> str:
    order.payments.update(asked_at=None)
    return TestClientVisitor().open(order_mails.order_path(order)).text


def rows(order: Order) -> list[tuple[str, str, Decimal]]:
    return list(order.payments.order_by("pk").values_list("method", "state", "amount"))


def test_order_page_leads_to_the_other_methods_and_their_page_names_the_provider(provider, offer):
    order = make_order({offer: 1}, method="on_site")
    visitor = TestClientVisitor()
    assert "Pay in another way" in visitor.open(order_mails.order_path(order)).text
    page = visitor.open(f"{order_mails.order_path(order)}method/")
    assert [label in page.text for label in ("Wallet", "Bank transfer", "Pay at the box office")] == [
        True,
        True,
        False,
    ]
    assert provider.origin in page.headers["Content-Security-Policy"]
    answer = choose(order, "wallet")
    assert (answer.status, answer.headers["Location"]) == (
        303,
        f"{provider.origin}/pay/{provider.only_page.id}",
    )
    order.refresh_from_db()
    assert (order.payment_method, order.expires_at < NOW() + timedelta(minutes=31)) == ("wallet", True)
    assert rows(order) == [("on_site", "replaced", 35), ("wallet", "started", 35)]


def test_page_at_the_provider_is_ended_before_another_method_is_taken(provider, offer, mailoutbox):
    order = make_order({offer: 1}, method="wallet")
    pay_now(order)
    mark_sent()
    assert choose(order, "bank_transfer").status == 302
    order.refresh_from_db()
    assert (provider.only_page.state, order.payment_method) == ("failed", "bank_transfer")
    text = page_of(order)
    assert "IBAN" in text
    (letter,) = deliver(mailoutbox)
    assert "Please transfer the amount with this reference." in letter.body
    (event,) = [event for event in history.of(order) if event.action == "method_changed"]
    assert texts.detail_lines(event) == ["Payment method: Wallet → Bank transfer"]
    with translation.override("fr"):
        assert texts.detail_lines(event) == ["Mode de paiement\N{NO-BREAK SPACE}: Wallet → Virement bancaire"]


def test_order_that_was_paid_meanwhile_stays_paid(provider, offer):
    order = make_order({offer: 1}, method="wallet")
    pay_now(order)
    provider.pay(provider.only_page)
    choose(order, "bank_transfer")
    order.refresh_from_db()
    assert (order.state, order.payment_method) == ("paid", "wallet")


@pytest.mark.parametrize("why", ["away", "processing"])
def test_method_stays_while_the_payment_may_still_succeed(provider, offer, why):
    order = make_order({offer: 1}, method="wallet")
    pay_now(order)
    provider.away = why == "away"
    provider.only_page.state = "processing" if why == "processing" else "open"
    choose(order, "on_site")
    order.refresh_from_db()
    assert (order.payment_method, len(rows(order))) == ("wallet", 1)


def test_page_opened_in_another_tab_meanwhile_keeps_the_method(provider, offer, monkeypatch):
    order = make_order({offer: 1}, method="wallet")
    pay_now(order)
    monkeypatch.setattr(other_method.provider_pages, "close", lambda order, now: None)
    with pytest.raises(payments.PageOpen):
        other_method.change(order, "on_site", by=None, now=NOW())


def test_method_chosen_again_has_its_reference_of_before(offer):
    order = make_order({offer: 1}, method="bank_transfer")
    reference = order.payments.get().reference
    for code in ("on_site", "bank_transfer", "on_site", "bank_transfer"):
        choose(order, code)
    started = order.payments.get(state="started")
    assert (started.reference, started.method) == (reference, "bank_transfer")
    payments.confirm(started, by=None, now=NOW())
    order.refresh_from_db()
    assert order.state == "paid"


def test_methods_that_are_not_offered_and_orders_that_are_over_are_refused(pos, offer):
    order = make_order({offer: 1}, method="on_site")
    path = f"{order_mails.order_path(order)}method/"
    visitor = TestClientVisitor()
    form = visitor.open(path).form("^method$")
    for typed in ("", "on_site", "free", "nothing"):
        answer = visitor.send("POST", path, {**form.values, "method": typed})
        assert (answer.status, "There is a problem" in answer.text) == (200, True), typed
    pos.payment_methods.exclude(code="on_site").update(enabled=False)
    assert visitor.send("GET", path).status == 302
    assert "Pay in another way" not in page_of(order)
    pos.payment_methods.update(enabled=True)
    Session.objects.update(state=Session.State.CANCELLED)
    assert visitor.send("GET", path).status == 302
    Session.objects.update(state=Session.State.ON_SALE)
    orders.cancel(order, by=None, now=NOW())
    assert visitor.send("GET", path).status == 302
    assert not other_method.change(order, "wallet", by=None, now=NOW())


# --- the rest -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("opened", [True, False])
def test_provider_is_asked_for_the_rest_after_part_of_the_money_came(provider, offer, opened):
    order = make_order({offer: 1}, method="wallet")
    if opened:
        pay_now(order)
    payments.receive(order, Decimal("10.00"), by=None, now=NOW())
    assert "Pay CHF 25.00 now" in page_of(order)
    pay_now(order)
    assert [page.state for page in provider.pages.values()] == (["failed", "open"] if opened else ["open"])
    assert provider.last_page.amount == "25.00"
    provider.pay(provider.last_page)
    assert "Your order is complete" in page_of(order)
    assert Refund.objects.count() == 0


def test_rest_is_asked_for_again_after_a_refusal(provider, offer):
    order = make_order({offer: 1}, method="bank_transfer")
    payments.receive(order, Decimal("10.00"), by=None, now=NOW())
    choose(order, "wallet")
    provider.only_page.state = "failed"
    page_of(order)
    pay_now(order)
    assert [page.amount for page in provider.pages.values()] == ["25.00", "25.00"]
    provider.pay(provider.last_page)
    assert "Your order is complete" in page_of(order)


def test_rest_is_shown_for_a_transfer_after_the_provider(provider, offer):
    order = make_order({offer: 1}, method="wallet")
    payments.receive(order, Decimal("10.00"), by=None, now=NOW())
    choose(order, "bank_transfer")
    assert "CHF 25.00" in page_of(order)
    payment = payments.due(order)
    assert payment.amount == Decimal("25.00")
    payments.confirm(order.payments.get(state="started"), by=None, now=NOW(), rest=True)
    order.refresh_from_db()
    assert (order.state, Refund.objects.count()) == ("paid", 0)


# --- bills of before -------------------------------------------------------------------------------------
RECIPIENT = {"name": "Zq AG", "street": "Zqlane", "postcode": "8001", "city": "Zürich", "country": "CH"}


@pytest.mark.scenario("DOC-02")
def test_invoice_with_another_way_to_pay_is_named_wherever_a_way_to_pay_is_shown(provider, offer, mailoutbox):
    order = make_order({offer: 1}, method="bank_transfer")
    invoice = invoices.issue(order, RECIPIENT, by=None, now=NOW())
    assert "Pay only once" not in page_of(order)
    choose(order, "on_site")
    sentence = f"Your invoice {invoice.full_number} asks for a bank transfer. Pay only once"
    assert sentence in " ".join(deliver(mailoutbox)[-1].body.split())
    choose(order, "wallet")
    invoice_page = f"{order_mails.order_path(order)}invoice/"
    assert sentence in page_of(order)
    assert sentence in TestClientVisitor().open(invoice_page).text
    pay_now(order)
    provider.pay(provider.last_page)
    assert "Pay only once" not in page_of(order)
    assert "do not make it" in TestClientVisitor().open(invoice_page).text


def test_transfer_chosen_before_is_named_without_an_invoice_and_not_after_it_is_chosen_again(offer):
    order = make_order({offer: 1}, method="bank_transfer")
    choose(order, "on_site")
    assert "You chose a bank transfer before. Pay only once" in page_of(order)
    choose(order, "bank_transfer")
    assert "Pay only once" not in page_of(order)


def test_invoice_about_the_full_amount_is_named_after_part_of_it_came(offer):
    order = make_order({offer: 1}, method="bank_transfer")
    invoice = invoices.issue(order, RECIPIENT, by=None, now=NOW())
    payments.receive(order, Decimal(15), by=None, now=NOW())
    assert (
        f"{invoice.full_number} asks for the full amount. Part of it has come: transfer only CHF 20.00"
        in page_of(order)
    )
