"""Caps on places held in carts and on unpaid orders, and the end of every hold."""

import re
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import AnonymousUser
from django.db.models import Sum
from django.test import RequestFactory
from django.utils import timezone

from tests.accounts.pages import browser_of
from tests.factories.catalogue import OfferFactory, SeasonPassFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.sales import PaymentMethodFactory, make_cart, make_order, place
from tests.friends import make_visitor
from tests.sales.mails.test_order_mails import deliver, mark_sent
from tests.staff import Staff, change
from tests.visitor import TestClientVisitor
from ticketshop.catalogue import places
from ticketshop.catalogue.models import Allotment, Hold
from ticketshop.sales.cart import caps, carts
from ticketshop.sales.mails import order_mails
from ticketshop.sales.models import Cart, Order
from ticketshop.sales.orders import orders
from ticketshop.sales.payments import payments

pytestmark = pytest.mark.django_db
NOW = timezone.now
ADA = {"first_name": "Ada", "last_name": "Lovelace"}
MANY_OF_ONE_NETWORK = "Many places of this date are being kept for people on the same network"


@pytest.fixture
def pos():
    pos = PointOfSaleFactory()
    PaymentMethodFactory(point_of_sale=pos, code="bank_transfer")
    return pos


def make_offer(pos, capacity: int = 100, **values):
    """An offer of which one order may hold twenty."""
    offer = OfferFactory(pos=pos, capacity=capacity, **values)
    offer.tariff.max_per_order = 20
    offer.tariff.save()
    return offer


@pytest.fixture
def offer(pos):
    return make_offer(pos)


def page_of(offer) -> str:
    return f"/{offer.session.event.points_of_sale.get().slug}/events/{offer.session.event.slug}/"


def add(visitor, offer, quantity: int):
    return visitor.add(page_of(offer), **{f"offer_{offer.pk}": quantity})


def held(offer) -> int:
    rows = Hold.objects.filter(allotment=offer.allotment_id, expires_at__gt=NOW())
    return rows.aggregate(sum=Sum("places", default=0))["sum"]


def guest(**headers) -> TestClientVisitor:
    return TestClientVisitor(**headers)


def order_as(visitor, offer, quantity: int, email: str = "ada@example.org"):
    """Order as far as it goes; the page that is shown then."""
    page = add(visitor, offer, quantity)
    if page.status != 200 or not any("checkout_key" in form.names for form in page.forms):
        return page
    visitor.to_details()
    visitor.give_details(email=None if visitor.client.session.get("_auth_user_id") else email)
    return visitor.place("bank_transfer" if offer.tariff.price else None)


def order_at_once(offer, quantity: int = 1, email: str = "ada@example.org") -> Order:
    """Order as a guest in the network of the test client, by the functions that the pages call."""
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    cart = make_cart(
        {offer: quantity}, buyer={**ADA, "email": email}, network=caps.network_of(request, NOW())
    )
    return place(cart, method="bank_transfer", capped=True)


# --- guests of one network ------------------------------------------------------------------------------------
def test_guests_of_one_network_hold_at_most_a_quarter_of_a_date(offer):
    assert "Many places" not in add(guest(), offer, 20).text
    page = add(guest(), offer, 6)
    assert MANY_OF_ONE_NETWORK in page.text
    assert held(offer) == 20
    assert MANY_OF_ONE_NETWORK not in add(guest(), offer, 5).text
    assert held(offer) == 25


def test_one_order_is_always_possible(pos):
    offer = make_offer(pos, 45)
    add(guest(), offer, 20)
    assert held(offer) == 20
    assert MANY_OF_ONE_NETWORK in add(guest(), offer, 1).text
    assert held(offer) == 20


def test_the_share_is_the_shops(offer, pos):
    pos.network_share = 60
    pos.save()
    for _ in range(4):
        add(guest(), offer, 20)
    assert held(offer) == 60


