"""The e-mail address of the holder of a ticket or pass: asked by some forms, stored on the ticket or pass."""

import pytest

from registration_forms.building import drafts
from registration_forms.models import Answer
from tests.exports import steps
from tests.factories.organisers import make_staff
from tests.factories.registration_forms import ask, publish
from tests.friends import BOB, linked, make_visitor
from tests.sales import jazz
from tests.sales.jazz import Jazz, fill
from tests.staff import Staff, change
from ticketshop.exports import kinds
from ticketshop.history import history
from ticketshop.sales.models import IssuedPass, Ticket

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(jazz_2027) -> Jazz:
    return jazz_2027


def places_email(shop, visibility="mandatory", kind="tariff", *, question=False):
    """A form with the known field, published; with another ``question`` or by itself."""
    form = shop.form(kind, *([shop.adult] if kind == "tariff" else []))
    drafts.add_known(form, "email", visibility)
    if question:
        ask(form, "Menu")
    publish(form)
    return form


def at_details(shop, number=1, contact=None):
    who = jazz.visitor()
    if contact is not None:
        who.client.force_login(contact.user)
    shop.add(who, shop.adult, number)
    shop.details(who)
    return who


def fields(page, name="email") -> list[str]:
    return sorted(
        one for one in page.form("^checkout_key$").names if one.startswith("holder-") and one.endswith(name)
    )


@pytest.mark.parametrize("question", [False, True])
def test_a_mandatory_address_is_asked_and_stored_on_the_ticket(shop, question):
    places_email(shop, question=question)
    who = at_details(shop)
    (field,) = fields(who.page)
    page = fill(who)
    assert "E-mail address: This field is required" in page.text
    page = fill(who, {field: "Zoe@Bücher.example"})
    assert page.url.endswith("/review/")
    assert "zoe@bücher.example" in page.text.lower()
    who.place("on_site")
    assert Ticket.objects.get().holder_email == "zoe@xn--bcher-kva.example"
    assert not Answer.objects.filter(field__system_ref="email").exists()


def test_a_wrong_address_is_refused_at_its_field_and_stays(shop):
    places_email(shop, "visible")
    who = at_details(shop)
    (field,) = fields(who.page)
    page = fill(who, {field: "zoe@localhost"})
    assert [target for target, _text in jazz.summary_links(page)] == [f"id_{field}"]
    assert page.form("^checkout_key$").values[field] == "zoe@localhost"


@pytest.mark.parametrize("kind", ["tariff", "pass"])
def test_what_the_address_is_for_stands_with_it(shop, kind):
    places_email(shop, kind=kind)
    who = jazz.visitor()
    if kind == "pass":
        shop.add_pass(who)
    else:
        shop.add(who, shop.adult, 1)
    sentence = {
        "tariff": "If the date is cancelled or changed, the e-mail about it goes there too. The organiser sees the address with the ticket.",
        "pass": "The organiser sees the address with the pass, to reach its holder. The shop itself writes nothing there.",
    }[kind]
    page = shop.details(who)
    assert sentence in page.text
    (field,) = fields(page)
    fill(who, {field: "zoe@example.org"})
    order_page = who.place("on_site")
    assert sentence in who.open(f"{order_page.url}names/").text


@pytest.mark.parametrize("places", [False, True])
def test_where_no_form_asks_nothing_is_asked_or_stored(shop, places):
    if places:
        places_email(shop, "hidden", question=True)
    who = at_details(shop)
    assert fields(who.page) == []
    (name,) = fields(who.page, "first_name")
    form = who.page.form("^checkout_key$")
    form.names.add(posted := name.replace("first_name", "email"))
    who.submit(form, {**jazz.BUYER, posted: "zoe@example.org"})
    who.place("on_site")
    assert Ticket.objects.get().holder_email == ""


