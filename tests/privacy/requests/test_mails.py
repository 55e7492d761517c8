"""Mails of an erased person: queued ones are cancelled, sent ones emptied, and later ones not created."""

import threading
from datetime import timedelta

import pytest
from django.core.mail import EmailMessage
from django.db import connection
from django.test import Client
from django.utils import timezone

from contacts import contacts
from contacts.linking import adding, links
from contacts.models import Contact
from privacy.erasure import erasing
from tests.factories.catalogue import OfferFactory
from tests.factories.contacts import ContactFactory
from tests.factories.sales import make_order
from tests.friends import friendly_pos, linked, make_visitor
from tests.smtp import Postbox
from tests.timeouts import timeouts
from tests.waiting import PATIENCE
from ticketshop.mail import mailbox, outbox, tasks
from ticketshop.mail.models import Mail
from ticketshop.sales import notices
from ticketshop.sales.models import Order, Ticket
from ticketshop.sales.orders import cancelled_lines, orders, reminders, single_tickets
from ticketshop.sales.payments import payments

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("S19")]
BACKEND = "django.core.mail.backends.smtp.EmailBackend"


@pytest.fixture
def pos():
    return friendly_pos(slug="theatre")


@pytest.fixture
def zoe(pos):
    return make_visitor(pos, "Zoe", "Grey", email="zoe@example.org")


@pytest.fixture
def postbox(settings):
    with Postbox() as box:
        settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = BACKEND, "127.0.0.1", box.port
        settings.EMAIL_HOST_USER, settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL = "", False, False
        yield box


def erase(contact: Contact, **asked) -> str:
    return erasing.erase(contact, by=None, now=timezone.now(), **asked).state


def send_all() -> None:
    """Every job there is, once more; also those of mails that were sent or cancelled."""
    for pk in Mail.objects.order_by("pk").values_list("pk", flat=True):
        try:
            tasks.send(pk)
        except tasks.TryAgain:
            continue


def over(*mine: Order) -> None:
    """Nothing waits: cancelled and unpaid."""
    for order in mine:
        Order.objects.filter(pk=order.pk).update(state="cancelled")
        Ticket.objects.filter(order=order).update(state="cancelled")


def test_queued_mails_are_cancelled_and_sent_ones_keep_kind_date_and_state(zoe, pos, postbox):
    sent = make_order(pos=pos, user=zoe.user)
    send_all()
    assert len(postbox.to("zoe@example.org")) == 1
    postbox.refuse["zoe@example.org"] = "451 later"
    retrying = make_order(pos=pos, user=zoe.user)
    send_all()
    waiting = make_order(pos=pos, user=zoe.user)
    outbox.queue(
        "account_reset", to="zoe@example.org", language="en", now=timezone.now(), about={"user": zoe.user_id}
    )
    before = list(Mail.objects.order_by("pk").values("pk", "kind", "state", "created_at", "sent_at"))
    assert [one["state"] for one in before] == ["sent", "queued", "queued", "queued"]
    over(sent, retrying, waiting)
    other = make_order(pos=pos, buyer={"first_name": "W", "last_name": "W", "email": "azoe@example.org"})
    postbox.refuse.clear()
    assert erase(zoe) == "closed"
    send_all()
    assert len(postbox.to("zoe@example.org")) == 1 and len(postbox.to("azoe@example.org")) == 1
    after = Mail.objects.exclude(subject_uuid=other.buyer.subject_uuid).order_by("pk")
    kept = list(after.values("pk", "kind", "state", "created_at", "sent_at"))
    assert kept[0] == before[0]
    assert kept[1:] == [{**one, "state": "cancelled"} for one in before[1:]]
    assert {
        (mail.recipient, mail.subject_uuid, mail.provider_id, "user" in mail.about) for mail in after
    } == {("", None, "", False)}


