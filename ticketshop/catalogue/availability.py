"""Queries for what is on sale at an instant, and for the number of places left."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Exists, QuerySet
from django.utils.timezone import localtime

from ticketshop.lib.database.compiled import AnyOf, Compiled, MadeOfRows, Parameter
from ticketshop.lib.dates import days
from ticketshop.lib.web import piece_cache
from ticketshop.organisers.models import PointOfSale

from . import places
from .models import Event, Offer, SeasonPass, Session, Tariff

FEW = 10


def _within(now: datetime, start: datetime | None, end: datetime | None) -> bool:
    return (start is None or start <= now) and (end is None or now < end)


def session_on_sale(session: Session, now: datetime) -> bool:
    """Return whether tickets for this date may be sold now; places are not looked at."""
    end = session.sales_end_at or session.starts_at
    return session.state == Session.State.ON_SALE and _within(now, session.sales_start_at, end)


def tariff_on_sale(tariff: Tariff, now: datetime) -> bool:
    """Return whether this tariff may be sold now for any date."""
    return tariff.active and _within(now, tariff.sales_start_at, tariff.sales_end_at)


def offer_on_sale(offer: Offer, now: datetime) -> bool:
    """Return whether this tariff may be sold for this date now; places are not looked at."""
    return (
        offer.session.event.state == Event.State.PUBLISHED
        and session_on_sale(offer.session, now)
        and tariff_on_sale(offer.tariff, now)
    )


def pass_on_sale(season_pass: SeasonPass, now: datetime) -> bool:
    """Return whether this pass may be sold now; places are not looked at."""
    return (
        season_pass.active
        and now < days.end_of(season_pass.valid_until, season_pass.organiser.zone)
        and _within(now, season_pass.sales_start_at, season_pass.sales_end_at)
    )


def instants(rows: Iterable[Session | Tariff], passes: Iterable[SeasonPass]) -> list[datetime]:
    """Return when the functions above begin to return something else for one of these rows, sorted."""
    found = {instant for row in [*rows, *passes] for instant in (row.sales_start_at, row.sales_end_at)}
    found |= {row.starts_at for row in rows if isinstance(row, Session)}
    found |= {days.end_of(row.valid_until, row.organiser.zone) for row in passes}
    return sorted(instant for instant in found if instant is not None)


def events(pos: PointOfSale) -> QuerySet[Event]:
    """Return the published events of a shop."""
    return Event.objects.filter(
        points_of_sale=pos, organiser_id=pos.organiser_id, state=Event.State.PUBLISHED
    )


def season_passes(pos: PointOfSale) -> QuerySet[SeasonPass]:
    """Return the passes that a shop sells."""
    rows = SeasonPass.objects.filter(points_of_sale=pos, organiser_id=pos.organiser_id, active=True)
    return rows.select_related("organiser")


_PASS = Compiled(
    lambda: SeasonPass.objects.filter(
        points_of_sale=Parameter("pos"), organiser=Parameter("organiser"), active=True, slug=Parameter("slug")
    ).select_related("organiser")
)


def season_pass(pos: PointOfSale, slug: str) -> SeasonPass | None:
    """Return one pass that a shop sells, or None. One query."""
    return _PASS.first(pos=pos.pk, organiser=pos.organiser_id, slug=slug)


def offers(pos: PointOfSale) -> QuerySet[Offer]:
    """Return the offers of a shop. Posted ids of offers are looked up here only, so that nothing else can be bought."""
    return Offer.objects.filter(
        session__event__points_of_sale=pos,
        session__event__organiser_id=pos.organiser_id,
        session__event__state=Event.State.PUBLISHED,
    ).select_related("tariff__only_with", "session__event", "allotment")


_OFFERS = Compiled(
    lambda: Offer.objects.filter(
        pk=AnyOf("ids"),
        session__event__points_of_sale=Parameter("pos"),
        session__event__organiser=Parameter("organiser"),
        session__event__state=Event.State.PUBLISHED,
    ).select_related("tariff__only_with", "session__event")
)


def offers_by_id(pos: PointOfSale, ids: list[int]) -> list[Offer]:
    """Return those of ``offers(pos)`` that have one of these ids. One query."""
    return _OFFERS.all(pos=pos.pk, organiser=pos.organiser_id, ids=ids)


@dataclass(frozen=True)
class OfferRow:
    """A tariff on an event page: the places left, the most that one order may have, and whether it is on sale."""

    offer: Offer
    left: int
    on_sale: bool
    at_most: int

    @property
    def sold_out(self) -> bool:
        """Return whether there are too few places for one order of the tariff."""
        return self.at_most == 0

    @property
    def few(self) -> bool:
        """Return whether so few places are left that the page shows their number."""
        return 0 < self.left <= FEW


@dataclass(frozen=True)
class SessionRow:
    """A date on an event page with its tariffs. ``version`` is another number if a column of event, date or tariffs differs."""

    session: Session
    offers: list[OfferRow]
    state: str  # "on_sale", "sold_out", "cancelled", "not_yet", "over"
    version: int

    @property
    def month(self) -> date:
        """Return the first day of the month in which the date begins, in the active time zone."""
        return localtime(self.session.starts_at).date().replace(day=1)

    @property
    def few(self) -> bool:
        """Return whether each tariff that can be bought has few places left."""
        return (
            self.state == "on_sale"
            and max((row.left for row in self.offers if row.on_sale), default=0) <= FEW
        )

    @property
    def piece_key(self) -> tuple:
        """Return what the event page shows of this date; see ``piece_cache``."""
        offers = ((row.on_sale, row.at_most, row.left if row.few else None) for row in self.offers)
        return self.version, self.session.pk, self.state, self.few, *offers


@dataclass(frozen=True)
class Dates:
    """The dates of an event that are not over."""

    rows: list[SessionRow]

    @property
    def first_buyable(self) -> int | None:
        """Return the id of the first date that can be bought, which the page shows open; None if nothing is on sale."""
        return next((row.session.pk for row in self.rows if row.state == "on_sale"), None)

    @property
    def piece_key(self) -> tuple:
        """Return what the event page shows of the dates; see ``piece_cache``."""
        return tuple(row.piece_key for row in self.rows)


@dataclass(frozen=True)
class EventOffers:
    """An event with its dates that are not over, and the offers of each date. Shared by requests: never changed."""

    event: Event
    offers: list[list[Offer]]
    piece_key: int  # another number if a column of the event, its dates or tariffs differs

    @property
    def passes_exist(self) -> bool:
        """Return whether the organiser has a season pass, on sale or not."""
        # Read with the event.
        return self.event.organiser_has_passes  # type: ignore[attr-defined]

    def dates(self, now: datetime) -> Dates:
        """Return the dates with tariffs and places left. One query."""
        if not self.offers:
            return Dates([])
        left = places.left({offer.allotment_id for group in self.offers for offer in group})
        return Dates([session_row(group, left, now, self.piece_key) for group in self.offers])


_EVENT = Compiled(
    lambda: (
        Event.objects.filter(
            points_of_sale=Parameter("pos"),
            organiser=Parameter("organiser"),
            state=Event.State.PUBLISHED,
            slug=Parameter("slug"),
        )
        .annotate(organiser_has_passes=Exists(SeasonPass.objects.filter(organiser=Parameter("organiser"))))
        .select_related("venue", "category")
    )
)


_OFFERS_OF_EVENT = Compiled(
    lambda: (
        Offer.objects.filter(
            session__event=Parameter("event"), session__ends_at__gt=Parameter("now"), tariff__active=True
        )
        .select_related("tariff__only_with", "session")
        .order_by("session__starts_at", "tariff__position", "tariff_id", "pk")
    )
)


def event(pos: PointOfSale, slug: str, now: datetime) -> EventOffers | None:
    """Return one published event of a shop with its offers, or None if there is none. Two queries."""
    rows = _EVENT.tuples(pos=pos.pk, organiser=pos.organiser_id, slug=slug)
    if not rows:
        return None
    event_pk = READ_EVENTS.get((pos.pk, slug), rows).pk
    return READ_OFFERS.get(event_pk, (rows, _OFFERS_OF_EVENT.tuples(event=event_pk, now=now)))


def _event_with_offers(rows: tuple[list, list]) -> EventOffers:
    (found,), offers = _EVENT.instances(rows[0]), _OFFERS_OF_EVENT.instances(rows[1])
    by_session: dict[int, list[Offer]] = {}
    for offer in offers:
        offer.session.event = found
        by_session.setdefault(offer.session_id, []).append(offer)
    return EventOffers(found, list(by_session.values()), piece_cache.new_number())


# With 3 kB a row, 10 MB in each web process at most.
READ_EVENTS = MadeOfRows(lambda rows: _EVENT.instances(rows)[0], most=300)
READ_OFFERS = MadeOfRows(_event_with_offers, most=3000)


def session_row(group: list[Offer], left: dict[int, int], now: datetime, version: int) -> SessionRow:
    """Return a date from its offers. ``left``: allotment id -> places left; ``version`` as in SessionRow."""
    session = group[0].session
    is_open = session.event.state == Event.State.PUBLISHED and session_on_sale(session, now)
    rows = []
    for offer in group:
        free, tariff = left[offer.allotment_id], offer.tariff
        at_most = min(tariff.max_per_order, free // tariff.tickets_per_unit)
        if at_most < tariff.min_per_order:
            at_most = 0
        rows.append(OfferRow(offer, free, is_open and tariff_on_sale(tariff, now), at_most))
    return SessionRow(session, rows, session_state(session, rows, now), version)


def session_state(session: Session, rows: list[OfferRow], now: datetime) -> str:
    """Return the state of a date for visitors: on_sale, sold_out, cancelled, not_yet or over."""
    if session.state != Session.State.ON_SALE:
        return session.state
    if session.sales_start_at and now < session.sales_start_at:
        return "not_yet"
    if not session_on_sale(session, now) or not any(row.on_sale for row in rows):
        return "over"
    return "on_sale" if any(row.on_sale and not row.sold_out for row in rows) else "sold_out"
