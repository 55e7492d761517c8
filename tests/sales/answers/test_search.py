"""The page of a form's answers: rows, filters, counts, what is missing."""

import re
from datetime import date
from decimal import Decimal
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from registration_forms.answers import responses
from registration_forms.building import drafts
from registration_forms.models import Answer, Choice
from tests.exports import steps
from tests.factories.organisers import make_staff
from tests.factories.registration_forms import ask, make_given, only_if, publish
from tests.factories.sales import make_order
from tests.sales.jazz import Jazz
from tests.staff import Staff, change
from ticketshop.catalogue.models import SeasonPass, Tariff
from ticketshop.exports.models import Job
from ticketshop.sales.models import IssuedPass, Order, OrderResponse, Ticket
from ticketshop.sales.orders import orders

pytestmark = pytest.mark.django_db


class Asked(Jazz):
    def __init__(self):
        super().__init__()
        self.form_of_adults = form = self.form("tariff")
        self.size = ask(form, "Size", "dropdown", choices=["S", "L", "XL"], visibility="mandatory")
        self.days = ask(form, "Workshops", "multiple_choice", choices=["Swing", "Bop"])
        self.eats = ask(form, "Eats", "yes_no")
        self.menu = ask(form, "Menu", visibility="mandatory", condition=only_if(self.eats, "yes"))
        self.born = ask(form, "Born", "birth_date")
        self.age = ask(form, "Years of practice", "number")
        self.ill = ask(form, "Allergies", sensitive=True, purpose="the kitchen", retention_days=28)
        self.version = publish(form)

    def answer(self, ticket, version=None, **answers):
        """Answers by the attribute of their question, stored for a ticket or a pass."""
        return self.answer_all([ticket], version, **answers)[0]

    def answer_all(self, tickets, version=None, **answers):
        """The same answers for each of these tickets."""
        form = (version or self.version).form
        given = {getattr(self, name).key: value for name, value in answers.items()}
        stored = responses.store(
            [make_given(version or self.version, given) for _ticket in tickets],
            organiser=form.organiser,
            language="en",
            now=timezone.now(),
        )
        for ticket, response in zip(tickets, stored, strict=True):
            if isinstance(ticket, Order):
                OrderResponse.objects.create(order=ticket, response=response)
            else:
                ticket.response = response
                ticket.save(update_fields=["response"])
        return stored

    def buy(self, tariff=None, session=None, number=1, version=None, **answers) -> list[Ticket]:
        """Tickets of one order, placed without the form and answered here."""
        offer = self.offers[(tariff or self.adult).pk, (session or self.third).pk]
        tariffs = Tariff.objects.filter(pk__in=[self.adult.pk, self.child.pk])
        tariffs.update(form=None)
        tickets = list(make_order({offer: number}, paid=True).tickets.order_by("pk"))
        tariffs.update(form=self.form_of_adults)
        self.answer_all(tickets, version, **answers)
        return tickets

    def choice(self, field, label) -> str:
        return field.choices.get(label=label).key


@pytest.fixture
def shop():
    return Asked()


class Clerk(Staff):
    """A staff member who fills in the filters of one page of answers after the other."""

    def __init__(self, user):
        super().__init__(user)
        # URL of a page of answers -> its filters, before any was filled in.
        self.filters = {}


@pytest.fixture
def office(shop):
    return Clerk(make_staff(shop.organiser, "back office", email="office@example.org"))


def answers_page(form) -> str:
    return f"{change(form).removesuffix('change/')}answers/"


def open_answers(staff, form, query=""):
    return staff.open(answers_page(form) + query)


def filtered(clerk, form, **values):
    """Fill in these filters and no others, double underscores for dashes. From page to page the page without filters is opened once."""
    url = answers_page(form)
    if url not in clerk.filters or clerk.page.url.split("?")[0] != url:
        clerk.filters[url] = open_answers(clerk, form).form("^state$")
    names = {name.replace("__", "-"): value for name, value in values.items()}
    return clerk.submit(clerk.filters[url], names)


