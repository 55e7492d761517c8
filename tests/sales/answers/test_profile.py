"""Answers to order forms that a profile stores too: written to the buyer's contact, found there, and filled in
from there.
"""

import copy
import re
from datetime import date
from urllib.parse import urlencode

import pytest
from django.http import QueryDict
from django.utils import timezone

from contacts import contacts, merging
from contacts.models import Contact
from registration_forms.answers import responses
from registration_forms.building import drafts
from registration_forms.models import Response
from tests.exports import steps
from tests.factories.accounts import UserFactory
from tests.factories.organisers import make_staff
from tests.factories.registration_forms import ask, make_form, publish
from tests.migrated_database import once_per_file
from tests.sales import jazz
from tests.sales.jazz import Jazz, fill
from tests.staff import Staff, change
from ticketshop.catalogue.models import OrderForm
from ticketshop.exports import kinds
from ticketshop.history import history
from ticketshop.sales.answers import editing
from ticketshop.sales.models import Customer, Order

pytestmark = pytest.mark.django_db

ADDRESS = ["Rue du Lac 1", "1204", "Genève", "CH"]
STORED = dict(zip(("street", "postcode", "city", "country"), ADDRESS, strict=True))
ANSWERS = {
    "phone": "079 123 45 67",
    "address": ADDRESS,
    "company": "Théâtre & Co",
    "birth_date": "1985-06-07",
}
COLUMNS = {
    **STORED, "phone": "+41791234567", "company": "Théâtre & Co", "birth_date": date(1985, 6, 7),
}  # fmt: skip
OTHERS = {"phone": "+41446681800", "street": "Quai 9", "postcode": "8001", "city": "Zürich", "country": "CH"}


def make_shop() -> Jazz:
    """A shop whose order form asks for the known fields."""
    shop = Jazz()
    shop.order_form = make_form("order", organiser=shop.organiser, name="Order")
    shop.fields = {name: drafts.add_known(shop.order_form, name, "visible") for name in ANSWERS}
    publish(shop.order_form)
    OrderForm.objects.create(form=shop.order_form, point_of_sale=shop.pos)
    return shop


made_shop = once_per_file(make_shop)


@pytest.fixture
def shop(made_shop, db) -> Jazz:
    """The shop, with rows of one's own to change and refresh."""
    return copy.deepcopy(made_shop)


def at_details(shop, user=None):
    who = jazz.visitor()
    if user is not None:
        who.client.force_login(user)
    shop.add(who, shop.adult, 1)
    shop.details(who)
    return who


def named(shop, answers: dict) -> dict:
    """Answers by the names of their inputs."""
    found = {f"ask-order-{shop.fields[name].key}": value for name, value in answers.items()}
    for name in [name for name, value in found.items() if isinstance(value, list)]:
        found |= {f"{name}_{part}": text for part, text in zip(STORED, found.pop(name), strict=True)}
    return found


def buy(who, shop, answers: dict, **more) -> Order:
    page = fill(who, named(shop, answers), **more)
    assert page.url.endswith("/review/"), page.text[:1500]
    who.place("on_site")
    return Order.objects.order_by("-pk").first()


def columns(contact: Contact) -> dict:
    contact.refresh_from_db()
    return {name: getattr(contact, name) for name in COLUMNS}


def known(shop, user, **values) -> Contact:
    """The contact of a log-in, with these columns."""
    contact = contacts.for_user(shop.organiser, user, language="en", now=timezone.now())
    contacts.change(
        contact, {"first_name": "Ada", "last_name": "Lovelace", **values}, by=user, now=timezone.now()
    )
    return contact


# --- a guest -------------------------------------------------------------------------------------------------
def test_a_guests_answers_are_on_the_customers_page_in_the_search_and_in_the_export(shop):
    order = buy(at_details(shop), shop, ANSWERS)
    assert columns(order.buyer) == COLUMNS
    staff = Staff(make_staff(shop.organiser))
    page = staff.open(change(Customer.objects.get(pk=order.buyer_id)))
    for text in ("+41 79 123 45 67", "Rue du Lac 1, 1204 Genève, CH", "Théâtre & Co", "7 June 1985"):
        assert text in page.text
    for words in ("079 123", "theatre co"):
        assert list(Contact.objects.search(words)) == [order.buyer], words
    table = kinds.KINDS["customers"].table(steps.ask("customers", shop.organiser, "customers"))
    ((cells,),) = [page.rows for page in table.pages]
    row = dict(zip([column.key for column in table.columns], cells, strict=True))
    assert {name: row[name] for name in COLUMNS} == COLUMNS
    assert row["orders"] == 1


