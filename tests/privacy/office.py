"""A fixture: customers of an organiser with past orders, and staff with the right to erase them."""

import time
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from accounts.models import User
from contacts.models import Contact
from privacy.erasure import erasing
from privacy.models import Erasure
from tests.factories.catalogue import OfferFactory, SeasonPassFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.sales import make_order
from tests.staff import Staff
from ticketshop.organisers.models import PointOfSale
from ticketshop.sales.models import Order

VERA = {"first_name": "Vera", "last_name": "Zweig", "email": "vera@zweig.example"}
WILMA = {"first_name": "Wilma", "last_name": "Zweigli", "email": "avera@zweig.example.org"}
HOLDERS = [{"first_name": "Holda", "last_name": "Zweig"}]


@dataclass
class Office:
    """A shop, its owner, and two similar customers: Vera, whom the tests erase, and Wilma."""

    pos: PointOfSale
    owner: User
    order: Order
    other: Order

    @property
    def vera(self) -> Contact:
        return self.order.buyer

    @property
    def wilma(self) -> Contact:
        return self.other.buyer

    def staff(self, role: str = "owner", language: str = "en") -> Staff:
        user = self.owner if role == "owner" else make_staff(self.pos.organiser, role)
        return Staff(user, language)


def make_office() -> Office:
    pos = PointOfSaleFactory()
    owner = make_staff(pos.organiser, "owner")
    return Office(pos, owner, past_order(pos, VERA), past_order(pos, WILMA))


def past_order(pos: PointOfSale, buyer: dict | Contact = VERA) -> Order:
    """Return a paid order of one ticket for a past event."""
    offer = OfferFactory(pos=pos)
    order = make_order({offer: 1}, buyer=buyer, holders=HOLDERS, paid=True)
    now = timezone.now()
    session = offer.session
    session.starts_at, session.ends_at = now - timedelta(days=9), now - timedelta(days=8)
    session.save()
    return order


def coming_order(pos: PointOfSale, buyer: dict | Contact = VERA, *, paid: bool = True) -> Order:
    """Return an order of one ticket for an upcoming event."""
    return make_order({OfferFactory(pos=pos): 1}, buyer=buyer, holders=HOLDERS, paid=paid)


def season_order(pos: PointOfSale, buyer: dict | Contact = VERA) -> Order:
    return make_order({SeasonPassFactory(pos=pos): 1}, buyer=buyer, holders=HOLDERS, paid=True)


def bin_page(contact: Contact | int) -> str:
    """Return the URL of the page that erases a contact."""
    number = contact if isinstance(contact, int) else contact.pk
    return f"/admin/privacy/erasure/person/{number}/"


def erase(staff: Staff, contact: Contact, **values):
    """Open the page, choose, and confirm."""
    staff.open(bin_page(contact))
    return staff.fill("^seen$", values)


def erase_without_page(contact: Contact, by: User | None = None, **options) -> Erasure:
    """Erase a contact as the page does, a quarter as dear: for tests of what is left afterwards."""
    return erasing.erase(contact, by=by, now=timezone.now(), **options)


def log_in_aged(staff: Staff, seconds: int) -> None:
    """Move the log-in into the past."""
    session = staff.client.session
    session["account_authentication_methods"] = [{"method": "password", "at": time.time() - seconds}]
    session.save()
