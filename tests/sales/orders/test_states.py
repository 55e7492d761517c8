"""The table of states: what moves an order, a payment, a ticket, a hold, and what changes nothing."""

from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from tests.factories.accounts import UserFactory
from tests.factories.catalogue import OfferFactory, SeasonPassFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.sales import make_cart, make_order, place
from ticketshop.catalogue import places
from ticketshop.history import history
from ticketshop.mail.models import Mail
from ticketshop.sales.cart import carts
from ticketshop.sales.models import Order, Payment, Refund, Ticket
from ticketshop.sales.orders import orders, reminders
from ticketshop.sales.payments import payments

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
NOW = timezone.now


def pay(order):
    return payments.confirm(order.payments.get(), by=None, now=NOW())


def cancel(order):
    return orders.cancel(order, by=None, now=NOW())


def expire(order):
    return orders.expire(order, now=NOW())


VERBS = {"pay": pay, "cancel": cancel, "expire": expire}


def order_in(state, *, offer=None, season_pass=None):
    """One ticket of three and one pass, in this state."""
    offer = offer or OfferFactory(capacity=3)
    season_pass = season_pass or SeasonPassFactory(pos=offer.session.event.points_of_sale.get())
    order = make_order({offer: 1, season_pass: 1})
    for verb in {"pending": [], "paid": ["pay"], "cancelled": ["cancel"], "expired": ["expire"]}[state]:
        assert VERBS[verb](order)
    order.refresh_from_db()
    assert order.state == state
    return order


def facts(order):
    """Everything a transition may touch."""
    order = Order.objects.get(pk=order.pk)
    free = places.left([line.allotment_id for line in order.lines.all()])
    return {
        "order": order.state,
        "admissions": {admission.state for rows in (order.tickets, order.passes) for admission in rows.all()},
        "free": sum(free.values()),
        "payment": order.payments.get().state,
        "refunds": [(refund.state, refund.amount) for refund in Refund.objects.order_by("pk")],
        "mails": sorted(Mail.objects.values_list("kind", flat=True)),
        "history": [event.action for event in reversed(history.of(order))],
        "instants": (order.paid_at is not None, order.cancelled_at is not None),
    }


# from, verb, to, admissions, places free again, payment, refund requested
MOVES = [
    ("pending", "pay", "paid", "valid", False, "confirmed", False),
    ("pending", "cancel", "cancelled", "cancelled", True, "started", False),
    ("pending", "expire", "expired", "cancelled", True, "started", False),
    ("paid", "cancel", "cancelled", "cancelled", True, "confirmed", True),
]


@pytest.mark.parametrize(("before", "verb", "after", "admissions", "freed", "payment", "refund"), MOVES)
def test_moves(before, verb, after, admissions, freed, payment, refund):
    order = order_in(before)
    known = facts(order)
    assert VERBS[verb](order) is True
    found = facts(order)
    assert (found["order"], found["admissions"], found["payment"]) == (after, {admissions}, payment)
    assert found["free"] == known["free"] + (2 if freed else 0)
    assert found["refunds"] == ([("requested", order.total)] if refund else [])
    assert found["mails"] == sorted([*known["mails"], f"order_{after}"])
    decided = ["refund_requested"] if refund else []
    assert found["history"] == [*known["history"], after, *decided]
    assert found["instants"] == (before == "paid" or after == "paid", after != "paid")
    # The object in hand says the same as the row.
    assert order.state == after or verb == "pay"


STANDS_STILL = [
    ("paid", "pay"),
    ("paid", "expire"),
    ("cancelled", "cancel"),
    ("cancelled", "expire"),
    ("expired", "cancel"),
    ("expired", "expire"),
]


@pytest.mark.parametrize(("state", "verb"), STANDS_STILL)
def test_what_changes_nothing(state, verb):
    order = order_in(state)
    known = facts(order)
    assert VERBS[verb](Order.objects.get(pk=order.pk)) is False
    assert facts(order) == known


def test_late_money_brings_an_expired_order_back_to_life_while_everything_is_free():
    order = order_in("expired")
    known = facts(order)
    assert pay(order) is True
    found = facts(order)
    assert (found["order"], found["admissions"], found["payment"]) == ("paid", {"valid"}, "confirmed")
    assert (found["free"], found["refunds"]) == (known["free"] - 2, [])
    assert found["history"] == [*known["history"], "revived", "paid"]
    assert found["mails"] == sorted([*known["mails"], "order_paid"])
    assert found["instants"] == (True, False)
    assert pay(order) is False
    assert facts(order) == found


