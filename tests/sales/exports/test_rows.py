"""Rows and columns of exports: participants, orders, passes, answers, customers."""

import copy
import csv
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from registration_forms.answers import responses
from registration_forms.models import Answer
from tests.exports import steps
from tests.factories import registration_forms as made
from tests.factories.organisers import make_staff
from tests.factories.sales import make_order
from tests.lib.spreadsheets.test_formats import HARMLESS, MARKUP, RISKY, Book
from tests.migrated_database import once_per_file
from tests.qr import text_of_pdf
from tests.sales import jazz
from tests.staff import Staff, change, listing
from ticketshop.exports import kinds
from ticketshop.exports.models import Job
from ticketshop.lib.spreadsheets.formats import FORMATS, Header, Money, Word
from ticketshop.sales.models import IssuedPass, Ticket
from ticketshop.sales.tickets import door_list

pytestmark = pytest.mark.django_db


def table(kind: str, at, source: str, **filters) -> kinds.Table:
    """As the worker reads it, in this transaction."""
    return kinds.KINDS[kind].table(steps.ask(kind, at, source, **filters))


def rows(kind: str, at, source: str, **filters) -> list[dict]:
    found = table(kind, at, source, **filters)
    keys = [column.key for column in found.columns]
    lines = [dict(zip(keys, row, strict=True)) for page in found.pages for row in page.rows]
    assert len(lines) == found.count
    return lines


def labels(kind: str, at, source: str, **filters) -> dict[str, str]:
    return {column.key: column.label for column in table(kind, at, source, **filters).columns}


class Sold:
    """Three orders with seven tickets, one of them cancelled, and a pass; three forms and their answers."""

    def __init__(self):
        self.shop = shop = jazz.Jazz()
        third, fourth = shop.offers[shop.adult.pk, shop.third.pk], shop.offers[shop.child.pk, shop.fourth.pk]
        holders = [{"first_name": name, "last_name": "Byron"} for name in ("Zoë", "Ben", "Cleo")]
        self.orders = [
            make_order({third: 3, shop.season: 1}, buyer=jazz_buyer("ada"), holders=holders),
            make_order({third: 1, fourth: 1}, buyer=jazz_buyer("bob"), paid=True),
            make_order({fourth: 2}, buyer=jazz_buyer("eve")),
        ]
        self.order_form = shop.form("order")
        self.club = made.ask(self.order_form, "Club")
        self.form = shop.form("tariff", shop.adult, shop.child)
        self.menu = made.ask(self.form, "Menu", "dropdown", choices=["Vegan", "Meat"], label_fr="Repas")
        self.size = made.ask(self.form, "Size")
        self.pass_form = shop.form("pass")
        self.seat = made.ask(self.pass_form, "Seat")
        self.versions = {one.kind: made.publish(one) for one in (self.order_form, self.form, self.pass_form)}
        self.tickets = list(Ticket.objects.filter(order__in=self.orders).order_by("pk"))
        vegan, meat = self.menu.choices.all()
        for ticket, choice in zip(self.tickets, [vegan, meat, vegan, vegan, meat, vegan, vegan], strict=True):
            steps.answer(ticket, self.versions["tariff"], {self.menu.key: choice.key, self.size.key: "M"})
        for order in self.orders:
            steps.answer(order, self.versions["order"], {self.club.key: f"Club of {order.buyer.first_name}"})
        steps.answer(self.orders[0].passes.get(), self.versions["pass"], {self.seat.key: "Row 1"})
        Ticket.objects.filter(pk=self.tickets[2].pk).update(state="cancelled")


def jazz_buyer(name: str) -> dict:
    return {"first_name": name.title(), "last_name": "Lovelace", "email": f"{name}@example.org"}


made_sold = once_per_file(Sold)


@pytest.fixture
def sold(made_sold, db) -> Sold:
    """The same sold tickets and passes, as rows that a test may change and refresh."""
    return copy.deepcopy(made_sold)