def column(page, label: str) -> list[str]:
    """The cells below a heading of the table of rows."""
    table = re.search(r'(?s)<div class="table-scroll".*?</table>', page.source)
    if table is None:
        return []
    text = lambda html: " ".join(unescape(re.sub("<[^>]*>", " ", html)).split())  # noqa: E731
    headings = [text(one) for one in re.findall(r"(?s)<th scope=\"col\">(.*?)</th>", table[0])]
    rows = re.findall(r"(?s)<tr>(.*?)</tr>", table[0])[1:]
    place = headings.index(label)
    return [text(re.findall(r"(?s)<td>(.*?)</td>", row)[place]) for row in rows]


def counted(page, label: str) -> dict[str, int]:
    for table in re.findall(r"(?s)<caption>.*?</table>", page.source):
        text = " ".join(unescape(re.sub("<[^>]*>", " ", table.split("</caption>")[0])).split())
        if text == label:
            rows = re.findall(r'(?s)<th scope="row">(.*?)</th>\s*<td>(\d+)</td>', table)
            return {" ".join(unescape(re.sub("<[^>]*>", " ", name)).split()): int(n) for name, n in rows}
    raise AssertionError(f"no counts of {label}: {page.text[:500]}")


def test_each_response_is_a_row_with_where_it_belongs(shop, office):
    (first,) = shop.buy(size=shop.choice(shop.size, "L"), menu=None)
    Ticket.objects.filter(pk=first.pk).update(holder_first_name="Zoë", holder_last_name="Müller")
    (second,) = shop.buy(
        session=shop.fourth,
        size=shop.choice(shop.size, "S"),
        days=[shop.choice(shop.days, "Swing"), shop.choice(shop.days, "Bop")],
        eats=True,
        menu="<b>vegan</b>",
    )
    page = open_answers(office, shop.form_of_adults)
    assert "2 answers to this form" in page.text
    assert column(page, "Order") == [second.order.reference, first.order.reference]
    assert column(page, "Name") == ["–", "Zoë Müller"]
    assert column(page, "Size") == ["S", "L"]
    assert column(page, "Workshops") == ["Swing, Bop", "–"]
    assert column(page, "Eats") == ["Yes", "–"]
    assert column(page, "Menu") == ["<b>vegan</b>", "not asked"]
    assert "<b>vegan" not in page.source
    assert [text.split(",")[0] for text in column(page, "Ticket or pass")] == ["Adult", "Adult"]
    assert page.link(first.order.reference) == change(first.order)


def test_an_answer_is_found_as_people_write_it(shop, office):
    form = shop.form("tariff", shop.child)
    examples = [
        (
            "address",
            "Rue du Lac 1\t1204\tGenève\tCH",
            ["rue du lac 1, 1204 Genève", "1204 Genève Switzerland", "Lac 1 1204", "switzerland"],
            ["Rue du Lac 2", "1204 Genève Sweden", "Lausanne"],
        ),
        ("phone", "+41791234567", ["079 123 45 67", "+41 79 123", "123 45"], ["079 124", "+42"]),
        ("email", "zoe@xn--bcher-kva.example", ["zoe@bücher.example", "zoe@"], ["zoe@bucher.example"]),
    ]
    for kind, *_texts in examples:
        setattr(shop, kind, ask(form, f"Asked for {kind}", kind))
    shop.buy(tariff=shop.child, version=publish(form), **{kind: stored for kind, stored, *_texts in examples})
    for kind, _stored, found, not_found in examples:
        name = f"f__{getattr(shop, kind).key}"
        for text in found:
            assert "\t" not in filtered(office, form, **{name: text}).source
            assert len(column(office.page, "Order")) == 1, text
        for text in not_found:
            assert column(filtered(office, form, **{name: text}), "Order") == [], text


@pytest.mark.scenario("RF-38")
def test_counts_of_each_choice_those_no_longer_offered_too(shop, office):
    large = shop.choice(shop.size, "L")
    for size, eats in ((large, True), (large, False), (shop.choice(shop.size, "S"), None)):
        shop.buy(size=size, eats=eats, days=[shop.choice(shop.days, "Bop")])
    Choice.objects.filter(key=large).update(active=False, label="Large", label_en="Large")
    shop.version = publish(shop.form_of_adults)
    shop.buy(size=large)
    page = open_answers(office, shop.form_of_adults)
    assert counted(page, "Size") == {"S": 1, "Large (no longer offered)": 3, "XL": 0}
    assert counted(page, "Workshops") == {"Swing": 0, "Bop": 3}
    assert counted(page, "Eats") == {"Yes": 1, "No": 1}
    page = filtered(office, shop.form_of_adults, **{f"f__{shop.eats.key}": "yes"})
    assert counted(page, "Size") == {"S": 0, "Large (no longer offered)": 1, "XL": 0}


