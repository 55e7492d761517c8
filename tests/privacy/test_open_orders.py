"""Upcoming tickets, unpaid orders and passes: deferrals, the choices, and the end of deferrals."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from contacts.models import Contact
from privacy.copies import copying
from privacy.declarations import registry
from privacy.erasure import erasing
from privacy.models import Erasure
from registration_forms.models import Answer
from tests.factories.catalogue import OfferFactory
from tests.factories.sales import make_order
from tests.privacy.office import VERA, WILMA, bin_page, coming_order, erase_without_page, season_order
from tests.staff import change, listing
from ticketshop.catalogue.models import Session
from ticketshop.lib.personal import Erase, Keep
from ticketshop.mail.models import Mail
from ticketshop.sales.models import IssuedPass, Order, Payment, Refund, Ticket
from ticketshop.sales.orders import books, cancelled_lines, orders, single_tickets
from ticketshop.sales.payments import payments

pytestmark = pytest.mark.django_db


def fresh(row):
    return type(row).objects.get(pk=row.pk)


def at_the_door(ticket: Ticket) -> bool:
    """Check the ticket in by a conditional update, as a scanner does. Return False if it was used already."""
    found = Ticket.objects.filter(code=ticket.code, state=Ticket.State.VALID)
    return bool(found.update(state=Ticket.State.USED, used_at=timezone.now()))


@pytest.mark.scenario("S02", "S29")
def test_upcoming_ticket_defers_the_columns_it_needs(office):
    coming, staff = coming_order(office.pos), office.staff()
    ticket = coming.tickets.get()
    preview = staff.open(bin_page(office.vera))
    for words in ("What waits", "A ticket not yet used", coming.reference, "until the event is over"):
        assert words in preview.text, words
    assert preview.form("^seen$").values["tickets"] == "wait"
    receipt = staff.fill("^seen$", {})
    done = Erasure.objects.get()
    assert done.state == Erasure.State.DEFERRED
    assert "A ticket not yet used" in receipt.text
    assert "partly done, the rest waits" in staff.open(listing(Erasure)).text

    # The past order has lost its buyer; the order of a coming event names them on its own page only.
    assert fresh(office.order).buyer is None
    page = staff.open(change(coming))
    assert "Vera Zweig, vera@zweig.example" in page.text
    assert "The buyer is being erased." in page.text and "until the event is over" in page.text
    assert staff.open(f"{listing(Order)}?q=vera").text.count(coming.reference) == 0
    assert "Vera" not in staff.open(f"{listing(Order)}?q={coming.reference}").text
    assert coming.reference in staff.page.text
    assert ticket.code[:8] not in staff.open(f"{listing(Ticket)}?q=holda").text
    assert staff.client.get(change(office.vera)).status_code == 404

    assert at_the_door(ticket)
    assert not at_the_door(ticket)
    # Without a click: a used ticket defers nothing.
    assert erasing.go_on(timezone.now() + timedelta(days=2)) == 1
    done.refresh_from_db()
    assert done.state == Erasure.State.CLOSED
    assert Contact.objects.get(pk=office.vera.pk).full_name == ""
    assert "Zweig" not in staff.open(change(coming)).text
    assert "Erased customer" in staff.page.text


def test_order_page_lists_deferred_and_retained_columns_by_the_declarations(office):
    coming, staff = coming_order(office.pos), office.staff()
    assert "The buyer is being erased" not in staff.open(change(coming)).text
    erase_without_page(office.vera)
    page = staff.open(change(coming)).text
    waits = re.search(r"The buyer is being erased\. .*?goes by itself\.", page)[0]
    stays = re.search(r"Kept until .*? at least: .*?\. ", page)[0]
    for note, models, is_meant in (
        (
            waits,
            (Contact, Ticket, IssuedPass, Answer),
            lambda word: isinstance(word, Erase) and word.deferred_with,
        ),
        (stays, (Order, Ticket, IssuedPass, Payment, Refund), lambda word: isinstance(word, Keep)),
    ):
        listed = set(re.split(r", |: |\. ", note))
        for model in models:
            for name, word in registry.declaration(model).columns.items():
                if copying.is_named(model, name):
                    label = copying.label(model, name)
                    meant = bool(is_meant(word))
                    assert not meant or label in listed or label[:1].lower() + label[1:] in listed, label
    assert "e-mail address of the holder" in waits and "e-mail address of the holder" not in stays
    assert "phone" not in waits + stays and "date of birth" not in waits + stays


def test_cancelled_ticket_defers_nothing_any_more(office):
    order = make_order({OfferFactory(pos=office.pos): 2}, buyer=VERA, paid=True)
    erase_without_page(office.vera)
    for unit, state in zip(
        cancelled_lines.units_of(order), (Erasure.State.DEFERRED, Erasure.State.CLOSED), strict=True
    ):
        single_tickets.cancel(order, [unit.key], by=office.owner, now=timezone.now(), pay_back=Decimal(0))
        erasing.go_on(timezone.now())
        assert Erasure.objects.get().state == state
    assert fresh(order).buyer is None
    assert not Mail.objects.filter(kind="tickets_cancelled").exists()
    assert not any(books.check().values())


@pytest.mark.scenario("S29")
def test_bearer_ticket_is_erased_without_a_wait_and_still_admits(office):
    coming, staff = coming_order(office.pos), office.staff()
    ticket = coming.tickets.get()
    assert "can no longer be reached" in staff.open(bin_page(office.vera)).text
    staff.fill("^seen$", {"tickets": "bearer"})
    done = Erasure.objects.get()
    assert (done.state, done.bearer) == (Erasure.State.CLOSED, True)
    ticket.refresh_from_db()
    assert (ticket.holder, ticket.state) == ("", Ticket.State.VALID)
    assert fresh(coming).buyer is None
    assert at_the_door(ticket)
    assert not at_the_door(ticket)


@pytest.mark.scenario("S29")
def test_after_a_cancellation_only_the_refund_defers(office):
    coming, staff = coming_order(office.pos), office.staff()
    preview = staff.open(bin_page(office.vera))
    assert preview.link(coming.reference) == change(coming)
    assert "cancel the orders above first" in preview.text
    orders.cancel(coming, by=office.owner, now=timezone.now())
    preview = staff.open(bin_page(office.vera))
    assert "A ticket not yet used" not in preview.text
    assert "Money to be paid back" in preview.text
    payments.refund_done(coming.payments.get().refunds.get(), by=office.owner, now=timezone.now())
    assert "What waits" not in staff.open(bin_page(office.vera)).text
    staff.fill("^seen$", {})
    assert Erasure.objects.get().state == Erasure.State.CLOSED


@pytest.mark.scenario("S30")
@pytest.mark.parametrize("end", ["paid", "expired"])
def test_open_payment_defers_until_it_is_settled(office, end):
    unpaid = coming_order(office.pos, paid=False)
    Contact.objects.filter(pk=office.vera.pk).update(phone="+41791234567", city="Bern")
    staff = office.staff()
    preview = staff.open(bin_page(office.vera))
    assert "An order that is not paid" in preview.text
    assert "This can’t be given up" in preview.text
    staff.fill("^seen$", {"tickets": "bearer"})
    done = Erasure.objects.get()
    vera = fresh(office.vera)
    assert done.state == Erasure.State.DEFERRED
    assert (vera.full_name, vera.email) == ("Vera Zweig", "vera@zweig.example")
    assert (vera.phone, vera.city) == ("", "")
    assert fresh(office.order).buyer is None
    assert "An open payment or refund needs it" in staff.open(change(unpaid)).text
    later = timezone.now() + timedelta(days=1)
    if end == "paid":
        assert payments.confirm(unpaid.payments.get(), by=office.owner, now=later)
    else:
        assert orders.expire(unpaid, now=Order.objects.get(pk=unpaid.pk).expires_at + timedelta(seconds=1))
    assert erasing.go_on(later + timedelta(hours=1)) == 1
    done.refresh_from_db()
    assert done.state == Erasure.State.CLOSED
    assert fresh(office.vera).email is None and fresh(unpaid).buyer is None


@pytest.mark.scenario("S33")
def test_unused_pass_is_a_warning(office):
    staff = office.staff()
    assert "season pass that is not used up" not in staff.open(bin_page(office.vera)).text
    season_order(office.pos)
    assert (
        "There is still a season pass that is not used up. Ask the person first."
        in staff.open(bin_page(office.vera)).text
    )
    staff.fill("^seen$", {})
    assert Erasure.objects.get().state == Erasure.State.DEFERRED


def test_queued_mail_about_an_upcoming_ticket_is_sent(office):
    """A person with an upcoming ticket must learn that the event is cancelled."""
    coming = coming_order(office.pos)
    erase_without_page(office.vera)
    orders.cancel(coming, by=office.owner, now=timezone.now())
    told = Mail.objects.filter(kind="order_cancelled").latest("pk")
    assert told.recipient == VERA["email"]


@pytest.mark.scenario("S30")
@pytest.mark.parametrize("end", ["used", "cancelled", "paid"])
def test_ended_deferral_is_noticed_by_the_next_run(office, end):
    coming = coming_order(office.pos, paid=end != "paid")
    if end == "paid":
        Session.objects.filter(pk=coming.tickets.get().session_id).update(
            starts_at=timezone.now() - timedelta(days=9), ends_at=timezone.now() - timedelta(days=8)
        )
    other = coming_order(office.pos, WILMA)
    for buyer in (office.vera, office.wilma):
        erase_without_page(buyer)
    first, second = Erasure.objects.order_by("pk")
    assert (first.state, second.state) == (Erasure.State.DEFERRED, Erasure.State.DEFERRED)
    soon = timezone.now() + timedelta(minutes=5)
    assert erasing.go_on(soon) == 0, "nothing has changed"
    if end == "used":
        coming.tickets.update(state="used", used_at=timezone.now())
    elif end == "paid":
        assert payments.confirm(coming.payments.get(), by=office.owner, now=timezone.now())
    else:
        orders.cancel(coming, by=office.owner, now=timezone.now())
        payments.refund_done(coming.payments.get().refunds.get(), by=office.owner, now=timezone.now())
    assert erasing.go_on(soon) == 1
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.state, second.state) == (Erasure.State.CLOSED, Erasure.State.DEFERRED)
    assert fresh(coming).buyer is None and fresh(other).buyer == office.wilma


def test_three_deferred_erasures_take_as_many_queries_as_one(office):
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert erasing.go_on(timezone.now()) == 0
        return len(queries)

    coming_order(office.pos)
    erasing.erase(office.vera, by=None, now=timezone.now())
    one = count()
    for number in range(2):
        buyer = coming_order(office.pos, {**VERA, "email": f"v{number}@zweig.example"}).buyer
        erasing.erase(buyer, by=None, now=timezone.now())
    assert count() == one
