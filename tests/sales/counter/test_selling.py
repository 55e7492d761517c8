"""Orders that staff enter at the counter: the same places and rules as online, other methods, and perhaps no person."""

import uuid
from dataclasses import replace
from decimal import Decimal

import pytest
from django.utils import timezone, translation

from contacts.models import Contact
from tests.at_once import at_once, meet
from tests.factories.accounts import UserFactory
from tests.factories.catalogue import OfferFactory, TariffFactory
from tests.factories.contacts import ContactFactory
from tests.factories.registration_forms import ask, make_form, publish
from tests.factories.sales import PaymentMethodFactory, make_cart, make_order
from ticketshop.catalogue import places
from ticketshop.history.models import Event
from ticketshop.mail.models import Mail
from ticketshop.sales.cart import carts
from ticketshop.sales.counter import selling
from ticketshop.sales.models import Cart, Order
from ticketshop.sales.orders import books, orders, placing
from ticketshop.sales.orders.buyers import CannotPlace
from ticketshop.sales.payments import methods

pytestmark = pytest.mark.django_db
NOW = timezone.now
NOBODY = {"first_name": "", "last_name": "", "email": "", "phone": ""}
ADA = {**NOBODY, "first_name": "Ada", "last_name": "Lovelace"}


def sale(offer, quantity=2, **values) -> selling.Sale:
    """Return a sale as the page sends it; the point of sale offers the method from now on."""
    pos = offer.session.event.points_of_sale.get()
    method = values.setdefault("method", "cash")
    if not pos.payment_methods.filter(code=method).exists():
        PaymentMethodFactory(point_of_sale=pos, code=method)
    key = ("offer", offer.pk)
    sent = {
        "key": uuid.uuid4(),
        "wanted": {key: quantity},
        "prices": {key: offer.tariff.price},
        "person": None,
        "typed": NOBODY,
    }
    return selling.Sale(pos=pos, **{**sent, **values})


def sell(*args, by=None, **values):
    return selling.sell(sale(*args, **values), by=by or UserFactory(), now=NOW())


# --- without a person ---------------------------------------------------------------------------------------
@pytest.mark.scenario("BOX-01")
def test_two_tickets_for_cash_without_a_person_are_paid_valid_and_noted_with_the_staff_member():
    clerk, offer = UserFactory(), OfferFactory(capacity=5)
    order = sell(offer, by=clerk)
    assert (order.state, order.channel, order.created_by, order.buyer) == ("paid", "back_office", clerk, None)
    assert order.without_person
    assert order.buyer_name == "Sold without a name"
    payment = order.payments.get()
    assert (payment.method, payment.state, payment.amount) == ("cash", "confirmed", 70)
    assert payment.confirmed_by == clerk
    assert {ticket.state for ticket in order.tickets.all()} == {"valid"}
    assert places.left([offer.allotment_id])[offer.allotment_id] == 3
    assert not Mail.objects.exists()
    assert not Contact.objects.exists()
    assert [event.by for event in Event.objects.filter(model="sales.order", action="placed")] == [clerk]
    assert not any(books.check().values())


def test_an_order_that_is_paid_later_needs_a_person():
    with pytest.raises(CannotPlace) as refused:
        sell(OfferFactory(), method="on_site")
    assert refused.value.problems == [
        "An order that is paid later needs a person: choose one, or enter a name."
    ]
    assert not Cart.objects.exists()


def test_mandatory_answers_need_a_person_and_optional_ones_are_asked_only_with_a_person():
    offer = OfferFactory()
    form = make_form(organiser=offer.tariff.event.organiser)
    question = ask(form, "Diet")
    publish(form)
    offer.tariff.form = form
    offer.tariff.save()
    assert sell(offer).tickets.filter(response=None).count() == 2
    question.visibility = "mandatory"
    question.save()
    publish(form)
    with pytest.raises(CannotPlace, match="counter"):
        sell(offer)


# --- with a person ------------------------------------------------------------------------------------------
def test_a_typed_person_without_an_address_is_a_new_contact_entered_by_staff():
    clerk = UserFactory()
    order = sell(OfferFactory(), by=clerk, typed={**ADA, "phone": "+41791234567"})
    contact = order.buyer
    assert (contact.full_name, contact.phone, contact.created_via) == (
        "Ada Lovelace", "+41791234567", "back_office",
    )  # fmt: skip
    assert Event.objects.get(model="contacts.contact", action="created").by == clerk
    assert not Mail.objects.exists()


def test_a_typed_address_reuses_the_contact_of_that_name_and_gets_one_mail_with_the_tickets():
    offer = OfferFactory()
    known = ContactFactory(
        organiser=offer.tariff.event.organiser,
        first_name="Ada",
        last_name="Lovelace",
        email="ada@example.org",
        user=None,
    )
    order = sell(offer, typed={**ADA, "email": "Ada@example.org"})
    assert order.buyer == known
    assert [mail.kind for mail in Mail.objects.all()] == ["order_paid"]
    assert not any(books.check().values())


def test_a_chosen_contact_is_the_buyer_and_a_merged_or_erased_one_is_refused():
    offer = OfferFactory()
    known = ContactFactory(organiser=offer.tariff.event.organiser)
    assert sell(offer, person=known).buyer == known
    known.subject_uuid = uuid.uuid4()
    with pytest.raises(CannotPlace, match="person"):
        sell(offer, person=known)


@pytest.mark.scenario("BOX-02")
def test_an_invoice_waits_for_the_transfer_with_a_reference_and_is_mailed_to_the_person():
    order = sell(OfferFactory(), method="invoice", typed={**ADA, "email": "ada@example.org"})
    assert (order.state, order.payments.get().reference[:2]) == ("pending", "RF")
    assert [mail.kind for mail in Mail.objects.all()] == ["order_placed"]


