"""Many actions at once, each on a separate connection: the last places, the same cart, money against time.

Each race is first shown to be real: its twin without the lock, in which all read before one writes,
oversells.
"""

import uuid
from datetime import timedelta
from functools import partial

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import F, Sum
from django.utils import timezone

from tests.at_once import at_once, meet, second
from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.sales import PaymentMethodFactory, make_cart, make_order
from tests.visitor import HttpVisitor
from tests.waiting import PATIENCE
from ticketshop.catalogue import places
from ticketshop.catalogue.models import Allotment, Hold
from ticketshop.jobs.models import Failure
from ticketshop.jobs.rows import RowJob
from ticketshop.lib.database.compiled import AnyOf, Compiled, Parameter
from ticketshop.lib.database.constraints import violated_constraint
from ticketshop.mail.models import Mail
from ticketshop.sales.cart import carts, contents
from ticketshop.sales.models import Cart, Order, OrderLine, Payment, Refund, Ticket
from ticketshop.sales.orders import orders, reminders
from ticketshop.sales.payments import payments
from ticketshop.sales.tickets import tickets

pytestmark = pytest.mark.django_db(transaction=True)

NOW = timezone.now
BUYERS, PLACES = 50, 5


@pytest.fixture(autouse=True)
def a_connection_for_everybody():
    """The pool of a web server's process is smaller: its requests wait for each other before the race begins."""
    pool = connection.settings_dict["OPTIONS"]["pool"]
    before = dict(pool)
    connection.close()
    connection.close_pool()
    pool.update(max_size=BUYERS + 5, timeout=PATIENCE)
    deadlocks = deadlocks_so_far()
    yield
    connection.close()
    connection.close_pool()  # the counters of a connection are written when it ends
    pool.clear()
    pool.update(before)
    assert deadlocks_so_far() == deadlocks


def deadlocks_so_far() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return cursor.fetchone()[0]


def outcome(call, *expected):
    """``call`` so that the exceptions that may happen are an answer too; any other one fails the test."""

    def run():
        try:
            return call()
        except expected as error:
            return error

    return run


def count(outcomes, kind) -> int:
    return sum(isinstance(found, kind) for found in outcomes)


def buyer(number: int) -> dict:
    return {"first_name": f"N{number}", "last_name": "Test", "email": f"n{number}@example.org"}


def empty_carts(offer, number=BUYERS) -> list[Cart]:
    pos = offer.session.event.points_of_sale.get()
    return [carts.open_cart(pos, user=AnonymousUser(), now=NOW()) for _ in range(number)]


def carts_without_a_hold(offer, number=BUYERS) -> list[Cart]:
    """Ready to be placed, one ticket each, when the time to do so has just run out."""
    pos = offer.session.event.points_of_sale.get()
    PaymentMethodFactory(point_of_sale=pos)
    ready = [make_cart({offer: 1}, buyer=buyer(n)) for n in range(number)]
    Hold.objects.all().delete()
    return ready


def add(cart, offer):
    return carts.add(cart, {("offer", offer.pk): 1}, now=NOW())


def place(cart, content_hash=None):
    """Place the order of a cart; give ``content_hash`` where another call may place it first and leave the cart empty."""
    return orders.place(
        cart,
        method="on_site",
        content_hash=content_hash or contents.read(cart).content_hash,
        user=AnonymousUser(),
        language="en",
        now=NOW(),
    )


def held(offer) -> int:
    return Hold.objects.filter(allotment=offer.allotment_id).aggregate(n=Sum("places"))["n"] or 0


def sold(offer) -> int:
    return Allotment.objects.get(pk=offer.allotment_id).sold


def without_the_lock(monkeypatch):
    """The twin: look without locking, let the others look, write. To hold is to look and write at once: let the others do it too
    before the transaction ends.
    """
    look, hold = places._check_free, places.hold
    unlocked = Allotment.objects.filter(pk=AnyOf("ids")).values_list("pk", "capacity", "sold")
    monkeypatch.setattr(places, "_LOCKED", Compiled(lambda: unlocked))

    def look_then_meet(need, key):
        found = look(need, key)
        meet()
        return found

    def hold_then_meet(*arguments):
        hold(*arguments)
        meet()

    monkeypatch.setattr(places, "_check_free", look_then_meet)
    monkeypatch.setattr(places, "hold", hold_then_meet)