def test_a_hundred_sessions_of_one_network_are_capped_in_spite_of_forged_headers(offer):
    for number in range(6):
        add(
            guest(**{"x-forwarded-for": f"198.51.100.{number}", "user-agent": f"Browser {number}"}), offer, 20
        )
    assert held(offer) == 20


def test_behind_our_proxy_two_networks_are_two(offer, settings):
    settings.HTTPS = True
    add(guest(**{"x-forwarded-for": "198.51.100.1"}), offer, 20)
    page = add(guest(**{"x-forwarded-for": "203.0.113.9, 198.51.100.1"}), offer, 20)
    assert MANY_OF_ONE_NETWORK in page.text
    assert MANY_OF_ONE_NETWORK not in add(guest(**{"x-forwarded-for": "203.0.113.9"}), offer, 20).text
    assert held(offer) == 40


def test_unpaid_orders_count_until_they_are_paid_or_end(offer):
    order_as(guest(), offer, 20)
    order = Order.objects.get()
    assert order.network
    assert MANY_OF_ONE_NETWORK in add(guest(), offer, 6).text
    payments.confirm(order.payments.get(), by=None, now=NOW())
    assert Order.objects.get().network == ""
    assert MANY_OF_ONE_NETWORK not in add(guest(), offer, 6).text


@pytest.mark.parametrize("end", [orders.cancel, orders.expire])
def test_an_order_that_ended_keeps_no_network(offer, end):
    order = order_at_once(offer, 2)
    assert order.network
    end(order, now=NOW(), **({"by": None} if end is orders.cancel else {}))
    assert Order.objects.get().network == ""


def test_a_hold_that_has_ended_is_counted_again_when_the_order_is_placed(offer):
    late = guest()
    add(late, offer, 20)
    late.to_details()
    late.give_details(email="ada@example.org")
    carts_before = Cart.objects.get()
    Hold.objects.update(expires_at=NOW())
    order_at_once(offer, 20, email="bea@example.org")
    assert Order.objects.count() == 1
    page = late.place("bank_transfer")
    assert MANY_OF_ONE_NETWORK in page.text
    assert Order.objects.count() == 1
    assert Cart.objects.filter(pk=carts_before.pk).exists()


def test_signed_in_visitors_are_not_counted(offer, pos):
    add(guest(), offer, 20)
    visitor = browser_of(make_visitor(pos))
    assert MANY_OF_ONE_NETWORK not in add(visitor, offer, 20).text
    assert held(offer) == 40
    page = order_as(browser_of(make_visitor(pos, email="bea@example.org")), offer, 10)
    assert "your places are reserved" in page.text
    assert Order.objects.get().network == ""


def test_a_cart_that_moves_over_to_a_log_in_still_counts_for_its_network(offer, pos):
    visitor = guest()
    add(visitor, offer, 20)
    visitor.client.force_login(make_visitor(pos).user)
    visitor.open(f"/{pos.slug}/cart/")
    assert Cart.objects.get().user is not None
    assert MANY_OF_ONE_NETWORK in add(guest(), offer, 20).text


def test_the_network_is_kept_as_a_hash_without_an_address(offer):
    add(guest(), offer, 1)
    network = Cart.objects.get().network
    assert len(network) == 32
    assert "127.0.0.1" not in network
    assert django_settings.SECRET_KEY not in network


# --- a log-in --------------------------------------------------------------------------------------------------
def test_a_log_in_holds_places_in_one_cart_at_a_time(offer, pos):
    contact = make_visitor(pos)
    first = guest()
    add(first, offer, 20)
    first.client.force_login(contact.user)
    first.open(f"/{pos.slug}/cart/")
    second = guest(**{"x-forwarded-for": "another"})
    add(second, offer, 5)
    second.client.force_login(contact.user)
    second.open(f"/{pos.slug}/cart/")
    assert held(offer) == 25
    add(second, offer, 1)
    assert held(offer) == 6
    # The other cart is as it was, and its page tells the truth.
    page = first.open(f"/{pos.slug}/cart/")
    assert held(offer) == 20
    assert "We hold these places for you until" in page.text