@pytest.mark.parametrize("state", ["cancelled", "expired"])
def test_money_that_comes_too_late_is_to_be_paid_back(state):
    offer = OfferFactory(capacity=3)
    order = order_in(state, offer=offer)
    if state == "expired":
        make_order({offer: 3}, paid=True)  # its place is gone
    known = facts(order)
    assert pay(order) is True
    found = facts(order)
    assert found["refunds"] == [("requested", order.total)]
    assert found["payment"] == "confirmed"
    assert found["history"] == [*known["history"], "paid_too_late"]
    assert found["mails"] == sorted([*known["mails"], "money_returned"])
    unchanged = ("order", "admissions", "free", "instants")
    assert [found[name] for name in unchanged] == [known[name] for name in unchanged]
    # The same news twice is one refund.
    assert pay(order) is False
    assert facts(order) == found


def test_every_pair_of_state_and_verb_is_said_here():
    late = [("cancelled", "pay"), ("expired", "pay")]
    said = [*((row[0], row[1]) for row in MOVES), *STANDS_STILL, *late]
    assert sorted(said) == sorted((state, verb) for state in Order.State.values for verb in VERBS)


def test_confirming_user_is_recorded_and_an_anonymous_one_is_not():
    order, user = make_order(), UserFactory()
    payments.confirm(order.payments.get(), by=user, now=NOW())
    assert order.payments.get().confirmed_by == user
    assert history.of(order).get(action="paid").by == user


def test_a_stale_object_does_not_pay_twice():
    order = make_order()
    first, second = Payment.objects.get(order=order), Payment.objects.get(order=order)
    assert payments.confirm(first, by=None, now=NOW())
    assert not payments.confirm(second, by=None, now=NOW() + DAY)
    assert Mail.objects.filter(kind="order_paid").count() == 1


def test_an_order_with_a_used_ticket_is_not_cancelled_as_a_whole():
    order = make_order({OfferFactory(): 2}, paid=True)
    used, _valid = order.tickets.order_by("pk")
    Ticket.objects.filter(pk=used.pk).update(state="used", used_at=NOW())
    with pytest.raises(orders.TicketsUsed):
        cancel(order)
    order.refresh_from_db()
    assert order.state == "paid"
    assert {ticket.state for ticket in order.tickets.all()} == {"used", "valid"}
    assert not Refund.objects.exists()


def test_a_refund_is_done_once():
    order = order_in("paid")
    cancel(order)
    refund = Refund.objects.get()
    assert payments.refund_done(refund, by=None, now=NOW()) is True
    assert payments.refund_done(refund, by=None, now=NOW()) is False
    refund.refresh_from_db()
    assert (refund.state, refund.done_at is not None) == ("done", True)
    assert [event.action for event in history.of(order)].count("refunded") == 1


def test_a_free_order_is_paid_and_its_tickets_are_issued_at_once():
    order = make_order({OfferFactory(price=Decimal(0)): 2})
    assert facts(order) == {
        "order": "paid",
        "admissions": {"valid"},
        "free": 98,
        "payment": "confirmed",
        "refunds": [],
        "mails": ["order_paid"],
        "history": ["placed", "paid"],
        "instants": (True, False),
    }
    assert order.payment_method == "free"
    # There is nothing to pay back when it is cancelled.
    assert cancel(order)
    assert not Refund.objects.exists()


def test_places_cancelled_can_be_sold_again():
    offer = OfferFactory(capacity=1)
    first = make_order({offer: 1})
    with pytest.raises(carts.CannotAdd, match="sold_out"):
        make_cart({offer: 1})
    cancel(first)
    second = make_order({offer: 1})
    assert second.state == "pending"


def test_a_family_ticket_frees_four_places():
    offer = OfferFactory(capacity=8)
    offer.tariff.tickets_per_unit = 4
    offer.tariff.save()
    order = make_order({offer: 2})
    assert (order.tickets.count(), places.left([offer.allotment_id])[offer.allotment_id]) == (8, 0)
    assert len(set(order.tickets.values_list("code", flat=True))) == 8
    cancel(order)
    assert places.left([offer.allotment_id])[offer.allotment_id] == 8


# --- time ------------------------------------------------------------------------------------------------


def bank_order(now):
    return make_order(method="bank_transfer", now=now)


