"""Bank files in the shapes in which Swiss banks write them (made up, in the folder ``shapes``)."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from django.utils import timezone

from tests.factories.organisers import PointOfSaleFactory
from tests.factories.sales import PaymentMethodFactory
from ticketshop.sales.bank import camt, files
from ticketshop.sales.bank.camt import Kind
from ticketshop.sales.models import BankEntry

pytestmark = pytest.mark.scenario("PAY-14")
SHAPES = Path(__file__).parent / "shapes"
DAY = date(2026, 11, 27)
RF = "RF28KPWX9T7G"


def content(name: str) -> bytes:
    return (SHAPES / name).read_bytes()


def test_packet_of_slips_lists_each_payment_without_the_codes_of_the_bank():
    (account,) = camt.read(content("packet_of_slips_04.xml")).accounts
    assert [(paid.amount, paid.references, paid.text, paid.payer) for paid in account.transactions] == [
        (Decimal("70.00"), (RF,), "", "Ada Muster"),
        (Decimal("70.00"), ("000000000000000000000000003",), "Merci", ""),
        (Decimal("35.50"), (), "Commande KPWX-9T7G", "Bob Beispiel"),
    ]


def test_statement_with_other_currency_returned_money_reversal_and_unlisted_payments():
    francs, euros = camt.read(content("statement_08.xml")).accounts
    assert [(paid.kind, paid.amount, paid.currency, paid.payments) for paid in francs.transactions] == [
        (Kind.CREDIT, Decimal("47.10"), "CHF", 1),
        (Kind.RETURNED, Decimal("20.00"), "CHF", 1),
        (Kind.TAKEN_BACK, Decimal("35.00"), "CHF", 1),
        (Kind.CREDIT, Decimal("90.00"), "CHF", 5),
    ]
    first = francs.transactions[0]
    assert (first.payer, first.end_to_end, first.booked_on) == ("Söhne & Töchter GmbH", "FACT-9", DAY)
    assert (francs.debits, francs.pending, francs.unreadable) == (1, 0, 0)
    (other,) = euros.transactions
    assert (other.amount, other.currency, other.booked_on, other.text) == (
        Decimal("12.00"),
        "EUR",
        DAY,
        "Billets",
    )


@pytest.mark.django_db
def test_payments_of_one_packet_in_two_files_are_each_stored_once():
    """The bank's reference is that of the packet: two payments of the same amount differ by what the payers wrote."""
    organiser = PaymentMethodFactory(
        point_of_sale=PointOfSaleFactory(), code="bank_transfer"
    ).point_of_sale.organiser
    whole = content("packet_of_slips_04.xml")
    end = b"</ns2:TxDtls>"
    start, first, second, third, rest = _split(whole, end)
    for part in (start + second + third + rest, start + first + third + rest, whole):
        files.store(organiser, camt.read(part), by=None, now=timezone.now())
    assert sorted(BankEntry.objects.values_list("amount", "references")) == [
        (Decimal("35.50"), "KPWX-9T7G"),
        (Decimal("70.00"), ""),
        (Decimal("70.00"), "KPWX-9T7G"),
    ]


def _split(whole: bytes, end: bytes) -> list[bytes]:
    """Return what stands before the payments, the three payments, and the rest."""
    before, first, second_third = whole.partition(b"<ns2:TxDtls>")[0], *whole.split(end, 1)
    second, third, rest = second_third.split(end)
    return [before, first.removeprefix(before) + end, second + end, third + end, rest]
