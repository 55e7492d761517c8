"""The forms in the checkout: what is asked how often, what comes back, what is stored."""

import re
from datetime import date
from decimal import Decimal

import pytest
from django.utils import timezone

from registration_forms.answers import changing, responses
from registration_forms.models import Answer, Response
from tests.factories import registration_forms as made
from tests.factories.registration_forms import ask, only_if, publish
from tests.sales import jazz
from tests.sales.jazz import BUYER, Jazz, blocks, fill, headings, in_every, of_blocks
from ticketshop.sales.models import Order, OrderResponse, Ticket
from ticketshop.sales.orders import orders
from ticketshop.sales.payments import payments

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(jazz_2027) -> Jazz:
    return jazz_2027


@pytest.fixture
def who():
    return jazz.visitor()


def stored(order=None) -> list[dict]:
    return [responses.read(response) for response in Response.objects.order_by("pk")]


def states(response) -> dict[str, int]:
    return dict(response.answers.values_list("field__label", "state"))


@pytest.mark.scenario("RF-11")
def test_each_form_is_asked_as_often_as_its_kind_says(shop, who):
    o = shop.asked("order", label="How did you hear of us?")
    a = shop.asked("tariff", shop.adult, shop.family, label="Menu")
    k = shop.asked("tariff", shop.child, label="School")
    s = shop.asked("pass", label="Seat need")
    shop.add(who, shop.adult, 2)
    shop.add(who, shop.child, 1, shop.fourth)
    shop.add_pass(who)
    page = shop.details(who)
    assert headings(page) == [
        "Your order",
        "Adult – ticket 1 of 2 – 3 July",
        "Adult – ticket 2 of 2 – 3 July",
        "Child – ticket 1 of 1 – 4 July",
        "Season",
    ]
    answers = {
        f"{block}-{form.fields.get().key}": f"answer {number}"
        for number, (block, form) in enumerate(zip(blocks(page), [o, a, a, k, s], strict=True))
    }
    review = fill(who, answers)
    assert all(f"answer {number}" in review.text for number in range(5))
    page = who.place("on_site")
    assert page.status == 200
    order = Order.objects.get()
    payments.confirm(order.payments.get(), by=None, now=timezone.now())
    counted = {form: Response.objects.filter(form=form).count() for form in (o, a, k, s)}
    assert counted == {o: 1, a: 2, k: 1, s: 1}
    assert [next(iter(one.values())) for one in stored()] == [f"answer {number}" for number in range(5)]
    first, second = order.tickets.filter(line__tariff_name="Adult").order_by("pk")
    assert list(responses.read(first.response).values()) == ["answer 1"]
    assert list(responses.read(second.response).values()) == ["answer 2"]
    assert order.responses.get().response.about == order.buyer
    assert "answer 3" in who.open(page.url).text


@pytest.mark.scenario("RF-12")
@pytest.mark.parametrize(("group", "times"), [("each", 4), ("leader", 1)])
def test_a_group_tariff_asks_each_member_or_the_leader(shop, who, group, times):
    form = shop.form("tariff", shop.family, group_asks=group)
    field = ask(form, "Menu")
    publish(form)
    shop.add(who, shop.family, 1)
    page = shop.details(who)
    assert len(blocks(page)) == times
    fill(who, in_every(page, field, "vegan"))
    who.place("on_site")
    tickets = list(Ticket.objects.order_by("pk"))
    assert len(tickets) == 4
    assert [ticket.response_id is not None for ticket in tickets] == [number < times for number in range(4)]


@pytest.mark.scenario("RF-13")
def test_no_form_no_step(shop, who):
    form = shop.form("order")
    ask(form, "E-mail", "email", system_ref="email", visibility="mandatory")
    publish(form)
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    assert blocks(page) == []
    assert fill(who).url.endswith("/review/")
    who.place("on_site")
    assert not OrderResponse.objects.exists()
    assert not Response.objects.exists()


@pytest.mark.scenario("RF-13")
def test_a_free_ticket_is_asked_alike(who):
    shop = Jazz(price=Decimal(0))
    shop.asked("tariff", shop.adult, label="Menu", visibility="mandatory")
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    (name,) = of_blocks(page, shop.adult.form.fields.get())
    assert "Error:" in fill(who).source
    fill(who, {name: "vegan"})
    who.place()
    assert Order.objects.get().state == "paid"
    assert [list(one.values()) for one in stored()] == [["vegan"]]


@pytest.mark.scenario("RF-17")
def test_the_server_decides_what_is_asked(shop, who):
    form = shop.form("tariff", shop.adult)
    eats = ask(form, "Do you eat with us?", "yes_no", visibility="mandatory")
    menu = ask(form, "Menu", visibility="mandatory", condition=only_if(eats, "yes"))
    other = ask(form, "Remark")
    publish(form)
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    assert of_blocks(page, menu) == []
    (name,), (remark,) = of_blocks(page, eats), of_blocks(page, other)
    page = fill(who, {name: "yes", remark: "by the window"})
    assert page.status == 200
    (asked,) = of_blocks(page, menu)
    again = page.form("^checkout_key$")
    assert again.values[name] == "yes"
    assert again.values[remark] == "by the window"
    assert f'href="#id_{asked}"' in page.source
    page = fill(who, {name: "no", asked: "vegan"})
    assert page.url.endswith("/review/")
    assert "vegan" not in page.text
    who.place("on_site")
    response = Response.objects.get()
    assert states(response)["Menu"] == Answer.State.NOT_ASKED
    assert not Answer.objects.filter(v_text="vegan").exists()