@pytest.mark.scenario("S09")
def test_mails_of_a_log_in_that_stays_are_left_alone(zoe, pos, postbox):
    elsewhere = friendly_pos(slug="elsewhere")
    contacts.for_user(elsewhere.organiser, zoe.user, language="en", now=timezone.now())
    asked = {"language": "en", "now": timezone.now(), "about": {"user": zoe.user_id}}
    platform = outbox.queue("account_reset", to="zoe@example.org", **asked)
    here = outbox.queue("account_reset", to="zoe@example.org", pos=pos, **asked)
    there = outbox.queue("account_reset", to="zoe@example.org", pos=elsewhere, **asked)
    assert erase(zoe) == "closed"
    states = dict(Mail.objects.values_list("pk", "state"))
    assert states == {platform.pk: "queued", here.pk: "cancelled", there.pk: "queued"}


def test_mail_to_another_person_does_not_name_the_erased_one(zoe, pos, mailoutbox):
    ann = make_visitor(pos, "Ann", "Other", email="ann@example.org")
    link = linked(zoe, pos, ("Ann", "Other", "ann@example.org"))
    links.accept(link, by=ann.user, now=timezone.now())
    offer = OfferFactory(pos=pos)
    holders = [{"first_name": "Ann", "last_name": "Other", "person": str(link.pk)}]
    make_order({offer: 1}, user=zoe.user, holders=holders, paid=True)
    linked(zoe, pos, ("Bob", "Miller", "bob@example.org"))
    waiting = {"link_known", "link_new", "ticket_for_you"}
    assert waiting <= set(Mail.objects.filter(state="queued").values_list("kind", flat=True))
    assert erase(zoe) == "closed", "a ticket for somebody else does not need whoever bought it"
    send_all()
    (ticket,) = mailoutbox
    assert ticket.to == ["ann@example.org"] and ticket.attachments, "her ticket is hers"
    said = f"{ticket.subject} {ticket.body} {ticket.alternatives[0].content}"
    assert "Ann" in said and "Zoe" not in said and "Grey" not in said
    assert "You have tickets for" in ticket.subject


@pytest.fixture
def short_waits_for_locks():
    """An erasure gives up soon, as in production, and goes on later."""
    with timeouts(lock_timeout=500):
        yield


@pytest.mark.django_db(transaction=True)
def test_a_mail_that_is_just_being_sent_ends_first(short_waits_for_locks, pos, postbox):
    order = make_order(pos=pos)
    contact, mail = order.buyer, Mail.objects.get()
    over(order)
    Order.objects.filter(pk=order.pk).update(state="pending")
    postbox.silent.set()

    def send():
        tasks.send(mail.pk)
        connection.close()

    sending = threading.Thread(target=send)
    sending.start()
    assert postbox.arrived.wait(PATIENCE)
    Order.objects.filter(pk=order.pk).update(state="cancelled")
    done = erasing.erase(contact, by=None, now=timezone.now())
    assert (done.state, Contact.objects.get(pk=contact.pk).email) == ("claimed", order.buyer.email)
    done.refresh_from_db()
    assert done.failure.startswith("claimed: LockNotAvailable")
    postbox.silent.clear()
    sending.join(PATIENCE)
    assert erasing.go_on(timezone.now()) == 1
    done.refresh_from_db()
    mail.refresh_from_db()
    assert (done.state, done.failure) == ("closed", "")
    assert (mail.state, mail.recipient, len(postbox.letters)) == ("sent", "", 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["ticket_for_you", "link_known"])
