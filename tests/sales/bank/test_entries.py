"""Orders and money after payments of bank files are recorded."""

from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.utils import timezone

from privacy import retention
from privacy.erasure import erasing
from tests.at_once import at_once, meet
from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.sales import BUYER, make_order
from tests.sales.bank.bank import booked, entries, paying, singly, store, waiting
from tests.staff import Staff, change
from ticketshop.demo.bank_files import Booking, Paid
from ticketshop.history import history
from ticketshop.jobs.models import Failure
from ticketshop.sales.bank import entries as actions
from ticketshop.sales.bank import proposals
from ticketshop.sales.bank.proposals import What
from ticketshop.sales.models import BankEntry, Order, Payment, Refund, Ticket
from ticketshop.sales.orders import orders
from ticketshop.sales.payments import payments

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.scenario("PAY-14"),
    pytest.mark.usefixtures("the_books_add_up"),
]
NOW = timezone.now


def propose() -> list[What]:
    rows = entries()
    found = proposals.propose(rows)
    return [found[row.pk].what for row in rows]


def all_exact(by=None) -> tuple[int, int]:
    return actions.request_exact(BankEntry.objects.all(), by=by, now=NOW())


def fresh(order) -> Order:
    return Order.objects.get(pk=order.pk)


# --- proposals -------------------------------------------------------------------------------------------------
def test_every_payment_is_compared_with_its_order(pos, offer):
    exact, little, much, paid, ended, over = (waiting(offer) for _number in range(6))
    payments.receive(paid, paid.total, by=None, now=NOW())
    orders.expire(ended, now=NOW())
    orders.cancel(over, by=None, now=NOW())
    both = f"{exact.reference} and {little.reference}"
    other = Paid(Decimal(35), text="Rent")
    many = Booking([other, other], booked(other).day, bank_reference="X", listed=False)
    back = Booking([paying(paid)], booked(other).day, bank_reference="Y", credit=False, reversal=True)
    returned = Booking([other], booked(other).day, bank_reference="Z", reversal=True)
    store(
        pos.organiser,
        *singly(
            paying(exact),
            paying(little, 30),
            paying(much, 40),
            paying(paid),
            paying(ended),
            paying(over),
            other,
            Paid(Decimal(35), text=both),
            paying(exact),
        ),
        *(many, back, returned),
    )
    assert propose() == [
        What.EXACT,
        What.TOO_LITTLE,
        What.TOO_MUCH,
        What.PAID_TWICE,
        What.EXPIRED,
        What.CANCELLED,
        What.UNKNOWN,
        What.SEVERAL,
        What.PAID_TWICE,  # the first one's order, once more
        What.COLLECTIVE,
        What.TAKEN_BACK,
        What.RETURNED,
    ]


def test_rest_of_a_part_payment_is_exact(pos, offer):
    order = waiting(offer)
    payments.receive(order, Decimal(30), by=None, now=NOW())
    store(pos.organiser, *singly(paying(order, 5), paying(order)))
    assert propose() == [What.EXACT, What.PAID_TWICE]
    assert all_exact() == (1, 0)
    assert fresh(order).state == "paid"


def test_reference_in_free_text_names_the_order_and_another_organisers_does_not(pos, offer):
    order = waiting(offer)
    foreign = waiting(OfferFactory(pos=PointOfSaleFactory()))
    store(
        pos.organiser,
        *singly(
            Paid(order.total, text=f"tickets {order.reference.lower()} thanks"),
            Paid(foreign.total, text=foreign.reference),
            paying(foreign),
        ),
    )
    assert propose() == [What.EXACT, What.UNKNOWN, What.UNKNOWN]


def test_other_currency_is_not_recorded(pos, offer):
    order = waiting(offer)
    store(pos.organiser, *singly(paying(order)))
    BankEntry.objects.update(currency="EUR")
    assert propose() == [What.OTHER_CURRENCY]
    assert all_exact() == (0, 0)
    assert not actions.record(entries()[0], order, by=None, now=NOW())
    assert (fresh(order).state, entries()[0].state) == ("pending", "open")


