"""A cart's places and prices: held for a while, renewed when they are still free, said when they are gone."""

from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.utils import timezone

from tests.factories.catalogue import AllotmentFactory, OfferFactory, SeasonPassFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.sales import BUYER, PaymentMethodFactory, make_cart, make_order, place
from ticketshop.catalogue import places
from ticketshop.catalogue.models import Allotment, Hold, SeasonPass
from ticketshop.organisers.models import Organiser
from ticketshop.sales.cart import carts, contents
from ticketshop.sales.models import Cart, CartLine, TypedDetails
from ticketshop.sales.orders import books, orders

pytestmark = pytest.mark.django_db

MINUTES = timedelta(minutes=1)


def left(offer):
    return places.left([offer.allotment_id])[offer.allotment_id]


def let_the_hold_run_out(cart):
    """As if the time had passed: the cart's own note and the rows that count."""
    past = timezone.now() - MINUTES
    Cart.objects.filter(pk=cart.pk).update(held_until=past)
    Hold.objects.filter(key=cart.key).update(expires_at=past)
    cart.refresh_from_db()


def price(offer, amount):
    offer.tariff.price = Decimal(amount)
    offer.tariff.save()


def prices(cart):
    return [str(line.unit_price) for line in contents.read(cart).lines]


# --- places -------------------------------------------------------------------------------------------


def test_cart_holds_only_its_own_places():
    offer = OfferFactory(capacity=5)
    cart = make_cart({offer: 3})
    assert left(offer) == 2
    with pytest.raises(carts.CannotAdd) as refused:
        make_cart({offer: 3})
    assert (refused.value.reason, refused.value.left) == ("sold_out", {offer.allotment_id: 2})
    # Its own hold does not stand in its own way.
    carts.add(cart, {("offer", offer.pk): 2}, now=timezone.now())
    assert left(offer) == 0


def test_a_family_ticket_holds_four_places():
    offer = OfferFactory(capacity=9)
    offer.tariff.tickets_per_unit = 4
    offer.tariff.save()
    make_cart({offer: 2})
    assert left(offer) == 1


def test_tariffs_of_one_allotment_share_its_places():
    adult = OfferFactory(capacity=4)
    child = OfferFactory(session=adult.session, allotment=adult.allotment)
    make_cart({adult: 3, child: 1})
    assert left(adult) == left(child) == 0


def test_all_or_nothing_when_one_of_two_allotments_is_short():
    pos = PointOfSaleFactory()
    plenty, scarce = OfferFactory(pos=pos, capacity=9), OfferFactory(pos=pos, capacity=1)
    cart = make_cart({plenty: 2})
    with pytest.raises(carts.CannotAdd) as refused:
        carts.add(cart, {("offer", plenty.pk): 1, ("offer", scarce.pk): 2}, now=timezone.now())
    assert refused.value.left == {scarce.allotment_id: 1}
    assert (left(plenty), left(scarce)) == (7, 1)
    assert [line.quantity for line in CartLine.objects.filter(cart=cart)] == [2]


def test_what_is_taken_out_is_free_again():
    pos = PointOfSaleFactory()
    one, two = OfferFactory(pos=pos), OfferFactory(pos=pos)
    cart = make_cart({one: 2, two: 3})
    line = cart.lines.get(offer=one)
    carts.set_quantities(cart, {line.pk: 0}, now=timezone.now())
    assert (left(one), left(two)) == (100, 97)
    carts.set_quantities(cart, {cart.lines.get().pk: 1}, now=timezone.now())
    assert left(two) == 99
    carts.set_quantities(cart, {cart.lines.get().pk: 0, 10**9: 7}, now=timezone.now())
    cart.refresh_from_db()
    assert (left(two), cart.held_until, Hold.objects.count()) == (100, None, 0)


def test_a_hold_that_has_run_out_does_not_count():
    offer = OfferFactory(capacity=2)
    cart = make_cart({offer: 2})
    assert left(offer) == 0
    let_the_hold_run_out(cart)
    assert left(offer) == 2
    make_order({offer: 2})
    assert left(offer) == 0