def scarce(capacity=PLACES, **values):
    """Made with room for everybody's cart, then cut down: as if all had come at once."""
    offer = OfferFactory(capacity=BUYERS, **values)
    return offer, lambda: Allotment.objects.filter(pk=offer.allotment_id).update(capacity=capacity)


# --- the last places ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("capacity", [1, PLACES])
def test_fifty_at_once_put_the_last_places_into_their_carts(capacity):
    offer = OfferFactory(capacity=capacity)
    found = at_once(*(outcome(partial(add, cart, offer), carts.CannotAdd) for cart in empty_carts(offer)))
    assert (count(found, carts.Changed), count(found, carts.CannotAdd)) == (capacity, BUYERS - capacity)
    assert {error.reason for error in found if isinstance(error, carts.CannotAdd)} == {"sold_out"}
    assert held(offer) == capacity
    assert places.left([offer.allotment_id]) == {offer.allotment_id: 0}


def test_without_the_lock_more_are_held_than_there_are(monkeypatch):
    offer = OfferFactory(capacity=PLACES)
    all_carts = empty_carts(offer)
    without_the_lock(monkeypatch)
    at_once(*(outcome(partial(add, cart, offer), carts.CannotAdd) for cart in all_carts))
    assert held(offer) > PLACES


def test_fifty_at_once_order_the_last_places():
    offer, cut = scarce()
    all_carts = carts_without_a_hold(offer)
    cut()
    found = at_once(*(outcome(partial(place, cart), orders.CannotPlace) for cart in all_carts))
    assert (count(found, Order), count(found, orders.CannotPlace)) == (PLACES, BUYERS - PLACES)
    assert {error.code for error in found if isinstance(error, orders.CannotPlace)} == {"sold_out"}
    assert sold(offer) == PLACES
    assert OrderLine.objects.aggregate(n=Sum("places"))["n"] == PLACES
    assert (Order.objects.count(), Ticket.objects.count(), Mail.objects.count()) == (PLACES, PLACES, PLACES)
    # For the late visitor nothing has changed.
    assert Cart.objects.count() == BUYERS - PLACES


def held_and_late(held_by: int, late: int):
    """A full house: an offer, as many carts as it has places with one of them each, and carts without a hold."""
    offer = OfferFactory(capacity=held_by + late)
    pos = offer.session.event.points_of_sale.get()
    PaymentMethodFactory(point_of_sale=pos)
    first = [make_cart({offer: 1}, buyer=buyer(n)) for n in range(held_by)]
    others = [make_cart({offer: 1}, buyer=buyer(held_by + n)) for n in range(late)]
    Hold.objects.filter(key__in=[cart.key for cart in others]).delete()
    Allotment.objects.filter(pk=offer.allotment_id).update(capacity=held_by)
    return offer, first, others


def test_held_places_are_sold_to_those_who_hold_them_while_others_order_and_add_at_once():
    offer, first, others = held_and_late(8, 12)
    newcomers = empty_carts(offer, 8)
    found = at_once(
        *(outcome(partial(place, cart), orders.CannotPlace) for cart in (*others, *first)),
        *(outcome(partial(add, cart, offer), carts.CannotAdd) for cart in newcomers),
    )
    assert {type(one) for one in found[:12]} == {orders.CannotPlace}
    assert {type(one) for one in found[12:20]} == {Order}
    assert {type(one) for one in found[20:]} == {carts.CannotAdd}
    assert (sold(offer), held(offer)) == (8, 0)


def test_without_a_look_at_the_hold_the_places_of_others_are_sold(monkeypatch):
    """The twin: the one statement without its condition."""
    offer, first, others = held_and_late(1, 1)
    condition = places._SELL_HELD[
        places._SELL_HELD.index("AND EXISTS") : places._SELL_HELD.index("RETURNING")
    ]
    monkeypatch.setattr(places, "_SELL_HELD", places._SELL_HELD.replace(condition, ""))
    # The late cart has a hold of another date, so that there is one to delete.
    elsewhere = OfferFactory().allotment
    Hold.objects.create(
        allotment=elsewhere, key=others[0].key, places=1, expires_at=NOW() + timedelta(hours=1)
    )
    with transaction.atomic():
        places.reserve(others[0].key, {offer.allotment_id: 1})
    assert sold(offer) == 1
    with pytest.raises(orders.CannotPlace, match="sold_out"):
        place(first[0])


