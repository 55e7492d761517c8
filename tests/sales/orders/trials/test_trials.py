"""Test orders: staff try a shop that was never opened, and nothing of it is left when it opens."""

import io
import json
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models import Q
from django.utils import timezone
from pypdf import PdfReader

from registration_forms.answers import responses
from registration_forms.models import Answer, Choice, Response
from tests.at_once import at_once, meet
from tests.factories.catalogue import OfferFactory, SeasonPassFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.registration_forms import ask, make_form, make_given, publish
from tests.factories.sales import PaymentMethodFactory, make_cart, make_order
from tests.sales.orders.giving.shop import Giving
from tests.staff import Staff, change
from tests.visitor import TestClientVisitor
from ticketshop.catalogue.models import Hold
from ticketshop.history.models import Event as HistoryRecord
from ticketshop.mail import mime_messages
from ticketshop.mail.models import Mail
from ticketshop.organisers.models import PointOfSale
from ticketshop.sales.models import Cart, Invoice, Order, Payment, Ticket
from ticketshop.sales.orders import books, orders
from ticketshop.sales.orders.buyers import CannotPlace
from ticketshop.sales.orders.dates import date_messages
from ticketshop.sales.orders.trials import emptying, locking
from ticketshop.sales.papers import invoices
from ticketshop.sales.passes import bookings
from ticketshop.sales.payments import methods
from ticketshop.sales.shop import opening
from ticketshop.sales.tickets import ticket_pdf

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("OPN-04")]
NOW = timezone.now()


@pytest.fixture
def pos():
    pos = PointOfSaleFactory(slug="theatre", name="Theatre", active=False)
    PaymentMethodFactory(point_of_sale=pos)
    return pos


@pytest.fixture
def offer(pos):
    return OfferFactory(pos=pos)


@pytest.fixture
def staff(pos):
    return Staff(make_staff(pos.organiser, email="owner@theatre.test"))


def ready(pos) -> str:
    return change(pos).replace("change/", "ready/")


def order_by_page(staff: Staff, offer) -> Order:
    """Order a ticket as visitors do, in the shop."""
    staff.add(f"/theatre/events/{offer.session.event.slug}/", **{f"offer_{offer.pk}": 1})
    staff.to_details()
    staff.give_details()
    staff.place("test")
    return Order.objects.latest("pk")


def trial_order(wanted, pos, **values) -> Order:
    return make_order(wanted, pos=pos, method="test", **values)


def test_visitor_reads_that_the_shop_is_not_open_and_its_staff_see_it(pos, offer, staff):
    url = f"/theatre/events/{offer.session.event.slug}/"
    others = Staff(make_staff(PointOfSaleFactory().organiser))
    for visitor in (TestClientVisitor(), others):
        for path in ("/theatre/", url, "/theatre/cart/", "/theatre/about/terms/"):
            page = visitor.open(path)
            assert page.status == 404
            assert "This shop is not open yet" in page.text
            assert "Theatre" not in page.text
            assert offer.session.event.title not in page.text
            assert "no-store" in page.headers["Cache-Control"]
        assert visitor.send("POST", "/theatre/cart/add/", {f"offer-{offer.pk}": 1}).status in {403, 404}
    assert not Cart.objects.exists()
    page = staff.open("/theatre/")
    assert (page.status, offer.session.event.title in page.text) == (200, True)
    assert "Test: this shop is not open yet." in page.text
    assert staff.open("/admin/") and "Theatre" in staff.open(ready(pos)).text
    assert "Try the shop" in staff.page.text
    pos.active = True
    pos.save()
    assert TestClientVisitor().open("/theatre/").status == 200
    assert "Test: this shop" not in staff.open("/theatre/").text


def test_staff_order_without_money_and_everything_is_marked_as_a_test(pos, offer, staff):
    PaymentMethodFactory(point_of_sale=pos, code="bank_transfer")
    assert set(methods.offered(pos, 10, "CHF")) == {"test"}
    assert "test" in methods.offered_at_counter(pos, 10, "CHF")
    order = order_by_page(staff, offer)
    assert (order.state, order.payment_method, order.is_test) == (Order.State.PAID, "test", True)
    assert "Test: this shop is not open yet." in staff.page.text
    mail = Mail.objects.get(kind="order_paid")
    assert mime_messages.build(mail).subject.startswith("[Test] ")
    pdf = ticket_pdf.render(order, list(order.tickets.all()), [])
    assert "TEST, not valid" in PdfReader(io.BytesIO(pdf)).pages[0].extract_text()
    assert "Test order" in staff.open(change(order)).text
    other = make_order(pos=PointOfSaleFactory(), paid=True)
    assert not other.is_test
    assert "test" not in methods.offered(other.point_of_sale, 10, "CHF")


