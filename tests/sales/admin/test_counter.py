"""The pages of the counter: one page for most orders, a second one for forms, and the order's page with its money and tickets."""

import io
import re
import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pypdf import PdfReader
from reportlab.lib.units import mm

from privacy.erasure import erasing
from registration_forms.answers import limited_choices
from tests.factories.catalogue import OfferFactory, SeasonPassFactory
from tests.factories.contacts import ContactFactory
from tests.factories.organisers import make_staff
from tests.factories.registration_forms import ask, make_form, publish
from tests.factories.sales import make_cart, make_order
from tests.qr import codes_in_pdf
from tests.staff import Staff
from ticketshop.catalogue import places
from ticketshop.sales.cart import carts
from ticketshop.sales.models import Cart, Order
from ticketshop.sales.orders import books
from ticketshop.sales.payments import payments

from .conftest import COUNTER

pytestmark = pytest.mark.django_db
SELL = "^method$"


@pytest.fixture
def clerk(pos):
    return Staff(make_staff(pos.organiser, "box office"))


def sell(clerk, button=("", ""), **values):
    """Fill in the page of a new order. Double underscores in names stand for hyphens."""
    values = {name.replace("__", "-"): value for name, value in values.items()}
    return clerk.fill(SELL, values, button=button if button[0] else None)


@pytest.mark.scenario("BOX-01")
def test_two_tickets_are_sold_with_one_page_and_lead_to_printing_and_the_next_order(clerk, offer, pos):
    clerk.open(COUNTER)
    page = sell(clerk, **{f"offer__{offer.pk}": "2"}, method="cash")
    order = Order.objects.get()
    assert page.url.endswith(f"/admin/sales/order/{order.pk}/counter/")
    assert "CHF 70.00" in page.text and "Next order" in page.text
    codes = set(order.tickets.values_list("code", flat=True))
    for name in ("print", "print-roll"):
        pdf = clerk.client.get(f"/admin/sales/order/{order.pk}/{name}/")
        assert set(codes_in_pdf(pdf.content)) == codes
    assert {round(page.mediabox.width / mm) for page in PdfReader(io.BytesIO(pdf.content)).pages} == {80}
    assert order.created_by == clerk.user
    page = clerk.open(f"/{pos.slug}/orders/{order.reference}/{order.secret}/")
    assert "Your tickets are below. Show them" in page.text


@pytest.mark.scenario("BOX-01")
def test_another_date_and_the_people_found_come_onto_the_page_with_what_was_typed(clerk, offer, pos):
    other = OfferFactory(pos=pos, capacity=5)
    known = ContactFactory(organiser=pos.organiser, first_name="Ada", last_name="Lovelace")
    ContactFactory(first_name="Ada", last_name="Elsewhere")
    clerk.open(COUNTER)
    shown, hidden = (offer, other) if f'name="offer-{offer.pk}"' in clerk.page.source else (other, offer)
    page = sell(clerk, **{f"offer__{shown.pk}": "1"}, date=str(hidden.session_id), method="cash")
    focused = re.findall(r'name="([^"]*)"(?=[^<]*\bautofocus\b)', page.source)
    assert focused == [f"offer-{hidden.pk}"]
    page = sell(clerk, **{f"offer__{hidden.pk}": "2"}, who="ada", method="cash")
    assert "Lovelace" in page.text
    assert "Elsewhere" not in page.text
    assert not Order.objects.exists()
    sell(clerk, person=str(known.pk))
    order = Order.objects.get()
    assert (order.buyer, order.tickets.count()) == (known, 3)
    assert not any(books.check().values())


def test_wrong_input_is_marked_and_nothing_typed_is_lost(clerk, offer):
    clerk.open(COUNTER)
    page = sell(clerk, **{f"offer__{offer.pk}": "two"}, email="ada@example.org", phone="123")
    assert page.status == 200
    for sentence in (
        "in digits, such as 2",
        "Choose how the order is paid",
        "Enter a first name or a last name",
    ):
        assert sentence in page.text
    form = page.form(SELL)
    assert (form.values[f"offer-{offer.pk}"], form.values["email"], form.values["phone"]) == (
        "two", "ada@example.org", "123",
    )  # fmt: skip
    page = sell(clerk, **{f"offer__{offer.pk}": "2"}, email="", phone="", method="invitation")
    assert "Choose the reason" in page.text
    assert not Order.objects.exists()