def test_without_the_lock_only_the_constraint_stands_between_us_and_an_oversold_house(monkeypatch):
    offer, cut = scarce()
    all_carts = carts_without_a_hold(offer, 20)
    cut()
    without_the_lock(monkeypatch)
    found = at_once(
        *(outcome(partial(place, cart), orders.CannotPlace, IntegrityError) for cart in all_carts)
    )
    hit = [error for error in found if isinstance(error, IntegrityError)]
    assert hit, "nobody got past the check"
    assert {violated_constraint(error) for error in hit} == {"allotment_never_oversold"}
    assert sold(offer) == PLACES


def test_under_repeatable_read_the_lock_is_not_enough():
    """Why the connection asks for READ COMMITTED: there a count after the lock sees what was written before it."""
    offer = OfferFactory(capacity=PLACES)

    def look_before_the_lock(cart):
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            assert Allotment.objects.exists()  # from here on it sees the world as it is now
            meet()
            return add(cart, offer)

    at_once(
        *(outcome(partial(look_before_the_lock, cart), carts.CannotAdd) for cart in empty_carts(offer, 20))
    )
    assert held(offer) > PLACES
    with connection.cursor() as cursor:
        cursor.execute("SHOW transaction_isolation")
        assert cursor.fetchone() == ("read committed",)


def test_buyers_over_http_share_out_the_last_places(live_server):
    offer = OfferFactory(capacity=3)
    pos = offer.session.event.points_of_sale.get()
    PaymentMethodFactory(point_of_sale=pos)
    page = f"/{pos.slug}/events/{offer.session.event.slug}/"
    visitors = [HttpVisitor(live_server.url) for _ in range(12)]
    for visitor in visitors:
        visitor.open(page)

    def buy(visitor):
        answer = visitor.fill("cart/add/", {f"offer-{offer.pk}": 1})
        if "Your cart" not in answer.text or "Sold out" in answer.text:
            return answer
        visitor.to_details()
        visitor.give_details(email=f"{uuid.uuid4().hex}@example.org")
        return visitor.place()

    answers = at_once(*(partial(buy, visitor) for visitor in visitors))
    for visitor in visitors:
        visitor.close()
    assert {answer.status for answer in answers} == {200}
    thanked = [answer for answer in answers if "Thank you" in answer.text]
    refused = [answer for answer in answers if "Sold out in the meantime" in answer.text]
    assert (len(thanked), len(refused)) == (3, 9)
    assert (sold(offer), Order.objects.count()) == (3, 3)


def test_carts_that_cross_two_allotments_do_not_wait_for_each_other_for_ever():
    pos = PointOfSaleFactory()
    one, two = OfferFactory(pos=pos), OfferFactory(pos=pos)
    several = [carts.open_cart(pos, user=AnonymousUser(), now=NOW()) for _ in range(20)]

    def both(cart, first, second):
        carts.add(cart, {("offer", first.pk): 1, ("offer", second.pk): 1}, now=NOW())

    at_once(*(partial(both, cart, *((one, two) if n % 2 else (two, one))) for n, cart in enumerate(several)))
    assert (held(one), held(two)) == (20, 20)


def test_without_the_order_of_the_keys_they_would(monkeypatch):
    """The twin: lock one row, then the other, as each cart happens to name them."""
    pos = PointOfSaleFactory()
    ids = [OfferFactory(pos=pos).allotment_id for _ in range(2)]

    def one_after_the_other(first, other):
        with transaction.atomic(), connection.cursor() as cursor:
            # The test's own fixture counts deadlocks; this one gives up before it becomes one.
            cursor.execute("SET LOCAL lock_timeout = '200ms'")
            list(Allotment.objects.select_for_update().filter(pk=first))
            meet()
            list(Allotment.objects.select_for_update().filter(pk=other))

    found = at_once(
        outcome(partial(one_after_the_other, *ids), OperationalError),
        outcome(partial(one_after_the_other, *reversed(ids)), OperationalError),
    )
    assert any("lock timeout" in str(error) for error in found)


