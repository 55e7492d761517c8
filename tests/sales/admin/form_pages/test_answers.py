"""Staff look at answers and change them: on the order, the ticket and the pass; what is sensitive needs a right."""

import copy
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contacts.models import Contact
from registration_forms.answers import responses
from registration_forms.models import AnswerHistory, Response
from tests.factories.organisers import make_staff
from tests.factories.registration_forms import ask, publish
from tests.migrated_database import once_per_file
from tests.sales import jazz
from tests.sales.jazz import Jazz, fill, in_every
from tests.staff import Staff, change
from ticketshop.mail import mime_messages
from ticketshop.mail.models import Mail
from ticketshop.sales.models import IssuedPass, Order, Ticket
from ticketshop.sales.orders import orders

pytestmark = pytest.mark.django_db


class Asked(Jazz):
    """A form of the order, one of adults with a sensitive and a staff question, one of the pass."""

    def __init__(self):
        super().__init__()
        self.parking = self.asked("order", label="Parking").fields.get()
        self.form_of_adults = self.form("tariff", self.adult)
        self.menu = ask(self.form_of_adults, "Menu", "dropdown", choices=["Meat", "Vegan"])
        self.ill = ask(
            self.form_of_adults, "Allergies", sensitive=True, purpose="the kitchen", retention_days=28
        )
        self.table = ask(self.form_of_adults, "Table", staff_only=True)
        publish(self.form_of_adults)
        self.meat, self.vegan = self.menu.choices.order_by("position")
        self.seat = self.asked("pass", label="Seat").fields.get()

    def order(self, adults: int = 1, *, with_pass: bool = False) -> Order:
        who = jazz.visitor()
        self.add(who, self.adult, adults)
        if with_pass:
            self.add_pass(who)
        page = self.details(who)
        typed = {f"ask-order-{self.parking.key}": "one car"}
        for field, value in ((self.menu, self.meat.key), (self.ill, "nuts"), (self.seat, "aisle")):
            typed |= in_every(page, field, value)
        fill(who, typed)
        who.place("on_site")
        return Order.objects.latest("pk")


made_shop = once_per_file(Asked)


@pytest.fixture
def shop(made_shop, db) -> Asked:
    """The shop, with rows of one's own to change and refresh."""
    return copy.deepcopy(made_shop)


def staff_of(shop, role: str) -> Staff:
    return Staff(make_staff(shop.organiser, role, email=f"{role.replace(' ', '-')}@example.org"))


@pytest.fixture
def office(shop):
    return staff_of(shop, "back office")


@pytest.fixture
def box(shop):
    return staff_of(shop, "box office")


def open_answers(staff, row):
    return staff.open(f"{change(row).removesuffix('change/')}answers/")


def save(staff, answers: dict, **more):
    """``answers``: field -> what is typed, in the first block that asks it."""
    form = staff.page.form("-revision$")
    values = {
        min(name for name in form.names if name.endswith(f"-{field.key}")): value
        for field, value in answers.items()
    }
    data = form.filled(values) | more
    for name in [name for name, value in more.items() if value is None]:
        del data[name]
    return staff._follow("POST", staff.page.url, data)


def table(page, title: str) -> str:
    """The text of a section of the page."""
    found = re.search(rf'(?s)<h2 id="section-\d+">{title}</h2>(.*?)</section>', page.source)
    return " ".join(re.sub("<[^>]*>", " ", found[1]).split()) if found else ""


@pytest.mark.scenario("RF-33")
def test_staff_change_answers_and_it_stands_in_the_history(shop, office):
    order = shop.order(with_pass=True)
    page = office.open(change(order))
    assert "nuts" in table(page, "Answers")
    assert table(page, "Changes of answers") == ""
    page = office.open(page.link("Change answers"))
    headings = re.findall(r'<h2 id="ask-r\d+">\s*<bdi>(.*?)</bdi>', page.source)
    assert headings == [f"Order {order.reference}", "Adult – 3 July", "Season"]
    page = save(office, {shop.menu: shop.vegan.key, shop.ill: "celery", shop.table: "7"})
    assert "The answers are saved." in page.text
    ticket = order.tickets.get()
    assert responses.read(ticket.response) == {
        shop.menu.key: shop.vegan.key,
        shop.ill.key: "celery",
        shop.table.key: "7",
    }
    lines = AnswerHistory.objects.all()
    assert {(line.source, line.by) for line in lines} == {("staff", office.user)}
    changes = table(page, "Changes of answers")
    assert "back-office@example.org" in changes
    assert "Menu Meat Vegan" in changes
    assert "Allergies not shown not shown" in changes
    assert "celery" not in changes
    assert "celery" in table(page, "Answers")
    assert "Answers changed" in page.text
    (letter,) = [mime_messages.build(row) for row in Mail.objects.filter(kind="answers_changed")]
    assert "The organiser has changed answers" in letter.body
    assert "Menu" in letter.body
    for never in ("Table", "celery", "Vegan"):
        assert never not in letter.body
    # The buyer sees neither the staff's question nor its answer.
    assert "Table" not in jazz.visitor().open(page.link("The buyer’s page")).text


def test_the_ticket_and_the_pass_show_and_change_their_own(shop, office):
    order = shop.order(2, with_pass=True)
    first, second = order.tickets.order_by("pk")
    page = office.open(change(first))
    assert "Meat" in table(page, "Answers")
    assert "one car" not in table(page, "Answers")
    page = open_answers(office, first)
    save(office, {shop.menu: shop.vegan.key})
    read = [responses.read(one.response)[shop.menu.key] for one in (first, second)]
    assert read == [shop.vegan.key, shop.meat.key]
    issued = IssuedPass.objects.get()
    open_answers(office, issued)
    page = save(office, {shop.seat: "window"})
    assert page.url == change(issued)
    assert "Seat aisle window" in table(page, "Changes of answers")
    assert table(office.open(change(order)), "Changes of answers").count("back-office@example.org") == 2