@pytest.mark.scenario("BOX-01")
def test_forms_are_asked_on_a_second_page_which_holds_the_places(clerk, offer, pos):
    form = make_form(organiser=pos.organiser)
    ask(form, "First name", system_ref="first_name", visibility="mandatory")
    ask(form, "Diet", visibility="mandatory")
    publish(form)
    offer.tariff.form = form
    offer.tariff.save()
    clerk.open(COUNTER)
    page = sell(clerk, **{f"offer__{offer.pk}": "1"}, first_name="Ada", method="card_terminal")
    cart = Cart.objects.get()
    assert page.url.endswith(f"{COUNTER}{cart.checkout_key}/")
    assert places.left([offer.allotment_id])[offer.allotment_id] == 19
    names = clerk.page.form("-version$").names
    diet = next(name for name in names if name.startswith("ask-") and not name.endswith("-version"))
    page = clerk.fill("-version$")
    assert "Nothing was ordered" in page.text
    clerk.fill("-version$", {diet: "vegan"})
    order = Order.objects.get()
    ticket = order.tickets.get()
    assert (ticket.holder_first_name, order.payments.get().method) == ("Ada", "card_terminal")
    assert ticket.response.answers.get().v_text == "vegan"
    assert clerk.open(page.url).url.endswith(f"/{order.pk}/counter/")


def test_a_choice_taken_by_another_buyer_at_that_moment_is_marked_and_nothing_is_ordered(
    clerk, offer, pos, monkeypatch
):
    form = make_form(organiser=pos.organiser)
    field = ask(form, "Workshop", type="dropdown", choices=["Clay", "Wood"], visibility="mandatory")
    publish(form)
    clay = field.choices.first()
    clay.capacity = 1
    clay.save()
    offer.tariff.form = form
    offer.tariff.save()
    clerk.open(COUNTER)
    sell(clerk, **{f"offer__{offer.pk}": "1"}, last_name="Lovelace", method="cash")
    hold = carts.hold_choices

    def after_another(cart, wanted, *, now):
        limited_choices.hold(uuid.uuid4(), {"another": [clay.pk]}, timedelta(minutes=5))
        hold(cart, wanted, now=now)

    monkeypatch.setattr(carts, "hold_choices", after_another)
    (workshop,) = (name for name in clerk.page.form("-version$").names if name.endswith(field.key))
    page = clerk.fill("-version$", {workshop: clay.key})
    assert "just sold out" in page.text.lower()
    assert not Order.objects.exists()
    monkeypatch.setattr(carts, "hold_choices", hold)
    clerk.fill("-version$", {workshop: field.choices.last().key})
    assert Order.objects.get().tickets.get().response.answers.exists()


@pytest.mark.scenario("BOX-02")
def test_an_invitation_with_forms_costs_nothing_on_their_page_either(clerk, offer, pos):
    form = make_form(organiser=pos.organiser)
    ask(form, "Diet", visibility="optional")
    publish(form)
    offer.tariff.form = form
    offer.tariff.save()
    clerk.open(COUNTER)
    page = sell(
        clerk, **{f"offer__{offer.pk}": "1"}, last_name="Ada", method="invitation", invitation="press"
    )
    assert "CHF 0.00. The places are held" in page.text


def test_page_shows_each_payment_method_with_its_amount(clerk, offer, pos):
    order = make_order({offer: 1}, pos=pos)
    payments.receive(order, Decimal(10), by=clerk.user, now=timezone.now(), method="card_terminal")
    clerk.open(f"/admin/sales/order/{order.pk}/counter/")
    page = clerk.fill(SELL, button=("method", "cash"))
    assert "Card terminal CHF 10.00, Cash CHF 25.00" in page.text


def test_the_order_of_an_erased_buyer_is_shown_with_tickets_and_receipt(clerk, offer, pos):
    order = make_order({offer: 1}, pos=pos, paid=True)
    erasing.erase(order.buyer, by=None, now=timezone.now() + timedelta(days=900))
    page = clerk.open(f"/admin/sales/order/{order.pk}/counter/")
    assert "Erased customer" in page.text
    for name in ("receipt", "print", "print-roll"):
        pdf = clerk.client.get(f"/admin/sales/order/{order.pk}/{name}/")
        assert (pdf.status_code, pdf.content[:4]) == (200, b"%PDF")
    assert f"/admin/sales/order/{order.pk}/receipt/" in page.source