@pytest.mark.scenario("RF-41")
def test_participants_are_tickets_with_the_order_s_answers_repeated(sold):
    found = rows("participants", sold.shop.event, "event")
    assert len(found) == 6
    assert [row["first_name"] for row in found[:2]] == ["Zoë", "Ben"]
    assert [row[sold.menu.key] for row in found] == ["Vegan", "Meat", "Vegan", "Meat", "Vegan", "Vegan"]
    clubs = [row[f"order.{sold.club.key}"] for row in found]
    assert clubs == ["Club of Ada"] * 2 + ["Club of Bob"] * 2 + ["Club of Eve"] * 2
    assert [row["tariff"] for row in found] == ["Adult"] * 3 + ["Child"] * 3
    named = labels("participants", sold.shop.event, "event")
    marked = {key for key, label in named.items() if label.startswith("Order: ")}
    assert marked == {key for key in named if key.startswith("order.")}
    assert f"order.{sold.club.key}" in marked
    # With cancelled tickets: the seventh row, with its state.
    everything = rows("participants", sold.shop.event, "event", cancelled=True)
    assert len(everything) == 7
    assert [row["state"] for row in everything].count("cancelled") == 1


@pytest.mark.scenario("RF-41")
def test_participants_and_passes_have_the_beginning_of_their_code_by_which_staff_find_them(sold):
    box = Staff(make_staff(sold.shop.organiser, "box office"))
    for kind, at, source, model in (
        ("participants", sold.shop.event, "event", Ticket),
        ("passes", sold.shop.season, "pass", IssuedPass),
    ):
        of_row = {row["pass" if kind == "passes" else "ticket"]: row for row in rows(kind, at, source)}
        found = model.objects.in_bulk(of_row)
        assert len(found) == model.objects.exclude(state="cancelled").count()
        for pk, row in of_row.items():
            code = found[pk].code
            assert row["code"] == code[:8]
            # It is not what opens a door, and finds this one alone.
            assert code not in map(str, row.values())
            source_of_list = box.open(f"{listing(model)}?q={row['code']}").source
            assert [one for one in found.values() if change(one) in source_of_list] == [found[pk]]
    date = sold.tickets[0].session
    on_door_list = " ".join(text_of_pdf(door_list.pdf(date)))
    of_date = [one for one in rows("participants", date, "session") if one["state"] == "reserved"]
    assert of_date and all(one["code"] in on_door_list for one in of_date)


@pytest.mark.scenario("RF-41")
def test_orders_passes_and_answers(sold):
    found = rows("orders", sold.shop.event, "event")
    assert [row["reference"] for row in found] == [order.reference for order in sold.orders]
    assert [(row["tickets"], row["passes"]) for row in found] == [(2, 1), (2, 0), (2, 0)]
    assert [row[sold.club.key] for row in found] == ["Club of Ada", "Club of Bob", "Club of Eve"]
    assert [row["total"] for row in found] == [order.total for order in sold.orders]
    (issued,) = rows("passes", sold.shop.season, "pass")
    assert (issued[sold.seat.key], issued[f"order.{sold.club.key}"]) == ("Row 1", "Club of Ada")
    # Long: one row for each answer, of everything that was asked there.
    answers = rows("answers", sold.shop.event, "event")
    assert len(answers) == 6 * 2 + 3
    assert [row["about"] for row in answers].count("order") == 3
    assert {row["key"] for row in answers} == {sold.menu.key, sold.size.key, sold.club.key}
    assert {row["text_version"] for row in answers} == {1}
    of_passes = rows("answers", sold.shop.season, "pass")
    assert [(row["about"], row["answer"]) for row in of_passes] == [
        ("season pass", "Row 1"), ("order", "Club of Ada"),
    ]  # fmt: skip


@pytest.mark.scenario("RF-41")
def test_columns_follow_the_form_and_keep_their_keys(sold):
    before = list(labels("participants", sold.shop.event, "event"))
    assert before.index(sold.size.key) == before.index(sold.menu.key) + 1
    sold.menu.label = sold.menu.label_en = "What you eat"
    sold.menu.save()
    made.publish(sold.form)
    after = labels("participants", sold.shop.event, "event")
    assert list(after) == before
    assert after[sold.menu.key] == "What you eat"
    # A question that is archived comes last, for it has answers; one without answers is gone.
    never = made.ask(sold.form, "Never asked")
    made.publish(sold.form)
    assert never.key in labels("participants", sold.shop.event, "event")
    now = timezone.now()
    sold.form.fields.filter(pk__in=[never.pk, sold.menu.pk]).update(archived_at=now)
    made.publish(sold.form)
    last = list(labels("participants", sold.shop.event, "event"))
    assert never.key not in last
    assert last.index(sold.menu.key) == last.index(sold.size.key) + 1
    found = rows("participants", sold.shop.event, "event")
    assert found[0][sold.menu.key] == "Vegan"


