"""Whom a ticket is for, on the details page: what is filled in follows the choice, what was typed stays."""

import re
from datetime import date

import pytest
from django.utils import timezone

from contacts import contacts
from contacts.linking import adding
from contacts.models import Contact
from registration_forms.answers import responses
from registration_forms.models import Response
from tests.factories.accounts import UserFactory
from tests.factories.catalogue import OfferFactory
from tests.factories.registration_forms import ask, make_form, publish
from tests.factories.sales import PaymentMethodFactory, make_order
from tests.friends import BOB, friendly_pos, linked, make_visitor
from tests.sales import jazz
from tests.visitor import Page, TestClientVisitor
from ticketshop.catalogue.models import OrderForm
from ticketshop.organisers.models import Organiser
from ticketshop.sales.checkout import people
from ticketshop.sales.models import Cart, Order, Ticket

pytestmark = pytest.mark.django_db
TIM = adding.Person("Tim", "Martin", no_email=True, birth_date=date(2018, 5, 1))
ZOE = ("Zoé", "Grey", "zoe@example.org")


@pytest.fixture
def pos():
    pos = friendly_pos(slug="theatre")
    PaymentMethodFactory(point_of_sale=pos)
    return pos


@pytest.fixture
def alice(pos):
    return make_visitor(pos, email="alice@example.org")


@pytest.fixture
def offer(pos):
    return OfferFactory(pos=pos)


def open_details(offer, contact: Contact | None = None, tickets=1) -> TestClientVisitor:
    visitor = TestClientVisitor()
    if contact is not None:
        visitor.client.force_login(contact.user)
    visitor.put_in_cart("theatre", **{f"offer_{offer.pk}": tickets})
    visitor.open("/theatre/checkout/")
    return visitor


def slots(page: Page) -> list[str]:
    return list(dict.fromkeys(re.findall(r'name="slot-([^"]+)"', page.source)))


def send(visitor, person=None, slot=0, **typed) -> Page:
    """Send the details: ``person`` for one ticket, ``typed`` by field, such as ``last_name``."""
    name = f"holder-{slots(visitor.page)[slot]}"
    values = {f"{name}-{field}": text for field, text in typed.items()}
    if person is not None:
        values[f"{name}-person"] = getattr(person, "pk", person)
    return visitor.submit(visitor.page.form("^checkout_key$"), values)


def back(visitor) -> Page:
    return visitor.open("/theatre/checkout/")


def printed(visitor, slot=0) -> str:
    """The name on a ticket as the details page has it."""
    values = visitor.page.form("^checkout_key$").values
    name = f"holder-{slots(visitor.page)[slot]}"
    return f"{values[f'{name}-first_name']} {values[f'{name}-last_name']}".strip()


def reviewed(page: Page) -> dict[str, str]:
    """Of the first ticket: what the review says."""
    assert page.url.endswith("/review/"), page.text[:1500]
    rows = re.findall(r"(?s)<dt>(.*?)</dt>\s*<dd>(.*?)</dd>", page.source)
    return {
        " ".join(re.sub("<[^>]*>", "", label).split()): " ".join(re.sub("<[^>]*>", " ", text).split())
        for label, text in rows
    }


# --- names ---------------------------------------------------------------------------------------------------


def test_names_that_came_from_a_choice_follow_the_choice(pos, alice, offer):
    bob, zoe = linked(alice, pos), linked(alice, pos, ZOE)
    visitor = open_details(offer, alice)
    review = reviewed(send(visitor, bob))
    assert (review["This ticket is for"], review["Name on the ticket"]) == ("Bob Miller", "Bob Miller")
    back(visitor)
    assert printed(visitor) == "Bob Miller"
    review = reviewed(send(visitor, zoe))
    assert (review["This ticket is for"], review["Name on the ticket"]) == ("Zoé Grey", "Zoé Grey")
    back(visitor)
    review = reviewed(send(visitor, ""))
    assert "This ticket is for" not in review
    assert review["Name on the ticket"] == "no name on the ticket"
    back(visitor)
    send(visitor, "me")
    visitor.place()
    ticket = Ticket.objects.get()
    assert (ticket.beneficiary, ticket.holder) == (alice, "Alice Martin")


def test_a_name_that_was_typed_is_never_replaced(pos, alice, offer):
    bob, zoe = linked(alice, pos), linked(alice, pos, ZOE)
    visitor = open_details(offer, alice)
    send(visitor, bob)
    back(visitor)
    review = reviewed(send(visitor, zoe, first_name="Bobby"))
    assert (review["This ticket is for"], review["Name on the ticket"]) == ("Zoé Grey", "Bobby Miller")
    back(visitor)
    review = reviewed(send(visitor, "me"))
    assert (review["This ticket is for"], review["Name on the ticket"]) == (
        "Me – Alice Martin",
        "Bobby Miller",
    )
    visitor.place()
    assert (Ticket.objects.get().beneficiary, Ticket.objects.get().holder) == (alice, "Bobby Miller")