def test_a_hold_that_has_run_out_is_renewed_silently_while_places_are_free():
    offer = OfferFactory(capacity=2)
    cart = make_cart({offer: 2})
    let_the_hold_run_out(cart)
    refreshed = carts.refresh(cart, now=timezone.now())
    assert (refreshed.repriced, refreshed.resized, refreshed.left) == ([], [], {})
    assert cart.held_until > timezone.now() + 10 * MINUTES
    assert left(offer) == 0


def test_places_gone_meanwhile_are_named_and_what_was_typed_is_kept():
    offer = OfferFactory(capacity=3)
    cart = make_cart({offer: 3}, holders=[{"first_name": "Ada", "last_name": "Lovelace"}])
    let_the_hold_run_out(cart)
    make_order({offer: 1})
    assert carts.refresh(cart, now=timezone.now()).left == {offer.allotment_id: 2}
    # A second request has the same result: nothing was renewed.
    assert carts.refresh(cart, now=timezone.now()).left == {offer.allotment_id: 2}
    assert left(offer) == 2
    cart.refresh_from_db()
    typed = cart.details
    assert "Lovelace" in str(typed)
    carts.set_quantities(cart, {cart.lines.get().pk: 2}, now=timezone.now())
    order = place(cart)
    assert order.tickets.order_by("pk").first().holder == "Ada Lovelace"
    assert left(offer) == 0


def test_placing_after_the_hold_takes_free_places_and_says_when_there_are_none():
    offer = OfferFactory(capacity=2)
    late, too_late = make_cart({offer: 1}), make_cart({offer: 1})
    let_the_hold_run_out(late)
    let_the_hold_run_out(too_late)
    make_order({offer: 1})
    place(late)
    with pytest.raises(orders.CannotPlace) as refused:
        place(too_late)
    assert (refused.value.code, refused.value.left) == ("sold_out", {offer.allotment_id: 0})
    assert Cart.objects.filter(pk=too_late.pk).exists()


def test_a_hold_can_be_prolonged_but_not_for_ever():
    pos = PointOfSaleFactory(hold_minutes=10)
    now = timezone.now()
    cart = make_cart({OfferFactory(pos=pos): 1}, now=now)
    ends = []
    for minutes in (0, 9, 18, 27, 36, 39, 41, 50):
        carts.set_quantities(cart, {}, now=now + minutes * MINUTES)
        cart.refresh_from_db()
        ends.append(cart.held_until and round((cart.held_until - now) / MINUTES))
    # Four times ten minutes; afterwards the places are free for everybody.
    assert ends == [10, 19, 28, 37, 40, 40, None, None]
    assert not Hold.objects.filter(key=cart.key)


def test_holds_and_carts_are_forgotten_when_their_time_is_over():
    now = timezone.now()
    cart = make_cart(now=now)
    Hold.objects.update(expires_at=now - timedelta(minutes=61))
    assert (places.FORGET.run(now), carts.FORGET.run(now)) == (1, 0)
    assert (carts.FORGET.run(now + timedelta(hours=25)), Cart.objects.count()) == (1, 0)
    assert not CartLine.objects.filter(cart_id=cart.pk).exists()


# --- prices -------------------------------------------------------------------------------------------


def test_the_price_agreed_holds_as_long_as_the_places():
    offer = OfferFactory(price=Decimal("30.00"))
    cart = make_cart({offer: 1})
    price(offer, "40.00")
    assert carts.refresh(cart, now=timezone.now()).repriced == []
    # Neither "hold them longer" nor one more ticket changes what was agreed.
    carts.set_quantities(cart, {}, now=timezone.now())
    carts.add(cart, {("offer", offer.pk): 1}, now=timezone.now())
    assert prices(cart) == ["30.00"]
    order = place(cart)
    assert (str(order.total), str(order.lines.get().unit_price)) == ("60.00", "30.00")


def renewals():
    """Each way a hold that has run out may be renewed."""
    now = timezone.now
    return {
        "refresh": lambda cart, offer: carts.refresh(cart, now=now()),
        "add": lambda cart, offer: carts.add(cart, {("offer", offer.pk): 1}, now=now()),
        "set_quantities": lambda cart, offer: carts.set_quantities(cart, {}, now=now()),
        "remove_slot": lambda cart, offer: carts.remove_slot(cart, cart.lines.get().slots[0], now=now()),
    }


