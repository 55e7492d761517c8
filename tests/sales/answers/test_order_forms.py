"""Order forms of several events in one order: each that applies to something in it is asked once."""

from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from registration_forms.answers import responses
from registration_forms.building import copying
from registration_forms.models import RegistrationForm, Response
from tests.exports.steps import export
from tests.factories import registration_forms as made
from tests.factories.catalogue import EventFactory, OfferFactory, SessionFactory, TariffFactory
from tests.factories.organisers import make_staff
from tests.factories.registration_forms import publish
from tests.sales import jazz
from tests.sales.jazz import Jazz, blocks, fill, headings, in_every, of_blocks
from tests.staff import Staff, change
from ticketshop.catalogue.models import OrderForm
from ticketshop.mail.models import Mail
from ticketshop.sales import migrations
from ticketshop.sales.answers import requests
from ticketshop.sales.models import Cart, Order, OrderResponse
from ticketshop.sales.orders import orders

pytestmark = pytest.mark.django_db


class TwoEvents(Jazz):
    """Jazz 2027 and Rock 2027, a week later."""

    def __init__(self):
        super().__init__()
        self.rock = EventFactory(pos=self.pos, title="Rock 2027")
        starts = datetime(2027, 7, 10, 18, tzinfo=UTC)
        self.tenth = SessionFactory(event=self.rock, starts_at=starts, ends_at=starts.replace(hour=23))
        self.standing = TariffFactory(event=self.rock, name="Standing", price=20)
        self.rock_offer = OfferFactory(session=self.tenth, tariff=self.standing, allotment=self.room)

    def order_form(self, label: str, **where) -> RegistrationForm:
        """A published order form with one question, at an event or at the shop."""
        form = made.make_form("order", organiser=self.organiser, name=f"{label} form")
        made.ask(form, label, visibility="mandatory")
        publish(form)
        OrderForm.objects.create(form=form, **where)
        return form

    def add_rock(self, visitor):
        visitor.put_in_cart(self.pos.slug, **{f"offer_{self.rock_offer.pk}": 1})


@pytest.fixture
def shop():
    return TwoEvents()


@pytest.fixture
def who():
    return jazz.visitor()


def question(form):
    return form.fields.get()


def answers(page, **labels) -> dict:
    """By the name of a form's question: what is typed for it."""
    found = {}
    for form in RegistrationForm.objects.all():
        if (label := question(form).label) in labels:
            found |= in_every(page, question(form), labels[label])
    return found


def stored(order=None) -> dict[str, list]:
    order = order or Order.objects.get()
    return {
        question(one.response.form).label: list(responses.read(one.response).values())
        for one in order.responses.order_by("pk")
    }


@pytest.mark.scenario("RF-11")
def test_two_events_with_their_own_forms_ask_both(shop, who):
    shop.order_form("Club", event=shop.event)
    shop.order_form("Camping", event=shop.rock)
    shop.add(who, shop.adult, 2)
    shop.add_rock(who)
    page = shop.details(who)
    assert headings(page) == ["Your order – Jazz 2027", "Your order – Rock 2027"]
    wrong = fill(who)
    assert len(jazz.summary_links(wrong)) == 2
    review = fill(who, answers(page, Club="navy", Camping="caravan"))
    assert ("navy" in review.text, "caravan" in review.text) == (True, True)
    page = who.place("on_site")
    assert stored() == {"Club": ["navy"], "Camping": ["caravan"]}
    ends = dict(Response.objects.values_list("form__name", "relevant_until"))
    assert ends == {"Club form": shop.third.ends_at, "Camping form": shop.tenth.ends_at}
    for text in ("Jazz 2027", "Rock 2027", "navy", "caravan"):
        assert text in page.text


