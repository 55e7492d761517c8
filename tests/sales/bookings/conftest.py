"""A visitor with a pass that opens a date of the shop."""

import copy
import uuid
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.utils import timezone

from contacts.models import Contact
from tests.factories.catalogue import OfferFactory, SeasonPassFactory
from tests.factories.organisers import PointOfSaleFactory
from tests.factories.sales import make_order
from tests.friends import make_visitor
from tests.migrated_database import once_per_file
from tests.visitor import TestClientVisitor
from ticketshop.catalogue.models import Allotment, Offer, Session
from ticketshop.organisers.models import PointOfSale
from ticketshop.sales.bookings import booking
from ticketshop.sales.models import IssuedPass, Order, Ticket, TypedDetails


@dataclass
class Holder:
    """A visitor with a log-in and a pass; ``offer`` is a date that the pass opens."""

    pos: PointOfSale
    contact: Contact
    offer: Offer
    issued: IssuedPass

    @property
    def url(self) -> str:
        return f"/{self.pos.slug}/bookings/{self.issued.pk}/"

    @property
    def url_of_date(self) -> str:
        return f"{self.url}{self.offer.session_id}/"

    def visitor(self) -> TestClientVisitor:
        visitor = TestClientVisitor()
        visitor.client.force_login(self.contact.user)
        return visitor

    def book(self, places: int = 1, *, offer: Offer | None = None, key=None) -> Order:
        """Book places, as the page does."""
        slots = [f"place{number}" for number in range(1, places + 1)]
        names = {"first_name": "Alice", "last_name": "Martin"}
        holders = dict.fromkeys(slots, names)
        wish = booking.Wish(
            IssuedPass.objects.select_related("season_pass").get(pk=self.issued.pk),
            offer or self.offer,
            slots,
            TypedDetails(names, holders),
            key or uuid.uuid4(),
        )
        return booking.book(wish, pos=self.pos, user=self.contact.user, language="en", now=timezone.now())

    def ticket(self, **options) -> Ticket:
        return self.book(**options).tickets.get()

    def left(self) -> int | None:
        return IssuedPass.objects.get(pk=self.issued.pk).entries_left

    def sold(self) -> int:
        return Allotment.objects.get(pk=self.offer.allotment_id).sold


def make_holder(*, capacity: int = 100, hours: float = 72, offer: Offer | None = None, **settings) -> Holder:
    """Return a visitor with a new pass that opens a date ``hours`` from now. ``settings``: columns of the season pass."""
    offer = offer or OfferFactory(pos=PointOfSaleFactory(), capacity=capacity)
    pos = offer.session.event.points_of_sale.get()
    begins = timezone.now() + timedelta(hours=hours)
    Session.objects.filter(pk=offer.session_id).update(starts_at=begins, ends_at=begins + timedelta(hours=2))
    offer.session.refresh_from_db()
    contact = make_visitor(pos)
    season_pass = SeasonPassFactory(pos=pos, **settings)
    season_pass.tariffs.add(offer.tariff)
    order = make_order(
        {season_pass: 1},
        buyer=contact,
        paid=True,
        holders=[{"first_name": "Alice", "last_name": "Martin", "person": "me"}],
    )
    return Holder(pos, contact, offer, order.passes.get())


def make_holder_of_five() -> Holder:
    return make_holder(entries=5)


made_holder = once_per_file(make_holder_of_five)


@pytest.fixture
def holder(made_holder, db) -> Holder:
    """A visitor with a pass for five entries, with rows of one's own to change and refresh."""
    return copy.deepcopy(made_holder)