@pytest.mark.parametrize("way", renewals())
def test_after_the_hold_todays_price_is_asked_and_said(way):
    offer = OfferFactory(price=Decimal("30.00"))
    cart = make_cart({offer: 2})
    price(offer, "40.00")
    let_the_hold_run_out(cart)
    changed = renewals()[way](cart, offer)
    assert changed.repriced == [offer.session.event.title]
    assert prices(cart) == ["40.00"]


def test_a_page_with_the_old_price_can_not_be_placed_after_the_hold():
    offer = OfferFactory(price=Decimal("30.00"))
    cart = make_cart({offer: 1})
    shown = contents.read(cart).content_hash
    price(offer, "29.00")
    let_the_hold_run_out(cart)
    with pytest.raises(orders.CannotPlace, match="changed"):
        place(cart)
    carts.refresh(cart, now=timezone.now())
    with pytest.raises(orders.CannotPlace, match="changed"):
        orders.place(
            cart,
            method="on_site",
            content_hash=shown,
            user=AnonymousUser(),
            language="en",
            now=timezone.now(),
        )
    assert str(place(cart).total) == "29.00"


# --- slots --------------------------------------------------------------------------------------------


def test_what_was_typed_for_a_ticket_stays_with_it_when_another_goes():
    offer = OfferFactory()
    names = [{"first_name": name, "last_name": "Test"} for name in ("One", "Two", "Three")]
    cart = make_cart({offer: 3}, holders=names)
    carts.remove_slot(cart, cart.lines.get().slots[1], now=timezone.now())
    assert left(offer) == 98
    order = place(cart)
    assert [ticket.holder for ticket in order.tickets.order_by("pk")] == ["One Test", "Three Test"]


def test_of_a_family_ticket_all_four_go_together():
    offer = OfferFactory()
    offer.tariff.tickets_per_unit = 4
    offer.tariff.save()
    cart = make_cart({offer: 2})
    slots = cart.lines.get().slots
    carts.remove_slot(cart, slots[6], now=timezone.now())
    assert cart.lines.get().slots == slots[:4]
    carts.remove_slot(cart, slots[0], now=timezone.now())
    assert not cart.lines.exists()
    assert left(offer) == 100


def test_fewer_tickets_keep_the_first_slots_and_more_add_new_ones():
    cart = make_cart({OfferFactory(): 3})
    line = cart.lines.get()
    carts.set_quantities(cart, {line.pk: 1}, now=timezone.now())
    assert cart.lines.get().slots == line.slots[:1]
    carts.set_quantities(cart, {line.pk: 2}, now=timezone.now())
    slots = cart.lines.get().slots
    assert slots[0] == line.slots[0]
    assert slots[1] not in line.slots


# --- the door to the places ------------------------------------------------------------------------------


def test_reserve_without_a_hold_takes_free_places_and_release_returns_them():
    allotment = AllotmentFactory(capacity=3)
    key = make_cart({SeasonPassFactory(): 1}).key
    with transaction.atomic():
        places.reserve(key, {allotment.pk: 2})
    assert places.left([allotment.pk]) == {allotment.pk: 1}
    with pytest.raises(places.NotEnoughPlaces), transaction.atomic():
        places.reserve(key, {allotment.pk: 2})
    places.release({allotment.pk: 2})
    assert places.left([allotment.pk]) == {allotment.pk: 3}


@pytest.mark.parametrize(("rest", "statements"), [(timedelta(minutes=2), 1), (timedelta(seconds=30), 5)])
def test_held_places_are_sold_in_one_statement_unless_the_hold_ends_soon(
    rest, statements, django_assert_num_queries
):
    cart = make_cart({(offer := OfferFactory(capacity=1)): 1})
    Hold.objects.filter(key=cart.key).update(expires_at=timezone.now() + rest)
    with transaction.atomic(), django_assert_num_queries(statements):
        places.reserve(cart.key, {offer.allotment_id: 1})
    assert left(offer) == 0
    assert not Hold.objects.exists()


