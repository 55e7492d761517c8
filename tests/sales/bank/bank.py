"""Orders that wait for a transfer, and bank files about them, for tests."""

from datetime import date
from decimal import Decimal

from django.utils import timezone

from tests.factories.sales import make_order
from ticketshop.demo.bank_files import Booking, Paid, Statement, write
from ticketshop.sales.bank import camt, files
from ticketshop.sales.models import BankEntry, Order

OWN = "CH9300762011623852957"  # the account of ``tests.factories.sales.EXAMPLES``
DAY = date(2026, 11, 27)


def waiting(offer, count: int = 1, **values) -> Order:
    """Return an order that waits for a bank transfer."""
    return make_order({offer: count}, method="bank_transfer", **values)


def paying(order: Order, amount: object = None, **values) -> Paid:
    """Return the transfer for an order, by default exactly what it costs."""
    reference = order.payments.order_by("pk").first().reference
    return Paid(
        Decimal(str(amount or order.total)), **{"reference": reference, "payer": "Zq Payer", **values}
    )


def booked(*payments: Paid, **values) -> Booking:
    return Booking(payments, DAY, **values)


def singly(*payments: Paid) -> list[Booking]:
    """Return a booking for each payment, with the bank's references B-1, B-2 …"""
    return [booked(paid, bank_reference=f"B-{number}") for number, paid in enumerate(payments, 1)]


def file_of(*bookings: Booking, iban: str = OWN, **values) -> bytes:
    return write([Statement(iban, bookings)], **values)


def store(organiser, *bookings: Booking, by=None, **values) -> files.Result:
    contents = camt.read(file_of(*bookings, **values))
    return files.store(organiser, contents, by=by, now=timezone.now())


def entries() -> list[BankEntry]:
    return list(BankEntry.objects.order_by("pk"))
