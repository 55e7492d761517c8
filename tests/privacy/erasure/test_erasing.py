"""An erasure from the request to the record: what is erased, retained and deferred."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Session, User
from contacts.models import Contact
from privacy.erasure import erasing
from privacy.models import Erasure
from privacy.plan import planning
from tests.exports import steps
from tests.factories.accounts import UserFactory
from tests.factories.catalogue import OfferFactory
from tests.factories.registration_forms import ask, make_form, publish
from tests.factories.sales import make_cart, place
from tests.privacy.office import past_order
from ticketshop.mail.models import Mail
from ticketshop.sales.models import Order, Payment, Ticket
from ticketshop.sales.payments import payments

pytestmark = pytest.mark.django_db


def bought(*, user=None, past: bool = True, paid: bool = True):
    """A paid order of one ticket, whose session is over."""
    now = timezone.now()
    offer = OfferFactory()
    order = place(
        make_cart({offer: 1}, user=user, holders=[{"first_name": "Zoe", "last_name": "Grey"}]), user=user
    )
    if paid:
        payments.confirm(Payment.objects.get(order=order), by=None, now=now)
    if past:
        session = offer.session
        session.starts_at, session.ends_at = now - timedelta(days=9), now - timedelta(days=8)
        session.save()
    order.refresh_from_db()
    return order


def test_erasure_removes_the_buyer_and_keeps_the_books():
    order = bought()
    contact, ticket = order.buyer, Ticket.objects.get(order=order)
    mails = Mail.objects.filter(subject_uuid=contact.subject_uuid)
    assert ticket.holder == "Zoe Grey" and mails.count() == 2
    kept = Order.objects.filter(pk=order.pk).values("reference", "total", "vat_total", "placed_at", "paid_at")
    before = kept.get()
    done = erasing.erase(contact, by=None, now=timezone.now())
    assert done.state == Erasure.State.CLOSED, (done.state, done.failure)
    contact.refresh_from_db()
    assert contact.erased_at and not contact.full_name and contact.email is None and contact.number is None
    ticket.refresh_from_db()
    assert ticket.holder == "" and ticket.holder_erased_at and ticket.state == "valid"
    assert kept.get() == before
    order.refresh_from_db()
    assert order.buyer is None and order.secret == ""
    assert set(Mail.objects.values_list("recipient", "state")) == {("", "cancelled")}
    assert {step.model: step.rows for step in done.steps.all()}["sales.Order"] == 1
    assert planning.plan(contact, now=timezone.now()).erased == []


def test_ticket_for_next_month_defers_the_erasure_until_its_day():
    order = bought(past=False)
    contact, ticket = order.buyer, Ticket.objects.get(order=order)
    Contact.objects.filter(pk=contact.pk).update(phone="+41791234567")
    now = timezone.now()
    done = erasing.erase(contact, by=None, now=now)
    assert done.state == Erasure.State.DEFERRED
    contact.refresh_from_db()
    ticket.refresh_from_db()
    assert contact.full_name and contact.email and not contact.phone and contact.erased_at is None
    assert ticket.holder == "Zoe Grey"
    assert erasing.go_on(now + timedelta(days=1)) == 1
    assert Contact.objects.get(pk=contact.pk).email
    later = ticket.session.ends_at + timedelta(days=2)
    assert erasing.go_on(later) == 1
    done.refresh_from_db()
    assert done.state == Erasure.State.CLOSED
    contact.refresh_from_db()
    assert not contact.full_name and contact.email is None and contact.erased_at == later


def test_log_in_is_deleted_with_its_last_contact_only(client):
    user = UserFactory()
    order = bought(user=user)
    client.force_login(user)
    assert Session.objects.get().user == user
    erasing.erase(order.buyer, by=None, now=timezone.now())
    assert not Session.objects.exists() and not User.objects.filter(pk=user.pk).exists()


def test_erasure_with_twenty_orders_takes_as_many_queries_as_with_two(office):
    """At most 50 with BEGIN and COMMIT, for a customer with orders, tickets, mails and answers."""
    form = make_form("order", organiser=office.pos.organiser)
    question = ask(form, "Allergies")
    version = publish(form)

    def count(contact: Contact, number: int) -> int:
        buyer = {"first_name": contact.first_name, "last_name": contact.last_name, "email": contact.email}
        for _number in range(number):
            steps.answer(past_order(office.pos, buyer), version, {question.key: "nuts"})
        with CaptureQueriesContext(connection) as queries:
            assert erasing.erase(contact, by=None, now=timezone.now()).state == "closed"
        return len(queries)

    two, twenty = count(office.vera, 2), count(office.wilma, 20)
    assert two == twenty <= 50
