"""Correction of names on tickets and passes after the sale: by whom, until when, and the mails about it."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from registration_forms.answers import responses
from registration_forms.models import RegistrationForm
from tests.factories import registration_forms as made
from tests.factories.catalogue import OfferFactory, SeasonPassFactory
from tests.factories.organisers import make_staff
from tests.factories.sales import BUYER, make_order
from tests.friends import friendly_pos, linked, make_visitor
from tests.qr import codes_in_pdf, text_of_pdf
from tests.sales.mails.test_order_mails import deliver, mark_sent
from tests.staff import Staff, change
from tests.visitor import TestClientVisitor
from ticketshop.catalogue.models import Session
from ticketshop.history import history
from ticketshop.limits import limits
from ticketshop.mail.models import Mail
from ticketshop.sales.mails import order_mails
from ticketshop.sales.models import IssuedPass, Order, Ticket
from ticketshop.sales.orders import orders
from ticketshop.sales.tickets import names
from ticketshop.sales.tickets.name_forms import NameForm

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("TIC-01")]
NOW = timezone.now


@pytest.fixture
def pos():
    return friendly_pos(organiser__time_zone="Europe/Zurich")


@pytest.fixture
def offer(pos):
    return OfferFactory(pos=pos)


def jonh(offer, **values) -> Order:
    """A paid order for two, whose first ticket says “Jonh Lennon”."""
    holders = [{"first_name": "Jonh", "last_name": "Lennon"}, {"first_name": "Yoko", "last_name": "Ono"}]
    return make_order({offer: 2}, holders=holders, **{"paid": True, **values})


def first_of(order) -> Ticket:
    return order.tickets.order_by("pk").first()


def at_names(order) -> TestClientVisitor:
    visitor = TestClientVisitor()
    visitor.open(f"{order_mails.order_path(order)}names/")
    return visitor


def correct(visitor, ticket, first_name="John", last_name="Lennon"):
    kind = "ticket" if isinstance(ticket, Ticket) else "pass"
    values = {f"{kind}-{ticket.pk}-first_name": first_name, f"{kind}-{ticket.pk}-last_name": last_name}
    return visitor.fill("-seen$", values)


def holder(ticket) -> str:
    return type(ticket).objects.get(pk=ticket.pk).holder


# --- the buyer -------------------------------------------------------------------------------------------
def test_the_buyer_corrects_a_name_and_gets_the_ticket_anew_with_the_same_code(offer, mailoutbox):
    order = jonh(offer)
    ticket = first_of(order)
    mark_sent()
    visitor = TestClientVisitor()
    visitor.open(order_mails.order_path(order))
    visitor.open(visitor.page.link("Correct a name on a ticket"))
    page = correct(visitor, ticket)
    assert "The names are saved." in page.text
    assert "John Lennon" in page.text
    assert Ticket.objects.get(pk=ticket.pk).code == ticket.code
    (letter,) = deliver(mailoutbox)
    assert letter.to == [BUYER["email"]]
    ((_name, pdf, _mime_type),) = letter.attachments
    assert codes_in_pdf(pdf) == [ticket.code]
    assert "John Lennon" in text_of_pdf(pdf)[0]
    # The mail says that it changed; which name is on the ticket alone.
    assert not re.search("Jonh|John|Lennon|Yoko", letter.subject + letter.body)


def test_the_history_tells_that_a_name_changed_and_no_name(offer):
    order = jonh(offer)
    ticket = first_of(order)
    correct(at_names(order), ticket)
    event = history.of(ticket).get(action="name_changed")
    assert event.details == {"columns": ["holder_first_name"]}
    assert history.of(order).filter(action="names_changed").count() == 1


def test_names_saved_unchanged_cause_no_mail(offer):
    order = jonh(offer)
    before = Mail.objects.count()
    page = at_names(order).fill("-seen$")
    assert "Nothing has changed." in page.text
    assert Mail.objects.count() == before
    assert not history.of(order).filter(action="names_changed")


def test_the_name_on_a_pass_is_corrected_until_the_end_of_its_last_day(pos, mailoutbox):
    season_pass = SeasonPassFactory(pos=pos)
    order = make_order({season_pass: 1}, holders=[{"first_name": "Jonh", "last_name": "Lennon"}], paid=True)
    issued = order.passes.get()
    correct(at_names(order), issued)
    assert holder(issued) == "John Lennon"
    today = timezone.localdate(timezone=ZoneInfo("Europe/Zurich"))
    IssuedPass.objects.update(valid_until=today)
    assert "This name could be changed" not in at_names(order).page.text
    IssuedPass.objects.update(valid_until=today - timedelta(days=1))
    assert "This name could be changed until" in at_names(order).page.text


def test_an_unpaid_orders_names_can_be_corrected_and_no_ticket_goes_out(offer, mailoutbox):
    order = jonh(offer, paid=False)
    mark_sent()
    correct(at_names(order), first_of(order))
    assert holder(first_of(order)) == "John Lennon"
    (letter,) = deliver(mailoutbox)
    assert letter.attachments == []


# --- until when ---------------------------------------------------------------------------------------------
def test_without_a_form_a_name_can_be_changed_until_the_date_begins(offer):
    order = jonh(offer)
    assert "You can change them until" in at_names(order).page.text
    begun = NOW() - timedelta(minutes=1)
    Session.objects.update(starts_at=begun, ends_at=begun + timedelta(hours=2))
    page = at_names(order).page
    assert "This name could be changed until" in page.text
    assert "Ask the organiser if it is wrong." in page.text
    assert "Jonh Lennon" in page.text
    assert "Correct a name" not in TestClientVisitor().open(order_mails.order_path(order)).text


@pytest.fixture
def form(offer, pos):
    """A form of the tariff, to be published, that asks for the name and one more thing."""
    form = made.make_form("tariff", organiser=pos.organiser)
    form.menu = made.ask(form, "Menu", visibility="optional")
    return form


def answered(offer, form, *, stored=True) -> Order:
    """The order, with the form asked of its tickets, and answered for the first one where ``stored``."""
    version = made.publish(form)
    order = jonh(offer)
    offer.tariff.form = form
    offer.tariff.save()
    if stored:
        (response,) = responses.store(
            [made.make_given(version, {form.menu.key: "Soup"})],
            organiser=form.organiser,
            language="en",
            now=NOW(),
        )
        Ticket.objects.filter(pk=first_of(order).pk).update(response=response)
    return order


@pytest.mark.parametrize("stored", [True, False])
def test_with_a_form_its_deadline_counts(offer, form, stored):
    order = answered(offer, form, stored=stored)
    form_rows = RegistrationForm.objects.filter(pk=form.pk)
    form_rows.update(editable_until=NOW() + timedelta(hours=1))
    correct(at_names(order), first_of(order))
    assert holder(first_of(order)) == "John Lennon"
    form_rows.update(editable_until=NOW() - timedelta(seconds=1))
    assert "This name could be changed until" in at_names(order).page.text


def test_a_page_opened_before_the_deadline_saves_nothing_after_it(offer):
    order = jonh(offer)
    visitor = at_names(order)
    begun = NOW() - timedelta(minutes=1)
    Session.objects.update(starts_at=begun, ends_at=begun + timedelta(hours=2))
    page = correct(visitor, first_of(order))
    assert holder(first_of(order)) == "Jonh Lennon"
    assert "Not saved, because it can’t be changed any more: " in page.text
    assert "Nothing has changed" not in page.text


def test_what_can_still_be_changed_is_saved_beside_what_can_not_any_more(offer):
    order = jonh(offer)
    visitor = at_names(order)
    first, second = order.tickets.order_by("pk")
    Ticket.objects.filter(pk=first.pk).update(state="used", used_at=NOW())
    values = {f"ticket-{one.pk}-first_name": "John" for one in (first, second)}
    page = visitor.fill("-seen$", values)
    assert (holder(first), holder(second)) == ("Jonh Lennon", "John Ono")
    assert "Not saved, because it can’t be changed any more: " in page.text
    assert "The names are saved." in page.text


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("used", "the ticket was used at the entrance"),
        ("cancelled", "the ticket is cancelled"),
        ("date", "the date is cancelled"),
        ("erased", "the person asked to be forgotten"),
    ],
)
def test_a_name_that_can_not_be_changed_says_why(offer, what, sentence):
    order = jonh(offer)
    rows = Ticket.objects.filter(pk=first_of(order).pk)
    if what == "used":
        rows.update(state="used", used_at=NOW())
    elif what == "cancelled":
        rows.update(state="cancelled")
    elif what == "date":
        Session.objects.update(state="cancelled")
    else:
        rows.update(holder_first_name="", holder_last_name="", holder_erased_at=NOW())
    page = at_names(order).page
    assert sentence in page.text
    assert f"ticket-{first_of(order).pk}-first_name" not in page.source


def test_an_order_that_is_over_keeps_its_names(offer):
    order = jonh(offer)
    orders.cancel(order, by=None, now=NOW())
    assert "the ticket is cancelled" in at_names(order).page.text


# --- the rules of a name ------------------------------------------------------------------------------------
def test_every_field_of_the_checkout_has_its_column():
    fields = set(NameForm(single_names=True, names={"email": "visible"}).fields)
    assert fields == set(names.COLUMNS)


def test_a_name_is_checked_as_at_the_checkout(offer):
    order = jonh(offer)
    page = correct(at_names(order), first_of(order), "Call www.evil.example", "x" * 101)
    assert "There is a problem" in page.text
    assert "without an address or a link" in page.text
    assert holder(first_of(order)) == "Jonh Lennon"


def test_a_mandatory_name_can_not_be_emptied_and_a_hidden_one_is_not_shown(offer, form):
    made.ask(form, "First name", "text", system_ref="first_name", visibility="mandatory")
    made.ask(form, "Last name", "text", system_ref="last_name", visibility="hidden")
    order = answered(offer, form)
    visitor = at_names(order)
    ticket = first_of(order)
    assert f"ticket-{ticket.pk}-last_name" not in visitor.page.source
    page = visitor.fill("-seen$", {f"ticket-{ticket.pk}-first_name": ""})
    assert "This field is required" in page.text


def test_two_changes_of_the_same_name_show_a_conflict(offer):
    order = jonh(offer)
    slow, quick = at_names(order), at_names(order)
    correct(quick, first_of(order), "Joan")
    page = correct(slow, first_of(order), "John")
    assert "Changed by somebody else meanwhile, to: Joan Lennon." in page.text
    assert page.form("-seen$").values[f"ticket-{first_of(order).pk}-first_name"] == "John"
    assert holder(first_of(order)) == "Joan Lennon"
    slow.fill("-seen$")
    assert holder(first_of(order)) == "John Lennon"


def test_many_names_stand_on_pages(offer):
    offer.tariff.max_per_order = 50
    offer.tariff.save()
    pos = offer.session.event.points_of_sale.get()
    pos.max_tickets_per_order = 50
    pos.save()
    order = make_order({offer: 25}, paid=True)
    visitor = at_names(order)
    assert "Page 1 of 2" in visitor.page.text
    page = visitor.fill("-seen$")
    assert "Page 2 of 2" in page.text
    last = order.tickets.order_by("pk").last()
    correct(visitor, last)
    assert holder(last) == "John Lennon"


def test_after_twenty_changes_the_next_waits(offer):
    order = jonh(offer)
    for _number in range(17):
        limits.note("names_change", f"order:{order.pk}", timezone.now())
    visitor = at_names(order)
    for number in range(3):
        visitor.open(f"{order_mails.order_path(order)}names/")
        correct(visitor, first_of(order), f"John{number}")
    visitor.open(f"{order_mails.order_path(order)}names/")
    assert correct(visitor, first_of(order), "Joan").status == 429


# --- other people ---------------------------------------------------------------------------------------------
def test_the_person_a_ticket_is_for_gets_it_anew_without_the_order(pos, offer, mailoutbox):
    buyer = make_visitor(pos, email="buyer@example.org")
    friend = linked(buyer, pos, ("Jonh", "Lennon", "john@example.org")).child
    order = jonh(offer, buyer=buyer)
    ticket = first_of(order)
    Ticket.objects.filter(pk=ticket.pk).update(beneficiary=friend)
    mark_sent()
    correct(at_names(order), ticket)
    letters = {letter.to[0]: letter for letter in deliver(mailoutbox)}
    assert set(letters) == {"buyer@example.org", "john@example.org"}
    letter = letters["john@example.org"]
    ((_name, pdf, _mime_type),) = letter.attachments
    assert codes_in_pdf(pdf) == [ticket.code]
    assert order.reference not in letter.subject + letter.body + text_of_pdf(pdf)[0]


# --- staff ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("where", ["order", "ticket"])
def test_staff_correct_a_name_at_any_time_also_of_a_used_ticket(pos, offer, where, mailoutbox):
    order = jonh(offer)
    ticket = first_of(order)
    Ticket.objects.filter(pk=ticket.pk).update(state="used", used_at=NOW())
    Session.objects.update(starts_at=NOW() - timedelta(hours=1), ends_at=NOW() + timedelta(hours=1))
    mark_sent()
    staff = Staff(make_staff(pos.organiser, "box office"))
    staff.open(change(order if where == "order" else ticket))
    staff.open(staff.page.link("Change names"))
    page = correct(staff, ticket)
    assert "The names are saved." in page.text
    assert holder(ticket) == "John Lennon"
    assert len(deliver(mailoutbox)) == 1


def test_staff_may_change_a_name_without_a_mail(pos, offer):
    order = jonh(offer)
    before = Mail.objects.count()
    staff = Staff(make_staff(pos.organiser, "box office"))
    staff.open(f"/admin/sales/order/{order.pk}/names/")
    form = staff.page.form("-seen$")
    del form.values["tell"]
    staff.submit(form, {f"ticket-{first_of(order).pk}-first_name": "John"})
    assert holder(first_of(order)) == "John Lennon"
    assert Mail.objects.count() == before


def test_staff_who_may_change_contacts_are_led_to_the_buyers(pos, offer):
    order = jonh(offer)
    page = Staff(make_staff(pos.organiser, "back office")).open(change(order))
    assert (
        page.link("Correct the buyer’s name or e-mail") == f"/admin/contacts/contact/{order.buyer_id}/change/"
    )
    assert (
        "Correct the buyer’s name"
        not in Staff(make_staff(pos.organiser, "box office")).open(change(order)).text
    )
