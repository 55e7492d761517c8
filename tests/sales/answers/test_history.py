"""Every definition that was ever published can be rendered: as a form, on the order, on the ticket, in the back
office.

``tests/registration_forms/published`` contains a definition as it was frozen under each schema. They are
never changed: a new schema adds a file.
"""

import json
from pathlib import Path

import pytest
from django.utils import timezone

from registration_forms import definitions
from registration_forms.answers import responses
from registration_forms.definitions import of_version, parse
from registration_forms.field_types import TYPES
from registration_forms.models import Choice, Field, FormVersion, Response
from tests.factories.organisers import make_staff
from tests.factories.registration_forms import ask, make_form, publish
from tests.sales import jazz
from tests.sales.jazz import Jazz, blocks, fill
from tests.staff import Staff, change
from ticketshop.sales.models import Order
from ticketshop.sales.payments import payments

pytestmark = pytest.mark.django_db

FOLDER = Path(__file__).parents[2] / "registration_forms" / "published"
FILES = sorted(FOLDER.glob("*.json"))
NEWEST = f"schema_{definitions.SCHEMA}.json"
# What is entered, and how the pages show it; everything else is left blank.
ENTERED = {
    "schema_1.json": {
        "s1nick": ("Zoë", "Zoë"),
        "s1remark": ("by the window", "by the window"),
        "s1shoe": ("38.5", "38.5"),
        "s1mail": ("zoe@example.org", "zoe@example.org"),
        "s1phone": ("079 123 45 67", "+41 79 123 45 67"),
        "s1day": ("2027-07-01", "1 July 2027"),
        "s1hour": ("20:15", "20:15"),
        "s1train": ("2027-07-04T20:15", "20:15"),
        "s1born": ("2015-02-28", "28 February 2015"),
        "s1eats": ("yes", "Yes"),
        "s1menu": ("s1vegan", "Vegan"),
        "s1bus": ("s1bus18", "18:00"),
        "s1shops": ("s1jazz", "Jazz"),
        "s1why": ("why not", "why not"),
        "s1allergy": ("nuts", "nuts"),
        "s1land": ("CH", "Switzerland"),
        "s1home": (["Rue du Lac 1", "1204", "Genève", "CH"], "1204 Genève"),
        "s1site": ("https://example.org/me", "https://example.org/me"),
        "s1rules": ("on", "Yes"),
    },
    "schema_1_bare.json": {"s0nick": ("Zoë", "Zoë"), "s0size": ("s0l", "L")},
}
ENTERED["schema_2.json"] = {
    f"s2{key[2:]}": (f"s2{typed[2:]}" if typed[:2] == "s1" else typed, text)
    for key, (typed, text) in ENTERED["schema_1.json"].items()
}
ON_TICKET = {
    "schema_1.json": {"s1nick", "s1menu"},
    "schema_1_bare.json": set(),
    "schema_2.json": {"s2nick", "s2menu"},
}


def read(path: Path) -> dict:
    return json.loads(path.read_text())


def frozen(form, definition: dict) -> FormVersion:
    """The rows of its questions as they are today, bare, and the version as it was published then."""
    for position, one in enumerate(definition["fields"], 1):
        field = Field.objects.create(
            form=form, key=one["key"], type=one["type"], label=f"Today {position}", position=position
        )
        for choice in one.get("choices", []):
            capacity = 5 if choice.get("limited") else None
            Choice.objects.create(field=field, key=choice["key"], label="Today", capacity=capacity)
    version = FormVersion.objects.create(
        form=form,
        number=1,
        published_at=timezone.now(),
        definition=definition,
        sha256=definitions.sha256(definition),
    )
    form.published = version
    form.save()
    return version