def test_selling_and_giving_back_at_once_keeps_the_count():
    offer = OfferFactory(capacity=20)
    placed = [make_order({offer: 1}, buyer=buyer(n)) for n in range(10)]
    ready = [make_cart({offer: 1}, buyer=buyer(100 + n)) for n in range(10)]
    at_once(
        *(partial(orders.cancel, order, by=None, now=NOW()) for order in placed),
        *(partial(place, cart) for cart in ready),
    )
    assert sold(offer) == 10
    assert Order.objects.filter(state="cancelled").count() == 10


# --- the same cart ------------------------------------------------------------------------------------------


def test_the_same_cart_placed_ten_times_at_once_is_one_order():
    offer = OfferFactory(capacity=5)
    cart = make_cart({offer: 2})
    PaymentMethodFactory(point_of_sale=cart.point_of_sale)
    content_hash = contents.read(cart).content_hash
    copies = [Cart.objects.get(pk=cart.pk) for _ in range(10)]
    found = at_once(*(partial(place, copy, content_hash) for copy in copies))
    assert len({order.pk for order in found}) == 1
    assert (sold(offer), held(offer), Mail.objects.count(), Payment.objects.count()) == (2, 0, 1, 1)


def test_without_the_carts_lock_its_key_still_makes_one_order(monkeypatch):
    """The second net, for a COMMIT whose answer was lost: the key is unique."""
    offer = OfferFactory(capacity=5)
    cart = make_cart({offer: 2})
    PaymentMethodFactory(point_of_sale=cart.point_of_sale)
    unlocked = Cart.objects.filter(pk=Parameter("pk")).select_related("point_of_sale__organiser")
    monkeypatch.setattr(carts, "LOCKED", Compiled(lambda: unlocked))
    content_hash = contents.read(cart).content_hash
    copies = [Cart.objects.get(pk=cart.pk) for _ in range(5)]
    found = at_once(*(partial(place, copy, content_hash) for copy in copies))
    assert len({order.pk for order in found}) == 1
    assert (Order.objects.count(), sold(offer), Mail.objects.count()) == (1, 2, 1)


def test_ten_clicks_at_once_over_http_lead_to_the_same_page(live_server):
    offer = OfferFactory()
    pos = offer.session.event.points_of_sale.get()
    PaymentMethodFactory(point_of_sale=pos)
    visitor = HttpVisitor(live_server.url)
    visitor.add(f"/{pos.slug}/events/{offer.session.event.slug}/", **{f"offer_{offer.pk}": 1})
    visitor.to_details()
    review = visitor.give_details(email="ada@example.org")

    def click():
        finger = HttpVisitor(live_server.url)
        finger.cookies, finger.page = dict(visitor.cookies), review
        try:
            return finger.place()
        finally:
            finger.close()

    answers = at_once(*[click] * 10)
    visitor.close()
    assert {answer.status for answer in answers} == {200}
    assert len({answer.url for answer in answers}) == 1
    assert (Order.objects.count(), Mail.objects.count(), sold(offer)) == (1, 1, 1)


def test_two_tabs_add_to_one_cart():
    offer = OfferFactory()
    (cart,) = empty_carts(offer, 1)
    add(cart, offer)
    at_once(*[partial(add, Cart.objects.get(pk=cart.pk), offer) for _ in range(8)])
    line = cart.lines.get()
    assert (line.quantity, len(set(line.slots)), held(offer)) == (9, 9, 9)


def test_one_tab_orders_while_the_other_still_adds():
    for _round in range(5):
        offer = OfferFactory()
        cart = make_cart({offer: 1})
        PaymentMethodFactory(point_of_sale=cart.point_of_sale)
        twin = Cart.objects.get(pk=cart.pk)
        placed, added = at_once(
            outcome(partial(place, cart), orders.CannotPlace),
            outcome(partial(add, twin, offer), carts.CannotAdd),
        )
        if isinstance(placed, Order):
            # The order has what its page showed; what came later found no cart. Unless it came before the page.
            late = isinstance(added, carts.CannotAdd)
            assert (sold(offer), held(offer)) == (1 if late else 2, 0)
        else:
            assert placed.code == "changed"
            assert (sold(offer), held(offer)) == (0, 2)