def test_number_of_queries_is_the_same_for_any_number(pos, offer, django_assert_num_queries):
    for count in (1, 3):
        rows = [waiting(offer) for _number in range(count)]
        store(pos.organiser, *[booked(paying(order), bank_reference=order.reference) for order in rows])
        found = entries()
        with django_assert_num_queries(3):
            proposals.propose(found)


# --- recording ---------------------------------------------------------------------------------------------------
def test_one_click_records_all_exact_payments_and_leaves_the_others(pos, offer):
    staff = make_staff(pos.organiser, "accounting")
    first, second, third = (waiting(offer) for _number in range(3))
    store(pos.organiser, *singly(paying(first), paying(second), paying(third, 30), paying(first)))
    assert all_exact(by=staff) == (2, 0)
    assert [entry.state for entry in entries()] == ["recorded", "recorded", "open", "open"]
    assert [fresh(order).state for order in (first, second, third)] == ["paid", "paid", "pending"]
    assert {ticket.state for ticket in Ticket.objects.filter(order__in=[first, second])} == {"valid"}
    entry = entries()[0]
    assert (entry.order, entry.handled_by) == (first, staff)
    assert (entry.payment.amount, entry.payment.confirmed_by) == (Decimal("35.00"), staff)
    done = [(event.action, event.by) for event in history.of(first)]
    assert ("bank_entry", staff) in done and ("paid", staff) in done
    assert all_exact(by=staff) == (0, 0)


def test_more_payments_than_one_request_takes_are_recorded_by_the_job(pos, offer, monkeypatch):
    monkeypatch.setattr(actions, "AT_ONCE", 1)
    staff = make_staff(pos.organiser, "owner")
    made = [waiting(offer) for _number in range(3)]
    store(pos.organiser, *singly(*map(paying, made)))
    assert all_exact(by=staff) == (1, 2)
    assert actions.RECORD.run(NOW()) == 2
    assert {fresh(order).state for order in made} == {"paid"}
    assert {entry.handled_by for entry in entries()} == {staff}


def test_order_that_changed_before_the_job_came_leaves_the_payment_open(pos, offer, monkeypatch):
    monkeypatch.setattr(actions, "AT_ONCE", 0)
    order = waiting(offer)
    store(pos.organiser, *singly(paying(order)))
    assert all_exact() == (0, 1)
    orders.cancel(order, by=None, now=NOW())
    assert actions.RECORD.run(NOW()) == 0
    (entry,) = entries()
    assert (entry.state, entry.requested_at, Refund.objects.count()) == ("open", None, 0)


def test_one_payment_that_fails_does_not_stop_the_others(pos, offer, monkeypatch):
    made = [waiting(offer) for _number in range(3)]
    store(pos.organiser, *singly(*map(paying, made)))
    receive = payments.receive

    def failing(order, *args, **values):
        if order.pk == made[1].pk:
            raise RuntimeError
        return receive(order, *args, **values)

    monkeypatch.setattr(payments, "receive", failing)
    assert all_exact() == (2, 1)
    assert [fresh(order).state for order in made] == ["paid", "pending", "paid"]
    assert Failure.objects.get().job == "sales.record_bank_entries"
    monkeypatch.setattr(payments, "receive", receive)
    Failure.objects.update(next_at=NOW())
    assert actions.RECORD.try_again(NOW()) == 1
    assert (fresh(made[1]).state, Failure.objects.count()) == ("paid", 0)


