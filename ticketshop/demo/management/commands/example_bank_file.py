"""``manage.py example_bank_file``: a bank file about the orders of the demo that wait for a transfer, to try the page with."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ticketshop.demo.bank_files import Booking, Paid, Statement, write
from ticketshop.lib.values import iban
from ticketshop.sales.models import Order, Payment, PaymentMethod
from ticketshop.sales.payments import payments

MOST = 20
STRANGERS = (
    ("Loterie Romande", "Subvention culturelle 2026", Decimal("5000.00")),
    ("Ada Muster", "Merci pour la belle soirée", Decimal("40.00")),
)


class Command(BaseCommand):
    help = (
        "Write a bank file (camt.053 or camt.054) about a shop's orders that wait for a bank transfer: most of them paid"
        " exactly, one too little, one twice, one long after it has expired, and money that is for no order."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "shop", help="the web address of the point of sale, such as the first part of its URL"
        )
        parser.add_argument("--kind", choices=["camt.053", "camt.054"], default="camt.053")
        parser.add_argument("--format-version", choices=["02", "04", "08"], default="08")
        parser.add_argument("--output", type=Path, help="the file to write (default: print it)")

    def handle(self, *, shop, kind, format_version, output, **options):
        method = PaymentMethod.objects.filter(point_of_sale__slug=shop, code="bank_transfer").first()
        if method is None or not method.settings.get("iban"):
            raise CommandError(f"No point of sale “{shop}” with an account for bank transfers.")
        orders = Order.objects.filter(point_of_sale__slug=shop, payment_method="bank_transfer", total__gt=0)
        waiting = list(orders.filter(state=Order.State.PENDING).order_by("placed_at")[:MOST])
        expired = list(orders.filter(state=Order.State.EXPIRED).order_by("-placed_at")[:1])
        if not waiting:
            raise CommandError(f"No order of “{shop}” waits for a bank transfer. Place one first.")
        today = timezone.localdate()
        bookings = [
            Booking([paid], today - timedelta(days=number % 3), bank_reference=f"{today:%y%m%d}{number:06}")
            for number, paid in enumerate(_payments(waiting, expired), 1)
        ]
        statement = Statement(iban.normalise(method.settings["iban"]), bookings, waiting[0].currency)
        content = write([statement], kind=kind, version=format_version, number=f"DEMO-{today:%Y%m%d}")
        if output is None:
            self.stdout.write(content.decode(), ending="")
            return
        output.write_bytes(content)
        self.stdout.write(f"{len(bookings)} payments: {output}")


def _payments(waiting: list[Order], expired: list[Order]) -> list[Paid]:
    """Return the payments: the first order twice, the last one too little if there are several, all others exactly."""
    paid = [_paid(order) for order in [*waiting, *expired]]
    paid.append(_paid(waiting[0]))
    if len(waiting) > 1:
        paid[len(waiting) - 1] = _paid(waiting[-1], less=Decimal(5))
    if len(waiting) > 2:
        # Some people type the number of the order in place of the reference.
        paid[1] = Paid(paid[1].amount, text=f"Commande {waiting[1].reference.lower()}", payer=paid[1].payer)
    strangers = [Paid(amount, text=text, payer=payer) for payer, text, amount in STRANGERS]
    return paid + strangers


def _paid(order: Order, less: Decimal = Decimal(0)) -> Paid:
    due = payments.due(order)
    amount = due.amount if due else order.total
    payment = Payment.objects.filter(order=order).exclude(reference="").order_by("pk").first()
    return Paid(
        max(amount - less, Decimal(1)),
        payment.reference if payment else "",
        text="" if payment else order.reference,
        payer=order.buyer.full_name if order.buyer else "",
    )
