"""A product is what a line of a cart or order sells: an offer (a tariff of a session) or a season pass.

``of(offer)`` and ``of(season_pass)`` return a product with the same attributes, so that other code need not
distinguish the two. The attributes read the tariff, session, event and organiser of the row: load these with
``select_related``, or each costs a query.
"""

from datetime import date, datetime
from decimal import Decimal

from django.utils import timezone

from ticketshop.lib.dates import days

from . import availability
from .models import Event, Offer, SeasonPass, Session, Tariff


class Product:
    """The attributes that an offer and a season pass share. ``settings``: the row with price, limits and form."""

    kind: str
    tariff_name = ""
    per_unit = 1  # tickets or passes that one unit of a line's quantity gives
    min_per_order = 1
    session: Session | None = None

    def __init__(self, item: Offer | SeasonPass, settings: Tariff | SeasonPass):
        self.item = item
        self.settings = settings

    @property
    def key(self) -> tuple[str, int]:
        """Return kind and id, which identify the product among all others."""
        return (self.kind, self.item.pk)

    @property
    def title(self) -> str:
        """Return the title of the event, or the name of the season pass."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """Return the name of the tariff or season pass."""
        return self.settings.name

    @property
    def price(self) -> Decimal:
        """Return the price of one unit today."""
        return self.settings.price

    @property
    def vat_rate(self) -> Decimal:
        """Return the rate, in percent, of the value added tax that the price includes."""
        return self.settings.vat_rate

    @property
    def allotment_id(self) -> int:
        """Return the id of the allotment that the places come from."""
        return self.item.allotment_id

    @property
    def max_per_order(self) -> int:
        """Return the largest quantity in one order."""
        return self.settings.max_per_order

    @property
    def max_per_person(self) -> int | None:
        """Return the largest quantity for one person in all orders together; None without a limit."""
        return self.settings.max_per_person

    @property
    def form_id(self) -> int | None:
        """Return the id of the form for each ticket or pass, if it has one."""
        return self.settings.form_id

    @property
    def extra_form_id(self) -> int | None:
        """Return the id of a second form, which only a season pass may have."""
        return None

    @property
    def first_day(self) -> date:
        """Return the day on which ages count: the date of the session, or the first day of the season pass."""
        raise NotImplementedError

    @property
    def ends_at(self) -> datetime:
        """Return the instant after which a ticket or pass of this product is no longer valid."""
        raise NotImplementedError

    def on_sale(self, now: datetime) -> bool:
        """Return whether it may be sold at ``now``; places are not looked at."""
        raise NotImplementedError


class OfferProduct(Product):
    """An offer: a tariff of a session."""

    kind = "offer"

    def __init__(self, offer: Offer):
        super().__init__(offer, offer.tariff)
        self.offer = offer
        self.tariff_name = offer.tariff.name
        self.per_unit = offer.tariff.tickets_per_unit
        self.min_per_order = offer.tariff.min_per_order

    @property
    def session(self) -> Session:  # type: ignore[override]
        """Return the session of the offer."""
        return self.offer.session

    @property
    def title(self):
        return self.session.event.title

    @property
    def first_day(self):
        return timezone.localtime(self.session.starts_at).date()

    @property
    def ends_at(self):
        return self.session.ends_at

    def on_sale(self, now):
        return availability.offer_on_sale(self.offer, now)


class BookedProduct(OfferProduct):
    """An offer whose place is booked with a season pass. It costs nothing, and its tariff need not be on sale."""

    @property
    def price(self):
        return Decimal(0)

    def on_sale(self, now):
        published = self.session.event.state == Event.State.PUBLISHED
        return published and availability.session_on_sale(self.session, now)


class PassProduct(Product):
    """A season pass."""

    kind = "pass"

    def __init__(self, season_pass: SeasonPass):
        super().__init__(season_pass, season_pass)
        self.season_pass = season_pass

    @property
    def title(self):
        return self.season_pass.name

    @property
    def extra_form_id(self):
        return self.season_pass.extra_form_id

    @property
    def first_day(self):
        return self.season_pass.valid_from

    @property
    def ends_at(self):
        return days.end_of(self.season_pass.valid_until, self.season_pass.organiser.zone)

    def on_sale(self, now):
        return availability.pass_on_sale(self.season_pass, now)


def of(item: Offer | SeasonPass) -> Product:
    """Return the product that an offer or a season pass is."""
    return PassProduct(item) if isinstance(item, SeasonPass) else OfferProduct(item)
