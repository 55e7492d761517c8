"""The orders of the demo as the actions of the shop would have left them, written table by table.

No job is queued: the past needs no work. Mails of the past are rows without a body, as always.
"""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Model
from django.utils import translation

from accounts.models import User
from contacts.models import Contact
from ticketshop.catalogue.models import Allotment
from ticketshop.history.models import Event
from ticketshop.mail.models import Mail
from ticketshop.sales.models import (
    Admission,
    Cancellation,
    CancelledLine,
    IssuedPass,
    Order,
    OrderLine,
    Payment,
    Refund,
    Ticket,
)
from ticketshop.sales.orders import order_lines, placing
from ticketshop.sales.payments import payments
from ticketshop.sales.tickets import tickets

from ..catalogue import Shop
from ..people import number
from .purchases import Sale

COMPANIONS = 0.35  # share of orders whose other tickets have names too


@dataclass
class Entry:
    """A sale and the rows written for it."""

    sale: Sale
    order: Order
    lines: list[OrderLine]
    tickets: list[Ticket]
    passes: list[IssuedPass]
    payment: Payment
    refunds: list[Refund] = field(default_factory=list)
    cancellations: list[Cancellation] = field(
        default_factory=list
    )  # of an order that was paid: one, with everything


class Ledger:
    """Writes the sales of one shop. ``staff`` is the user who confirms payments and refunds."""

    def __init__(self, shop: Shop, staff: User, rng: random.Random, now: datetime):
        self.shop, self.staff, self.rng, self.now = shop, staff, rng, now

    def write(self, sales: list[Sale]) -> list[Entry]:
        """Write all rows of these sales and return them. The buyers must have been written before."""
        entries = [self._entry(sale) for sale in sorted(sales, key=lambda sale: sale.placed_at)]
        Order.objects.bulk_create([entry.order for entry in entries])
        for model, rows in (
            (OrderLine, [line for entry in entries for line in entry.lines]),
            (Cancellation, [row for entry in entries for row in entry.cancellations]),
            (CancelledLine, [row for entry in entries for row in _cancelled_lines(entry)]),
            (Ticket, [ticket for entry in entries for ticket in entry.tickets]),
            (IssuedPass, [issued for entry in entries for issued in entry.passes]),
            (Payment, [entry.payment for entry in entries]),
            (Refund, [refund for entry in entries for refund in entry.refunds]),
            (Mail, [mail for entry in entries for mail in self._mails(entry)]),
            (Event, [event for entry in entries for event in self._events(entry)]),
        ):
            model.objects.bulk_create(rows)
        self._count_places(entries)
        return entries

    def _entry(self, sale: Sale) -> Entry:
        buyer, fate = sale.buyer, sale.fate
        by_staff = buyer.created_via == Contact.CreatedVia.BACK_OFFICE
        user = self.staff if by_staff else buyer.user
        for line in sale.cart_contents.lines:
            # Its names were read in English when the sale was planned.
            vars(line).pop("product", None)
        with translation.override(buyer.language):
            order = placing.new(
                sale.cart_contents, buyer, sale.method, by=user, language=buyer.language, now=sale.placed_at
            )
            lines = order_lines.new(order, sale.cart_contents)
            issued = tickets.new(order, lines, sale.cart_contents, self._holders(sale), beneficiaries={})
        order.reference = number(self.rng)
        order.channel = Order.Channel.BACK_OFFICE if by_staff else Order.Channel.SHOP
        order.state, order.paid_at, order.cancelled_at = fate.state, fate.paid_at, fate.ended_at
        order.reminded_at = fate.reminded_at
        entry = Entry(sale, order, lines, *issued, payments.new(order, sale.method, sale.placed_at))
        self._pay(entry)
        self._admit(entry)
        return entry

    def _holders(self, sale: Sale) -> dict[str, dict[str, str]]:
        """Return slot -> name: the buyer on the first ticket, and sometimes family members on the others."""
        slots = [slot for line in sale.cart_contents.lines for slot in line.slots]
        buyer = sale.buyer
        names = {slots[0]: {"first_name": buyer.first_name, "last_name": buyer.last_name}}
        if self.rng.random() < COMPANIONS:
            others = self.rng.sample(COMPANION_NAMES, len(slots) - 1)
            for slot, first_name in zip(slots[1:], others, strict=True):
                names[slot] = {"first_name": first_name, "last_name": buyer.last_name}
        return names

    def _pay(self, entry: Entry) -> None:
        fate, payment = entry.sale.fate, entry.payment
        if fate.paid_at is None:
            return
        payment.state, payment.confirmed_at = Payment.State.CONFIRMED, fate.paid_at
        if entry.sale.method.redirects:
            payment.provider_reference = f"cs_test_demo_{entry.order.reference}"
        elif entry.order.total:
            payment.confirmed_by = self.staff
        if fate.ended_at:
            entry.cancellations.append(
                Cancellation(order=entry.order, made_at=fate.ended_at, made_by=self.staff)
            )
            done = Refund.State.DONE if fate.refunded_at else Refund.State.REQUESTED
            entry.refunds.append(
                Refund(
                    payment=payment,
                    kind=Refund.Kind.PAID_BACK,
                    amount=payment.amount,
                    requested_at=fate.ended_at,
                    state=done,
                    done_at=fate.refunded_at,
                )
            )

    def _admit(self, entry: Entry) -> None:
        """Set the state of the tickets. Most tickets of past sessions were used."""
        states = {"pending": Admission.State.RESERVED, "paid": Admission.State.VALID}
        state = states.get(entry.order.state, Admission.State.CANCELLED)
        for issued in (*entry.tickets, *entry.passes):
            issued.state = state
            issued.cancellation = next(iter(entry.cancellations), None)
        for ticket in entry.tickets:
            start = ticket.line.session_starts_at
            if state == Admission.State.VALID and start < self.now and self.rng.random() < 0.94:
                ticket.state = Admission.State.USED
                ticket.used_at = start - timedelta(seconds=self.rng.randint(-240, 1700))

    def _mails(self, entry: Entry) -> Iterator[Mail]:
        order, buyer = entry.order, entry.sale.buyer
        if not buyer.email:
            return
        told = {
            "order_placed": order.placed_at if order.total and order.paid_at != order.placed_at else None,
            "order_reminder": order.reminded_at,
            "order_paid": order.paid_at,
            f"order_{order.state}": order.cancelled_at or order.paid_at,
        }
        for kind, at in told.items():
            if at is None:
                continue
            yield Mail(
                organiser_id=order.organiser_id,
                point_of_sale_id=order.point_of_sale_id,
                kind=kind,
                about={"order": order.pk},
                recipient=buyer.email,
                subject_uuid=buyer.subject_uuid,
                language=buyer.language,
                state=Mail.State.SENT,
                once=f"{kind}:{order.pk}",
                attempts=1,
                created_at=at,
                sent_at=at + timedelta(milliseconds=self.rng.randint(300, 4000)),
            )

    def _events(self, entry: Entry) -> Iterator[Event]:
        order, payment, fate = entry.order, entry.payment, entry.sale.fate
        yield event(
            order, "placed", order.created_by, order.placed_at, total=str(order.total), method=payment.method
        )
        if order.paid_at:
            amount = str(payment.amount)
            yield event(
                order, "paid", payment.confirmed_by, order.paid_at, amount=amount, method=payment.method
            )
        if fate.ended_at:
            by = self.staff if order.state == Order.State.CANCELLED else None
            yield event(order, order.state, by, fate.ended_at)
        if entry.refunds:
            amount = str(payment.amount)
            yield event(order, "refund_requested", self.staff, fate.ended_at, amount=amount)
        if fate.refunded_at:
            yield event(order, "refunded", self.staff, fate.refunded_at, amount=str(payment.amount))

    def _count_places(self, entries: list[Entry]) -> None:
        sold: Counter = Counter()
        for entry in entries:
            if entry.sale.counts:
                for line in entry.lines:
                    sold[line.allotment_id] += line.places
        for allotment in self.shop.allotments:
            allotment.sold = sold[allotment.pk]
        Allotment.objects.bulk_update(self.shop.allotments, ["sold"])


def _cancelled_lines(entry: Entry) -> Iterator[CancelledLine]:
    for cancellation in entry.cancellations:
        for line in entry.lines:
            yield CancelledLine(
                cancellation=cancellation,
                line=line,
                quantity=line.quantity,
                places=line.places,
                unit_price=line.unit_price,
                total=line.total,
                vat_amount=line.vat_amount,
            )


def event(row: Model, action: str, by: User | None, at: datetime, **details) -> Event:
    """Return an unsaved history record, equal to what ``history.record`` writes."""
    return Event(
        at=at,
        organiser_id=row.organiser_id,
        model=row._meta.label_lower,
        object_id=str(row.pk),
        action=action,
        by=by,
        details=details,
    )


COMPANION_NAMES = """
Agnès Albane Alma Basile Blaise Capucine Côme Dorian Elsa Enzo Flora Gaspard Inès Jade Joseph Lila Léonard Maëlle Malo Milo Nina Noah
Olga Pia Romy Sacha Tess Timéo Violette Zélie
""".split()