# --- unpaid orders of one e-mail address ----------------------------------------------------------------------
def test_a_guest_has_few_unpaid_orders_under_one_address(offer):
    for _ in range(5):
        order_at_once(offer)
    page = order_as(guest(), offer, 1)
    assert "Too many orders under this e-mail address wait for payment." in page.text
    assert Order.objects.count() == 5
    assert Cart.objects.count() == 1
    # Another name under the same address is the same mailbox; another address is not.
    order_at_once(offer, email="bea@example.org")
    payments.confirm(Order.objects.earliest("pk").payments.get(), by=None, now=NOW())
    assert "your places are reserved" in order_as(guest(), offer, 1).text


def test_unpaid_tickets_of_one_email_address_are_at_most_one_orders_maximum(offer, pos):
    pos.network_share = 100
    pos.save()
    order_at_once(offer, 15)
    assert "Too many orders under this e-mail address" in order_as(guest(), offer, 6).text
    assert Order.objects.count() == 1
    assert "your places are reserved" in order_as(guest(), offer, 5).text


def test_what_strangers_order_under_an_address_does_not_stop_its_log_in(offer, pos):
    for _ in range(5):
        order_at_once(offer, email="ada@example.org")
    ada = make_visitor(pos, "Ada", "Lovelace", email="ada@example.org")
    assert "your places are reserved" in order_as(browser_of(ada), offer, 1).text
    for _ in range(4):
        make_order({offer: 1}, buyer=ada, method="bank_transfer")
    page = order_as(browser_of(ada), offer, 1)
    assert "Too many of your orders wait for payment." in page.text
    assert "“Orders and tickets”" in page.text


def test_mails_about_unpaid_orders_to_one_mailbox_are_limited(offer, mailoutbox):
    for _ in range(10):
        orders.cancel(order_at_once(offer), by=None, now=NOW())
    page = order_as(guest(), offer, 1)
    assert "Many orders were placed under this e-mail address in the last 24 hours." in page.text
    assert re.search(r"Try again in 2[45] hours\.", page.text)
    assert len([letter for letter in deliver(mailoutbox) if "reserved" in letter.subject.lower()]) <= 10
    assert Order.objects.count() == 10


def test_places_of_free_tickets_are_not_counted_and_mails_about_them_to_one_mailbox_are_limited(pos):
    free = make_offer(pos, price=0)
    for _ in range(10):
        order_at_once(free)
    assert Order.objects.filter(state="paid").count() == 10
    page = order_as(guest(), free, 1)
    assert "Many orders were placed under this e-mail address in the last 24 hours." in page.text
    assert Order.objects.count() == 10
    visitor = guest()
    visitor.client.force_login(make_visitor(pos, email="ada@example.org").user)
    order_as(visitor, free, 1)
    assert Order.objects.count() == 11, "whoever logs in has proved the address"


def test_what_staff_and_scripts_order_is_not_capped(offer):
    for _ in range(7):
        make_order({offer: 5})
    assert Order.objects.count() == 7


# --- every hold ends --------------------------------------------------------------------------------------------
def test_a_hold_ends_for_good_and_the_cart_can_still_be_ordered(pos):
    offer = OfferFactory(pos=pos, capacity=2)
    visitor = guest()
    add(visitor, offer, 2)
    page = visitor.open(f"/{pos.slug}/cart/")
    assert "We hold these places for you until" in page.text
    Cart.objects.update(created_at=NOW() - timedelta(minutes=61), held_until=NOW() - timedelta(minutes=1))
    Hold.objects.update(expires_at=NOW() - timedelta(minutes=1))
    for _ in range(3):
        page = visitor.open(f"/{pos.slug}/cart/")
        assert "These places are not held for you any more" in page.text
        assert "Hold them longer" not in page.text
        assert held(offer) == 0
    visitor.to_details()
    assert held(offer) == 0
    visitor.give_details(email="ada@example.org")
    assert "your places are reserved" in visitor.place("bank_transfer").text
    assert places.left([offer.allotment_id])[offer.allotment_id] == 0