def test_held_places_beyond_a_smaller_capacity_are_not_sold():
    """Staff lowered the number of places after it was held."""
    carts_with_a_hold = [make_cart({offer: 1}) for offer in [OfferFactory(capacity=2)] for _ in range(2)]
    allotment = Allotment.objects.get()
    Allotment.objects.update(capacity=1)
    places.reserve(carts_with_a_hold[0].key, {allotment.pk: 1})
    with pytest.raises(places.NotEnoughPlaces), transaction.atomic():
        places.reserve(carts_with_a_hold[1].key, {allotment.pk: 1})
    assert Allotment.objects.get().sold == 1
    assert Hold.objects.get().key == carts_with_a_hold[1].key


def test_a_cart_that_was_ordered_can_not_be_changed_any_more():
    offer = OfferFactory()
    cart = make_cart({offer: 1})
    place(cart)
    with pytest.raises(carts.CannotAdd, match="gone"):
        carts.add(cart, {("offer", offer.pk): 1}, now=timezone.now())
    with pytest.raises(carts.CannotAdd, match="gone"):
        carts.set_quantities(cart, {}, now=timezone.now())
    long_ago = Cart(pk=cart.pk, key=cart.key, point_of_sale=cart.point_of_sale)
    assert carts.refresh(long_ago, now=timezone.now()).left == {}
    carts.write_details(cart, TypedDetails(), complete=True)
    assert not Cart.objects.exists()
    assert left(offer) == 99


# --- another number of tickets for one price ------------------------------------------------------------------------
def family_cart(gives: int) -> tuple:
    """A cart with two family tickets of four each, whose tariff gives another number of tickets by now."""
    offer = OfferFactory()
    offer.tariff.tickets_per_unit = 4
    offer.tariff.save()
    cart = make_cart({offer: 2})
    offer.tariff.tickets_per_unit = gives
    offer.tariff.save()
    return cart, offer


@pytest.mark.parametrize("gives", [1, 5])
def test_as_many_tickets_are_ordered_as_were_chosen_and_their_places_are_taken(gives):
    cart, offer = family_cart(gives)
    carts.set_quantities(cart, {cart.lines.get().pk: 1}, now=timezone.now())
    carts.add(cart, {("offer", offer.pk): 2}, now=timezone.now())
    carts.remove_slot(cart, cart.lines.get().slots[5], now=timezone.now())
    cart.refresh_from_db()
    assert Hold.objects.get(key=cart.key).places == 8
    carts.write_details(cart, TypedDetails(BUYER), complete=True)
    order = place(cart)
    assert (order.lines.get().places, order.tickets.count()) == (8, 8)
    assert left(offer) == 92
    assert [faults for faults in books.check().values() if faults] == []


@pytest.mark.parametrize("gives", [1, 5])
def test_after_the_hold_todays_number_of_tickets_is_given_and_said(gives):
    cart, offer = family_cart(gives)
    let_the_hold_run_out(cart)
    with pytest.raises(orders.CannotPlace, match="changed"):
        place(cart)
    refreshed = carts.refresh(cart, now=timezone.now())
    assert (refreshed.repriced, refreshed.resized) == ([], [offer.session.event.title])
    assert place(cart).tickets.count() == 2 * gives


CHANGES = {
    "currency": lambda cart: Organiser.objects.update(currency="EUR"),
    "last day": lambda cart: SeasonPass.objects.update(valid_until=timezone.localdate() + timedelta(days=9)),
    "first day": lambda cart: SeasonPass.objects.update(valid_from=timezone.localdate()),
    "entries": lambda cart: SeasonPass.objects.update(entries=3),
}


@pytest.mark.parametrize("changed", CHANGES)
def test_an_order_of_something_else_than_the_page_showed_is_refused(changed):
    cart = make_cart({SeasonPassFactory(): 1})
    PaymentMethodFactory(point_of_sale=cart.point_of_sale)
    order = partial(
        orders.place,
        cart,
        method="on_site",
        user=AnonymousUser(),
        language="en",
        now=timezone.now(),
    )
    shown = contents.read(cart).content_hash
    CHANGES[changed](cart)
    with pytest.raises(orders.CannotPlace, match="changed"):
        order(content_hash=shown)
    cart.refresh_from_db()
    order(content_hash=contents.read(Cart.objects.get(pk=cart.pk)).content_hash)
