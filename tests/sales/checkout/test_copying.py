"""Typed answers stay with their ticket: copying, removing, expired holds, groups, a form published meanwhile."""

import re
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from registration_forms.answers import responses
from registration_forms.building import copying, drafts
from registration_forms.models import Choice, Field, Response
from tests.at_once import at_once
from tests.factories.registration_forms import ask, publish
from tests.sales import jazz
from tests.sales.jazz import Jazz, blocks, fill, headings, in_every, of_blocks
from ticketshop.catalogue.models import Allotment, Hold
from ticketshop.sales.cart import carts
from ticketshop.sales.models import Cart, Order
from ticketshop.sales.payments import payments

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    return Jazz()


@pytest.fixture
def who():
    return jazz.visitor()


def values(page) -> dict:
    return page.form("^checkout_key$").values


def button(page, name: str, words: str = "") -> list[tuple[str, str]]:
    """The buttons of this name that say ``words``: what they post."""
    found = re.findall(rf'(?s)<button[^>]*name="{name}" value="([^"]+)"[^>]*>(.*?)</button>', page.source)
    return [(name, value) for value, says in found if words in " ".join(says.split())]


# --- copying ----------------------------------------------------------------------------------------------


@pytest.mark.scenario("RF-15")
def test_copying_fills_what_is_empty_and_loses_nothing(shop, who):
    form = shop.form("tariff", shop.adult)
    name = ask(form, "Nickname", visibility="mandatory")
    menu = ask(form, "Menu")
    agreed = ask(form, "I agree", "consent", visibility="mandatory")
    ill = ask(form, "Allergies", sensitive=True, purpose="the kitchen", retention_days=28)
    own = ask(form, "Shoe size", copyable=False)
    publish(form)
    shop.add(who, shop.adult, 3)
    page = shop.details(who)
    names, menus, boxes = (of_blocks(page, one) for one in (name, menu, agreed))
    sick, shoes = of_blocks(page, ill), of_blocks(page, own)
    first = {names[0]: "Ada", menus[0]: "vegan", boxes[0]: "on", sick[0]: "nuts", shoes[0]: "38"}
    (_name, target), _third = button(page, "copy", "Copy from “Adult – ticket 1 of 3")
    answer = who.send(
        "POST",
        page.url,
        page.form("^checkout_key$").filled(
            first | {names[1]: "Léa", menus[2]: "fish", "buyer-first_name": "A"}
        )
        | {"copy": target},
    )
    assert answer.status == 302
    assert answer.headers["Location"].endswith(f"#{blocks(page)[1]}")
    page = shop.details(who)
    typed = values(page)
    assert typed[names[1]] == "Léa"
    assert typed[menus[1]] == "vegan"
    assert (boxes[1] in typed, typed[sick[1]], typed[shoes[1]]) == (False, "", "")
    assert typed[menus[2]] == "fish"
    assert typed["buyer-first_name"] == "A"
    assert {key: typed[key] for key in first} == first
    assert any("Menu" in text and "Adult – ticket 2 of 3" in text for text in page.messages)
    assert "Error:" not in page.source
    assert "This field is required" not in page.text


@pytest.mark.scenario("RF-15")
def test_use_my_details_takes_what_the_order_form_knows(shop, who):
    order, form = shop.form("order"), shop.form("tariff", shop.adult)
    mine = ask(order, "Phone", "phone", system_ref="phone")
    town = ask(order, "Town")
    ask(order, "How did you hear of us?")
    theirs = ask(form, "Mobile", "phone", system_ref="phone")
    Field.objects.filter(pk=ask(form, "Your town").pk).update(key=town.key)
    publish(order)
    publish(form)
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    (use,) = button(page, "copy", "Use my details")
    page = fill(
        who, {f"ask-order-{mine.key}": "+41 44 668 18 00", f"ask-order-{town.key}": "Bern"}, button=use
    )
    (phone,) = of_blocks(page, theirs)
    (block,) = [one for one in blocks(page) if one != "ask-order"]
    assert values(page)[phone] == "+41 44 668 18 00"
    assert values(page)[f"{block}-{town.key}"] == "Bern"


