"""Disputed payments, and money on pages that no payment has: restored backups, pages paid twice, erased buyers."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from contacts.models import Contact
from privacy.erasure import erasing
from privacy.models import Erasure
from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.sales import PaymentMethodFactory, make_order
from tests.sales.payments.paying import start_paying
from tests.sales.payments.test_stripe_checkout import page_of, send, state
from tests.staff import Staff, change, listing
from ticketshop.history import history
from ticketshop.mail import mime_messages
from ticketshop.mail.models import Mail
from ticketshop.sales.models import Dispute, Order, Payment, PaymentDifference, Refund
from ticketshop.sales.orders import books, orders
from ticketshop.sales.payments import differences, disputes, payments, refunds
from ticketshop.sales.payments.methods.base import DisputeStatus, PageUnknown

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("the_books_add_up")]
NOW = timezone.now


@pytest.fixture
def pos(stripe):
    pos = PointOfSaleFactory(slug="theatre")
    PaymentMethodFactory(point_of_sale=pos, code="stripe")
    return pos


@pytest.fixture
def offer(pos):
    return OfferFactory(pos=pos, capacity=4, price=Decimal("35.50"))


@pytest.fixture
def order(offer) -> Order:
    order = make_order({offer: 2}, method="stripe")
    start_paying(order)
    return order


@pytest.fixture
def staff(pos):
    return Staff(make_staff(pos.organiser, "owner"))


def actions(order: Order) -> list[str]:
    return [event.action for event in reversed(history.of(order))]


def owed(order: Order) -> list[Decimal]:
    return list(Refund.objects.filter(payment__order=order).values_list("amount", flat=True))


@pytest.mark.scenario("PAY-09")
@pytest.mark.parametrize("ends", ["won", "lost"])
def test_dispute_flags_the_order_until_it_ends_and_changes_no_ticket(stripe, order, staff, ends):
    stripe.account.pay(stripe.only)
    page_of(order)
    assert "disputed by" not in staff.open("/admin/").text
    stripe.account.dispute(stripe.only)
    event = stripe.account.events[-1]
    for _time in range(2):
        assert send(stripe, event).status_code == 200
    dispute = Dispute.objects.get()
    assert (dispute.state, dispute.amount, dispute.closed_at) == ("open", Decimal("71.00"), None)
    assert (state(order), {ticket.state for ticket in order.tickets.all()}) == ("paid", {"valid"})
    assert "?dispute=open" in staff.open("/admin/").source
    assert order.reference in staff.open(f"{listing(Order)}?dispute=open").text
    page = staff.open(change(order))
    assert "The buyer has disputed a payment of CHF 71.00" in page.text
    assert dispute.provider_reference in page.text
    assert page.text.count("Amount: 71.00") == 3  # of order, payment and dispute
    stripe.account.close_dispute(stripe.only, ends)
    send(stripe, event)  # an old event: the state is asked, not believed
    dispute.refresh_from_db()
    assert (dispute.state, dispute.closed_at is None) == (ends, False)
    assert actions(order)[-2:] == ["disputed", f"dispute_{ends}"]
    assert "disputed by" not in staff.open("/admin/").text
    assert order.reference not in staff.open(f"{listing(Order)}?dispute=open").text
    assert order.reference in staff.open(f"{listing(Order)}?dispute={ends}").text
    assert ("has taken CHF" in staff.open(change(order)).text) == (ends == "lost")


@pytest.mark.scenario("PAY-09")
def test_other_organisers_see_nothing_of_a_dispute(stripe, order):
    stripe.account.pay(stripe.only)
    page_of(order)
    stripe.account.dispute(stripe.only)
    send(stripe, stripe.account.events[-1])
    foreign = Staff(make_staff(PointOfSaleFactory(slug="other").organiser, "owner"))
    assert "disputed by" not in foreign.open("/admin/").text
    assert order.reference not in foreign.open(f"{listing(Order)}?dispute=any").text


@pytest.mark.scenario("PAY-08")
def test_refund_of_a_disputed_payment_is_refused_and_left_to_staff(stripe, order):
    stripe.account.pay(stripe.only)
    page_of(order)
    stripe.account.dispute(stripe.only)
    state(order)
    orders.cancel(order, by=None, now=NOW())
    refunds.PAY_BACK.run(NOW())
    assert Refund.objects.get().state == "failed"


# --- money that goes with a lost dispute ---------------------------------------------------------------------
def disputed(stripe, order: Order) -> None:
    """Pay an order, and have its payment disputed."""
    stripe.account.pay(stripe.only)
    page_of(order)
    stripe.account.dispute(stripe.only)
    send(stripe, stripe.account.events[-1])
    order.refresh_from_db()


def ends(stripe, state: str) -> None:
    stripe.account.close_dispute(stripe.only, state)
    for _time in range(2):
        send(stripe, stripe.account.events[-1])


def rows(order: Order) -> list[tuple[str, str, Decimal]]:
    refunds_of = Refund.objects.filter(payment__order=order).order_by("pk")
    return list(refunds_of.values_list("kind", "state", "amount"))


@pytest.mark.scenario("PAY-09")
def test_money_of_a_lost_dispute_is_gone_and_cancelling_pays_nothing_back(stripe, order, staff):
    disputed(stripe, order)
    ends(stripe, "lost")
    assert rows(order) == [("taken", "done", Decimal(71))]
    assert (
        "CHF 71.00 back after a dispute" in staff.open(f"{change(order).removesuffix('change/')}cancel/").text
    )
    assert "Pay money back" not in staff.open(change(order)).text
    assert "Your bank returned CHF 71.00 to you" in page_of(order)
    assert orders.cancel(order, by=None, now=NOW())
    assert rows(order) == [("taken", "done", Decimal(71))]
    message = mime_messages.build(Mail.objects.get(kind="order_cancelled"))
    assert message is not None
    text = " ".join(message.body.split())
    assert "Your bank has returned CHF 71.00" in text
    assert "We pay" not in text
    assert "not paid back" not in text


@pytest.mark.scenario("PAY-09")
def test_refund_refused_because_of_a_dispute_is_done_when_it_is_lost_and_owed_again_when_it_is_won(
    stripe, order, staff
):
    disputed(stripe, order)
    orders.cancel(order, by=None, now=NOW())
    refunds.PAY_BACK.run(NOW())
    refund = Refund.objects.get()
    assert refund.state == "failed"
    assert "Wait for its decision" in staff.open(f"{change(refund).removesuffix('change/')}done/").text
    ends(stripe, "lost")
    assert rows(order) == [("paid_back", "done", Decimal(71))]
    assert "took this money after a dispute" in staff.open(change(refund)).text
    assert not payments.refund_done(refund, by=None, now=NOW())
    ends(stripe, "won")
    assert rows(order) == [("paid_back", "failed", Decimal(71))]


def test_lost_dispute_about_money_that_staff_had_paid_by_hand_is_a_loss_in_the_books(stripe, order):
    disputed(stripe, order)
    orders.cancel(order, by=None, now=NOW())
    refunds.PAY_BACK.run(NOW())
    assert payments.refund_done(Refund.objects.get(), by=None, now=NOW()) is False
    staff_member = make_staff(order.organiser, "owner")
    assert payments.refund_done(Refund.objects.get(), by=staff_member, now=NOW())
    ends(stripe, "lost")
    assert rows(order) == [("paid_back", "done", Decimal(71)), ("taken", "done", Decimal(71))]
    assert refunds.kept(order) == 0
    ends(stripe, "won")
    assert rows(order) == [("paid_back", "done", Decimal(71))]


def test_lost_dispute_about_a_part_leaves_refunds_that_the_rest_still_pays(stripe, order):
    stripe.account.pay(stripe.only)
    page_of(order)
    payment = order.payments.get()
    refunds.pay_back(order, Decimal(61), before=Decimal(0), by=None, now=NOW())
    told = DisputeStatus("du_1", "lost", Decimal(20), NOW())
    disputes.record(payment, (told,), now=NOW())
    assert rows(order) == [
        ("paid_back", "done", Decimal(10)),
        ("paid_back", "requested", Decimal(51)),
        ("taken", "done", Decimal(10)),
    ]
    assert refunds.kept(order) == 0


def test_books_name_a_lost_dispute_whose_money_is_still_counted(stripe, order):
    disputed(stripe, order)
    ends(stripe, "lost")
    saved = Refund.objects.get()
    Refund.objects.all().delete()
    dispute = Dispute.objects.get()
    assert books.check()["I2"] == [f"dispute {dispute.pk}"]
    saved.save(force_insert=True)


# --- pages that no payment has --------------------------------------------------------------------------------
@pytest.mark.scenario("PAY-05")
def test_order_paid_on_two_pages_gets_the_second_payment_back(stripe, order):
    stripe.account.pay_twice(stripe.only)
    for event in stripe.account.events:
        assert send(stripe, event).status_code == 200
    assert (state(order), owed(order)) == ("paid", [Decimal("71.00")])
    refunds.PAY_BACK.run(NOW())
    assert [row["amount"] for row in stripe.account.of_kind("refund")] == [7100]
    assert actions(order).count("paid") == 1
    for event in reversed(stripe.account.events):
        assert send(stripe, event).status_code == 200
    assert owed(order) == [Decimal("71.00")]


def test_money_of_a_page_that_a_restored_backup_does_not_have_pays_the_order(stripe, order):
    Payment.objects.update(provider_reference="", provider_url="")
    stripe.account.pay(stripe.only)
    assert send(stripe, stripe.account.events[-1]).status_code == 200
    assert (state(order), owed(order)) == ("paid", [])


@pytest.mark.parametrize(("amount", "currency"), [(7100, "eur"), (9000, "chf")])
def test_other_money_of_an_unknown_page_goes_back(stripe, order, amount, currency):
    Payment.objects.update(provider_reference="", provider_url="")
    stripe.account.pay(stripe.only, amount, currency)
    send(stripe, stripe.account.events[-1])
    assert sum(owed(order)) == (Decimal(71) if currency == "eur" else Decimal(19))


def forget(stripe, page: str) -> None:
    """Let Stripe have no such page, as with the keys of another account."""
    del stripe.account.objects[page]


@pytest.mark.scenario("PAY-03")
def test_webhook_about_a_page_that_stripe_has_not_is_listed_once_and_not_repeated(stripe, order, staff):
    stripe.account.pay(stripe.only)
    Payment.objects.update(provider_reference="", provider_url="")
    event, page = stripe.account.events[-1], stripe.only
    forget(stripe, page)
    stripe.behaviour.away = True
    assert send(stripe, event).status_code == 503  # not clear yet
    stripe.behaviour.away = False
    assert send(stripe, {**event, "type": "checkout.session.expired"}).status_code == 200
    assert not PaymentDifference.objects.exists()
    for _time in range(2):
        assert send(stripe, event).status_code == 200
    row = PaymentDifference.objects.get()
    assert (row.code, row.provider_reference, row.payment) == ("page_unknown", page, None)
    differences.COMPARE.run(NOW() + timedelta(days=1))
    text = staff.open(change(row)).text
    assert "does not have this payment" in text
    assert "closes by itself" not in text
    row.refresh_from_db()
    assert row.is_open


@pytest.mark.scenario("PAY-04")
def test_order_whose_page_stripe_has_not_ends_after_a_day_and_is_listed(stripe, order):
    stripe.account.pay(stripe.only)
    event = stripe.account.events[-1]
    forget(stripe, stripe.only)
    assert send(stripe, event).status_code == 200
    assert PaymentDifference.objects.get().payment == order.payments.get()
    with pytest.raises(PageUnknown):
        orders.expire(order, now=NOW() + timedelta(hours=2))
    assert state(order) == "pending"
    assert orders.expire(order, now=NOW() + timedelta(hours=26))
    assert (state(order), PaymentDifference.objects.count()) == ("expired", 1)


def test_page_of_an_order_of_another_shop_is_left_alone(stripe, order):
    other = PointOfSaleFactory(slug="other")
    PaymentMethodFactory(point_of_sale=other, code="stripe")
    Payment.objects.update(provider_reference="", provider_url="")
    stripe.account.pay(stripe.only)
    assert send(stripe, stripe.account.events[-1], path="/hooks/stripe/other/").status_code == 200
    assert (state(order), Payment.objects.count()) == ("pending", 1)


@pytest.mark.scenario("S27")
@pytest.mark.parametrize("known", [True, False])
def test_late_event_after_the_buyer_was_erased_matches_the_order_and_creates_no_contact(
    stripe, order, mailoutbox, known
):
    assert orders.cancel(order, by=None, now=NOW())
    stripe.account.session(stripe.only)["status"] = "open"  # paid at the last moment, and told late
    stripe.account.pay(stripe.only)
    if not known:
        Payment.objects.update(provider_reference="")
    buyer = order.buyer
    Order.objects.update(buyer=None)
    people = Contact.objects.count()
    for event in stripe.account.events:
        assert send(stripe, event).status_code == 200
    assert (state(order), order.buyer_id, owed(order)) == ("cancelled", None, [Decimal("71.00")])
    assert Contact.objects.count() == people
    assert buyer.email not in str(stripe.account.objects)
    assert buyer.last_name not in str(stripe.account.objects)
    assert buyer.email not in str(stripe.account.answers)


@pytest.mark.scenario("S27")
def test_buyer_erased_between_the_payment_and_its_webhook_keeps_the_ticket_and_is_gone_after_the_event(
    stripe, order
):
    stripe.account.pay(stripe.only)
    buyer = order.buyer
    done = erasing.erase(buyer, by=None, now=NOW())
    assert done.state == Erasure.State.DEFERRED
    for event in stripe.account.events * 2:
        assert send(stripe, event).status_code == 200
    assert (state(order), owed(order)) == ("paid", [])
    assert {ticket.state for ticket in order.tickets.all()} == {"valid"}
    after = max(ticket.session.ends_at for ticket in order.tickets.all()) + timedelta(days=2)
    erasing.go_on(after)
    done.refresh_from_db()
    assert done.state == Erasure.State.CLOSED
    for event in stripe.account.events:
        assert send(stripe, event).status_code == 200
    order.refresh_from_db()
    assert (order.buyer, Contact.objects.filter(pk=buyer.pk).exclude(email=None).exists()) == (None, False)


@pytest.mark.scenario("S27")
def test_your_data_here_names_the_payment_service_only_while_it_is_offered(pos, settings):
    page = Staff(make_staff(pos.organiser, "owner")).open("/theatre/data/about/")
    assert "When you pay through Stripe: the amount, the currency, the titles" in page.text
    settings.STRIPE_ACCOUNTS = {}
    page = Staff(make_staff(pos.organiser, "accounting")).open("/theatre/data/about/")
    assert "Stripe" not in page.text