def test_an_address_that_became_mandatory_is_asked_before_the_order(shop):
    form = places_email(shop, "visible")
    who = at_details(shop)
    assert fill(who).url.endswith("/review/")
    form.fields.update(visibility="mandatory")
    publish(form)
    page = who.place("on_site")
    assert not Ticket.objects.exists()
    assert fields(page)


def test_a_pass_has_one_too(shop):
    places_email(shop, kind="pass")
    who = jazz.visitor()
    shop.add_pass(who)
    shop.details(who)
    (field,) = fields(who.page)
    fill(who, {field: "zoe@example.org"})
    who.place("on_site")
    assert IssuedPass.objects.get().holder_email == "zoe@example.org"


def test_staff_see_it_find_by_it_and_export_it(shop):
    places_email(shop)
    who = at_details(shop)
    (field,) = fields(who.page)
    fill(who, {field: "zoe@example.org"})
    who.place("on_site")
    ticket, staff = Ticket.objects.get(), Staff(make_staff(shop.organiser))
    assert "zoe@example.org" in staff.open(change(ticket)).text
    for words, found in (("zoe@exa", True), ("zoe@other", False)):
        assert (ticket.code[:8] in staff.open(f"/admin/sales/ticket/?q={words}").text) is found
    table = kinds.KINDS["participants"].table(steps.ask("participants", shop.event, "event"))
    ((cells,),) = [page.rows for page in table.pages]
    row = dict(zip([column.key for column in table.columns], cells, strict=True))
    assert row["email"] == "zoe@example.org"
    assert row["state"]


def test_the_buyer_corrects_it_with_the_name(shop):
    places_email(shop)
    who = at_details(shop)
    (field,) = fields(who.page)
    fill(who, {field: "zoe@example.org"})
    order_page = who.place("on_site")
    ticket = Ticket.objects.get()
    who.open(f"{order_page.url}names/")
    who.fill("-seen$", {f"ticket-{ticket.pk}-email": "grace@example.org"})
    ticket.refresh_from_db()
    assert ticket.holder_email == "grace@example.org"
    assert history.of(ticket).get(action="name_changed").details == {"columns": ["holder_email"]}


def test_staff_take_a_stored_address_away_when_its_owner_asks(shop):
    form = places_email(shop)
    who = at_details(shop)
    (field,) = fields(who.page)
    fill(who, {field: "zoe@example.org"})
    order_page = who.place("on_site")
    ticket, staff = Ticket.objects.get(), Staff(make_staff(shop.organiser))
    name = f"ticket-{ticket.pk}-email"
    who.open(f"{order_page.url}names/")
    assert "This field is required" in who.fill("-seen$", {name: ""}).text
    # No form asks for it any more: it can still be corrected.
    form.fields.update(visibility="hidden")
    publish(form)
    assert name in who.open(f"{order_page.url}names/").form("-seen$").names
    form.fields.update(visibility="mandatory")
    publish(form)
    staff.open(f"{change(ticket).removesuffix('change/')}names/")
    assert "The names are saved." in staff.fill("-seen$", {name: ""}).text
    ticket.refresh_from_db()
    assert ticket.holder_email == ""


def test_it_follows_whom_the_ticket_is_for_and_what_is_typed_stays(shop):
    shop.pos.friends_family_enabled = True
    shop.pos.save()
    places_email(shop)
    alice = make_visitor(shop.pos, email="alice@example.org")
    bob = linked(alice, shop.pos)
    who = at_details(shop, contact=alice)
    (field,) = fields(who.page)
    person = field.replace("-email", "-person")

    def choose(value, typed=None):
        values = {person: value} if typed is None else {person: value, field: typed}
        who.submit(who.page.form("^checkout_key$"), values)
        shop.details(who)
        return who.page.form("^checkout_key$").values[field]

    assert choose("me") == "alice@example.org"
    assert choose(bob.pk) == BOB[2]
    assert choose("me", typed="mine@example.org") == "mine@example.org"
    assert choose(bob.pk) == "mine@example.org"
