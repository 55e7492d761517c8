"""A copy of one's own data follows the declarations, is readable and complete, and has no data of others."""

import io
import json
import zipfile
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.timezone import localtime

from contacts import contacts
from contacts.linking import adding
from privacy.copies import copying, packing
from privacy.declarations import registry, subjects
from registration_forms.answers import changing, responses
from registration_forms.models import Answer
from tests.factories.accounts import UserFactory
from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.registration_forms import ask, make_form, publish
from tests.factories.sales import make_cart, make_order, place
from tests.privacy.mutations import declare
from ticketshop.catalogue.models import Tariff
from ticketshop.exports.models import Job
from ticketshop.lib.personal import Author
from ticketshop.submissions.models import KeptSubmission

pytestmark = pytest.mark.django_db


def buyer(pos, *, user, **typed):
    now = timezone.now()
    contact = contacts.for_user(pos.organiser, user, language="en", now=now)
    contacts.change(contact, {"first_name": "Zoé", "last_name": "d’Ōta-Müller", **typed}, by=user, now=now)
    return contact


@pytest.fixture
def pos():
    return PointOfSaleFactory(friends_family_enabled=True)


@pytest.fixture
def zoe(pos):
    user = UserFactory(email="zoe@example.org")
    contact = buyer(pos, user=user, phone="+41795550177", street="Rue Haute 3")
    offer = OfferFactory(pos=pos)
    make_order({offer: 2}, user=user, holders=[{"first_name": "Zoé", "last_name": "Printed"}] * 2, paid=True)
    make_cart({offer: 1}, user=user, buyer={"first_name": "Typed", "last_name": "", "email": user.email})
    return contact


def unpacked(contact) -> dict[str, str]:
    chapters = copying.read([contact])
    data = packing.pack(chapters, organiser=contact.organiser, now=timezone.now())
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


@pytest.mark.scenario("S18")
def test_the_copy_is_json_and_a_page_for_each_area_with_everything_in_both(zoe):
    files = unpacked(zoe)
    assert set(files) == {
        "index.html", "data.json", "profile.html", "log-in.html", "orders.html", "tickets.html", "cart.html",
        "e-mails.html",
    }  # fmt: skip
    for text in ("Zoé", "d’Ōta-Müller", "+41795550177", "Rue Haute 3"):
        assert text in files["profile.html"]
        assert text in files["data.json"]
    order = zoe.orders.get()
    for text in (order.reference, order.lines.get().title, "Adult"):
        assert text in files["orders.html"]
    assert "Printed" in files["tickets.html"]
    assert "Pay at the box office" in files["orders.html"] and "on_site" not in files["orders.html"]
    assert "Typed" in files["cart.html"]
    assert order.tickets.first().code in files["tickets.html"]
    areas = {area["area"]: area for area in json.loads(files["data.json"])["areas"]}
    assert areas["orders"]["records"][0]["inside"][0]["values"]["quantity"] == 2
    assert all(area["purpose"] and area["kept_until"] and area["seen_by"] for area in areas.values())


@pytest.mark.scenario("S18")
def test_secrets_are_left_out_of_a_copy_with_a_reason(zoe):
    order, files = zoe.orders.get(), unpacked(zoe)
    assert order.secret not in "".join(files.values())
    assert zoe.user.password not in "".join(files.values())
    (record,) = (area for area in json.loads(files["data.json"])["areas"] if area["area"] == "orders")
    assert "link is in every mail" in record["records"][0]["left_out"]["secret"]
    assert "not even we can read it" in files["log-in.html"]


@pytest.mark.scenario("S18")
def test_every_planted_value_is_in_the_copy_or_left_out_with_a_reason(state):
    """In every model, each column that an erasure would empty is in the copy."""
    person = state.v.person
    records = {
        (record.model, record.pk): {value.name: value for value in record.values}
        for chapter in copying.read([person.contact])
        for outer in chapter.records
        for record in (outer, *outer.inside)
    }
    elsewhere, checked = {text for text, _reason in copying.not_included()}, 0
    for cell in state.v.cells:
        said = registry.declaration(cell.model)
        if cell.model._meta.auto_created:
            continue
        if isinstance(said.columns[cell.column], Author) and (cell.model, cell.pk) not in records:
            assert said.subject or str(cell.model._meta.verbose_name_plural) in elsewhere, cell.declared
            continue
        entry = records[cell.model, cell.pk][cell.column]
        checked += 1
        if entry.left_out:
            column = cell.model._meta.get_field(cell.column)
            names_a_person = column.is_relation and registry.is_person(column.related_model)
            assert names_a_person or cell.column in {*said.withheld, *said.shown_only_to}, cell.declared
        else:
            assert entry.text or cell.value in (None, ""), cell.declared
    assert checked > 300