def test_filters_by_answer(shop, office):
    small, large = shop.choice(shop.size, "S"), shop.choice(shop.size, "L")
    bop = shop.choice(shop.days, "Bop")
    rows = {
        "a": shop.buy(size=small, eats=True, menu="vegan 100%", born=date(1990, 5, 1))[0],
        "b": shop.buy(size=large, eats=False, days=[bop], age=Decimal(5))[0],
        "c": shop.buy(size=large, eats=True, menu="Végane", days=[bop], age=Decimal(12))[0],
    }

    def names(page) -> str:
        found = set(column(page, "Order"))
        return "".join(name for name, ticket in rows.items() if ticket.order.reference in found)

    form = shop.form_of_adults
    wanted = {
        "a": {f"f__{shop.size.key}": small},
        "bc": {f"f__{shop.size.key}": large},
        "c": {f"f__{shop.size.key}": large, f"f__{shop.eats.key}": "yes"},
        "ac": {f"f__{shop.eats.key}": "yes"},
        "b": {f"f__{shop.eats.key}": "no"},
        "abc": {},
    }
    for expected, values in wanted.items():
        assert names(filtered(office, form, **values)) == expected, values
    assert names(filtered(office, form, **{f"f__{shop.days.key}": bop})) == "bc"
    assert names(filtered(office, form, **{f"f__{shop.menu.key}": "VEGAN"})) == "a"
    assert names(filtered(office, form, **{f"f__{shop.menu.key}": "%"})) == "a"
    assert names(filtered(office, form, **{f"f__{shop.menu.key}": "_"})) == ""
    born = f"f__{shop.born.key}"
    assert (
        names(filtered(office, form, **{f"{born}__from": "1990-05-01", f"{born}__until": "1990-05-01"}))
        == "a"
    )
    assert names(filtered(office, form, **{f"{born}__from": "1990-05-02"})) == ""
    years = f"f__{shop.age.key}"
    assert names(filtered(office, form, **{f"{years}__from": "6"})) == "c"
    assert names(filtered(office, form, **{f"{years}__from": "5", f"{years}__until": "11.5"})) == "b"


def test_filters_by_date_tariff_and_state(shop, office):
    form = shop.form_of_adults
    (third,) = shop.buy(size=shop.choice(shop.size, "S"))
    (fourth,) = shop.buy(session=shop.fourth, size=shop.choice(shop.size, "S"))
    (child,) = shop.buy(tariff=shop.child, size=shop.choice(shop.size, "S"))
    (gone,) = shop.buy(size=shop.choice(shop.size, "S"))
    orders.cancel(gone.order, by=None, now=timezone.now())
    Ticket.objects.filter(pk=third.pk).update(state="used", used_at=timezone.now())
    Order.objects.filter(pk=fourth.order_id).update(state="pending", paid_at=None)

    def shown(**values) -> list[str]:
        return column(filtered(office, form, **values), "Order")

    refs = {name: row.order.reference for name, row in locals().items() if isinstance(row, Ticket)}
    assert shown() == [refs["child"], refs["fourth"], refs["third"]]
    assert shown(session=shop.fourth.pk) == [refs["fourth"]]
    assert shown(tariff=shop.child.pk) == [refs["child"]]
    assert shown(session=shop.fourth.pk, tariff=shop.child.pk) == []
    assert shown(state="pending") == [refs["fourth"]]
    assert shown(state="paid") == [refs["child"], refs["third"]]
    assert shown(state="used") == [refs["third"]]
    assert shown(state="cancelled") == [refs["gone"]]
    assert len(shown(state="all")) == 4


