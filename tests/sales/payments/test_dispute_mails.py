"""The mail to staff about a disputed payment: to whom, what it contains, and once for each dispute."""

from functools import partial

import pytest
from django.utils import timezone

from tests.at_once import at_once, meet
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.sales import PaymentMethodFactory, make_order
from tests.sales.payments.paying import start_paying
from tests.sales.payments.test_stripe_checkout import page_of, send
from ticketshop.mail import mime_messages
from ticketshop.mail.models import Mail
from ticketshop.sales.models import Dispute, Order
from ticketshop.sales.orders import books
from ticketshop.sales.payments import disputes, payments, provider_pages
from ticketshop.sales.payments.methods.base import DisputeStatus, Outcome, Status

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("PAY-09")]
NOW = timezone.now


def told() -> list[Mail]:
    return list(Mail.objects.filter(kind="dispute_opened").order_by("recipient"))


def disputed(order: Order, state: str = "open", reference: str = "du_1") -> Status:
    """Return what a provider answers about the payment of an order that is disputed."""
    found = DisputeStatus(reference, state, order.total, NOW())
    return Status(Outcome.PAID, order.total, order.currency, disputes=(found,))


@pytest.fixture
def order() -> Order:
    order = make_order(method="bank_transfer", paid=True)
    order.payments.update(provider_reference="cs_1")
    return order


def test_webhooks_that_come_twice_tell_the_staff_once(stripe):
    pos = PointOfSaleFactory(slug="theatre")
    PaymentMethodFactory(point_of_sale=pos, code="stripe")
    make_staff(pos.organiser, "accounting", email="books@example.org")
    order = make_order(pos=pos, method="stripe")
    start_paying(order)
    stripe.account.pay(stripe.only)
    page_of(order)
    stripe.account.dispute(stripe.only)
    for _time in range(2):
        assert send(stripe, stripe.account.events[-1]).status_code == 200
    assert [mail.recipient for mail in told()] == ["books@example.org"]


def test_staff_with_the_right_to_refund_are_told_in_their_language_and_no_others(order):
    pos = order.point_of_sale
    for role in ("owner", "back office", "accounting", "box office", "door"):
        make_staff(pos.organiser, role, email=f"{role.replace(' ', '')}@example.org")
    make_staff(PointOfSaleFactory(slug="other").organiser, "owner", email="foreign@example.org")
    gone = make_staff(pos.organiser, "owner", email="gone@example.org")
    type(gone).objects.filter(pk=gone.pk).update(is_active=False)
    french = make_staff(pos.organiser, "accounting", email="french@example.org")
    ContactFactory(organiser=pos.organiser, user=french, email="french@example.org", language="fr")
    disputes.record(order.payments.get(), disputed(order).disputes, now=NOW())
    assert {mail.recipient: mail.language for mail in told()} == {
        "accounting@example.org": pos.languages[0],
        "backoffice@example.org": pos.languages[0],
        "french@example.org": "fr",
        "owner@example.org": pos.languages[0],
    }
    assert not any(books.check().values())


def test_the_mail_names_the_order_and_no_person(order):
    make_staff(order.organiser, "owner")
    disputes.record(order.payments.get(), disputed(order).disputes, now=NOW())
    message = mime_messages.build(told()[0])
    text = f"{message.subject} {message.body}"
    assert f"order {order.reference}" in text and "deadline" in text
    assert f"/admin/sales/order/{order.pk}/change/" in text
    for personal in (order.buyer.first_name, order.buyer.last_name, order.buyer.email, order.secret):
        assert personal not in text


@pytest.mark.parametrize("state", ["won", "lost"])
def test_a_dispute_that_is_over_is_not_told(order, state):
    make_staff(order.organiser, "owner")
    disputes.record(order.payments.get(), disputed(order, state).disputes, now=NOW())
    assert told() == []
    # Nor one that ends before the mail has left.
    disputes.record(order.payments.get(), disputed(order, "open", "du_2").disputes, now=NOW())
    disputes.record(order.payments.get(), disputed(order, state, "du_2").disputes, now=NOW())
    assert [mime_messages.build(mail) for mail in told()] == [None]


# --- two webhooks at once -------------------------------------------------------------------------------------
def told_by_two(order, monkeypatch, *references: str) -> int:
    """Record the answer for two webhooks at once; both meet before they look for the dispute. Return the number of mails."""
    make_staff(order.organiser, "owner")
    original = Dispute.objects.get_or_create

    def looking(**values):
        meet()
        return original(**values)

    monkeypatch.setattr(Dispute.objects, "get_or_create", looking)
    payment = order.payments.get()
    at_once(
        *(
            partial(provider_pages._record, payment, disputed(order, reference=reference), None, NOW())
            for reference in references
        )
    )
    return len(told())


def without_the_lock(monkeypatch) -> None:
    rows = Order.objects.select_related("buyer", "point_of_sale__organiser")
    monkeypatch.setattr(payments, "lock", lambda pk: rows.get(pk=pk))


@pytest.mark.django_db(transaction=True)
def test_two_webhooks_at_once_tell_the_staff_once(order, monkeypatch):
    assert told_by_two(order, monkeypatch, "du_1", "du_1") == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_the_constraint_keeps_it_one_mail(order, monkeypatch):
    without_the_lock(monkeypatch)
    assert told_by_two(order, monkeypatch, "du_1", "du_1") == 1


@pytest.mark.django_db(transaction=True)
def test_without_the_constraint_the_staff_would_be_told_twice(order, monkeypatch):
    # Two references, which the constraint does not see as the same dispute.
    without_the_lock(monkeypatch)
    assert told_by_two(order, monkeypatch, "du_1", "du_1 again") == 2