@pytest.mark.scenario("S18")
def test_files_that_are_the_person_s_are_in_the_copy(state, monkeypatch):
    """No visitor uploads yet: the file of an export stands for one."""
    person = state.v.person
    assert not any(name.startswith("files/") for name in unpacked(person.contact)), (
        "it holds others’ data too"
    )
    declare(monkeypatch, Job, withheld={})
    files = {name: text for name, text in unpacked(person.contact).items() if name.startswith("files/")}
    assert files
    assert any(person.contact.email in text for text in files.values())


def test_every_model_with_people_stands_under_a_heading():
    for model in subjects.models_with_people():
        assert model._meta.auto_created or registry.declaration(model).area is not None, model


def test_every_column_that_is_shown_has_a_name_people_know():
    """A technical name such as “v text” is never shown: the declaration gives the column a label, or leaves it out with a reason."""
    for model in subjects.models_with_people():
        said = registry.declaration(model)
        shown = [model]
        while shown and not model._meta.auto_created:
            one = shown.pop()
            said = registry.declaration(one)
            for name in (*said.copy_context, *copying.columns(one)):
                assert copying.is_named(one, name) or name in said.withheld, f"{one._meta.label}.{name}"
            shown += [one._meta.get_field(name).related_model for name in said.copy_nested]


@pytest.mark.scenario("FF-37")
def test_links_are_listed_in_both_directions_without_the_other_person(pos, zoe):
    other = buyer(
        pos, user=UserFactory(email="wanda@elsewhere.example"), first_name="Wanda", last_name="Other"
    )
    now = timezone.now()
    asked = adding.Requester(by=zoe.user, pos=pos, network="n", language="en")
    there = adding.add(zoe, adding.Person("Wanda", "Other", "wanda@elsewhere.example"), asked, now=now).link
    asked = adding.Requester(by=other.user, pos=pos, network="m", language="en")
    back = adding.add(other, adding.Person("Zoé", "d’Ōta-Müller", "zoe@example.org"), asked, now=now).link
    assert there and back

    files = unpacked(zoe)
    links = next(a for a in json.loads(files["data.json"])["areas"] if a["area"] == "friends-and-family")
    rows = [one for one in links["records"] if one["kind"] == "contacts.ContactLink"]
    assert len(rows) == 2
    mine = next(row for row in rows if "parent" in row["values"])
    theirs = next(row for row in rows if "child" in row["values"])
    assert set(mine["left_out"]) >= {"child", "entered_first_name", "entered_email"}
    assert theirs["values"]["entered_first_name"] == "Zoé"
    everything = "".join(files.values())
    for text in ("Wanda", "Other", "wanda@elsewhere.example"):
        assert text not in everything
        assert text in "".join(unpacked(other).values()), "it is there to be found"


def answered(order, index: int, answers: dict) -> None:
    """Store answers for one ticket of the order, about its buyer."""
    form = make_form(organiser=order.organiser, name="Meal")
    fields = {
        label: ask(form, label, kind, choices=choices) for label, (kind, choices, _value) in answers.items()
    }
    version = publish(form)
    given = {}
    for label, (_kind, choices, value) in answers.items():
        if value is not None:
            given[fields[label].key] = fields[label].choices.get(label=value).key if choices else value
    now = timezone.now()
    one = responses.NewResponse(version, given, order.buyer_id)
    (response,) = responses.store([one], organiser=order.organiser, language="en", now=now)
    ticket = order.tickets.order_by("pk")[index]
    ticket.response = response
    ticket.save()