@pytest.mark.scenario("RF-35")
def test_missing_answers_are_those_owed_and_not_there(shop, office):
    small = shop.choice(shop.size, "S")
    (whole,) = shop.buy(size=small, eats=False)
    (without,) = shop.buy(eats=True)  # neither size nor menu
    shop.new = ask(shop.form_of_adults, "N", visibility="mandatory")
    publish(shop.form_of_adults)
    page = open_answers(office, shop.form_of_adults)
    assert "Size (1)" in page.text
    assert "Menu (1)" in page.text
    assert "N (2)" in page.text
    assert column(page, "N") == ["not asked: the question is newer"] * 2
    both = [without.order.reference, whole.order.reference]
    assert column(filtered(office, shop.form_of_adults, missing="any"), "Order") == both
    assert column(filtered(office, shop.form_of_adults, missing=shop.menu.key), "Order") == both[:1]
    assert column(filtered(office, shop.form_of_adults, missing=shop.new.key), "Order") == both


def test_former_questions_come_last(shop, office):
    shop.buy(size=shop.choice(shop.size, "S"), age=Decimal(7))
    for one in (shop.age, shop.born):
        one.archived_at = timezone.now()
        one.save()
    Answer.objects.filter(field=shop.born).delete()
    publish(shop.form_of_adults)
    page = open_answers(office, shop.form_of_adults)
    headings = re.findall(r"(?s)<th scope=\"col\">\s*<bdi>(.*?)</bdi>", page.source)
    assert headings[-1] == "Years of practice"
    assert "Born" not in headings
    assert column(page, "Years of practice") == ["7"]


@pytest.mark.scenario("RF-09")
def test_sensitive_columns_need_a_right(shop, office):
    shop.buy(size=shop.choice(shop.size, "S"), ill="nuts")
    page = open_answers(office, shop.form_of_adults)
    assert column(page, "Allergies") == ["nuts"]
    box = Staff(make_staff(shop.organiser, "box office", email="box@example.org"))
    page = open_answers(box, shop.form_of_adults, f"?f-{shop.ill.key}=nuts")
    assert "Allergies" not in page.text
    assert "nuts" not in page.text
    assert "Sensitive questions are not shown to you." in page.text
    # Nor can the filter ask for what is not shown.
    page = open_answers(box, shop.form_of_adults, f"?f-{shop.ill.key}=celery")
    assert "1 answer to this form" in page.text
    stranger = Staff(make_staff(Jazz().organiser, "owner", email="other@example.org"))
    assert open_answers(stranger, shop.form_of_adults).status == 404


def test_forms_of_orders_and_passes(shop, office):
    parking = shop.form("order")
    shop.parking = ask(parking, "Parking")
    order = make_order({shop.offers[shop.adult.pk, shop.third.pk]: 1}, paid=True)
    shop.answer(order, publish(parking), parking="one car")
    page = open_answers(office, parking)
    assert column(page, "Parking") == ["one car"]
    assert column(page, "Order") == [order.reference]
    assert column(filtered(office, parking, session=shop.third.pk), "Parking") == ["one car"]
    assert column(filtered(office, parking, session=shop.fourth.pk), "Order") == []
    assert column(filtered(office, parking, state="pending"), "Order") == []
    seats = shop.form("pass")
    shop.seat = ask(seats, "Seat")
    version = publish(seats)
    SeasonPass.objects.filter(pk=shop.season.pk).update(form=None)
    order = make_order({shop.season: 1}, paid=True)
    SeasonPass.objects.filter(pk=shop.season.pk).update(form=seats, extra_form=shop.form_of_adults)
    issued = IssuedPass.objects.get()
    shop.answer(issued, version, seat="aisle")
    page = filtered(office, seats, season_pass=shop.season.pk, state="paid")
    assert column(page, "Seat") == ["aisle"]
    assert column(page, "Ticket or pass") == ["Season"]
    # The form of a tariff, added to a pass.
    issued.extra_response = shop.answer(order.passes.get(), size=shop.choice(shop.size, "S"))
    issued.save(update_fields=["extra_response"])
    page = filtered(office, shop.form_of_adults, season_pass=shop.season.pk)
    assert column(page, "Order") == [order.reference]