def sold(path: Path):
    """A shop whose adults are asked this definition, and a buyer at the filled-in details."""
    shop, who = Jazz(), jazz.visitor()
    version = frozen(shop.form("tariff", shop.adult), read(path))
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    (block,) = blocks(page)
    kinds = {key: TYPES[question.type] for key, question in of_version(version).by_key.items()}
    entered = {
        name: text
        for key, (typed, _shown) in ENTERED[path.name].items()
        for name, (text,) in kinds[key]
        .as_posted(f"{block}-{key}", typed if isinstance(typed, list) else [typed])
        .items()
    }
    names = {
        name: "Z"
        for name in page.form("^checkout_key$").names
        if name.startswith("holder-") and "_name" in name
    }
    # What a condition shows appears once the page was sent.
    there = {name: typed for name, typed in entered.items() if name in page.form("^checkout_key$").names}
    page = fill(who, there | names)
    if not page.url.endswith("/review/"):
        page = fill(who, entered)
    return shop, who, version, page


@pytest.mark.scenario("RF-40", "RF-37")
@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_what_was_published_once_still_renders(path):
    shop, who, version, review = sold(path)
    assert review.url.endswith("/review/"), review.text[:2000]
    who.place("on_site")
    response = Response.objects.get()
    assert response.version == version
    definition, shown = of_version(version), {key: text for key, (_typed, text) in ENTERED[path.name].items()}
    assert set(responses.read(response)) == set(shown)
    # Published anew with today's words: what was answered keeps its own.
    publish(shop.adult.form)
    order = Order.objects.get()
    payments.confirm(order.payments.get(), by=None, now=timezone.now())
    address = f"/{shop.pos.slug}/orders/{order.reference}/{order.secret}/"
    staff = Staff(make_staff(shop.organiser))
    for page in (review, who.open(address), staff.open(change(order))):
        assert page.status == 200
        for key, text in shown.items():
            question = definition.by_key[key]
            if page.url.startswith("/admin/") and question.sensitive:
                continue
            assert question.label in page.text, (page.url, key)
            assert text in page.text, (page.url, key)
        assert "Today" not in page.text
    ticket = who.open(f"{address}tickets/")
    assert who.send("GET", f"{address}tickets.pdf").status == 200
    for key, text in shown.items():
        label = definition.by_key[key].label
        assert (f"{label}: {text}" in " ".join(ticket.text.split())) is (key in ON_TICKET[path.name]), key


@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_question_of_it_is_drawn(path, language):
    shop, who = Jazz(), jazz.visitor(**{"accept-language": language})
    definition = of_version(frozen(shop.form("tariff", shop.adult), read(path)))
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    for question in definition.questions:
        hidden = question.visibility == "hidden" or question.staff_only
        label = question.labels.get(language, next(iter(question.labels.values())))
        if not question.condition and not question.system_ref:
            assert (label in page.text) is not hidden, question.key
        for option in question.options if not question.condition else ():
            assert option.labels.get(language, next(iter(option.labels.values()))) in page.text


def test_every_schema_there_has_been_is_kept():
    known = {read(path).get("schema", 1) for path in FILES}
    assert known == set(range(1, definitions.SCHEMA + 1))
    asked = {one["type"] for path in FILES for one in read(path)["fields"]}
    assert asked - set(TYPES) == set(), "a type that published forms contain is gone, or has another code"
    new = f"add a question of this type to {NEWEST}, and to ENTERED what is typed and shown"
    assert set(TYPES) - asked == set(), new


def test_another_shape_is_another_schema():
    """A definition frozen today has the same names as the newest file. To change them, add a schema and a file."""
    form = make_form()
    ask(form, "Menu", "dropdown", choices=["Vegan"])
    built, kept = definitions.build(form), read(FOLDER / NEWEST)
    assert built["schema"] == kept["schema"]
    assert built.keys() == kept.keys()
    for one in [*kept["fields"], built["fields"][0]]:
        assert one.keys() == built["fields"][0].keys()
        for choice in one["choices"]:
            assert choice.keys() == built["fields"][0]["choices"][0].keys()
    assert parse(kept).by_key["s2menu"].mandatory