@pytest.mark.scenario("RF-15")
def test_use_my_details_fills_in_the_names_that_are_empty(shop, who):
    shop.asked("order", label="How did you hear of us?")
    form = shop.form("tariff", shop.adult)
    ask(form, "First name", system_ref="first_name", visibility="mandatory")
    ask(form, "Family name", system_ref="last_name")
    ask(form, "I agree", "consent")
    publish(form)
    shop.add(who, shop.adult, 2)
    page = shop.details(who)
    _mine, use = button(page, "copy", "Use my details")
    firsts, lasts = (
        sorted(name for name in values(page) if name.startswith("holder-") and name.endswith(end))
        for end in ("-first_name", "-last_name")
    )
    slot = use[1].partition(":")[0]
    (first,) = (name for name in firsts if slot in name)
    (last,) = (name for name in lasts if slot in name)
    page = fill(who, {first: "Léa"}, button=use)
    assert (values(page)[first], values(page)[last]) == ("Léa", "Lovelace")
    assert {values(page)[name] for name in (*firsts, *lasts)} == {"Léa", "Lovelace", ""}
    assert any("Family name" in text and "First name" not in text for text in page.messages)
    page = fill(who, {first: ""}, button=use)
    assert (values(page)[first], values(page)[last]) == ("Ada", "Lovelace")


@pytest.mark.scenario("RF-15")
def test_the_last_name_is_copied_from_another_ticket(shop, who):
    form = shop.form("tariff", shop.adult)
    ask(form, "First name", system_ref="first_name", visibility="mandatory", copyable=False)
    ask(form, "Family name", system_ref="last_name")
    ask(form, "I agree", "consent")
    publish(form)
    shop.add(who, shop.adult, 2)
    page = shop.details(who)
    (copy,) = button(page, "copy", "Copy from “Adult – ticket 1 of 2")
    one, two = (f"holder-{name.removeprefix('slot-')}" for name in values(page) if name.startswith("slot-"))
    names = {f"{one}-first_name": "Ada", f"{one}-last_name": "Lovelace", f"{two}-first_name": "Léa"}
    page = fill(who, names, button=copy)
    assert (values(page)[f"{two}-first_name"], values(page)[f"{two}-last_name"]) == ("Léa", "Lovelace")
    assert any("Family name" in text for text in page.messages)
    page = fill(who, {f"{two}-first_name": "", f"{two}-last_name": ""}, button=copy)
    assert (values(page)[f"{two}-first_name"], values(page)[f"{two}-last_name"]) == ("", "Lovelace")


@pytest.mark.scenario("RF-15")
def test_nothing_is_offered_where_nothing_can_be_copied(shop, who):
    shop.asked("order", label="I agree", type="consent")
    form = shop.form("tariff", shop.adult)
    ask(form, "First name", system_ref="first_name", visibility="hidden")
    ask(form, "I agree too", "consent")
    ask(form, "Company", system_ref="company", visibility="hidden")
    publish(form)
    shop.add(who, shop.adult, 2)
    page = shop.details(who)
    assert len(blocks(page)) == 3
    assert button(page, "copy") == []


# --- tickets that go, holds that end ------------------------------------------------------------------------


@pytest.mark.scenario("RF-22")
def test_answers_follow_their_ticket(shop, who):
    menu = shop.asked("tariff", shop.adult).fields.get()
    shop.add(who, shop.adult, 3)
    page = shop.details(who)
    names = of_blocks(page, menu)
    buttons = button(page, "remove")
    assert len(buttons) == 3
    page = fill(who, dict(zip(names, ["one", "two", "three"], strict=True)), button=buttons[1])
    assert headings(page) == ["Adult – ticket 1 of 2 – 3 July", "Adult – ticket 2 of 2 – 3 July"]
    assert [values(page)[name] for name in of_blocks(page, menu)] == ["one", "three"]
    assert "two" not in str(Cart.objects.get().details)
    fill(who)
    who.place("on_site")
    assert [list(responses.read(one).values()) for one in Response.objects.order_by("pk")] == [
        ["one"],
        ["three"],
    ]


@pytest.mark.scenario("RF-22")
def test_another_tariff_keeps_the_answers_it_asks_for(shop, who):
    adult, child = shop.form("tariff", shop.adult), shop.form("tariff", shop.child)
    menu, wine = ask(adult, "Menu"), ask(adult, "Wine")
    Field.objects.filter(pk=ask(child, "Menu").pk).update(key=menu.key)
    publish(adult)
    publish(child)
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    fill(who, in_every(page, menu, "vegan") | in_every(page, wine, "red"))
    shop.add(who, shop.child, 1)
    line = Cart.objects.get().lines.get(offer__tariff=shop.adult)
    carts.set_quantities(Cart.objects.get(), {line.pk: 0}, now=timezone.now())
    page = shop.details(who)
    (name,) = of_blocks(page, menu)
    assert values(page)[name] == "vegan"
    fill(who)
    who.place("on_site")
    assert responses.read(Response.objects.get()) == {menu.key: "vegan"}