@pytest.mark.scenario("RF-41", "RF-12")
def test_what_was_not_asked_is_empty_and_never_no(sold):
    more = made.ask(sold.form, "Do you eat with us?", "yes_no")
    only = made.ask(sold.form, "With whom", condition=made.only_if(more, "yes"))
    version = made.publish(sold.form)
    one = sold.tickets[0]
    one.response = None
    one.save()
    second = sold.tickets[1]
    steps.answer(second, version, {more.key: False, sold.menu.key: sold.menu.choices.first().key})
    plain = rows("participants", sold.shop.third, "session")
    assert [row[more.key] for row in plain] == [None, False, None]
    stated = rows("participants", sold.shop.third, "session", states=True)
    by_key = [[row[f"{key}.state"] for row in stated] for key in (sold.size.key, more.key, only.key)]
    assert by_key == [
        ["not_asked", "blank", "answered"],  # the first has no form, the third an older one
        ["not_asked", "answered", "added_later"],
        ["not_asked", "not_asked", "added_later"],
    ]
    Answer.objects.filter(response=second.response, field=sold.menu).update(state=9, v_choice=None)
    again = rows("participants", sold.shop.third, "session", states=True)
    assert (again[1][sold.menu.key], again[1][f"{sold.menu.key}.state"]) == (None, "erased")


@pytest.mark.scenario("RF-37", "RF-41")
def test_the_version_of_the_text_stands_beside_the_answers(sold):
    version = made.publish(sold.form)
    assert version.number == 1  # nothing has changed
    sold.size.label = sold.size.label_en = "T-shirt"
    sold.size.save()
    second = made.publish(sold.form)
    steps.answer(sold.tickets[0], second, {sold.size.key: "L"})
    assert [row["text_version"] for row in rows("participants", sold.shop.third, "session")] == [2, 1, 1]
    # An answer that was changed later, under other words than the rest.
    Answer.objects.filter(response=sold.tickets[1].response, field=sold.size).update(version=second)
    found = rows("participants", sold.shop.third, "session")
    assert [row["text_version"] for row in found] == [2, "1, 2", 1]
    long = rows("answers", sold.shop.third, "session")
    keys = {sold.menu.key, sold.size.key}  # an order may have the number of the ticket
    of_second = {
        row["key"]: row["text_version"]
        for row in long
        if row["number"] == sold.tickets[1].pk and row["key"] in keys
    }
    assert of_second == {sold.menu.key: 1, sold.size.key: 2}


@pytest.mark.scenario("RF-28", "RF-41")
def test_labels_and_choices_are_in_the_organiser_s_language(sold):
    choice = sold.menu.choices.first()
    choice.label_fr = "Végétalien"
    choice.save()
    made.publish(sold.form)
    with translation.override("fr"):
        assert labels("participants", sold.shop.event, "event")[sold.menu.key] == "Repas"
        assert rows("participants", sold.shop.event, "event")[0][sold.menu.key] == "Végétalien"


@pytest.mark.scenario("RF-42")
@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, 6),
        ({"order_state": "paid"}, 2),
        ({"tariff": "adult"}, 3),
        ({"question": "menu", "choice": "Meat"}, 2),
        ({"question": "menu", "choice": "Meat", "cancelled": True}, 2),
        ({"question": "menu", "choice": "Vegan", "tariff": "adult"}, 2),
        ({"since": 1}, 0),
        ({"since": -1}, 6),
    ],
)
def test_filters(sold, filters, expected):
    asked = dict(filters)
    if "tariff" in asked:
        asked["tariff"] = sold.shop.adult.pk
    if "question" in asked:
        asked |= {"question": sold.menu.key, "choice": sold.menu.choices.get(label=filters["choice"]).key}
    if "since" in asked:
        asked["since"] = (timezone.now() + timedelta(hours=filters["since"])).isoformat()
    assert len(rows("participants", sold.shop.event, "event", **asked)) == expected