@pytest.mark.parametrize(
    "amount, state, back", [("30", "pending", []), ("40", "paid", [Decimal("5.00")]), ("35", "paid", [])]
)
def test_amount_decides_what_becomes_of_a_pending_order(pos, offer, amount, state, back):
    order = waiting(offer)
    store(pos.organiser, *singly(paying(order, amount)))
    assert actions.record(entries()[0], order, by=None, now=NOW())
    assert (fresh(order).state, list(Refund.objects.values_list("amount", flat=True))) == (state, back)
    assert entries()[0].payment.amount == Decimal(amount)


@pytest.mark.scenario("PAY-07")
@pytest.mark.parametrize("free", [True, False])
def test_late_transfer_revives_an_expired_order_or_is_listed_to_be_paid_back(pos, offer, free):
    order = waiting(offer)
    orders.expire(order, now=NOW())
    if not free:
        make_order({offer: 9}, buyer={**BUYER, "first_name": "Ada", "email": "ada@example.org"}, paid=True)
    store(pos.organiser, *singly(paying(order)))
    assert propose() == [What.EXPIRED]
    assert actions.record(entries()[0], order, by=None, now=NOW())
    assert (fresh(order).state, Refund.objects.count()) == (("paid", 0) if free else ("expired", 1))


def test_money_for_paid_and_cancelled_orders_is_listed_to_be_paid_back(pos, offer):
    paid, over = waiting(offer), waiting(offer)
    payments.receive(paid, paid.total, by=None, now=NOW())
    orders.cancel(over, by=None, now=NOW())
    store(pos.organiser, *singly(paying(paid), paying(over)))
    for entry, order in zip(entries(), (paid, over), strict=True):
        assert actions.record(entry, order, by=None, now=NOW())
    assert list(Refund.objects.values_list("amount", flat=True)) == [Decimal(35)] * 2
    assert [fresh(order).state for order in (paid, over)] == ["paid", "cancelled"]


def test_transfer_for_an_order_of_another_method_is_a_payment_by_transfer(pos, offer):
    waiting(offer)  # the example account becomes one of this shop's
    order = make_order({offer: 1}, method="on_site")
    store(pos.organiser, *singly(Paid(order.total, text=order.reference)))
    assert actions.record(entries()[0], order, by=None, now=NOW())
    assert fresh(order).state == "paid"
    assert entries()[0].payment.method == "bank_transfer"


def test_order_of_another_organiser_is_refused(pos, offer):
    waiting(offer)  # the example account becomes one of this shop's
    foreign = waiting(OfferFactory(pos=PointOfSaleFactory()))
    store(pos.organiser, *singly(Paid(Decimal(35))))
    assert not actions.record(entries()[0], foreign, by=None, now=NOW())
    assert (fresh(foreign).state, entries()[0].state) == ("pending", "open")


def test_largest_amount_that_a_file_may_contain_is_recorded_and_the_rest_is_listed_to_be_paid_back(
    pos, offer
):
    order = waiting(offer)
    largest = Decimal("999999999999.99")
    store(pos.organiser, *singly(paying(order, largest)))
    assert actions.record(entries()[0], order, by=None, now=NOW())
    assert fresh(order).state == "paid"
    assert Refund.objects.get().amount == largest - order.total


def test_payment_is_recorded_once(pos, offer):
    order = waiting(offer)
    store(pos.organiser, *singly(paying(order)))
    (entry,) = entries()
    assert actions.record(entry, order, by=None, now=NOW())
    assert not actions.record(entry, order, by=None, now=NOW())
    assert Payment.objects.filter(order=order, state="confirmed").count() == 1


def test_payment_set_aside_is_not_recorded_until_it_is_opened_again(pos, offer):
    order = waiting(offer)
    store(pos.organiser, *singly(paying(order)))
    (entry,) = entries()
    assert actions.set_aside(entry, BankEntry.State.NOT_OURS, by=None, now=NOW())
    assert not actions.set_aside(entry, BankEntry.State.DONE, by=None, now=NOW())
    assert not actions.record(entry, order, by=None, now=NOW())
    assert all_exact() == (0, 0)
    assert actions.reopen(entry, by=None, now=NOW())
    assert not actions.reopen(entry, by=None, now=NOW())
    assert all_exact() == (1, 0)