def test_the_answers_themselves_stay_rows_of_the_order(shop):
    order = buy(at_details(shop), shop, ANSWERS)
    given = responses.read(Response.objects.get(order_response__order=order))
    assert given[shop.fields["phone"].key] == "+41791234567"
    assert given[shop.fields["address"].key] == "\t".join(ADDRESS)
    contacts.change(order.buyer, OTHERS, by=None, now=timezone.now())
    assert responses.read(Response.objects.get()) == given


def test_a_guest_overwrites_nothing_and_an_address_is_filled_only_whole(shop):
    first = buy(at_details(shop), shop, {"phone": ANSWERS["phone"]})
    contacts.change(first.buyer, {"city": "Zürich"}, by=None, now=timezone.now())
    second = buy(at_details(shop), shop, {**ANSWERS, "phone": "044 668 18 00"})
    assert second.buyer == first.buyer
    found = columns(first.buyer)
    assert (found["phone"], found["city"], found["street"]) == ("+41791234567", "Zürich", "")
    assert (found["company"], found["birth_date"]) == (COLUMNS["company"], COLUMNS["birth_date"])


def test_the_history_names_columns_and_no_value(shop):
    order = buy(at_details(shop), shop, ANSWERS)
    changed = next(event for event in history.of(order.buyer) if event.action == "changed")
    assert changed.details["columns"] == sorted(COLUMNS)
    assert "Lac" not in str(changed.details)


def test_sensitive_answers_and_those_of_a_ticket_stay_where_they_are(shop):
    publish(shop.order_form)
    birth = shop.fields["birth_date"]
    birth.sensitive, birth.purpose, birth.retention_days = True, "insurance", 28
    birth.save()
    publish(shop.order_form)
    form = shop.form("tariff", shop.adult)
    phone = drafts.add_known(form, "phone", "visible")
    publish(form)
    who = at_details(shop)
    (name,) = jazz.of_blocks(who.page, phone)
    order = buy(who, shop, {"birth_date": "1985-06-07", "company": "Théâtre"}, **{name: "044 668 18 00"})
    found = columns(order.buyer)
    assert (found["birth_date"], found["phone"], found["company"]) == (None, "", "Théâtre")


# --- a log-in ------------------------------------------------------------------------------------------------
def test_the_form_is_filled_from_the_profile_and_the_choice_is_preselected(shop):
    user = UserFactory()
    known(shop, user, **COLUMNS)
    who = at_details(shop, user)
    values = who.page.form("^checkout_key$").values
    wanted = named(shop, {**ANSWERS, "phone": "+41 79 123 45 67"})
    assert {name: values[name] for name in wanted} == wanted
    assert values["buyer-in_profile"] == "on"
    assert "Also keep in my profile: Phone, Address, Company, Date of birth" in who.page.text
    assert fill(who, buyer=False).url.endswith("/review/")
    assert "Also kept in my profile Phone, Address, Company, Date of birth" in who.page.text


@pytest.mark.parametrize("kept", [True, False])
def test_a_log_in_chooses_whether_the_profile_follows(shop, kept):
    user = UserFactory()
    contact = known(shop, user, **OTHERS)
    who = at_details(shop, user)
    form = who.page.form("^checkout_key$")
    if not kept:
        del form.values["buyer-in_profile"]
    page = who.submit(form, named(shop, ANSWERS))
    assert (
        f"Also kept in my profile {'Phone, Address, Company, Date of birth' if kept else 'Nothing'}"
        in page.text
    )
    who.place("on_site")
    before = {"company": "", "birth_date": None, **OTHERS}
    assert columns(contact) == (COLUMNS if kept else before)
    given = responses.read(Response.objects.get())
    assert given[shop.fields["phone"].key] == "+41791234567"


def test_the_choice_stays_while_the_page_comes_back(shop):
    user = UserFactory()
    who = at_details(shop, user)
    form = who.page.form("^checkout_key$")
    del form.values["buyer-in_profile"]
    page = who.submit(form, {**named(shop, {"phone": "1"}), "buyer-first_name": "Ada"})
    assert "Enter a phone number" in page.text
    assert "buyer-in_profile" not in page.form("^checkout_key$").values
    assert "buyer-in_profile" not in shop.details(who).form("^checkout_key$").values


def test_what_is_left_empty_takes_nothing_out_of_the_profile(shop):
    user = UserFactory()
    contact = known(shop, user, **COLUMNS)
    who = at_details(shop, user)
    buy(who, shop, {"phone": "", "address": ["", "", "", ""], "company": "", "birth_date": ""}, buyer=False)
    assert columns(contact) == COLUMNS


def test_a_shop_that_asks_nothing_of_the_kind_offers_no_choice():
    shop = Jazz()
    form = make_form("order", organiser=shop.organiser)
    ask(form, "Menu")
    publish(form)
    OrderForm.objects.create(form=form, point_of_sale=shop.pos)
    who = at_details(shop, UserFactory())
    assert "Menu" in who.page.text
    assert "buyer-in_profile" not in who.page.form("^checkout_key$").names