# --- methods ------------------------------------------------------------------------------------------------
@pytest.mark.scenario("BOX-02")
def test_an_invitation_costs_nothing_takes_places_and_keeps_its_reason():
    offer = OfferFactory(capacity=5)
    order = sell(offer, method="invitation", invitation="press")
    assert (order.total, order.vat_total, order.state, order.invitation) == (0, 0, "paid", "press")
    assert order.lines.get().unit_price == 0
    assert places.left([offer.allotment_id])[offer.allotment_id] == 3
    assert not any(books.check().values())


@pytest.mark.parametrize("method, invitation", [("invitation", ""), ("cash", "press")])
def test_a_reason_belongs_to_an_invitation_and_to_nothing_else(method, invitation):
    with pytest.raises(CannotPlace, match="counter"):
        sell(OfferFactory(), method=method, invitation=invitation)


@pytest.mark.scenario("BOX-02")
def test_visitors_are_offered_no_method_of_the_staff():
    pos = OfferFactory().session.event.points_of_sale.get()
    for code in ("cash", "card_terminal", "invitation", "invoice", "on_site"):
        PaymentMethodFactory(point_of_sale=pos, code=code)
    assert list(methods.offered(pos, Decimal(10), "CHF")) == ["on_site"]
    with pytest.raises(orders.CannotPlace, match="method"):
        make_order({OfferFactory(pos=pos): 1}, method="cash")


# --- the rules of an order online ---------------------------------------------------------------------------
@pytest.mark.scenario("BOX-05")
def test_places_held_by_a_visitor_are_not_sold_at_the_counter_and_the_other_way_round():
    offer = OfferFactory(capacity=3)
    make_cart({offer: 2})
    with pytest.raises(carts.CannotAdd, match="sold_out"):
        sell(offer)
    sell(offer, 1)
    with pytest.raises(carts.CannotAdd, match="sold_out"):
        make_cart({offer: 1})


@pytest.mark.scenario("BOX-05")
def test_limits_of_tariff_order_and_person_hold_at_the_counter():
    few = OfferFactory()
    few.tariff.max_per_order = 1
    few.tariff.save()
    with pytest.raises(CannotPlace, match="rules"):
        sell(few)
    pos = few.session.event.points_of_sale.get()
    pos.max_tickets_per_order = 2
    pos.save()
    with pytest.raises(carts.CannotAdd, match="too_many"):
        sell(OfferFactory(pos=pos), 3)
    once = OfferFactory()
    once.tariff.max_per_person = 1
    once.tariff.save()
    known = ContactFactory(organiser=once.tariff.event.organiser)
    sell(once, 1, person=known)
    with pytest.raises(CannotPlace, match="rules"):
        sell(once, 1, person=known)


@pytest.mark.scenario("BOX-05")
def test_a_tariff_that_is_sold_only_with_another_one_is_refused_alone():
    offer = OfferFactory()
    offer.tariff.only_with = TariffFactory(event=offer.tariff.event)
    offer.tariff.save()
    with pytest.raises(CannotPlace, match="rules"):
        sell(offer)


def test_a_price_that_changed_since_the_page_was_opened_is_not_sold():
    offer = OfferFactory()
    with pytest.raises(CannotPlace, match="changed"):
        sell(offer, prices={("offer", offer.pk): offer.tariff.price - 1})


# --- the same page twice ------------------------------------------------------------------------------------
def test_the_same_page_sent_twice_is_one_order_and_with_other_tickets_refused():
    clerk, sent = UserFactory(), sale(OfferFactory(capacity=5))
    first = selling.sell(sent, by=clerk, now=NOW())
    assert selling.sell(sent, by=clerk, now=NOW()) == first
    (key,) = sent.wanted
    with pytest.raises(CannotPlace, match="conflict"):
        selling.sell(replace(sent, wanted={key: 1}), by=clerk, now=NOW())
    assert Order.objects.count() == 1


def send_twice_at_once(monkeypatch):
    """Send one page twice; both calls meet after each has looked for an order of that page."""
    clerk, sent = UserFactory(), sale(OfferFactory(capacity=5))
    original = placing.placed_under

    def looking(key, content_hash=""):
        found = original(key, content_hash)
        meet()
        return found

    monkeypatch.setattr(placing, "placed_under", looking)
    call = lambda: selling.sell(sent, by=clerk, now=NOW())  # noqa: E731
    return at_once(call, call)


@pytest.mark.django_db(transaction=True)
def test_the_same_page_sent_twice_at_once_is_one_order(monkeypatch):
    first, again = send_twice_at_once(monkeypatch)
    assert first == again
    assert (Order.objects.count(), Cart.objects.count()) == (1, 0)


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_an_unused_cart_keeps_places(monkeypatch):
    monkeypatch.setattr(selling.advisory, "lock", lambda key: None)
    send_twice_at_once(monkeypatch)
    assert Cart.objects.count() == 1


def test_titles_are_in_the_language_of_the_order_and_not_in_that_of_the_staff():
    offer = OfferFactory()
    pos, tariff = offer.session.event.points_of_sale.get(), offer.tariff
    pos.languages = ["fr", "en"]
    pos.save()
    tariff.name_fr, tariff.name_en = "Plein tarif", "Adult"
    tariff.save()
    with translation.override("en"):
        order = sell(offer, 1)
    assert (order.language, order.lines.get().tariff_name) == ("fr", "Plein tarif")
