"""A small shop for whole journeys: an evening with two tariffs, a pass, two ways to pay."""

from dataclasses import dataclass
from decimal import Decimal

import pytest

from tests.factories.catalogue import (
    EventFactory,
    OfferFactory,
    SeasonPassFactory,
    SessionFactory,
    TariffFactory,
)
from tests.factories.organisers import OrganiserFactory, PointOfSaleFactory
from tests.factories.sales import PaymentMethodFactory
from tests.visitor import TestClientVisitor
from ticketshop.catalogue import places
from ticketshop.catalogue.models import Allotment, Offer, SeasonPass
from ticketshop.organisers.models import PointOfSale


@dataclass
class Shop:
    """The contents of the test shop, and the URLs a visitor begins at."""

    pos: PointOfSale
    adult: Offer
    child: Offer
    season_pass: SeasonPass

    @property
    def home(self) -> str:
        return f"/{self.pos.slug}/"

    @property
    def event(self) -> str:
        return f"{self.home}events/{self.adult.session.event.slug}/"

    @property
    def pass_page(self) -> str:
        return f"{self.home}passes/{self.season_pass.slug}/"

    @property
    def cart(self) -> str:
        return f"{self.home}cart/"

    @property
    def left(self) -> int:
        """Places left for the evening."""
        return places.left([self.adult.allotment_id])[self.adult.allotment_id]

    def price(self, amount: str) -> None:
        self.adult.tariff.price = Decimal(amount)
        self.adult.tariff.save()

    def capacity(self, places: int) -> None:
        Allotment.objects.filter(pk=self.adult.allotment_id).update(capacity=places)


def make_shop(**values) -> Shop:
    """Adult 35.00, child 18.00 together with an adult, a pass for 120.00."""
    pos = PointOfSaleFactory(organiser=OrganiserFactory(name="The Theatre"), slug="theatre", **values)
    for code in ("on_site", "bank_transfer"):
        PaymentMethodFactory(point_of_sale=pos, code=code)
    event = EventFactory(pos=pos, slug="hamlet", title="Hamlet")
    session = SessionFactory(event=event)
    adult = OfferFactory(session=session)
    child_tariff = TariffFactory(event=event, name="Child", price=Decimal("18.00"), only_with=adult.tariff)
    child = OfferFactory(session=session, tariff=child_tariff, allotment=adult.allotment)
    return Shop(pos, adult, child, SeasonPassFactory(pos=pos, slug="season", name="The whole season"))


@pytest.fixture
def shop(db) -> Shop:
    return make_shop()


@pytest.fixture
def visitor() -> TestClientVisitor:
    return TestClientVisitor()
