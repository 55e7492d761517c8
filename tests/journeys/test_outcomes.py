"""Each failure on the way to a ticket has one defined outcome, with a message; what was typed is kept."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Session
from tests.factories.accounts import PASSWORD, UserFactory
from tests.factories.sales import make_order
from tests.visitor import TestClientVisitor
from ticketshop.catalogue.models import Hold
from ticketshop.mail.models import Mail
from ticketshop.sales.models import Cart, Order

pytestmark = pytest.mark.django_db


def to_review(visitor, shop, *, adults=1):
    """A guest with tickets in the cart and all details given, in front of the review page."""
    visitor.add(shop.event, **{f"offer_{shop.adult.pk}": adults})
    visitor.to_details()
    page = visitor.give_details(email="ada@example.org", holders=[("Charles", "Babbage")])
    assert "Check your order" in page.text
    return page


def hold_runs_out():
    past = timezone.now() - timedelta(minutes=1)
    Cart.objects.update(held_until=past)
    Hold.objects.update(expires_at=past)


def session_is_lost():
    assert Session.objects.exists()
    Session.objects.all().delete()


# --- the same thing sent twice ---------------------------------------------------------------------------


def test_the_same_order_sent_twice_is_one_order(shop, visitor):
    review = to_review(visitor, shop)
    first = visitor.place("on_site")
    visitor.page = review
    again = visitor.place("on_site")
    assert first.url == again.url
    assert "Thank you, your places are reserved" in again.text
    assert again.messages == []
    assert (Order.objects.count(), Mail.objects.count(), shop.left) == (1, 1, 99)


def test_back_to_the_details_and_sent_again_leads_to_the_empty_cart_and_from_there_to_the_order(
    shop, visitor
):
    visitor.add(shop.event, **{f"offer_{shop.adult.pk}": 1})
    details = visitor.to_details()
    visitor.give_details(email="ada@example.org")
    order = visitor.place("on_site")
    visitor.page = details
    page = visitor.give_details(email="ada@example.org")
    assert page.url == shop.cart
    assert "You have ordered already" in page.text
    assert page.link("order ") == order.url
    assert Order.objects.count() == 1


def test_other_content_under_the_same_key_is_a_conflict(shop, visitor):
    seen_first = to_review(visitor, shop, adults=1)
    visitor.add(shop.event, **{f"offer_{shop.adult.pk}": 1})
    visitor.open(f"{shop.home}checkout/review/")
    visitor.place("on_site")
    visitor.page = seen_first
    page = visitor.place("on_site")
    assert page.status == 409
    assert "This order was placed already" in page.text
    assert Order.objects.get().lines.get().quantity == 2


def test_a_cart_changed_in_another_tab_is_shown_again_before_it_binds(shop, visitor):
    seen = to_review(visitor, shop, adults=1)
    visitor.add(shop.event, **{f"offer_{shop.adult.pk}": 2})
    visitor.page = seen
    page = visitor.place("on_site")
    assert page.messages == [
        "Your cart has changed since you opened this page. Please check it and order again.",
        *page.messages[1:],
    ]
    assert "CHF 105.00" in page.text.replace("\N{NO-BREAK SPACE}", " ")
    assert not Order.objects.exists()
    visitor.place("on_site")
    assert str(Order.objects.get().total) == "105.00"


def test_a_cart_emptied_in_another_tab_is_said_to_be_empty(shop, visitor):
    review = to_review(visitor, shop)
    cart = visitor.open(shop.cart)
    visitor.submit(cart.form("^line-"), button=("remove", str(Cart.objects.get().lines.get().pk)))
    visitor.page = review
    page = visitor.place("on_site")
    assert page.url == shop.cart
    assert "Your cart is empty" in page.text
    assert (Order.objects.count(), shop.left) == (0, 100)


def test_the_key_of_an_old_cart_does_not_place_another_one(shop, visitor):
    old = to_review(visitor, shop)
    Cart.objects.all().delete()
    to_review(visitor, shop)
    visitor.page = old
    page = visitor.place("on_site")
    assert "Your cart has changed" in page.messages[0]
    assert not Order.objects.exists()


# --- time runs out --------------------------------------------------------------------------------------


def test_a_hold_that_ran_out_is_renewed_without_a_word_while_places_are_free(shop, visitor):
    to_review(visitor, shop)
    hold_runs_out()
    assert shop.left == 100
    page = visitor.place("on_site")
    assert "Thank you" in page.text
    assert page.messages == []
    assert shop.left == 99


@pytest.mark.parametrize("step", ["details", "review"])
def test_places_that_are_gone_are_said_to_be_gone_and_what_was_typed_is_kept(shop, visitor, step):
    shop.capacity(3)
    visitor.add(shop.event, **{f"offer_{shop.adult.pk}": 3})
    visitor.to_details()
    if step == "review":
        visitor.give_details(email="ada@example.org", holders=[("Charles", "Babbage")])
    hold_runs_out()
    make_order({shop.adult: 1})
    if step == "review":
        page = visitor.place("on_site")
    else:
        page = visitor.give_details(email="ada@example.org", holders=[("Charles", "Babbage")])
    assert page.url == shop.cart
    assert "Some places were not free any more" in page.text
    assert "Only 2 places are left" in page.text
    assert Order.objects.count() == 1
    line = Cart.objects.get().lines.get()
    page = visitor.submit(page.form("^line-"), {f"line-{line.pk}": 2}, button=("checkout", "1"))
    assert {"ada@example.org", "Charles", "Babbage"} <= set(page.form("^buyer-first_name$").values.values())
    visitor.fill("^buyer-first_name$")
    assert "Thank you" in visitor.place("on_site").text


def test_a_date_of_which_no_place_is_left_is_said_to_be_sold_out(shop, visitor):
    shop.capacity(1)
    visitor.add(shop.event, **{f"offer_{shop.adult.pk}": 1})
    visitor.to_details()
    hold_runs_out()
    make_order({shop.adult: 1})
    page = visitor.give_details(email="ada@example.org", holders=[("Charles", "Babbage")])
    assert page.url == shop.cart
    assert "Sold out in the meantime. Remove this to go on." in page.text
    assert "Only 0" not in page.text


def test_a_price_that_changed_is_kept_while_the_hold_lasts(shop, visitor):
    to_review(visitor, shop)
    shop.price("50.00")
    visitor.place("on_site")
    assert str(Order.objects.get().total) == "35.00"


def test_a_price_that_changed_is_said_after_the_hold_before_it_binds(shop, visitor):
    to_review(visitor, shop)
    shop.price("50.00")
    hold_runs_out()
    page = visitor.place("on_site")
    assert "The price of “Hamlet” has changed. Please check the total." in page.messages
    assert not Order.objects.exists()
    assert "CHF 50.00" in page.text.replace("\N{NO-BREAK SPACE}", " ")
    visitor.place("on_site")
    assert str(Order.objects.get().total) == "50.00"


def test_a_price_that_changed_is_said_in_the_cart_even_if_places_are_gone_too(shop, visitor):
    shop.capacity(2)
    to_review(visitor, shop, adults=2)
    shop.price("50.00")
    hold_runs_out()
    make_order({shop.adult: 1})
    page = visitor.place("on_site")
    assert page.url == shop.cart
    assert "The price of “Hamlet” has changed. Please check the total." in page.messages
    assert "Only 1 place is left" in page.text


def test_what_is_no_longer_on_sale_is_said_in_the_cart(shop, visitor):
    to_review(visitor, shop)
    shop.adult.tariff.active = False
    shop.adult.tariff.save()
    page = visitor.place("on_site")
    assert page.url == shop.cart
    assert "“Hamlet” is no longer on sale. Remove it to go on." in page.messages
    assert not Order.objects.exists()


def test_a_way_to_pay_that_is_switched_off_meanwhile_can_not_be_chosen_any_more(shop, visitor):
    to_review(visitor, shop)
    shop.pos.payment_methods.filter(code="on_site").update(enabled=False)
    page = visitor.place("on_site")
    assert page.status == 200
    assert "There is a problem" in page.text
    assert "Thank you" in visitor.place("bank_transfer").text


# --- the session is gone ----------------------------------------------------------------------------------


def test_a_guest_whose_session_is_lost_goes_on_where_they_were(shop, visitor):
    visitor.add(shop.event, **{f"offer_{shop.adult.pk}": 2})
    session_is_lost()
    assert "Your details" in visitor.to_details().text
    session_is_lost()
    page = visitor.give_details(email="ada@example.org", holders=[("Charles", "Babbage")])
    assert "Charles Babbage" in page.text
    session_is_lost()
    assert "Thank you" in visitor.place("on_site").text
    assert (Order.objects.count(), Cart.objects.count(), shop.left) == (1, 0, 98)


def test_a_guest_whose_session_is_lost_and_who_only_looks_sees_an_empty_cart(shop, visitor):
    visitor.add(shop.event, **{f"offer_{shop.adult.pk}": 2})
    session_is_lost()
    page = visitor.open(shop.cart)
    assert (page.status, "Your cart is empty" in page.text) == (200, True)


def test_another_guest_does_not_get_a_cart_without_its_key(shop, visitor):
    to_review(visitor, shop)
    stranger = TestClientVisitor()
    page = stranger.open(f"{shop.home}checkout/review/")
    assert page.url == shop.cart
    assert "Your cart is empty" in page.text


def log_in_and_begin(visitor, shop):
    user = UserFactory()
    visitor.log_in(user.email, PASSWORD)
    visitor.add(shop.event, **{f"offer_{shop.adult.pk}": 1})
    visitor.to_details()
    return user


@pytest.mark.parametrize("step", ["details", "review"])
def test_a_log_in_that_is_over_is_asked_to_log_in_again_and_finds_cart_and_answers(shop, visitor, step):
    user = log_in_and_begin(visitor, shop)
    holders = [("Charles", "Babbage")]
    if step == "review":
        visitor.give_details(holders=holders)
    session_is_lost()
    page = visitor.place("on_site") if step == "review" else visitor.give_details(holders=holders)
    assert page.url.startswith("/accounts/login/")
    assert "You have been logged out. Log in to go on" in page.text
    assert "Charles" not in page.text
    page = visitor.fill("^login$", {"login": user.email, "password": PASSWORD})
    assert page.url == f"{shop.home}checkout/"
    assert {"Charles", "Babbage"} <= set(page.form("^buyer-first_name$").values.values())
    visitor.fill("^buyer-first_name$")
    visitor.place("on_site")
    assert Order.objects.get().buyer.user == user


def test_the_cart_of_a_log_in_is_not_given_to_another_one(shop, visitor):
    log_in_and_begin(visitor, shop)
    form = visitor.page.form("^buyer-first_name$")
    form.action = f"{shop.home}checkout/"
    session_is_lost()
    visitor.log_in(UserFactory().email, PASSWORD)
    # The old page's token went with the log-in; a page opened since has the new one.
    form.values["csrfmiddlewaretoken"] = visitor.open(shop.event).form("csrf").values["csrfmiddlewaretoken"]
    page = visitor.submit(form, {"buyer-first_name": "Eve", "buyer-last_name": "Other"})
    assert page.url == shop.cart
    assert "Your cart is empty" in page.text


def test_a_guest_who_logs_in_on_the_way_takes_the_cart_along(shop, visitor):
    user = UserFactory()
    visitor.add(shop.event, **{f"offer_{shop.adult.pk}": 1})
    visitor.to_details()
    assert "Log in to use what we know already" in visitor.page.text
    visitor.fill("^checkout_key$", button=("to", "log_in"))
    page = visitor.fill("^login$", {"login": user.email, "password": PASSWORD})
    assert page.url == f"{shop.home}checkout/"
    visitor.give_details()
    visitor.place("on_site")
    assert Order.objects.get().buyer.user == user


def test_a_form_with_an_old_token_is_answered_with_what_to_do(shop, visitor):
    to_review(visitor, shop)
    form = visitor.page.form("^content_hash$")
    form.values["csrfmiddlewaretoken"] = "x" * 64
    page = visitor.submit(form, {"terms": "on", "method": "on_site"})
    assert page.status == 403
    assert "Nothing has been sent." in page.text
    assert not Order.objects.exists()