# --- an answer that is changed later --------------------------------------------------------------------------
LATER = {
    "phone": "044 668 18 00",
    "address": ["Quai 9", "8001", "Zürich", "CH"],
    "company": "Opéra",
    "birth_date": "1990-01-02",
}
LATER_COLUMNS = {**OTHERS, "company": "Opéra", "birth_date": date(1990, 1, 2)}


def change_answers(who, shop, url: str, answers: dict):
    """Change answers on the page that the buyer or staff open."""
    who.open(url)
    form = who.page.form("-revision$")
    (response,) = Response.objects.all()
    prefix = f"ask-r{response.pk}-"
    values = {name.replace("ask-order-", prefix): value for name, value in named(shop, answers).items()}
    assert set(values) <= set(form.names)
    return who.submit(form, values)


def answers_url(shop, order: Order) -> str:
    return f"/{shop.pos.slug}/orders/{order.reference}/{order.secret}/answers/"


def staff_url(order: Order) -> str:
    return f"{change(order).removesuffix('change/')}answers/"


@pytest.mark.parametrize("staff", [False, True])
def test_an_answer_changed_later_changes_the_contact_that_holds_the_former_one(shop, staff):
    order = buy(at_details(shop), shop, ANSWERS)
    assert columns(order.buyer) == COLUMNS
    if staff:
        office = Staff(make_staff(shop.organiser, "back office"))
        page = change_answers(office, shop, staff_url(order), LATER)
        assert (
            "The answers are saved, with the customer too: Phone, Address, Company, Date of birth."
            in page.text
        )
    else:
        page = change_answers(jazz.visitor(), shop, answers_url(shop, order), LATER)
        assert "Your answers are saved." in page.text
    assert columns(order.buyer) == LATER_COLUMNS
    latest = history.of(order.buyer).first()
    assert (latest.action, latest.details["columns"]) == (
        "changed",
        sorted(set(COLUMNS) - {"country"}),
    )
    assert latest.by == (office.user if staff else None)
    assert list(Contact.objects.search("opera")) == [order.buyer]
    assert not Contact.objects.search("theatre co").exists()


@pytest.mark.parametrize("staff", [False, True])
def test_what_the_contact_holds_otherwise_meanwhile_stays_when_an_answer_changes(shop, staff):
    order = buy(at_details(shop), shop, ANSWERS)
    typed = {"phone": "+41223102030", "city": "Carouge", "company": "Studio"}
    contacts.change(order.buyer, typed, by=None, now=timezone.now())
    who = Staff(make_staff(shop.organiser, "back office")) if staff else jazz.visitor()
    change_answers(who, shop, staff_url(order) if staff else answers_url(shop, order), LATER)
    # The date of birth is as it was answered, so it follows; a postal address is one thing.
    assert columns(order.buyer) == {**COLUMNS, **typed, "birth_date": date(1990, 1, 2)}
    assert responses.read(Response.objects.get())[shop.fields["phone"].key] == "+41446681800"


def test_an_answer_given_only_later_goes_where_the_contact_has_nothing(shop):
    order = buy(at_details(shop), shop, {"phone": ANSWERS["phone"]})
    contacts.change(order.buyer, {"company": "Studio"}, by=None, now=timezone.now())
    change_answers(jazz.visitor(), shop, answers_url(shop, order), {**ANSWERS, "phone": "044 668 18 00"})
    assert columns(order.buyer) == {**COLUMNS, "phone": "+41446681800", "company": "Studio"}


def test_an_answer_that_is_taken_back_takes_nothing_out_of_the_contact(shop):
    order = buy(at_details(shop), shop, ANSWERS)
    blank = {"phone": "", "address": ["", "", "", ""], "company": "", "birth_date": ""}
    change_answers(jazz.visitor(), shop, answers_url(shop, order), blank)
    assert responses.read(Response.objects.get()) == {}
    assert columns(order.buyer) == COLUMNS


@pytest.mark.parametrize("kept", [True, False])
def test_a_log_in_s_choice_about_the_profile_holds_for_later_changes(shop, kept):
    user = UserFactory()
    contact = known(shop, user, phone=COLUMNS["phone"])
    who = at_details(shop, user)
    form = who.page.form("^checkout_key$")
    if not kept:
        del form.values["buyer-in_profile"]
    who.submit(form, named(shop, ANSWERS))
    who.place("on_site")
    order = Order.objects.get()
    assert columns(contact)["phone"] == COLUMNS["phone"]
    page = change_answers(who, shop, answers_url(shop, order), LATER)
    told = "in your profile too: Phone, Address, Company, Date of birth."
    assert (told in page.text) == kept
    nothing = dict.fromkeys(STORED, "") | {"company": "", "birth_date": None}
    assert columns(contact) == (LATER_COLUMNS if kept else {**nothing, "phone": COLUMNS["phone"]})


