"""One transfer for several orders: the proposed amounts, what becomes of the orders, and of the payer."""

from decimal import Decimal
from functools import partial

import pytest
from django.utils import timezone

from privacy.erasure import erasing
from tests.at_once import at_once, meet
from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import make_staff
from tests.factories.sales import BUYER
from tests.sales.bank.bank import booked, entries, store, waiting
from tests.staff import Staff, change
from ticketshop.demo.bank_files import Booking, Paid
from ticketshop.sales.bank import entries as actions
from ticketshop.sales.bank import proposals
from ticketshop.sales.models import BankEntry, Order, Payment, Refund
from ticketshop.sales.orders import books, orders

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.scenario("PAY-14"),
    pytest.mark.usefixtures("the_books_add_up"),
]
NOW = timezone.now


def transfer(*named: Order, amount: object, **values) -> Booking:
    text = " and ".join(order.reference for order in named)
    return booked(Paid(Decimal(str(amount)), text=text, payer="Zq Payer"), **values)


def two(offer) -> tuple[Order, Order]:
    """Two orders, for 35 and 70 francs, of two buyers."""
    return waiting(offer), waiting(offer, 2, buyer={**BUYER, "email": "other@example.org"})


def states(*rows: Order) -> list[str]:
    return [Order.objects.get(pk=order.pk).state for order in rows]


def proposed(entry: BankEntry) -> list[Decimal]:
    return [share.amount for share in proposals.shares(entry)]


def open_page(staff: Staff, entry: BankEntry) -> None:
    staff.open(f"{change(entry).removesuffix('change/')}divide/")


def test_staff_divide_a_transfer_among_the_orders_it_names_and_the_same_file_changes_nothing(pos, offer):
    first, second = two(offer)
    booking = transfer(first, second, amount=105)
    store(pos.organiser, booking)
    (entry,) = entries()
    assert entry.text_key, "the bank gave no reference"
    staff = Staff(make_staff(pos.organiser, "accounting"))
    open_page(staff, entry)
    name = f"order{first.pk}"
    page = staff.fill(name, {name: "40"})
    assert "together, and CHF 105.00 came" in page.text
    assert states(first, second) == ["pending", "pending"]
    page = staff.fill(name, {name: "35"})
    assert f"{first.reference}: The order is paid" in page.text
    assert states(first, second) == ["paid", "paid"]
    whole, *parts = entries()
    assert (whole.state, whole.payer, whole.text, whole.text_key) == ("divided", "", "", "")
    assert [(part.order, part.amount, part.payer) for part in parts] == [
        (first, Decimal(35), "Zq Payer"),
        (second, Decimal(70), "Zq Payer"),
    ]
    assert store(pos.organiser, booking).new == 0
    page = staff.open(change(whole))
    assert first.reference in page.text
    assert "Divide among orders" not in page.text


def test_proposal_pays_the_orders_in_turn_and_gives_the_rest_to_the_first(pos, offer):
    first, second = two(offer)
    store(pos.organiser, transfer(first, second, amount=50), transfer(first, second, amount=120))
    little, much = entries()
    assert proposed(little) == [Decimal(35), Decimal(15)]
    assert proposed(much) == [Decimal(50), Decimal(70)]
    amounts = {first.pk: Decimal(50), second.pk: Decimal(70)}
    assert actions.divide(much, amounts, by=None, now=NOW()) == [first, second]
    assert Refund.objects.get().amount == Decimal(15)
    assert actions.divide(much, amounts, by=None, now=NOW()) == []
    assert proposed(much) == []


def test_order_that_changed_while_the_page_was_open_is_proposed_anew(pos, offer):
    first, second = two(offer)
    store(pos.organiser, transfer(first, second, amount=105))
    (entry,) = entries()
    staff = Staff(make_staff(pos.organiser, "accounting"))
    open_page(staff, entry)
    orders.cancel(second, by=None, now=NOW())
    assert "An order has changed meanwhile" in staff.fill(f"order{first.pk}", {}).text
    assert states(first, second) == ["pending", "cancelled"]


