"""Orders of the theatre about whose money there is something to see, planned before and carried out after the others.

They are placed and paid like all orders of the demo. What happens to them afterwards is done by the actions of the shop, each at
its own time in the past, with the mails and the history that belong to it. The mails are noted as sent, and no job is queued.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import F
from procrastinate.contrib.django import app
from procrastinate.testing import InMemoryConnector

from accounts.models import User
from contacts.models import Contact
from ticketshop.history import history
from ticketshop.mail.models import Mail
from ticketshop.sales.bank import camt, entries, files
from ticketshop.sales.models import BankEntry, Order, Payment, Refund
from ticketshop.sales.orders import cancelled_lines, single_tickets
from ticketshop.sales.papers import invoices
from ticketshop.sales.payments import disputes, payments
from ticketshop.sales.payments.methods import METHODS, TRANSFER
from ticketshop.sales.payments.methods.base import DisputeStatus

from ..bank_files import Booking, Paid, Statement, write
from ..catalogue import Shop
from ..past_orders.ledger import Entry
from ..past_orders.purchases import Planner, Sale

CARD = "stripe"
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
COMPANIES = (
    {
        "name": "Atelier Dubochet SA",
        "extra": "Comptabilité",
        "street": "Rue des Bains",
        "house_number": "14",
        "postcode": "1205",
        "city": "Genève",
        "country": "CH",
        "vat_number": "",
        "reference": "CC 4200",
    },
    {
        "name": "Fondation Les Tilleuls",
        "extra": "",
        "street": "Chemin du Lac",
        "house_number": "3",
        "postcode": "1290",
        "city": "Versoix",
        "country": "CH",
        "vat_number": "",
        "reference": "",
    },
    {
        "name": "Régie du Rhône Sàrl",
        "extra": "Mme Corinne Borel",
        "street": "Boulevard des Philosophes",
        "house_number": "27",
        "postcode": "1205",
        "city": "Genève",
        "country": "CH",
        "vat_number": "",
        "reference": "Sortie d’équipe",
    },
)


@dataclass
class Examples:
    """The sales by what they show."""

    sales: dict[str, Sale] = field(default_factory=dict)

    def order(self, name: str, written: list[Entry]) -> Order:
        """Return the order that was written for a sale, read anew."""
        (pk,) = (entry.order.pk for entry in written if entry.sale is self.sales[name])
        return Order.objects.select_related("buyer", "point_of_sale__organiser").get(pk=pk)


def plan(planner: Planner, charlie: Contact, guests: list[Contact]) -> Examples:
    """Plan the orders. All are for dates in the future; those that are paid were paid with the order, or a day later by transfer."""
    buyers = iter([guest for guest in guests if guest.created_via == Contact.CreatedVia.GUEST_ORDER])
    dates = {}
    for date_on_sale in planner.shop.dates:
        dates.setdefault(date_on_sale.show.slug, date_on_sale)
    play, dance, tragedy = (dates[slug].offers for slug in ("la-mouette", "lignes-d-eau", "antigone"))

    def card(buyer: Contact, things, days: int) -> Sale:
        placed = planner.midnight - days * DAY + 18 * HOUR
        return planner.certain(buyer, things, placed, placed + 2 * MINUTE, CARD)

    def transfer(things, days: int, *, paid: bool) -> Sale:
        placed = planner.midnight - days * DAY + 9 * HOUR
        return planner.certain(next(buyers), things, placed, placed + DAY if paid else None, TRANSFER)

    return Examples(
        {
            "one ticket cancelled": card(charlie, {play["adult"]: 3}, 20),
            "disputed": card(next(buyers), {dance["adult"]: 2}, 34),
            "refund refused": card(next(buyers), {tragedy["adult"]: 2}, 19),
            "invoice with credit note": transfer({play["adult"]: 4}, 16, paid=True),
            "invoice paid": transfer({tragedy["adult"]: 6}, 9, paid=False),
            "invoice open": transfer({dance["adult"]: 4}, 3, paid=False),
        }
    )


def carry_out(examples: Examples, written: list[Entry], shop: Shop, staff: User, midnight: datetime) -> None:
    """Do what happened after these orders were placed."""
    with app.replace_connector(InMemoryConnector()):
        _invoices(examples, written, midnight)
        _cancel_one(examples.order("one ticket cancelled", written), staff, midnight - 10 * DAY + 10 * HOUR)
        refused = _cancel_one(
            examples.order("refund refused", written), staff, midnight - 8 * DAY + 11 * HOUR, paid=False
        )
        _refuse(refused, midnight - 8 * DAY + 11 * HOUR + 2 * MINUTE)
        _dispute(examples.order("disputed", written), midnight - 2 * DAY + 6 * HOUR)
        credited = _cancel_one(
            examples.order("invoice with credit note", written),
            staff,
            midnight - 5 * DAY + 14 * HOUR,
            paid=False,
        )
        payments.refund_done(credited, by=staff, now=midnight - 4 * DAY + 9 * HOUR)
        _bank_file(examples.order("invoice paid", written), shop, staff, midnight)
    # In a filling that is new, nothing else is queued.
    Mail.objects.filter(state=Mail.State.QUEUED).update(
        state=Mail.State.SENT, attempts=1, sent_at=F("created_at") + timedelta(seconds=2)
    )


def _invoices(examples: Examples, written: list[Entry], midnight: datetime) -> None:
    """Issue three invoices, the oldest first, as their numbers demand."""
    for name, days, recipient in (
        ("invoice with credit note", 14, COMPANIES[2]),
        ("invoice paid", 9, COMPANIES[0]),
        ("invoice open", 3, COMPANIES[1]),
    ):
        order = examples.order(name, written)
        invoices.issue(order, recipient, by=None, now=midnight - days * DAY + 9 * HOUR + 25 * MINUTE)


def _cancel_one(order: Order, staff: User, now: datetime, *, paid: bool = True) -> Refund:
    """Cancel the last ticket of an order. Return the refund, which the provider has paid a minute later if ``paid``."""
    unit = cancelled_lines.units_of(order)[-1]
    single_tickets.cancel(order, [unit.key], by=staff, now=now)
    refund = Refund.objects.select_related("payment__order").get(payment__order=order)
    if paid:
        payments.refund_done(refund, by=None, now=now + MINUTE)
    return refund


def _refuse(refund: Refund, now: datetime) -> None:
    Refund.objects.filter(pk=refund.pk).update(state=Refund.State.FAILED, refused_at=now)
    history.record(refund.payment.order, "refund_refused", by=None, now=now, amount=str(refund.amount))


def _dispute(order: Order, opened: datetime) -> None:
    payment = Payment.objects.select_related("order").get(order=order)
    known = DisputeStatus(f"du_demo_{order.reference}", "open", payment.amount, opened)
    disputes.record(payment, (known,), now=opened + MINUTE)


def _bank_file(order: Order, shop: Shop, staff: User, midnight: datetime) -> None:
    """Read in a bank file of yesterday: the money of an order, a grant, and a payment that names no order."""
    uploaded = midnight - 14 * HOUR
    day, now = uploaded.date(), uploaded + 3 * MINUTE
    payment = payments.due(order)
    assert payment is not None, "the order waits for a bank transfer"
    rows = [
        Paid(order.total, reference=payment.reference, payer=COMPANIES[0]["name"]),
        Paid(Decimal("5000.00"), text="Subvention culturelle", payer="Loterie Romande"),
        Paid(Decimal("84.00"), text="2 billets Antigone, merci", payer="Ada Muster"),
    ]
    bookings = [
        Booking([paid], day, bank_reference=f"{day:%y%m%d}{number:06}") for number, paid in enumerate(rows, 1)
    ]
    account = METHODS[TRANSFER].normalised({"iban": shop.house.iban})["iban"]
    content = write(
        [Statement(account, bookings, order.currency)], kind="camt.053", version="08", number="DEMO"
    )
    organiser = shop.pos.organiser
    result = files.store(organiser, camt.read(content), by=staff, now=uploaded)
    entered = BankEntry.objects.filter(file=result.file).order_by("pk")
    entries.record(entered[0], order, by=staff, now=now)
    entries.set_aside(entered[1], BankEntry.State.NOT_OURS, by=staff, now=now)