def test_names_follow_on_a_page_that_comes_back_with_a_mistake(pos, alice, offer):
    bob, zoe = linked(alice, pos), linked(alice, pos, ZOE)
    visitor = open_details(offer, alice)
    send(visitor, bob)
    back(visitor)
    form = visitor.page.form("^checkout_key$")
    (slot,) = slots(visitor.page)
    page = visitor.submit(form, {f"holder-{slot}-person": zoe.pk, "buyer-first_name": ""})
    assert "There is a problem" in page.text
    assert printed(visitor) == "Zoé Grey"


def test_choice_me_uses_the_buyers_name_as_typed_on_the_page(pos, offer):
    """A log-in that has just been made has no names yet: they are asked once."""
    form = make_form(organiser=pos.organiser)
    ask(form, "First name", system_ref="first_name", visibility="mandatory")
    ask(form, "Last name", system_ref="last_name", visibility="mandatory")
    publish(form)
    offer.tariff.form = form
    offer.tariff.save()
    user = UserFactory(email="new@example.org")
    contact = contacts.for_user(pos.organiser, user, language="en", now=timezone.now())
    visitor = open_details(offer, contact)
    (slot,) = slots(visitor.page)
    typed = {"buyer-first_name": "Nia", "buyer-last_name": "Okoye", f"holder-{slot}-person": "me"}
    review = reviewed(visitor.submit(visitor.page.form("^checkout_key$"), typed))
    assert (review["This ticket is for"], review["Name on the ticket"]) == ("Me – Nia Okoye", "Nia Okoye")
    # And it stays who orders, if that is corrected.
    back(visitor)
    visitor.submit(visitor.page.form("^checkout_key$"), {"buyer-first_name": "Nina"})
    assert reviewed(visitor.page)["Name on the ticket"] == "Nina Okoye"
    visitor.place()
    assert Ticket.objects.get().holder == "Nina Okoye"
    contact.refresh_from_db()
    assert contact.full_name == "Nina Okoye"


def test_a_person_whose_link_ended_keeps_the_name_on_the_page(pos, alice, offer):
    bob = linked(alice, pos)
    visitor = open_details(offer, alice)
    send(visitor, bob)
    back(visitor)
    bob.delete()
    page = send(visitor)
    assert "There is a problem" in page.text
    assert printed(visitor) == "Bob Miller"


# --- known answers -------------------------------------------------------------------------------------------


@pytest.fixture
def born(pos, offer):
    form = make_form(organiser=pos.organiser)
    field = ask(form, "Date of birth", "birth_date", system_ref="birth_date", visibility="mandatory")
    ask(form, "Phone", "phone", system_ref="phone")
    publish(form)
    offer.tariff.form = form
    offer.tariff.save()
    return field


def dates(page: Page, field) -> list[str]:
    values = page.form("^checkout_key$").values
    return [values.get(name, "") for name in jazz.of_blocks(page, field)]


def test_the_birth_date_the_buyer_knows_is_not_asked_again(pos, alice, offer, born):
    tim, bob = linked(alice, pos, TIM), linked(alice, pos)
    visitor = open_details(offer, alice)
    review = reviewed(send(visitor, tim))
    assert review["Date of birth"] == "1 May 2018"
    assert dates(back(visitor), born) == ["2018-05-01"]
    page = send(visitor, bob)
    assert "There is a problem" in page.text, "of Bob the buyer knows none"
    assert dates(page, born) == [""]
    (name,) = jazz.of_blocks(page, born)
    visitor.submit(page.form("^checkout_key$"), {name: "1990-02-03"})
    back(visitor)
    review = reviewed(send(visitor, tim))
    assert review["Date of birth"] == "3 February 1990", "typed, so it stays"
    visitor.place()
    assert date(1990, 2, 3) in responses.read(Response.objects.get()).values()


def test_what_was_taken_out_stays_out(pos, alice, offer, born):
    tim = linked(alice, pos, TIM)
    visitor = open_details(offer, alice)
    send(visitor, tim)
    (name,) = jazz.of_blocks(back(visitor), born)
    page = visitor.submit(visitor.page.form("^checkout_key$"), {name: ""})
    assert "There is a problem" in page.text
    assert dates(page, born) == [""]


def test_a_sensitive_answer_is_not_filled_in(pos, alice, offer, born):
    born.sensitive, born.purpose, born.retention_days = True, "the insurance", 30
    born.save()
    publish(offer.tariff.form)
    tim = linked(alice, pos, TIM)
    page = send(open_details(offer, alice), tim)
    assert dates(page, born) == [""]