def test_cart_without_a_hold_shows_that_its_places_are_gone(pos):
    offer = OfferFactory(pos=pos, capacity=2)
    cart = make_cart({offer: 2}, now=NOW() - timedelta(hours=2))
    Hold.objects.update(expires_at=NOW())
    Cart.objects.update(held_until=None)
    cart.refresh_from_db()
    assert carts.refresh(cart, now=NOW()).left == {}
    make_order({offer: 1})
    assert carts.refresh(cart, now=NOW()).left == {offer.allotment_id: 1}
    with pytest.raises(carts.CannotAdd) as refused:
        carts.set_quantities(cart, {}, now=NOW())
    assert refused.value.left == {offer.allotment_id: 1}


def test_last_hold_is_marked_for_the_countdown(pos):
    offer = OfferFactory(pos=pos)
    visitor = guest()
    page = add(visitor, offer, 1)
    assert "we hold your places again if they are still free" in page.source
    cart = Cart.objects.get()
    Cart.objects.update(created_at=NOW() - timedelta(minutes=50))
    visitor.fill("cart/update/$", {})
    cart.refresh_from_db()
    assert cart.held_last
    page = visitor.open(f"/{pos.slug}/cart/")
    assert "you can still order these places as long as nobody else has taken them" in page.source.lower()
    assert "Hold them longer" not in page.text


# --- staff ---------------------------------------------------------------------------------------------------------
def test_staff_see_many_unpaid_orders_of_one_network_and_cancel_them_at_once(offer, pos, mailoutbox):
    for number in range(6):
        order_at_once(offer, email=f"ada{number}@example.org")
    other = make_order({offer: 1})
    mark_sent()
    staff = Staff(make_staff(pos.organiser, "box office"))
    page = staff.open("/admin/")
    staff.open(page.link("6 unpaid orders were placed from one network."))
    staff.open(staff.page.link("Cancel all unpaid orders from this network"))
    assert all(order.reference in staff.page.text for order in Order.objects.exclude(pk=other.pk))
    assert other.reference not in staff.page.text
    page = staff.press(Order.objects.exclude(pk=other.pk).latest("pk"), "end-network")
    assert "6 orders are cancelled." in page.text
    assert set(Order.objects.values_list("pk", "state")) == {
        *((order.pk, "cancelled") for order in Order.objects.exclude(pk=other.pk)),
        (other.pk, "pending"),
    }
    assert Allotment.objects.get(pk=offer.allotment_id).sold == 1
    assert len(deliver(mailoutbox)) == 6
    assert "from one network" not in staff.open("/admin/").text


def test_five_orders_of_one_network_are_no_news_and_other_organisers_see_none(offer, pos):
    for number in range(5):
        order_at_once(offer, email=f"ada{number}@example.org")
    staff = Staff(make_staff(pos.organiser, "box office"))
    assert "from one network" not in staff.open("/admin/").text
    order_at_once(offer, email="ada5@example.org")
    assert "from one network" in staff.open("/admin/").text
    stranger = PointOfSaleFactory()
    assert "from one network" not in Staff(make_staff(stranger.organiser, "owner")).open("/admin/").text
    assert Staff(make_staff(stranger.organiser, "owner")).open(change(Order.objects.first())).status in (
        302,
        404,
        200,
    )


def test_passes_are_capped_by_network_too(pos):
    season_pass = SeasonPassFactory(pos=pos, capacity=100, max_per_order=20)
    address = f"/{pos.slug}/passes/{season_pass.slug}/"
    guest().add(address, **{f"pass_{season_pass.pk}": 20})
    page = guest().add(address, **{f"pass_{season_pass.pk}": 6})
    assert MANY_OF_ONE_NETWORK in page.text


def test_the_order_page_of_a_guest_is_not_touched_by_the_network(offer):
    page = order_as(guest(), offer, 1)
    order = Order.objects.get()
    assert order.network not in page.source
    assert order.network not in TestClientVisitor().open(order_mails.order_path(order)).source
