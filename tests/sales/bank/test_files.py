"""Payments of bank files are stored once, whatever the bank writes and however often the file comes."""

from decimal import Decimal
from functools import partial

import pytest
from django.utils import timezone

from tests.at_once import at_once, meet
from tests.factories.catalogue import OfferFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.sales import PaymentMethodFactory
from tests.sales.bank.bank import DAY, OWN, booked, entries, singly, store, waiting
from ticketshop.demo.bank_files import Booking, Paid, Statement, write
from ticketshop.sales.bank import camt, files
from ticketshop.sales.bank import entries as actions
from ticketshop.sales.models import BankEntry, BankFile

pytestmark = [pytest.mark.django_db, pytest.mark.scenario("PAY-14")]
NOW = timezone.now()
NO_BANK_REFERENCE = {"bank_reference": ""}


@pytest.fixture
def organiser():
    pos = PointOfSaleFactory()
    PaymentMethodFactory(point_of_sale=pos, code="bank_transfer")
    OfferFactory(pos=pos)
    return pos.organiser


def counts(result: files.Result) -> tuple[int, int]:
    return result.new, result.known


FORTY = Paid(Decimal(40), payer="Ada", text="Thanks")


def test_stored_payment_has_the_values_of_the_file_and_no_other(organiser):
    result = store(
        organiser, booked(Paid(Decimal(40), "RF28KPWX9T7G", payer="Ada", text="Hello"), bank_reference="B")
    )
    (entry,) = entries()
    assert result.file == entry.file
    assert (entry.kind, entry.state, entry.account, entry.booked_on) == ("credit", "open", OWN, DAY)
    assert (entry.amount, entry.currency, entry.payer) == (Decimal("40.00"), "CHF", "Ada")
    assert (entry.references, entry.text) == ("KPWX-9T7G", "RF28KPWX9T7G Hello")


@pytest.mark.parametrize("bank_reference", ["B-1", ""])
@pytest.mark.parametrize(
    "second", [{}, {"kind": "camt.054", "number": "OTHER"}, {"version": "08"}, {"version": "02"}]
)
def test_same_payment_in_a_second_file_is_known(organiser, bank_reference, second):
    booking = booked(FORTY, bank_reference=bank_reference)
    assert counts(store(organiser, booking)) == (1, 0)
    result = store(organiser, booking, **second)
    assert (counts(result), result.file, len(entries())) == ((0, 1), None, 1)
    assert BankFile.objects.count() == 1


@pytest.mark.parametrize("bank_reference", ["B-1", ""])
def test_overlapping_file_adds_only_what_is_new(organiser, bank_reference):
    booking = booked(FORTY, bank_reference=bank_reference)
    store(organiser, booking)
    other = booked(Paid(Decimal(50), payer="Bea"), bank_reference="B-2")
    assert counts(store(organiser, booking, other)) == (1, 1)
    assert [entry.amount for entry in entries()] == [40, 50]


@pytest.mark.parametrize("bank_reference", ["B-1", ""])
def test_two_equal_payments_in_one_file_are_two_and_stay_two(organiser, bank_reference):
    booking = booked(FORTY, bank_reference=bank_reference)
    assert counts(store(organiser, booking, booking)) == (2, 0)
    assert counts(store(organiser, booking, booking)) == (0, 2)
    assert counts(store(organiser, booking)) == (0, 1)
    assert counts(store(organiser, booking, booking, booking)) == (1, 2)


def test_other_payers_without_any_reference_are_other_payments(organiser):
    store(organiser, booked(FORTY, **NO_BANK_REFERENCE))
    other = Paid(FORTY.amount, payer="Bea", text=FORTY.text)
    assert counts(store(organiser, booked(other, **NO_BANK_REFERENCE), kind="camt.054")) == (1, 0)


@pytest.mark.parametrize("references", [("T-1", "T-2"), ("", ""), ("B-1", "B-1")])
def test_payments_of_one_booking_are_several(organiser, references):
    one, two = references
    booking = booked(
        Paid(Decimal(40), payer="Ada", bank_reference=one),
        Paid(Decimal(40), payer="Bea", bank_reference=two),
        bank_reference="B-1",
    )
    assert counts(store(organiser, booking)) == (2, 0)
    assert counts(store(organiser, booking, kind="camt.054")) == (0, 2)


