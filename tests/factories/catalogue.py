"""Catalogue rows. ``OfferFactory`` alone creates everything that a ticket needs to be on sale."""

from datetime import timedelta
from decimal import Decimal

import factory
from django.utils import timezone

from ticketshop.catalogue.models import (
    Allotment,
    Category,
    Event,
    Offer,
    SeasonPass,
    Session,
    Tariff,
    Venue,
)
from ticketshop.lib.database import writing
from ticketshop.organisers.models import Organiser

from .inserting import InsertingFactory, insert_together
from .organisers import OrganiserFactory, PointOfSaleFactory


class VenueFactory(InsertingFactory):
    class Meta:
        model = Venue

    organiser = factory.SubFactory(OrganiserFactory)
    name = factory.Sequence(lambda n: f"Venue {n}")


class CategoryFactory(InsertingFactory):
    class Meta:
        model = Category

    organiser = factory.SubFactory(OrganiserFactory)
    slug = factory.Sequence(lambda n: f"category-{n}")
    name = factory.Sequence(lambda n: f"Category {n}")


class AllotmentFactory(InsertingFactory):
    """An allotment of 100 places."""

    class Meta:
        model = Allotment

    organiser = factory.SubFactory(OrganiserFactory)
    name = factory.Sequence(lambda n: f"Allotment {n}")
    capacity = 100


class SoldInShops(InsertingFactory):
    """Base factory: sold at ``pos``, or at a new shop (of ``organiser`` if given). ``first_shop`` of what it makes is that shop."""

    class Meta:
        abstract = True

    pos = None
    organiser = None

    @classmethod
    def _create(cls, model_class, *args, pos, organiser, **values):
        pos = pos or PointOfSaleFactory(**({"organiser": organiser} if organiser else {}))
        values = cls.fill_in(pos.organiser, values)
        made = super()._create(model_class, *args, organiser=pos.organiser, **values)
        sold_at = model_class.points_of_sale.through
        writing.insert([sold_at(**{model_class._meta.model_name: made, "pointofsale": pos})])
        made.first_shop = pos
        return made

    @classmethod
    def fill_in(cls, organiser: Organiser, values: dict) -> dict:
        return values


class EventFactory(SoldInShops):
    """A published event without sessions, so that nothing of it is on sale."""

    class Meta:
        model = Event

    slug = factory.Sequence(lambda n: f"event-{n}")
    title = factory.Sequence(lambda n: f"Event {n}")
    state = Event.State.PUBLISHED


class SessionFactory(InsertingFactory):
    """A session of two hours, at least thirty days from now, each a day later than the last."""

    class Meta:
        model = Session

    event = factory.SubFactory(EventFactory)
    starts_at = factory.Sequence(lambda n: timezone.now() + timedelta(days=30 + n % 300))
    ends_at = factory.LazyAttribute(lambda made: made.starts_at + timedelta(hours=2))


class TariffFactory(InsertingFactory):
    """A tariff for 35.00, including 2.60 % VAT."""

    class Meta:
        model = Tariff

    event = factory.SubFactory(EventFactory)
    name = "Adult"
    price = Decimal("35.00")


class OfferFactory(InsertingFactory):
    """A tariff on sale at a session. Missing rows are created: shop, event, session, tariff, allotment.

    ``OfferFactory(pos=pos, price=0)``, ``OfferFactory(session=one, tariff=TariffFactory(event=one.event))``
    """

    class Meta:
        model = Offer

    pos = None
    event = None
    session = None
    tariff = None
    allotment = None
    capacity = 100
    price = Decimal("35.00")

    @classmethod
    def _create(cls, model_class, *args, pos, event, session, tariff, allotment, capacity, price):
        event = event or (session and session.event) or (tariff and tariff.event) or EventFactory(pos=pos)
        offer = model_class(
            session=session or SessionFactory.build(event=event),
            tariff=tariff or TariffFactory.build(event=event, price=price),
            allotment=allotment or AllotmentFactory.build(organiser=event.organiser, capacity=capacity),
        )
        insert_together(offer.session, offer.tariff, offer.allotment, offer)
        return offer


class SeasonPassFactory(SoldInShops):
    """A pass for 120.00, valid for a year from yesterday, 50 pieces."""

    class Meta:
        model = SeasonPass

    slug = factory.Sequence(lambda n: f"pass-{n}")
    name = factory.Sequence(lambda n: f"Pass {n}")
    price = Decimal("120.00")
    valid_from = factory.LazyFunction(lambda: timezone.localdate() - timedelta(days=1))
    valid_until = factory.LazyAttribute(lambda made: made.valid_from + timedelta(days=365))
    capacity = 50

    @classmethod
    def fill_in(cls, organiser: Organiser, values: dict) -> dict:
        capacity = values.pop("capacity")
        return {"allotment": AllotmentFactory(organiser=organiser, capacity=capacity), **values}