@pytest.mark.scenario("RF-11")
def test_an_own_form_stands_in_for_the_shops_for_its_lines_only(shop, who):
    shop.order_form("Town", point_of_sale=shop.pos)
    own = shop.order_form("Club", event=shop.event)
    shop.add(who, shop.adult, 1)
    assert headings(shop.details(who)) == ["Your order"]
    assert len(in_every(who.page, question(own), "")) == 1
    shop.add_rock(who)
    page = shop.details(who)
    assert headings(page) == ["Your order", "Your order – Jazz 2027"]
    fill(who, answers(page, Club="navy", Town="Bern"))
    who.place("on_site")
    assert stored() == {"Town": ["Bern"], "Club": ["navy"]}


@pytest.mark.scenario("RF-11")
def test_passes_and_events_without_a_form_are_asked_the_shops_once(shop, who):
    shop.order_form("Town", point_of_sale=shop.pos)
    shop.add(who, shop.adult, 1)
    shop.add_rock(who)
    shop.add_pass(who)
    assert headings(shop.details(who)) == ["Your order"]


def test_a_form_of_two_events_is_asked_once(shop, who):
    form = shop.order_form("Club", event=shop.event)
    OrderForm.objects.create(form=form, event=shop.rock)
    shop.order_form("Town", point_of_sale=shop.pos)
    shop.add(who, shop.adult, 1)
    shop.add_rock(who)
    shop.add_pass(who)
    assert headings(shop.details(who)) == ["Your order", "Your order – Jazz 2027, Rock 2027"]


@pytest.mark.parametrize("why", ["archived", "not published"])
def test_an_own_form_that_is_not_asked_leaves_the_shops(shop, who, why):
    shop.order_form("Town", point_of_sale=shop.pos)
    own = shop.order_form("Club", event=shop.event)
    RegistrationForm.objects.filter(pk=own.pk).update(
        **({"archived_at": timezone.now()} if why == "archived" else {"published": None})
    )
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    assert len(blocks(page)) == 1
    assert answers(page, Town="x")


@pytest.mark.scenario("RF-22")
def test_what_was_typed_stays_with_its_form_when_the_cart_changes(shop, who):
    shop.order_form("Town", point_of_sale=shop.pos)
    club = shop.order_form("Club", event=shop.event)
    shop.add(who, shop.adult, 1)
    page = shop.details(who)
    assert fill(who, answers(page, Club="navy")).url.endswith("/review/")
    shop.add_rock(who)
    page = shop.details(who)
    typed = page.form("^checkout_key$").values
    assert [typed[name] for name in in_every(page, question(club), "")] == ["navy"]
    page = fill(who)
    assert len(jazz.summary_links(page)) + page.text.count("Please look at these questions too") == 1
    assert fill(who, answers(page, Town="Bern")).url.endswith("/review/")
    # And back: only what applies to the rest is asked and stored.
    line = Cart.objects.get().lines.get(offer=shop.rock_offer)
    who.open(f"/{shop.pos.slug}/cart/")
    who.fill("^line-", {f"line-{line.pk}": 0})
    assert fill(shop.details(who) and who).url.endswith("/review/")
    who.place("on_site")
    assert stored() == {"Club": ["navy"]}


def test_a_cart_that_grows_after_the_review_is_asked_what_applies_now(shop, who):
    shop.order_form("Club", event=shop.event)
    shop.add(who, shop.adult, 1)
    fill(who, answers(shop.details(who), Club="navy"))
    shop.order_form("Camping", event=shop.rock)
    shop.add_rock(who)
    page = who.open(f"/{shop.pos.slug}/checkout/review/")
    assert len(blocks(page)) == 2
    assert not Order.objects.exists()


# --- every reader ------------------------------------------------------------------------------------------


@pytest.fixture
def order(shop, who):
    """Both events, both forms answered."""
    shop.club = shop.order_form("Club", event=shop.event)
    shop.camping = shop.order_form("Camping", event=shop.rock)
    shop.add(who, shop.adult, 1)
    shop.add_rock(who)
    fill(who, answers(shop.details(who), Club="navy", Camping="caravan"))
    who.place("on_site")
    return Order.objects.get()


