"""Dates that are cancelled, moved or changed after people have bought tickets for them."""

from datetime import datetime, time, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from icalendar import Calendar

from contacts.linking import links
from contacts.models import ContactLink
from tests.factories.catalogue import (
    EventFactory,
    OfferFactory,
    SessionFactory,
    VenueFactory,
)
from tests.factories.organisers import make_staff
from tests.factories.sales import BUYER, make_cart, make_order
from tests.friends import friendly_pos, linked, make_visitor, managing
from tests.migrated_database import once_per_file
from tests.qr import codes_in_pdf, text_of_pdf
from tests.sales.mails.test_order_mails import deliver, mark_sent
from tests.sales.orders.dates.changing import cancel_date, change_date
from tests.staff import change, listing
from tests.visitor import TestClientVisitor
from ticketshop.catalogue.models import Session
from ticketshop.mail.models import Mail
from ticketshop.sales.cart import contents
from ticketshop.sales.mails import order_mails
from ticketshop.sales.models import DateChange, Order, Ticket
from ticketshop.sales.orders import orders, reminders
from ticketshop.sales.orders.dates import date_change_job

pytestmark = pytest.mark.django_db
ZONE = ZoneInfo("Europe/Zurich")
DAY = timezone.localdate() + timedelta(days=60)
FIRST = datetime.combine(DAY, time(20), ZONE)
SECOND = datetime.combine(DAY + timedelta(days=1), time(21), ZONE)
THIRD = datetime.combine(DAY + timedelta(days=2), time(18), ZONE)


def said(instant: datetime) -> str:
    """An instant as people read it in English."""
    local = instant.astimezone(ZONE)
    return f"{local:%A} {local.day} {local:%B %Y, %H:%M}"


def typed(instant: datetime) -> str:
    """An instant as a browser sends it."""
    return instant.astimezone(ZONE).strftime("%Y-%m-%dT%H:%M:%S")


MOVED = f"Moved from {said(FIRST)} to {said(SECOND)}"


def make_sale() -> SimpleNamespace:
    """A shop with a date, and somebody of its back office."""
    pos = friendly_pos(organiser__time_zone="Europe/Zurich", email_sender_address="box@theatre.example")
    event = EventFactory(
        pos=pos, title="Hamlet", venue=VenueFactory(organiser=pos.organiser, name="Old Hall")
    )
    session = SessionFactory(event=event, starts_at=FIRST, ends_at=FIRST + timedelta(hours=2))
    offer = OfferFactory(session=session)
    return SimpleNamespace(pos=pos, offer=offer, office=make_staff(pos.organiser, "back office"))


made_sale = once_per_file(make_sale)


def move(staff, session, start=SECOND):
    """Save the page of a date with another time; returns the page that asks."""
    staff.open(change(session))
    return staff.save(starts_at=typed(start), ends_at=typed(start + timedelta(hours=2)))


def cancel(staff, session):
    staff.open(change(session))
    return staff.save(state="cancelled")


def confirm(staff, **values):
    """Answer the question on screen with yes."""
    return staff.fill("^_confirmed$", values)


def carry_out():
    """Run the job that a change has queued, as the worker does."""
    for pk in DateChange.objects.order_by("pk").values_list("pk", flat=True):
        date_change_job.carry_out_change(pk)


def move_at_once(session, start=SECOND, message=""):
    """Move a date as its page does once staff have confirmed."""
    change_date(session, message=message, starts_at=start, ends_at=start + timedelta(hours=2))


def page_of(order):
    visitor = TestClientVisitor()
    visitor.open(order_mails.order_path(order))
    return visitor


# --- the question -----------------------------------------------------------------------------------------
def test_saving_a_moved_date_asks_with_the_numbers_and_changes_nothing_before_the_answer(staff, offer):
    make_order({offer: 2}, paid=True)
    make_order({offer: 1}, buyer={**BUYER, "first_name": "Ada", "email": "ada@example.org"})
    page = move(staff, offer.session)
    assert "Change dates that people have tickets for?" in page.text
    assert "Concerned: 2 people, 3 tickets in 2 orders." in page.text
    assert MOVED in page.text
    offer.session.refresh_from_db()
    assert (offer.session.starts_at, offer.session.sequence) == (FIRST, 0)
    assert not DateChange.objects.exists()
    page = confirm(staff)
    assert "The people concerned are told by e-mail." in page.text
    offer.session.refresh_from_db()
    assert offer.session.starts_at == SECOND
    assert DateChange.objects.get().made_by == staff.user