@pytest.mark.scenario("RF-21")
@pytest.mark.parametrize("still_free", [True, False])
def test_hold_that_ends_while_a_buyer_types_keeps_what_was_typed(shop, who, still_free):
    menu = shop.asked("tariff", shop.adult, shop.child).fields.get()
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    past = timezone.now() - timedelta(minutes=1)
    Cart.objects.update(held_until=past)
    Hold.objects.update(expires_at=past)
    if not still_free:
        Allotment.objects.filter(pk=shop.room.pk).update(capacity=0)
    page = fill(who, in_every(page, menu, "vegan"))
    if still_free:
        assert page.url.endswith("/review/")
        assert "vegan" in page.text
        who.place("on_site")
        assert responses.read(Response.objects.get()) == {menu.key: "vegan"}
        return
    assert "/cart/" in page.url
    assert "sold out" in page.text.lower()
    line = Cart.objects.get().lines.get()
    carts.set_quantities(Cart.objects.get(), {line.pk: 0}, now=timezone.now())
    Allotment.objects.filter(pk=shop.room.pk).update(capacity=5)
    shop.add(who, shop.child, 1)
    page = shop.details(who)
    assert [values(page)[name] for name in of_blocks(page, menu)] == ["vegan"]
    assert values(page)["buyer-first_name"] == "Ada"


# --- limited choices ----------------------------------------------------------------------------------------


@pytest.fixture
def bus(shop):
    form = shop.form("tariff", shop.adult)
    field = ask(form, "Bus", "single_choice", choices=[("18:00", 1), ("19:00", None)])
    ask(form, "Menu")
    publish(form)
    return field


@pytest.mark.scenario("RF-23")
def test_the_last_place_goes_to_one_and_comes_back(shop, who, bus):
    last = bus.choices.get(label="18:00")
    other = jazz.visitor()
    menu = shop.adult.form.fields.get(label="Menu")
    pages = {}
    for visitor in (who, other):
        shop.add(visitor, shop.adult, 1)
        pages[visitor] = shop.details(visitor)
    assert fill(who, in_every(pages[who], bus, last.key)).url.endswith("/review/")
    page = fill(other, in_every(pages[other], bus, last.key) | in_every(pages[other], menu, "vegan"))
    (name,) = of_blocks(page, bus)
    assert jazz.summary_links(page) == [
        (f"id_{name}_0", "Adult – ticket 1 of 1 – 3 July: Bus: Just sold out. Choose another one.")
    ]
    assert [values(page)[one] for one in of_blocks(page, menu)] == ["vegan"]
    who.place("on_site")
    assert Choice.objects.get(pk=last.pk).used == 1
    assert "18:00 (sold out)" in shop.details(other).text
    order = Order.objects.get()
    who.open(f"/{shop.pos.slug}/orders/{order.reference}/{order.secret}/cancel/")
    who.submit(next(form for form in who.page.forms if form.method == "post" and form.action == ""))
    assert Choice.objects.get(pk=last.pk).used == 0
    assert fill(other, in_every(shop.details(other), bus, last.key)).url.endswith("/review/")
    other.place("on_site")
    assert Choice.objects.get(pk=last.pk).used == 1


@pytest.mark.scenario("RF-23")
def test_cart_that_takes_too_many_of_a_choice_shows_the_error_at_the_field(shop, who, bus):
    last = bus.choices.get(label="18:00")
    shop.add(who, shop.adult, 2)
    page = shop.details(who)
    names = of_blocks(page, bus)
    page = fill(who, in_every(page, bus, last.key))
    assert [target for target, _text in jazz.summary_links(page)] == [f"id_{names[1]}_0"]
    assert values(page)[names[0]] == last.key