def test_both_are_changed_on_the_page_of_the_order(order, who):
    page = who.open(f"{who.page.url}answers/")
    names = sorted(
        name
        for name in page.form("-revision$").values
        if page.form("-revision$").values[name] in ("navy", "caravan")
    )
    who.fill("-revision$", dict.fromkeys(names, "other"))
    assert stored(order) == {"Club": ["other"], "Camping": ["other"]}


def test_staff_see_and_change_both(shop, order):
    staff = Staff(make_staff(shop.organiser))
    page = staff.open(change(order))
    for text in ("navy", "caravan", "Jazz 2027", "Rock 2027"):
        assert text in page.text
    page = staff.open(f"{change(order).removesuffix('change/')}answers/")
    assert {"navy", "caravan"} <= set(page.form("-revision$").values.values())


def test_the_answers_of_each_form_are_looked_through(shop, order):
    staff = Staff(make_staff(shop.organiser))
    for form, mine, others in ((shop.club, "navy", "caravan"), (shop.camping, "caravan", "navy")):
        page = staff.open(f"{change(form).removesuffix('change/')}answers/")
        assert (order.reference in page.text, mine in page.text, others in page.text) == (True, True, False)


@pytest.mark.scenario("RF-41")
@pytest.mark.django_db(transaction=True)
def test_exports_repeat_both_and_an_export_of_one_form_has_it_once(shop, order):
    for kind in ("orders", "participants"):
        (row,) = export(kind, shop.event, "event").rows
        assert {"navy", "caravan"} <= set(row.values()), kind
    assert export("answers", shop.camping, "form").column("answer") == ["caravan"]
    assert export("answers", shop.rock, "event").column("answer") == ["navy", "caravan"]
    since = timezone.now().replace(year=2020).isoformat()
    assert len(export("orders", shop.organiser, "customers", since=since).rows) == 1
    assert len(export("participants", shop.rock, "event", since=since).rows) == 1


@pytest.mark.django_db(transaction=True)
def test_copies_of_a_form_share_their_columns(shop, who):
    """A buyer who answered both forms gave two answers to one question."""
    club = shop.order_form("Club", event=shop.event)
    copied = copying.copy(club, name="Copy", by=None, now=timezone.now())
    publish(copied)
    OrderForm.objects.create(form=copied, event=shop.rock)
    shop.add(who, shop.adult, 1)
    shop.add_rock(who)
    page = shop.details(who)
    first, second = of_blocks(page, question(club))
    fill(who, {first: "navy", second: "red"})
    who.place("on_site")
    (row,) = export("orders", shop.event, "event").rows
    assert row[question(club).key] == "navy; red"


def test_cancelling_releases_both(order):
    orders.cancel(order, by=None, now=timezone.now())
    assert set(Response.objects.values_list("void", flat=True)) == {True}


def test_earlier_buyers_of_each_form_are_found(shop, order):
    made.ask(shop.camping, "Dogs?", visibility="mandatory")
    version = publish(shop.camping)
    requests.tell_some(version, 0, timezone.now())
    assert Mail.objects.filter(kind="answers_wanted", about__order=order.pk).count() == 1


def test_what_was_answered_before_there_could_be_several_stays(order):
    """The statements of the migration, on a copy of the tables as they were."""
    (file,) = Path(migrations.__file__).parent.glob("*_order_responses.py")
    migration = import_module(f"ticketshop.sales.migrations.{file.stem}")
    kept = list(OrderResponse.objects.order_by("pk").values_list("order", "response")[:1])
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE sales_order ADD COLUMN response_id bigint")
        cursor.execute(migration.BACK)
        cursor.execute("DELETE FROM sales_orderresponse")
        cursor.execute(migration.COPY)
        cursor.execute("ALTER TABLE sales_order DROP COLUMN response_id")
    assert list(OrderResponse.objects.values_list("order", "response", "title")) == [(*kept[0], "")]