def test_a_child_put_on_a_ticket_beforehand_comes_with_what_is_known(pos, alice, offer, born):
    tim = linked(alice, pos, TIM)
    visitor = TestClientVisitor()
    visitor.client.force_login(alice.user)
    visitor.open(f"/theatre/events/{offer.session.event.slug}/")
    form = visitor.page.form(r"cart/add/")
    form.action, form.names = "/theatre/cart/people/", {*form.names, f"ticket-{tim.pk}"}
    visitor.submit(form, {f"ticket-{tim.pk}": offer.pk})
    page = visitor.to_details()
    assert (dates(page, born), printed(visitor)) == (["2018-05-01"], "Tim Martin")
    assert reviewed(send(visitor))["Date of birth"] == "1 May 2018"


def test_me_takes_what_the_order_form_was_told_on_the_same_page(pos, alice, offer, born):
    order = make_form("order", organiser=pos.organiser)
    phone = ask(order, "Your phone", "phone", system_ref="phone")
    publish(order)
    OrderForm.objects.create(form=order, point_of_sale=pos)
    Contact.objects.filter(pk=alice.pk).update(birth_date=date(1980, 1, 2))
    visitor = open_details(offer, alice)
    (slot,) = slots(visitor.page)
    (name,) = jazz.of_blocks(visitor.page, phone)
    review = visitor.submit(
        visitor.page.form("^checkout_key$"), {f"holder-{slot}-person": "me", name: "+41 44 668 18 00"}
    )
    assert reviewed(review)["Date of birth"] == "2 January 1980"
    assert reviewed(review)["Phone"] == reviewed(review)["Your phone"] != ""


# --- a name of one part --------------------------------------------------------------------------------------


def single(pos, allowed: bool) -> None:
    Organiser.objects.filter(pk=pos.organiser_id).update(single_part_names=allowed)


@pytest.mark.scenario("FF-18")
@pytest.mark.parametrize("allowed", [True, False])
@pytest.mark.parametrize("who", ["guest", "signed in"])
def test_a_name_of_one_part_is_taken_where_the_organiser_allows_it(pos, offer, who, allowed):
    single(pos, allowed)
    user = UserFactory(email="sukarno@example.org")
    contact = contacts.for_user(pos.organiser, user, language="en", now=timezone.now())
    visitor = open_details(offer, contact if who == "signed in" else None)
    typed = {"buyer-first_name": "Sukarno", "buyer-last_name": ""}
    if who == "guest":
        typed["buyer-email"] = "sukarno@example.org"
    page = visitor.submit(visitor.page.form("^checkout_key$"), typed)
    if not allowed:
        assert jazz.summary_links(page)[0][0] == "id_buyer-last_name"
        return
    assert page.url.endswith("/review/")
    visitor.place()
    assert Order.objects.get().buyer.full_name == "Sukarno"


@pytest.mark.scenario("FF-18")
@pytest.mark.parametrize("allowed", [True, False])
def test_ticket_with_mandatory_name_accepts_a_single_name(pos, offer, allowed):
    single(pos, allowed)
    form = make_form(organiser=pos.organiser)
    ask(form, "First name", system_ref="first_name", visibility="mandatory")
    ask(form, "Last name", system_ref="last_name", visibility="mandatory")
    publish(form)
    offer.tariff.form = form
    offer.tariff.save()
    visitor = open_details(offer)
    visitor.submit(visitor.page.form("^checkout_key$"), jazz.BUYER)
    page = send(visitor, first_name="Pelé")
    if not allowed:
        assert [target for target, _text in jazz.summary_links(page)] == [
            f"id_holder-{slots(page)[0]}-last_name"
        ]
        return
    assert page.url.endswith("/review/")
    visitor.place()
    assert Ticket.objects.get().holder == "Pelé"


@pytest.mark.parametrize("first", ["visible", "hidden"])
@pytest.mark.parametrize("allowed", [True, False])
def test_where_only_the_last_name_is_mandatory_the_part_that_may_stay_empty_is_not_claimed(
    pos, offer, allowed, first
):
    single(pos, allowed)
    form = make_form(organiser=pos.organiser)
    ask(form, "First name", system_ref="first_name", visibility=first)
    ask(form, "Last name", system_ref="last_name", visibility="mandatory")
    publish(form)
    offer.tariff.form = form
    offer.tariff.save()
    visitor = open_details(offer)
    # Where both may be given, the last name says that it may stay empty: then it is not said to be missing.
    said = allowed and first == "visible"
    of_tickets = visitor.page.text.partition("Who is each ticket for?")[2]
    assert ("With only one name, leave this empty." in of_tickets) is said
    visitor.submit(visitor.page.form("^checkout_key$"), jazz.BUYER)
    page = send(visitor, last_name="")
    wanted = "first_name" if said else "last_name"
    assert [target for target, _text in jazz.summary_links(page)] == [f"id_holder-{slots(page)[0]}-{wanted}"]
    assert send(visitor, **{wanted: "Pelé"}).url.endswith("/review/")
    visitor.place()
    assert Ticket.objects.get().holder == "Pelé"