def test_nonsense_in_the_address_is_said_or_ignored(shop, office):
    shop.buy(size=shop.choice(shop.size, "S"))
    form = shop.form_of_adults
    for query in (
        "?state=x", "?session=x", "?session=99999999999999999999", "?tariff=%00", "?missing=x", f"?f-{shop.size.key}=x",
        f"?f-{shop.born.key}-from=x", f"?f-{shop.age.key}-from=NaN", f"?f-{shop.menu.key}=%00", "?page=x", "?page=-1",
        "?page=99999999999999999999", "?anything=1", f"?f-{shop.age.key}-until=1e999",
    ):  # fmt: skip
        page = open_answers(office, form, query)
        assert page.status == 200, query
        assert "1 answer to this form" in page.text or "Nothing found" in page.text, query
    assert "Select a valid choice" in open_answers(office, form, f"?f-{shop.size.key}=x").text


def test_fifty_to_a_page_in_as_many_queries_as_one(shop, office):
    small = shop.choice(shop.size, "S")
    bop = shop.choice(shop.days, "Bop")
    open_answers(office, shop.form_of_adults)
    counts = []
    for number in (1, 2, 20, 20, 10):
        shop.buy(number=number, size=small, days=[bop], eats=True, menu="x")
        with CaptureQueriesContext(connection) as queries:
            page = open_answers(office, shop.form_of_adults)
        counts.append(len(queries))
    assert len(set(counts)) == 1, counts
    assert len(column(page, "Order")) == 50
    assert "53 answers to this form" in page.text
    page = office.open(page.url.split("?")[0] + page.link("Next page"))
    assert len(column(page, "Order")) == 3
    page = filtered(office, shop.form_of_adults, **{f"f__{shop.eats.key}": "yes"})
    page = office.open(page.url.split("?")[0] + page.link("Next page"))
    assert len(column(page, "Order")) == 3
    assert "Previous page" in page.text


def test_the_page_of_the_form_leads_there(shop, office):
    page = office.open(change(shop.form_of_adults))
    assert office.open(page.link("Answers")).status == 200


@pytest.mark.django_db(transaction=True)
def test_what_is_listed_is_exported_as_it_was_seen(shop, office):
    """The vegetarians of Saturday: filters of the list, a date, a consent that was not given, a text that was searched."""
    form = shop.form_of_adults
    shop.news = ask(form, "News", "consent")
    version = publish(form)
    large, small = (shop.choice(shop.size, label) for label in ("L", "S"))
    (first,) = shop.buy(version=version, size=large, eats=True, menu="Vegetarian", news=True)
    (second,) = shop.buy(version=version, session=shop.fourth, size=large, eats=True, menu="vegetarian")
    (third,) = shop.buy(version=version, session=shop.fourth, size=small, eats=False)
    numbers = {ticket: str(ticket.pk) for ticket in (first, second, third)}

    def listed_and_exported(**values) -> tuple[list[str], dict]:
        page = filtered(office, form, **values)
        listed = column(page, "Order")
        office.open(page.link("Export what is listed"))
        assert f"that {'was' if len(listed) == 1 else 'were'} listed" in office.page.text
        office.fill("^kind$", {"kind": "participants", "file_format": "csv"})
        job = steps.done(Job.objects.latest("pk"))
        found = steps.read(job)
        assert sorted(found.column("order.reference")) == sorted(listed)
        return found.column("ticket"), job.parameters

    news = f"f__{shop.news.key}"
    found, kept = listed_and_exported(session=shop.fourth.pk, **{f"f__{shop.size.key}": large})
    assert (found, kept["seen"]["session"]) == ([numbers[second]], shop.fourth.pk)
    assert listed_and_exported(**{news: "yes"})[0] == [numbers[first]]
    found, _kept = listed_and_exported(**{news: "no"})
    assert found == [numbers[second], numbers[third]]
    found, kept = listed_and_exported(**{f"f__{shop.menu.key}": "veget"})
    assert found == [numbers[first], numbers[second]]
    # A typed search text is not stored with the export.
    assert "veget" not in str(kept)
    assert len(kept["listed"]) == 2
    orders.cancel(first.order, by=None, now=timezone.now())
    assert listed_and_exported(state="cancelled")[0] == [numbers[first]]
    office.open(change(Job.objects.latest("pk")))
    assert "cancelled or expired" in office.page.text
    # And without filters: a date can be chosen on the page of the export itself.
    office.open(f"{change(form).removesuffix('change/')}export/")
    office.fill("^kind$", {"kind": "participants", "file_format": "csv", "session": str(shop.fourth.pk)})
    assert steps.read(steps.done(Job.objects.latest("pk"))).column("ticket") == [
        numbers[second],
        numbers[third],
    ]


