"""Rules for what may be sold: refused when it is added, shown in the cart, refused again when the order is placed."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from contacts.models import Contact
from tests.factories.accounts import UserFactory
from tests.factories.catalogue import (
    EventFactory,
    OfferFactory,
    SeasonPassFactory,
    SessionFactory,
    TariffFactory,
)
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.sales import BUYER, make_cart, make_order, place
from ticketshop.catalogue.models import Event
from ticketshop.sales.cart import carts, contents
from ticketshop.sales.models import Cart, CartLine, Order
from ticketshop.sales.orders import orders

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def change(row, **values):
    for name, value in values.items():
        setattr(row, name, value)
    row.save()


def refusal_of_adding(thing, quantity=1, *, pos=None):
    """The reason why it can't be added to a new cart; None when it can."""
    pos = pos or (thing.session.event if hasattr(thing, "session") else thing).points_of_sale.get()
    cart = carts.open_cart(pos, user=AnonymousUser(), now=timezone.now())
    key = ("offer" if hasattr(thing, "session") else "pass", thing.pk)
    try:
        carts.add(cart, {key: quantity}, now=timezone.now())
    except carts.CannotAdd as error:
        assert not CartLine.objects.filter(cart=cart).exists(), "a refusal changes nothing"
        return error.reason
    return None


def refusal_of_placing(cart):
    """The code and the sentences why it can't be placed; ("", []) when it can."""
    try:
        place(cart)
    except orders.CannotPlace as error:
        assert not Order.objects.filter(checkout_key=cart.checkout_key).exists()
        assert Cart.objects.filter(pk=cart.pk).exists(), "a refusal changes nothing"
        return error.code, error.problems
    return "", []


def said_in_the_cart(cart):
    return contents.problems(contents.read(cart), timezone.now())


def not_on_sale():
    """(name, what to do with an offer so that it is not on sale)."""
    now = timezone.now()
    return {
        "the event is not published": lambda o: change(o.session.event, state=Event.State.DRAFT),
        "the tariff is switched off": lambda o: change(o.tariff, active=False),
        "the tariff is sold later": lambda o: change(o.tariff, sales_start_at=now + HOUR),
        "the tariff was sold earlier": lambda o: change(o.tariff, sales_end_at=now - HOUR),
        "the session is sold later": lambda o: change(o.session, sales_start_at=now + HOUR),
        "the session was sold earlier": lambda o: change(o.session, sales_end_at=now - HOUR),
        "the session has begun": lambda o: change(o.session, starts_at=now - HOUR, ends_at=now + HOUR),
        "the session is cancelled": lambda o: change(o.session, state="cancelled"),
        "the session is sold out by hand": lambda o: change(o.session, state="sold_out"),
        "the point of sale sells the event no longer": lambda o: o.session.event.points_of_sale.clear(),
    }


@pytest.mark.parametrize("why", not_on_sale())
def test_what_is_not_on_sale_can_neither_be_added_nor_placed(why):
    offer = OfferFactory()
    cart = make_cart({offer: 1})
    not_on_sale()[why](offer)
    assert refusal_of_adding(offer, pos=cart.point_of_sale) == "not_on_sale"
    code, problems = refusal_of_placing(cart)
    assert code == "rules"
    assert offer.session.event.title in problems[0]
    assert said_in_the_cart(cart) == problems


def test_the_edges_of_a_sale_window_belong_to_the_sale_at_the_start_only():
    offer = OfferFactory()
    now = timezone.now()
    change(offer.tariff, sales_start_at=now, sales_end_at=now + HOUR)
    cart = carts.open_cart(offer.session.event.points_of_sale.get(), user=AnonymousUser(), now=now)
    assert carts.add(cart, {("offer", offer.pk): 1}, now=now).admissions == 1
    with pytest.raises(carts.CannotAdd):
        carts.add(cart, {("offer", offer.pk): 1}, now=now + HOUR)