def test_a_bank_transfer_is_reminded_after_five_days_once():
    start = NOW()
    order = bank_order(start)
    make_order(method="on_site", now=start)
    assert reminders.remind(start + 5 * DAY - timedelta(minutes=1)) == 0
    assert reminders.remind(start + 5 * DAY) == 1
    assert reminders.remind(start + 6 * DAY) == 0
    mail = Mail.objects.get(kind="order_reminder")
    assert mail.about == {"order": order.pk}


def test_who_paid_or_cancelled_is_not_reminded():
    start = NOW()
    pay(bank_order(start))
    cancel(bank_order(start))
    waits = bank_order(start)
    assert reminders.remind(start + 6 * DAY) == 1
    assert Mail.objects.get(kind="order_reminder").about == {"order": waits.pk}


def end_of_day(start: datetime, days: int) -> datetime:
    """Return the end of the day this many days after ``start``, in Zurich, the time zone of these organisers."""
    last = start.astimezone(ZoneInfo("Europe/Zurich")).date() + timedelta(days=days)
    return datetime.combine(last + DAY, time.min, ZoneInfo("Europe/Zurich"))


def test_a_bank_transfer_expires_after_ten_days():
    start = NOW()
    order = bank_order(start)
    end = order.expires_at
    assert end == end_of_day(start, 10)
    assert orders.expire_overdue(end - timedelta(seconds=1)) == 0
    assert orders.expire_overdue(end) == 1
    assert orders.expire_overdue(end + DAY) == 0
    order.refresh_from_db()
    assert order.state == "expired"
    assert Mail.objects.filter(kind="order_expired").count() == 1


def test_the_organiser_sets_both_times():
    start = NOW()
    pos = PointOfSaleFactory(organiser__bank_reminder_days=1, organiser__bank_expiry_days=2)
    order = make_order({OfferFactory(pos=pos): 1}, method="bank_transfer", now=start)
    assert order.expires_at == end_of_day(start, 2)
    assert reminders.remind(start + DAY) == 1


def test_no_order_is_kept_longer_than_until_the_event_begins():
    start = NOW()
    offer = OfferFactory()
    offer.session.starts_at, offer.session.ends_at = start + 3 * DAY, start + 4 * DAY
    offer.session.save()
    for method in ("bank_transfer", "on_site"):
        order = make_order({offer: 1}, method=method, now=start)
        assert order.expires_at == start + 3 * DAY


def test_of_two_dates_the_earlier_one_counts_and_an_hour_remains_to_pay():
    start = NOW()
    pos = PointOfSaleFactory()
    soon, later = OfferFactory(pos=pos), OfferFactory(pos=pos)
    soon.session.starts_at, soon.session.ends_at = start + timedelta(minutes=20), start + DAY
    soon.session.save()
    order = make_order({later: 1, soon: 1}, now=start)
    assert order.expires_at == start + timedelta(hours=1)


def test_a_free_order_never_expires():
    order = make_order({OfferFactory(price=Decimal(0)): 1})
    assert order.expires_at is None
    assert orders.expire_overdue(NOW() + 400 * DAY) == 0


# --- the same cart twice ------------------------------------------------------------------------------------


def test_the_same_cart_placed_twice_is_one_order():
    offer = OfferFactory(capacity=5)
    cart = make_cart({offer: 2})
    content = cart.lines.get()
    first = place(cart)
    again = orders.place(
        cart,
        method="on_site",
        content_hash=first.content_hash,
        user=None,
        language="en",
        now=NOW(),
    )
    assert first == again
    assert (Order.objects.count(), Mail.objects.count(), content.quantity) == (1, 1, 2)
    assert places.left([offer.allotment_id])[offer.allotment_id] == 3


def test_other_content_under_the_same_key_is_refused():
    cart = make_cart()
    place(cart)
    with pytest.raises(orders.CannotPlace, match="conflict"):
        orders.place(cart, method="on_site", content_hash="another", user=None, language="en", now=NOW())


def test_a_cart_that_is_gone_places_nothing():
    cart = make_cart()
    key = cart.pk
    cart.delete()
    cart.pk = key
    with pytest.raises(orders.CannotPlace, match="gone"):
        orders.place(cart, method="on_site", content_hash="", user=None, language="en", now=NOW())


def test_pass_keeps_the_number_of_entries_that_was_sold():
    season_pass = SeasonPassFactory(entries=5)
    sold = make_order({season_pass: 1}).passes.get()
    season_pass.entries = None
    season_pass.save()
    sold.refresh_from_db()
    assert (sold.entries, sold.entries_left) == (5, 5)
    assert make_order({season_pass: 1}).passes.get().entries_left is None