def test_an_erasure_ends_after_a_mail_that_names_the_person_has_left(
    short_waits_for_locks, zoe, pos, postbox, kind
):
    ann = make_visitor(pos, "Ann", "Other", email="ann@example.org")
    link = linked(zoe, pos, ("Ann", "Other", "ann@example.org"))
    links.accept(link, by=ann.user, now=timezone.now())
    holders = [{"first_name": "Ann", "last_name": "Other", "person": str(link.pk)}]
    make_order({OfferFactory(pos=pos): 1}, user=zoe.user, holders=holders, paid=True)
    mail = Mail.objects.get(kind=kind)
    postbox.silent.set()

    def send():
        tasks.send(mail.pk)
        connection.close()

    sending = threading.Thread(target=send)
    sending.start()
    assert postbox.arrived.wait(PATIENCE)
    assert "Zoe Grey" in postbox.letters[0].text
    done = erasing.erase(zoe, by=None, now=timezone.now())
    assert done.state == "claimed"
    postbox.silent.clear()
    sending.join(PATIENCE)
    assert erasing.go_on(timezone.now()) == 1
    done.refresh_from_db()
    assert done.state == "closed"


@pytest.mark.scenario("S39")
def test_later_changes_of_an_order_send_no_mail(zoe, pos):
    order = make_order(pos=pos, user=zoe.user, method="bank_transfer")
    stale = Order.objects.select_related("buyer").get(pk=order.pk)
    assert stale.buyer.email
    Order.objects.filter(pk=order.pk).update(expires_at=timezone.now())
    Ticket.objects.update(state="cancelled")
    assert erase(zoe) == "closed"
    queued = Mail.objects.filter(state="queued")
    # Each with a row that was read before.
    notices.queue(stale, "order_placed", timezone.now(), again=True)
    assert payments.confirm(order.payments.get(), by=None, now=timezone.now())
    assert Order.objects.get(pk=order.pk).state == "paid", "money that comes is never lost"
    assert orders.cancel(stale, by=None, now=timezone.now())
    assert not queued.exists() and not Mail.objects.exclude(recipient="").exists()


@pytest.mark.scenario("S39")
def test_erased_person_gets_no_reminder(zoe, pos, monkeypatch):
    order = make_order(pos=pos, user=zoe.user, method="bank_transfer")
    later = timezone.now() + timedelta(days=order.organiser.bank_reminder_days, minutes=1)
    Order.objects.filter(pk=order.pk).update(expires_at=later + timedelta(days=1))
    update = Order.objects.filter

    def erased_meanwhile(*conditions, **which):
        if "reminded_at" in which and "pk" in which:
            Order.objects.all().update(buyer=None)
        return update(*conditions, **which)

    monkeypatch.setattr(Order.objects, "filter", erased_meanwhile)
    assert reminders.remind(later) == 1
    assert not Mail.objects.filter(kind="order_reminder").exists()


# --- the ticket holders of an erased buyer ------------------------------------------------------------------------


@pytest.fixture
def guests(zoe, pos):
    """Return an order of Zoe for Ann, with an e-mail address, and for Tim, without one."""
    ann = make_visitor(pos, "Ann", "Other", email="ann@example.org")
    link = linked(zoe, pos, ("Ann", "Other", "ann@example.org"))
    links.accept(link, by=ann.user, now=timezone.now())
    child = linked(zoe, pos, adding.Person("Tim", "Grey", no_email=True))
    holders = [
        {"first_name": "Ann", "last_name": "Other", "person": str(link.pk)},
        {"first_name": "Tim", "last_name": "Grey", "person": str(child.pk)},
    ]
    return make_order({OfferFactory(pos=pos): 2}, user=zoe.user, holders=holders, paid=True)


@pytest.mark.scenario("S37")
def test_guests_keep_tickets_names_and_mails(zoe, guests, mailoutbox):
    send_all()
    mine = Mail.objects.filter(kind="ticket_for_you").values().get()
    assert mine["recipient"] == "ann@example.org" and mine["state"] == "sent"
    tickets = list(guests.tickets.order_by("pk").values())
    assert erase(zoe) == "closed"
    assert list(guests.tickets.order_by("pk").values()) == tickets
    assert Mail.objects.filter(kind="ticket_for_you").values().get() == mine
    ann = Client()
    ann.force_login(Contact.objects.get(email="ann@example.org").user)
    assert "Ann Other" in ann.get("/theatre/account/orders/").content.decode()