def test_a_date_without_tickets_is_saved_without_a_question(staff, offer):
    orders.cancel(make_order({offer: 1}), by=None, now=timezone.now())
    page = move(staff, offer.session)
    assert "Concerned" not in page.text
    offer.session.refresh_from_db()
    assert offer.session.starts_at != FIRST
    assert not DateChange.objects.exists()


def test_change_without_effect_for_ticket_holders_is_saved_without_a_question(staff, offer):
    make_order({offer: 1})
    staff.open(change(offer.session))
    staff.save(state="sold_out", sales_end_at=typed(FIRST - timedelta(days=2)))
    offer.session.refresh_from_db()
    assert offer.session.state == "sold_out"
    assert not DateChange.objects.exists()


def test_a_date_that_is_over_is_corrected_without_a_question(staff, offer):
    make_order({offer: 1})
    past = timezone.now() - timedelta(days=3)
    Session.objects.filter(pk=offer.session.pk).update(starts_at=past, ends_at=past + timedelta(hours=1))
    staff.open(change(offer.session))
    staff.save(doors_at=(past - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S"))
    offer.session.refresh_from_db()
    assert offer.session.doors_at < past
    assert not DateChange.objects.exists()


def test_going_back_to_the_form_keeps_what_was_typed_and_saves_nothing(staff, offer):
    make_order({offer: 1})
    move(staff, offer.session)
    form = staff.page.form("^_confirmed$")
    page = staff.submit(form, button=("_edit", "1"))
    assert "Nothing is saved yet." in page.text
    assert "Please correct the error" not in page.text
    assert page.form("^_save$").values["starts_at"] == typed(SECOND)
    offer.session.refresh_from_db()
    assert offer.session.starts_at == FIRST


def test_another_change_than_the_one_answered_is_asked_about_anew(staff, offer):
    make_order({offer: 1})
    move(staff, offer.session)
    form = staff.page.form("^_confirmed$")
    page = staff.submit(form, {"starts_at": typed(SECOND - timedelta(minutes=30))})
    assert "Concerned" in page.text
    assert "20:30" in page.text
    assert not DateChange.objects.exists()


def test_the_dates_on_the_page_of_an_event_ask_too_and_once_for_all(staff, offer):
    other = OfferFactory(session=SessionFactory(event=offer.session.event))
    make_order({offer: 1}), make_order({other: 1})
    staff.open(change(offer.session.event))
    page = staff.save(
        title_en="Macbeth", **{"sessions-0-state": "cancelled", "sessions-1-state": "cancelled"}
    )
    assert "Cancel dates that people have tickets for?" in page.text
    assert "1 person, 2 tickets in 2 orders" in page.text
    assert "no longer valid" in page.text
    confirm(staff)
    assert set(DateChange.objects.get().sessions.all()) == {offer.session, other.session}


def test_change_of_a_venue_asks_for_every_future_date_and_mails_are_optional(staff, offer):
    order = make_order({offer: 1}, paid=True)
    holder(*order.tickets.all())
    venue = offer.session.event.venue
    staff.open(change(venue))
    page = staff.save(street="Main street 1")
    assert "It now takes place at Old Hall, Main street 1." in page.text
    form = staff.page.form("^_confirmed$")
    del form.values["ask-tell"]
    page = staff.submit(form)
    assert "Nobody is told by e-mail." in page.text
    carry_out()
    assert not Mail.objects.filter(kind__startswith="date_changed")
    offer.session.refresh_from_db()
    assert offer.session.sequence == 1
    assert (
        "Main street 1"
        in text_of_pdf(page_of(order).send("GET", f"{order_mails.order_path(order)}tickets.pdf").body)[0]
    )


def test_orders_without_an_address_are_named(staff, offer):
    order = make_order({offer: 1})
    order.buyer.email = None
    order.buyer.save()
    page = cancel(staff, offer.session)
    assert f"tell them yourself: {order.reference}" in page.text


def test_a_message_that_is_too_long_is_refused_and_nothing_is_saved(staff, offer):
    make_order({offer: 1})
    cancel(staff, offer.session)
    page = confirm(staff, **{"ask-message": "x" * 1001})
    assert "at most 1000 characters" in page.text
    offer.session.refresh_from_db()
    assert offer.session.state == "on_sale"


# --- what people read --------------------------------------------------------------------------------------
def test_moved_date_is_shown_as_moved_on_every_page_of_its_ticket(staff, offer, mailoutbox):
    order = make_order({offer: 1}, paid=True)
    mark_sent()
    code = order.tickets.get().code
    move(staff, offer.session)
    confirm(staff, **{"ask-message": "The actor is ill.\nWe are sorry."})
    carry_out()
    visitor = page_of(order)
    assert visitor.page.text.count(MOVED) == 3  # the notice, the ticket, the line
    assert "The actor is ill. We are sorry." in visitor.page.text
    assert "Valid" in visitor.page.text
    assert MOVED in visitor.open(visitor.page.link("Show or print them here")).text
    pdf = visitor.send("GET", f"{order_mails.order_path(order)}tickets.pdf").body
    assert f"{SECOND:%A} {SECOND.day} {SECOND:%B}" in text_of_pdf(pdf)[0]
    assert MOVED in " ".join(text_of_pdf(pdf)[0].split())
    assert codes_in_pdf(pdf) == [code]
    assert MOVED in " ".join(staff.open(change(order)).text.split())
    assert MOVED in staff.open(change(order.tickets.get())).text
    (letter,) = deliver(mailoutbox)
    assert letter.to == [BUYER["email"]]
    assert letter.subject == f"Changed: Hamlet on {SECOND.day} {SECOND:%B %Y}"
    assert MOVED in letter.body
    assert "The actor is ill.\nWe are sorry." in letter.body
    names = {name: content for name, content, _mime_type in letter.attachments}
    assert codes_in_pdf(names[f"tickets-{order.reference}.pdf"]) == [code]
    (entry,) = Calendar.from_ical(names[f"{order.reference}.ics"]).walk("VEVENT")
    assert entry.decoded("dtstart") == SECOND


def test_a_cancelled_date_is_shown_as_cancelled_and_its_ticket_is_not_valid(staff, offer, mailoutbox):
    order = make_order({offer: 1}, paid=True)
    mark_sent()
    before = page_of(order).page.text
    assert "Valid" in before and "Your order is complete" in before
    cancel(staff, offer.session)
    confirm(staff, **{"ask-message": "We pay you back by Friday."})
    carry_out()
    visitor = page_of(order)
    assert f"“Hamlet” on {said(FIRST)} is cancelled." in visitor.page.text
    assert "We pay you back by Friday." in visitor.page.text
    assert "write to box@theatre.example" in visitor.page.text
    assert "Valid" not in visitor.page.text
    assert "Your order is complete" not in visitor.page.text
    assert "Download the tickets" not in visitor.page.text
    tickets = visitor.send("GET", f"{order_mails.order_path(order)}tickets/")
    assert "This date is cancelled" in tickets.text
    assert order.tickets.get().code not in tickets.source
    pdf = visitor.send("GET", f"{order_mails.order_path(order)}tickets.pdf").body
    assert "This date is cancelled." in text_of_pdf(pdf)[0]
    assert codes_in_pdf(pdf) == []
    page = staff.open(change(order.tickets.get()))
    assert "date cancelled" in page.text
    assert order.tickets.get().code[:8] not in staff.open(f"{listing(Ticket)}?state=valid").text
    assert order.tickets.get().code[:8] in staff.open(f"{listing(Ticket)}?state=date_cancelled").text
    (letter,) = deliver(mailoutbox)
    assert letter.subject == f"Cancelled: Hamlet on {FIRST.day} {FIRST:%B %Y}"
    assert "We pay you back by Friday." in letter.body
    ((name, content, _mime_type),) = letter.attachments
    (entry,) = Calendar.from_ical(content).walk("VEVENT")
    assert (name, entry["status"], int(entry["sequence"])) == (f"{order.reference}.ics", "CANCELLED", 1)


def test_the_calendar_file_keeps_its_uid_and_its_sequence_grows_with_each_change(staff, offer):
    order = make_order({offer: 1}, paid=True)

    def entry():
        answer = page_of(order).send("GET", f"{order_mails.order_path(order)}calendar.ics")
        (found,) = Calendar.from_ical(answer.body).walk("VEVENT")
        return found

    first = entry()
    assert (first["status"], int(first["sequence"])) == ("CONFIRMED", 0)
    move_at_once(offer.session)
    second = entry()
    assert (second["uid"], int(second["sequence"])) == (first["uid"], 1)
    assert second.decoded("dtstart") > first.decoded("dtstart")
    cancel_date(offer.session)
    third = entry()
    assert (third["uid"], int(third["sequence"]), third["status"]) == (first["uid"], 2, "CANCELLED")
    assert third.decoded("dtstamp") >= second.decoded("dtstamp") >= first.decoded("dtstamp")
    staff.open(change(offer.session))
    staff.save(state="on_sale")
    confirm(staff)
    fourth = entry()
    assert (int(fourth["sequence"]), fourth["status"]) == (3, "CONFIRMED")
    orders.cancel(order, by=None, now=timezone.now())
    last = entry()
    assert (last["uid"], int(last["sequence"]), last["status"]) == (first["uid"], 4, "CANCELLED")


def test_buyer_is_not_reminded_to_pay_for_a_cancelled_date(offer, mailoutbox):
    order = make_order({offer: 1}, method="bank_transfer")
    mark_sent()
    assert "How to pay" in page_of(order).page.text
    assert "your places are reserved" in page_of(order).page.text
    cancel_date(offer.session)
    carry_out()
    page = page_of(order).page
    assert "How to pay" not in page.text
    assert "You pay as described below" not in page.text
    assert "Please don’t pay this order." in page.text
    assert "your places are reserved" not in page.text
    (letter,) = deliver(mailoutbox)
    assert "please don’t pay" in letter.body
    assert reminders.remind(order.placed_at + timedelta(days=6)) == 0


def test_a_cart_tells_that_its_date_was_moved_and_an_old_review_page_is_refused(pos, offer):
    visitor = TestClientVisitor()
    visitor.add(f"/{pos.slug}/events/{offer.session.event.slug}/", **{f"offer_{offer.pk}": 1})
    assert "Moved from" not in visitor.open(f"/{pos.slug}/cart/").text
    later = FIRST + timedelta(days=1)
    Session.objects.filter(pk=offer.session.pk).update(starts_at=later, ends_at=later + timedelta(hours=2))
    assert f"Moved from {said(FIRST)} to {said(later)}" in visitor.open(f"/{pos.slug}/cart/").text
    cart = make_cart({offer: 1})
    shown = contents.read(cart).content_hash
    Session.objects.filter(pk=offer.session.pk).update(starts_at=FIRST, ends_at=FIRST + timedelta(hours=2))
    with pytest.raises(orders.CannotPlace, match="changed"):
        orders.place(
            cart,
            method="on_site",
            content_hash=shown,
            user=AnonymousUser(),
            language="en",
            now=timezone.now(),
        )


def test_a_cart_says_that_its_date_is_cancelled(pos, offer):
    visitor = TestClientVisitor()
    visitor.add(f"/{pos.slug}/events/{offer.session.event.slug}/", **{f"offer_{offer.pk}": 1})
    Session.objects.filter(pk=offer.session.pk).update(state="cancelled")
    page = visitor.open(f"/{pos.slug}/cart/")
    assert f"“Hamlet” on {FIRST:%A} {FIRST.day} {FIRST:%B %Y} is cancelled. Remove it to go on." in page.text


# --- recipients of mails, and their number ---------------------------------------------------
def test_a_buyer_of_two_orders_gets_one_mail_about_both(offer, mailoutbox):
    first, second = make_order({offer: 1}, paid=True), make_order({offer: 1}, paid=True)
    assert first.buyer == second.buyer
    mark_sent()
    move_at_once(offer.session)
    carry_out()
    (letter,) = deliver(mailoutbox)
    assert order_mails.order_url(first) in letter.body
    assert order_mails.order_url(second) in letter.body
    assert len(letter.attachments) == 4


@pytest.fixture
def family(pos, offer):
    """Return a signed-in buyer with a paid ticket for a friend with an e-mail address."""
    buyer = make_visitor(pos, email="buyer@example.org")
    friend = linked(buyer, pos, ("Fred", "Friend", "friend@example.org")).child
    order = make_order({offer: 2}, buyer=buyer, paid=True)
    ticket = order.tickets.order_by("pk").last()
    Ticket.objects.filter(pk=ticket.pk).update(beneficiary=friend)
    ticket.refresh_from_db()
    Mail.objects.update(state="sent", sent_at=timezone.now())
    return buyer, friend, order, ticket


def test_beneficiary_gets_a_mail_about_their_ticket_only(offer, family, mailoutbox):
    _buyer, _friend, order, ticket = family
    move_at_once(offer.session)
    carry_out()
    letters = {letter.to[0]: letter for letter in deliver(mailoutbox)}
    assert set(letters) == {"buyer@example.org", "friend@example.org"}
    letter = letters["friend@example.org"]
    assert MOVED in letter.body
    assert order.reference not in letter.body + letter.subject
    ((_name, content, _mime_type),) = letter.attachments
    assert codes_in_pdf(content) == [ticket.code]
    assert order.reference not in text_of_pdf(content)[0]


def test_parent_who_did_not_buy_gets_a_mail_without_a_code(offer, family, pos, mailoutbox):
    _buyer, friend, _order, ticket = family
    friend.email = None
    friend.save()
    parent = make_visitor(pos, "Paula", email="parent@example.org")
    managing(parent, friend)
    move_at_once(offer.session)
    carry_out()
    letters = {letter.to[0]: letter for letter in deliver(mailoutbox)}
    assert set(letters) == {"buyer@example.org", "parent@example.org"}
    letter = letters["parent@example.org"]
    assert "Fred" in letter.body
    assert letter.attachments == []
    assert ticket.code not in letter.message().as_string()


def test_holders_of_an_unpaid_order_are_not_told(offer, family):
    _buyer, _friend, order, _ticket = family
    Order.objects.filter(pk=order.pk).update(state="pending")
    move_at_once(offer.session)
    carry_out()
    assert list(Mail.objects.filter(kind__startswith="date").values_list("kind", flat=True)) == [
        "date_changed"
    ]


def holder(*tickets: Ticket, email: str = "zoe@example.org", **values) -> None:
    """Let these tickets have the address of their holder."""
    for ticket in tickets:
        Ticket.objects.filter(pk=ticket.pk).update(holder_email=email, **values)


@pytest.mark.scenario("TIC-06")
def test_address_on_a_ticket_gets_one_mail_without_code_or_buyer(staff, offer, mailoutbox, monkeypatch):
    first = make_order({offer: 2}, buyer={**BUYER, "email": "one@example.org"}, paid=True)
    Order.objects.filter(pk=first.pk).update(language="fr")
    second = make_order({offer: 1}, buyer={**BUYER, "email": "two@example.org"}, paid=True)
    holder(*first.tickets.all(), *second.tickets.all())
    mark_sent()
    page = move(staff, offer.session)
    assert "Concerned: 3 people, 3 tickets in 2 orders." in page.text
    confirm(staff, **{"ask-message": "The stage is repaired."})
    # One order per page, and everything twice.
    for _round in range(2):
        after = 0
        while after is not None:
            after = date_change_job.tell_some(DateChange.objects.get(), after, timezone.now(), size=1)
    letters = {letter.to[0]: letter for letter in deliver(mailoutbox)}
    assert set(letters) == {"one@example.org", "two@example.org", "zoe@example.org"}
    assert Mail.objects.filter(kind="date_changed_for_holder").count() == 1
    letter = letters["zoe@example.org"]
    # In the language of the first order.
    assert "Déplacé du" in letter.body
    assert "The stage is repaired." in letter.body
    whole = letter.subject + letter.body + letter.alternatives[0].content
    assert letter.attachments == []
    for order in (first, second):
        assert order.reference not in whole and order.secret not in whole
        assert not any(ticket.code[:8] in whole for ticket in order.tickets.all())
    for name in ("Grace", "Hopper", "one@", "two@"):
        assert name not in whole


def test_address_of_a_person_who_gets_a_mail_anyway_gets_no_second_one(offer, family, mailoutbox):
    _buyer, friend, order, ticket = family
    holder(ticket, email=friend.email)
    (own,) = order.tickets.exclude(pk=ticket.pk)
    holder(own, email="buyer@example.org")
    move_at_once(offer.session)
    carry_out()
    assert sorted(letter.to[0] for letter in deliver(mailoutbox)) == [
        "buyer@example.org",
        "friend@example.org",
    ]


@pytest.mark.parametrize(
    ("what", "told"),
    [("paid", True), ("unpaid", False), ("cancelled", False), ("another person", False)],
)
def test_address_on_a_ticket_gets_a_mail_about_a_valid_ticket_only(offer, family, mailoutbox, what, told):
    _buyer, friend, order, ticket = family
    own = order.tickets.exclude(pk=ticket.pk).get()
    holder(own)
    if what == "unpaid":
        Order.objects.filter(pk=order.pk).update(state="pending")
    elif what == "cancelled":
        holder(own, state="cancelled")
    elif what == "another person":
        # A person who ended the link gets no mail through an address that was typed for them.
        holder(own, beneficiary=friend)
        links.remove(ContactLink.objects.get(), by=None, now=timezone.now())
    move_at_once(offer.session)
    carry_out()
    assert ("zoe@example.org" in {letter.to[0] for letter in deliver(mailoutbox)}) is told


def test_an_address_that_was_erased_or_corrected_before_the_mail_left_is_not_written_to(offer, mailoutbox):
    tickets = [make_order({offer: 1}, paid=True).tickets.get() for _number in range(3)]
    addresses = ("gone@example.org", "wrong@example.org", "zoe@example.org")
    for ticket, address in zip(tickets, addresses, strict=True):
        holder(ticket, email=address)
    mark_sent()
    move_at_once(offer.session)
    carry_out()
    assert Mail.objects.filter(kind="date_changed_for_holder").count() == 3
    holder(tickets[0], email="")
    holder(tickets[1], email="right@example.org")
    told = {letter.to[0] for letter in deliver(mailoutbox)}
    assert told & {*addresses, "right@example.org"} == {"zoe@example.org"}


def test_two_addresses_are_each_told_of_two_changes_by_one_mail(offer, mailoutbox):
    (first, second) = make_order({offer: 2}, paid=True).tickets.order_by("pk")
    holder(first, email="ada@example.org")
    holder(second, email="bea@example.org")
    mark_sent()
    for start in (SECOND, THIRD):
        move_at_once(offer.session, start)
    carry_out()
    letters = [
        letter for letter in deliver(mailoutbox) if letter.to[0] in ("ada@example.org", "bea@example.org")
    ]
    assert sorted(letter.to[0] for letter in letters) == ["ada@example.org", "bea@example.org"]
    assert all(f"Moved from {said(FIRST)} to {said(THIRD)}." in letter.body for letter in letters)


def test_the_job_run_twice_tells_everybody_once(offer, family):
    move_at_once(offer.session)
    carry_out()
    carry_out()
    assert Mail.objects.filter(kind__startswith="date_changed").count() == 2


def test_saved_twice_is_one_change(staff, offer, family):
    move(staff, offer.session)
    form = staff.page.form("^_confirmed$")
    staff.submit(form)
    staff.submit(form)
    assert DateChange.objects.count() == 1
    offer.session.refresh_from_db()
    assert offer.session.sequence == 1


def test_two_changes_before_the_mail_leaves_are_one_mail_that_tells_the_whole_way(offer, mailoutbox):
    make_order({offer: 1}, paid=True)
    mark_sent()
    move_at_once(offer.session, message="First word.")
    move_at_once(offer.session, THIRD, message="Second word.")
    carry_out()
    (letter,) = deliver(mailoutbox)
    assert f"Moved from {said(FIRST)} to {said(THIRD)}." in letter.body
    assert "First word." in letter.body
    assert "Second word." in letter.body


def test_a_mail_that_leaves_between_two_changes_tells_of_both_and_the_second_is_not_needed(offer, mailoutbox):
    make_order({offer: 1}, paid=True)
    mark_sent()
    move_at_once(offer.session, message="First word.")
    carry_out()
    cancel_date(offer.session, message="Second word.")
    (letter,) = deliver(mailoutbox)  # the job of the second change has not run yet
    assert letter.subject.startswith("Cancelled: Hamlet")
    assert "First word." in letter.body
    assert "Second word." in letter.body
    carry_out()
    assert deliver(mailoutbox) == []


def test_change_after_the_mail_was_sent_causes_another_mail(offer, mailoutbox):
    make_order({offer: 1}, paid=True)
    mark_sent()
    move_at_once(offer.session)
    carry_out()
    deliver(mailoutbox)
    move_at_once(offer.session, THIRD)
    carry_out()
    (letter,) = deliver(mailoutbox)
    assert f"Moved from {said(SECOND)} to {said(THIRD)}." in letter.body


def test_a_change_that_was_taken_back_before_the_mail_left_is_not_told(offer, mailoutbox):
    make_order({offer: 1}, paid=True)
    mark_sent()
    move_at_once(offer.session)
    move_at_once(offer.session, FIRST)
    carry_out()
    assert deliver(mailoutbox) == []
    assert set(Mail.objects.filter(kind="date_changed").values_list("state", flat=True)) == {"cancelled"}


def test_buyer_who_ordered_after_the_change_gets_no_mail(offer, mailoutbox):
    make_order({offer: 1})
    move_at_once(offer.session)
    make_order({offer: 1}, buyer={**BUYER, "first_name": "Ada", "email": "late@example.org"})
    carry_out()
    assert [mail.recipient for mail in Mail.objects.filter(kind="date_changed")] == [BUYER["email"]]


def test_the_job_goes_on_in_pages(offer, monkeypatch):
    for number in range(3):
        make_order(
            {offer: 1}, buyer={**BUYER, "first_name": f"Ada{number}", "email": f"a{number}@example.org"}
        )
    move_at_once(offer.session)
    change_made, last, pages = DateChange.objects.get(), 0, 0
    while last is not None:
        last = date_change_job.tell_some(change_made, last, timezone.now(), size=1)
        pages += 1
    assert pages == 4
    assert Mail.objects.filter(kind="date_changed").count() == 3


# --- what hangs on a date ------------------------------------------------------------------------------------
def test_an_unpaid_order_ends_with_its_new_date(offer):
    at_the_door, transfer = make_order({offer: 1}), make_order({offer: 1}, method="bank_transfer")
    assert at_the_door.expires_at == FIRST
    before = transfer.expires_at
    move_at_once(offer.session)
    carry_out()
    at_the_door.refresh_from_db(), transfer.refresh_from_db()
    assert at_the_door.expires_at == SECOND
    assert transfer.expires_at == before
    move_at_once(offer.session, timezone.now().replace(microsecond=0) + timedelta(days=2))
    carry_out()
    at_the_door.refresh_from_db(), transfer.refresh_from_db()
    offer.session.refresh_from_db()
    assert at_the_door.expires_at == transfer.expires_at == offer.session.starts_at


def test_tickets_of_a_cancelled_date_do_not_count_for_the_most_per_person(offer):
    offer.tariff.max_per_person = 1
    offer.tariff.save()
    other = OfferFactory(session=SessionFactory(event=offer.session.event), tariff=offer.tariff)
    make_order({offer: 1})
    with pytest.raises(orders.CannotPlace):
        make_order({other: 1})
    Session.objects.filter(pk=offer.session.pk).update(state="cancelled")
    make_order({other: 1})