def test_session_with_a_later_sales_end_is_sold_after_it_began():
    offer = OfferFactory()
    now = timezone.now()
    change(offer.session, starts_at=now - HOUR, ends_at=now + HOUR, sales_end_at=now + HOUR / 2)
    assert refusal_of_adding(offer) is None


@pytest.mark.parametrize(
    "values",
    [
        {"active": False},
        {"sales_start_at": timezone.now() + HOUR},
        {"sales_end_at": timezone.now() - HOUR},
        {
            "valid_from": timezone.localdate() - timedelta(9),
            "valid_until": timezone.localdate() - timedelta(1),
        },
    ],
)
def test_a_pass_that_is_not_on_sale(values):
    season_pass = SeasonPassFactory()
    cart = make_cart({season_pass: 1})
    change(season_pass, **values)
    assert refusal_of_adding(season_pass, pos=cart.point_of_sale) == "not_on_sale"
    assert refusal_of_placing(cart)[0] == "rules"


def test_pass_that_the_point_of_sale_no_longer_sells_is_neither_added_nor_placed():
    season_pass = SeasonPassFactory()
    cart = make_cart({season_pass: 1})
    assert said_in_the_cart(cart) == []
    season_pass.points_of_sale.clear()
    assert refusal_of_adding(season_pass, pos=cart.point_of_sale) == "not_on_sale"
    code, problems = refusal_of_placing(cart)
    assert code == "rules"
    assert said_in_the_cart(cart) == problems
    assert "is no longer on sale. Remove it to go on." in problems[0]


def test_a_shop_sells_only_what_is_its_own():
    here, elsewhere = PointOfSaleFactory(), OfferFactory()
    assert refusal_of_adding(elsewhere, pos=here) == "not_on_sale"
    assert refusal_of_adding(SeasonPassFactory(), pos=here) == "not_on_sale"
    # The same organiser's other shop does not sell it either, unless it is listed there.
    sibling = PointOfSaleFactory(organiser=elsewhere.session.event.organiser)
    assert refusal_of_adding(elsewhere, pos=sibling) == "not_on_sale"
    elsewhere.session.event.points_of_sale.add(sibling)
    assert refusal_of_adding(elsewhere, pos=sibling) is None


@pytest.mark.parametrize(("quantity", "words"), [(1, "at least 2"), (2, ""), (4, ""), (5, "at most 4")])
def test_at_least_and_at_most_in_one_order(quantity, words):
    offer = OfferFactory()
    change(offer.tariff, min_per_order=2, max_per_order=4)
    cart = make_cart({offer: quantity})
    code, problems = refusal_of_placing(cart)
    assert (code, len(problems)) == (("rules", 1) if words else ("", 0))
    assert words in "".join(problems)


def test_at_most_so_many_passes_in_one_order():
    season_pass = SeasonPassFactory(max_per_order=2)
    assert refusal_of_placing(make_cart({season_pass: 3}))[0] == "rules"
    assert refusal_of_placing(make_cart({season_pass: 2}))[0] == ""


def test_a_child_comes_only_together_with_an_adult_to_the_same_date():
    event = EventFactory()
    first, second = SessionFactory(event=event), SessionFactory(event=event)
    adult = TariffFactory(event=event)
    child = TariffFactory(event=event, name="Child", only_with=adult)
    adult_there = OfferFactory(session=second, tariff=adult)
    adult_here = OfferFactory(session=first, tariff=adult)
    child_here = OfferFactory(session=first, tariff=child)
    for wanted in ({child_here: 1}, {child_here: 1, adult_there: 1}):
        code, problems = refusal_of_placing(make_cart(wanted))
        assert code == "rules"
        assert "“Child” is sold only together with “Adult”" in problems[0]
    assert refusal_of_placing(make_cart({child_here: 2, adult_here: 1})) == ("", [])


