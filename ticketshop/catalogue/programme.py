"""The programme of a shop: what is on, when, from how much, and whether there are places."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property

from django.utils import timezone

from ticketshop.lib.database.compiled import AnyOf, Compiled, MadeOfRows, Parameter
from ticketshop.lib.dates import days
from ticketshop.lib.values.text import fold_words
from ticketshop.lib.web import piece_cache
from ticketshop.organisers.models import PointOfSale

from . import availability, places
from .dates import texts
from .models import Category, Event, Offer, SeasonPass, Session, Tariff


@dataclass(frozen=True)
class EventRow:
    """An event on the shop's page, with its next dates. ``version`` is another number if a column of the programme differs."""

    event: Event
    sessions: list[availability.SessionRow]
    version: int

    @property
    def first(self) -> datetime:
        """Return when the first of the dates begins."""
        return self.sessions[0].session.starts_at

    @property
    def last(self) -> datetime:
        """Return when the last of the dates begins."""
        return self.sessions[-1].session.starts_at

    @cached_property
    def from_price(self) -> Decimal | None:
        """Return the smallest amount an order costs; None if nothing can be ordered."""
        return min((price for session in self.sessions for price in _least(session)), default=None)

    @cached_property
    def to_price(self) -> Decimal | None:
        """Return the highest price, if it is above ``from_price``, else None.

        Tariffs for several people count only if no tariff for one person can be bought.
        """
        if self.from_price is None:
            return None
        tariffs = [row.offer.tariff for session in self.sessions for row in _to_be_had(session)]
        single = max((tariff.price for tariff in tariffs if tariff.tickets_per_unit == 1), default=None)
        most = single or max(tariff.price for tariff in tariffs)
        return most if most > self.from_price else None

    @cached_property
    def state(self) -> str:
        """Return "on_sale" if a date is on sale, else the state of the first date."""
        states = [session.state for session in self.sessions]
        return "on_sale" if "on_sale" in states else states[0]

    @property
    def few(self) -> bool:
        """Return whether each date on sale has few places left."""
        return self.state == "on_sale" and all(
            session.few for session in self.sessions if session.state == "on_sale"
        )

    @cached_property
    def piece_key(self) -> tuple:
        """Return what the shop's page shows of this event; see ``piece_cache``."""
        return self.version, self.event.pk, self.state, self.few, self.from_price, self.to_price


def _to_be_had(session: availability.SessionRow) -> list[availability.OfferRow]:
    return [row for row in session.offers if row.on_sale and not row.sold_out]


def _least(session: availability.SessionRow) -> Iterator[Decimal]:
    """Yield for each tariff of a date the smallest amount it costs, with the tariffs it is only sold together with."""
    tariffs = {row.offer.tariff_id: row.offer.tariff for row in _to_be_had(session)}
    for tariff in tariffs.values():
        together = {tariff.pk: tariff}
        needed = tariff.only_with_id
        while needed in tariffs and needed not in together:
            together[needed] = tariffs[needed]
            needed = tariffs[needed].only_with_id
        if needed is None or needed in together:
            yield sum((one.price for one in together.values()), Decimal(0))


@dataclass(frozen=True)
class PassRow:
    """A season pass on the shop's page, with the number of passes left. ``version`` as of an EventRow."""

    season_pass: SeasonPass
    left: int
    on_sale: bool
    version: int

    @property
    def at_most(self) -> int:
        """Return the largest quantity that can be ordered now."""
        return min(self.season_pass.max_per_order, self.left)

    @property
    def sold_out(self) -> bool:
        """Return whether no pass is left."""
        return self.left == 0

    @cached_property
    def piece_key(self) -> tuple:
        """Return what the shop's page shows of this pass; see ``piece_cache``."""
        return self.version, self.season_pass.pk, self.on_sale, self.sold_out