@pytest.mark.parametrize("allowed", [True, False])
def test_the_profile_keeps_the_same_rule(pos, alice, allowed):
    single(pos, allowed)
    visitor = TestClientVisitor()
    visitor.client.force_login(alice.user)
    visitor.open("/theatre/account/profile/")
    page = visitor.fill("^birth_date$", {"last_name": ""})
    alice.refresh_from_db()
    assert (alice.last_name == "") is allowed
    assert ("id_last_name" in [target for target, _text in jazz.summary_links(page)]) is not allowed


# --- a person's maximum, at the person -----------------------------------------------------------------------


def test_a_maximum_is_said_at_the_ticket_that_is_too_many(pos, alice, offer):
    offer.tariff.max_per_person = 1
    offer.tariff.save()
    bob = linked(alice, pos)
    visitor = open_details(offer, alice, tickets=3)
    names = [f"holder-{slot}" for slot in slots(visitor.page)]
    typed = {f"{names[0]}-person": bob.pk, f"{names[1]}-person": "me", f"{names[2]}-person": bob.pk}
    page = visitor.submit(visitor.page.form("^checkout_key$"), typed)
    assert jazz.summary_links(page) == [
        (
            f"id_{names[2]}-person",
            f"Adult – ticket 3 of 3 – {_day(offer)}: This ticket is for: “Adult”: at most 1 for this person. Choose another person, or remove this ticket.",
        )
    ]
    assert not Cart.objects.get().details_complete
    page = visitor.submit(page.form("^checkout_key$"), {f"{names[2]}-person": ""})
    assert "count as yours" in jazz.summary_links(page)[0][1]


def _day(offer) -> str:
    starts = timezone.localtime(offer.session.starts_at, offer.session.event.organiser.zone)
    return f"{starts.day} {starts:%B}"


def test_earlier_orders_count_and_a_late_one_leads_back_to_the_ticket(pos, alice, offer):
    offer.tariff.max_per_person = 1
    offer.tariff.save()
    visitor = open_details(offer, alice)
    assert send(visitor, "me").url.endswith("/review/")
    make_order({offer: 1}, user=alice.user, holders=[{"first_name": "A", "last_name": "", "person": "me"}])
    page = visitor.place()
    assert page.url.endswith("/checkout/?check=1")
    assert Order.objects.count() == 1
    ((target, text),) = jazz.summary_links(page)
    assert target == f"id_holder-{slots(page)[0]}-person"
    assert "at most 1 per person, and you have 1 already" in text


def test_guest_sees_which_tickets_of_the_cart_are_too_many(pos, offer):
    offer.tariff.max_per_person = 1
    offer.tariff.save()
    visitor = open_details(offer, tickets=2)
    page = visitor.submit(visitor.page.form("^checkout_key$"), jazz.BUYER)
    ((target, text),) = jazz.summary_links(page)
    assert target == f"id_holder-{slots(page)[1]}-first_name"
    assert text.endswith("Remove this ticket to go on.")


# --- people of the same name ---------------------------------------------------------------------------------


def test_people_with_equal_names_have_different_labels(pos, alice):
    linked(alice, pos, adding.Person("Tim", "Martin", no_email=True, birth_date=date(2018, 5, 1)))
    linked(alice, pos, adding.Person("Tím", "Martin", no_email=True, birth_date=date(2016, 5, 1)))
    linked(alice, pos, ("Tim", "Martin", "tim@example.org"))
    linked(alice, pos, BOB)
    labels = [one.label for one in people.of(alice, pos)]
    assert sorted(labels[1:]) == [
        "Bob Miller",
        "Tim Martin (born in 2018)",
        "Tim Martin (tim@example.org)",
        "Tím Martin (born in 2016)",
    ]


def test_twins_with_equal_names_have_different_labels(pos, alice):
    for day in (1, 2):
        linked(alice, pos, adding.Person("Tim", "Martin", no_email=True, birth_date=date(2018, 5, day)))
    labels = [one.label for one in people.of(alice, pos)]
    assert labels[1:] == ["Tim Martin (born on 1 May 2018)", "Tim Martin (born on 2 May 2018)"]