@pytest.mark.scenario("RF-42")
def test_changed_since_sees_a_changed_answer(sold):
    later = timezone.now() + timedelta(hours=2)
    sold.tickets[0].response.changed_at = later
    sold.tickets[0].response.save()
    since = (later - timedelta(hours=1)).isoformat()
    (found,) = rows("participants", sold.shop.event, "event", since=since)
    assert found["ticket"] == sold.tickets[0].pk


@pytest.mark.scenario("RF-42")
def test_from_a_form_come_all_its_dates_and_nothing_of_others(sold):
    assert len(rows("participants", sold.form, "form")) == 6
    assert {row["session"] for row in rows("participants", sold.form, "form")} == {
        sold.shop.third.starts_at, sold.shop.fourth.starts_at,
    }  # fmt: skip
    assert len(rows("participants", sold.shop.third, "session")) == 3
    assert len(rows("orders", sold.order_form, "form")) == 3
    assert len(rows("answers", sold.order_form, "form")) == 3
    assert len(rows("answers", sold.form, "form")) == 12
    assert len(rows("passes", sold.pass_form, "form")) == 1
    other = Sold()
    assert len(rows("participants", sold.shop.event, "event")) == 6
    assert len(rows("customers", sold.shop.organiser, "customers")) == 3
    stranger = {row["email"] for row in rows("customers", other.shop.organiser, "customers")}
    assert stranger == {"ada@example.org", "bob@example.org", "eve@example.org"}
    # A job of one organiser that names a row of another finds nothing.
    foreign = Job(
        organiser=other.shop.organiser,
        kind="participants",
        parameters={"source": "event", "number": sold.shop.event.pk},
    )
    assert [row for page in kinds.KINDS["participants"].table(foreign).pages for row in page.rows] == []


@pytest.mark.scenario("RF-42")
def test_customers(sold):
    found = rows("customers", sold.shop.organiser, "customers")
    assert [(row["first_name"], row["email"], row["orders"]) for row in found] == [
        ("Ada", "ada@example.org", 1), ("Bob", "bob@example.org", 1), ("Eve", "eve@example.org", 1),
    ]  # fmt: skip
    assert found[0]["last_order_at"] == sold.orders[0].placed_at


def test_every_type_comes_out_typed():
    shop = jazz.Jazz()
    order = make_order({shop.offers[shop.adult.pk, shop.third.pk]: 1})
    form = shop.form("tariff", shop.adult)
    values = {
        "text": "=1+1",
        "long_text": "a\nb",
        "number": Decimal("2.5"),
        "email": "x@example.org",
        "phone": "+41791234567",
        "date": date(2027, 7, 3),
        "time": datetime(2027, 1, 1, 18, 30, tzinfo=UTC).time(),
        "date_time": datetime(2027, 10, 31, 1, 30, tzinfo=UTC),
        "birth_date": date(2012, 2, 29),
        "yes_no": False,
        "consent": True,
        "country": "CH",
        "url": "https://example.org/",
        "address": "Rue 1\n1200 Genève",
    }
    fields = {kind: made.ask(form, kind, kind) for kind in values}
    single = made.ask(form, "single", "single_choice", choices=["One", "Two"])
    several = made.ask(form, "several", "multiple_choice", choices=["One", "Two", "Three, or more"])
    made.ask(form, "Welcome", "static_text")
    keys = [choice.key for choice in several.choices.all()]
    given = {fields[kind].key: value for kind, value in values.items()}
    given |= {single.key: single.choices.last().key, several.key: [keys[2], keys[0]]}
    steps.answer(order.tickets.get(), made.publish(form), given)
    (row,) = rows("participants", shop.event, "event")
    assert {kind: row[field.key] for kind, field in fields.items()} == values
    assert row[single.key] == "Two"
    assert row[several.key] == "One; Three, or more"
    assert "Welcome" not in labels("participants", shop.event, "event").values()


