"""The programme of a shop: what is on, when, from how much, and whether there are places."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.utils import timezone

from ticketshop.lib.text import fold_words
from ticketshop.organisers.models import PointOfSale

from . import availability, places
from .models import Category, Event, Offer, SeasonPass


@dataclass(frozen=True)
class EventRow:
    """An event on the shop's page, with its next dates."""

    event: Event
    sessions: list[availability.SessionRow]

    @property
    def first(self) -> datetime:
        return self.sessions[0].session.starts_at

    @property
    def last(self) -> datetime:
        return self.sessions[-1].session.starts_at

    @property
    def from_price(self) -> Decimal | None:
        """The lowest price still to be had by itself; None when nothing is on sale."""
        prices = [
            row.offer.tariff.price
            for session in self.sessions
            for row in session.offers
            if row.on_sale and not row.sold_out and row.offer.tariff.only_with_id is None
        ]
        return min(prices, default=None)

    @property
    def state(self) -> str:
        """on_sale if any date is, else the word of the first date."""
        states = [session.state for session in self.sessions]
        return "on_sale" if "on_sale" in states else states[0]

    @property
    def few(self) -> bool:
        return self.state == "on_sale" and all(
            session.few for session in self.sessions if session.state == "on_sale"
        )


@dataclass(frozen=True)
class PassRow:
    """A season pass with what is left of it."""

    season_pass: SeasonPass
    left: int
    on_sale: bool

    @property
    def at_most(self) -> int:
        return min(self.season_pass.max_per_order, self.left)

    @property
    def sold_out(self) -> bool:
        return self.left == 0


@dataclass(frozen=True)
class Programme:
    events: list[EventRow]
    categories: list[Category]
    passes: list[PassRow]


def programme(pos: PointOfSale, now: datetime) -> Programme:
    """Everything a shop shows on its first page, by date: four queries however many events there are."""
    offers = list(
        Offer.objects.filter(
            session__event__points_of_sale=pos,
            session__event__organiser_id=pos.organiser_id,
            session__event__state=Event.State.PUBLISHED,
            session__ends_at__gt=now,
            tariff__active=True,
        )
        .select_related("tariff", "session__event__venue", "session__event__category")
        .order_by("session__starts_at", "session_id", "tariff__position")
    )
    passes = list(
        availability.season_passes(pos).filter(valid_until__gte=now.date()).order_by("valid_from", "pk")
    )
    left = places.left(
        {offer.allotment_id for offer in offers} | {season_pass.allotment_id for season_pass in passes}
    )
    groups: dict[int, dict[int, list[Offer]]] = {}
    for offer in offers:
        groups.setdefault(offer.session.event_id, {}).setdefault(offer.session_id, []).append(offer)
    rows = []
    for sessions in groups.values():
        session_rows = [availability.session_row(group, left, now) for group in sessions.values()]
        rows.append(EventRow(session_rows[0].session.event, session_rows))
    categories = {row.event.category_id: row.event.category for row in rows if row.event.category}
    return Programme(
        rows,
        sorted(categories.values(), key=lambda category: category.name),
        [
            PassRow(season_pass, left[season_pass.allotment_id], availability.pass_on_sale(season_pass, now))
            for season_pass in passes
        ],
    )


def pass_row(season_pass: SeasonPass, now: datetime) -> PassRow:
    left = places.left([season_pass.allotment_id])[season_pass.allotment_id]
    return PassRow(season_pass, left, availability.pass_on_sale(season_pass, now))


def narrow(rows: list[EventRow], query: str, category: str) -> list[EventRow]:
    """The events whose texts have, for every word typed, a word that begins with it; and of the category."""
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
    text = fold_words(
        " ".join(
            [
                event.title,
                event.teaser,
                event.venue.name if event.venue else "",
                event.category.name if event.category else "",
            ]
        )
    )
    return all(any(found.startswith(word) for found in text) for word in words)


def by_month(rows: list[EventRow]) -> list[tuple[date, list[EventRow]]]:
    """The rows under the first day of the month their next date falls in, in the active time zone."""
    months: dict[date, list[EventRow]] = {}
    for row in rows:
        first = timezone.localtime(row.first).date().replace(day=1)
        months.setdefault(first, []).append(row)
    return list(months.items())