@pytest.mark.scenario("RF-18")
def test_a_chain_of_conditions_collapses(shop, who):
    form = shop.form("tariff", shop.adult)
    x = ask(form, "X", "yes_no")
    y = ask(form, "Y", "dropdown", choices=["A", "B"], condition=only_if(x, "yes"), visibility="mandatory")
    b = y.choices.get(label="B").key
    z = ask(form, "Z", condition=only_if(y, b), visibility="mandatory")
    publish(form)
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    (x_name,) = of_blocks(page, x)
    page = fill(who, {x_name: "yes"})
    (y_name,) = of_blocks(page, y)
    page = fill(who, {y_name: b})
    (z_name,) = of_blocks(page, z)
    fill(who, {z_name: "a text"})
    shop.details(who)
    review = fill(who, {x_name: "no"})
    assert review.url.endswith("/review/")
    assert "a text" not in review.text
    assert [set(typed) for typed in jazz.draft().values()] == [{x.key}]
    who.place("on_site")
    assert stored() == [{x.key: False}]


@pytest.mark.scenario("RF-18")
@pytest.mark.parametrize("op", ["is_not", "empty"])
def test_what_depends_on_a_hidden_question_does_not_block_the_order(shop, who, op):
    form = shop.form("tariff", shop.adult)
    x = ask(form, "X", "yes_no", visibility="mandatory")
    y = ask(form, "Y", "dropdown", choices=["a", "b"], condition=only_if(x, "yes"))
    b = y.choices.get(label="b").key if op == "is_not" else None
    z = ask(form, "Z", visibility="mandatory", condition=only_if(y, b, op))
    publish(form)
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    assert of_blocks(page, z) == []
    assert fill(who, in_every(page, x, "no")).url.endswith("/review/")
    who.place("on_site")
    assert states(Response.objects.get())["Z"] == Answer.State.NOT_ASKED


@pytest.mark.scenario("RF-19")
def test_an_age_counts_on_the_day_of_the_ticket(shop, who):
    form = shop.form("tariff", shop.child)
    born = ask(
        form, "Date of birth", "birth_date", rules={"age_from": 4, "age_until": 15}, visibility="mandatory"
    )
    publish(form)
    shop.add(who, shop.child, 1, shop.third)
    shop.add(who, shop.child, 1, shop.fourth)
    page = shop.details(who)
    third, fourth = of_blocks(page, born)
    page = fill(who, {third: "2023-07-04", fourth: "2023-07-04"})
    assert page.source.count("error-summary-title") >= 1
    assert f'href="#id_{third}"' in page.source
    assert f'href="#id_{fourth}"' not in page.source
    fill(who, {third: "2023-07-03", fourth: "2023-07-04"})
    who.place("on_site")
    assert [one[born.key] for one in stored()] == [date(2023, 7, 3), date(2023, 7, 4)]


@pytest.mark.scenario("RF-20")
def test_every_mistake_is_found(shop, who):
    form = shop.form("tariff", shop.adult)
    menu = ask(form, "Menu", "single_choice", choices=["Meat", "Vegan"], visibility="mandatory")
    remark = ask(form, "Remark", rules={"max_length": 5})
    publish(form)
    shop.add(who, shop.adult, 2)
    page = shop.details(who)
    menus, remarks = of_blocks(page, menu), of_blocks(page, remark)
    vegan = menu.choices.get(label="Vegan").key
    page = fill(who, {menus[0]: vegan, remarks[1]: "much too long", "buyer-first_name": ""})
    assert page.status == 200
    assert "<title>Error:" in " ".join(page.source.split()).replace("<title> ", "<title>")
    links = jazz.summary_links(page)
    assert [target for target, _text in links] == [
        "id_buyer-first_name",
        f"id_{menus[1]}_0",
        f"id_{remarks[1]}",
    ]
    assert "Adult – ticket 2 of 2 – 3 July" in links[1][1]
    assert "Remark" in links[2][1]
    for target, _text in links:
        assert f'id="{target}"' in page.source
    again = page.form("^checkout_key$").values
    assert again[menus[0]] == vegan
    assert again[remarks[1]] == "much too long"
    assert again["buyer-email"] == BUYER["buyer-email"]
    field = jazz.tag(page, f"id_{remarks[1]}")
    assert 'aria-invalid="true"' in field
    assert f"id_{remarks[1]}_error" in field
    assert f'id="id_{remarks[1]}_error"' in page.source