def test_no_invoice_number_is_drawn(pos, offer):
    order = trial_order({offer: 1}, pos)
    with pytest.raises(invoices.CannotIssue) as refused:
        invoices.issue(order, {"name": "Ada"}, by=None, now=NOW)
    assert refused.value.code == "test"
    assert not Invoice.objects.exists()
    real = make_order(paid=True)
    assert invoices.may_be_invoiced(real)


def test_nothing_is_left_after_emptying(pos, offer, staff):
    form = make_form(organiser=pos.organiser)
    question = ask(form, "Bus", "dropdown", choices=[("18:00", 1)])
    version, choice = publish(form), question.choices.get()
    season_pass = SeasonPassFactory(pos=pos)
    order = trial_order({offer: 2, season_pass: 1}, pos)
    given = make_given(version, {question.key: choice.key}, order.buyer_id)
    (response,) = responses.store([given], organiser=pos.organiser, language="en", now=NOW)
    Ticket.objects.filter(pk=order.tickets.first().pk).update(response=response)
    Choice.objects.filter(pk=choice.pk).update(used=1)
    assert not any(rows for rows in books.check().values())
    cancelled = trial_order({offer: 1}, pos)
    orders.cancel(cancelled, by=staff.user, now=NOW)
    make_cart({offer: 3}, pos=pos)
    offer.allotment.refresh_from_db()
    assert offer.allotment.sold == 2
    assert Hold.objects.exists()
    staff.open(ready(pos))
    assert "There are 2 test orders." in staff.page.text
    staff.fill("^empty$", button=("empty", "Delete"))
    assert "2 test orders were deleted." in staff.page.text
    for row in (offer, season_pass):
        row.allotment.refresh_from_db()
        assert row.allotment.sold == 0
    choice.refresh_from_db()
    assert choice.used == 0
    for model in (Order, Ticket, Payment, Cart, Hold, Response):
        assert not model.objects.exists(), model
    assert not HistoryRecord.objects.filter(
        model__in=("sales.order", "sales.ticket", "sales.payment")
    ).exists()
    assert not Mail.objects.filter(about__has_key="order").exists()
    assert not any(rows for rows in books.check().values())
    pos.refresh_from_db()
    assert pos.in_trial
    record = HistoryRecord.objects.get(action="emptied")
    assert (record.model, record.details) == ("organisers.pointofsale", {"count": 2})
    assert "grace@example.org" not in json.dumps(dump(), default=str)


def test_nothing_is_left_of_a_ticket_that_was_given_and_of_a_message_about_its_date():
    shop = Giving(form=True, now=NOW)
    shop.accepted(post=shop.answer)
    draft = date_messages.Draft(
        {"en": "News"}, {"en": "Soup is served"}, ["valid"], buyers=True, holders=True
    )
    date_messages.write(shop.offer.session, draft, key=uuid4(), by=None, now=NOW)
    date_messages.WRITE.run(NOW)
    about_tickets = Mail.objects.filter(Q(about__has_key="gift") | Q(about__has_key="ticket"))
    assert set(about_tickets.values_list("kind", flat=True)) >= {"ticket_received", "date_message"}
    assert Response.objects.count() == 2  # Alice's, which are void, and Bob's
    PointOfSale.objects.filter(pk=shop.pos.pk).update(active=False, first_opened_at=None)
    pos = PointOfSale.objects.select_related("organiser").get(pk=shop.pos.pk)
    assert emptying.empty(pos, by=None, now=NOW) == 1
    assert not Response.objects.exists()
    assert not Answer.objects.exists()
    assert not about_tickets.exists()
    kinds = ("order_paid", "ticket_received", "ticket_offered", "date_message")
    assert not Mail.objects.exclude(recipient="").filter(kind__in=kinds).exists()


def dump() -> list:
    """Return the rows of every table that may contain a buyer."""
    rows: list = []
    with connection.cursor() as cursor:
        for table in ("contacts_contact", "sales_order", "sales_ticket", "mail_mail", "history_event"):
            cursor.execute(f"SELECT * FROM {table}")
            rows += cursor.fetchall()
    return rows


