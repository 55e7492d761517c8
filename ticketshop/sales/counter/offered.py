"""Dates and passes that can be sold at the counter of a point of sale now, with tariffs and places left."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from ticketshop.catalogue import availability, places, products
from ticketshop.catalogue.models import SeasonPass, Session
from ticketshop.catalogue.products import Product
from ticketshop.organisers.models import PointOfSale

# The most dates to choose from.
MOST_DATES = 400


@dataclass
class Row:
    """A tariff or pass that can be sold, with the places left. ``typed``: the quantity as it was typed."""

    product: Product
    left: int
    typed: str = ""

    @property
    def name(self) -> str:
        """Return the name of the field for the quantity, such as "offer-12"."""
        kind, pk = self.product.key
        return f"{kind}-{pk}"


@dataclass
class Group:
    """A date with its tariffs, or the passes (``session`` is None)."""

    session: Session | None
    rows: list[Row] = field(default_factory=list)


def dates(pos: PointOfSale, now: datetime) -> list[Session]:
    """Return the dates that are on sale, the next first. One query."""
    rows = Session.objects.filter(
        event__in=availability.events(pos), state=Session.State.ON_SALE, ends_at__gt=now, offers__isnull=False
    )
    soonest = rows.select_related("event").distinct().order_by("starts_at", "pk")[:MOST_DATES]
    return [session for session in soonest if availability.session_on_sale(session, now)]


def passes(pos: PointOfSale, now: datetime) -> list[SeasonPass]:
    """Return the passes that are on sale. One query."""
    rows = availability.season_passes(pos).order_by("pk")
    return [season_pass for season_pass in rows if availability.pass_on_sale(season_pass, now)]


def groups(pos: PointOfSale, sessions: Iterable[int], passes: list[SeasonPass], now: datetime) -> list[Group]:
    """Return these dates with the tariffs that are on sale, and the passes. Two queries, for any number."""
    offers = availability.offers(pos).filter(session__in=list(sessions), tariff__active=True)
    ordered = offers.order_by("session__starts_at", "session_id", "tariff__position", "tariff_id")
    items = [*ordered, *passes]
    left = places.left({item.allotment_id for item in items})
    found: dict[int | None, Group] = {}
    for item in items:
        product = products.of(item)
        if product.on_sale(now):
            key = product.session.pk if product.session else None
            group = found.setdefault(key, Group(product.session))
            group.rows.append(Row(product, left.get(product.allotment_id, 0)))
    return list(found.values())