@dataclass(frozen=True)
class Programme:
    """The events and season passes of a shop. Shared by requests: never changed."""

    events: list[EventRow]
    passes: list[PassRow]

    @property
    def categories(self) -> list[Category]:
        """Return the categories of the events, sorted by their names in the active language."""
        by_id = {row.event.category_id: row.event.category for row in self.events if row.event.category}
        return sorted(by_id.values(), key=lambda category: category.name)


@dataclass(frozen=True)
class Listing:
    """The list on the shop's page. Only the first ``posters`` events have their posters: a page with all of them would be too large."""

    rows: list[EventRow]
    passes: list[PassRow]
    posters: int

    @property
    def featured(self) -> list[EventRow]:
        """Return the events with posters."""
        return self.rows[: self.posters]

    @property
    def months(self) -> list[tuple[date, list[EventRow]]]:
        """Return the other events by month."""
        return by_month(self.rows[self.posters :])

    @property
    def piece_key(self) -> tuple:
        """Return what the page lists; see ``piece_cache``."""
        return (
            self.posters,
            tuple(row.piece_key for row in self.rows),
            tuple(row.piece_key for row in self.passes),
        )


# One query per table: in a join, the poster's text would be repeated for every price of every date. Each has an order without
# ties, because rows in another order would be made into instances again.
_SESSIONS = Compiled(
    lambda: Session.objects.filter(
        event__points_of_sale=Parameter("pos"),
        event__organiser=Parameter("organiser"),
        event__state=Event.State.PUBLISHED,
        ends_at__gt=Parameter("now"),
    ).order_by("starts_at", "pk")
)
_EVENTS = Compiled(
    lambda: Event.objects.filter(pk=AnyOf("events")).select_related("venue", "category").order_by("pk")
)
_TARIFFS = Compiled(lambda: Tariff.objects.filter(event=AnyOf("events"), active=True).order_by("pk"))
_OFFERS = Compiled(
    lambda: Offer.objects.filter(session=AnyOf("sessions"), tariff__active=True).order_by(
        "tariff__position", "pk"
    )
)
_PASSES = Compiled(
    lambda: (
        SeasonPass.objects.filter(
            points_of_sale=Parameter("pos"),
            organiser=Parameter("organiser"),
            active=True,
            valid_until__gte=Parameter("today"),
        )
        .select_related("organiser")
        .order_by("valid_from", "pk")
    )
)


def programme(pos: PointOfSale, now: datetime) -> Programme:
    """Return the events and passes of a shop's first page, by date. Six queries for any number of events."""
    read = _read(pos, now)
    left = places.left(read.allotments)
    return PROGRAMMES.get(pos.pk, (read, left, bisect_right(read.instants, now)))


def _programme(rows: tuple["_Read", dict[int, int], int]) -> Programme:
    read, left, passed = rows
    # No sale opens or ends between two of the instants, so the first one stands for the time until the second.
    now = read.instants[passed - 1] if passed else datetime.min.replace(tzinfo=UTC)
    by_event: dict[int, list[availability.SessionRow]] = {}
    for group in read.dates:
        row = availability.session_row(group, left, now, read.version)
        by_event.setdefault(row.session.event_id, []).append(row)
    return Programme(
        [EventRow(sessions[0].session.event, sessions, read.version) for sessions in by_event.values()],
        [_pass_row(season_pass, left, now, read.version) for season_pass in read.passes],
    )


@dataclass(frozen=True, eq=False)
class _Read:
    """The rows of a programme as instances: the offers of each date, and the passes. Shared by requests: never changed.

    ``instants``: when a sale opens or ends, sorted.
    """

    dates: list[list[Offer]]
    passes: list[SeasonPass]
    allotments: frozenset[int]
    instants: list[datetime]
    version: int

    def __len__(self) -> int:
        return sum(map(len, self.dates)) + len(self.passes)