def test_orders_of_an_open_shop_stay_when_another_one_is_emptied(pos, offer):
    real = make_order(paid=True)
    same_organiser = make_order(pos=PointOfSaleFactory(organiser=pos.organiser), paid=True)
    trial_order({offer: 1}, pos)
    assert emptying.empty(pos, by=None, now=NOW) == 1
    assert set(Order.objects.all()) == {real, same_organiser}
    assert emptying.empty(real.point_of_sale, by=None, now=NOW) == 0
    assert Order.objects.count() == 2


def test_opening_deletes_the_test_orders_and_the_switch_alone_is_refused(pos, offer, staff):
    trial_order({offer: 1}, pos)
    staff.open(change(pos))
    staff.save(active="on")
    assert any("Staff have tried the shop." in error for error in staff.errors)
    pos.refresh_from_db()
    assert not pos.active
    staff.open(ready(pos))
    staff.fill("^open$", button=("open", "Open"))
    pos.refresh_from_db()
    assert pos.active
    assert not Order.objects.exists()
    offer.allotment.refresh_from_db()
    assert offer.allotment.sold == 0


def open_now(pos: PointOfSale) -> None:
    from django.db import transaction  # noqa: PLC0415

    emptying.cancel_all(pos, by=None, now=NOW)
    with transaction.atomic():
        locked = PointOfSale.objects.select_for_update().select_related("organiser").get(pk=pos.pk)
        assert emptying.delete_all(locked, by=None, now=NOW) is not None
        meet()
        opening.open_shop(locked, by=None, now=NOW)


def place_test(cart: Cart) -> str:
    from tests.factories.sales import place  # noqa: PLC0415

    try:
        place(cart, method="test")
    except CannotPlace as error:
        return error.code
    return "placed"


def race(monkeypatch) -> tuple[str, int]:
    """Let an order be placed while its shop opens, after both have begun. Return its outcome and the number of orders."""
    pos = PointOfSaleFactory(active=False)
    PaymentMethodFactory(point_of_sale=pos)
    offer = OfferFactory(pos=pos)
    cart = make_cart({offer: 1}, pos=pos)
    genuine = locking.lock_if_in_trial

    def lock(pos):
        meet()
        genuine(pos)

    monkeypatch.setattr(locking, "lock_if_in_trial", lock)
    monkeypatch.setattr(
        emptying.carts, "delete", lambda cart: None
    )  # the cart is not what this race is about
    outcome, _none = at_once(lambda: place_test(cart), lambda: open_now(pos))
    return outcome, Order.objects.filter(point_of_sale=pos).count()


@pytest.mark.django_db(transaction=True)
def test_order_placed_while_the_shop_opens_is_no_real_order(monkeypatch):
    assert race(monkeypatch) == ("changed", 0)


@pytest.mark.django_db(transaction=True)
def test_order_placed_while_the_shop_opens_would_stay_without_the_lock(monkeypatch):
    monkeypatch.setattr(locking, "lock_if_in_trial", lambda pos: None)
    assert race(monkeypatch) == ("placed", 1)


def test_accounting_and_start_page_do_not_count_test_orders(pos, offer, staff):
    from ticketshop.sales.orders import overview  # noqa: PLC0415

    trial_order({offer: 1}, pos)
    figures = overview.read(staff.user, timezone.now()).organisers[0]
    assert (figures.orders_today, figures.amount_today) == (0, 0)
    make_order(pos=PointOfSaleFactory(organiser=pos.organiser), paid=True)
    figures = overview.read(staff.user, timezone.now()).organisers[0]
    assert figures.orders_today == 1


def test_pass_of_a_trial_books_no_real_place_and_a_real_one_loses_no_entry_in_a_trial(pos, offer):
    elsewhere = OfferFactory(pos=PointOfSaleFactory(organiser=pos.organiser))
    real = make_order({elsewhere: 1}, paid=True)
    trial = trial_order({offer: 1, SeasonPassFactory(pos=pos): 1}, pos)
    own = make_order({SeasonPassFactory(pos=real.point_of_sale): 1}, paid=True).passes.get()
    for issued, order in ((trial.passes.get(), real), (own, trial)):
        with pytest.raises(bookings.NoEntry):
            bookings.take_entries(issued, order, list(order.tickets.all()), by=None, now=NOW)
