"""A date tonight with sold tickets, and a staff member at its door."""

import copy
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.factories.catalogue import OfferFactory, SessionFactory, TariffFactory
from tests.factories.organisers import PointOfSaleFactory, make_staff
from tests.factories.sales import make_order
from tests.migrated_database import once_per_file
from tests.staff import Staff
from ticketshop.catalogue.models import Offer, Session
from ticketshop.organisers.models import PointOfSale
from ticketshop.sales.models import Order, Ticket


@dataclass
class Evening:
    """A date of an organiser, on sale for adults and children."""

    pos: PointOfSale
    session: Session
    adult: Offer
    child: Offer

    @property
    def url(self) -> str:
        return f"/door/{self.session.pk}/"

    def sell(self, count=1, *, offer=None, paid=True, holders=None, **options) -> list[Ticket]:
        """Return the tickets of a new order."""
        return list(
            self.order(count, offer=offer, paid=paid, holders=holders, **options).tickets.order_by("pk")
        )

    def order(self, count=1, *, offer=None, paid=True, holders=None, **options) -> Order:
        holders = holders or [{"first_name": "Ada", "last_name": "Lovelace"}] * count
        return make_order({offer or self.adult: count}, paid=paid, holders=holders, **options)


def make_evening(capacity: int = 100) -> Evening:
    pos = PointOfSaleFactory()
    starts_at = timezone.now() + timedelta(hours=1)
    adult = OfferFactory(pos=pos, capacity=capacity)
    Session.objects.filter(pk=adult.session_id).update(
        starts_at=starts_at, ends_at=starts_at + timedelta(hours=2)
    )
    adult.session.refresh_from_db()
    tariff = TariffFactory(event=adult.tariff.event, name="Child", age_until=15, position=1)
    child = OfferFactory(session=adult.session, tariff=tariff, allotment=adult.allotment)
    return Evening(pos, adult.session, adult, child)


def another_date(evening: Evening, days: int = 1) -> Offer:
    """The adult tariff on another date of the same event."""
    starts_at = evening.session.starts_at + timedelta(days=days)
    session = SessionFactory(
        event=evening.session.event, starts_at=starts_at, ends_at=starts_at + timedelta(hours=2)
    )
    return OfferFactory(session=session, tariff=evening.adult.tariff, allotment=evening.adult.allotment)


made_evening = once_per_file(make_evening)


@pytest.fixture
def evening(made_evening, db) -> Evening:
    """The date, with rows of one's own to change and refresh."""
    return copy.deepcopy(made_evening)


@pytest.fixture
def door(evening) -> Staff:
    return Staff(make_staff(evening.pos.organiser, "door"))