@pytest.mark.scenario("S18")
def test_answers_stand_with_their_order_event_and_participant_in_words(zoe):
    order = zoe.orders.get()
    home = "\t".join(("Rue du Lac 3", "1204", "Genève", "CH"))
    answered(order, 0, {"Home": ("address", (), home), "Menu": ("dropdown", ("Soup", "Salad"), "Salad")})
    key = Answer.objects.get(field__label="Menu").v_choice.key
    files = unpacked(zoe)
    area = next(one for one in json.loads(files["data.json"])["areas"] if one["area"] == "answers")
    (record,) = area["records"]
    session = order.tickets.first().session
    begins = date_format(localtime(session.starts_at), "j F Y, H:i")
    assert record["for"] == f"Order {order.reference} – {session.event.title}, {begins} – Zoé Printed"
    page = files["answers.html"]
    assert record["for"] in page and home not in page
    assert "Rue du Lac 3<br>1204 Genève<br>Switzerland" in page
    assert "Salad" in page and key not in page
    tickets = files["tickets.html"]
    assert order.reference in tickets and begins in tickets and f"{session.starts_at:%Y-%m-%d}" not in tickets
    with translation.override("fr"):
        french = unpacked(zoe)
    assert f"Commande {order.reference}" in french["answers.html"] and "Suisse" in french["answers.html"]
    assert "Séance" not in french["log-in.html"]


@pytest.mark.scenario("S18")
def test_addresses_and_choices_are_data_that_can_be_read_without_the_shop(zoe):
    contacts.change(zoe, {"country": "CH"}, by=zoe.user, now=timezone.now())
    order = zoe.orders.get()
    home = "\t".join(("Rue du Lac 3", "1204", "Genève", "CH"))
    soup, both = ("Soup", "Salad"), ("Bus", "Lunch")
    asked = {
        "Home": ("address", (), home),
        "Menu": ("dropdown", soup, "Salad"),
        "Extras": ("multiple_choice", both, None),
    }
    answered(order, 0, asked)
    answer = Answer.objects.get(field__label="Home")
    given = responses.read(answer.response)
    menu = Answer.objects.get(field__label="Menu").field
    extras = menu.form.fields.get(label="Extras")
    later = {
        **given,
        answer.field.key: "\t".join(("Quai 9", "8001", "Zürich", "CH")),
        menu.key: menu.choices.get(label="Soup").key,
        extras.key: [choice.key for choice in extras.choices.order_by("position")],
    }
    changing.change(answer.response, later, revision=0, by=None, source="buyer", now=timezone.now())
    files = unpacked(zoe)
    assert "\\t" not in files["data.json"]
    (record,) = next(one for one in json.loads(files["data.json"])["areas"] if one["area"] == "answers")[
        "records"
    ]
    values = [one["values"] for one in record["inside"]]
    quay = {"street": "Quai 9", "postcode": "8001", "city": "Zürich", "country": "CH"}
    lake = {"street": "Rue du Lac 3", "postcode": "1204", "city": "Genève", "country": "CH"}
    assert [one["v_text"] for one in values if one.get("v_text")] == [quay]
    changes = {one["field"]: (one["old"], one["new"]) for one in values if "old" in one}
    assert changes == {
        "Home": (lake, quay),
        "Menu": ("Salad", "Soup"),
        "Extras": (None, list(both)),
    }
    assert "Quai 9<br>8001 Zürich<br>Switzerland" in files["answers.html"]
    assert "Switzerland" in files["profile.html"] and "CH" in files["data.json"]


def test_answers_of_two_orders_stand_order_by_order(zoe, pos):
    first = zoe.orders.get()
    second = make_order({OfferFactory(pos=pos): 1}, user=zoe.user, paid=True)
    for order, index in ((first, 0), (second, 0), (first, 1)):
        answered(order, index, {"Note": ("text", (), "none")})
    chapter = next(one for one in copying.read([zoe]) if one.area.code == "answers")
    found = [
        first.reference if first.reference in record.about else second.reference for record in chapter.records
    ]
    assert found == [first.reference, first.reference, second.reference]


@pytest.mark.scenario("S18")
def test_copy_is_in_the_readers_language(zoe):
    with translation.override("fr"):
        files = unpacked(zoe)
    assert 'lang="fr"' in files["orders.html"]
    assert "Vos commandes" in files["orders.html"]


def test_several_contacts_of_one_mailbox_are_one_copy(pos):
    offer = OfferFactory(pos=pos)
    names = ["Ada", "Bea", "Cleo"]
    orders = [
        make_order(
            {offer: 1}, buyer={"first_name": name, "last_name": "", "email": "one@mail.example"}, paid=True
        )
        for name in names
    ]
    found = [order.buyer for order in orders]
    assert len({contact.pk for contact in found}) == 3
    chapters = {chapter.area.code: chapter for chapter in copying.read(found)}
    assert len(chapters["orders"].records) == len(chapters["profile"].records) == 3
    assert {value.text for record in chapters["profile"].records for value in record.values} >= set(names)