def test_maximum_of_tickets_in_one_order_counts_all_kinds():
    pos = PointOfSaleFactory(max_tickets_per_order=5)
    family, season_pass = OfferFactory(pos=pos), SeasonPassFactory(pos=pos)
    change(family.tariff, tickets_per_unit=4)
    cart = make_cart({family: 1, season_pass: 1})
    with pytest.raises(carts.CannotAdd, match="too_many"):
        carts.add(cart, {("pass", season_pass.pk): 1}, now=timezone.now())
    # The organiser lowers it while the cart waits.
    change(pos, max_tickets_per_order=4)
    code, problems = refusal_of_placing(cart)
    assert (code, problems) == ("rules", ["One order holds at most 4 tickets."])


@pytest.mark.parametrize("quantity", [0, -1, 501])
def test_a_quantity_that_is_none(quantity):
    assert refusal_of_adding(OfferFactory(), quantity) == "too_many"


# --- at most so many per person -----------------------------------------------------------------------


def limited(most=2, **values):
    offer = OfferFactory(**values)
    change(offer.tariff, max_per_person=most)
    return offer


def test_earlier_orders_of_the_same_guest_count():
    offer = limited(2)
    make_order({offer: 1})
    code, problems = refusal_of_placing(make_cart({offer: 2}))
    assert code == "rules"
    assert problems == ["“Adult”: at most 2 per person, and 1 ordered before. Lower the number to go on."]
    assert refusal_of_placing(make_cart({offer: 1})) == ("", [])
    assert refusal_of_placing(make_cart({offer: 1}))[0] == "rules"


def test_all_dates_of_a_tariff_count_together():
    event = EventFactory()
    tariff = TariffFactory(event=event, max_per_person=2)
    one, two = (OfferFactory(session=SessionFactory(event=event), tariff=tariff) for _ in range(2))
    assert refusal_of_placing(make_cart({one: 1, two: 2}))[0] == "rules"
    assert refusal_of_placing(make_cart({one: 1, two: 1})) == ("", [])


def test_another_person_with_the_same_address_has_a_separate_maximum():
    offer = limited(1)
    make_order({offer: 1})
    other = make_cart({offer: 1}, buyer={**BUYER, "first_name": "Margaret", "last_name": "Hamilton"})
    assert refusal_of_placing(other) == ("", [])


def test_cancelled_and_expired_orders_do_not_count():
    offer = limited(1)
    orders.cancel(make_order({offer: 1}), by=None, now=timezone.now())
    orders.expire(make_order({offer: 1}), now=timezone.now())
    assert refusal_of_placing(make_cart({offer: 1})) == ("", [])


def test_the_orders_of_a_log_in_count_and_those_of_a_guest_with_its_address_do_not():
    offer = limited(1)
    user = UserFactory()
    make_order({offer: 1}, buyer={**BUYER, "email": user.email})
    assert refusal_of_placing(make_cart({offer: 1}, user=user)) == ("", [])
    assert refusal_of_placing(make_cart({offer: 1}, user=user))[0] == "rules"
    assert Contact.objects.count() == 2


def test_passes_have_a_limit_per_person_too():
    season_pass = SeasonPassFactory(max_per_person=1)
    free_for_all = OfferFactory(pos=season_pass.points_of_sale.get())
    make_order({season_pass: 1, free_for_all: 2})
    code, problems = refusal_of_placing(make_cart({season_pass: 1, free_for_all: 1}))
    assert code == "rules"
    assert season_pass.name in problems[0]
    assert len(problems) == 1


def test_a_shop_without_guests_sells_to_log_ins_only():
    pos = PointOfSaleFactory(guest_checkout=False)
    offer = OfferFactory(pos=pos)
    assert refusal_of_placing(make_cart({offer: 1}))[0] == "sign_in"
    assert refusal_of_placing(make_cart({offer: 1}, user=UserFactory())) == ("", [])