def test_a_question_that_became_sensitive_no_longer_changes_the_contact(shop):
    order = buy(at_details(shop), shop, ANSWERS)
    birth = shop.fields["birth_date"]
    birth.sensitive, birth.purpose, birth.retention_days = True, "insurance", 28
    birth.save()
    publish(shop.order_form)
    change_answers(jazz.visitor(), shop, answers_url(shop, order), LATER)
    assert columns(order.buyer) == {**LATER_COLUMNS, "birth_date": COLUMNS["birth_date"]}


def read_and_changed(shop, order: Order, **texts: str) -> editing.EditableAnswers:
    """The answers of an order as a page has read them, with what was typed since, not yet saved."""
    editable = editing.EditableAnswers(order, [], [], now=timezone.now())
    editable.fill(editable.answered_forms)
    (answered_form,) = editable.answered_forms
    posted = {
        f"{answered_form.prefix}-version": answered_form.version.pk,
        f"{answered_form.prefix}-revision": 0,
    }
    posted |= {f"{answered_form.prefix}-{shop.fields[name].key}": text for name, text in texts.items()}
    editable.fill(editable.answered_forms, QueryDict(urlencode(posted)))
    assert editable.is_valid(editable.answered_forms)
    return editable


def test_answers_changed_after_a_merge_go_to_the_contact_that_stays(shop):
    order = buy(at_details(shop), shop, ANSWERS)
    stays = contacts.create(
        organiser=shop.organiser, via="back_office", now=timezone.now(), first_name="Ada", last_name="L"
    )
    editable = read_and_changed(shop, order, company="Opéra")
    merging.merge(stays, order.buyer, by=None, now=timezone.now())
    assert editable.save(editable.answered_forms, by=None)
    stays.refresh_from_db()
    assert (stays.company, stays.phone) == ("Opéra", COLUMNS["phone"])


# --- an address ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("typed", "missing"),
    [
        (["Rue du Lac 1", "", "", ""], "Postcode, Town, Country"),
        (["", "1204", "Genève", "CH"], "Street and number"),
        (["", "", "", "CH"], "Street and number, Postcode, Town"),
        (["12 Main St", "", "Nairobi", "FR"], "Postcode"),
    ],
)
def test_an_address_is_whole_or_empty(shop, typed, missing):
    posted = named(shop, {"address": typed})
    page = fill(at_details(shop), posted)
    assert f"leave all of it empty. Still missing: {missing}." in page.text
    values = page.form("^checkout_key$").values
    assert {name: values[name] for name in posted} == posted


def test_an_address_without_a_postcode_where_there_are_none(shop):
    order = buy(at_details(shop), shop, {"address": ["1 Queen’s Road", "", "Hong Kong", "HK"]})
    assert (order.buyer.street, order.buyer.city, order.buyer.country) == (
        "1 Queen’s Road",
        "Hong Kong",
        "HK",
    )


def test_each_part_of_an_address_has_its_label_and_its_purpose_for_the_browser(shop):
    who = at_details(shop)
    for part in ("address-line1", "postal-code", "address-level2", "country"):
        assert f'autocomplete="{part}"' in who.page.source
    place = f"id_ask-order-{shop.fields['address'].key}"
    for number, label in enumerate(("Street and number", "Postcode", "Town", "Country")):
        assert f'<label for="{place}_{number}">{label}</label>' in who.page.source


def test_the_browser_does_not_offer_what_it_knows_of_the_buyer_for_the_person_a_ticket_is_for(shop):
    form = make_form(organiser=shop.organiser)
    for name in ANSWERS:
        drafts.add_known(form, name, "visible")
    publish(form)
    shop.adult.form = form
    shop.adult.save()
    of_buyer, _heading, of_ticket = at_details(shop).page.source.partition("Who is each ticket for?")
    assert {"tel", "address-line1", "organization", "bday"} <= set(_autocompletes(of_buyer))
    # Two names, phone, company, date of birth, and the four parts of an address.
    assert _autocompletes(of_ticket) == ["off"] * 9


def _autocompletes(source: str) -> list[str]:
    return re.findall('autocomplete="([^"]*)"', source)


def test_a_profile_keeps_company_and_country(shop):
    user = UserFactory()
    contact = known(shop, user)
    who = jazz.visitor()
    who.client.force_login(user)
    who.open(f"/{shop.pos.slug}/account/profile/")
    who.fill("^birth_date$", {"company": "Théâtre & Co", "country": "FR"})
    contact.refresh_from_db()
    assert (contact.company, contact.country) == ("Théâtre & Co", "FR")