def queries(contact) -> int:
    with CaptureQueriesContext(
        connection,
    ) as seen:
        chapters = copying.read([contact])
        packing.pack(chapters, organiser=contact.organiser, now=timezone.now())
    return len(seen)


def test_copy_of_three_orders_takes_as_many_queries_as_of_one(pos, zoe):
    for index in range(2):
        answered(zoe.orders.get(), index, {"Note": ("text", (), "none")})
    once = queries(zoe)
    for index in range(2):
        answered(zoe.orders.get(), index, {"Note": ("text", (), "none"), "Other": ("text", (), "none")})
    offer = OfferFactory(pos=pos)
    for _number in range(2):
        place(make_cart({offer: 2}, user=zoe.user, now=timezone.now() - timedelta(minutes=1)), user=zoe.user)
    assert zoe.orders.count() == 3
    assert queries(zoe) == once
    assert once < 80


@pytest.mark.scenario("S18")
@pytest.mark.parametrize("language", ["en", "fr"])
def test_cart_is_read_out_in_words(zoe, pos, language):
    form = make_form("tariff", organiser=pos.organiser, name="Meals")
    meal = ask(form, "Meal", "dropdown", choices=["Fish", "Vegetables"])
    home = ask(form, "Country", "country")
    day = ask(form, "Arrival", "date")
    publish(form)
    offer = OfferFactory(pos=pos)
    Tariff.objects.filter(pk=offer.tariff_id).update(form=form)
    holders = [
        {"person": "me", "first_name": "Zoé", "last_name": "Müller"},
        {"first_name": "Bob", "last_name": "Guest"},
    ]
    cart = make_cart(
        {offer: 2},
        user=zoe.user,
        buyer={"first_name": "Typed", "last_name": "Twice", "email": "b@example.org"},
        holders=holders,
    )
    first, second = cart.lines.get().slots
    fish = meal.choices.get(label="Fish")
    cart.details |= {
        "answers": {
            first: {meal.key: [fish.key], home.key: ["CH"], day.key: ["2026-12-01"]},
            second: {day.key: ["soon"]},
            "gone": {"was": ["Of another form"]},
        },
        "shown": {first: {"form": form.pk, "version": 4711, "drawn": [meal.key]}},
        "language": "fr",
    }
    cart.network = "0123456789abcdef"
    cart.save()
    with translation.override(language):
        text = unpacked(zoe)["cart.html"]
        starts = date_format(localtime(offer.session.starts_at), "j F")
        ticket = {"en": "ticket\u00a0%d\u00a0of\u00a02", "fr": "billet\u00a0%d\u00a0sur\u00a02"}[language]
        heading = f"{offer.tariff.name} – {ticket} – {starts}"
        colon = {"en": ":", "fr": "\u00a0:"}[language]
        words = {
            "en": [
                "Buyer: Typed Twice, b@example.org",
                "for the buyer",
                "Switzerland",
                "1 December 2026",
                "Cart line",
            ],
            "fr": [
                "Acheteur\u00a0: Typed Twice, b@example.org",
                "pour l’acheteur",
                "Suisse",
                "1er décembre 2026",
                "Ligne du panier",
            ],
        }[language]
    assert f"{heading % 1}{colon} Zoé Müller" in text
    assert f"{heading % 2}{colon} Bob Guest" in text
    assert f"{heading % 1} – Meal{colon} Fish" in text
    assert f"{heading % 2} – Arrival{colon} soon" in text, (
        "as it was typed, where the question takes no such answer"
    )
    assert "Of another form" in text
    for word in words:
        assert word in text
    for code in (first, second, meal.key, fish.key, "first_name", "4711", "0123456789abcdef", "drawn"):
        assert code not in text


def test_form_that_met_the_log_in_is_read_out_without_the_names_of_its_fields(zoe):
    KeptSubmission.objects.create(
        user=zoe.user,
        address="/theatre/account/profile/",
        fields=[["csrfmiddlewaretoken", "abc"], ["street", "Kept Lane 1"], ["city", ""], ["do", "save"]],
        expires_at=timezone.now() + timedelta(hours=1),
    )
    text = unpacked(zoe)["log-in.html"]
    assert "Kept Lane 1" in text
    assert "street" not in text.replace("Street", "") and "csrfmiddlewaretoken" not in text