def _read(pos: PointOfSale, now: datetime) -> _Read:
    """Return the dates that are not over with their offers, and the passes. Five queries."""
    sessions = _SESSIONS.tuples(pos=pos.pk, organiser=pos.organiser_id, now=now)
    ids = READ_IDS.get(pos.pk, sessions)
    passes = _PASSES.tuples(
        pos=pos.pk, organiser=pos.organiser_id, today=days.day_of(now, pos.organiser.zone)
    )
    return READ.get(
        pos.pk,
        (
            sessions,
            _EVENTS.tuples(events=ids.events),
            _TARIFFS.tuples(events=ids.events),
            _OFFERS.tuples(sessions=ids.sessions),
            passes,
        ),
    )


@dataclass(frozen=True)
class _Ids:
    """The ids of the sessions of a programme, and of their events."""

    sessions: list[int]
    events: list[int]


def _ids(rows: list) -> _Ids:
    sessions = _SESSIONS.instances(rows)
    return _Ids([session.pk for session in sessions], sorted({session.event_id for session in sessions}))


def _instances(rows: tuple[list, ...]) -> _Read:
    sessions = _SESSIONS.instances(rows[0])
    events = {event.pk: event for event in _EVENTS.instances(rows[1])}
    tariffs = {tariff.pk: tariff for tariff in _TARIFFS.instances(rows[2])}
    offers, passes = _OFFERS.instances(rows[3]), _PASSES.instances(rows[4])
    groups: dict[int, list[Offer]] = {session.pk: [] for session in sessions}
    by_id = {session.pk: session for session in sessions}
    for session in sessions:
        session.event = events[session.event_id]
    for offer in offers:
        offer.session, offer.tariff = by_id[offer.session_id], tariffs[offer.tariff_id]
        groups[offer.session_id].append(offer)
    return _Read(
        [group for group in groups.values() if group],
        passes,
        frozenset(row.allotment_id for row in [*offers, *passes]),
        availability.instants([*sessions, *tariffs.values()], passes),
        piece_cache.new_number(),
    )


# A shop with 50 events has 600 rows of 1.2 kB; these are 10 MB in each web process at most.
READ_IDS, READ = MadeOfRows(_ids, most=8000), MadeOfRows(_instances, most=8000)
PROGRAMMES = MadeOfRows(_programme, most=8000)


def pass_row(season_pass: SeasonPass, now: datetime) -> PassRow:
    """Return a season pass with the number that is left and whether it is on sale."""
    left = places.left([season_pass.allotment_id])
    return _pass_row(season_pass, left, now, piece_cache.number_of_rows([season_pass]))


def _pass_row(season_pass: SeasonPass, left: dict[int, int], now: datetime, version: int) -> PassRow:
    on_sale = availability.pass_on_sale(season_pass, now)
    return PassRow(season_pass, left[season_pass.allotment_id], on_sale, version)


def narrow(rows: list[EventRow], query: str, category: str) -> list[EventRow]:
    """Return the events of the category that match every word of ``query``.

    A word matches if a word of the event's texts begins with it.
    """
    words = fold_words(query)
    return [
        row
        for row in rows
        if (not category or (row.event.category and row.event.category.slug == category))
        and _matches(row.event, words)
    ]


def _matches(event: Event, words: list[str]) -> bool:
    if not words:
        return True
    # In every language: a visitor may know the title in another language than the page's.
    parts = [*texts(event, "title").values(), *texts(event, "teaser").values()]
    if event.category:
        parts += texts(event.category, "name").values()
    if event.venue:
        parts.append(event.venue.name)
    text = fold_words(" ".join(parts))
    return all(any(found.startswith(word) for found in text) for word in words)


def by_month(rows: list[EventRow]) -> list[tuple[date, list[EventRow]]]:
    """Return the rows by the first day of the month of their next date, in the active time zone."""
    months: dict[date, list[EventRow]] = {}
    for row in rows:
        first = timezone.localtime(row.first).date().replace(day=1)
        months.setdefault(first, []).append(row)
    return list(months.items())