@pytest.mark.scenario("RF-43")
def test_what_people_wrote_comes_out_as_they_wrote_it(sold, tmp_path):
    """Risky texts, from the answers through the rows to the three kinds of file and back."""
    texts = [text for text in [*RISKY, *HARMLESS, *MARKUP, "x" * 40_000] if "\x00" not in text]
    version, order = sold.versions["tariff"], sold.orders[2]
    offer = order.lines.get().offer
    # From now on the shop asks nothing: the answers below are written as they are.
    sold.shop.event.tariffs.update(form=None)
    sold.shop.event.order_form.delete()
    Ticket.objects.filter(order=order).update(state="cancelled")
    order = make_order({offer: 10}, buyer=jazz_buyer("hal"))
    written = []
    for ticket, text in zip(order.tickets.order_by("pk"), texts[:10], strict=True):
        steps.answer(ticket, version, {sold.size.key: text})
        written.append(text)
    Answer.objects.filter(v_text="M").update(v_text="\n".join(texts))
    expected = [row[sold.size.key] for row in rows("participants", sold.form, "form")]
    assert expected[-10:] == written
    for code in ("csv", "spreadsheet", "xlsx"):
        found = table("participants", sold.form, "form")
        header = Header([one.key for one in found.columns], [one.label for one in found.columns])
        path = tmp_path / code
        FORMATS[code].write(path, header, (row for page in found.pages for row in page.rows))
        if code == "xlsx":
            cells, columns = Book(path.read_bytes()).sheets
            (line,) = (where[0] for where, cell in columns.items() if cell[1] == sold.size.key)
            letters = columns[line, "A"][1]
            assert cells[1, letters][1] == columns[line, "B"][1] == "Size"
            back = [cells[number, letters][1] for number in range(2, 2 + len(expected))]
            assert back[-10:] == written
            assert "[cut here: the text has" in back[0]
        else:
            name = sold.size.key if code == "csv" else "Size"
            assert steps.Read(path.read_bytes()).column(name) == expected


@pytest.mark.scenario("RF-44")
@pytest.mark.parametrize("kind", ["participants", "orders", "passes", "answers", "customers"])
def test_the_number_of_queries_does_not_grow(kind):
    shop = jazz.Jazz()
    order_form, form, pass_form = shop.form("order"), shop.form("tariff"), shop.form("pass")
    for one in (order_form, form, pass_form):
        made.ask(one, "Text")
        made.ask(one, "Several", "multiple_choice", choices=["One", "Two"])
    versions = [made.publish(one) for one in (order_form, form, pass_form)]
    shop.season.form = None
    shop.season.save()
    shop.event.order_form.delete()
    offer = shop.offers[shop.adult.pk, shop.third.pk]

    def buy(name: str) -> None:
        order = make_order({offer: 1, shop.season: 1}, buyer=jazz_buyer(name))
        for row, version in zip([order, order.tickets.get(), order.passes.get()], versions, strict=True):
            text, several = version.form.fields.order_by("position")
            choices = [choice.key for choice in several.choices.all()]
            steps.answer(row, version, {text.key: "x", several.key: choices})

    place = (shop.organiser, "customers") if kind == "customers" else (order_form, "form")
    counted = []
    for names in (["one"], ["two", "three"]):
        for name in names:
            buy(name)
        job = steps.ask(kind, *place)
        with CaptureQueriesContext(connection) as queries:
            found = [row for page in kinds.KINDS[kind].table(job).pages for row in page.rows]
        counted.append(len(queries))
    assert len(found) >= 3
    assert counted[0] == counted[1] <= 20


def several(sold, *chosen: list[str]) -> made.Field:
    """A question with several choices, answered by the first tickets."""
    labels = ["Bus", "Lunch; vegan", '"Tea"', " Space ", "Plain"]
    field = made.ask(sold.form, "Extras", "multiple_choice", choices=labels)
    version, keys = made.publish(sold.form), {one.label: one.key for one in field.choices.all()}
    for ticket, texts in zip(sold.tickets, chosen, strict=False):
        steps.answer(ticket, version, {field.key: [keys[text] for text in texts]} if texts else {})
    return field


def test_several_choices_in_one_cell_can_be_read_again(sold):
    taken = [["Bus", "Lunch; vegan"], ['"Tea"', " Space ", "Plain"], [], ["Plain"]]
    field = several(sold, *taken)
    cells = [row[field.key] for row in rows("participants", sold.shop.event, "event", cancelled=True)]
    assert cells[0] == 'Bus; "Lunch; vegan"'
    back = [
        next(csv.reader([cell], delimiter=";", skipinitialspace=True)) if cell else [] for cell in cells[:4]
    ]
    assert back == taken
    answers = rows("answers", sold.form, "form")
    assert 'Bus; "Lunch; vegan"' in [row["answer"] for row in answers]