def booking_and_its_payments() -> tuple[Booking, Booking]:
    payments = [Paid(Decimal(40), bank_reference="T-1"), Paid(Decimal(60), bank_reference="T-2")]
    return booked(*payments, bank_reference="B-1", listed=False), booked(*payments, bank_reference="B-1")


@pytest.mark.parametrize("first", [True, False])
def test_booking_is_replaced_by_its_payments_from_another_file(organiser, first):
    summed, listed = booking_and_its_payments()
    if first:
        assert counts(store(organiser, summed)) == (1, 0)
        assert [(e.amount, e.payments) for e in entries()] == [(100, 2)]
    assert counts(store(organiser, listed, kind="camt.054")) == (2, 0)
    if not first:
        assert counts(store(organiser, summed)) == (0, 1)
    open_ones = BankEntry.objects.filter(state="open").order_by("pk")
    assert [entry.amount for entry in open_ones] == [40, 60]
    assert list(BankEntry.objects.exclude(state="open").values_list("state", flat=True)) == (
        ["listed"] if first else []
    )


def test_payments_of_a_booking_that_was_recorded_as_a_whole_are_known(organiser):
    summed, listed = booking_and_its_payments()
    store(organiser, summed)
    order = waiting(OfferFactory(pos=organiser.points_of_sale.get()))
    assert actions.record(entries()[0], order, by=None, now=NOW)
    other = Paid(Decimal(5), bank_reference="T-9")
    assert counts(store(organiser, listed, booked(other), kind="camt.054")) == (1, 2)
    assert [entry.amount for entry in entries()] == [100, 5]
    assert store(organiser, listed, kind="camt.054").file is None
    assert len(entries()) == 2


def store_both_at_once(organiser, monkeypatch) -> list[str]:
    """Store a booking and its payments at the same time. Return the states of the rows.

    The calls meet when they have written their rows, and once more when they have looked for those of the other.
    """
    close = files._close_bookings
    monkeypatch.setattr(files, "_close_bookings", lambda *args: (meet(), close(*args), meet()))
    at_once(*[partial(store, organiser, booking) for booking in booking_and_its_payments()])
    return [entry.state for entry in entries() if entry.state == "open"]


@pytest.mark.django_db(transaction=True)
def test_booking_and_its_payments_in_two_files_at_once_are_listed_once(organiser, monkeypatch):
    assert len(store_both_at_once(organiser, monkeypatch)) == 2


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_the_same_money_would_be_listed_twice(organiser, monkeypatch):
    monkeypatch.setattr(files, "_lock", lambda organiser: None)
    assert len(store_both_at_once(organiser, monkeypatch)) == 3


def test_only_the_organisers_own_accounts_are_stored(organiser):
    other = PointOfSaleFactory()
    theirs = "CH5800791123000889012"
    PaymentMethodFactory(
        point_of_sale=other, code="bank_transfer", settings={"account_holder": "B", "iban": theirs}
    )
    bookings = [booked(FORTY, bank_reference="B-1")]
    content = write([Statement(theirs, bookings), Statement(OWN, bookings)])
    result = files.store(organiser, camt.read(content), by=None, now=NOW)
    assert (counts(result), result.foreign) == ((1, 0), [theirs])
    assert [entry.account for entry in entries()] == [OWN]
    result = files.store(other.organiser, camt.read(content), by=None, now=NOW)
    assert (counts(result), result.foreign) == ((1, 0), [OWN])
    assert {(e.organiser_id, e.account) for e in entries()} == {
        (organiser.pk, OWN),
        (other.organiser_id, theirs),
    }


def test_iban_typed_with_spaces_and_small_letters_is_an_own_account(organiser):
    PaymentMethodFactory._meta.model.objects.update(settings={"iban": "ch93 0076 2011 6238 5295 7"})
    assert counts(store(organiser, booked(FORTY))) == (1, 0)


def test_debits_and_pending_bookings_are_counted_only(organiser):
    result = store(
        organiser,
        *singly(FORTY),
        Booking([FORTY], DAY, credit=False),
        Booking([FORTY], DAY, state="PDNG"),
    )
    assert (counts(result), result.left_out) == ((1, 0), 2)
    assert (result.file.left_out, result.file.new) == (2, 1)