def test_two_orders_at_once_do_not_exceed_the_maximum_per_person():
    offer = OfferFactory()
    offer.tariff.max_per_person = 1
    offer.tariff.save()
    PaymentMethodFactory(point_of_sale=offer.session.event.points_of_sale.get())
    several = [make_cart({offer: 1}) for _ in range(6)]
    found = at_once(*(outcome(partial(place, cart), orders.CannotPlace) for cart in several))
    assert count(found, Order) == 1
    assert {error.code for error in found if isinstance(error, orders.CannotPlace)} == {"rules"}


# --- money against time -------------------------------------------------------------------------------------


def confirm(order):
    return payments.confirm(Payment.objects.get(order=order), by=None, now=NOW())


ENDS = {"cancelled": partial(orders.cancel, by=None), "expired": orders.expire}


@pytest.mark.parametrize("end", ENDS)
def test_money_that_meets_the_end_of_its_order_buys_a_ticket_or_is_paid_back(end):
    offer = OfferFactory(capacity=6)
    for number in range(6):
        order = make_order({offer: 1}, buyer=buyer(number))
        same = Order.objects.get(pk=order.pk)
        confirmed, _ended = at_once(partial(confirm, order), partial(ENDS[end], same, now=NOW()))
        order.refresh_from_db()
        refunds = Refund.objects.filter(payment__order=order).count()
        assert confirmed
        # An order that has just expired becomes paid: its place is still free.
        possible = {("paid", "valid", 0)} | ({(end, "cancelled", 1)} if end == "cancelled" else set())
        assert (order.state, order.tickets.get().state, refunds) in possible
    assert sold(offer) == Order.objects.filter(state="paid").count()


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("first", ["money", "end"])
def test_second_action_on_an_order_waits_and_sees_the_first_ones_result(monkeypatch, end, first):
    """As above, with the first one held in the middle of its transaction."""
    order = make_order()
    same = Order.objects.get(pk=order.pk)
    name = "issue" if first == "money" else "cancel"
    original = getattr(tickets, name)

    def slowly(*args, **values):
        meet()
        original(*args, **values)

    monkeypatch.setattr(tickets, name, slowly)
    calls = [partial(confirm, order), partial(ENDS[end], same, now=NOW())]
    other = calls.pop(1 if first == "money" else 0)
    at_once(calls[0], second(other))
    order.refresh_from_db()
    refunds = Refund.objects.count()
    paid_and_stays_so = end == "expired"
    assert (order.state, refunds) == (("paid", 0) if paid_and_stays_so else (end, 1))


def test_a_payment_confirmed_five_times_at_once_issues_once():
    order = make_order()
    found = at_once(*[partial(confirm, order)] * 5)
    assert sorted(found) == [False] * 4 + [True]
    assert Mail.objects.filter(kind="order_paid").count() == 1


def test_an_order_cancelled_five_times_at_once_frees_its_places_once():
    offer = OfferFactory()
    make_order({offer: 3})
    order = make_order({offer: 2}, paid=True)
    copies = [Order.objects.get(pk=order.pk) for _ in range(5)]
    found = at_once(*(partial(orders.cancel, copy, by=None, now=NOW()) for copy in copies))
    assert sorted(found) == [False] * 4 + [True]
    assert (sold(offer), Refund.objects.count()) == (3, 1)


@pytest.mark.parametrize(
    ("job", "kind"), [(reminders.remind, "order_reminder"), (orders.expire_overdue, "order_expired")]
)
def test_three_workers_remind_or_expire_an_order_once(monkeypatch, job, kind):
    offer = OfferFactory()
    order = make_order({offer: 1}, method="bank_transfer", now=NOW() - timedelta(days=6))
    if kind == "order_expired":
        Order.objects.filter(pk=order.pk).update(expires_at=F("placed_at"))
    do, meetings = RowJob.do, []

    def meet_then_do(self, row, now):
        meetings.append(meet())
        return do(self, row, now)

    monkeypatch.setattr(RowJob, "do", meet_then_do)
    assert sorted(at_once(*[partial(job, NOW())] * 3)) == [0, 0, 1]
    assert meetings == [3] * 3, "each worker has read the order before one of them writes"
    assert not Failure.objects.exists(), "the others did not fail: they found the work done"
    assert Mail.objects.filter(kind=kind).count() == 1
    assert sold(offer) == (0 if kind == "order_expired" else 1)