@pytest.mark.django_db(transaction=True)
def test_a_consent_that_was_not_given_is_counted_and_exported_as_no(shop, office):
    form = shop.form_of_adults
    shop.news = ask(form, "News", "consent")
    version = publish(form)
    shop.buy(version=version, eats=True, news=True)
    shop.buy(version=version, number=2, eats=False)
    page = open_answers(office, form)
    assert counted(page, "News") == {"Agreed": 1, "Not agreed": 2}
    assert sorted(column(page, "News")) == ["Agreed", "Not agreed", "Not agreed"]
    assert steps.export("participants", form, "form").column(shop.news.key) == ["Yes", "No", "No"]
    found = steps.export("participants", form, "form", question=shop.news.key, choice="no")
    assert len(found.rows) == 2


def test_the_list_says_whose_order_it_is_and_stands_in_the_order_that_is_asked_for(shop, office):
    offer = shop.offers[shop.child.pk, shop.third.pk]
    buyers = {"Zoë": "b", "Ada": "c", "Mia": "a"}
    placed = [
        make_order(
            {offer: 1}, buyer={"first_name": name, "last_name": "Byron", "email": f"b{number}@example.org"}
        )
        for number, name in enumerate(buyers)
    ]
    parking = shop.form("order")
    shop.where = ask(parking, "Parking")
    version = publish(parking)
    for order, text in zip(placed, buyers.values(), strict=True):
        shop.answer(order, version, where=text)
    page = open_answers(office, parking)
    assert column(page, "Name") == ["Mia Byron", "Ada Byron", "Zoë Byron"]
    assert all(column(page, "Ordered"))
    for sort, names in {
        "oldest": "Zoë Ada Mia",
        "name": "Ada Mia Zoë",
        shop.where.key: "Mia Zoë Ada",
        "x": "Mia Ada Zoë",
    }.items():
        page = open_answers(office, parking, f"?sort={sort}")
        assert column(page, "Name") == [f"{name} Byron" for name in names.split()], sort
    for key in (shop.size.key, shop.born.key, shop.age.key, shop.eats.key, shop.days.key, "session", "name"):
        assert open_answers(office, shop.form_of_adults, f"?sort={key}").status == 200


def test_the_list_of_forms_counts_as_the_list_of_answers(shop, office):
    first, _second = shop.buy()[0], shop.buy()
    orders.cancel(first.order, by=None, now=timezone.now())
    page = open_answers(office, shop.form_of_adults)
    assert "1 answer to this form" in page.text
    assert "(1 more of cancelled orders)" in page.text
    office.open(change(shop.form_of_adults))
    assert "1 answer" in office.page.text
    assert "2 answers" not in office.page.text


@pytest.mark.django_db(transaction=True)
def test_an_archived_question_is_not_newer_than_an_order_that_was_not_asked(shop, office):
    """Asked in the first version, archived in the second, and back in the third; a new one is newer than all."""
    form, old = shop.form_of_adults, shop.age
    shop.buy(eats=True, age=Decimal(3))
    drafts.archive(old, by=None, now=timezone.now())
    shop.buy(version=publish(form), eats=True)
    old.refresh_from_db()
    drafts.restore(old, by=None, now=timezone.now())
    ask(form, "New one")
    publish(form)
    page = open_answers(office, form)
    assert column(page, "Years of practice") == ["not asked", "3"]
    assert column(page, "New one") == ["not asked: the question is newer"] * 2
    found = steps.export("participants", form, "form", states=True)
    assert found.column(f"{old.key}.state") == ["answered", "not_asked"]
    new = form.fields.get(label="New one")
    assert found.column(f"{new.key}.state") == ["added_later"] * 2