@pytest.mark.scenario("RF-20")
def test_the_summary_names_each_question_once_in_the_order_of_the_page(shop, who):
    shop.organiser.single_part_names = False
    shop.organiser.save()
    order = shop.form("order")
    ask(order, "I accept the rules", "consent", visibility="mandatory")
    publish(order)
    form = shop.form("tariff", shop.adult)
    ask(form, "First name", system_ref="first_name", visibility="mandatory")
    ask(form, "Last name", system_ref="last_name", visibility="mandatory")
    ask(form, "Menu", "single_choice", choices=["Meat", "Vegan"], visibility="mandatory")
    ask(form, "Workshops", "multiple_choice", choices=["A", "B"], visibility="mandatory")
    publish(form)
    shop.add(who, shop.adult, 2)
    shop.details(who)
    page = fill(who, {"buyer-email": ""})
    links = jazz.summary_links(page)
    assert [text for _target, text in links] == [
        "E-mail address: This field is required.",
        "Your order: I accept the rules: Tick this box to go on.",
        *(
            f"Adult – ticket {number} of 2 – 3 July: {label}: This field is required."
            for number in (1, 2)
            for label in ("First name", "Last name", "Menu", "Workshops")
        ),
    ]
    places = [page.source.index(f'id="{target}"') for target, _text in links]
    assert places == sorted(places)


def test_the_review_is_grouped_by_ticket(shop, who):
    order = shop.asked("order", label="Town").fields.get()
    menu = shop.asked("tariff", shop.adult, label="Menu").fields.get()
    shop.add(who, shop.adult, 2)
    page = shop.details(who)
    typed = dict(zip(of_blocks(page, menu), ["vegan", "fish"], strict=True))
    review = fill(who, typed | in_every(page, order, "Bern"))
    _before, *groups = re.split(r'<h3 id="group-\d+">', review.source)
    texts = [" ".join(re.sub("<[^>]*>", " ", group).split()) for group in groups]
    assert texts[0].startswith("Your order Town Bern")
    assert texts[1].startswith(
        "Adult – ticket 1 of 2 – 3 July Name on the ticket no name on the ticket Menu vegan"
    )
    assert texts[2].startswith(
        "Adult – ticket 2 of 2 – 3 July Name on the ticket no name on the ticket Menu fish"
    )


@pytest.mark.scenario("RF-37")
def test_the_order_shows_the_wording_that_was_answered(shop, who):
    form = shop.asked(
        "tariff", shop.adult, label="I accept the rules of 2027", type="consent", visibility="mandatory"
    )
    field = form.fields.get()
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    fill(who, in_every(page, field, "on"))
    page = who.place("on_site")
    field.label = "I accept everything"
    field.save()
    assert publish(form).number == 2
    page = who.open(page.url)
    assert "I accept the rules of 2027" in page.text
    assert "I accept everything" not in page.text
    assert "Answered on" in page.text


@pytest.mark.scenario("RF-35")
def test_an_old_order_does_not_owe_a_new_answer(shop, who):
    form = shop.asked("tariff", shop.adult, label="Phone", type="phone")
    phone = form.fields.get()
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    fill(who, in_every(page, phone, "+41 44 668 18 00"))
    page = who.place("on_site")
    ask(form, "N", visibility="mandatory")
    publish(form)
    response = Response.objects.get()
    changed = changing.change(
        response,
        {phone.key: "+41446681801"},
        revision=response.revision,
        by=None,
        source="buyer",
        now=timezone.now(),
    )
    assert changed == [phone.key]
    assert responses.read(response) == {phone.key: "+41446681801"}
    assert who.open(page.url).status == 200


@pytest.mark.scenario("RF-28")
def test_labels_choices_and_errors_are_in_the_buyers_language(shop):
    shop.organiser.languages = ["de", "en", "fr"]
    shop.organiser.save()
    form = shop.form("tariff", shop.adult)
    menu = ask(form, "Menu EN", "dropdown", visibility="mandatory", label_de="Menü", label_fr="Menu FR")
    made.Choice.objects.create(field=menu, label_de="Fleisch", label_fr="Viande", label_en="Meat")
    only_german = made.Choice.objects.create(field=menu, label_de="Gemüse", label_fr="", label_en="")
    publish(form)
    who = jazz.visitor(accept_language="fr")
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    assert "Menu FR" in page.text
    assert "Viande" in page.text
    assert "Gemüse" in page.text
    assert only_german.key not in page.text
    (name,) = of_blocks(page, menu)
    assert "Ce champ est obligatoire" in fill(who).text
    fill(who, {name: only_german.key})
    who.place("on_site")
    answer = Answer.objects.get()
    assert answer.v_choice == only_german
    assert answer.response.language == "fr"


def test_cancelling_keeps_the_answers_and_frees_the_places(shop, who):
    form = shop.form("tariff", shop.adult)
    bus = ask(form, "Bus", "single_choice", choices=[("18:00", 1)])
    publish(form)
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    fill(who, in_every(page, bus, bus.choices.get().key))
    who.place("on_site")
    assert bus.choices.get().used == 1
    orders.cancel(Order.objects.get(), by=None, now=timezone.now())
    assert bus.choices.get().used == 0
    assert Response.objects.get().void