def test_each_of_several_choices_can_have_its_own_column(sold):
    field = several(sold, ["Bus", "Plain"], ["Plain"], [])
    keys = {one.label: f"{field.key}.{one.key}" for one in field.choices.all()}
    asked = {"apart": True, "states": True, "cancelled": True}
    named = labels("participants", sold.shop.event, "event", **asked)
    assert named[keys["Bus"]] == "Extras: Bus"
    assert field.key not in named
    assert list(named).index(f"{field.key}.state") == list(named).index(keys["Plain"]) + 1
    found = rows("participants", sold.shop.event, "event", **asked)
    assert [(row[keys["Bus"]], row[keys["Plain"]]) for row in found[:3]] == [
        (True, True),
        (False, True),
        (False, False),
    ]
    # Who was not asked has not said no.
    assert {row[keys["Bus"]] for row in found[3:]} == {None}
    assert [row[f"{field.key}.state"] for row in found[:4]] == [
        "answered",
        "answered",
        "blank",
        "added_later",
    ]
    described = dict(
        kinds.KINDS["participants"].filters(steps.ask("participants", sold.shop.event, "event", apart=True))
    )
    assert described["a column for each of several choices"] == "included"


def test_questions_with_equal_labels_get_different_column_labels(sold):
    """By their form, and by a number within it; the keys stay."""
    other = made.make_form("tariff", organiser=sold.shop.organiser, name="Children")
    twice = [made.ask(other, "Menu") for _number in range(2)]
    sold.shop.child.form = other
    sold.shop.child.save()
    made.publish(other)
    named = labels("participants", sold.shop.event, "event")
    assert named[sold.menu.key] == "Menu (tariff form)"
    assert [named[one.key] for one in twice] == ["Menu (Children) (1)", "Menu (Children) (2)"]


def test_words_of_ours_are_in_the_organiser_s_language(sold):
    """States, ways to pay, countries and languages: codes for programs, words for people."""
    country = made.ask(sold.form, "Country", "country")
    version = made.publish(sold.form)
    steps.answer(sold.tickets[0], version, {country.key: "CH"})
    sold.orders[0].payment_method = "on_site"
    sold.orders[0].save()
    with translation.override("fr"):
        row = rows("participants", sold.shop.event, "event", states=True)[0]
        order = rows("orders", sold.shop.event, "event")[0]
        named = labels("participants", sold.shop.event, "event", states=True)
    assert (row[country.key], row[country.key].text) == ("CH", "Suisse")
    assert (row[f"{sold.menu.key}.state"], row[f"{sold.menu.key}.state"].text) == ("blank", "laissé vide")
    assert named[f"{sold.menu.key}.state"] == "Repas (état)"
    assert (order["payment_method"], order["payment_method"].text) == ("on_site", "Payer à la caisse")
    assert isinstance(order["language"], Word)
    assert isinstance(order["total"], Money)


@pytest.mark.scenario("RF-41", "RF-38")
def test_a_choice_that_is_no_longer_offered_keeps_its_text(sold):
    vegan = sold.menu.choices.first()
    vegan.active = False
    vegan.save()
    made.publish(sold.form)
    assert rows("participants", sold.shop.event, "event")[0][sold.menu.key] == "Vegan"


@pytest.mark.scenario("RF-44")
def test_whose_data_is_in_a_file_is_known(sold):
    whose = {order.buyer.subject_uuid for order in sold.orders}
    for kind in ("participants", "orders", "answers"):
        found = table(kind, sold.shop.event, "event")
        assert set().union(*(page.subjects for page in found.pages)) == whose, kind


def test_responses_store_is_what_exports_read(sold):
    """The answers of a ticket as the order's page reads them, and as the export has them."""
    ticket = sold.tickets[0]
    shown = responses.read(ticket.response)
    row = rows("participants", sold.shop.event, "event")[0]
    assert row[sold.size.key] == shown[sold.size.key]