def test_payment_that_was_divided_while_the_page_was_open_is_not_divided_again(pos, offer):
    first, second = two(offer)
    store(pos.organiser, transfer(first, second, amount=105))
    (entry,) = entries()
    staff = Staff(make_staff(pos.organiser, "accounting"))
    open_page(staff, entry)
    amounts = {first.pk: Decimal(35), second.pk: Decimal(70)}
    assert actions.divide(entry, amounts, by=None, now=NOW())
    assert "This payment was dealt with already." in staff.fill(f"order{first.pk}", {}).text
    assert BankEntry.objects.filter(state="recorded").count() == 2


@pytest.mark.parametrize("amounts", [(35, 60), (105, 0), (-5, 110)])
def test_other_sums_are_refused(pos, offer, amounts):
    first, second = two(offer)
    store(pos.organiser, transfer(first, second, amount=105))
    (entry,) = entries()
    parts = {first.pk: Decimal(amounts[0]), second.pk: Decimal(amounts[1])}
    with pytest.raises(ValueError, match="parts"):
        actions.divide(entry, parts, by=None, now=NOW())


def test_orders_of_others_and_bookings_that_a_list_may_follow_are_not_divided(pos, offer):
    first, second = two(offer)
    foreign = waiting(OfferFactory())
    of_two = transfer(first, second, amount=105, bank_reference="X")
    store(pos.organiser, transfer(first, foreign, amount=70), of_two)
    BankEntry.objects.filter(references__contains=second.reference).update(payments=2)
    assert [proposed(entry) for entry in entries()] == [[], []]
    amounts = {first.pk: Decimal(35), foreign.pk: Decimal(35)}
    assert actions.divide(entries()[0], amounts, by=None, now=NOW()) == []


def test_erasure_of_one_buyer_takes_the_payer_of_that_part_only(pos, offer):
    first, second = two(offer)
    store(pos.organiser, transfer(first, second, amount=105))
    (entry,) = entries()
    actions.divide(entry, {first.pk: Decimal(35), second.pk: Decimal(70)}, by=None, now=NOW())
    orders.cancel(Order.objects.get(pk=first.pk), by=None, now=NOW(), pay_back=Decimal(0))
    erasing.erase(first.buyer, by=None, now=NOW())
    _whole, one, other = entries()
    assert (one.payer, one.text, one.text_key, one.amount) == ("", "", "", Decimal(35))
    assert other.payer == "Zq Payer"


# --- two at once --------------------------------------------------------------------------------------------
def divide_twice(pos, offer) -> int:
    first, second = two(offer)
    store(pos.organiser, transfer(first, second, amount=105, bank_reference="B-1"))
    (entry,) = entries()
    amounts = {first.pk: Decimal(35), second.pk: Decimal(70)}
    at_once(*[partial(actions.divide, entry, amounts, by=None, now=NOW())] * 2)
    return Payment.objects.filter(state="confirmed").count()


def meet_when_open(monkeypatch, *, locked: bool) -> None:
    """Let two calls meet between reading the state of the payment and writing it, with or without the locks."""
    original = actions._is_open

    def then_meet(entry):
        answer = original(entry) if locked else BankEntry.objects.filter(pk=entry.pk, state="open").exists()
        meet()
        return answer

    monkeypatch.setattr(actions, "_is_open", then_meet)
    if not locked:
        monkeypatch.setattr(actions, "_locked", lambda order: order)


@pytest.mark.django_db(transaction=True)
def test_two_who_divide_the_same_payment_at_once_record_it_once(pos, offer, monkeypatch):
    meet_when_open(monkeypatch, locked=True)
    assert divide_twice(pos, offer) == 2


@pytest.mark.django_db(transaction=True)
def test_without_the_locks_the_same_payment_would_be_divided_twice(pos, offer, monkeypatch):
    meet_when_open(monkeypatch, locked=False)
    assert divide_twice(pos, offer) == 4
    (whole,) = BankEntry.objects.filter(part_of=None)
    assert books.check()["I2"] == [f"payment of a bank file {whole.pk}"]
    whole.parts.all().delete()
    whole.delete()