def test_the_buyer_is_not_told_where_staff_say_so(shop, office):
    order = shop.order()
    open_answers(office, order)
    save(office, {shop.menu: shop.vegan.key}, tell=None)
    assert AnswerHistory.objects.exists()
    assert not Mail.objects.filter(kind="answers_changed").exists()
    open_answers(office, order)
    save(office, {shop.table: "7"})
    assert not Mail.objects.filter(kind="answers_changed").exists()


@pytest.mark.scenario("RF-09")
def test_sensitive_answers_need_a_right(shop, office, box):
    order = shop.order()
    assert "nuts" in office.open(change(order)).text
    page = box.open(change(order))
    assert "Meat" in table(page, "Answers")
    assert "nuts" not in page.text
    page = open_answers(box, order)
    assert "nuts" not in page.source
    assert "Sensitive questions are not shown to you" in page.text
    assert not [name for name in page.form("-revision$").names if name.endswith(shop.ill.key)]
    (block,) = {
        name.removesuffix(f"-{shop.menu.key}")
        for name in page.form("-revision$").names
        if name.endswith(shop.menu.key)
    }
    save(box, {shop.menu: shop.vegan.key}, **{f"{block}-{shop.ill.key}": "smuggled"})
    read = responses.read(order.tickets.get().response)
    assert (read[shop.menu.key], read[shop.ill.key]) == (shop.vegan.key, "nuts")


def test_who_may_not_change_orders_may_not_change_answers(shop):
    order = shop.order()
    accounting = staff_of(shop, "accounting")
    assert open_answers(accounting, order).status == 200  # marks orders paid too
    stranger = Staff(make_staff(Jazz().organiser, "owner", email="other@example.org"))
    for row in (order, order.tickets.get()):
        assert open_answers(stranger, row).status == 404


@pytest.mark.scenario("RF-20")
def test_mistakes_are_named_and_nothing_is_stored(shop, office):
    order = shop.order()
    page = open_answers(office, order)
    page = save(office, {shop.menu: "nonsense", shop.ill: "x" * 201})
    assert page.status == 200
    assert len(office.errors) >= 2
    assert "Please correct what is marked below" in page.text
    assert 'aria-invalid="true"' in page.source
    assert not AnswerHistory.objects.exists()


@pytest.mark.scenario("RF-34")
def test_two_members_of_staff_meet_at_the_field(shop, office, box):
    order = shop.order()
    open_answers(office, order)
    open_answers(box, order)
    save(box, {shop.menu: shop.vegan.key})
    page = save(office, {shop.menu: "", shop.table: "7"})
    assert "Changed by somebody else meanwhile, to: Vegan" in page.text
    typed = page.form("-revision$").values
    assert [value for name, value in typed.items() if name.endswith(shop.table.key)] == ["7"]
    page = save(office, {})
    assert "The answers are saved." in page.text
    assert responses.read(order.tickets.get().response) == {shop.ill.key: "nuts", shop.table.key: "7"}


@pytest.mark.scenario("RF-33")
def test_staff_may_after_the_entrance_but_not_of_a_cancelled_order(shop, office):
    order = shop.order()
    Ticket.objects.update(state="used", used_at=order.placed_at)
    open_answers(office, order)
    assert "The answers are saved." in save(office, {shop.menu: shop.vegan.key}).text
    page = open_answers(office, order)
    orders.cancel(order, by=None, now=order.placed_at)
    Ticket.objects.update(state="cancelled")
    page = save(office, {shop.menu: shop.meat.key})
    assert "the order is cancelled" in open_answers(office, order).text
    assert responses.read(Response.objects.get(ticket__order=order))[shop.menu.key] == shop.vegan.key
    assert page.status == 200


def test_answers_of_a_buyer_being_erased_cannot_be_changed(shop, office):
    order = shop.order()
    page = open_answers(office, order)
    Contact.objects.filter(pk=order.buyer_id).update(erasing_at=order.placed_at)
    save(office, {shop.menu: shop.vegan.key})
    page = open_answers(office, order)
    assert "the buyer’s data are erased" in page.text
    assert not AnswerHistory.objects.exists()
    Order.objects.filter(pk=order.pk).update(buyer=None)
    assert "the buyer’s data are erased" in open_answers(office, order).text


def test_an_order_without_forms(office):
    plain = Jazz()
    who = jazz.visitor()
    plain.add(who, plain.adult, 1)
    plain.details(who)
    fill(who)
    who.place("on_site")
    staff = Staff(make_staff(plain.organiser, "back office", email="plain@example.org"))
    order = Order.objects.latest("pk")
    assert "Change answers" not in staff.open(change(order)).text
    assert "No form was asked." in open_answers(staff, order).text


def test_the_pages_ask_the_same_for_three_as_for_one(shop, office):
    counts = []
    for number in (1, 3):
        order = shop.order(number)
        open_answers(office, order)
        office.open(change(order))  # what is read once for a process is not counted
        for url in (change(order), f"{change(order).removesuffix('change/')}answers/"):
            with CaptureQueriesContext(connection) as queries:
                office.open(url)
            counts.append(len(queries))
    assert counts[:2] == counts[2:]