@pytest.mark.scenario("RF-23")
def test_a_place_comes_back_when_the_cart_expires(shop, who, bus):
    last = bus.choices.get(label="18:00")
    shop.add(who, shop.adult, 1)
    fill(who, in_every(shop.details(who), bus, last.key))
    last.holds.update(expires_at=timezone.now() - timedelta(minutes=1))
    other = jazz.visitor()
    shop.add(other, shop.adult, 1)
    assert fill(other, in_every(shop.details(other), bus, last.key)).url.endswith("/review/")
    page = who.place("on_site")
    assert any("just been sold out" in text for text in page.messages)
    assert len(jazz.summary_links(page)) == 1
    assert not Order.objects.exists()
    assert "/checkout/" in page.url


@pytest.mark.scenario("RF-23", "RF-04")
def test_a_copied_form_counts_its_own_places(shop, who, bus):
    """Its choices have the same keys."""
    copied = copying.copy(shop.adult.form, name="For children", by=None, now=timezone.now())
    publish(copied)
    shop.child.form = copied
    shop.child.save()
    last = bus.choices.get(label="18:00")
    Choice.objects.filter(pk=last.pk).update(used=1)
    shop.add(who, shop.adult, 1)
    shop.add(who, shop.child, 1)
    page = shop.details(who)
    assert page.text.count("18:00 (sold out)") == 1
    page = fill(who, in_every(page, bus, last.key))
    (refused,) = jazz.summary_links(page)
    assert "Adult" in refused[1]
    assert fill(
        who, {refused[0].removeprefix("id_").removesuffix("_0"): bus.choices.get(label="19:00").key}
    ).url.endswith("/review/")
    who.place("on_site")
    assert Choice.objects.get(field__form=copied, key=last.key).used == 1


@pytest.mark.scenario("RF-23")
@pytest.mark.django_db(transaction=True)
def test_two_at_once_for_the_last_place_of_a_choice(bus, shop):
    last = bus.choices.get(label="18:00")
    for _repetition in range(5):
        two = [jazz.visitor(), jazz.visitor()]
        pages = []
        for visitor in two:
            shop.add(visitor, shop.adult, 1)
            pages.append(shop.details(visitor))
        found = at_once(
            *(
                partial(fill, visitor, in_every(page, bus, last.key))
                for visitor, page in zip(two, pages, strict=True)
            )
        )
        assert sorted(page.url.endswith("/review/") for page in found) == [False, True]
        assert sum("Just sold out" in page.text for page in found) == 1
        last.holds.all().delete()


# --- groups -------------------------------------------------------------------------------------------------


@pytest.mark.scenario("RF-24")
def test_a_group_of_120(shop, who):
    form = shop.form("tariff", shop.adult)
    question = ask(form, "Question")
    must = ask(form, "Must", visibility="mandatory")
    publish(form)
    shop.add(who, shop.adult, 120)
    page = shop.details(who)
    for number in range(1, 7):
        assert len(blocks(page)) == 20
        assert f"Page {number} of 6" in page.text
        values = in_every(page, question, f"page {number}")
        if number in {1, 6}:
            page = fill(who, values)
            assert f"Page {number} of 6" in page.text
            assert len(jazz.summary_links(page)) == 20
            values = {}
        page = fill(who, values | in_every(page, must, "yes"))
        assert "There is a problem" not in page.text
    assert page.url.endswith("/review/")
    who.place("on_site")
    assert Response.objects.count() == 120
    counted = [responses.read(one)[question.key] for one in Response.objects.order_by("pk")[::20]]
    assert counted == [f"page {number}" for number in range(1, 7)]


@pytest.mark.scenario("RF-24")
def test_the_first_page_with_a_mistake_is_opened_again(shop, who):
    menu = shop.asked("tariff", shop.adult, visibility="mandatory").fields.get()
    shop.add(who, shop.adult, 21)
    page = shop.details(who)
    page = fill(who, in_every(page, menu, "vegan"))
    assert "Page 2 of 2" in page.text
    page = fill(who, button=("previous", "1"))
    names = of_blocks(page, menu)
    page = fill(who, {names[4]: ""})
    assert "Page 1 of 2" in page.text
    who.open(f"/{shop.pos.slug}/checkout/?page=2")
    page = fill(who, in_every(who.page, menu, "fish"))
    assert "Page 1 of 2" in page.text
    assert [target for target, _text in jazz.summary_links(page)] == [f"id_{names[4]}"]
    page = fill(who, {names[4]: "soup"})
    assert page.url.endswith("/review/")
    assert page.text.count("fish") == 1