# --- two at once -------------------------------------------------------------------------------------------------
def record_twice(pos, offer) -> list[Decimal]:
    """Record the same payment by two members of staff at the same time. Return the amounts that were recorded."""
    order = waiting(offer)
    store(pos.organiser, *singly(paying(order)))
    (entry,) = entries()
    at_once(*[partial(actions.record, entry, order, by=None, now=NOW())] * 2)
    return [payment.amount for payment in Payment.objects.filter(order=order, state="confirmed")]


def meet_when_open(monkeypatch, *, locked: bool) -> None:
    """Let two calls meet between reading the state of the payment and writing it, with or without the locks."""
    original = actions._is_open

    def then_meet(entry):
        answer = original(entry) if locked else BankEntry.objects.filter(pk=entry.pk, state="open").exists()
        meet()
        return answer

    monkeypatch.setattr(actions, "_is_open", then_meet)
    if not locked:
        monkeypatch.setattr(actions, "_locked", lambda order: Order.objects.get(pk=order.pk))


@pytest.mark.django_db(transaction=True)
def test_two_who_record_the_same_payment_at_once_record_it_once(pos, offer, monkeypatch):
    meet_when_open(monkeypatch, locked=True)
    assert record_twice(pos, offer) == [Decimal("35.00")]
    assert Refund.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_without_the_locks_the_same_payment_would_be_recorded_twice(pos, offer, monkeypatch):
    meet_when_open(monkeypatch, locked=False)
    assert record_twice(pos, offer) == [Decimal("35.00")] * 2


# --- what stays of the payer -----------------------------------------------------------------------------------------
def test_payer_and_text_are_erased_some_time_after_the_payment_was_dealt_with(pos, offer):
    order = waiting(offer)
    unknown = Paid(Decimal(12), text="Zq hello", payer="Zq Payer")
    store(pos.organiser, *singly(paying(order)), booked(unknown))
    all_exact()
    BankEntry.objects.filter(state="recorded").update(handled_at=NOW() - timedelta(days=61))
    retention.run(NOW())
    recorded, still_open = entries()
    assert (recorded.payer, recorded.text, recorded.amount) == ("", "", Decimal(35))
    assert recorded.references == order.reference
    assert (still_open.payer, still_open.text) == ("Zq Payer", "Zq hello")
    # The same file again still changes nothing.
    assert store(pos.organiser, *singly(paying(order))).new == 0


def test_erasure_of_the_buyer_takes_payer_and_text_and_leaves_the_figures(pos, offer):
    order = waiting(offer)
    store(pos.organiser, *booked_with_text(order))
    all_exact()
    assert entries()[0].payer == "Zq Payer"
    erasing.erase(order.buyer, by=None, now=NOW(), bearer=True)
    (entry,) = entries()
    assert (entry.payer, entry.text, entry.text_key) == ("", "", "")
    assert (entry.amount, entry.references, entry.order_id) == (Decimal(35), order.reference, order.pk)


def booked_with_text(order) -> list[Booking]:
    """Return a booking without a reference of the bank, so that it is recognised by its text."""
    return [booked(paying(order, text="Zq greetings"))]


def test_money_that_the_bank_took_back_is_recorded_for_no_order(offer, pos):
    order = waiting(offer)
    store(pos.organiser, booked(paying(order), bank_reference="B-1", credit=False, reversal=True))
    (entry,) = entries()
    assert entry.kind == BankEntry.Kind.TAKEN_BACK
    staff = Staff(make_staff(pos.organiser))
    page = staff.open(f"{change(entry).removesuffix('change/')}assign/?order={order.pk}")
    assert "No money came by this payment" in page.text
    assert not actions.record(entry, order, by=None, now=NOW())
    assert fresh(order).state == Order.State.PENDING
