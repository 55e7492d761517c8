"""Messages to everybody of a date, and reminders: who gets them, once, in which language, and what staff see."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from contacts.models import Contact
from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import OrganiserFactory, make_staff
from tests.factories.sales import BUYER, make_order
from tests.friends import friendly_pos, linked, make_visitor
from tests.migrated_database import once_per_file
from tests.sales.mails.test_order_mails import deliver, mark_sent
from tests.staff import Staff, change
from ticketshop.catalogue.models import Event, Session
from ticketshop.mail.models import Mail
from ticketshop.sales.models import DateMessage, MessageRecipient, Order, Ticket
from ticketshop.sales.orders import orders
from ticketshop.sales.orders.dates import date_messages

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("TIC-07")]
NOW = timezone.now
TEXTS = {
    "subject_en": "Another entrance for {event}",
    "text_en": "On {date} please come to the side door.",
    "subject_fr": "Autre entrée pour {event}",
    "text_fr": "Le {date}, entrez par le côté.",
}


def make_sale() -> SimpleNamespace:
    """A shop with a date, and somebody of its back office."""
    pos = friendly_pos(organiser__time_zone="Europe/Zurich", organiser__languages=["en", "fr"])
    offer = OfferFactory(pos=pos)
    Event.objects.filter(pk=offer.session.event_id).update(title_en="Hamlet", title_fr="Hamlet, prince")
    return SimpleNamespace(pos=pos, offer=offer, office=make_staff(pos.organiser, "back office"))


made_sale = once_per_file(make_sale)


def page(session, name: str = "message") -> str:
    return f"{change(session).removesuffix('change/')}{name}/"


def look(staff, session, **values):
    """Fill in the page and look at the preview."""
    staff.open(page(session))
    return staff.fill("^key$", {**TEXTS, **values})


def send(staff, session, **values):
    look(staff, session, **values)
    return staff.submit(staff.page.form("^key$"), button=("send", "1"))


def work():
    date_messages.WRITE.run(NOW())


def buyer(number: int) -> dict:
    return {**BUYER, "first_name": f"Ada{number}", "email": f"ada{number}@example.org"}


# --- write --------------------------------------------------------------------------------------------------------
def test_each_person_gets_the_message_once_in_their_language(staff, pos, offer, mailoutbox):
    make_order({offer: 1}, paid=True), make_order({offer: 1}, paid=True)
    french = make_order({offer: 1}, buyer=buyer(1), paid=True)
    Contact.objects.filter(pk=french.buyer_id).update(language="fr")
    grace = make_visitor(pos, first_name="Grace")
    link = linked(grace, pos, ("Bob", "Miller", "bob@example.org"))
    family = make_order({offer: 3}, buyer=grace, paid=True)
    first, second, third = family.tickets.order_by("pk")
    Ticket.objects.filter(pk=first.pk).update(beneficiary=link.child)
    Ticket.objects.filter(pk=second.pk).update(holder_email="zoe@example.org")
    # An address that gets the message already as a buyer.
    Ticket.objects.filter(pk=third.pk).update(holder_email="ada1@example.org")
    unpaid = make_order({offer: 1}, buyer=buyer(2))
    Ticket.objects.filter(order=unpaid).update(holder_email="nobody@example.org")
    cancelled = make_order({offer: 1}, buyer=buyer(3), paid=True)
    orders.cancel(cancelled, by=None, now=NOW())
    mark_sent()
    shown = look(staff, offer.session)
    assert "5 people get this" in shown.text
    assert "Autre entrée pour Hamlet, prince" in shown.text and "Another entrance for Hamlet" in shown.text
    assert family.secret not in shown.source
    assert not DateMessage.objects.exists()
    assert "The message goes to 5 people." in send(staff, offer.session).text
    work(), work()
    letters = {letter.to[0]: letter for letter in deliver(mailoutbox)}
    assert sorted(letters) == sorted(
        [BUYER["email"], "ada1@example.org", grace.email, "bob@example.org", "zoe@example.org"]
    )
    assert Mail.objects.filter(kind="date_message").count() == 5
    assert letters["ada1@example.org"].subject == "Autre entrée pour Hamlet, prince"
    assert letters[BUYER["email"]].subject == "Another entrance for Hamlet"
    assert family.secret in letters[grace.email].body
    for address in ("bob@example.org", "zoe@example.org"):
        assert family.secret not in letters[address].body
        assert family.reference not in letters[address].body
    assert first.code[:8] not in letters["zoe@example.org"].body
    assert "It is not advertising" in letters["zoe@example.org"].body
    listed = staff.open(page(offer.session, "messages"))
    assert "Another entrance for {event}" in listed.text
    row = MessageRecipient.objects.values_list("mail__state", flat=True)
    assert set(row) == {"sent"}


def test_buyers_of_unpaid_orders_get_it_if_chosen(staff, offer):
    make_order({offer: 1})
    look(staff, offer.session)
    assert "Nobody would get this message" in " ".join(staff.errors)
    assert "1 person gets this" in look(staff, offer.session, states="reserved").text


def test_the_same_page_sent_twice_is_one_message(staff, offer):
    make_order({offer: 1}, paid=True)
    look(staff, offer.session)
    form, url = staff.page.form("^key$"), page(offer.session)
    staff.submit(form, button=("send", "1"))
    staff.open(url)
    again = staff.submit(form, button=("send", "1"))
    assert "was sent already" in again.text
    assert (DateMessage.objects.count(), MessageRecipient.objects.count()) == (1, 1)


def test_a_message_changed_after_the_preview_is_shown_once_more(staff, offer):
    make_order({offer: 1}, paid=True)
    look(staff, offer.session)
    answer = staff.submit(staff.page.form("^key$"), {"text_en": "Something else."}, button=("send", "1"))
    assert "Nothing is sent yet: you have changed the message." in answer.text
    assert "Something else." in answer.text
    assert not DateMessage.objects.exists()


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"subject_en": ""}, "This field is required"),
        ({"text_fr": ""}, "Write both subject and text in this language, or neither."),
        ({"text_en": "{order.secret}"}, "“{order.secret}” is not known. Use one of these: {event}"),
        ({"text_en": "x" * 4001}, "at most 4000 characters"),
    ],
)
def test_errors_of_a_message_are_shown_and_the_input_stays(staff, offer, values, says):
    make_order({offer: 1}, paid=True)
    answer = look(staff, offer.session, **values)
    assert says in " ".join(staff.errors)
    kept = "subject_fr" if "subject_fr" not in values else "text_fr"
    assert answer.form("^key$").values[kept] == TEXTS[kept]


def test_template_language_is_text(staff, offer, mailoutbox):
    make_order({offer: 1}, paid=True)
    mark_sent()
    text = "{% load i18n %}{{ pos.organiser.iban }} <b>bold</b> {event}"
    send(staff, offer.session, text_en=text)
    work()
    (letter,) = deliver(mailoutbox)
    assert "{% load i18n %}{{ pos.organiser.iban }} <b>bold</b> Hamlet" in letter.body


def test_recipients_without_a_ticket_or_erased_get_nothing(staff, offer, mailoutbox):
    gone = make_order({offer: 1}, buyer=buyer(1), paid=True)
    erased = make_order({offer: 1}, buyer=buyer(2), paid=True)
    make_order({offer: 1}, paid=True)
    mark_sent()
    send(staff, offer.session)
    Order.objects.filter(pk=erased.pk).update(buyer=None)
    work()
    orders.cancel(gone, by=None, now=NOW())
    told = [letter.to[0] for letter in deliver(mailoutbox) if "Another" in letter.subject]
    assert told == [BUYER["email"]]
    listed = staff.open(page(offer.session, "messages"))
    assert "not needed any more" in listed.source.lower()


@pytest.mark.parametrize(("role", "may"), [("back office", True), ("box office", False)])
def test_only_some_roles_write(pos, offer, role, may):
    make_order({offer: 1}, paid=True)
    staff = Staff(make_staff(pos.organiser, role))
    shown = staff.open(change(offer.session)).text
    assert ("Write to everybody" in shown) is may
    assert "Messages of this date" in shown
    stranger = Staff(make_staff(OrganiserFactory(), "owner"))
    assert stranger.send("GET", page(offer.session)).status == 404


@pytest.mark.parametrize("number", [1, 3])
def test_number_of_queries_does_not_grow_with_the_people(pos, offer, number, django_assert_num_queries):
    for index in range(number):
        grace = make_visitor(pos, first_name=f"Grace{index}")
        link = linked(grace, pos, ("Bob", "Miller", f"bob{index}@example.org"))
        order = make_order({offer: 1}, buyer=grace, paid=True)
        Ticket.objects.filter(order=order).update(beneficiary=link.child)
    with django_assert_num_queries(8):
        assert (
            len(date_messages.addressees(offer.session, ["valid"], buyers=True, holders=True)) == 2 * number
        )


def test_message_is_deleted_after_a_year_and_its_mails_stay(staff, offer):
    make_order({offer: 1}, paid=True)
    send(staff, offer.session)
    work()
    date_messages.FORGET.run(NOW() + date_messages.KEPT_FOR - timedelta(days=1))
    assert DateMessage.objects.exists()
    date_messages.FORGET.run(NOW() + date_messages.KEPT_FOR + timedelta(days=1))
    assert not DateMessage.objects.exists() and not MessageRecipient.objects.exists()
    assert Mail.objects.filter(kind="date_message").count() == 1


# --- reminders ----------------------------------------------------------------------------------------------------
@pytest.fixture
def tomorrow(offer):
    """A date that begins in 20 hours, with a reminder 24 hours before and an order from two days ago."""
    make_order({offer: 1}, paid=True, now=NOW() - timedelta(days=2))
    starts = NOW() + timedelta(hours=20)
    Session.objects.filter(pk=offer.session.pk).update(starts_at=starts, ends_at=starts + timedelta(hours=2))
    Event.objects.filter(pk=offer.session.event_id).update(reminder_hours=24)
    offer.session.refresh_from_db()
    return offer


def remind():
    date_messages.REMIND.run(NOW())
    work()


def test_reminder_goes_out_once_with_what_when_and_where(tomorrow, mailoutbox):
    mark_sent()
    remind(), remind()
    (letter,) = deliver(mailoutbox)
    assert letter.to == [BUYER["email"]]
    assert letter.subject.startswith("Reminder: Hamlet on ")
    assert "This is a reminder of a date you have a ticket for." in letter.body
    assert Order.objects.get().secret in letter.body
    assert DateMessage.objects.get().kind == "reminder"


@pytest.mark.parametrize(
    ("column", "value"),
    [("event__reminder_hours", None), ("event__reminder_hours", 12), ("state", "cancelled")],
)
def test_no_reminder_unless_switched_on_due_and_not_cancelled(tomorrow, column, value):
    if column.startswith("event__"):
        Event.objects.update(reminder_hours=value)
    else:
        Session.objects.update(state=value)
    remind()
    assert not DateMessage.objects.exists()


def test_who_ordered_within_the_time_or_holds_no_valid_ticket_is_not_reminded(tomorrow, mailoutbox):
    make_order({tomorrow: 1}, buyer=buyer(1), paid=True)
    make_order({tomorrow: 1}, buyer=buyer(2), now=NOW() - timedelta(days=2))
    remind()
    assert [mail.recipient for mail in Mail.objects.filter(kind="date_reminder")] == [BUYER["email"]]


def test_date_moved_within_the_time_has_no_reminder_because_people_were_told(tomorrow):
    Session.objects.update(changed_at=NOW() - timedelta(hours=1))
    remind()
    assert not Mail.objects.filter(kind="date_reminder").exists()


@pytest.mark.parametrize("change_made", ["moved", "cancelled"])
def test_reminder_of_a_date_that_changed_before_it_left_is_not_sent(tomorrow, mailoutbox, change_made):
    mark_sent()
    remind()
    if change_made == "moved":
        Session.objects.update(starts_at=NOW() + timedelta(hours=21))
    else:
        Session.objects.update(state="cancelled")
    assert deliver(mailoutbox) == []
    assert Mail.objects.get(kind="date_reminder").state == "cancelled"