@pytest.mark.scenario("RF-24")
def test_a_form_that_asks_very_much_takes_more_pages(shop, who):
    form = shop.form("tariff", shop.adult)
    for number in range(80):
        ask(form, f"Question {number}")
    publish(form)
    shop.add(who, shop.adult, 12)
    page = shop.details(who)
    assert len(blocks(page)) == 10
    assert "Page 2 of 2" in fill(who).text


# --- published meanwhile ------------------------------------------------------------------------------------


@pytest.mark.scenario("RF-40")
@pytest.mark.parametrize("visibility", ["mandatory", "visible"])
def test_form_published_while_a_buyer_fills_it_in_asks_again(shop, who, visibility):
    form = shop.form("tariff", shop.adult)
    kept, removed = ask(form, "Kept"), ask(form, "R")
    publish(form)
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    q = ask(form, "Q", visibility=visibility)
    Field.objects.filter(pk=removed.pk).update(archived_at=timezone.now())
    assert publish(form).number == 2
    page = fill(who, in_every(page, kept, "this") | in_every(page, removed, "that"))
    assert any("The questions have changed" in text for text in page.messages)
    (asked,) = of_blocks(page, q)
    assert of_blocks(page, removed) == []
    assert values(page)[of_blocks(page, kept)[0]] == "this"
    assert fill(who, {asked: "new"}).url.endswith("/review/")
    who.place("on_site")
    response = Response.objects.get()
    assert response.version.number == 2
    assert responses.read(response) == {kept.key: "this", q.key: "new"}


@pytest.mark.scenario("RF-05")
def test_moved_questions_stand_in_their_new_order_everywhere(shop, who):
    form = shop.form("tariff", shop.adult)
    rows = [ask(form, label) for label in ("Alpha", "Beta", "Gamma", "Delta", "Epsilon")]
    moved = drafts.move(form, rows[3].pk, drafts.UP, revision=0, by=None, now=timezone.now())
    assert moved == rows[3]
    publish(form)
    expected = ["Alpha", "Beta", "Delta", "Gamma", "Epsilon"]
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    review = fill(who, {name: "x" for row in rows for name in of_blocks(page, row)})
    for seen in (page, review, who.place("on_site")):
        assert re.findall("Alpha|Beta|Gamma|Delta|Epsilon", seen.text) == expected, seen.url


@pytest.mark.scenario("RF-40")
def test_a_form_is_published_between_the_details_and_the_order(shop, who):
    form = shop.asked("tariff", shop.adult, label="Kept")
    kept = form.fields.get()
    shop.add(who, shop.adult, 1)
    fill(who, in_every(shop.details(who), kept, "this"))
    q = ask(form, "Q", visibility="mandatory")
    publish(form)
    page = who.place("on_site")
    assert not Order.objects.exists()
    assert any("The questions have changed" in text for text in page.messages)
    fill(who, in_every(page, q, "new"))
    page = who.place("on_site")
    ask(form, "Later", visibility="mandatory")
    publish(form)
    assert who.open(page.url).status == 200
    # After the step to the payment no further answers are required of the buyer.
    assert payments.confirm(Order.objects.get().payments.get(), by=None, now=timezone.now())
    assert Order.objects.get().state == Order.State.PAID
    assert Response.objects.get().version.number == 2
    assert form.versions.count() == 3
    assert responses.read(Response.objects.get()) == {kept.key: "this", q.key: "new"}


# --- as many queries for ten as for one ----------------------------------------------------------------------


def test_ten_participants_ask_the_database_as_often_as_one(shop):
    form = shop.form("tariff", shop.adult)
    menu = ask(form, "Menu", "single_choice", choices=[("Meat", 50), "Vegan"])
    several = ask(form, "Workshops", "multiple_choice", choices=["A", "B"])
    publish(form)
    counts = []
    for number in (1, 1, 10):
        visitor = jazz.visitor()
        shop.add(visitor, shop.adult, number)
        page = shop.details(visitor)
        with CaptureQueriesContext(
            connection,
        ) as drawn:
            page = shop.details(visitor)
        answers = in_every(page, menu, menu.choices.get(label="Meat").key)
        answers |= in_every(page, several, several.choices.first().key)
        with CaptureQueriesContext(connection) as taken:
            fill(visitor, answers)
        with CaptureQueriesContext(connection) as placed:
            visitor.place("on_site")
        counts.append([len(drawn), len(taken), len(placed)])
    assert counts[1] == counts[2]