@pytest.mark.scenario("BOX-01")
def test_an_order_that_waits_is_found_by_name_paid_and_printed(clerk, offer, pos):
    order = make_order({offer: 1}, pos=pos)
    foreign = make_order()
    page = clerk.open(f"{COUNTER}?q=hopper")
    assert order.reference in page.text
    assert foreign.reference not in page.text
    clerk.open(f"/admin/sales/order/{order.pk}/counter/")
    page = clerk.fill(SELL, button=("method", "cash"))
    order.refresh_from_db()
    assert order.state == "paid"
    assert "Print tickets" in page.text
    assert clerk.client.get(f"/admin/sales/order/{foreign.pk}/counter/").status_code == 404


def test_an_order_that_is_paid_later_tells_how_and_until_when_and_no_button_that_notes_money_has_the_focus(
    clerk, offer, pos
):
    clerk.open(COUNTER)
    page = sell(
        clerk, **{f"offer__{offer.pk}": "1"}, last_name="Ada", email="ada@example.org", method="on_site"
    )
    order = Order.objects.get()
    assert "Pay at the box office. The order waits for the payment until" in page.text
    assert "How to pay is in an e-mail to ada@example.org." in page.text
    focused = re.findall(r"<(?:a|button)[^>]*\bautofocus\b[^>]*>([^<]*)<", page.source)
    assert focused == ["Next order"]
    clerk.open(COUNTER)
    page = sell(clerk, **{f"offer__{offer.pk}": "1"}, last_name="Grace", method="on_site")
    reference = Order.objects.exclude(pk=order.pk).get().reference
    assert f"tell the person how to pay, and the order number {reference}." in page.text
    page = clerk.fill(SELL, button=("method", "cash"))
    assert "The order waits for the payment until" not in page.text
    assert re.findall(r"<(?:a|button)[^>]*\bautofocus\b[^>]*>([^<]*)<", page.source) == ["Print tickets"]


def test_passes_are_counted_as_passes_and_tickets_as_places(clerk, offer, pos):
    SeasonPassFactory(pos=pos, capacity=7)
    clerk.open(COUNTER)
    page = sell(clerk, date="passes")
    assert "20 places left" in page.text and "7 passes left" in page.text


def test_staff_see_their_own_points_of_sale_and_only_their_own_cart(clerk, offer, pos):
    stranger = OfferFactory()
    theirs = stranger.session.event.points_of_sale.get()
    assert clerk.client.get(f"{COUNTER}?pos={theirs.slug}").status_code == 404
    clerk.open(COUNTER)
    page = sell(clerk, **{f"offer__{offer.pk}": "1"}, method="cash", shown=[str(stranger.session_id)])
    assert "Enter how many tickets" in page.text or Order.objects.get().tickets.get().session == offer.session
    accountant = Staff(make_staff(pos.organiser, "accounting"))
    assert accountant.client.get(COUNTER).status_code == 403
    colleague = Staff(make_staff(pos.organiser, "box office"))
    cart = make_cart({offer: 1}, pos=pos)
    Cart.objects.filter(pk=cart.pk).update(seller=clerk.user)
    assert clerk.client.get(f"{COUNTER}{cart.checkout_key}/").status_code == 200
    assert colleague.client.get(f"{COUNTER}{cart.checkout_key}/").status_code == 404


def test_the_page_costs_as_many_queries_for_three_dates_as_for_one(clerk, offer, pos):
    clerk.open(COUNTER)
    with CaptureQueriesContext(connection) as one:
        clerk.client.get(f"{COUNTER}?shown={offer.session_id}")
    others = [OfferFactory(pos=pos).session_id for _number in range(2)]
    shown = "&".join(f"shown={pk}" for pk in [offer.session_id, *others])
    with CaptureQueriesContext(connection) as three:
        page = clerk.client.get(f"{COUNTER}?{shown}")
    assert page.content.count(b'data-price="') == 3
    assert len(three) == len(one)