@pytest.mark.scenario("S37")
def test_guests_of_an_erased_buyer_get_mails_about_their_tickets(zoe, guests, mailoutbox):
    send_all()
    mailoutbox.clear()
    assert erase(zoe) == "closed"
    assert orders.cancel(guests, by=None, now=timezone.now())
    send_all()
    (letter,) = mailoutbox
    assert letter.to == ["ann@example.org"], "whoever has no address is reached at the door only"
    said = f"{letter.subject} {letter.body} {letter.alternatives[0].content}"
    assert "cancelled" in letter.subject and "Ann Other" in said
    assert not {"Zoe", "Tim", guests.reference} & set(said.replace(".", " ").split())
    assert Mail.objects.filter(kind="ticket_cancelled").get().subject_uuid == letter_owner().subject_uuid


def letter_owner() -> Contact:
    return Contact.objects.get(email="ann@example.org")


@pytest.mark.scenario("TIC-02")
def test_beneficiary_gets_one_mail_about_a_cancelled_ticket_without_buyer_and_amount(zoe, guests, mailoutbox):
    send_all()
    mailoutbox.clear()
    unit = next(
        unit
        for unit in cancelled_lines.units_of(guests)
        if unit.admissions[0].beneficiary_id == letter_owner().pk
    )
    single_tickets.cancel(guests, [unit.key], by=None, now=timezone.now())
    send_all()
    assert {address for letter in mailoutbox for address in letter.to} == {
        "zoe@example.org",
        "ann@example.org",
    }
    (letter,) = [letter for letter in mailoutbox if letter.to == ["ann@example.org"]]
    text = f"{letter.subject} {letter.body} {letter.alternatives[0].content}"
    assert "cancelled" in letter.subject
    assert not {"Zoe", "Tim", "CHF", guests.reference} & set(text.replace(".", " ").split())
    mailoutbox.clear()
    orders.cancel(guests, by=None, now=timezone.now())
    send_all()
    assert [letter.to for letter in mailoutbox] == [["zoe@example.org"]]


@pytest.mark.scenario("S37")
def test_beneficiary_gets_a_mail_when_the_whole_order_is_cancelled_while_the_buyer_exists(
    zoe, guests, mailoutbox
):
    send_all()
    mailoutbox.clear()
    orders.cancel(guests, by=None, now=timezone.now())
    send_all()
    assert sorted(letter.to for letter in mailoutbox) == [["ann@example.org"], ["zoe@example.org"]]


@pytest.mark.scenario("S37")
def test_guest_being_erased_gets_no_mail(zoe, guests):
    assert erase(zoe) == "closed"
    Contact.objects.filter(email="ann@example.org").update(erasing_at=timezone.now())
    orders.cancel(guests, by=None, now=timezone.now())
    assert not Mail.objects.filter(kind="ticket_cancelled").exists()


def test_guest_order_of_another_person_does_not_change(pos):
    contact = ContactFactory(organiser=pos.organiser, email="zoe@example.org")
    make_order(pos=pos)
    assert erase(contact) == "closed"
    assert Mail.objects.get().recipient == "grace@example.org"


def test_demo_mailbox_deletes_mails_of_an_erased_person(
    settings, tmp_path, django_capture_on_commit_callbacks
):
    settings.MAILBOX_DIR = tmp_path
    order = make_order(buyer={"first_name": "Zoe", "last_name": "Grey", "email": "Zoe@example.org"})
    for to in ("zoe@example.org", "azoe@example.org"):
        mailbox.Backend().send_messages([EmailMessage("Tickets", "Here they are", to=[to])])
    assert [letter.to for letter in mailbox.read_mails()] == ["azoe@example.org", "zoe@example.org"]
    with django_capture_on_commit_callbacks(execute=True):
        erasing.erase(order.buyer, by=None, now=timezone.now())
    assert [letter.to for letter in mailbox.read_mails()] == ["azoe@example.org"]
